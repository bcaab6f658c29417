"""When a nursery that is gone is replaced."""

from __future__ import annotations

from taskflow.schedule.revival import Revival


def test_the_first_one_is_replaced_at_once():
    """And so is each that has lived for a minute."""
    revival = Revival()
    assert not revival.is_due(0.0)
    for now in (0.0, 61.0, 500.0):
        revival.put_off(now)
        assert revival.is_due(now)
        revival.is_awaited = False


def test_those_that_end_at_once_are_replaced_more_and_more_slowly():
    """A package that is being upgraded ends each at its start: that is no reason to spin."""
    revival, now, waits = Revival(), 100.0, []
    for _ in range(8):
        revival.put_off(now)
        waits.append(revival.at - now)
        assert not waits[-1] or not revival.is_due(now)
        now = revival.at
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
