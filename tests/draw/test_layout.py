"""The layout of our own: nothing overlaps, lines lead down, frames hold what is theirs."""

from __future__ import annotations

import itertools

import pytest
from draw.sketch import Sketch, graphs
from hypothesis import given
from hypothesis import strategies as st

from taskflow.draw import layout, picture_of, ranks, rows
from taskflow.draw import picture as p

_NEARLY = 0.01


@st.composite
def pictures(draws):
    """Pictures of random graphs with nested frames, labels, all kinds of lines, and circles."""
    count = draws(st.integers(0, 14))
    frames = [
        p.Frame(
            number,
            draws(st.integers(-1, number - 1)),
            draws(st.sampled_from(["", "frame"])),
            "pipeline",
        )
        for number in range(draws(st.integers(0, 4)))
    ]
    shapes = [p.TASK, p.TASK, p.MAP, p.DYNAMIC, p.PILL, p.WHEN, p.CHOICE, p.POINT]
    boxes = [
        p.Box(
            number,
            draws(st.sampled_from(shapes)),
            "n" * draws(st.integers(0, 30)),
            draws(st.integers(-1, len(frames) - 1)),
        )
        for number in range(count)
    ]
    ends = st.integers(0, max(0, count - 1))
    pairs = draws(st.lists(st.tuples(ends, ends), max_size=20, unique=True)) if count else []
    circles = draws(st.booleans())
    lines = [
        p.Line(tail, head, draws(st.integers(0, 6)), draws(st.sampled_from(["", "", "label"])))
        for tail, head in pairs
        if circles or tail < head
    ]
    held = {box.frame for box in boxes}
    for frame in reversed(frames):
        if frame.number in held:
            held.add(frame.parent)
    frames = [frame for frame in frames if frame.number in held]
    return p.Picture("drawn by lot", boxes=boxes, lines=lines, frames=frames)


def overlap(one, other):
    """Whether two rectangles share more than an edge."""
    return (
        one.x + one.width > other.x + _NEARLY
        and other.x + other.width > one.x + _NEARLY
        and one.y + one.height > other.y + _NEARLY
        and other.y + other.height > one.y + _NEARLY
    )


def inside(inner, outer):
    """Whether a rectangle lies in another."""
    return (
        inner.x >= outer.x - _NEARLY
        and inner.y >= outer.y - _NEARLY
        and inner.x + inner.width <= outer.x + outer.width + _NEARLY
        and inner.y + inner.height <= outer.y + outer.height + _NEARLY
    )


def around(picture, frame):
    """A frame and all those around it."""
    parents = {each.number: each.parent for each in picture.frames}
    found = set()
    while frame >= 0:
        found.add(frame)
        frame = parents[frame]
    return found


@given(pictures())
def test_boxes_never_overlap_and_all_lies_on_the_page(picture):
    """Whatever is drawn, every box can be read."""
    placed = layout.laid_out(picture)
    page = layout.Rect(0, 0, placed.width, placed.height)
    for one, other in itertools.combinations(placed.boxes.values(), 2):
        assert not overlap(one, other)
    for rect in (*placed.boxes.values(), *placed.frames.values()):
        assert inside(rect, page)


@given(pictures())
def test_a_frame_holds_what_is_in_it_and_nothing_else(picture):
    """Boxes and inner frames lie within their frame; no other box or frame touches it."""
    placed = layout.laid_out(picture)
    for frame in picture.frames:
        rect = placed.frames[frame.number]
        for box in picture.boxes:
            if frame.number in around(picture, box.frame):
                assert inside(placed.boxes[box.number], rect)
            else:
                assert not overlap(placed.boxes[box.number], rect)
        for other in picture.frames:
            if frame.number in around(picture, other.number):
                assert inside(placed.frames[other.number], rect)
            elif other.number not in around(picture, frame.number):
                assert not overlap(placed.frames[other.number], rect)


@given(pictures())
def test_lines_lead_down_from_box_to_box(picture):
    """Every line is drawn once, from the lower edge of one box to the upper edge of another.

    Only lines of a circle point up; a line from a box to itself is no matter of the layout.
    """
    placed = layout.laid_out(picture)
    drawn = [route.line for route in placed.routes]
    assert sorted(drawn) == sorted(line for line in picture.lines if line.tail != line.head)
    acyclic = all(line.tail < line.head for line in picture.lines)
    for route in placed.routes:
        upper, lower = (placed.boxes[each] for each in (route.line.tail, route.line.head))
        if route.up:
            assert not acyclic
            upper, lower = lower, upper
        heights = [y for _, *pair in route.stops for y in pair]
        assert all(below > above - _NEARLY for above, below in itertools.pairwise(heights))
        assert heights[0] == pytest.approx(upper.y + upper.height)
        assert heights[-1] == pytest.approx(lower.y)


@given(pictures())
def test_lines_pass_between_boxes(picture):
    """Beside a box a line goes straight down, at a distance: it runs through no box."""
    placed = layout.laid_out(picture)
    for route in placed.routes:
        for x, upper, lower in route.stops[1:-1]:
            for rect in placed.boxes.values():
                beside = rect.y < lower and upper < rect.y + rect.height
                assert not (beside and rect.x < x < rect.x + rect.width)


@given(graphs())
def test_a_traced_graph_is_drawn_without_circles(graph):
    """What can run is drawn so that every line points down."""
    placed = layout.laid_out(picture_of(graph))
    assert not any(route.up for route in placed.routes)


def test_the_same_picture_is_drawn_the_same():
    """A drawing in a repository changes only when the pipeline does."""
    sketch = Sketch()
    ends = [sketch.task(f"t{at}", *range(max(0, at - 3), at)) for at in range(30)]
    first, second = (layout.laid_out(picture_of(sketch.returns(*ends))) for _ in "ab")
    assert first == second


def test_a_straight_way_is_drawn_straight():
    """A chain beside a detour is one column."""
    sketch = Sketch()
    a = sketch.task("a")
    b = sketch.task("b", a)
    c = sketch.task("c", b)
    placed = layout.laid_out(picture_of(sketch.graph))
    assert len({round(placed.boxes[each].middle, 3) for each in (a, b, c)}) == 1


def test_children_stand_around_their_parent():
    """A fan of equal boxes is symmetrical, and in the order of the calls."""
    sketch = Sketch()
    a = sketch.task("a")
    fan = [sketch.task("b", a) for _ in range(4)]
    placed = layout.laid_out(picture_of(sketch.graph))
    places = [placed.boxes[each].middle for each in fan]
    assert places == sorted(places)
    assert sum(places) / 4 == pytest.approx(placed.boxes[a].middle, abs=1)


def test_equal_pipelines_side_by_side_begin_at_one_height():
    """A nested pipeline slides as one to where its lines are short."""
    sketch = Sketch()
    first = sketch.task("first")
    inside = []
    for before in ((first,), ()):
        sketch.at = sketch.scope("ingest")
        raw = sketch.task("read", *before)
        inside.append((raw, sketch.task("clean", raw)))
        sketch.at = 0
    sketch.task("save", *(clean for _, clean in inside))
    placed = layout.laid_out(picture_of(sketch.graph)).boxes
    assert placed[inside[0][0]].y == placed[inside[1][0]].y


def test_crossings_that_can_be_avoided_are():
    """Two crossed pairs are uncrossed."""
    sketch = Sketch()
    a, b = sketch.task("a"), sketch.task("b")
    c, d = sketch.task("c", b), sketch.task("d", a)
    placed = layout.laid_out(picture_of(sketch.graph)).boxes
    assert (placed[a].x < placed[b].x) == (placed[d].x < placed[c].x)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_crossings_are_counted_as_by_hand(pairs):
    """The count by a sorted list is the count over all pairs of lines."""
    grid = rows.Grid(20)
    for item in range(20):
        grid.add(item // 10, 10, -1)
    for tail, head in pairs:
        grid.down[tail].append(10 + head)
    wanted = sum(
        (one[0] - other[0]) * (one[1] - other[1]) < 0
        for one, other in itertools.combinations(pairs, 2)
    )
    assert rows.crossings(grid) == wanted


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_turning_lines_round_leaves_no_circle(pairs):
    """And where there was none, nothing is turned round."""
    ties = [ranks.Tie(tail, head) for tail, head in pairs if tail != head]
    turned = ranks.without_cycles(10, ties)
    rank = ranks.ranks(10, turned)
    assert all(rank[tie.head] > rank[tie.tail] for tie in turned)
    if all(tie.tail < tie.head for tie in ties):
        assert turned == ties
