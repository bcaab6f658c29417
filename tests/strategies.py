"""Random pipelines, and what must become of them.

A `Recipe` is plain data. `build` traces it with the public DSL; what every task run has to come to
is worked out without any engine by `engine/model.py`.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from doubles import Dies, Hangs
from hypothesis import strategies as st

from taskflow import (
    RetryLater,
    Skip,
    current,
    flatten,
    outcome,
    outcomes,
    pipeline,
    successes,
    task,
)
from taskflow import when as branch
from taskflow.call import Failure
from taskflow.context import context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RULES = (
    "all_success",
    "all_success",
    "all_success",
    "all_done",
    "none_failed",
    "none_failed_min_one_success",
    "one_success",
    "one_failed",
    "all_failed",
    "always",
)
#: Fates that an executor without make-believe can bring about, and that end quickly.
REAL_FATES = ("ok", "ok", "ok", "ok", "fail", "fail1", "fail2", "skip")
FATES = (*REAL_FATES, "later", "die", "die1", "die2")
SCALARS = ("task", "when", "expand")
MAPS = ("map", "flat")


class Step(NamedTuple):
    """One call in a pipeline; inputs are (number of an earlier step, how it is taken)."""

    kind: str
    inputs: tuple[tuple[int, str], ...] = ()
    over: tuple[tuple[Any, str], ...] = ()  # of a map: a step, a range's length, or scalar steps
    after: tuple[int, ...] = ()
    rule: str = "all_success"
    retries: int = 0
    fates: tuple[str, ...] = ("ok",)
    timeout: float | None = None
    keyed: bool = False


Recipe = tuple[Step, ...]


# --- the bodies --------------------------------------------------------------------------------


class Stage(Protocol):
    """Where bodies play: it writes down who enters, and knows who has failed how often."""

    def enter(self, ident: str, mark: int) -> tuple[int, int]:
        """A body begins; returns how often it has failed, and has asked to come later."""

    def leave(self, ident: str, mark: int) -> None:
        """A body ended, one way or another."""


class FileStage:
    """For bodies in processes of their own: files in the directory of the run."""

    def enter(self, ident: str, mark: int) -> tuple[int, int]:
        self._write("+", ident, mark)
        return current.attempt - 1, 1

    def leave(self, ident: str, mark: int) -> None:
        self._write("-", ident, mark)

    def _write(self, sign: str, ident: str, mark: int) -> None:
        line = f"{sign} {ident} {mark}\n".encode()
        file = os.open(f"{os.environ['TASKFLOW_TEST_JOURNAL']}", os.O_APPEND | os.O_WRONLY)
        os.write(file, line)
        os.close(file)


stage: Stage = FileStage()


def set_stage(new: Stage) -> None:
    """Choose who watches the bodies in this process."""
    global stage
    stage = new


def mark_of(ident: str, inputs: Any) -> int:
    """The value of a body: a number that tells all its inputs apart."""
    return zlib.crc32(repr((ident, seen(inputs))).encode())


def seen(value: Any) -> Any:
    """An input as the model knows it: a failure is a failure, whichever it is."""
    if isinstance(value, Failure):
        return "failure"
    if isinstance(value, (list, tuple)):
        return [seen(each) for each in value]
    return value


def fate_of(mark: int, fates: Sequence[str]) -> str:
    """What happens to the body with this value."""
    return fates[mark % len(fates)]


def play(ident: str, fates: Sequence[str], inputs: Any) -> int:
    """Every body: ends as its fate has it, else returns its mark."""
    mark = mark_of(ident, inputs)
    failures, laters = stage.enter(ident, mark)
    try:
        _suffer(fate_of(mark, fates), failures, laters)
    finally:
        stage.leave(ident, mark)
    return mark


def _suffer(fate: str, failures: int, laters: int) -> None:
    times = int(fate[-1]) if fate[-1].isdigit() else 1_000_000
    kind = fate.rstrip("0123456789")
    if kind == "skip":
        raise Skip("drawn")
    if kind == "later" and not laters:
        raise RetryLater(5)
    facts = context.get()
    if kind == "die" and facts is not None and facts.attempt - failures <= times:
        raise Dies
    if kind == "fail" and failures < times:
        raise ValueError(fate)
    if kind == "hang" and failures < times:
        raise Hangs


@task
def work(ident, fates, *inputs):
    return play(ident, fates, inputs)


@task
def numbers(ident, fates, *inputs):
    mark = play(ident, fates, inputs)
    return [mark + number for number in range(mark % 4)]


@pipeline(dynamic=True)
def expand(ident, fates, depth, x):
    """Calls some tasks in a row, and itself, as its argument says."""
    value = x
    for number in range(1 + x % 3):
        value = work(f"{ident}.{depth}.{number}", fates, value)
    if x % 2 and depth < 2:
        return expand(ident, fates, depth + 1, value)
    return value


# --- tracing a recipe ----------------------------------------------------------------------------


def build(recipe: Recipe, on_node: Callable[[str, int], None]) -> None:
    """Call the tasks of a recipe in the body of a pipeline."""
    made: list[Any] = []
    for number, step in enumerate(recipe):
        future = _BUILDERS[step.kind](f"s{number}", step, made)
        made.append(future)
        plain = future
        while hasattr(type(plain), "_structure"):
            plain = plain._structure
        on_node(f"s{number}", plain._node)


def _taken(made: list[Any], inputs: Any) -> list[Any]:
    takes = {"value": lambda x: x, "outcome": outcome, "outcomes": outcomes, "successes": successes}
    return [takes[take](made[number]) for number, take in inputs]


def _options(step: Step, made: list[Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {"trigger_rule": step.rule, "retries": step.retries}
    if step.timeout:
        chosen["timeout"] = step.timeout
    if step.after:
        chosen["after"] = [made[number] for number in step.after]
    return chosen


def _build_task(ident: str, step: Step, made: list[Any]) -> Any:
    fn = (numbers if step.kind == "numbers" else work).options(**_options(step, made))
    return fn(ident, step.fates, *_taken(made, step.inputs))


def _build_map(ident: str, step: Step, made: list[Any]) -> Any:
    columns = [_column(made, what, take) for what, take in step.over]
    mapped = _MAPPED[step.kind, len(columns)]
    constants = dict(zip(("c", "d"), _taken(made, step.inputs), strict=False))
    return mapped.options(**_options(step, made)).map(
        *columns, ident=ident, fates=step.fates, **constants
    )


def _column(made: list[Any], what: Any, take: str) -> Any:
    if take == "range":
        return range(what)
    if take == "nodes":
        return [made[number] for number in what]
    return _taken(made, [(what, take)])[0]


@task
def map1(a, ident, fates, c=None, d=None):
    return play(ident, fates, _given(a, c=c, d=d))


@task
def map2(a, b, ident, fates, c=None, d=None):
    return play(ident, fates, _given(a, b, c=c, d=d))


@task
def lists1(a, ident, fates, c=None, d=None):
    mark = play(ident, fates, _given(a, c=c, d=d))
    return [mark + number for number in range(mark % 3)]


@task
def lists2(a, b, ident, fates, c=None, d=None):
    mark = play(ident, fates, _given(a, b, c=c, d=d))
    return [mark + number for number in range(mark % 3)]


def _given(*columns, c, d):
    return [*columns, c, d]


_MAPPED = {("map", 1): map1, ("map", 2): map2, ("lists", 1): lists1, ("lists", 2): lists2}


def _build_flat(ident: str, step: Step, made: list[Any]) -> Any:
    return flatten(_taken(made, step.inputs)[0])


def _build_when(ident: str, step: Step, made: list[Any]) -> Any:
    (condition, *rest) = _taken(made, step.inputs)
    return branch(
        parity(condition),
        then=lambda: work(f"{ident}.then", step.fates, *rest),
        otherwise=lambda: work(f"{ident}.otherwise", step.fates, *rest),
    )


@task
def parity(x):
    return x % 2 == 0 if isinstance(x, int) else False


def _build_expand(ident: str, step: Step, made: list[Any]) -> Any:
    return expand(ident, step.fates, 0, _taken(made, step.inputs)[0])


_BUILDERS = {
    "task": _build_task,
    "numbers": _build_task,
    "map": _build_map,
    "lists": _build_map,
    "flat": _build_flat,
    "when": _build_when,
    "expand": _build_expand,
}


# --- drawing -------------------------------------------------------------------------------------


@st.composite
def recipes(
    draw: Any,
    fates: Sequence[str] = FATES,
    most: int = 7,
    *,
    timeouts: bool = True,
    single: bool = False,
) -> Recipe:
    """Random pipelines of up to `most` calls; with `single` no maps and nothing that expands."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, most))):
        kinds = ["task", "task", "numbers", "map", "map", "lists"]
        if single:
            kinds = ["task", "task", "numbers"]
        if _of(steps, *SCALARS):
            kinds += ["when"] if single else ["when", "expand"]
        if _of(steps, "lists"):
            kinds += ["flat", "flat"]
        steps.append(_DRAWS[draw(st.sampled_from(kinds))](draw, steps, fates, timeouts))
    return tuple(steps)


def _of(steps: list[Step], *kinds: str) -> list[int]:
    return [number for number, step in enumerate(steps) if step.kind in kinds]


def _draw_inputs(draw: Any, steps: list[Step], most: int) -> tuple[tuple[int, str], ...]:
    if not steps:
        return ()
    chosen = draw(st.lists(st.integers(0, len(steps) - 1), max_size=most, unique=True))
    return tuple((number, draw(st.sampled_from(_takes(steps[number])))) for number in chosen)


def _takes(step: Step) -> tuple[str, ...]:
    if step.kind in {"map", "lists", "flat"}:
        return ("value", "outcomes", "successes")
    return ("value", "value", "outcome")


def _draw_common(
    draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool
) -> dict[str, Any]:
    timeout = 3.0 if timeouts and draw(st.integers(0, 5)) == 0 else None
    pool = [*fates, "hang", "hang1"] if timeout else fates
    before = _of(steps, "task", "numbers", "map", "lists", "flat", "expand")
    return {
        "after": tuple(draw(st.sets(st.sampled_from(before), max_size=2))) if before else (),
        "rule": draw(st.sampled_from(RULES)),
        "retries": draw(st.sampled_from((0, 0, 1, 2))),
        "fates": tuple(draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4))),
        "timeout": timeout,
    }


def _draw_task(draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool) -> Step:
    common = _draw_common(draw, steps, fates, timeouts)
    return Step("task", _draw_inputs(draw, steps, 3), **common)


def _draw_numbers(draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool) -> Step:
    common = _draw_common(draw, steps, fates, timeouts)
    return Step("numbers", _draw_inputs(draw, steps, 1), **common)


def _draw_map(draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool) -> Step:
    common = _draw_common(draw, steps, fates, timeouts)
    over = tuple(_draw_column(draw, steps) for _ in range(draw(st.sampled_from((1, 1, 2)))))
    if len(over) > 1 and any(_is_flat(steps, *column) for column in over):
        over = over[:1]  # numbered as they arrive: beside others they would be collected first
    if all(take == "range" for _, take in over):
        over = tuple((over[0][0], "range") for _ in over)
    sizes = {
        len(what) if take == "nodes" else what for what, take in over if take in {"range", "nodes"}
    }
    if len(sizes) > 1:  # refused while tracing
        over = over[:1]
    return Step("map", _draw_inputs(draw, steps, 1), over, **common)


def _is_flat(steps: list[Step], what: Any, take: str) -> bool:
    """Whether the elements are those of a flatten, or of maps over it."""
    if take in {"range", "nodes"}:
        return False
    return steps[what].kind == "flat" or any(_is_flat(steps, *each) for each in steps[what].over)


def _draw_column(draw: Any, steps: list[Step]) -> tuple[Any, str]:
    kinds = ["range"]
    maps, lists, scalars = (
        _of(steps, "map", "lists", "flat"),
        _of(steps, "numbers"),
        _of(steps, "task"),
    )
    kinds += ["maps"] * 3 * bool(maps) + ["split"] * bool(lists) + ["nodes"] * bool(scalars)
    kind = draw(st.sampled_from(kinds))
    if kind == "maps":
        return draw(st.sampled_from(maps)), draw(
            st.sampled_from(("value", "outcomes", "successes"))
        )
    if kind == "split":
        return draw(st.sampled_from(lists)), "value"
    if kind == "nodes":
        return tuple(draw(st.lists(st.sampled_from(scalars), min_size=1, max_size=4))), "nodes"
    return draw(st.integers(0, 9)), "range"


def _draw_lists(draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool) -> Step:
    return _draw_map(draw, steps, fates, timeouts)._replace(kind="lists")


def _draw_flat(draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool) -> Step:
    number = draw(st.sampled_from(_of(steps, "lists")))
    return Step("flat", ((number, draw(st.sampled_from(("value", "successes")))),))


def _draw_when(draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool) -> Step:
    condition = draw(st.sampled_from(_of(steps, *SCALARS)))
    take = draw(st.sampled_from(("value", "outcome")))
    drawn = tuple(draw(st.lists(st.sampled_from(fates), min_size=1, max_size=3)))
    return Step("when", ((condition, take), *_draw_inputs(draw, steps, 1)), fates=drawn)


def _draw_expand(draw: Any, steps: list[Step], fates: Sequence[str], timeouts: bool) -> Step:
    argument = draw(st.sampled_from(_of(steps, *SCALARS)))
    drawn = tuple(draw(st.lists(st.sampled_from(fates), min_size=1, max_size=3)))
    return Step("expand", ((argument, "value"),), fates=drawn)


_DRAWS = {
    "task": _draw_task,
    "numbers": _draw_numbers,
    "map": _draw_map,
    "lists": _draw_lists,
    "flat": _draw_flat,
    "when": _draw_when,
    "expand": _draw_expand,
}
