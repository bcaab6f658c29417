"""Graphs as the tracer would write them, in few words; and some that are drawn by lot."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from taskflow.call import Code
from taskflow.graph import graph as g

HOSTILE = [
    '<b>bold</b> &amp; "quoted"',
    "\\N \\G \\l back\\slash\\",
    "two\nlines\tand\r\nmore",
    "naïve 漢字 🐍 ×",
    "\x00\x1b[31m\u202eterminal\ud800",
    "digraph { node -> edge } // %",
    "<" + "long" * 100 + ">",
    "",
]


class Sketch:
    """Graphs as the tracer would write them, in few words; and some that are drawn by lot."""

    def __init__(self, name="site"):
        self.graph = g.Graph(pipeline=name, scopes=[(-1, name, "pipeline")])
        self.at = 0
        self.gate = None

    def add(self, kind, *inputs, name=None, over=(), after=(), nth=1, dynamic=False, star=False):
        graph = self.graph
        spec = -1
        if name is not None:
            spec = len(graph.specs)
            code = Code("m", name)
            graph.specs.append(g.TaskSpec(f"m:{name}", name, code, dynamic=dynamic))
        node = graph.add(kind, spec, self.at, nth, -1, b"", inputs)
        if over:
            graph.maps[node] = g.MapSpec(over, star)
        if after:
            graph.after[node] = after
        if self.gate:
            graph.gates[node] = self.gate
        return node

    def task(self, name, *inputs, **more):
        return self.add(g.TASK, *inputs, name=name, **more)

    def map(self, name, *over, **more):
        return self.add(g.MAP, name=name, over=over, **more)

    def scope(self, label, kind="pipeline"):
        self.graph.scopes.append((self.at, label, kind))
        return len(self.graph.scopes) - 1

    def returns(self, *refs):
        self.graph.result = (b"", refs)
        return self.graph


@st.composite
def graphs(draws):
    """Random graphs of tasks, maps, gathers and barriers; edges may also point backwards."""
    sketch = Sketch()
    count = draws(st.integers(1, 12))
    for node in range(count):
        kind = draws(st.sampled_from([g.TASK, g.MAP, g.GATHER, g.BARRIER]))
        before = draws(st.lists(st.integers(0, node - 1), max_size=4)) if node else []
        over = tuple(map(g.Elements, before)) if kind == g.MAP else ()
        name = f"t{node}" if kind in {g.TASK, g.MAP} else None
        sketch.add(kind, *([] if over else before), name=name, over=over)
    # Calls may be ordered after calls made later, as long as no cycle comes of it.
    ranks = draws(st.permutations(range(count)))
    for head, tail in pairwise(ranks):
        if not reaches(head, {node: sketch.graph.upstream(node) for node in range(count)}, tail):
            sketch.graph.after[tail] = (head,)
    return sketch.returns(*draws(st.lists(st.integers(0, count - 1), max_size=3)))


def reaches(start, upstream, goal=None):
    """Whether goal comes before start or, without a goal, all that does."""
    seen, todo = set(), [start]
    while todo:
        for each in upstream.get(todo.pop(), ()):
            if each not in seen:
                seen.add(each)
                todo.append(each)
    return seen if goal is None else goal in seen


def hostile(texts):
    """A graph that shows each text in every place where a text can stand."""
    sketch = Sketch(texts[0])
    for text in texts:
        node = sketch.add(g.INPUT)
        sketch.graph.labels[node] = text
        task = sketch.task(text, g.Link(node, (("item", text), ("field", text))))
        sketch.map(text, g.Split(task))
        sketch.at = sketch.scope(text)
        sketch.task("inside")
    return sketch.graph
