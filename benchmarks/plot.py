"""Throughputs as horizontal bars on a logarithmic scale: an SVG for light and dark pages."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import heading, rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measure import Block, Timing

_WIDTH: Final = 760
#: Where bars begin, and how wide a factor of ten is.
_LEFT, _DECADE = 170, 62
_ROW, _BAR = 20, 13
#: The slowest rate that has a bar, as a power of ten.
_LEAST: Final = 0
#: What stands out.
_OURS: Final = "taskflow"

_STYLE: Final = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .small { font-size: 11px; fill: #59636e }
  .bar { fill: #9aa4af }
  .ours { fill: #0969da }
  line { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .bar { fill: #59636e }
    .ours { fill: #4493f8 }
    line { stroke: #3d444d }
  }
"""


def throughput(facts: dict[str, Any], blocks: Sequence[Block]) -> str:
    """One panel for each block of rates, and below them machine and date."""
    parts: list[str] = []
    y = 10
    for block in blocks:
        drawn, y = _panel(block, y)
        parts += drawn
    parts.append(_text(10, y + 10, f"{heading(facts)}; logarithmic scale", "small"))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 24}" '
        f'viewBox="0 0 {_WIDTH} {y + 24}" role="img">'
    )
    title = "<title>Tasks per second of taskflow and of its peers</title>"
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *parts, "</svg>\n"])


def _panel(block: Block, y: int) -> tuple[list[str], int]:
    """What is drawn of a block from `y` on, and where it ends."""
    top = y + 24
    bottom = top + len(block.timings) * _ROW
    most = max((each.per_second for each in block.timings), default=1)
    parts = [_text(10, y + 14, f"Tasks per second: {block.work}", "title")]
    for power in range(_LEAST, math.ceil(math.log10(most)) + 1):
        x = _LEFT + (power - _LEAST) * _DECADE
        parts.append(f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 12, _short(power), "small", "middle"))
    for number, timing in enumerate(block.timings):
        parts += _bar(timing, top + number * _ROW)
    return parts, bottom + 30


def _short(power: int) -> str:
    """A power of ten: 1, 10, 100, 1k and so on."""
    thousands, rest = divmod(power, 3)
    return f"{10**rest}{('', 'k', 'M', 'G')[thousands]}"


def _bar(timing: Timing, y: int) -> list[str]:
    kind = "ours" if timing.runner == _OURS else "bar"
    length = max(1.0, (math.log10(timing.per_second) - _LEAST) * _DECADE)
    box = f'<rect class="{kind}" x="{_LEFT}" y="{y + 3}" width="{length:.1f}" height="{_BAR}"/>'
    return [
        _text(_LEFT - 8, y + 14, timing.runner, "", "end"),
        box,
        _text(_LEFT + length + 6, y + 14, rate(timing.per_second), "small"),
    ]


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    where = f'x="{x:.1f}" y="{y}" text-anchor="{anchor}"'
    return f'<text {where} class="{kind}">{escape(text)}</text>'
