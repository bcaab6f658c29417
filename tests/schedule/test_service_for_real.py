"""Services that look after a folder, in real time."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
from serving import Place

pytestmark = pytest.mark.ring_programs

BEAT = """
@task
def note() -> str:
    return f"{current.scheduled_time:%H:%M:%S}"

@pipeline(schedule="* * * * * *", timezone="UTC", overlap="queue")
def beat() -> str:
    return note()
"""
#: It waits until somebody writes into a pipe, then goes on.
SLOW = """
@task
def first(path: str) -> str:
    with open(f"{path}/begun", "a") as file:
        file.write("x")
    return "one"

@task
def second(before: str, path: str) -> str:
    with open(f"{path}/waits", "a") as file:
        file.write("x")
    with open(f"{path}/gate") as gate:
        gate.read()
    return before + VERSION

VERSION = " old"

@pipeline
def slow(path: str) -> str:
    return second(first(path), path)
"""
#: An import that waits, but not when a service reads the file.
LATE = """
if Path("closed").exists():
    Path("waits").touch()
    Path("gate").read_text()
"""
#: `taskflow`, but that a stop is sooner followed by a kill.
IMPATIENT = """
from taskflow.schedule import service
service.KILL_SECONDS = 1.0
from taskflow.__main__ import main
main()
"""


@pytest.fixture
def place(tmp_path):
    """A folder of pipelines."""
    return Place(tmp_path)


def seconds_of(ticks):
    """The instants of ticks that have a run, in order."""
    return sorted(tick.instant for tick in ticks if tick.run)


def test_each_second_has_one_run_whatever_else_is_in_the_folder(place):
    """A file that cannot be read says so, and goes on to work once it is mended."""
    place.write("beat.py", BEAT)
    place.write("other.py", "import nothing_of_that_name")
    with place.serve() as service:
        assert "nothing_of_that_name" in service.until("bad_file")["error"]
        service.until("succeeded", "beat", 2)
        place.write("other.py", BEAT.replace("beat", "mended"))
        service.until("succeeded", "mended")
        service.until("succeeded", "beat", 2)
        assert service.stop() == 0
    store = place.store()
    ticks = store.book.ticks("beat")
    instants = seconds_of(ticks)
    assert instants == [instants[0] + n for n in range(len(instants))]
    runs = {run.id: run for run in store.runs()}
    assert len({tick.run for tick in ticks}) == len(ticks)
    for tick in ticks:
        run = runs[tick.run]
        assert (run.schedule, run.tick, run.previous) == ("beat", tick.instant, tick.instant - 1)
    store.close()


def test_a_run_whose_import_hangs_holds_up_no_neighbour(place):
    """Its tick has a run from the start, which begins once the import is done."""
    gate = gate_of(place)
    place.write("beat.py", BEAT)
    place.write("late.py", BEAT.replace("beat", "late") + LATE)
    with place.serve("--runs", "2") as service:
        service.until("succeeded", "late")
        (place.folder / "closed").touch()
        run_id = service.until("tick", "late")["run"]
        while not (place.folder / "waits").exists():
            run_id = service.until("tick", "late")["run"]
        service.until("succeeded", "beat", 3)
        store = place.store()
        assert store.find(run_id).state == "queued"
        assert "running" not in {run.state for run in store.runs() if run.pipeline == "late"}
        (place.folder / "closed").unlink()
        open_gate(gate)
        service.until("succeeded", "late", 2)
        assert service.stop() == 0
    for name in ("beat", "late"):
        instants = seconds_of(store.book.ticks(name))
        assert instants == [instants[0] + n for n in range(len(instants))]
    store.close()


def gate_of(place):
    """A pipe that holds up the second task of `slow`."""
    os.mkfifo(place.folder / "gate")
    return place.folder / "gate"


def until_waiting(place, times):
    """Wait until the second task of `slow` has come to the gate so often."""
    path = place.folder / "waits"
    while not path.exists() or len(path.read_text()) < times:
        os.sched_yield()


def open_gate(path):
    """Let one reader of a pipe go on."""
    path.write_text("go", encoding="utf-8")


def test_a_run_goes_on_with_the_code_that_it_was_started_with(place):
    """Also after the file has changed, and the process that drove it was killed."""
    gate = gate_of(place)
    place.write("slow.py", SLOW)
    with place.serve() as service:
        service.until("loaded", "slow")
        submitted = place.taskflow("submit", "slow", "--path", str(place.folder))
        run_id = submitted.stdout.strip()
        service.until("run", "slow")
        store = place.store()
        until_waiting(place, 1)
        place.write("slow.py", SLOW.replace(" old", " new"))
        service.until("loaded", "slow")
        while not (driver := store.find(run_id).owner) or driver.pid == service.process.pid:
            os.sched_yield()
        os.kill(driver.pid, signal.SIGKILL)
        assert service.until("resumed", "slow")["was"] == "running"
        until_waiting(place, 2)  # before, the gate may let a worker in that is about to be ended
        open_gate(gate)
        service.until("succeeded", "slow")
        assert store.find(run_id).result == "'one old'"
        assert (place.folder / "begun").read_text() == "x"
        store.close()
        assert service.stop() == 0


def test_a_service_that_is_killed_leaves_its_runs_to_themselves_and_to_the_next_one(place):
    """No tick runs twice, and none is lost; the next one tells how the runs end."""
    gate = gate_of(place)
    place.write("beat.py", BEAT)
    place.write("slow.py", SLOW)
    with place.serve() as service:
        service.until("loaded", "slow")
        run_id = place.taskflow("submit", "slow", "--path", str(place.folder)).stdout.strip()
        service.until("run", "slow")
        service.until("succeeded", "beat")
        while not (place.folder / "begun").exists():
            os.sched_yield()
        service.kill()
    with place.serve("--on-success", 'echo "$TASKFLOW_RUN" >> told') as service:
        service.until("succeeded", "beat", 2)
        open_gate(gate)
        service.until("succeeded", "slow")
        assert service.stop() == 0
    assert run_id in (place.folder / "told").read_text().split()
    store = place.store()
    assert store.find(run_id).state == "succeeded"
    instants = seconds_of(store.book.ticks("beat"))
    every = sorted(tick.instant for tick in store.book.ticks("beat"))
    assert every == [every[0] + n for n in range(len(every))]
    assert len(instants) == len(set(instants))
    store.close()


def test_runs_that_do_not_end_in_time_go_on_when_a_service_is_there_again(place):
    """SIGTERM, and no grace: what had ended is not repeated."""
    gate = gate_of(place)
    place.write("slow.py", SLOW)
    with place.serve("--grace", "0") as service:
        service.until("loaded", "slow")
        run_id = place.taskflow("submit", "slow", "--path", str(place.folder)).stdout.strip()
        service.until("run", "slow")
        while not (place.folder / "begun").exists():
            os.sched_yield()
        assert service.stop() == 0
        assert service.of("interrupted", "slow")
    with place.serve() as service:
        service.until("resumed", "slow")
        open_gate(gate)
        service.until("succeeded", "slow")
    store = place.store()
    assert store.find(run_id).result == "'one old'"
    assert (place.folder / "begun").read_text() == "x"
    store.close()


def test_two_services_share_a_folder(place):
    """Each second still has one run, whichever of them is held up."""
    place.write("beat.py", BEAT)
    with place.serve() as one, place.serve() as other:
        for each in (one, other):  # who comes to it later finds that it is loaded already
            each.until(("loaded", "tick"), "beat")
        # It waits for nothing now but the next second: it does not hold the lock of the store.
        one.process.send_signal(signal.SIGSTOP)
        other.until("succeeded", "beat", 2)
        one.process.send_signal(signal.SIGCONT)
        other.stop()
        one.until("succeeded", "beat", 2)
        assert one.stop() == 0
        begun = [*one.of("run"), *other.of("run")]
    store = place.store()
    ticks = store.book.ticks("beat")
    assert sorted(said["run"] for said in begun) == sorted(tick.run for tick in ticks)
    every = sorted(tick.instant for tick in ticks)
    assert every == [every[0] + n for n in range(len(every))]
    store.close()


def test_hooks_are_told_of_runs_and_ticks(place):
    """Functions of the pipeline, and commands of the service."""
    place.write(
        "told.py",
        f"""
        def ended(run):
            Path({str(place.folder)!r}, "ended").write_text(f"{{run.pipeline}} {{run.state}}")

        def skipped(tick):
            Path({str(place.folder)!r}, "skipped").write_text(f"{{tick.schedule}}: {{tick.why}}")

        @task
        def fail() -> None:
            with open({str(place.folder)!r} + "/gate") as gate:
                gate.read()
            raise ValueError("no")

        @pipeline(schedule="* * * * * *", on_failure=ended, on_skipped=skipped)
        def told() -> None:
            fail()
        """,
    )
    gate = gate_of(place)
    command = 'echo "$TASKFLOW_HOOK $TASKFLOW_PIPELINE $TASKFLOW_STATE" >> commands'
    with place.serve("--on-failure", command, "--on-skipped", command) as service:
        service.until("skipped", "told")
        open_gate(gate)
        assert "ValueError: no" in service.until("failed", "told")["error"]
        while not (place.folder / "skipped").exists():
            os.sched_yield()
        service.until("skipped", "told")
        open_gate(gate)
        service.until("failed", "told")
        service.stop()
    assert (place.folder / "ended").read_text() == "told failed"
    assert 'overlap is "skip"' in (place.folder / "skipped").read_text()
    lines = (place.folder / "commands").read_text().splitlines()
    assert {"on_failure told failed", "on_skipped told "} <= set(lines)


def test_schedules_are_listed_paused_and_filled(place):
    """What the command line shows of a folder, and does about it."""
    place.write("nightly.py", BEAT.replace("* * * * * *", "0 3 * * *").replace("beat", "nightly"))
    place.write("bad.py", "raise SystemExit(3)")
    with place.serve() as service:
        service.until("loaded", "nightly")
        service.of("bad_file") or service.until("bad_file")
        listed = json.loads(place.taskflow("schedules", "pipelines", "--json").stdout)["schedules"]
        assert [each["schedule"] for each in listed] == ["nightly"]
        assert listed[0]["words"] == "every day at 03:00 (UTC)"
        assert len(listed[0]["next"]) == 5
        assert listed[0]["next"][0].endswith("T03:00:00+00:00")
        shown = place.taskflow("schedules").stdout
        assert "bad.py" in shown
        assert "SystemExit: 3" in shown
        assert place.taskflow("schedules", "pause", "nightly").returncode == 0
        assert (
            json.loads(place.taskflow("schedules", "--json").stdout)["schedules"][0]["state"]
            == "paused"
        )
        assert place.taskflow("schedules", "resume", "nightly").returncode == 0
        for first, last, told in (
            ("2026-01-02", "2026-01-01", "--to is before --from"),
            ("0001-01-01", "2026-01-01", "before 1970"),
            ("2026-02-30", "2026-03-01", "is no time"),
        ):
            wrong = place.taskflow("backfill", "nightly", "--from", first, "--to", last)
            assert (wrong.returncode, told in wrong.stderr) == (2, True)
        moment = ["--from", "2026-01-01T03:00", "--to", "2026-01-01T03:00"]
        assert "1 to run" in place.taskflow("backfill", "nightly", *moment, "--dry-run").stdout
        span = ["--from", "2026-01-01", "--to", "2026-01-03"]
        asked = place.taskflow("backfill", "nightly", *span, "--dry-run")
        assert "3 ticks, 3 to run" in asked.stdout
        assert "2026-01-01T03:00:00+00:00" in asked.stdout
        assert place.taskflow("backfill", "nightly", *span).returncode == 0
        service.until("succeeded", "nightly", 3)
        again = place.taskflow("backfill", "nightly", *span)
        assert "3 ticks, 0 to run" in again.stdout
        history = json.loads(place.taskflow("schedules", "history", "nightly", "--json").stdout)
        assert [each["state"] for each in history] == ["succeeded"] * 3
        waited = place.taskflow("submit", "--wait", "--json", "nightly")
        assert json.loads(waited.stdout)["state"] == "succeeded"
        wrong = place.taskflow("schedules", "pause", "nightli")
        assert (wrong.returncode, "nightly" in wrong.stderr) == (5, True)
        service.stop()


def test_a_run_whose_body_ends_its_process_is_not_begun_for_ever(place):
    """It is read well, and dies wherever it is to run: it has failed, after a few times."""
    place.write(
        "leaves.py",
        """
        import sys

        @pipeline
        def leaves() -> None:
            if not sys.argv[0].endswith("leaves.py"):
                os._exit(7)
        """,
    )
    with place.serve() as service:
        service.until("loaded", "leaves")
        waited = place.taskflow("submit", "--wait", "leaves")
        assert waited.returncode == 1
        assert "died 3 times before the run had begun; the last time: exit code 7" in waited.stdout
        service.until("failed", "leaves")
        assert len(service.of("run", "leaves")) == 3
        assert service.stop() == 0


def test_what_does_not_heed_a_stop_is_killed(place):
    """A run that ignores SIGTERM goes on later; a hook that hangs has had its time."""
    gate = gate_of(place)
    place.write(
        "deaf.py",
        SLOW.replace("    return second", "    ignore()\n    return second").replace("slow", "deaf")
        + """
import signal, sys

def ignore() -> None:
    if not sys.argv[0].endswith("deaf.py"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

def hang(run) -> None:
    Path(run.id).touch()
    time.sleep(600)

@pipeline(on_success=hang)
def hangs() -> None:
    pass
""",
    )
    options = ("--grace", "0", "--runs", "2", "--on-success", "sleep 600")
    with place.serve(*options, program=("-c", IMPATIENT)) as service:
        service.until("loaded", "hangs")
        path = str(place.folder)
        runs = [
            place.taskflow("submit", *words).stdout.strip()
            for words in (("deaf", "--path", path), ("hangs",))
        ]
        while not ((place.folder / "begun").exists() and (place.folder / runs[1]).exists()):
            os.sched_yield()
        assert service.stop() == 0
        assert service.of("killing", "2 runs")
    store = place.store()
    assert [store.find(run).state for run in runs] == ["interrupted", "succeeded"]
    store.close()
    with place.serve() as service:
        service.until("resumed", "deaf")
        open_gate(gate)
        service.until("succeeded", "deaf")


def test_a_service_outlives_the_reader_of_its_log(place):
    """Ticks go on."""
    place.write("beat.py", BEAT)
    with place.serve() as service:
        service.until("succeeded", "beat")
        service.process.stderr.close()
        store = place.store()
        before = len(store.book.ticks("beat"))
        while len(store.book.ticks("beat")) < before + 3:
            assert service.process.poll() is None
        store.close()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait() == 0


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_store_that_is_removed_while_it_is_served_ends_the_service(place, is_replaced):
    """What is written to it would be seen by nobody."""
    place.write("beat.py", BEAT)
    with place.serve() as service:
        service.until("succeeded", "beat")
        shutil.rmtree(place.folder / "kept")
        if is_replaced:
            place.taskflow("run", str(place.pipelines / "beat.py"))
        assert service.process.wait() == 3
        assert "was removed or replaced while it was in use" in service.process.stderr.read()


def test_a_run_that_cannot_go_on_is_not_resumed_for_ever(place):
    """It was cut off, and dies from then on wherever it is to go on."""
    gate = gate_of(place)
    code = (
        SLOW.replace("    return second", "    leave(path)\n    return second")
        + """
def leave(path: str) -> None:
    if os.path.exists(f"{path}/begun"):
        os._exit(7)
"""
    )
    place.write("slow.py", code)
    with place.serve() as service:
        service.until("loaded", "slow")
        run_id = place.taskflow("submit", "slow", "--path", str(place.folder)).stdout.strip()
        while not (place.folder / "begun").exists():
            os.sched_yield()
        store = place.store()
        os.kill(store.find(run_id).owner.pid, signal.SIGKILL)
        error = service.until("failed", "slow")["error"]
        assert "died 3 times before the run had gone on; the last time: exit code 7" in error
        assert store.find(run_id).state == "failed"
        store.close()
        assert service.stop() == 0
    assert gate.exists()


def test_a_run_that_kills_the_nursery_is_told_of_all_the_same(place):
    """It counts as long as it goes on, and a stop waits for it."""
    gate = gate_of(place)
    code = (
        SLOW.replace("    return second", "    kill()\n    return second")
        + """
import sys

def kill() -> None:
    if not sys.argv[0].endswith("slow.py"):
        os.kill(os.getppid(), 9)
"""
    )
    place.write("slow.py", code)
    with place.serve("--runs", "1", "--on-success", "touch told") as service:
        service.until("loaded", "slow")
        for _ in range(2):
            place.taskflow("submit", "slow", "--path", str(place.folder))
        service.until("trouble", "nursery")
        while not (place.folder / "begun").exists():
            os.sched_yield()
        assert len(service.of("run", "slow")) == 1
        open_gate(gate)
        service.until("succeeded", "slow")
        service.until("trouble", "nursery")
        service.process.send_signal(signal.SIGTERM)
        service.until("draining")
        open_gate(gate)
        service.until("succeeded", "slow")
        service.until("stopped")
    assert (place.folder / "told").exists()


def test_a_run_is_submitted_of_a_file_that_imports_from_above_its_own_folder(place):
    """Its parameters are those of the code that the service has read, also once that is gone."""
    (place.pipelines / "_above.py").write_text("ONE = 1\n", encoding="utf-8")
    (place.pipelines / "below").mkdir()
    inner = place.write(
        "below/inner.py",
        """
        from _above import ONE

        @task
        def add(n: int) -> int:
            return n + ONE

        @pipeline
        def inner(n: int) -> int:
            return add(n)
        """,
    )
    with place.serve() as service:
        service.until("loaded", "inner")
        waited = place.taskflow("submit", "--wait", "inner", "--n", "3")
        assert waited.returncode == 0, waited.stderr
        assert place.taskflow("submit", "inner", "--n", "x").returncode == 2
        os.kill(service.process.pid, signal.SIGSTOP)
        inner.unlink()
        (place.pipelines / "_above.py").unlink()
        queued = place.taskflow("submit", "inner", "--n", "3")
        assert queued.returncode == 0, queued.stderr
        os.kill(service.process.pid, signal.SIGCONT)
        service.until("succeeded", "inner", 2 - len(service.of("succeeded", "inner")))
