"""Drawings by Graphviz: each construct has its look, nothing is lost, any name can be drawn."""

from __future__ import annotations

import itertools
import re
import sys
from xml.etree import ElementTree as ET

import pytest
from draw.sketch import HOSTILE, Sketch, graphs, hostile, reaches
from hypothesis import given
from hypothesis import strategies as st

from taskflow import draw, lifecycle
from taskflow.authoring.constructs import flatten, successes, when
from taskflow.authoring.pipeline import pipeline
from taskflow.authoring.task import task
from taskflow.draw import looks
from taskflow.errors import TaskflowError
from taskflow.graph import graph as g


class Drawn:
    """What a drawing says: the text of each box and edge by name."""

    def __init__(self, sketch, states=None):
        graph = sketch.graph if isinstance(sketch, Sketch) else sketch
        self.canvas = draw.to_graphviz(graph, states and draw.Facts(states))
        self.source = self.canvas.source
        self.title = self.canvas.graph_attr["label"].replace("&#160;", " ")
        self.boxes, self.edges = {}, {}
        for line in self.canvas.body:
            if edge := re.match(r"\t(\w+)(?::\w+)? -> (\w+) ?(.*)", line, re.DOTALL):
                self.edges.setdefault((edge[1], edge[2]), []).append(edge[3])
            elif box := re.match(r"\t(n\d+|result) (.*)", line, re.DOTALL):
                self.boxes[box[1]] = box[2]

    def edge(self, tail, head):
        (text,) = self.edges[f"n{tail}", head if isinstance(head, str) else f"n{head}"]
        return text

    def box(self, node):
        return self.boxes[f"n{node}"]


# --- boxes ---------------------------------------------------------------------------------


def test_a_task_is_a_box_with_its_short_name():
    """A second call of a task in the same scope says #2, the first one says nothing."""
    sketch = Sketch()
    first, second = sketch.task("fetch"), sketch.task("fetch", nth=2)
    drawn = Drawn(sketch)
    assert "label=fetch " in drawn.box(first)
    assert 'label="fetch#2"' in drawn.box(second)


def test_a_map_is_one_stack_with_its_count():
    """The count is there if the graph alone can say it, else it is n."""
    sketch = Sketch()
    known = sketch.map("fetch", g.Listed((), 1000))
    follows = sketch.map("parse", g.Elements(known))
    fewer = sketch.map("clean", g.Elements(follows, g.SUCCESSES))
    unknown = sketch.map("read", g.Split(fewer))
    drawn = Drawn(sketch)
    assert [("×1,000" in drawn.box(each)) for each in (known, follows)] == [True, True]
    assert [("×n" in drawn.box(each)) for each in (fewer, unknown)] == [True, True]
    assert all("<TABLE" in drawn.box(each) for each in range(4))


def test_a_dynamic_pipeline_is_a_dashed_double_box():
    """What becomes a graph while running can be told from a task, also when it is mapped."""
    sketch = Sketch()
    once = sketch.add(g.DYNAMIC, name="crawl", dynamic=True)
    mapped = sketch.map("crawl", g.Listed((), 3), dynamic=True)
    drawn = Drawn(sketch)
    assert "peripheries=2" in drawn.box(once)
    assert "dashed" in drawn.box(once)
    assert "DASHED" in drawn.box(mapped)


def test_parameters_and_the_result_are_ellipses():
    """A drawing shows what goes in by name, and which values come out."""
    sketch = Sketch()
    domain = sketch.add(g.INPUT)
    sketch.graph.labels[domain] = "domain"
    task = sketch.task("fetch", domain)
    sketch.returns(task)
    drawn = Drawn(sketch)
    assert "label=domain" in drawn.box(domain)
    assert "shape=ellipse" in drawn.box(domain)
    assert "shape=ellipse" in drawn.boxes["result"]
    assert (f"n{task}", "result") in drawn.edges


def test_a_constant_result_is_not_drawn():
    """Where no task makes the result there is nothing to point at."""
    sketch = Sketch()
    sketch.task("fetch")
    sketch.returns()
    assert "result" not in Drawn(sketch).boxes


def test_nested_pipelines_are_frames_and_the_outermost_is_the_page():
    """Each frame is labelled and lies in the one around it; frames without a box are left out."""
    sketch = Sketch()
    sketch.at = sketch.scope("domain#2")
    sketch.at = sketch.scope("sitemaps")
    sketch.task("read")
    sketch.scope("nothing")
    source = Drawn(sketch).source
    assert source.count("subgraph") == 2
    assert source.index('label="domain#2"') < source.index("label=sitemaps")
    assert source.count("{") == source.count("}")


# --- edges ---------------------------------------------------------------------------------


def test_edges_say_how_a_map_is_taken():
    """Element by element, collected into a list, and taken apart look unlike each other."""
    sketch = Sketch()
    urls = sketch.task("urls")
    pages = sketch.map("fetch", g.Split(urls))
    texts = sketch.map("parse", g.Elements(pages))
    corpus = sketch.task("save", texts)
    third = sketch.task("look", g.Link(texts, (("item", 3),)))
    drawn = Drawn(sketch)
    assert "arrowhead=crownormal" in drawn.edge(urls, pages)
    assert "penwidth" in drawn.edge(pages, texts)
    assert "arrowtail=crow" in drawn.edge(texts, corpus)
    assert "crow" not in drawn.edge(texts, third)


def test_flatten_stands_between_two_maps():
    """A map of lists goes on element by element, through `flatten`."""
    sketch = Sketch()
    lists = sketch.map("links", g.Listed((), 3))
    flat = sketch.add(g.FLAT, over=(g.Elements(lists),))
    pages = sketch.map("fetch", g.Elements(flat))
    drawn = Drawn(sketch)
    assert "label=flatten" in drawn.box(flat)
    assert "penwidth" in drawn.edge(lists, flat)
    assert "penwidth" in drawn.edge(flat, pages)
    assert "×n" in drawn.box(pages)


def test_edges_are_labelled_with_what_is_taken():
    """Items, fields, successes and outcomes are read on the edge; starmap has its star."""
    sketch = Sketch()
    a = sketch.task("a")
    m = sketch.map("m", g.Listed((), 2))
    path = (("item", "k"), ("field", "url"), ("item", 0))
    b = sketch.task("b", g.Link(a, path), g.Link(m, (), g.SUCCESSES))
    c = sketch.map("c", g.Elements(m, g.OUTCOMES), star=True)
    d = sketch.task("d", g.Link(a, (("item", 1),), g.OUTCOME))
    drawn = Drawn(sketch)
    assert r'["k\"].url[0]"' in drawn.edge(a, b).replace(r"[\"k", '["k')
    assert "successes" in drawn.edge(m, b)
    assert "*outcomes" in drawn.edge(m, c)
    assert "outcome [1]" in drawn.edge(a, d)


def test_several_items_of_one_task_share_an_edge():
    """`f(x[0], x[1])` is one edge with both labels."""
    sketch = Sketch()
    a = sketch.task("a")
    b = sketch.task("b", *(g.Link(a, (("item", at),)) for at in (0, 1)))
    assert "[0], [1]" in Drawn(sketch).edge(a, b)


def test_order_without_data_is_dashed():
    """Where there is data too, the dashed edge would say nothing new and is left out."""
    sketch = Sketch()
    a = sketch.task("a")
    b = sketch.task("b", after=(a,))
    c = sketch.task("c", b, after=(b,))
    drawn = Drawn(sketch)
    assert "style=dashed" in drawn.edge(a, b)
    assert "style=dashed" not in drawn.edge(b, c)


def test_order_with_a_nested_pipeline_is_drawn_at_its_ends():
    """`a >> nested >> b` waits for all calls inside; the drawing says so with two edges."""
    sketch = Sketch()
    before = sketch.task("before")
    inside = [sketch.task("one", after=(before,))]
    for name in ("two", "three"):
        inside.append(sketch.task(name, inside[-1], after=(before,)))
    after = sketch.task("after", after=tuple(inside))
    drawn = Drawn(sketch)
    dashed = [ends for ends, (look,) in drawn.edges.items() if "dashed" in look]
    assert dashed == [(f"n{before}", f"n{inside[0]}"), (f"n{inside[-1]}", f"n{after}")]


def test_a_barrier_is_a_point():
    """`many >> many` meets in one place."""
    sketch = Sketch()
    bar = sketch.add(g.BARRIER, after=(sketch.task("a"), sketch.task("b")))
    sketch.task("c", after=(bar,))
    drawn = Drawn(sketch)
    assert "shape=point" in drawn.box(bar)
    assert len(drawn.edges) == 3


def test_a_gather_that_only_passes_on_is_left_out():
    """Its inputs go straight to what takes it, with their labels, through several of them."""
    sketch = Sketch()
    a, m = sketch.task("a"), sketch.map("m", g.Listed((), 2))
    inner = sketch.add(g.GATHER, g.Link(a, (("item", 0),)), m)
    outer = sketch.add(g.GATHER, inner)
    b = sketch.task("b", outer)
    drawn = Drawn(sketch)
    assert drawn.boxes.keys() == {f"n{a}", f"n{m}", f"n{b}"}
    assert "[0]" in drawn.edge(a, b)
    assert "arrowtail=crow" in drawn.edge(m, b)


def test_a_gather_of_many_for_many_stays_a_point():
    """Ten tasks that take a list of ten are twenty edges and not a hundred."""
    sketch = Sketch()
    both = sketch.add(g.GATHER, *[sketch.task("a", nth=at) for at in range(10)])
    for at in range(10):
        sketch.task("b", both, nth=at)
    drawn = Drawn(sketch)
    assert "shape=point" in drawn.box(both)
    assert len(drawn.edges) == 20


# --- branches ------------------------------------------------------------------------------


def branch(sketch, cond, then, otherwise=tuple):
    """A `when` as the tracer writes it; each side is a function that returns references."""
    truth = sketch.add(g.TRUTH, cond)
    outer, ends = (sketch.at, sketch.gate), []
    for taken, side in ((True, then), (False, otherwise)):
        sketch.at, sketch.gate = outer
        sketch.at, sketch.gate = sketch.scope("side", "branch"), (truth, taken)
        ends.append(sketch.add(g.GATHER, *side()))
    sketch.at, sketch.gate = outer
    choice = sketch.add(g.CHOICE, *ends)
    sketch.graph.labels[choice] = "choice"
    return truth, choice


def test_when_is_a_diamond_whose_sides_meet_again():
    """`then` and `otherwise` point to where each side begins, and nowhere else."""
    sketch = Sketch()
    cond = sketch.task("check")
    calls = []

    def then():
        calls.append(sketch.task("clean", cond))
        calls.append(sketch.task("save", *calls))
        return calls[1:]

    def otherwise():
        calls.append(sketch.task("warn"))
        return calls[2:]

    truth, choice = branch(sketch, cond, then, otherwise)
    drawn = Drawn(sketch)
    clean, save, warn = calls
    assert "label=when" in drawn.box(truth)
    assert all("shape=diamond" in drawn.box(each) for each in (truth, choice))
    assert 'label="" ' in drawn.box(choice)
    assert "then" in drawn.edge(truth, clean)
    assert "otherwise" in drawn.edge(truth, warn)
    assert {(f"n{save}", f"n{choice}"), (f"n{warn}", f"n{choice}")} <= drawn.edges.keys()
    assert len(drawn.edges) == 7
    assert drawn.source.count("subgraph") == 1


def test_a_side_without_tasks_leads_straight_to_where_the_sides_meet():
    """`when(x, then=...)` shows that otherwise nothing happens."""
    sketch = Sketch()
    truth, choice = branch(sketch, sketch.task("check"), lambda: [sketch.task("save")])
    drawn = Drawn(sketch)
    assert len(drawn.boxes) == 4
    assert "otherwise" in drawn.edge(truth, choice)


def test_a_side_that_gives_a_value_from_outside_shows_both():
    """`otherwise=lambda: cached` has no task: the edge says so, and where the value is from."""
    sketch = Sketch()
    cached = sketch.task("cached")
    truth, choice = branch(sketch, sketch.task("check"), tuple, lambda: [cached])
    drawn = Drawn(sketch)
    assert len(drawn.boxes) == 4
    assert "then, otherwise" in drawn.edge(truth, choice)
    assert "label" not in drawn.edge(cached, choice)


def test_branches_lie_in_branches():
    """The inner `when` is entered from where the outer side begins, and not from the outer one."""
    sketch = Sketch()
    check = sketch.task("check")
    inner = []

    def then():
        inner.append(sketch.task("look"))
        inner.extend(branch(sketch, inner[0], lambda: [sketch.task("save")]))
        return [sketch.task("tell", inner[2])]

    truth, choice = branch(sketch, check, then)
    drawn = Drawn(sketch)
    heads = {head for tail, head in drawn.edges if tail == f"n{truth}"}
    assert heads == {f"n{inner[0]}", f"n{choice}"}


# --- traced --------------------------------------------------------------------------------


@task
def read(path: str) -> list[str]:
    """Traced only."""


@task
def count(lines: list[str]) -> int:
    """Traced only."""


@task
def warn(about: object) -> None:
    """Traced only."""


@pipeline(dynamic=True)
def follow(line: str) -> list[str]:
    """Traced only."""


@pipeline
def read_all(paths: list[str]) -> dict[str, object]:
    texts = read.map(paths)
    return {"lines": flatten(texts), "first": texts}


@pipeline
def survey(paths: list[str], limit: int = 3) -> object:
    found = read_all(paths)
    total = count(successes(found["lines"]))
    more = follow.map(found["lines"])
    done = when(total, then=lambda: warn.options(after=[warn(limit)])(total))
    found >> done
    return {"total": total, "more": more, "done": done}


def test_a_traced_pipeline_is_drawn_with_all_it_has():
    """What the tracer writes is what drawings read: every construct is where it belongs."""
    drawn = Drawn(survey.trace())
    named = {}
    for name, look in drawn.boxes.items():
        key = re.search(r'tooltip="survey/(\S+)', look)
        named[key[1] if key else name] = name
    edges = {
        (tail, head): "".join(drawn.edges.get((named[tail], named[head]), ["none"]))
        for tail in named
        for head in named
    }
    assert "crownormal" in edges["paths", "read_all/read"]
    assert "penwidth" in edges["read_all/flatten", "follow"]
    assert "successes" in edges["read_all/flatten", "count"]
    assert "then" in edges["when", "then/warn"]
    assert "dashed" in edges["then/warn", "then/warn#2"]
    assert "otherwise" in edges["when", "choice"]
    assert edges["when", "then/warn#2"] == edges["read_all/flatten", "when"] == "none"
    assert {head for tail, head in drawn.edges if tail == named["choice"]} == {"result"}


# --- states --------------------------------------------------------------------------------


def test_states_colour_the_boxes_and_are_counted():
    """What failed is marked by more than colour; what has no state yet is pending."""
    sketch = Sketch()
    a, b, c = (sketch.task(name) for name in "abc")
    drawn = Drawn(sketch, {a: lifecycle.SUCCEEDED, b: lifecycle.TIMED_OUT})
    faces = [drawn.box(each) for each in (a, b, c)]
    ended = (lifecycle.SUCCEEDED, lifecycle.TIMED_OUT, lifecycle.PENDING)
    for look, state in zip(faces, ended, strict=True):
        assert looks.TINTS[state].line in look
    assert "⧖ b" in faces[1]
    assert "⧖" not in faces[0] + faces[2]
    assert all(words in drawn.title for words in ("1 succeeded", "1 timed out", "1 pending"))


def test_a_folded_box_shows_the_state_to_look_at():
    """One failure among a thousand is seen."""
    sketch = Sketch()
    for at in range(1000):
        sketch.task("fetch", nth=at + 1)
    drawn = Drawn(sketch, dict.fromkeys(range(1000), lifecycle.SUCCEEDED) | {7: lifecycle.FAILED})
    assert "✗ fetch" in drawn.box(0)
    assert "999 succeeded" in drawn.title


# --- large graphs --------------------------------------------------------------------------


def domains(count):
    sketch = Sketch("crawl")
    found = []
    for at in range(count):
        sketch.at = sketch.graph.scopes.index((-1, "crawl", "pipeline"))
        sketch.at = sketch.scope(f"domain#{at + 1}" if at else "domain")
        page = sketch.task("fetch", sketch.task("urls"))
        found.append(sketch.task("fetch", page, nth=2))
        sketch.map("parse", g.Elements(sketch.map("read", g.Listed((), 10))))
    sketch.at = 0
    sketch.returns(sketch.task("merge", *found))
    return sketch


def test_equal_tasks_of_a_large_graph_are_one_box():
    """By name within a pipeline, equal pipelines are one frame, and the drawing says so."""
    drawn = Drawn(domains(500))
    assert len(drawn.boxes) == 6
    assert drawn.source.count("subgraph") == 1
    for words in (
        "domain ×500",
        "2&#44;501 calls&#44; equal ones drawn as one",
        "×1,000",
        "500 maps ×5,000",
    ):
        assert words in drawn.source


def test_graphs_of_300_nodes_are_drawn_in_full():
    """Folding begins where a drawing is no longer pleasant to read."""
    sketch = Sketch()
    node = sketch.task("step")
    for at in range(299):
        node = sketch.task("step", node, nth=at + 2)
    assert len(Drawn(sketch).boxes) == 300
    sketch.task("step", node, nth=301)
    assert len(Drawn(sketch).boxes) == 1


def test_many_calls_alike_are_one_box():
    """A loop over a hundred lanes is drawn once; one that stands otherwise is drawn beside it."""
    sketch = Sketch()
    urls = sketch.task("urls")
    lanes = [sketch.task("parse", sketch.task("fetch", urls)) for _ in range(100)]
    odd = sketch.task("fetch")
    sketch.task("save", *lanes, odd)
    drawn = Drawn(sketch)
    assert len(drawn.boxes) == 5
    assert drawn.source.count("×100") == 2
    assert "203 calls" in drawn.title


def test_a_pipeline_that_calls_itself_is_one_frame():
    """A recursion over data is drawn once, however deep and wide it went."""
    sketch = Sketch()
    for _ in range(400):
        sketch.at = sketch.scope("walk[3]")
        sketch.task("read")
    drawn = Drawn(sketch)
    assert len(drawn.boxes) == 1
    assert "walk ×400" in drawn.source


def calls_to_draw(shape, n):
    """How many functions are called to draw n nodes or so, which hang together in some way."""
    sketch = domains(n // 5) if shape == "nested" else Sketch()
    node = sketch.task("first")
    if shape == "fan-in":
        sketch.task("last", *(sketch.task("step") for _ in range(n)))
    for _ in range(n if shape == "chain" else 0):
        node = sketch.task("step", node)
    for _ in range(n // 2 if shape == "gathers" else 0):
        node = sketch.add(g.GATHER, node, sketch.task("step"))
    calls = itertools.count()
    try:
        sys.setprofile(lambda *_: next(calls))
        drawn = Drawn(sketch)
    finally:
        sys.setprofile(None)
    assert len(drawn.source) < 10_000
    return next(calls)


@pytest.mark.ring_long
@pytest.mark.parametrize("shape", ["chain", "fan-in", "gathers", "nested"])
def test_drawing_takes_steps_in_proportion(shape):
    """Four times the nodes are four times the calls, however they hang together."""
    assert calls_to_draw(shape, 8000) < 5 * calls_to_draw(shape, 2000) + 2000


# --- nothing lost --------------------------------------------------------------------------


@given(graphs())
def test_a_drawing_has_the_order_of_the_graph(graph):
    """Between any two tasks there is a way in the drawing if and only if the graph has one."""
    drawn = Drawn(graph)
    wanted = {
        f"n{node}": [f"n{each}" for each in graph.upstream(node)] for node in range(len(graph))
    }
    wanted["result"] = [f"n{each}" for each in graph.result[1]]
    found: dict[str, list[str]] = {}
    for tail, head in drawn.edges:
        found.setdefault(head, []).append(tail)
    shown = drawn.boxes.keys()
    assert {f"n{node}" for node, spec in enumerate(graph.spec) if spec >= 0} <= shown
    for head in shown:
        assert reaches(head, found) == reaches(head, wanted) & shown


# --- any name ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_ends_its_quotes(text):
    """Whatever a task is called, the text stays text that Graphviz can read, in short lines."""
    source = draw.to_graphviz(hostile([text])).source
    source.encode()
    quoted, markup = r'"(?:[^"\\]|\\.)*"', r"=<(?:<[^<>]*>|[^<>])*>"
    bare = re.sub(f"{quoted}|{markup}", "", source, flags=re.DOTALL)
    assert bare.count("{") == bare.count("}") == 2
    assert max(map(len, re.findall("[long]+", source))) <= 200


def shown(svg):
    """The texts of a picture."""
    root = ET.fromstring(svg)
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.ring_dot
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_any_name_is_shown_as_it_is(texts):
    """Markup, escapes and entities in a name are letters like others."""
    svg = draw.to_graphviz(hostile(texts)).pipe(format="svg")
    words = [" ".join(each.split()) for each in shown(svg)]
    for text in texts:
        name = "".join(each if each.isprintable() else "�" for each in " ".join(text.split()))
        # Parameter, task, frame; a map writes its name and its count apart.
        assert words.count(name) >= (3 if name else 0)


# --- files ---------------------------------------------------------------------------------


def small():
    sketch = Sketch()
    sketch.map("parse", g.Split(sketch.task("fetch")))
    return sketch.graph


@pytest.mark.ring_dot
@pytest.mark.parametrize(
    ("suffix", "begins"),
    [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")],
)
def test_the_suffix_says_what_is_written(tmp_path, suffix, begins):
    """A graph goes to a picture in one call."""
    path = tmp_path / f"out.{suffix}"
    draw.render(small(), path)
    assert path.read_bytes().startswith(begins)


@pytest.mark.ring_dot
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_drawn(text):
    """What is no name in any language still makes a picture."""
    ET.fromstring(draw.to_graphviz(hostile([text])).pipe(format="svg"))


@pytest.mark.parametrize("suffix", ["dot", "gv"])
def test_text_needs_no_program(tmp_path, monkeypatch, suffix):
    """Graphviz text is written where `dot` is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / f"out.{suffix}"
    draw.render(small(), str(path))
    assert path.read_text().startswith("digraph site {")


def test_without_the_program_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    """And which output needs none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(draw.DrawError) as caught:
        draw.render(small(), tmp_path / "out.pdf")
    for words in ("apt install graphviz", "brew install", "conda install", "-o out.svg"):
        assert words in str(caught.value)
    assert isinstance(caught.value, TaskflowError)
    assert not (tmp_path / "out.pdf").exists()


def test_what_the_program_complains_about_is_passed_on(tmp_path, monkeypatch):
    """A `dot` that fails says why."""
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho no such layout >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(draw.DrawError, match="no such layout"):
        draw.render(small(), tmp_path / "out.pdf")


@pytest.mark.parametrize("name", ["out.jpg", "out", "svg"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, name):
    """The remedy is in the message."""
    with pytest.raises(draw.DrawError, match=r"\.svg, \.png, \.pdf, \.dot, \.gv"):
        draw.render(small(), tmp_path / name)
