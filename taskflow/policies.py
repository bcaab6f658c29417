"""How to treat a task or a pipeline: frozen values behind the short keywords."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from taskflow.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

Duration = float | int | str | timedelta

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])", re.ASCII)
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)?\s*(ms|[smhdw])", re.ASCII)


def seconds(value: Duration) -> float:
    """Seconds of a duration written as a number, a `timedelta`, or a text such as `"1h30m"`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, timedelta)):
        raise DefinitionError(_bad_duration(value))
    if isinstance(value, timedelta):
        result = value.total_seconds()
    elif isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or _DURATION.sub("", value).strip():
            raise DefinitionError(_bad_duration(value))
        result = sum(float(number) * _UNITS[unit] for number, unit in parts)
    else:
        result = float(value)
    if not 0 <= result < float("inf"):
        raise DefinitionError(_bad_duration(value))
    return result


def _bad_duration(value: object) -> str:
    return (
        f"{value!r} is not a duration; write seconds (1.5), a timedelta, "
        'or a text with units such as "500ms", "30s", "5m", "1h30m"'
    )


@dataclass(frozen=True, slots=True)
class Retry:
    """When and how often a task is tried again after an exception or a timeout.

    `times` counts the tries after the first. The wait before try n is
    `delay * backoff ** (n - 1)`, at most `max_delay` seconds, stretched or shrunk at
    random by up to the share `jitter`. `on` is an exception class, a tuple of them, or
    a function of the exception; it is asked in the worker.
    """

    times: int = 0
    delay: Duration = 0.0
    backoff: float = 1.0
    jitter: float = 0.0
    on: type[BaseException] | tuple[type[BaseException], ...] | Callable[[Any], bool] | None = None
    max_delay: Duration = 3600.0

    def __post_init__(self) -> None:
        _require(_is_count(self.times), f"retries={self.times!r} must be a whole number, 0 or more")
        _require(_is_number(self.backoff) and self.backoff >= 1, "retry_backoff must be 1 or more")
        _require(_is_number(self.jitter) and 0 <= self.jitter <= 1, "retry_jitter must be 0 to 1")
        on = self.on if isinstance(self.on, tuple) else () if self.on is None else (self.on,)
        classes = all(isinstance(each, type) and issubclass(each, BaseException) for each in on)
        _require(
            classes or (callable(self.on) and not isinstance(self.on, type)),
            f"retry_on={self.on!r} must be an exception class, a tuple of them, or a function",
        )
        object.__setattr__(self, "delay", seconds(self.delay))
        object.__setattr__(self, "max_delay", seconds(self.max_delay))

    def wait(self, failures: int, draw: float) -> float:
        """Seconds to wait after the given number of failures; `draw` is random in [0, 1)."""
        try:
            grown = seconds(self.delay) * self.backoff ** (failures - 1)
        except OverflowError:
            grown = float("inf")
        return min(grown, seconds(self.max_delay)) * (1 + self.jitter * (2 * draw - 1))


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `n` bodies at once, for all tasks that name this limit.

    `key` is a function of the task's arguments that makes one counter per key;
    `scope` is `"run"` or `"store"`.
    """

    name: str
    n: int = 1
    key: Callable[..., Any] | None = None
    scope: str = "run"

    def __post_init__(self) -> None:
        _require(
            _is_text(self.name),
            f"a Limit has a name, which all that share it write: Limit('per host', 2), "
            f"not Limit({self.name!r})",
        )
        _require(_is_count(self.n) and self.n >= 1, f"Limit {self.name!r}: n={self.n!r} must be 1+")
        _require(_is_key(self.key), f"Limit {self.name!r}: key must be a function of the arguments")
        _require(self.scope in {"run", "store"}, 'the scope of a Limit is "run" or "store"')


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many starts in any span of time, written `"2/s"`, `"100/m"` or `"5/10s"`.

    All starts of a span may come at once: `"1/600ms"` spaces evenly what `"100/m"` allows in a
    burst. `key` is a function of the task's arguments that makes one counter per key. Tasks
    whose rates have the same `name` are counted together; without one, each task by itself.
    """

    rate: str
    key: Callable[..., Any] | None = None
    scope: str = "run"
    name: str | None = None

    def __post_init__(self) -> None:
        known = _RATE.fullmatch(str(self.rate).strip())
        _require(bool(known), f'rate={self.rate!r} is not a rate; write "2/s", "100/m" or "5/10s"')
        _require(self.per_second > 0, "a rate must be above 0")
        _require(_is_key(self.key), f"Rate {self.rate!r}: key must be a function of the arguments")
        _require(self.scope in {"run", "store"}, 'the scope of a Rate is "run" or "store"')

    @property
    def per_second(self) -> float:
        """Starts per second."""
        count, span = self._parts
        return count / span if span else 0.0

    @property
    def count_and_span(self) -> tuple[int, float]:
        """A whole number of starts, and the seconds in which they may be: 5, 2.0 for "2.5/s"."""
        from fractions import Fraction  # here: few programs have rates

        count, span = self._parts
        whole = Fraction(count).limit_denominator(1000)
        if not whole.numerator:  # less than one in a thousand spans
            return 1, span / count
        return whole.numerator, span * whole.denominator

    @property
    def _parts(self) -> tuple[float, float]:
        match = _RATE.fullmatch(self.rate.strip())
        assert match is not None  # checked when the value was made
        count, span, unit = match.groups()
        return float(count), float(span or 1) * _UNITS[unit]


@dataclass(frozen=True, slots=True)
class Cache:
    """Reuse a result of an earlier run with equal code and inputs.

    `version` is part of the key, `ttl` says how long a result stays good, `ignore` names
    parameters that do not count.
    """

    version: str | int | None = None
    ttl: Duration | None = None
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ttl is not None:
            object.__setattr__(self, "ttl", seconds(self.ttl))
        one = isinstance(self.ignore, str)
        object.__setattr__(self, "ignore", (self.ignore,) if one else tuple(self.ignore))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a pipeline runs: a cron expression, in UTC if no time zone is given.

    It has five fields, six with seconds first, or seven with the year last; or it is `@hourly` and
    the like, or `@every 90s`. It may be left out where `on_success_of` names pipelines: once all of
    them have succeeded, this one runs. `start` and `end` are dates, datetimes or their ISO texts.
    """

    cron: str = ""
    name: str | None = None
    timezone: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    start: Any = None
    end: Any = None
    jitter: Duration = 0.0
    on_success_of: Any = None

    def __post_init__(self) -> None:
        _require(isinstance(self.cron, str), f"a Schedule takes a cron text, not {self.cron!r}")
        _require(
            bool(self.cron.strip()) or bool(self.follows),
            "a Schedule needs a cron expression, such as Schedule('0 6 * * *'), or on_success_of=",
        )
        _require(
            self.name is None or _is_text(self.name),
            f"the name of a Schedule is a text that is not empty, not {self.name!r}",
        )
        _require(
            _is_params(self.params),
            f"params of a Schedule are values by name, {{'days': 7}}, not {self.params!r}",
        )
        for name in ("start", "end"):
            _require_moment(name, getattr(self, name))
        object.__setattr__(self, "jitter", seconds(self.jitter))
        _require(
            bool(self.cron.strip()) or not self.jitter,
            "jitter spreads the ticks of a cron expression, and on_success_of alone has none",
        )

    @property
    def follows(self) -> tuple[str, ...]:
        """The names of the pipelines whose success starts this one."""
        given = self.on_success_of
        every = given if isinstance(given, (list, tuple, set)) else (given,)
        return tuple(_name_of_pipeline(each) for each in every if each is not None)


#: What happens to ticks that are due while nobody was there to start them.
CATCHUPS: Final = ("none", "latest", "all")
#: What happens to a tick that is due while the run of an earlier one goes on.
OVERLAPS: Final = ("skip", "queue_one", "queue", "cancel_running", "allow")
#: What a pipeline may have told: how a run has ended, and of ticks that were late, or skipped.
HOOKS: Final = ("on_success", "on_failure", "on_late", "on_skipped")

#: When a task may run, judged once all its inputs have ended; the names are Airflow's.
TRIGGER_RULES: Final = (
    "all_success",
    "all_done",
    "none_failed",
    "none_failed_min_one_success",
    "one_success",
    "one_failed",
    "all_failed",
    "always",
)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _name_of_pipeline(value: Any) -> str:
    if getattr(type(value), "__taskflow_pipeline__", False):
        return str(value.short)
    _require(_is_text(value), f"on_success_of takes pipelines or their names, not {value!r}")
    return str(value)


def _require_moment(name: str, value: object) -> None:
    """A moment may be a text, which is read here, so that a typo is told where it stands."""
    remedy = f"write a date, a datetime or a text such as {name}='2026-01-31T06:00'"
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError as error:
            raise DefinitionError(f"{name}={value!r} of a Schedule: {error}; {remedy}") from None
        return
    known = value is None or isinstance(value, date)
    _require(known, f"{name}={value!r} of a Schedule is no moment; {remedy}")


def _is_params(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value))


def _is_key(value: object) -> bool:
    return value is None or callable(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DefinitionError(message)
