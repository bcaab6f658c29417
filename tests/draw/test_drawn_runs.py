"""Pipelines and runs as pictures: in three languages, and in notebooks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from strategies import REAL_FATES, build, recipes

from taskflow import draw, outcomes, pipeline, successes, task
from taskflow import when as branch
from taskflow.draw import layout
from taskflow.draw import picture as p
from taskflow.graph import graph as g


@task
def count(n: int) -> int:
    return n


@task
def add(left: int, right: int) -> int:
    return left + right


@task
def fails(n: int) -> int:
    if n % 2:
        raise ValueError(n)
    return n


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@pipeline(dynamic=True)
def tree(n: int) -> int:
    """Calls itself twice, down to one."""
    if n <= 1:
        return count(n)
    return add(tree(n - 1), tree(n - 2))


@pipeline
def grown(n: int = 3) -> int:
    return total([tree(count(n))])


@pipeline
def half_failed() -> int:
    return total(successes(fails.map(range(10))))


@pipeline
def chosen(n: int) -> int:
    return branch(count(n), then=lambda: add(1, count(2)), otherwise=lambda: count(3))


@pipeline(dynamic=True)
def twice(n: int) -> int:
    return add(n, n)


@pipeline
def mapped(n: int = 3) -> list[int]:
    return total(outcomes(twice.map(range(n))))


def run(which, **params):
    """The run of a pipeline, in this process."""
    return which.options(executor="inline", progress=False).execute(params)


def test_what_a_dynamic_pipeline_became_is_a_frame_below_it():
    """The call leads into its graph, and the end of that leads on to who takes the value."""
    finished = run(grown, n=3)
    picture = draw.picture_of(*finished._drawn({}))
    names = {box.number: box.name for box in picture.boxes}
    frames = {frame.number: frame for frame in picture.frames}
    assert [frame.kind for frame in picture.frames] == ["expansion"] * 5
    assert p.POINT not in {box.shape for box in picture.boxes}
    expands = [line for line in picture.lines if line.kind == p.EXPANDS]
    assert {names[line.tail].partition("#")[0] for line in expands} == {"tree"}
    inside = {box.number: box.frame for box in picture.boxes}
    for line in expands:
        assert frames[inside[line.head]].parent == inside[line.tail]
    (into,) = [line for line in picture.lines if names[line.head] == "total"]
    assert names[into.tail] == "add"
    assert inside[into.tail] >= 0


def test_elements_of_a_dynamic_map_are_frames_with_their_keys():
    """Each element is its own graph, and all of them lead to who takes the map."""
    picture = draw.picture_of(*run(mapped)._drawn({}))
    assert [frame.label for frame in picture.frames] == [f"twice[{at}]" for at in range(3)]
    names = {box.number: box.name for box in picture.boxes}
    into = [names[line.tail] for line in picture.lines if names[line.head] == "total"]
    assert into == ["add"] * 3


def test_a_run_is_drawn_with_states_and_durations():
    """What failed is seen, with how many of how many, and how long all took."""
    finished = run(half_failed)
    (box,) = [box for box in draw.picture_of(*finished._drawn({})).boxes if box.name == "fails"]
    assert (box.state, box.count, dict(box.tally)) == (
        "failed",
        "×10",
        {"succeeded": 5, "failed": 5},
    )
    assert box.note.startswith("5 failed")
    assert "5 failed" in finished.to_svg("dark")
    assert "✗ fails" in finished.to_mermaid()
    assert "✗ fails" in finished.to_graphviz().source


def test_a_branch_that_was_not_taken_is_drawn_as_skipped():
    """So a reader sees which way the run went."""
    picture = draw.picture_of(*run(chosen, n=0)._drawn({}))
    states = [(box.name, box.state) for box in picture.boxes if box.shape == p.TASK]
    assert states == [
        ("count", "succeeded"),
        ("count", "skipped"),
        ("add", "skipped"),
        ("count", "succeeded"),
    ]


def test_a_run_takes_no_parameters_to_be_drawn():
    """It has its own, and the message says so."""
    with pytest.raises(TypeError, match="a run has its parameters"):
        run(half_failed).to_svg(n=3)


def test_a_pipeline_may_have_a_parameter_called_theme():
    """The theme of the drawing is given by position."""

    @pipeline
    def themed(theme: str = "x") -> int:
        return count(theme)

    assert ">theme</text>" in themed.to_svg("dark")
    assert ">theme</text>" not in themed.to_svg("dark", theme="y")


def test_notebooks_show_pipelines_and_runs():
    """As SVG, and as text where that cannot be shown."""
    for shown in (half_failed, run(half_failed)):
        bundle = shown._repr_mimebundle_(include=None, exclude=None)
        assert bundle["image/svg+xml"].startswith("<svg")
        assert bundle["text/plain"] == repr(shown)


def test_what_cannot_be_traced_is_shown_by_its_name():
    """A notebook is no place for a traceback that nobody asked for."""

    @pipeline
    def loops(n: int) -> list[int]:
        return [count(at) for at in range(n)]

    bundle = loops._repr_mimebundle_()
    assert bundle.keys() == {"text/plain"}
    assert "loops" in bundle["text/plain"]
    assert "no drawing" in bundle["text/plain"]


@settings(max_examples=25)
@given(recipes(REAL_FATES, timeouts=False))
def test_any_graph_that_can_be_traced_can_be_drawn(recipe):
    """All constructs, in all their combinations, in all three languages."""

    @pipeline
    def drawn() -> None:
        build(recipe, lambda ident, node: None)

    graph = drawn.trace()
    placed = layout.laid_out(draw.picture_of(graph))
    assert not any(route.up for route in placed.routes)
    calls = [node for node, kind in enumerate(graph.kind) if kind not in g.HELPERS]
    assert placed.boxes.keys() >= set(calls)
    assert drawn.to_svg()
    assert drawn.to_mermaid()
    assert drawn.to_graphviz().source
