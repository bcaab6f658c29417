"""`taskflow doctor`: looks at the store and at what it stands on."""

from __future__ import annotations

import os
import platform
import time
import zoneinfo
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.cli.exits import INTERNAL, guarded
from taskflow.cli.history import SETTINGS, Command, iso, json_option, local, the_store
from taskflow.cli.tables import facts, size, write_lines
from taskflow.progress.clean import one_line
from taskflow.progress.jsonl import as_json as in_json
from taskflow.progress.words import counted
from taskflow.records import RunFilter
from taskflow.store.health import examine
from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskflow.store.health import Health

#: A run that was created so far in the future tells of a clock that is, or was, wrong.
_AHEAD_SECONDS: Final = 120.0
#: So many bad files of a folder are named.
_LISTED: Final = 10


@click.command(cls=Command, context_settings=SETTINGS)
@json_option
def doctor(*, as_json: bool) -> int:
    """Say where runs are kept and why there, check the store, and tell the versions in use.

    Ends with 3 if the store is damaged.
    """
    return guarded(lambda: _examined(as_json=as_json))


def _examined(*, as_json: bool) -> int:
    health = examine(place_of(the_store().url))
    if as_json:
        plain: dict[str, Any] = {
            **health._asdict(),
            "why": _why(health),
            "warnings": [*_warnings(health)],
        }
        click.echo(in_json({**plain, "folders": _folders(), "versions": dict(_versions())}))
    else:
        write_lines([[("store", "bold")], *facts(_told(health))])
        if told := [] if health.complaints else [*_services()]:
            write_lines([[("schedules", "bold")], *facts(told)])
        write_lines([[("versions", "bold")], *facts([*_versions(), ("sqlite", health.sqlite)])])
        write_lines([("! ", "bold yellow"), (text, "yellow")] for text in _warnings(health))
        write_lines([("✘ ", "bold red"), (text, "red")] for text in health.complaints)
    return INTERNAL if health.complaints else 0


def _told(health: Health) -> Iterator[tuple[str, str]]:
    yield "path", health.database if health.exists else f"{health.database}, not there yet"
    yield "because", _why(health)
    yield "runs", f"{health.runs:,}"
    yield "size", f"{size(health.database_bytes)}, values in files {size(health.values_bytes)}"
    older = "older than " if health.is_older else ""
    yield "tables", f"{older}version {health.version}"
    yield "integrity", "damaged" if health.complaints else "ok" if health.exists else ""
    kind = f" on {health.file_system}" if health.file_system else ""
    yield "disk", f"{size(health.free_bytes)} free{kind}"


def _why(health: Health) -> str:
    if os.environ.get("TASKFLOW_STORE"):
        return "TASKFLOW_STORE names it"
    here = os.getcwd()
    if health.exists:
        return f"it is the nearest .taskflow upwards from {here}"
    return f"there is no .taskflow upwards from {here}; the first run makes one for the project"


def _warnings(health: Health) -> Iterator[str]:
    if health.is_older:
        yield "an older taskflow wrote the store; the next run brings its tables up to date"
    if health.is_remote:
        yield (
            f"the store is on {health.file_system}, which machines share: use it from one machine "
            "only, or move it to a disk of this one: TASKFLOW_STORE=sqlite:////path/on/disk/"
        )
    if not health.complaints:
        yield from _clock_warnings()
    if count := len(health.leftovers):
        folders = counted(count, "folder")
        yield f"{folders} of runs that are not in the store; taskflow gc removes them"


def _folders() -> list[dict[str, Any]]:
    """What there is to say of folders of pipelines, if the store knows of any."""
    store = the_store()
    if not isinstance(store, SqliteStore):
        return []
    served = dict(store.serving())
    return [
        {
            "folder": folder,
            "files": len(files := store.book.files(folder)),
            "bad_files": [file.path for file in files if file.error],
            "schedules": sum(not row.is_gone for row in store.book.schedules(folder)),
            "service": (owner := served.get(folder)) and {"pid": owner.pid, "host": owner.host},
        }
        for folder in store.book.folders()
    ]


def _services() -> Iterator[tuple[str, str]]:
    """The same, for people."""
    for each in _folders():
        bad, owner = each["bad_files"], each["service"]
        files, many = counted(each["files"], "file"), counted(each["schedules"], "schedule")
        yield each["folder"], f"{files}, {len(bad):,} of them bad, {many}"
        yield from (("", f"bad: {path}") for path in bad[:_LISTED])
        who = f"process {owner['pid']} on {owner['host']} looks" if owner else "nobody looks"
        yield "", f"{one_line(who)} after it"


def _clock_warnings() -> Iterator[str]:
    """What is wrong with the clock, and with what is known of others."""
    if not zoneinfo.available_timezones():
        yield "there is no data of time zones: install the package tzdata"
    latest = next(iter(the_store().runs(RunFilter(limit=1))), None)
    if latest is not None and latest.created > time.time() + _AHEAD_SECONDS:
        when = local(latest.created)
        yield f"the clock is wrong, or was: the last run was created at {when}, which is to come"


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", platform.python_version()
    yield "clock", iso(time.time()) or ""
    yield "time zones", f"{len(zoneinfo.available_timezones()):,} known, {_zone_data()}"
    for name in ("taskflow-orchestrator", "loky"):
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


def _zone_data() -> str:
    """Where the data of time zones is from."""
    for folder in zoneinfo.TZPATH:
        if os.path.isdir(folder):
            return f"of {folder}"
    with suppress(PackageNotFoundError):
        return f"of the package tzdata {version('tzdata')}"
    return "from nowhere"
