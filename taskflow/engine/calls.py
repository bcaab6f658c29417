"""Makes a call from work: fills in where each input comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.call import IDENTITY, Call, ErrorReport, Failed, Gathered, Part
from taskflow.graph.graph import FLAT, GATHER, MAP, OUTCOME, SUCCESSES, VALUE, Const, Split
from taskflow.lifecycle import CANCELLED, GOOD, SKIPPED
from taskflow.values import dumps

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from taskflow.call import Input, Piece
    from taskflow.engine.maps import MapRun
    from taskflow.engine.plan import Plan
    from taskflow.engine.work import Work
    from taskflow.graph.graph import Ref

#: The payload of a call that hands on its one input.
HAND_ON = dumps(((None,), {}, (0,)))


class Calls:
    """Makes the calls of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def make(self, work: Work, ahead: Container[int] = ()) -> Call:
        """The call for some work; the nodes in `ahead` come earlier in the same batch."""
        plan, graph = self._plan, self._plan.graph
        node, first, count, ask = work
        key = plan.key_of(node)
        attempts = plan.attempts
        retried = attempts.tries or attempts.postponed
        attempt = attempts.number((node, first)) if retried and count == 1 else 1
        if graph.kind[node] in (MAP, FLAT) and (first < -1 or graph.kind[node] == FLAT):
            return Call(node, IDENTITY, key, HAND_ON, (self._to_split(work),), attempt, ask, first)
        spec = graph.spec[node]
        inputs = self.inputs(node, ahead)
        if first < 0:
            return Call(node, spec, key, graph.payload[node], inputs, attempt, ask)
        run = plan.mapping.runs[node]
        columns = run.columns(first, count, self._failed_element)
        labelled = bool(run.keys) or run.root.parent is not None
        keys = tuple(run.label(each) for each in range(first, first + count)) if labelled else None
        return Call(
            node, spec, key, graph.payload[node], inputs, attempt, ask, first, count, columns, keys
        )

    def inputs(self, node: int, ahead: Container[int] = ()) -> tuple[Input, ...]:
        """Where the inputs of a node are."""
        graph, values = self._plan.graph, self._plan.value
        # `successes` and `outcomes` of a list leave out what was skipped themselves.
        among_many = graph.kind[node] == GATHER and graph.spec[node] >= 0
        found: list[Input] = []
        for ref in graph.inputs[node]:
            made: Input = None
            if type(ref) is int:  # most are, and their values are small
                made = ref if ref in ahead else values[ref]
            if type(made) is not bytes and type(made) is not int:
                made = self._input(ref, ahead, among_many)
            found.append(made)
        return tuple(found)

    def _to_split(self, work: Work) -> Input:
        run = self._plan.mapping.runs[work.node]
        if run.parent is not None:
            pieces = tuple(run.parent.values.get(work.first, work.first + 1))
            return Part(Gathered(pieces), (("item", 0),))
        source = run.spec.sources[-2 - work.first]
        assert isinstance(source, Split)  # only these are asked for their elements
        return self._input(source.ref, ())

    def result(self, refs: tuple[Ref, ...]) -> tuple[Input, ...]:
        """Where the parts of the run's result are."""
        return tuple([self._input(ref, ()) for ref in refs])

    def _input(self, ref: Ref, ahead: Container[int], among_many: bool = False) -> Input:  # noqa: FBT002 - hot
        if isinstance(ref, int):
            return ref if ref in ahead else self._value_of(ref, VALUE)
        if isinstance(ref, Const):
            return self._plan.graph.constants[ref.number]
        if ref.node in ahead:
            return Part(ref.node, ref.path) if ref.path else ref.node
        value = self._value_of(ref.node, ref.take, among_many=among_many)
        # A failure or None stands for the whole value: there is no item to take from it.
        return Part(value, ref.path) if ref.path and not _stands_in(value) else value

    def _value_of(self, node: int, take: str, *, among_many: bool = False) -> Input:
        plan = self._plan
        state = plan.state[node]
        run = plan.mapping.runs.get(node)
        if run is not None and run.open:
            return Gathered(tuple(self._collected(run, take)))
        if state in GOOD:
            value: Input = plan.value[node]
            return value
        if state == SKIPPED and take == OUTCOME and among_many:
            return Failed(plan.key_of(node), SKIPPED, _no_report(SKIPPED))
        return None if state == SKIPPED else self.failed(node)

    def _collected(self, run: MapRun, take: str) -> Iterator[Piece | Failed]:
        for first, stop in run.ordered():
            for span_first, span_stop, good in run.alike(first, stop):
                if good:
                    yield from run.values.get(span_first, span_stop)
                elif take != SUCCESSES:
                    for element in range(span_first, span_stop):
                        failure = self._failed_element(run, element)
                        if failure is not None:
                            yield failure

    def failed(self, node: int) -> Failed:
        """The failure that a node ended with: its own, or the one that reached it first."""
        plan = self._plan
        cause = node
        seen: set[int] = set()
        while cause not in plan.errors and cause not in seen:
            seen.add(cause)
            run = plan.mapping.runs.get(cause)
            if run is not None and run.errors:
                element = min(run.errors)
                return Failed(plan.key_of(cause, element), plan.state[node], run.errors[element])
            cause = next(self._bad_inputs(cause), cause)
        report = plan.errors.get(cause) or _no_report(plan.state[node])
        return Failed(plan.key_of(cause), plan.state[node], report)

    def _bad_inputs(self, node: int) -> Iterator[int]:
        plan = self._plan
        above = plan.graph.upstream(node) + plan.expansions.results_of(node)
        return (each for each in above if plan.state[each] not in GOOD)

    def _failed_element(self, run: MapRun, element: int) -> Failed | None:
        state = run.state_of(element)
        if state == SKIPPED:
            return None
        key = self._plan.key_of(run.node, element)
        above: MapRun | None = run
        while above is not None:  # up to the map where it failed
            report = above.errors.get(element)
            if report is not None:
                return Failed(self._plan.key_of(above.node, element), state, report)
            for source in above.sources:
                found = source.pieces.failed(element)
                if found is not None:
                    return found._replace(state=state)
            above, element = _bad_above(above, element)
        return Failed(key, state, _no_report(state))


def _bad_above(run: MapRun, element: int) -> tuple[MapRun | None, int]:
    """The element without a value that an element was made from, in the map above."""
    if run.parent is not None:
        return run.parent, run.list_of(element)[0]
    for source in run.sources:
        above = source.upstream
        if above is not None and element < above.count and above.state_of(element) not in GOOD:
            return above, element
    return None, element


def _stands_in(value: Input) -> bool:
    return value is None or isinstance(value, Failed)


def _no_report(state: str) -> ErrorReport:
    text = "it was cancelled" if state == CANCELLED else f"it ended as {state}"
    return ErrorReport("taskflow.errors.TaskError", text, retryable=False)
