"""Several services on one store: stopped, continued and killed, they start each tick once."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import ExitStack, contextmanager

import pytest
from booking import HOUR, NOON, decide, opened, pipeline, plan, put
from keeping import program

from taskflow.crashing import ENGINE_POINTS
from taskflow.planned import Given

# Says when it begins; decides the second that it is told; says what runs have come of that.
SERVE = """
    sys.path.insert(0, os.environ["PYTHONPATH"].partition(os.pathsep)[2] + "/schedule")
    from booking import NOON, decide
    for line in sys.stdin:
        print("begins", flush=True)
        ticks = decide(store, NOON + float(line))
        print(*[tick.run for tick in ticks if tick.run], flush=True)
"""
# The same for runs that are to begin.
PICK = """
    from taskflow.store import owners
    for line in sys.stdin:
        print("begins", flush=True)
        found = store.book.pick(int(line), owners.me(0.0), lambda *_: True, 0.0)
        print(*[each.run_id for each in found], flush=True)
"""
#: Points that a transaction of a book comes to.
CRASHES = [each for each in ENGINE_POINTS if "transaction" in each or "commit" in each]
PLANS = (
    plan("* * * * * *", id="second", overlap="allow", catchup="all"),
    plan("*/2 * * * * *", id="even", overlap="queue", catchup="all"),
    plan("@every 3s", id="third", overlap="skip", catchup="all"),
)


@pytest.fixture
def store(tmp_path):
    """A store with schedules that have many ticks."""
    made = opened(tmp_path)
    put(made, *[pipeline(each.id, each) for each in PLANS])
    yield made
    made.close()


@contextmanager
def services(folder, code, count, before=()):
    """Some processes with the store of a folder."""
    with ExitStack() as stack:
        yield [stack.enter_context(program(folder, code, before=before)) for _ in range(count)]


def begin(process, text):
    """Tell a service to do something; it is about to when this returns."""
    process.stdin.write(f"{text}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "begins\n"


def assert_all_once(store, seconds):
    """Each tick up to a second is there once, with a run that is of this tick and no other."""
    for planned, period in zip(PLANS, (1, 2, 3), strict=True):
        rows = store.book.ticks(planned.id, 10_000)[::-1]
        first = NOON + period - NOON % period
        assert [row.instant for row in rows] == [
            first + n * period for n in range(int((NOON + seconds - first) // period) + 1)
        ]
        with_run = {row.run: row.instant for row in rows if row.run}
        found = store._all("newest_ids")
        assert len(with_run) == sum(bool(row.run) for row in rows)
        assert all(store.find(run).tick == instant for run, instant in with_run.items())
        assert set(with_run) <= {run for (run,) in found}
    runs = store.writer.do(
        lambda connection: connection.execute("SELECT schedule, tick FROM runs").fetchall()
    )
    assert max(Counter(runs).values()) == 1


@pytest.mark.parametrize(
    ("count", "seconds"), [(2, 25), pytest.param(5, 150, marks=pytest.mark.ring_long)]
)
def test_services_that_are_stopped_at_random_start_each_tick_once(store, tmp_path, count, seconds):
    """They decide the same seconds at the same time, some by a clock that is a bit late.

    Whoever is stopped in the midst of it goes on after others: no tick has two runs, none is
    missed.
    """
    chance, own = random.Random(count), Counter()
    with services(tmp_path, SERVE, count) as found:
        for second in range(1, seconds + 1):
            for each in found:
                begin(each, second - chance.choice((0, 0, 1, 2)))
            victims = chance.sample(found, chance.randrange(count + 1))
            for each in victims:
                os.kill(each.pid, signal.SIGSTOP)
            for each in victims:
                for _ in range(chance.randrange(10)):
                    store.book.ticks("second")  # the others have so long
                os.kill(each.pid, signal.SIGCONT)
            for each in found:
                own.update(each.stdout.readline().split())
    decide(store, NOON + seconds)
    assert_all_once(store, seconds)
    assert set(own.values()) == {1}
    assert len(own) >= seconds - 3


@pytest.mark.parametrize("point", CRASHES)
@pytest.mark.parametrize("nth", [1, 3])
def test_a_service_that_is_killed_in_a_transaction_leaves_ticks_and_runs_in_pairs(
    store, tmp_path, point, nth
):
    """Another one decides what it has not; what it had committed is not done again."""
    crash = ("env", f"TASKFLOW_CRASH={point}:{nth}")
    with services(tmp_path, SERVE, 1, crash) as [service]:
        for second in range(1, nth + 1):
            begin(service, 2 * second)
            service.stdout.readline()
        assert service.wait() == -signal.SIGKILL
    done = nth if point == "after a commit" else nth - 1
    assert len(store.book.ticks("second")) == 2 * done
    decide(store, NOON + 2 * nth + 1)
    assert_all_once(store, 2 * nth + 1)


def test_services_never_pick_the_same_run(store, tmp_path):
    """Each of a hundred runs is picked by one of three processes, one of which is stopped."""
    put(store, pipeline("a", plan(id="a", overlap="allow")))
    numbers = iter(range(1000))
    for _ in range(100):
        store.book.submit("a", Given(), lambda: f"run-{next(numbers)}", NOON)
    found = []
    with services(tmp_path, PICK, 3) as picking:
        for turn in range(12):
            for each in picking:
                begin(each, 3)
            victim = picking[turn % 3]
            os.kill(victim.pid, signal.SIGSTOP)
            store.book.ticks("second")
            os.kill(victim.pid, signal.SIGCONT)
            for each in picking:
                found += each.stdout.readline().split()
    assert sorted(found) == sorted({f"run-{number}" for number in range(100)})


@pytest.mark.timeout(60)
def test_a_thousand_runs_that_are_due_in_one_second_are_one_transaction(tmp_path):
    """Each has its run, and the next second is not missed."""
    store = opened(tmp_path)
    put(store, *[pipeline(f"p{number}") for number in range(1000)])
    said = []
    store.writer.do(lambda connection: connection.set_trace_callback(said.append))
    assert len(decide(store, NOON + HOUR)) == 1000
    assert said.count("COMMIT") <= 2  # of the job that set the trace, and of all ticks
    assert len(store.book.last_runs()) == 1000
    put(store, pipeline("next", PLANS[0]), now=NOON + HOUR)
    assert len(decide(store, NOON + HOUR + 1)) == 1
    store.close()
