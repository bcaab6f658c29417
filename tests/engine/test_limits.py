"""Limits and rates, with and without keys; priorities; lanes: who goes when, in virtual time."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from doubles import Dies
from drives import Drive

from taskflow import Limit, Rate, RetryLater, current, outcomes, task
from taskflow.context import context
from taskflow.errors import DefinitionError
from taskflow.events import TaskRetrying
from taskflow.interfaces import Lane

#: What bodies wrote down; they are found by name, so it is theirs and ours.
JOURNAL: list[Any] = []

CROWDED = (Lane("processes", 2, can_kill=True), Lane("async", 1, 1000, can_kill=True, crowd=True))


@pytest.fixture(autouse=True)
def _clean_journal():
    JOURNAL.clear()


def host_of(url):
    return urlsplit(url).netloc


class Web:
    """Ten hosts: how many of their pages are being fetched, and when each fetch began."""

    def __init__(self, drive_of) -> None:
        self.most: Counter[str] = Counter()
        self.starts: defaultdict[str, list[float]] = defaultdict(list)
        self.drive = drive_of(self._watch)

    def _watch(self, drive, call) -> None:
        """Count who is in flight, just before another body begins."""
        active: Counter[str] = Counter()
        for node, element in drive.executor.in_flight():
            if drive.plan.name_of(node) == "fetch":
                active[host_of(URLS[element])] += 1
        for host, count in active.items():
            self.most[host] = max(self.most[host], count)
        if call.ask == 0:
            JOURNAL.append((drive.clock.time, URLS[call.first]))


URLS = [f"http://host{page % 10}.example/{page}" for page in range(1000)]


@task(limit=Limit("per host", 2, key=host_of), rate=Rate("5/s", key=host_of), retries=2)
async def fetch(url):
    page = int(url.rpartition("/")[2])
    if page % 17 == 3 and current.attempt == 1:
        raise OSError("try again")
    if page % 29 == 5 and current.attempt == 1:
        raise RetryLater("2s")
    return page


def test_a_thousand_pages_over_ten_hosts_keep_to_two_at_once_and_five_a_second():
    """Exactly, for every host, with retries and postponed fetches; and no slower than need be."""
    web = Web(
        lambda watch: Drive(lambda: fetch.map(URLS), lanes=CROWDED, seconds=0.3, before_step=watch)
    )
    assert web.drive.value == list(range(1000))
    assert set(web.most.values()) == {2}
    starts = defaultdict(list)
    for time, url in JOURNAL:
        starts[host_of(url)].append(time)
    for times in starts.values():
        for first, sixth in zip(times, times[5:], strict=False):
            assert sixth - first >= 1 - 1e-9
        bodies = len(times)
        assert times[-1] <= (bodies - 1) // 5 * 1.02 + 1, "it waited without need"
    retried = [each for each in web.drive.recorder.events if isinstance(each, TaskRetrying)]
    assert len(retried) == sum(p % 17 == 3 or p % 29 == 5 for p in range(1000))
    assert len(JOURNAL) == 1000 + len(retried)


@task(rate="4/s")
def ping(x):
    return x


def test_a_rate_lets_a_burst_go_and_then_waits_for_the_span():
    """Four at once, the next four a second later: no span of a second holds more."""
    drive = Drive(
        lambda: ping.map(range(12)), slots=8, seconds=0.01,
        before_step=lambda drive, call: JOURNAL.append(drive.clock.time),
    )  # fmt: skip
    assert drive.value == list(range(12))
    assert [round(time) for time in JOURNAL] == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2/s", (2, 1.0)),
        ("100/m", (100, 60.0)),
        ("5/10s", (5, 10.0)),
        ("2.5/s", (5, 2.0)),
        ("0.5/s", (1, 2.0)),
    ],
)
def test_a_rate_is_a_whole_number_in_a_span(text, expected):
    """A part of a start is a longer span."""
    assert Rate(text).count_and_span == expected


shared = Rate("1/s", name="api")


@task(rate=shared)
def a_call(x):
    return x


@task(rate=shared)
def b_call(x):
    return x


def test_rates_of_one_name_are_counted_together_and_others_by_task():
    """A rate without a name is the task's own."""
    together = Drive(
        lambda: [a_call.map(range(2)), b_call.map(range(2))], slots=4, seconds=0.01,
        before_step=lambda drive, call: JOURNAL.append(drive.clock.time),
    )  # fmt: skip
    assert together.value
    assert [round(time) for time in sorted(JOURNAL)][-1] == 3
    JOURNAL.clear()
    drive = Drive(
        lambda: [ping.options(name=name).map(range(4)) for name in ("x", "y")],
        slots=8, seconds=0.01,
        before_step=lambda drive, call: JOURNAL.append(drive.clock.time),
    )  # fmt: skip
    assert drive.value
    assert max(JOURNAL) < 1


@task(limit=Limit("db", 1))
def in_turn(x):
    JOURNAL.append(x)
    return x


@task(limit=Limit("db", 1))
def in_turn_too(x):
    JOURNAL.append(-x)
    return x


def test_who_waits_longest_goes_first_and_tasks_take_turns():
    """A map of many elements does not keep another task of the same limit waiting."""
    drive = Drive(lambda: [in_turn.map(range(1, 51)), in_turn_too.map(range(1, 6))], slots=3)
    assert drive.value
    assert [x for x in JOURNAL if x > 0] == list(range(1, 51))
    place = [JOURNAL.index(-x) for x in range(1, 6)]
    assert place == sorted(place)
    assert place[-1] < 20


@task
def free(x):
    JOURNAL.append(x)
    return x


def test_the_highest_priority_goes_first_whatever_was_called_first():
    """Among what is ready; equals go in the order of the calls."""

    def body():
        low = [free.options(priority=-1)(("low", n)) for n in range(3)]
        plain = [free(("plain", n)) for n in range(3)]
        high = [free.options(priority=7)(("high", n)) for n in range(3)]
        return [low, plain, high]

    Drive(body, seconds=1.0)
    expected = [(level, n) for level in ("high", "plain", "low") for n in range(3)]
    assert expected == JOURNAL


def test_the_highest_priority_goes_first_where_a_limit_is_waited_for():
    """The queue of a limit is one of priorities, too."""

    def body():
        plain = in_turn.map(range(1, 6))
        return [plain, in_turn_too.options(priority=3).map(range(1, 6))]

    Drive(body, slots=4, seconds=1.0)
    assert JOURNAL == [-1, -2, -3, -4, -5, 1, 2, 3, 4, 5]


@task(limit=Limit("slow", 1))
def holds(x):
    return x


def test_what_waits_for_a_limit_keeps_no_slot_from_others():
    """Of two slots one works for the limit, the other does all the rest meanwhile."""
    times = {"holds": 1.0, "free": 0.001}
    drive = Drive(
        lambda: [holds.map(range(10)), free.map(range(100))],
        slots=2,
        seconds=lambda: times[context.get().task_key.rpartition("/")[2]] if context.get() else 1.0,
    )
    assert drive.value[1] == list(range(100))


@task(limit=Limit("fragile", 1, key=lambda x: x % 3))
def dies_once(x):
    if x == 4 and x not in JOURNAL:
        JOURNAL.append(x)
        raise Dies
    return x


def test_a_lost_worker_gives_its_limits_back():
    """Who comes after a body that took its worker along is not kept waiting."""
    drive = Drive(lambda: dies_once.map(range(12)), lanes=CROWDED, seconds=0.01)
    assert drive.value == list(range(12))
    assert not drive.engine.dispatcher.limiter._held


@task(limit=Limit("odd", 1, key=lambda x: {1: "one"}[x]))
def has_a_bad_key(x):
    return x


def test_a_key_that_cannot_be_had_fails_its_task_run_alone():
    """The body does not run, and the message speaks of the key."""
    drive = Drive(lambda: outcomes(has_a_bad_key.map([1, 2, 1])), slots=2)
    assert [type(each).__name__ for each in drive.value] == ["int", "Failure", "int"]
    assert "key of a limit" in drive.errors["has_a_bad_key[1]"]


@task(limit=Limit("grouped", 1, key=lambda group: group))
def grouped(group, x):
    JOURNAL.append((group, x))
    return x


def test_each_key_has_a_limit_of_its_own():
    """One slow group does not hold up another."""
    drive = Drive(
        lambda: grouped.map(["a"] * 5 + ["b"] * 5, range(10)),
        lanes=(Lane("processes", 2, can_kill=True),),
        seconds=1.0,
    )
    assert drive.value == list(range(10))
    in_order = [x for _, x in JOURNAL]
    assert abs(in_order.index(4) - in_order.index(9)) == 1, "the groups went side by side"
    assert all(a < b for a, b in pairwise(x for group, x in JOURNAL if group == "a"))


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (lambda: Limit(2, key=host_of), "Limit('per host', 2)"),
        (lambda: Limit("a", 0), "n=0"),
        (lambda: Limit("a", 1, key="host"), "must be a function"),
        (lambda: Rate("fast"), '"2/s"'),
        (lambda: Rate("0/s"), "above 0"),
        (lambda: task(priority="high")(host_of), "whole number"),
        (lambda: task(executor="thread")(host_of), "did you mean 'threads'"),
        (lambda: task(limit="api")(host_of), "Limit(...)"),
    ],
)
def test_a_wrong_limit_says_what_would_be_right(wrong, part):
    """Where it is written, with the fix."""
    with pytest.raises(DefinitionError) as caught:
        wrong()
    assert part in str(caught.value)
