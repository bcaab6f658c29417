"""Lines of a page on standard output, aligned in columns; colours are for terminals only."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

from taskflow.progress.clean import one_line
from taskflow.progress.paint import Paint, cells, fitted, is_terminal, text_of
from taskflow.progress.rows import not_good

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from taskflow.progress.paint import Line, Span

_STYLES: Final = {
    "succeeded": "green",
    "cached": "cyan",
    "failed": "red",
    "crashed": "red",
    "timed_out": "red",
    "running": "blue",
    "queued": "dim",
    "skipped": "dim",
}
_GAP: Final = "  "


def write_lines(lines: Iterable[Line]) -> None:
    """Write lines to standard output."""
    paint = Paint(sys.stdout)
    for line in lines:
        sys.stdout.write(f"{paint.line(line)}\n")
    sys.stdout.flush()


def table(
    titles: Sequence[str], rows: Iterable[Sequence[Line]], right: Iterable[int] = ()
) -> list[Line]:
    """Rows below their titles; a terminal gets no more of one than it is wide."""
    lines = aligned(_headed(titles, list(rows)), right)
    if not is_terminal(sys.stdout):
        return lines
    width = shutil.get_terminal_size().columns
    return [fitted(line, width) for line in lines]


def aligned(rows: Sequence[Sequence[Line]], right: Iterable[int] = ()) -> list[Line]:
    """Rows of cells as lines; the columns in `right` hold numbers. Empty columns are left out."""
    numbers = frozenset(right)
    texts = [[cells(text_of(cell)) for cell in row] for row in rows]
    widths = [max(column) for column in zip(*texts, strict=True)]
    return [_row(row, found, widths, numbers) for row, found in zip(rows, texts, strict=True)]


def _row(
    row: Sequence[Line], found: Sequence[int], widths: Sequence[int], numbers: frozenset[int]
) -> Line:
    line: Line = []
    for column, (cell, used, width) in enumerate(zip(row, found, widths, strict=True)):
        if not width:
            continue
        pad = [(" " * (width - used), "")]
        line += [*(pad + cell if column in numbers else cell + pad), (_GAP, "")]
    return line


def _headed(titles: Sequence[str], rows: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Rows below a row of titles; a column without anything in it has no title either."""
    empty = [not any(text_of(row[column]) for row in rows) for column in range(len(titles))]
    heads = [[("" if bare else title, "dim")] for title, bare in zip(titles, empty, strict=True)]
    return [heads, *map(list, rows)]


def facts(pairs: Iterable[tuple[str, str]]) -> list[Line]:
    """Names and what is to say of them, a line each; what is empty is left out."""
    return aligned([[[(f"  {name}", "dim")], [(text, "")]] for name, text in pairs if text])


def state(name: str) -> Span:
    """A state in words and its colour."""
    return name.replace("_", " "), _STYLES.get(name, "yellow")


def counts(found: Mapping[str, int]) -> Line:
    """How many task runs ended in which state: `312 ok, 2 failed`."""
    good = found.get("succeeded", 0)
    said = [*([(f"{good:,} ok", "green")] if good else []), *not_good(found)]
    return [part for span in said for part in ((", ", "dim"), span)][1:]


def pairs(given: Iterable[tuple[str, str]], limit: int) -> str:
    """Parameters in one line: `domain='example.org' depth=3`."""
    return one_line(" ".join(f"{name}={text}" for name, text in given), limit)


def size(count: float) -> str:
    """A number of bytes as people read it: `830 B`, `4.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
