"""The options of tasks and pipelines, checked when they are given."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from taskflow.authoring import keywords
from taskflow.authoring.advice import near
from taskflow.authoring.where import here, shown
from taskflow.errors import DefinitionError
from taskflow.policies import (
    CATCHUPS,
    HOOKS,
    OVERLAPS,
    TRIGGER_RULES,
    Cache,
    Duration,
    Limit,
    Rate,
    Retry,
    Schedule,
    seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

OptionsT = TypeVar("OptionsT", bound="Options")

#: Where bodies of a task can be asked to run. Async ones share a worker unless they say so.
_EXECUTORS: Final = ("processes", "threads")
_DURABILITY: Final = ("full", "process")
#: The short keywords of a `Retry`.
_RETRY_WORDS: Final = {
    "retries": "times",
    "retry_delay": "delay",
    "retry_backoff": "backoff",
    "retry_jitter": "jitter",
    "retry_on": "on",
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Options:
    """The options of a task, checked; the words are those of `@task` and `.options()`."""

    retries: int = 0
    retry_delay: Duration = 0.0
    retry_backoff: float = 1.0
    retry_jitter: float = 0.0
    retry_on: Any = None
    retry: Retry | None = None
    timeout: Duration | None = None
    cache: bool | Cache = False
    version: str | int | None = None
    ttl: Duration | None = None
    ignore: Any = ()
    executor: str | None = None
    limit: Any = None
    rate: Any = None
    priority: int = 0
    trigger_rule: str = "all_success"
    outputs: int | None = None
    name: str | None = None
    label: str | None = None
    tags: Any = ()
    after: Any = ()
    key: Callable[..., Any] | None = None
    # of pipelines, but asked of every definition
    dynamic: bool = False
    max_depth: int = 100
    max_tasks: int = 1_000_000

    def __post_init__(self) -> None:
        self._check_values()
        self._check_texts()
        _ = self.policy, self.cached  # they check themselves
        self._check_executor()
        self._check_scopes()

    def _check_values(self) -> None:
        _check_choice("trigger_rule", self.trigger_rule, tuple(TRIGGER_RULES))
        _check_count(self, "outputs", "max_depth", "max_tasks")
        if self.timeout is not None and _seconds("timeout", self.timeout) <= 0:
            raise DefinitionError("timeout must be above 0")
        if self.key is not None and not callable(self.key):
            raise DefinitionError("key must be a function of the task's arguments")
        if self.retry is not None:
            self._check_retry()
        if not isinstance(self.cache, (bool, Cache)):
            raise DefinitionError(f"cache={self.cache!r} must be True, False or a Cache(...)")
        if type(self.priority) is not int:
            raise DefinitionError(f"priority={self.priority!r} must be a whole number")

    def _check_retry(self) -> None:
        if not isinstance(self.retry, Retry):
            raise DefinitionError(
                f"retry={self.retry!r} must be a Retry(...); a number is retries="
            )
        for name in _RETRY_WORDS:
            if getattr(self, name) != _short(Retry())[name]:
                raise DefinitionError(
                    f"{name}= beside retry=Retry(...): write it as {_RETRY_WORDS[name]}= of the "
                    "Retry, or leave out one of the two"
                )

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """These options with some of them replaced; of a `Retry`, by its short keywords, too."""
        if "retry" in changes:
            changes = {**_short(Retry()), **changes}
        elif self.retry is not None and changes.keys() & _RETRY_WORDS.keys():
            parts = {_RETRY_WORDS[name]: changes[name] for name in changes if name in _RETRY_WORDS}
            kept = {name: value for name, value in changes.items() if name not in _RETRY_WORDS}
            changes = {**kept, "retry": dataclasses.replace(self.retry, **parts)}
        return dataclasses.replace(self, **changes)

    def _check_texts(self) -> None:
        for name in ("name", "label"):
            text = getattr(self, name)
            if text is not None and (not isinstance(text, str) or not text.strip()):
                raise DefinitionError(f"{name}={text!r} must be a text that is not empty")
        for name in ("tags", "ignore"):
            for text in as_tuple(getattr(self, name)):
                if not isinstance(text, str):
                    raise DefinitionError(f"{name} are texts, not {text!r}")

    def _check_executor(self) -> None:
        """Of a task: where its bodies run."""
        if self.executor is not None:
            _check_choice("executor", self.executor, _EXECUTORS)

    def _check_scopes(self) -> None:
        given: tuple[Limit | Rate, ...] = (*self.limits("limit"), *self.rates())
        for each in given:
            if each.scope != "run":
                raise DefinitionError(
                    f'scope="store" of {each!r} is not supported yet; without it, it counts '
                    "within a run"
                )

    @property
    def policy(self) -> Retry:
        """When to try again."""
        if self.retry is not None:
            return self.retry
        return Retry(
            self.retries, self.retry_delay, self.retry_backoff, self.retry_jitter, self.retry_on
        )

    @property
    def cached(self) -> Cache | None:
        """What to reuse of earlier runs."""
        if isinstance(self.cache, Cache):
            return self.cache
        # Made even if it is not wanted: it checks what it is made of.
        wanted = Cache(self.version, self.ttl, as_tuple(self.ignore))
        return wanted if self.cache else None

    def limits(self, name: str) -> tuple[Limit, ...]:
        """The limits that a body takes; a number is a limit of this task alone."""
        found = []
        for each in as_tuple(self.limit):
            limit = Limit(name, each) if type(each) is int else each
            if not isinstance(limit, Limit):
                raise DefinitionError(f"limit={each!r} must be a number or a Limit(...)")
            found.append(limit)
        return tuple(found)

    def rates(self) -> tuple[Rate, ...]:
        """How often a body may begin."""
        found = [Rate(each) if isinstance(each, str) else each for each in as_tuple(self.rate)]
        for each in found:
            if not isinstance(each, Rate):
                raise DefinitionError(f'rate={each!r} must be a text such as "2/s", or a Rate(...)')
        return tuple(found)


def _short(policy: Retry) -> dict[str, Any]:
    """A `Retry` as the short keywords have it."""
    return {short: getattr(policy, name) for short, name in _RETRY_WORDS.items()}


def placed(make: Callable[[], OptionsT], whose: str = "") -> OptionsT:
    """What `make` makes of options; what is wrong with them is told with its place."""
    try:
        return make()
    except DefinitionError as error:
        raise DefinitionError(f"{whose}{error}\n  here: {shown(here())}") from None


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A value that may be one, several or none, as a tuple."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else (value,)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PipelineOptions(Options):
    """The options of a pipeline, checked; the words are those of `@pipeline` and `.options()`."""

    schedule: Any = None
    timezone: str | None = None
    catchup: str = "latest"
    overlap: str = "skip"
    max_active_runs: int | None = None
    misfire_grace: Duration | None = None
    fail_fast: bool = False
    on_success: Any = None
    on_failure: Any = None
    on_late: Any = None
    on_skipped: Any = None
    # how a run runs; only in .options()
    workers: int | None = None
    store: Any = None
    durability: str = "full"
    progress: bool | None = None

    def _check_executor(self) -> None:
        """Nothing: the executor of a run is chosen, and checked, when it starts."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        for name in ("fail_fast", "dynamic"):
            if type(getattr(self, name)) is not bool:
                raise DefinitionError(f"{name}={getattr(self, name)!r} must be True or False")
        _check_choice("catchup", self.catchup, CATCHUPS)
        _check_choice("overlap", self.overlap, OVERLAPS)
        _check_choice("durability", self.durability, _DURABILITY)
        _check_count(self, "max_active_runs", "workers")
        if self.misfire_grace is not None:
            _seconds("misfire_grace", self.misfire_grace)
        for name in HOOKS:
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise DefinitionError(f"{name} must be a function")
        for schedule in self.schedules():
            _check_schedule(schedule)

    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules, whichever way they were written."""
        found = []
        for each in as_tuple(self.schedule):
            made = Schedule(each, timezone=self.timezone) if isinstance(each, str) else each
            if not isinstance(made, Schedule):
                raise DefinitionError(f"schedule={each!r} must be a cron text or a Schedule(...)")
            found.append(
                made if made.timezone else dataclasses.replace(made, timezone=self.timezone)
            )
        return tuple(found)


#: Options of `@task`, and of a call of one.
TASK_NAMES: Final = keywords.TaskOptions.__optional_keys__
CALL_NAMES: Final = keywords.CallOptions.__optional_keys__
#: Options of `@pipeline`, and those that say how a run runs, not what the pipeline is.
PIPELINE_NAMES: Final = keywords.PipelineOptions.__optional_keys__
RUNNING_NAMES: Final = keywords.RunOptions.__optional_keys__ - PIPELINE_NAMES - {"after", "key"}


def _seconds(name: str, value: Duration) -> float:
    try:
        return seconds(value)
    except DefinitionError as error:
        raise DefinitionError(f"{name}={error}") from None


def _check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise DefinitionError(
            f"{name}={value!r} is unknown{near(str(value), known, repr)}; one of {', '.join(known)}"
        )


def _check_count(options: Options, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if value is not None and (type(value) is not int or value < 1):
            raise DefinitionError(f"{name}={value!r} must be a whole number, 1 or more")


def _check_schedule(schedule: Schedule) -> None:
    # here: what reads expressions is loaded only where a schedule is used
    from taskflow.cron import check
    from taskflow.cron.zones import zone_of

    if schedule.cron:
        check(schedule.cron, schedule.timezone)
    else:
        zone_of(schedule.timezone)
