"""What a drawing shows, as plain data: boxes, lines between them, frames around them.

`scene` makes a `Picture` from a graph; `dot`, `svg` and `mermaid` write it down. Nothing here
knows a colour or a coordinate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Shapes of boxes.
TASK: Final = "task"
MAP: Final = "map"
DYNAMIC: Final = "dynamic"
DYNAMIC_MAP: Final = "dynamic map"
PILL: Final = "pill"  # a parameter, `flatten`, the result
WHEN: Final = "when"
CHOICE: Final = "choice"
POINT: Final = "point"

#: What stands for many runs of a task.
MAPS: Final = frozenset({MAP, DYNAMIC_MAP})
#: What becomes a graph while running.
DYNAMICS: Final = frozenset({DYNAMIC, DYNAMIC_MAP})
#: What runs.
TASKS: Final = MAPS | DYNAMICS | {TASK}

#: How a line hands something on: whole; element by element; a whole map as a list; a value that
#: is taken apart into the elements of a map. Then what hands nothing on: order; a side of a
#: `when`; a dynamic pipeline, and what it became.
VALUE, EACH, COLLECTED, SPLIT, ORDER, SIDE, EXPANDS = range(7)

#: The number of the box that stands for what the pipeline returns.
RESULT: Final = -1


@dataclass(slots=True)
class Box:
    """One thing that a drawing shows; in a large graph it stands for many nodes."""

    number: int  #: of the first node it stands for, or RESULT
    shape: str
    name: str
    frame: int = -1
    count: str = ""  #: behind the name: `×1,000`
    note: str = ""  #: below the name: how long it took, what went wrong
    state: str = ""  #: empty where no run is shown
    tally: Mapping[str, int] = field(default_factory=dict)  #: what it stands for, by state
    tip: str = ""

    @property
    def id(self) -> str:
        """A name for files that want one."""
        return "result" if self.number == RESULT else f"n{self.number}"


class Line(NamedTuple):
    """An arrow from box to box, by their numbers."""

    tail: int
    head: int
    kind: int = VALUE
    label: str = ""


@dataclass(slots=True)
class Frame:
    """What stands around boxes: a nested pipeline, or one side of a `when`."""

    number: int
    parent: int  #: the frame around it, -1 for the page
    label: str
    kind: str  #: "pipeline", "branch", or "expansion" for what a dynamic pipeline became


@dataclass(slots=True)
class Picture:
    """All that a drawing shows; frames come after those around them."""

    title: str
    subtitle: str = ""
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)  #: task runs by state, of a run

    def walk(self) -> Iterator[Frame | Box | None]:
        """All frames and boxes, each after the frame that it stands in; None closes a frame."""
        boxes: dict[int, list[Box]] = defaultdict(list)
        frames: dict[int, list[Frame]] = defaultdict(list)
        for box in self.boxes:
            boxes[box.frame].append(box)
        for frame in reversed(self.frames):
            frames[frame.parent].append(frame)
        yield from boxes[-1]
        todo: list[Frame | None] = [*frames[-1]]
        while todo:
            inner = todo.pop()
            yield inner
            if inner is not None:
                yield from boxes[inner.number]
                todo += [None, *frames[inner.number]]
