"""A clock whose time passes when nothing else is left to do, or when a test says so."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from taskflow import Rate, current, each, pipeline, task
from taskflow.testing import FakeClock, Harness, assert_ran, assert_state, stub


@task(retries=1, retry_delay="1h")
def twice() -> str:
    """Fails the first time."""
    if current.attempt == 1:
        raise OSError("not yet")
    return "done"


@pipeline
def trying() -> str:
    """Needs an hour."""
    return twice()


def test_time_passes_by_durations():
    """`advance` takes what every duration of taskflow may be."""
    clock = FakeClock()
    for duration in (5, 0.5, "1h30m", timedelta(days=1)):
        clock.advance(duration)
    assert clock.time == clock.monotonic() == 5.5 + 5400 + 86400
    with pytest.raises(TypeError, match="soon"):
        clock.advance("soon")
    with pytest.raises(TypeError):
        clock.advance(-1)


def test_the_date_can_be_set_without_time_passing():
    """A date moves what `now` says, and nothing that waits for a span of time."""
    clock = FakeClock("2026-01-01")
    clock.advance("1d")
    assert clock.utc == datetime(2026, 1, 2, tzinfo=UTC)
    clock.set("2024-02-29T12:00:00+02:00")
    assert clock.utc.isoformat() == "2024-02-29T10:00:00+00:00"
    assert clock.monotonic() == 86400


def test_a_timeout_ends_a_body_that_lets_too_much_time_pass():
    """In a body `advance` says how long it takes; its timeout is kept to the second."""

    @task(timeout="10s")
    def slow() -> None:
        harness.clock.advance("1m")

    @pipeline
    def slowly() -> None:
        slow()

    with Harness() as harness:
        run = harness.run(slowly)
    assert_state(run, "slow", "timed_out", match="10 s")
    assert run.seconds == 10


def test_a_body_that_hangs_for_real_ends_at_its_timeout():
    """A clock that stands still does not keep a test from ending."""

    @task(timeout=0.05)
    def hang() -> None:
        while True:
            pass

    @pipeline
    def hanging() -> None:
        hang()

    with Harness() as harness:
        run = harness.run(hanging)
    assert_state(run, "hang", "timed_out")


def test_what_is_read_from_an_iterator_takes_no_time():
    """A run that waits for elements does not skip to its timeout."""

    @task
    def double(x: int) -> int:
        return 2 * x

    @pipeline(timeout="1h")
    def doubled() -> list[int]:
        return double.map(iter(range(5000)))

    with Harness() as harness:
        run = harness.run(doubled)
    assert run.value == [2 * n for n in range(5000)]
    assert run.seconds == 0


def test_a_run_inside_a_task_skips_its_waiting():
    """The time of a run that a body starts passes, though the body itself is busy."""

    @task
    def outer() -> str:
        import taskflow

        return taskflow.run(trying)

    @pipeline
    def nesting() -> str:
        return outer()

    with Harness() as harness:
        run = harness.run(nesting)
    assert run.value == "done"
    assert run.tasks["outer"].seconds == run.seconds == 3600


def test_a_rate_is_kept_on_the_clock():
    """A thousand pages of ten hosts, five per second and host: twenty seconds, in no time."""
    begun = Counter()

    @task(rate=Rate("5/s", key=lambda url: url.partition("/")[0]))
    def page(url: str) -> str:
        return url

    @pipeline
    def crawl() -> list[str]:
        return page.map([f"{host}/{number}" for number in range(100) for host in "abcdefghij"])

    def note(url: str) -> str:
        begun[url[0], harness.clock.time] += 1
        return url

    with Harness() as harness, stub(page, does=note):
        run = harness.run(crawl)
    assert run.seconds == pytest.approx(19, rel=0.02)
    assert set(begun.values()) == {5}


def test_two_runs_in_the_background_share_the_clock():
    """The time is skipped to the first that goes on, and only when both wait."""

    @task(retries=3, retry_delay="25m")
    def other() -> float:
        if current.attempt < 4:
            raise OSError
        return harness.clock.time

    @pipeline
    def others() -> float:
        return other()

    with Harness() as harness:
        harness.clock.skips = False
        first, second = harness.start(trying), harness.start(others)
        harness.clock.advance("50m")
        assert_ran(first, twice, attempts=1)
        assert_ran(second, other, attempts=3)
        harness.clock.skips = True
        assert (first.wait(), second.wait()) == ("succeeded", "succeeded")
    assert second.value == 75 * 60
    assert (first.seconds, second.seconds) == (3600, 75 * 60)


def test_a_clock_by_hand_is_not_waited_for_in_the_thread_that_would_move_it():
    """What would hang for ever is an error that says what to do."""
    with Harness() as harness:
        harness.clock.skips = False
        with pytest.raises(RuntimeError, match="taskflow_start"):
            harness.run(trying)
        harness.clock.skips = True
        assert harness.run(trying).value == "done"


def test_delays_too_small_for_the_clock_to_show_do_not_hang():
    """Late on the clock a span may vanish in rounding; the run goes on all the same."""

    @task(retries=1, retry_delay=1e-9)
    def impatient() -> str:
        if current.attempt == 1:
            raise OSError
        return "done"

    @pipeline
    def hurrying() -> str:
        return impatient()

    with Harness() as harness:
        harness.clock.advance("5000w")
        assert harness.run(hurrying).value == "done"


def test_the_same_run_takes_the_same_time_again():
    """Nothing depends on the machine: two runs have equal events, but for their ids."""

    @task(retries=1, retry_delay="3s", retry_jitter=0.5)
    def flaky(x: int, y: int) -> int:
        if current.attempt == 1 and x % 3:
            raise OSError
        harness.clock.advance(x)
        return x + y

    @pipeline
    def many() -> list[int]:
        return flaky.map(range(20), y=each(range(20)))

    def ends() -> list[tuple[str, float, float]]:
        run = harness.run(many)
        return [(each.key, each.seconds, each.ended) for each in run.tasks.values()]

    with Harness() as harness:
        first = ends()
    with Harness() as harness:
        assert ends() == first
