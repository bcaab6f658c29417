"""What tasks write in workers, by whatever means: it comes live, and with the key of its task."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

import pytest
from ledgers import Ledger, until

from taskflow import current, pipeline, task
from taskflow.events import TaskWrote


class Heard:
    """Keeps what tasks wrote."""

    def __init__(self):
        self.wrote = []

    def notice(self, events):
        self.wrote += [event for event in events if isinstance(event, TaskWrote)]

    def close(self):
        pass

    def text(self, key):
        return "".join(event.text for event in self.wrote if event.key == key)


@pytest.fixture
def heard():
    return Heard()


def _ended(p, heard, workers=1):
    run = p.options(workers=workers, progress=False).start({}, [heard])
    run.wait(60)
    return run


def test_every_way_to_write_bears_the_key_of_the_task(heard):
    """`print`, logging, native writes and subprocesses of four tasks, each under its own key."""

    @task
    def write(n):
        print(f"print {n}", end="")
        sys.stderr.write(f"stderr {n}\n")
        logging.getLogger("some.library").warning("warning %s", n)
        logging.getLogger("some.library").info("info %s", n)
        current.logger.info("logger %s", n)
        os.write(1, b"native %d\n" % n)
        subprocess.run(["echo", f"echo {n}"], check=True)

    @pipeline
    def p():
        for n in range(4):
            write(n)

    assert _ended(p, heard, workers=2).state == "succeeded"
    for n in range(4):
        text = heard.text("p/write" if not n else f"p/write#{n + 1}")
        for word in ("print", "stderr", "warning", "logger", "native", "echo"):
            assert text.count(f"{word} {n}") == 1, text
        assert "info" not in text
        assert not any(f" {other}" in text for other in range(4) if other != n)


@pytest.mark.ring_programs
def test_elements_write_under_their_own_key(heard):
    """An element that runs alone is told apart from the others; short ones share the map's key."""

    @task
    def write(n):
        print(f"element {n}")

    @pipeline
    def p():
        write.map(range(300))

    assert _ended(p, heard).state == "succeeded"
    written = "".join(event.text for event in heard.wrote)
    assert [line for line in written.splitlines() if line] == [f"element {n}" for n in range(300)]
    assert {event.key.partition("[")[0] for event in heard.wrote} == {"p/write"}
    assert heard.text("p/write[0]") == "element 0\n"


def test_what_is_printed_while_a_file_is_loaded_is_no_tasks_own(heard, tmp_path, monkeypatch):
    """It comes once, under no key, whichever task happens to be the first of its file."""
    (tmp_path / "loud_module.py").write_text(
        "import sys\nfrom taskflow import current, task\n"
        "print('loading, as', current.task_key)\n"
        "@task\ndef speak(n):\n    print('speaking')\n"
        "@task(executor='threads')\ndef sing(n):\n    print('singing')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import loud_module  # type: ignore[import-not-found]

    @pipeline
    def p():
        loud_module.speak(1)
        loud_module.sing(2)

    assert _ended(p, heard).state == "succeeded"
    assert heard.text("") == "loading, as None\n" * 2  # in each of two workers
    assert heard.text("p/speak") == "speaking\n"
    assert heard.text("p/sing") == "singing\n"


def test_the_report_of_a_keyed_element_shows_what_it_wrote(heard):
    """Its output came under its map key, which its failure names, too."""

    @task
    def fails(name):
        print(f"{name} is no good")
        raise ValueError(name)

    @pipeline
    def p():
        fails.options(key=str).map(["Namur"])

    ((key, _, report),) = _ended(p, heard)._failed()
    assert key == "p/fails[Namur]"
    assert report.log_tail == "Namur is no good\n"


def test_output_comes_while_the_body_goes_on(heard, tmp_path):
    """A line is seen long before its task has ended."""
    ledger = Ledger(tmp_path / "go")

    @task
    def long():
        print("half way")
        until(lambda: ledger.lines)
        print("done")

    @pipeline
    def p():
        long()

    run = p.options(workers=1, progress=False).start({}, [heard])
    until(lambda: heard.text("p/long") == "half way\n")
    assert run.state == "running"
    ledger.note("go")
    assert run.wait(60) == "succeeded"
    assert heard.text("p/long") == "half way\ndone\n"


@pytest.mark.ring_programs
def test_a_flood_is_cut_in_the_middle(heard):
    """Of 50 MB in one go the head and the tail are shown; the engine and the report stay small."""

    @task
    def flood():
        print("begin")
        block = ("x" * 99 + "\n") * 10_000
        for _ in range(50):
            sys.stdout.write(block)
        print("end")
        raise ValueError("after all that")

    @pipeline
    def p():
        flood()

    run = _ended(p, heard)
    text = heard.text("p/flood")
    assert text.startswith("begin\n")
    assert text.endswith("end\n")
    assert len(text) < 20_000_000
    assert "bytes left out" in text
    assert run.failures[0].error.args == ("after all that",)


@pytest.mark.ring_programs
def test_bytes_that_are_no_text_are_shown_as_such(heard):
    """Invalid UTF-8 and control bytes cannot break the way back."""

    @task
    def write():
        os.write(1, b"caf\xe9 \xff\xfe\n\x00\n")
        print("\udc80 surrogate")

    @pipeline
    def p():
        write()

    assert _ended(p, heard).state == "succeeded"
    assert heard.text("p/write") == "caf\\xe9 \\xff\\xfe\n\x00\n\\udc80 surrogate\n"


@pytest.mark.ring_programs
def test_threads_and_late_writers_do_no_harm(heard):
    """A thread that goes on writing after its task has ended is heard; nothing is lost."""

    @task
    def leave():
        ready = threading.Event()

        def write():
            ready.wait()
            print("late")

        thread = threading.Thread(target=write)
        thread.start()
        ready.set()
        return thread.name

    @task
    def follow(name):
        for thread in threading.enumerate():
            if thread.name == name:
                thread.join()
        print("follow")

    @pipeline
    def p():
        follow(leave())

    assert _ended(p, heard).state == "succeeded"
    written = "".join(event.text for event in heard.wrote)
    assert sorted(written.split()) == ["follow", "late"]


@pytest.mark.ring_programs
def test_a_question_on_stdin_is_answered_with_the_end():
    """`input` in a worker raises EOFError instead of waiting for somebody."""

    @task
    def ask():
        return input("name? ")

    @pipeline
    def p():
        return ask()

    run = _ended(p, Heard())
    assert [type(failure.error) for failure in run.failures] == [EOFError]
