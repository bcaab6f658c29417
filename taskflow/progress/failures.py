"""What failed in a run, grouped as it arrives: 100,000 equal failures are one example and a count.

Two failures are alike if the exception is of the same type and came from the same line of the
user's own code; where no such line is known, if the same task failed with the same type.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.events import BAD, UPSTREAM_FAILED, RunEnded, RunStarted, TasksEnded
from taskflow.progress.tally import by_kind, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskflow.call import Frame
    from taskflow.events import Event

#: Kinds of failure that are kept; a run with more of them is only counted on.
KINDS: Final = 100
#: Of each kind, how many keys are kept beside the first.
KEYS: Final = 4


_STATE: Final = attrgetter("state")
_NEWS: Final = BAD | {UPSTREAM_FAILED}


class Other(NamedTuple):
    """A failure like one before it: its key, and the first line of its message."""

    key: str
    message: str


@dataclass(slots=True)
class Kind:
    """Failures that are alike: the first of them, how many there are, and the next few."""

    first: TasksEnded
    count: int
    more: list[Other] = field(default_factory=list)

    @property
    def others(self) -> int:
        """How many there are beside those of the first event."""
        return self.count - max(1, self.first.count)


class Failures:
    """A listener that keeps what failed, by kind, in the order in which the kinds appeared."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.ended: RunEnded | None = None
        self.kinds: dict[tuple[str, str, int], Kind] = {}
        self.count = 0
        self.unkept = 0  #: failures of kinds beyond the first hundred
        self.unmet: Counter[str] = Counter()  #: not run since an input failed, by name

    def notice(self, events: Sequence[Event]) -> None:
        """Take note of events."""
        for kind, group in by_kind(events):
            if kind is TasksEnded:
                list(self.take(group))
            elif kind is RunStarted:
                self.started = group[-1]
            elif kind is RunEnded:
                self.ended = group[-1]

    def close(self) -> None:
        """Nothing to free."""

    def take(self, group: Sequence[TasksEnded]) -> Iterator[Kind]:
        """Take note of what ended, and give the kinds of failure that are new."""
        if _NEWS.isdisjoint(map(_STATE, group)):  # as nearly always; a loop would cost more
            return
        for event in group:
            if event.state in BAD:
                kind = self._failed(event)
                if kind is not None:
                    yield kind
            elif event.state == UPSTREAM_FAILED:
                self.unmet[event.name] += event.count

    def label(self, event: TasksEnded) -> str:
        """The key of what failed, without the pipeline's name."""
        key = key_of(event)
        return key.removeprefix(f"{self.started.pipeline}/") if self.started else key

    def _failed(self, event: TasksEnded) -> Kind | None:
        count = max(1, event.count)  # a map that fails itself counts none of its elements
        self.count += count
        likeness = _likeness(event)
        kind = self.kinds.get(likeness)
        if kind is not None:
            kind.count += count
            if len(kind.more) < KEYS:
                kind.more.append(Other(self.label(event), first_line(event)))
            return None
        if len(self.kinds) == KINDS:
            self.unkept += count
            return None
        self.kinds[likeness] = kind = Kind(event, count)
        return kind


def first_line(event: TasksEnded) -> str:
    """What the error of a failure says, in its first line."""
    text = event.error.message if event.error else event.why
    return text.strip().split("\n", 1)[0]


def last_own_frame(event: TasksEnded) -> Frame | None:
    """The innermost line of the user's own code on the way to the failure."""
    frames = event.error.frames if event.error else ()
    return next((frame for frame in reversed(frames) if frame.mine), None)


def _likeness(event: TasksEnded) -> tuple[str, str, int]:
    kind = event.error.type if event.error else event.state
    frame = last_own_frame(event)
    return (kind, event.name, -1) if frame is None else (kind, frame.path, frame.line)
