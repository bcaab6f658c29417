"""SVG of our own: valid whatever things are called, complete in itself, by day and by night."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from draw.sketch import HOSTILE, Sketch, hostile
from hypothesis import given
from hypothesis import strategies as st

from taskflow import draw, lifecycle
from taskflow.draw import looks, text
from taskflow.graph import graph as g

SVG = "{http://www.w3.org/2000/svg}"


def parsed(graph, facts=None, theme="auto"):
    """The picture as a tree; parsing it is half of most claims."""
    return ET.fromstring(draw.to_svg(graph, facts, theme))


def words(root):
    """All texts that a reader sees, and all that a mouse finds."""
    return (
        ["".join(each.itertext()) for each in root.iter(f"{SVG}text")],
        ["".join(each.itertext()) for each in root.iter(f"{SVG}title")],
    )


def boxes(root):
    """The rectangles of tasks."""
    return [each for each in root.iter(f"{SVG}rect") if each.get("class") == "box"]


def ran():
    """A graph of three tasks and a map, and how its run went."""
    sketch = Sketch()
    a = sketch.task("fetch")
    m = sketch.map("parse", g.Split(a))
    b = sketch.task("save", m)
    c = sketch.task("tell", b)
    states = {a: "succeeded", m: "failed", b: "upstream_failed", c: "timed_out"}
    facts = draw.Facts(states, {a: 0.25, m: 61.0}, {m: {"succeeded": 998, "failed": 2}})
    return sketch.graph, facts


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_letters_like_others(name):
    """A name ends no tag, opens no tag, and is shown as far as it can be."""
    root = parsed(hostile([name]))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        *("svg", "title", "style", "rect", "g", "path", "text", "circle")
    }
    shown = text.shortened(name)
    assert words(root)[0].count(shown) >= (3 if shown else 0)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_any_name_makes_a_valid_picture(names):
    """XML has letters that it cannot hold at all; they are shown as a mark."""
    shown, _ = words(parsed(hostile(names)))
    for name in filter(None, map(text.shortened, names)):
        assert name in shown


def test_a_picture_needs_nothing_but_itself():
    """No script, no font, no file of others, no rule that reaches the page around it."""
    svg = draw.to_svg(*ran())
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert not re.search(r"<script|href|url\(|@import|@font-face|\son\w+=|<foreignObject", svg)
    style = root.find(f"{SVG}style").text
    rules = re.findall(
        r"([^{}]+)\{[^{}]*\}", style.replace("@media (prefers-color-scheme: dark){", "")
    )
    selectors = [each.strip() for rule in rules for each in rule.split(",")]
    assert [each for each in selectors if not each.startswith("svg.taskflow-auto ")] == []


def test_a_run_is_read_without_colours():
    """States are counted in words, each box has its mark, and its tip tells all."""
    graph, facts = ran()
    root = parsed(graph, facts)
    shown, tips = words(root)
    for line in (
        "999 succeeded",
        "2 failed",
        "1 upstream failed",
        "1 timed out",
        "2 failed · 1m 01s",
    ):
        assert line in shown
    assert "250ms" in shown
    assert "site/fetch\nsucceeded · 250ms" in tips
    assert "site/parse\nfailed · 1m 01s · 2 failed" in tips
    style = root.find(f"{SVG}style").text
    assert all(f".t-{state} " in style for state in (*facts.states.values(), "succeeded"))
    drawn = [each.get("d") for each in root.iter(f"{SVG}path")]
    assert all(drawn.count(looks.MARKS[state]) == 2 for state in set(facts.states.values()))


def test_every_state_has_a_mark_and_colours_of_its_own():
    """A state that is added to the words has to be given a look."""
    assert looks.TINTS.keys() == looks.MARKS.keys() == set(lifecycle.TASK_STATES)
    assert len(set(looks.MARKS.values())) == len(lifecycle.TASK_STATES)
    assert len({tint.mark for tint in looks.TINTS.values()}) == len(lifecycle.TASK_STATES)
    assert len(set(looks.TINTS.values())) == len(lifecycle.TASK_STATES)


@pytest.mark.parametrize("night", [False, True])
def test_words_can_be_read_on_what_they_stand_on(night):
    """Every text has the contrast of 4.5 to 1 that WCAG 2 asks for."""
    theme = looks.DARK if night else looks.LIGHT
    pairs = [(theme.ink, theme.page), (theme.grey, theme.page), (theme.grey, theme.frame)]
    for state in (*looks.TINTS, ""):
        line, fill = theme.of(state)
        pairs += [(theme.ink, fill), (line, fill)]
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []


def contrast(one, other):
    """How far apart two colours are in brightness, as WCAG 2 has it."""
    bright, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def brightness(colour):
    """The relative luminance of `#rrggbb`."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_themes_are_day_and_night_and_the_reader_s_own():
    """A theme by name holds the colours of one, "auto" those of both."""
    graph, _ = ran()
    light, dark, auto = (draw.to_svg(graph, theme=each) for each in ("light", "dark", "auto"))
    assert looks.LIGHT.page in light
    assert looks.DARK.page not in light
    assert looks.DARK.page in dark
    assert looks.LIGHT.page not in dark
    assert "prefers-color-scheme" in auto
    assert "prefers-color-scheme" not in light + dark
    with pytest.raises(draw.DrawError, match="one of auto, light, dark"):
        draw.to_svg(graph, theme="pink")


def test_the_legend_tells_what_occurs_and_nothing_else():
    """A picture of plain calls has none."""
    graph, _ = ran()
    shown, _ = words(parsed(graph))
    assert {"map", "taken apart into elements", "collected into a list"} <= set(shown)
    assert not {"order only", "dynamic pipeline", "element by element"} & set(shown)
    sketch = Sketch()
    sketch.task("b", sketch.task("a"))
    assert words(parsed(sketch.graph))[0] == ["site", "a", "b"]


def test_an_empty_pipeline_is_a_picture_too():
    """With its name in it."""
    assert words(parsed(Sketch("nothing").graph))[0] == ["nothing"]


def test_a_name_that_is_folded_into_a_circle_has_a_loop():
    """A task that takes what it made is drawn as one box with a line to itself."""
    sketch = Sketch()
    node = sketch.task("step")
    for at in range(500):
        node = sketch.task("step", node, nth=at + 2)
    root = parsed(sketch.graph)
    assert words(root)[0][:3] == ["site", "501 calls, equal ones drawn as one", "step"]
    assert root.get("aria-label") == "pipeline site, 1 task"
    (loop,) = [each.get("d") for each in root.iter(f"{SVG}path") if "C" in each.get("d")]
    edge = max(float(each.get("x")) + float(each.get("width")) for each in boxes(root))
    assert loop.startswith(f"M{edge:g} ")
    assert edge < 100


def test_importing_the_room_draws_nothing():
    """Who only imports taskflow pays for no layout, no writer and no library."""
    heavy = {"graphviz", "taskflow.draw.svg", "taskflow.draw.scene", "taskflow.draw.layout"}
    code = f"import sys, taskflow; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
