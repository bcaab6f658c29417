"""What must become of a recipe, worked out by brute force, one call after another.

This knows nothing of the engine: states and values follow from the rules as the manual has them.
Only what happens from outside is told to it: which bodies lost their worker too often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import reject
from strategies import fate_of, mark_of

if TYPE_CHECKING:
    from strategies import Recipe, Step

BAD = {"failed", "crashed", "timed_out"}
#: Stands for a `Failure` wherever a value can be.
FAILURE = "failure"


class Ended(NamedTuple):
    """How one task run ended."""

    state: str
    value: Any = None

    @property
    def is_good(self) -> bool:
        return self.state == "succeeded"


class Mapped(NamedTuple):
    """How a map ended: itself, and its elements in order; None if it never began."""

    state: str
    elements: list[Ended] | None


class Expected:
    """The ends of all steps of a recipe, and the bodies that had to run for them."""

    def __init__(self, recipe: Recipe, crashed: set[tuple[str, int]]) -> None:
        self._crashed = crashed
        self.bodies: set[tuple[str, int]] = set()
        self.ended: list[Ended | Mapped] = []
        #: Steps whose failures no descendant took as values.
        self.taken: set[int] = set()
        self.failing: set[int] = set()
        self._recipe = recipe
        for number, step in enumerate(recipe):
            self.ended.append(getattr(self, f"_{_KINDS[step.kind]}")(number, step))

    # --- inputs ---

    def _seen(self, number: int, take: str) -> str:
        """The state of an input as a trigger rule sees it."""
        ended = self.ended[number]
        if take == "value":
            return ended.state
        if isinstance(ended, Mapped):
            return "succeeded" if ended.elements is not None else ended.state
        return "succeeded" if ended.state in BAD | {"upstream_failed"} else ended.state

    def _value(self, number: int, take: str) -> Any:
        ended = self.ended[number]
        if isinstance(ended, Mapped) and ended.elements is not None:
            return [
                each.value if each.is_good else FAILURE
                for each in ended.elements
                if each.is_good or (each.state != "skipped" and take != "successes")
            ]
        if ended.state == "succeeded":
            assert isinstance(ended, Ended)
            return ended.value
        return None if ended.state == "skipped" else FAILURE

    def _take(self, number: int) -> None:
        """A failure, and what had reached it as data, was taken as a value."""
        if number in self.taken:
            return
        self.taken.add(number)
        step = self._recipe[number]
        for above, _ in step.inputs:
            self._take(above)
        for what, take in step.over:
            if take == "nodes":
                for each in what:
                    self._take(each)
            elif take != "range":
                self._take(what)

    def _take_inputs(self, inputs: Any) -> None:
        for number, _ in inputs:
            if self.ended[number].state != "succeeded":
                self._take(number)

    # --- bodies ---

    def _body(self, ident: str, step: Step, inputs: Any, number: int) -> Ended:
        mark = mark_of(ident, inputs)
        self.bodies.add((ident, mark))
        state = self._fate(ident, mark, step)
        if state in BAD:
            self.failing.add(number)
        return Ended(state, mark if state == "succeeded" else None)

    def _fate(self, ident: str, mark: int, step: Step) -> str:
        fate = fate_of(mark, step.fates)
        times = int(fate[-1]) if fate[-1].isdigit() else 1_000_000
        kind = fate.rstrip("0123456789")
        if (ident, mark) in self._crashed or (kind == "die" and times >= 3):
            return "crashed"
        if kind in {"fail", "hang"} and times > step.retries:
            return "failed" if kind == "fail" else "timed_out"
        return "skipped" if kind == "skip" else "succeeded"

    # --- kinds of steps ---

    def _task(self, number: int, step: Step) -> Ended:
        states = [self._seen(*each) for each in step.inputs]
        states += [self.ended[each].state for each in step.after]
        verdict = judged(step.rule, states)
        if verdict != "run":
            return Ended(verdict)
        self._take_inputs(step.inputs)
        ended = self._body(f"s{number}", step, [self._value(*each) for each in step.inputs], number)
        if step.kind == "numbers" and ended.is_good:
            return Ended("succeeded", [ended.value + each for each in range(ended.value % 4)])
        return ended

    def _map(self, number: int, step: Step) -> Mapped:
        outer = [self._seen(*each) for each in step.inputs]
        outer += [self.ended[each].state for each in step.after]
        apart = [self.ended[what] for what, take in step.over if take not in {"range", "nodes"}]
        # Values to be taken apart must be there.
        verdict = judged("all_success", [each.state for each in apart if isinstance(each, Ended)])
        if verdict != "run":
            return Mapped(verdict, None)
        could = {judged(step.rule, [*outer, each]) for each in ("succeeded", "failed")}
        if "run" not in could:
            return Mapped(judged(step.rule, outer), None)
        columns = [self._column(what, take, step) for what, take in step.over]
        missing = [column for column in columns if isinstance(column, str)]
        self._take_inputs(step.inputs)
        if len(set(missing)) > 1:
            reject()  # it ends as the one that ended first
        if missing:
            return Mapped("skipped" if set(missing) == {"skipped"} else "upstream_failed", None)
        constants = [self._value(*each) for each in step.inputs]
        constants += [None] * (2 - len(constants))
        rows = list(zip(*columns, strict=False))
        elements = [self._element(number, step, row, outer, constants) for row in rows]
        for what, take in step.over:
            if take in {"outcomes", "successes"} and self.ended[what].state != "succeeded":
                self._take(what)
        if len({len(column) for column in columns}) > 1:
            self.failing.add(number)
            return Mapped("failed", elements)
        return Mapped(_state_of(elements), elements)

    def _column(self, what: Any, take: str, step: Step) -> list[tuple[str, Any]] | str:
        """(state, value) of each element as the map sees it, or why there is none."""
        if take == "range":
            return [("succeeded", each) for each in range(what)]
        if take == "nodes":
            return [(self.ended[each].state, self._value(each, "value")) for each in what]
        ended = self.ended[what]
        if isinstance(ended, Ended):
            return [("succeeded", each) for each in ended.value]
        if ended.elements is None:
            return "skipped" if ended.state == "skipped" else "upstream_failed"
        return [_as_taken(each, take) for each in ended.elements]

    def _element(
        self, number: int, step: Step, row: Any, outer: list[str], constants: list[Any]
    ) -> Ended:
        states = [state for state, _ in row]
        if "dropped" in states:
            return Ended("skipped")
        verdict = judged(step.rule, [*states, *outer])
        if verdict != "run":
            return Ended(verdict)
        if any(state != "succeeded" for state in states):
            for what, take in step.over:
                if take == "nodes":
                    for each in what:
                        self._take(each)
                elif take != "range":
                    self._take(what)
        values = [value for _, value in row]
        ended = self._body(f"s{number}", step, [*values, *constants], number)
        if step.kind == "lists" and ended.is_good:
            return Ended("succeeded", [ended.value + each for each in range(ended.value % 3)])
        return ended

    def _flat(self, number: int, step: Step) -> Mapped:
        ((above, take),) = step.inputs
        lists = self.ended[above]
        assert isinstance(lists, Mapped)
        if lists.elements is None:
            return Mapped("skipped" if lists.state == "skipped" else "upstream_failed", None)
        elements: list[Ended] = []
        for each in lists.elements:
            if each.is_good:
                elements += [Ended("succeeded", value) for value in each.value]
            elif each.state != "skipped" and take != "successes":
                elements.append(Ended("upstream_failed"))
        if take == "successes" and lists.state != "succeeded":
            self._take(above)
        return Mapped(_state_of(elements), elements)

    def _when(self, number: int, step: Step) -> Ended:
        (condition, take), *rest = step.inputs
        seen = self._seen(condition, take)
        verdict = judged("all_success", [seen])
        if verdict != "run":
            return Ended(verdict)
        self._take_inputs([(condition, take)])
        value = self._value(condition, take)
        even = value % 2 == 0 if isinstance(value, int) else False
        verdict = judged("all_success", [self._seen(*each) for each in rest])
        if verdict != "run":
            return Ended(verdict)
        self._take_inputs(rest)
        ident = f"s{number}.then" if even else f"s{number}.otherwise"
        ended = self._body(ident, step, [self._value(*each) for each in rest], number)
        # The failure is reported where it is; the branch lacks its value.
        return Ended("upstream_failed") if ended.state in BAD else ended

    def _expand(self, number: int, step: Step) -> Ended:
        verdict = judged("all_success", [self._seen(*each) for each in step.inputs])
        if verdict != "run":
            return Ended(verdict)
        return self._expanded(number, step, 0, self._value(*step.inputs[0]))

    def _expanded(self, number: int, step: Step, depth: int, x: int) -> Ended:
        ended = Ended("succeeded", x)
        for each in range(1 + x % 3):
            ended = self._body(f"s{number}.{depth}.{each}", step, [ended.value], number)
            if not ended.is_good:
                return Ended("skipped" if ended.state == "skipped" else "upstream_failed")
        if x % 2 and depth < 2:
            return self._expanded(number, step, depth + 1, ended.value)
        return ended


_KINDS = {
    "task": "task",
    "numbers": "task",
    "map": "map",
    "lists": "map",
    "flat": "flat",
    "when": "when",
    "expand": "expand",
}


def judged(rule: str, states: list[str]) -> str:
    """Trigger rules, as the manual has them."""
    good = states.count("succeeded")
    skipped = states.count("skipped")
    bad = len(states) - good - skipped
    runs = {
        "all_success": not skipped and not bad,
        "all_done": True,
        "always": True,
        "none_failed": not bad,
        "none_failed_min_one_success": not bad and good > 0,
        "one_success": good > 0,
        "one_failed": bad > 0,
        "all_failed": not good and not skipped,
    }
    if not states or runs[rule]:
        return "run"
    return "upstream_failed" if bad and rule not in {"one_failed", "all_failed"} else "skipped"


def _as_taken(element: Ended, take: str) -> tuple[str, Any]:
    if element.is_good:
        return element
    if take == "successes":
        return "dropped", None
    if element.state == "skipped":
        return "skipped", None
    return ("succeeded" if take == "outcomes" else element.state), FAILURE


def _state_of(elements: list[Ended]) -> str:
    states = {each.state for each in elements}
    if states & BAD:
        return "failed"
    return "upstream_failed" if "upstream_failed" in states else "succeeded"
