"""Rows of the database as records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec.msgpack

from taskflow.lifecycle import TASK_STATES
from taskflow.plain import readable
from taskflow.records import AtWork, CacheEntry, Given, Kept, LogRow, Owner, RunRow, TraceRow, Tried
from taskflow.store.codec import decode, unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from taskflow.store.filenames import Names

Row = tuple[Any, ...]

#: What a row has of a batch: units by node, first element and count; and nodes.
_Units = tuple[tuple[tuple[int, int, int], ...], tuple[int, ...]]


def run_row(row: sqlite3.Row, drives: Callable[[str, Owner], bool]) -> RunRow:
    """A run; `drives` tells whether an owner still has a run in hand."""
    owner = Owner(row["pid"], row["pid_started"], row["boot"], row["host"], row["since"])
    is_driven = bool(owner.pid) and drives(row["id"], owner)
    is_lost = row["state"] == "running" and not is_driven
    return RunRow(
        id=row["id"],
        pipeline=readable(row["pipeline"]),
        state="interrupted" if is_lost else row["state"],
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
        seconds=row["seconds"],
        file=readable(row["file"]),
        entry=readable(row["entry"]),
        params=tuple([(name, text) for name, text in json.loads(row["params"])]),
        values=tuple([(name, value) for name, value in json.loads(row["values"])]),
        given=row["given"],
        secrets=tuple(json.loads(row["secrets"])),
        tags=tuple(json.loads(row["tags"])),
        settings=unpack(row["settings"]),
        counts=json.loads(row["counts"]),
        why=readable(row["why"]),
        error=readable(row["error"]),
        parent=row["parent"],
        epoch=row["epoch"],
        stalled=row["stalled"],
        owner=owner if is_driven else None,
        result=readable(row["result"]),
        schedule=readable(row["schedule"]),
        tick=row["tick"] or 0.0,
        previous=row["previous"] or 0.0,
        zone=row["zone"],
        at_work=_at_work(row["at_work"]),
        version=row["version"],
    )


def _at_work(text: str) -> AtWork:
    if not text:
        return AtWork()
    bodies, more = json.loads(text)
    return AtWork(tuple([(key, since) for key, since in bodies]), more)


def trace_row(row: Row) -> TraceRow:
    """A trace of a run."""
    number, graph, codes, reasons, time = row
    return TraceRow(number, graph, unpack(codes), time, json.loads(reasons))


def kept_row(row: Row, places: Mapping[int, tuple[str, str]], names: Names) -> Kept:
    """How a task run, a span of elements or a question ended."""
    (
        number, place, node, first, count, ask, state, nth, attempt, slot, ended, seconds, kept,
        coded, value, digests, preview, more,
    ) = row  # fmt: skip
    rare = unpack(more) if more else {}
    return Kept(
        node, first, count, ask, TASK_STATES[state], *places[place], nth, attempt, ended, seconds,
        decode(value, names.path) if coded else value,
        rare.get("keys", ()), slot, rare.get("why", ""),
        rare.get("origin", "kept") if kept else "",
        readable(preview or ""), rare.get("error"), digests or b"", number,
    )  # fmt: skip


def tried_row(row: Row) -> Tried:
    """An attempt that was not the last."""
    _, node, element, key, state, failures, losses, due, ended, seconds, more = row
    why, error = unpack(more) if more else ("", None)
    return Tried(
        node, element, readable(key), state, failures, losses, due, ended, seconds, why, error
    )


def given_row(row: Row) -> tuple[int, Given]:
    """A batch, and where it stands among the records."""
    number, slot, batch, time, packed = row
    units, nodes = msgspec.msgpack.decode(packed, type=_Units)
    return number, Given(slot, batch, units, time, nodes)


def log_row(row: Row) -> LogRow:
    """A piece of what a task wrote."""
    number, key, time, level, logger, text = row
    return LogRow(number, readable(key), time, level, readable(logger), readable(text))


def cache_entry(row: Row, names: Names) -> CacheEntry:
    """A result for other runs."""
    key, name, run_id, task_key, time, value, parts, expires, coded = row
    found = decode(value, names.path) if coded else value
    return CacheEntry(
        key, readable(name), run_id, readable(task_key), time, found, json.loads(parts), expires
    )
