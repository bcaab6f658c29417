"""Pipelines and their schedules as the plain data that a service knows them by."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from taskflow import cron
from taskflow.authoring.inputs import NoDefaultError
from taskflow.authoring.options import as_tuple
from taskflow.cron.zones import zone_of
from taskflow.errors import DefinitionError, ParameterError
from taskflow.graph.stored import encode
from taskflow.planned import Deployed, Given, Planned
from taskflow.policies import HOOKS, seconds
from taskflow.values import dumps
from taskflow.wanted import given_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.authoring.options import PipelineOptions
    from taskflow.authoring.pipeline import Pipeline
    from taskflow.policies import Schedule


def deploy(pipeline: Pipeline[Any, Any], file: str, entry: str, version: str) -> Deployed:
    """A pipeline of a file, checked, as a service knows it.

    Raises:
        DefinitionError: something about its schedules cannot be.
        Exception: whatever tracing its body raises.
    """
    options = pipeline.chosen
    rows = pipeline.parameters.describe()
    schedules = options.schedules()
    return Deployed(
        name=pipeline.short,
        file=file,
        entry=entry,
        version=version,
        schedules=_planned(pipeline, schedules),
        max_active=_most(options),
        tags=as_tuple(options.tags),
        settings=pipeline.settings().plain(),
        parameters=tuple((r.name, r.type, None if r.required else r.default) for r in rows),
        graph=_graph(pipeline, schedules),
        hooks=tuple(name for name in HOOKS if getattr(options, name) is not None),
        given=None if any(row.required for row in rows) else _given(pipeline, {}),
        doc=inspect.cleandoc(pipeline.parameters.doc),
    )


def _most(options: PipelineOptions) -> int | None:
    """How many runs go on at once: one, if nobody says, and runs do not overlap on purpose."""
    if options.max_active_runs is None and options.overlap != "allow":
        return 1
    return options.max_active_runs


def _planned(pipeline: Pipeline[Any, Any], schedules: Sequence[Schedule]) -> tuple[Planned, ...]:
    """The schedules of a pipeline, each with an id of its own."""
    names = [schedule.name for schedule in schedules]
    if names.count(None) > 1:
        raise DefinitionError(
            f"{pipeline.short} has {names.count(None)} schedules without a name, and only one can "
            "bear the pipeline's; name the others: Schedule('0 6 * * *', name='morning')"
        )
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(
                f"{pipeline.short} has {names.count(name)} schedules named {name!r}; "
                "give each a name of its own"
            )
    return tuple(_plan(pipeline, schedule) for schedule in schedules)


def _plan(pipeline: Pipeline[Any, Any], schedule: Schedule) -> Planned:
    options = pipeline.chosen
    ident = f"{pipeline.short}/{schedule.name}" if schedule.name else pipeline.short
    expanded = cron.expand(schedule.cron, ident) if schedule.cron else ""
    zone = schedule.timezone or "UTC"
    start = _moment(schedule.start, zone)
    end = _moment(schedule.end, zone)
    if start is not None and end is not None and end <= start:
        raise DefinitionError(
            f"schedule {ident!r} ends before it starts: start={schedule.start!r}, "
            f"end={schedule.end!r}"
        )
    if pipeline.short in schedule.follows:
        raise DefinitionError(f"schedule {ident!r} would start itself again: see its on_success_of")
    try:
        given = _given(pipeline, schedule.params)
    except ParameterError as error:
        wrong = str(error).removeprefix(f"{pipeline.short}: ")
        raise DefinitionError(f"schedule {ident!r}: {wrong}") from None
    return Planned(
        id=ident,
        cron=expanded,
        written=schedule.cron,
        zone=zone,
        words=_words(expanded, zone, schedule.follows),
        start=start,
        end=end,
        jitter=seconds(schedule.jitter),
        follows=schedule.follows,
        catchup=options.catchup,
        overlap=options.overlap,
        grace=None if options.misfire_grace is None else seconds(options.misfire_grace),
        given=given,
        warnings=cron.warnings_of(expanded, schedule.timezone) if expanded else (),
    )


def _words(expanded: str, zone: str, follows: Sequence[str]) -> str:
    """When it runs, for people."""
    told = [cron.in_words(expanded, zone)] if expanded else []
    if follows:
        *others, last = follows
        names = f"{', '.join(others)} and {last}" if others else last
        told.append(f"after {names}")
    return ", and ".join(told)


def _moment(value: Any, zone: str) -> float | None:
    """Seconds since the epoch of a datetime, a date or an ISO text; in the zone if it has none."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        assert isinstance(value, date)  # a schedule takes nothing else
        value = datetime(value.year, value.month, value.day, tzinfo=zone_of(zone).zone)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone_of(zone).zone)
    return float(value.astimezone(UTC).timestamp())


def _given(pipeline: Pipeline[Any, Any], params: dict[str, Any]) -> Given:
    """Parameters of a run, bound and checked."""
    values = pipeline.parameters.bind((), params)
    return given_of(pipeline.parameters.shown(values), dumps(values))


def _graph(pipeline: Pipeline[Any, Any], schedules: Sequence[Schedule]) -> bytes:
    """The graph with what is not given left open; empty if it is another for each value.

    A body that loops over a parameter without default is drawn as its first schedule runs it.
    """
    try:
        return encode(pipeline.trace())
    except NoDefaultError:
        return encode(pipeline.trace(**schedules[0].params)) if schedules else b""
