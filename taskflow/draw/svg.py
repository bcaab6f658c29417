"""A picture as SVG: one text, without scripts, fonts or files of others, that explains itself.

Colours are rules in a `<style>`, so that one file follows the reader's day and night; they name
each colour outright, since many programs that show SVG know no variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from taskflow.draw import layout as at
from taskflow.draw import picture as p
from taskflow.draw.looks import DARK, LIGHT, LINES, MARKS, SHAPES, Theme, in_order
from taskflow.draw.routes import FORK, HEAD, Rect, Route
from taskflow.draw.text import markup, width
from taskflow.draw.words import checked_theme

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARGIN: Final = 16.0
_RULES: Final = f"""\
text{{font-family:Helvetica, Arial, 'Liberation Sans', sans-serif;font-size:{at.NAME}px}}
.b{{font-size:14px;font-weight:bold}}
.c{{text-anchor:middle}}
.s{{font-size:{at.SMALL}px}}
.l{{font-size:{at.LABEL}px}}
path{{fill:none;stroke-width:1.2;stroke-linecap:round;stroke-linejoin:round}}
.box{{stroke-width:1.2}}
.pill{{stroke-width:1.2}}
.e{{stroke-width:2.8}}
.o{{stroke-dasharray:5 4}}
.x{{stroke-dasharray:1 4}}
.d{{stroke-dasharray:4 3}}
.m{{stroke-width:1.7}}
""".splitlines()
_STROKES: Final = {p.ORDER: "line o", p.EXPANDS: "line x", p.EACH: "line e"}


def to_svg(picture: p.Picture, theme: str = "auto") -> str:
    """The text of an SVG; `theme` is "light", "dark", or "auto" to follow the reader's."""
    look, place = f"taskflow-{checked_theme(theme)}", at.laid_out(picture)
    title, title_width, top = _title(picture)
    legend, legend_width = _legend(picture)
    wide = max(place.width, legend_width, title_width) + 2 * _MARGIN
    foot = top + place.height + _MARGIN
    high = foot + (26 + _MARGIN / 2 if legend else 0)
    spoken = markup(_spoken(picture))
    loops = (line for line in picture.lines if line.tail == line.head)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{look}" role="img" aria-label="{spoken}" '
        f'width="{_n(wide)}" height="{_n(high)}" viewBox="0 0 {_n(wide)} {_n(high)}" '
        f'style="max-width:100%;height:auto"><title>{spoken}</title>'
    )
    parts = [
        head,
        f"<style>{_rules(picture, look, theme)}</style>",
        f'<rect class="page" width="{_n(wide)}" height="{_n(high)}" rx="8"/>',
        *title,
        f'<g transform="translate({_n((wide - place.width) / 2)} {_n(top)})">',
        *(_frame(frame, place.frames[frame.number]) for frame in picture.frames),
        *(_line(route) for route in place.routes),
        *(_loop(line, place.boxes[line.tail]) for line in loops),
        *(_box(box, place.boxes[box.number]) for box in picture.boxes),
        "</g>",
    ]
    if legend:
        parts += [f'<g transform="translate({_n(_MARGIN)} {_n(foot)})">', *legend, "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _n(number: float) -> str:
    """A number in few digits."""
    text = f"{number:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{markup(text)}</text>'


# --- colours ---------------------------------------------------------------------------------


def _rules(picture: p.Picture, look: str, theme: str) -> str:
    """The style sheet; every rule is held to pictures of one theme, for pages that show many."""
    states = list(dict.fromkeys(["", *(box.state for box in picture.boxes), *picture.tally]))
    plain, light, dark = (
        "".join(f"svg.{look} {rule}" for rule in rules)
        for rules in (_RULES, _colours(states, LIGHT), _colours(states, DARK))
    )
    if theme == "auto":
        return f"{plain}{light}@media (prefers-color-scheme: dark){{{dark}}}"
    return plain + (dark if theme == "dark" else light)


def _colours(states: list[str], theme: Theme) -> Iterator[str]:
    yield f".page{{fill:{theme.page}}}"
    yield f"text{{fill:{theme.ink}}}"
    yield f".g{{fill:{theme.grey}}}"
    yield f".line{{stroke:{theme.grey}}}"
    yield f".head{{fill:{theme.grey};stroke:none}}"
    yield f".pill{{fill:{theme.page};stroke:{theme.grey}}}"
    yield f".frame{{fill:{theme.frame};stroke:{theme.frame_line}}}"
    yield f".side{{fill:none;stroke:{theme.frame_line}}}"
    for state in states:
        line, fill = theme.of(state)
        name = state or "none"
        yield f".t-{name} .box{{fill:{fill};stroke:{line}}}"
        yield f".t-{name} .m{{stroke:{line}}}"
        yield f".t-{name} .n{{fill:{line}}}"
        yield f".f-{name}{{fill:{line}}}"


# --- boxes -----------------------------------------------------------------------------------


def _box(box: p.Box, rect: Rect) -> str:
    """A box with what stands in it, and its tip as a title."""
    shape = {p.POINT: _point, p.CHOICE: _diamond, p.WHEN: _diamond, p.PILL: _pill}.get(box.shape)
    inside = "".join((shape or _task)(box, rect))
    tip = f"<title>{markup(box.tip)}</title>" if box.tip else ""
    return f'<g class="t-{box.state or "none"}">{tip}{inside}</g>'


def _point(_: p.Box, rect: Rect) -> Iterator[str]:
    yield _rounded(rect, "head", rect.width / 2)


def _diamond(box: p.Box, rect: Rect) -> Iterator[str]:
    x, y = rect.middle, rect.y + rect.height / 2
    yield (
        f'<path class="box" d="M{_n(x)} {_n(rect.y)}L{_n(rect.x + rect.width)} {_n(y)}'
        f'L{_n(x)} {_n(rect.y + rect.height)}L{_n(rect.x)} {_n(y)}Z"/>'
    )
    if box.name:
        yield _text(x, y + 3.5, "s c", box.name)


def _pill(box: p.Box, rect: Rect) -> Iterator[str]:
    yield _rounded(rect, "pill", rect.height / 2)
    yield _text(rect.middle, rect.y + rect.height / 2 + 3.6, "s g c", box.name)


def _task(box: p.Box, rect: Rect) -> Iterator[str]:
    """A task with its words and, where it stands for many, how these went."""
    stacked = box.shape in p.MAPS
    front = rect._replace(height=rect.height - (at.SHEETS if stacked else 0))
    yield from _cards(box, front)
    yield from _words(box, front)
    if len(box.tally) > 1:
        yield from _bar(box, front)


def _cards(box: p.Box, front: Rect, radius: float = 6.0, inset: float = 3.0) -> Iterator[str]:
    """A box; a map is a stack of them, a dynamic pipeline a double box with a broken line."""
    x, y, wide, high = front
    for number in (2, 1) if box.shape in p.MAPS else ():
        side = number * inset
        yield _rounded(Rect(x + side, y + side, wide - 2 * side, high), "box", 4)
    dashed = box.shape in p.DYNAMICS
    yield _rounded(front, "box d" if dashed else "box", radius)
    if dashed:
        yield _rounded(Rect(x + 2.5, y + 2.5, wide - 5, high - 5), "box", radius - 2)


def _rounded(rect: Rect, kind: str, radius: float) -> str:
    return (
        f'<rect class="{kind}" x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" '
        f'height="{_n(rect.height)}" rx="{_n(radius)}"/>'
    )


def _words(box: p.Box, rect: Rect) -> Iterator[str]:
    """The mark of the state, the name, how many, and below it what happened."""
    name, count = width(box.name, at.NAME), width(f"  {box.count}", at.SMALL) if box.count else 0.0
    mark = at.MARK if box.state else 0.0
    own = max(name + count, width(box.note, at.SMALL)) + mark
    x, y = rect.x + (rect.width - own) / 2, rect.y + rect.height / 2
    base = y - 2.5 if box.note else y + 4.2
    if mark:
        yield _mark(x, base - 9.2, box.state)
    x += mark
    yield _text(x, base, "i", box.name)
    if box.count:
        yield _text(x + name + 6, base, "s n", box.count)
    if box.note:
        yield _text(x, base + 14, "s n", box.note)


def _mark(x: float, y: float, state: str) -> str:
    return f'<path class="m" transform="translate({_n(x)} {_n(y)})" d="{MARKS[state]}"/>'


def _bar(box: p.Box, rect: Rect) -> Iterator[str]:
    """A line at the lower edge, split as the tasks are that a box stands for."""
    x, y, room = rect.x + 7, rect.y + rect.height - 4.5, rect.width - 14
    total = sum(box.tally.values())
    for state, count in in_order(box.tally):
        # Few among many are seen, too.
        part = min(max(2.0, room * count / total), rect.x + 7 + room - x)
        yield _rounded(Rect(x, y, part, 2.5), f"f-{state}", 0)
        x += part


# --- lines and frames ------------------------------------------------------------------------


def _frame(frame: p.Frame, rect: Rect) -> str:
    kind = {"branch": "side d", "expansion": "frame d"}.get(frame.kind, "frame")
    label = _text(rect.x + 9, rect.y + 15, "s g", frame.label) if frame.label else ""
    return _rounded(rect, kind, 8) + label


def _line(route: Route) -> str:
    """The way of a line in soft bends, its ends, and its label in a gap of it."""
    kind, stops, up = route.line.kind, route.stops, route.up
    (x, begin, y), (last, _, end) = stops[0], stops[-1]
    path = f"M{_n(x)} {_n(begin + HEAD * up)}V{_n(y)}"
    for number, (to, upper, lower) in enumerate(stops[1:], 1):
        path += _bend(x, y, to, upper)
        if number == 1 and route.label:
            path += f"V{_n(route.label[1] - 7)}M{_n(to)} {_n(route.label[1] + 7)}"
        x, y = to, end - HEAD * (not up) if number == len(stops) - 1 else lower
        path += f"V{_n(y)}"
    parts = [_stroke(kind, path), _head(x, end, -1) if not up else _head(stops[0][0], begin, 1)]
    if kind == p.COLLECTED and not up:
        parts.append(_fork(stops[0][0], begin, 1))
    if kind == p.SPLIT and not up:
        parts.append(_fork(last, end - HEAD, -1))
    if route.label:
        parts.append(_text(route.label[0], route.label[1] + 3.2, "l g c", route.line.label))
    return "".join(parts)


def _stroke(kind: int, path: str) -> str:
    return f'<path class="{_STROKES.get(kind, "line")}" d="{path}"/>'


def _bend(x: float, y: float, to: float, down: float) -> str:
    if abs(x - to) < 0.05:
        return f"V{_n(down)}"
    half = (y + down) / 2
    return f"C{_n(x)} {_n(half)} {_n(to)} {_n(half)} {_n(to)} {_n(down)}"


def _head(x: float, y: float, way: int) -> str:
    """The head of an arrow that ends here; `way` is where it comes from."""
    back = y + way * (HEAD + 1)
    return (
        f'<path class="head" d="M{_n(x)} {_n(y)}L{_n(x - 3)} {_n(back)}L{_n(x + 3)} {_n(back)}Z"/>'
    )


def _fork(x: float, y: float, way: int) -> str:
    """Many strands that become one line, or one that becomes many."""
    strands = f"M{_n(x - 6)} {_n(y)}L{_n(x)} {_n(y + way * FORK)}L{_n(x + 6)} {_n(y)}"
    return _stroke(p.VALUE, strands)


def _loop(line: p.Line, rect: Rect) -> str:
    """A line from a box to itself, at its right side."""
    x, y = rect.x + rect.width, rect.y + rect.height / 2
    far, ends = _n(x + 15), (_n(y + 7), _n(y + 11), _n(y - 11), _n(y - 7))
    way = "M{x} {0}C{far} {1} {far} {2} {x} {3}".format(*ends, x=_n(x), far=far)
    return _stroke(line.kind, way)


# --- words around ----------------------------------------------------------------------------


def _spoken(picture: p.Picture) -> str:
    """The picture in a sentence, for who hears it."""
    tasks = sum(box.shape in p.TASKS for box in picture.boxes)
    many = "1 task" if tasks == 1 else f"{tasks} tasks"
    return ", ".join([f"pipeline {picture.title}", many, *_told(picture).values()])


def _told(picture: p.Picture) -> dict[str, str]:
    """How many tasks are in each state, in words."""
    tally = in_order(picture.tally)
    return {state: f"{count:,} {state.replace('_', ' ')}" for state, count in tally}


def _title(picture: p.Picture) -> tuple[list[str], float, float]:
    """The name, what is folded, how many tasks are in which state; how wide and high that is."""
    y = _MARGIN + 10
    parts, wide = [_text(_MARGIN, y, "b", picture.title)], width(picture.title, 14) * 1.08
    if picture.subtitle:
        y += 16
        parts.append(_text(_MARGIN, y, "s g", picture.subtitle))
        wide = max(wide, width(picture.subtitle, at.SMALL))
    x = _MARGIN
    for state, words in _told(picture).items():
        told = _mark(x, y + 10, state) + _text(x + 15, y + 19, "s g", words)
        parts.append(f'<g class="t-{state}">{told}</g>')
        x += 31 + width(words, at.SMALL)
    return parts, max(wide, x - _MARGIN), y + (36 if picture.tally else 16)


def _legend(picture: p.Picture) -> tuple[list[str], float]:
    """What is not plain in this picture, in one row, and how wide that is."""
    kinds = {line.kind for line in picture.lines}
    shapes = {box.shape for box in picture.boxes}
    x, parts = 0.0, []
    for shape, meaning in SHAPES.items():
        if shape in shapes or (shape in p.MAPS | p.DYNAMICS and p.DYNAMIC_MAP in shapes):
            words = f"{meaning}, or equal calls" if shape == p.MAP and picture.subtitle else meaning
            front = Rect(x, 5 if shape == p.MAP else 8, 18, 12)
            sample = "".join(_cards(p.Box(0, shape, ""), front, radius=3, inset=2))
            parts += [f'<g class="t-none">{sample}</g>', _text(x + 24, 18, "s g", words)]
            x += 40 + width(words, at.SMALL)
    for kind, words in LINES.items():
        if kind in kinds:
            down = _line(Route(p.Line(0, 0, kind), [(0, 0, 0), (0, 22, 22)]))
            turned = f'<g transform="translate({_n(x)} 14) rotate(-90)">{down}</g>'
            parts += [turned, _text(x + 28, 18, "s g", words)]
            x += 44 + width(words, at.SMALL)
    return parts, max(0.0, x - 16)
