"""What failed in a run, grouped as it arrives: 100,000 equal failures are one example and a count.

Two failures are alike if the exception is of the same type and came from the same line of the
user's own code; where no such line is known, if the same task failed with the same type.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.lifecycle import BAD, UPSTREAM_FAILED
from taskflow.progress.tally import key_of, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.call import Frame
    from taskflow.events import TasksEnded

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
    """Failures that are alike: the first of them, how many there are, and the next few.

    `unnamed` are those of which nothing is kept but their number; `told` says whether the first
    was shown as it happened.
    """

    first: TasksEnded
    key: str
    count: int
    more: list[Other] = field(default_factory=list)
    unnamed: int = 0
    told: bool = False

    @property
    def others(self) -> int:
        """How many there are beside those of the first event."""
        return self.count - max(1, self.first.count)


class Failures:
    """What failed in a run of a pipeline, by kind, in the order in which the kinds appeared."""

    def __init__(self, pipeline: str = "") -> None:
        self.pipeline = pipeline
        self.kinds: dict[tuple[str, str, int], Kind] = {}
        self.count = 0
        self.unkept = 0  #: failures of kinds beyond the first hundred
        self.unmet: Counter[str] = Counter()  #: not run since an input failed, by name

    def take(self, group: Sequence[TasksEnded]) -> list[Kind]:
        """Take note of what ended; the kinds of failure that are new."""
        if _NEWS.isdisjoint(map(_STATE, group)):  # as nearly always; a loop would cost more
            return []
        return [kind for event in group if (kind := self._new_kind(event))]

    def _new_kind(self, event: TasksEnded) -> Kind | None:
        if event.state == UPSTREAM_FAILED:
            self.unmet[event.name] += event.count
        if event.state not in BAD:
            return None
        count = max(1, event.count)  # a map that fails itself counts none of its elements
        self.count += count
        likeness, key = _likeness(event), within(self.pipeline, key_of(event))
        kind = self.kinds.get(likeness)
        if kind is not None:
            kind.count += count
            if len(kind.more) < KEYS:
                kind.more.append(Other(key, first_line(event)))
            else:
                kind.unnamed += count
        elif len(self.kinds) == KINDS:
            self.unkept += count
        else:
            self.kinds[likeness] = kind = Kind(event, key, count)
            return kind
        return None


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
