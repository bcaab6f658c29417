"""Mermaid: a flow chart that its grammar accepts, with every text in quotes."""

from __future__ import annotations

import re

import pytest
from draw.sketch import HOSTILE, Sketch, graphs, hostile
from hypothesis import given

from taskflow import draw
from taskflow.graph import graph as g

#: What a line of ours may be: a box, an arrow, a frame, an end, a class.
LINES = re.compile(
    r"""flowchart\ TD
    | \s+(n\d+|result)(\[\[?|\{\{?|\(\[|\(\()"[^"\n]*"(\]\]?|\}\}?|\]\)|\)\))
    | \s+(n\d+|result)\ (-->|==>|-\.->)(\|"[^"\n]+"\|)?\ (n\d+|result)
    | \s+subgraph\ f\d+\["[^"\n]*"\]
    | \s+end
    | \s+classDef\ \w+\ stroke:\#\w{6},fill:\#\w{6},color:\#\w{6}
    | \s+class\ (n\d+,?)+\ \w+""",
    re.VERBOSE,
)


def strange(text):
    """Lines that are none of ours."""
    return [line for line in text.splitlines() if not LINES.fullmatch(line)]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_means_anything(text):
    """Whatever a task is called stays within its quotes, on its line."""
    drawn = draw.to_mermaid(hostile([text]))
    assert strange(drawn) == []
    assert not re.search(
        r'"[^"\n]*[<>&;`{}\[\]\\](?!br/>)(?<!#\d;)[^"\n]*"', re.sub(r"#\d+;", "", drawn)
    )


@given(graphs())
def test_boxes_and_lines_are_all_there(graph):
    """Mermaid shows what the other drawings show."""
    drawn, picture = draw.to_mermaid(graph), draw.picture_of(graph)
    assert strange(drawn) == []
    assert len(re.findall(r"(-->|==>|-\.->)", drawn)) == len(picture.lines)
    for box in picture.boxes:
        assert re.search(rf"^ +{box.id}[\[({{]", drawn, re.MULTILINE)


def test_each_construct_has_its_shape():
    """A map, a dynamic pipeline, a parameter, order without data."""
    sketch = Sketch()
    node = sketch.add(g.INPUT)
    sketch.graph.labels[node] = "domain"
    crawl = sketch.add(g.DYNAMIC, node, name="crawl", dynamic=True)
    pages = sketch.map("fetch", g.Split(crawl))
    sketch.at = sketch.scope("inner")
    sketch.map("parse", g.Elements(pages))
    sketch.task("tell", after=(pages,))
    drawn = draw.to_mermaid(sketch.graph)
    for line in (
        'n0(["domain"])',
        'n1{{"crawl"}}',
        'n2[["fetch ×n"]]',
        'subgraph f1["inner"]',
        'n1 -->|"each"| n2',
        "n2 ==> n3",
        "n2 -.-> n4",
    ):
        assert f"    {line}\n" in drawn


def test_states_are_classes_and_marks():
    """A site that shows no colours still shows the marks."""
    sketch = Sketch()
    a = sketch.task("fetch")
    b = sketch.task("save", a)
    drawn = draw.to_mermaid(sketch.graph, draw.Facts({a: "failed", b: "upstream_failed"}))
    assert '["✗ fetch"]' in drawn
    assert "class n0 failed" in drawn
    assert "class n1 upstream_failed" in drawn


def test_a_markdown_file_holds_it_in_a_fence(tmp_path):
    """And a file of its own is the text as it is."""
    sketch = Sketch()
    sketch.task("fetch")
    draw.render(sketch.graph, tmp_path / "out.md")
    draw.render(sketch.graph, tmp_path / "out.mmd")
    own = (tmp_path / "out.mmd").read_text()
    assert own.startswith("flowchart TD\n")
    assert (tmp_path / "out.md").read_text() == f"```mermaid\n{own}```\n"
