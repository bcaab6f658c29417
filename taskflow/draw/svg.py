"""A picture as SVG: one text, without scripts, fonts or files of others, that explains itself.

Colours are rules in a `<style>`, so that one file follows the reader's day and night; they name
each colour outright, since many programs that show SVG know no variables.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from taskflow.draw import layout as at
from taskflow.draw import picture as p
from taskflow.draw.looks import DARK, LIGHT, LINES, PLAIN, SHAPES, TINTS, Theme
from taskflow.draw.marks import MARKS
from taskflow.draw.routes import FORK, HEAD, Rect, Route
from taskflow.draw.text import markup, width
from taskflow.draw.words import checked_theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MARGIN: Final = 16.0
_FONT: Final = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_STROKES: Final = {p.ORDER: "o", p.EXPANDS: "x", p.EACH: "e"}


def to_svg(picture: p.Picture, theme: str = "auto") -> str:
    """The text of an SVG; `theme` is "light", "dark", or "auto" to follow the reader's."""
    look, place = f"taskflow-{checked_theme(theme)}", at.laid_out(picture)
    top = _MARGIN + 26 + (16 if picture.subtitle else 0) + (20 if picture.tally else 0)
    legend, legend_width = _legend(picture)
    wide = max(place.width, legend_width, _title_width(picture)) + 2 * _MARGIN
    foot = top + place.height + _MARGIN
    high = foot + (26 + _MARGIN / 2 if legend else 0)
    spoken = markup(_spoken(picture))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{look}" role="img" aria-label="{spoken}" '
        f'width="{_n(wide)}" height="{_n(high)}" viewBox="0 0 {_n(wide)} {_n(high)}" '
        f'style="max-width:100%;height:auto"><title>{spoken}</title>'
    )
    parts = [
        head,
        f"<style>{''.join(_rules(picture, look, theme))}</style>",
        f'<rect class="page" width="{_n(wide)}" height="{_n(high)}" rx="8"/>',
        *_title(picture),
        f'<g transform="translate({_n((wide - place.width) / 2)} {_n(top)})">',
        *(_frame(frame, place.frames[frame.number]) for frame in picture.frames),
        *(_line(route) for route in place.routes),
        *(_loop(line, place.boxes[line.tail]) for line in place.loops),
        *(_box(box, place.boxes[box.number]) for box in picture.boxes),
        "</g>",
    ]
    if legend:
        parts.append(f'<g transform="translate({_n(_MARGIN)} {_n(foot)})">{legend}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _n(number: float) -> str:
    """A number in few digits."""
    text = f"{number:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{markup(text)}</text>'


# --- colours ---------------------------------------------------------------------------------


def _rules(picture: p.Picture, look: str, theme: str) -> Iterator[str]:
    """The style sheet; every rule is held to pictures of one theme, for pages that show many."""
    states = dict.fromkeys(["", *(box.state for box in picture.boxes), *(picture.tally or ())])
    scope = f"svg.{look} "
    yield f"{scope}text{{font-family:{_FONT};font-size:12px}}"
    yield f"{scope}.b{{font-size:14px;font-weight:bold}}{scope}.c{{text-anchor:middle}}"
    yield f"{scope}.s{{font-size:{at.SMALL}px}}{scope}.l{{font-size:{at.LABEL}px}}"
    yield f"{scope}path{{fill:none;stroke-width:1.2;stroke-linecap:round;stroke-linejoin:round}}"
    yield f"{scope}.box,{scope}.pill{{stroke-width:1.2}}{scope}.page{{stroke:none}}"
    yield f"{scope}.e{{stroke-width:2.8}}{scope}.o{{stroke-dasharray:5 4}}"
    yield f"{scope}.x{{stroke-dasharray:1 4}}{scope}.d{{stroke-dasharray:4 3}}"
    yield f"{scope}.m{{stroke-width:1.7}}"
    if theme != "dark":
        yield from _colours(scope, states, LIGHT, night=False)
    if theme == "dark":
        yield from _colours(scope, states, DARK, night=True)
    if theme == "auto":
        dark = "".join(_colours(scope, states, DARK, night=True))
        yield f"@media (prefers-color-scheme: dark){{{dark}}}"


def _colours(scope: str, states: Iterable[str], theme: Theme, *, night: bool) -> Iterator[str]:
    yield f"{scope}.page{{fill:{theme.page}}}{scope}.b,{scope}.i,{scope}.s{{fill:{theme.ink}}}"
    yield f"{scope}.g{{fill:{theme.grey}}}{scope}.line{{stroke:{theme.grey}}}"
    yield f"{scope}.head,{scope}.dot{{fill:{theme.grey};stroke:none}}"
    yield f"{scope}.pill{{fill:{theme.page};stroke:{theme.grey}}}"
    yield f"{scope}.frame{{fill:{theme.frame};stroke:{theme.frame_line}}}"
    yield f"{scope}.side{{fill:none;stroke:{theme.frame_line}}}"
    for state in states:
        tint = TINTS.get(state, PLAIN)
        line = tint.night_line if night else tint.line
        fill = tint.night_fill if night else tint.fill
        name = f".t-{state or 'none'}"
        yield f"{scope}{name} .box{{fill:{fill};stroke:{line}}}{scope}{name} .m{{stroke:{line}}}"
        yield f"{scope}{name} .n{{fill:{line}}}{scope}.f-{state or 'none'}{{fill:{line}}}"


# --- boxes -----------------------------------------------------------------------------------


def _box(box: p.Box, rect: Rect) -> str:
    """A box with what stands in it, and its tip as a title."""
    shape = {p.POINT: _point, p.CHOICE: _diamond, p.WHEN: _diamond, p.PILL: _pill}.get(box.shape)
    inside = "".join(shape(box, rect) if shape else _task(box, rect))
    tip = f"<title>{markup(box.tip)}</title>" if box.tip else ""
    return f'<g class="t-{box.state or "none"}">{tip}{inside}</g>'


def _point(_: p.Box, rect: Rect) -> Iterator[str]:
    r = rect.width / 2
    yield f'<circle class="dot" cx="{_n(rect.x + r)}" cy="{_n(rect.y + r)}" r="{_n(r)}"/>'


def _diamond(box: p.Box, rect: Rect) -> Iterator[str]:
    x, y = rect.x + rect.width / 2, rect.y + rect.height / 2
    yield (
        f'<path class="box" d="M{_n(x)} {_n(rect.y)}L{_n(rect.x + rect.width)} {_n(y)}'
        f'L{_n(x)} {_n(rect.y + rect.height)}L{_n(rect.x)} {_n(y)}Z"/>'
    )
    if box.name:
        yield _text(x, y + 3.5, "s c", box.name)


def _pill(box: p.Box, rect: Rect) -> Iterator[str]:
    yield (
        f'<rect class="pill" x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" '
        f'height="{_n(rect.height)}" rx="{_n(rect.height / 2)}"/>'
    )
    yield _text(rect.x + rect.width / 2, rect.y + rect.height / 2 + 3.6, "s g c", box.name)


def _task(box: p.Box, rect: Rect) -> Iterator[str]:
    """A task; a map is a stack of them, a dynamic pipeline a double box with a broken line."""
    stacked = box.shape in {p.MAP, p.DYNAMIC_MAP}
    high = rect.height - (at.SHEETS if stacked else 0)
    if stacked:
        yield _sheet(rect, inset=6)
        yield _sheet(rect._replace(height=rect.height - 3), inset=3)
    dashed = " d" if box.shape in {p.DYNAMIC, p.DYNAMIC_MAP} else ""
    yield _rounded(rect._replace(height=high), f"box{dashed}", 6)
    if dashed:
        inner = Rect(rect.x + 2.5, rect.y + 2.5, rect.width - 5, high - 5)
        yield _rounded(inner, "box", 4)
    yield from _words(box, rect, high)
    if sum(box.tally.values()) > 1 and len(box.tally) > 1:
        yield from _bar(box, rect, high)


def _sheet(rect: Rect, inset: float) -> str:
    own = Rect(rect.x + inset, rect.y + 12, rect.width - 2 * inset, rect.height - 12)
    return _rounded(own, "box", 4)


def _rounded(rect: Rect, kind: str, radius: float) -> str:
    return (
        f'<rect class="{kind}" x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" '
        f'height="{_n(rect.height)}" rx="{_n(radius)}"/>'
    )


def _words(box: p.Box, rect: Rect, high: float) -> Iterator[str]:
    """The mark of the state, the name, how many, and below it what happened."""
    name, count = width(box.name, at.NAME), width(f"  {box.count}", at.SMALL) if box.count else 0.0
    mark = at.MARK if box.state else 0.0
    own = max(name + count, width(box.note, at.SMALL)) + mark
    x, y = rect.x + (rect.width - own) / 2, rect.y + high / 2
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


def _bar(box: p.Box, rect: Rect, high: float) -> Iterator[str]:
    """A line at the lower edge, split as the tasks are that a box stands for."""
    x, room = rect.x + 7, rect.width - 14
    total = sum(box.tally.values())
    for state in reversed(TINTS):
        if box.tally.get(state):
            # Few among many are seen, too.
            part = max(2.0, room * box.tally[state] / total)
            part = min(part, rect.x + 7 + room - x)
            yield (
                f'<rect class="f-{state}" x="{_n(x)}" y="{_n(rect.y + high - 4.5)}" '
                f'width="{_n(part)}" height="2.5"/>'
            )
            x += part


# --- lines and frames ------------------------------------------------------------------------


def _frame(frame: p.Frame, rect: Rect) -> str:
    kind = {"branch": "side d", "expansion": "frame d"}.get(frame.kind, "frame")
    label = _text(rect.x + 9, rect.y + 15, "s g", frame.label) if frame.label else ""
    return _rounded(rect, kind, 8) + label


def _line(route: Route) -> str:
    """The way of a line in soft bends, its ends, and its label in a gap of it."""
    line, stops = route.line, route.stops
    (x, begin, y), (last, _, end) = stops[0], stops[-1]
    path = f"M{_n(x)} {_n(begin + (HEAD if route.up else 0))}V{_n(y)}"
    for number, (to, upper, lower) in enumerate(stops[1:], 1):
        bottom = end - (0 if route.up else HEAD) if number == len(stops) - 1 else lower
        path += _bend(x, y, to, upper)
        if number == 1 and route.label:
            path += f"V{_n(route.label[1] - 7)}M{_n(to)} {_n(route.label[1] + 7)}"
        path += f"V{_n(bottom)}"
        x, y = to, bottom
    parts = [f'<path class="{_kind(line.kind)}" d="{path}"/>']
    parts.append(_head(stops[0][0], begin, 1) if route.up else _head(last, end, -1))
    if line.kind == p.COLLECTED and not route.up:
        parts.append(_fork(stops[0][0], begin, 1))
    if line.kind == p.SPLIT and not route.up:
        parts.append(_fork(last, end - HEAD, -1))
    if route.label:
        parts.append(_text(route.label[0], route.label[1] + 3.2, "l g c", line.label))
    return "".join(parts)


def _kind(kind: int) -> str:
    return f"line {_STROKES[kind]}" if kind in _STROKES else "line"


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
    return f'<path class="line" d="{strands}"/>'


def _loop(line: p.Line, rect: Rect) -> str:
    """A line from a box to itself, at its right side."""
    x, y = rect.x + rect.width, rect.y + rect.height / 2
    return (
        f'<path class="{_kind(line.kind)}" d="M{_n(x)} {_n(y + 7)}C{_n(x + 15)} {_n(y + 11)} '
        f'{_n(x + 15)} {_n(y - 11)} {_n(x + 2)} {_n(y - 7)}"/>'
    )


# --- words around ----------------------------------------------------------------------------


def _spoken(picture: p.Picture) -> str:
    """The picture in a sentence, for who hears it."""
    tasks = sum(box.shape in {p.TASK, p.MAP, p.DYNAMIC, p.DYNAMIC_MAP} for box in picture.boxes)
    words = [f"pipeline {picture.title}", f"{tasks} tasks"]
    if picture.tally:
        words += [f"{count:,} {state.replace('_', ' ')}" for state, count in _tallied(picture)]
    return ", ".join(words)


def _tallied(picture: p.Picture) -> list[tuple[str, int]]:
    tally = picture.tally or Counter[str]()
    return [(each, tally[each]) for each in reversed(TINTS) if tally[each]]


def _title(picture: p.Picture) -> Iterator[str]:
    """The name, what is folded, and how many tasks are in which state."""
    y = _MARGIN + 10
    yield _text(_MARGIN, y, "b", picture.title)
    if picture.subtitle:
        y += 16
        yield _text(_MARGIN, y, "s g", picture.subtitle)
    x = _MARGIN
    for state, count in _tallied(picture):
        words = f"{count:,} {state.replace('_', ' ')}"
        told = _mark(x, y + 10, state) + _text(x + 15, y + 19, "s g", words)
        yield f'<g class="t-{state}">{told}</g>'
        x += 15 + width(words, at.SMALL) + 16


def _title_width(picture: p.Picture) -> float:
    states = (f"{count:,} {state}" for state, count in _tallied(picture))
    return max(
        width(picture.title, 14) * 1.08,
        width(picture.subtitle, at.SMALL),
        sum(31 + width(words, at.SMALL) for words in states),
    )


def _legend(picture: p.Picture) -> tuple[str, float]:
    """What is not plain in this picture, in one row, and how wide that is."""
    kinds = {line.kind for line in picture.lines}
    shapes = {box.shape for box in picture.boxes}
    if p.DYNAMIC_MAP in shapes:
        shapes |= {p.MAP, p.DYNAMIC}
    x, parts = 0.0, []
    for shape, meaning in SHAPES.items():
        if shape in shapes:
            rect = Rect(x, 8 - (3 if shape == p.MAP else 0), 18, 12 + (6 if shape == p.MAP else 0))
            sample = p.Box(0, shape, "")
            drawn = "".join(_sample(sample, rect))
            folded = shape == p.MAP and picture.subtitle
            words = f"{meaning}, or equal calls" if folded else meaning
            parts += [f'<g class="t-none">{drawn}</g>', _text(x + 24, 18, "s g", words)]
            x += 24 + width(words, at.SMALL) + 16
    for kind, words in LINES.items():
        if kind in kinds:
            parts += [_sample_line(x, kind), _text(x + 28, 18, "s g", words)]
            x += 28 + width(words, at.SMALL) + 16
    return "".join(parts), max(0.0, x - 16)


def _sample(box: p.Box, rect: Rect) -> Iterator[str]:
    """A small box without words."""
    high = 12.0
    if box.shape == p.MAP:
        yield _rounded(Rect(rect.x + 4, rect.y + 6, rect.width - 8, 12), "box", 2)
        yield _rounded(Rect(rect.x + 2, rect.y + 3, rect.width - 4, 12), "box", 2)
    yield _rounded(rect._replace(height=high), "box d" if box.shape == p.DYNAMIC else "box", 3)
    if box.shape == p.DYNAMIC:
        yield _rounded(Rect(rect.x + 2.5, rect.y + 2.5, rect.width - 5, high - 5), "box", 2)


def _sample_line(x: float, kind: int) -> str:
    """A short line from left to right."""
    y = 14.0
    text = f'<path class="{_kind(kind)}" d="M{_n(x)} {_n(y)}H{_n(x + 17)}"/>'
    text += (
        f'<path class="head" d="M{_n(x + 22)} {_n(y)}L{_n(x + 16)} {_n(y - 3)}'
        f'L{_n(x + 16)} {_n(y + 3)}Z"/>'
    )
    if kind == p.COLLECTED:
        text += (
            f'<path class="line" d="M{_n(x)} {_n(y - 5)}L{_n(x + 9)} {_n(y)}L{_n(x)} {_n(y + 5)}"/>'
        )
    if kind == p.SPLIT:
        text += (
            f'<path class="line" d="M{_n(x + 16)} {_n(y - 5)}L{_n(x + 8)} {_n(y)}'
            f'L{_n(x + 16)} {_n(y + 5)}"/>'
        )
    return text
