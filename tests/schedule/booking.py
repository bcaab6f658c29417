"""Pipelines in a book, for tests of what becomes of their ticks in a store."""

from __future__ import annotations

import itertools
import os

from keeping import TRACE, opened
from looking import HOUR, at, plan

from taskflow.call import Source
from taskflow.planned import Deployed, FileRow, Given
from taskflow.records import Owner
from taskflow.schedule.judging import judge
from taskflow.store import owners

__all__ = ["HOUR", "at", "opened", "plan"]

NOON = at("2026-03-02T12:00")
ME = owners.me(NOON)
#: The number of no process.
DEAD = Owner(2**22 + 1, 1, ME.boot, ME.host, NOON)


def ids(prefix="r"):
    """Gives ids, one after another; those of two processes differ."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):04d}"


def pipeline(name="scrape", *schedules, **more):
    """A pipeline of a file, with its schedules; without any with one that is hourly.

    It has one run at a time, unless they may overlap, or `max_active` says so.
    """
    schedules = schedules or (plan(id=name),)
    file = more.pop("file", f"/flows/{name}.py")
    if all(each.overlap != "allow" for each in schedules):
        more.setdefault("max_active", 1)
    return Deployed(name, file, "main", "v1", schedules, **{"given": Given(), **more})


def put(store, *pipelines, now=NOON, folder="/flows"):
    """Keep pipelines as their files have them now."""
    sources = {"m": Source("/flows/m.py", b"", False)}
    by_file = itertools.groupby(pipelines, lambda each: each.file)
    for path, found in by_file:
        file = FileRow(path, "digest", {}, "", now)
        store.book.put_file(folder, file, list(found), sources, 0.1)


def decide(store, now, *schedules, new_id=None):
    """Judge schedules, of all if none is named; returns their ticks, newest last."""
    names = schedules or [each.planned.id for each in store.book.schedules()]
    make = new_id or _more_ids(store)
    return store.book.decide(names, lambda standing: judge(standing, now), make, now)


def resume(store, schedule, now, **more):
    """Go on with a paused schedule."""
    book = store.book
    return book.resume(
        schedule, lambda standing: judge(standing, now), _more_ids(store), now, **more
    )


def follow(store, now):
    """Start what follows."""
    return store.book.follow(_more_ids(store), now)


def pick(store, want=100, now=NOON, owner=ME, lives=lambda run, owner: owner.pid != DEAD.pid):
    """Pick runs, all of whose owners live but for the dead one; returns their ids."""
    return [each.run_id for each in store.book.pick(want, owner, lives, now)]


def drive(store, picked):
    """Begin a run that was picked; returns its ledger."""
    ledger = store.take_over(picked.run_id, picked.epoch)
    ledger.begin(TRACE)
    return ledger


def end(store, run_id, state="succeeded"):
    """Begin a run, and see it to its end."""
    ledger = store.take_over(run_id)
    ledger.begin(TRACE)
    ledger.end(state, seconds=1.0, counts={})


def states(store):
    """The states of all runs by id."""
    return {each.id: each.state for each in store.runs()}


def said(rows):
    """Ticks in short: hours after noon, whether it ran, why."""
    return [(round((each.instant - NOON) / HOUR, 2), bool(each.run), each.why) for each in rows]


def _more_ids(store):
    """Ids that no run of a store has yet: the book looks for that."""
    return ids(f"p{os.getpid()}-")
