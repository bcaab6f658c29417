"""The failure report: for each kind of failure the inputs, the user's own frames and the error.

    ✘ extract[17] and 2 more failed after 3 attempts (ValueError) in 0.8s
      inputs  page = Page(url='http://example.com/item/17')
              lang = 'en'
      ╭─ scrape.py:48 in extract
      │ ❱ 48     return Item(sku, parse_price(price))
      ├─ scrape.py:71 in parse_price
      │   70     text = text.strip()
      │ ❱ 71     return Decimal(text.lstrip("€$"))
      ╰─ ValueError: could not convert 'sold out' to Decimal
      last output
        12:04:31 INFO  scrape  parsing item 17
      2 more failed the same way: extract[31], extract[205]

The message comes last, as in Python; above it stand only lines that the reader has written.
"""

from __future__ import annotations

import contextlib
import linecache
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from taskflow.events import TasksEnded
from taskflow.lifecycle import FAILED
from taskflow.plain import cell_name
from taskflow.progress.clean import one_line, output_lines
from taskflow.progress.failures import Failures, first_line, last_own_frame
from taskflow.progress.origins import causes, members
from taskflow.progress.paint import text_of
from taskflow.progress.rows import summary as run_summary
from taskflow.progress.tally import name_in
from taskflow.progress.words import duration

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from taskflow.call import ErrorReport, Frame
    from taskflow.progress.failures import Kind
    from taskflow.progress.origins import Origin
    from taskflow.progress.paint import Line
    from taskflow.progress.tally import Tally

#: Kinds of failure shown in full, and those after them shown in one line each.
BLOCKS: Final = 8
LINES: Final = 20
#: Lines of a message, of a task's last output, and of source above the line that failed.
MESSAGE_LINES: Final = 20
OUTPUT_LINES: Final = 10
CONTEXT: Final = 2
#: Frames of one traceback: the outermost two and the innermost ones.
FRAMES: Final = 8
_OUTER: Final = 2
_LONGEST: Final = 160
_INPUTS: Final = 12
_SUMMARY: Final = 5
_UNMET: Final = 6
#: The option that asks for tracebacks in full.
FULL_TRACEBACK: Final = "--full-traceback"

_HERE: Final = str(Path(__file__).resolve().parent.parent) + os.sep
#: Members of an exception group that are named.
_MEMBERS: Final = 8
_GUTTERS: Final = ("  │", "  ╭", "  ├", "  ┆", "  inputs", "        ")


def report(failures: Failures, *, full: bool | None = None) -> Iterator[Line]:
    """The lines of the whole report; `full` shows tracebacks as Python prints them.

    None is for where there is no option that a reader could ask for them with.
    """
    kinds = list(failures.kinds.values())
    for kind in kinds[:BLOCKS]:
        yield []
        yield from block(kind, full=full)
    yield from _one_line_each(kinds[BLOCKS:], failures.unkept)
    if failures.unmet:
        yield []
        yield _unmet(failures.unmet)


def ending(tally: Tally, failures: Failures, *, full: bool | None = None) -> Iterator[Line]:
    """The last lines of a run: what failed, in full if it matters, and the summary."""
    ended = tally.finished
    if ended is not None and ended.state == "succeeded":
        # Each of these was taken as a value by a task: worth a line, not a page, and not twice.
        news = [kind for kind in failures.kinds.values() if not kind.told or kind.others]
        yield from _one_line_each(news, failures.unkept)
    else:
        yield from report(failures, full=full)
    if ended is not None:
        yield []
        yield run_summary(tally, ended)
        if ended.state == "paused":
            yield from ([(f"  {line.strip()}", "red")] for line in ended.why.splitlines())
        elif ended.again and ended.state != "succeeded":
            yield [("  go on where it was: ", "dim"), (ended.again, "")]


def block(kind: Kind, *, full: bool | None = None) -> Iterator[Line]:
    """All that is worth knowing about one kind of failure."""
    event, error = kind.first, kind.first.error
    yield _headline(kind)
    if error is not None:
        yield from inputs(error)
        yield from _traceback(error) if full and error.traceback else _frames(error, full=full)
        yield from _last_output(error)
    elif event.why:
        yield [(f"  {one_line(event.why, _LONGEST)}", "red")]
    yield from _others(kind)


def is_gutter(line: Line) -> bool:
    """Whether a line is better cut than wrapped: what stands below it belongs to it."""
    return text_of(line).startswith(_GUTTERS)


def in_short(kind: Kind, *, counted: bool = True) -> Line:
    """One kind of failure in one line, with how many there are or only the first."""
    event = kind.first
    frame = last_own_frame(event)
    line: Line = [
        ("✘ ", "red"),
        (_named(kind) if counted else one_line(kind.key), "bold"),
        (f"  {_error_line(event)}", "red"),
    ]
    if frame is not None:
        line.append((f"  {_place(frame)}", "dim"))
    return line


def summary(run_id: str, pipeline: str, failed: Iterable[tuple[str, str, ErrorReport]]) -> str:
    """The message of an exception about a failed run: which run, what failed, and where.

    `failed` holds key, state and report of each.
    """
    failures = Failures(pipeline)
    failures.take(
        [TasksEnded(key, name_in(key), state, error=error) for key, state, error in failed]
    )
    count = failures.count
    what = "a task failed" if count == 1 else f"{count:,} tasks failed" if count else "it failed"
    lines = [f"{one_line(pipeline)}: {what} (run {run_id})"]
    kinds = list(failures.kinds.values())
    for kind in kinds[:_SUMMARY]:
        lines.append(f"  {one_line(kind.key)}: {_error_line(kind.first)}")
        if frame := last_own_frame(kind.first):
            lines.append(f"    {_place(frame)}")
        if kind.others:
            lines.append(f"    {_others_named(kind)}")
    if unsaid := sum(kind.count for kind in kinds[_SUMMARY:]) + failures.unkept:
        lines.append(f"  and {unsaid:,} more in other ways")
    return "\n".join(lines)


# --- the parts of a block ------------------------------------------------------------------


def _one_line_each(kinds: Sequence[Kind], unkept: int) -> Iterator[Line]:
    """Kinds of failure in a line each; those of which nothing is known but their number too."""
    if kinds:
        yield []
    yield from map(in_short, kinds[:LINES])
    if unsaid := sum(kind.count for kind in kinds[LINES:]) + unkept:
        yield [(f"  … {unsaid:,} more failed in other ways", "dim")]


def _headline(kind: Kind) -> Line:
    event = kind.first
    state = event.state.replace("_", " ")
    attempts = f" after {event.attempt} attempts" if event.attempt > 1 else ""
    raised = f" ({_short_type(event.error)})" if event.error and event.state == FAILED else ""
    took = f" in {duration(event.seconds)}" if event.seconds else ""
    return [
        ("✘ ", "bold red"),
        (_named(kind), "bold"),
        (f" {state}{attempts}{raised}", "bold red"),
        (took, "dim"),
    ]


def inputs(error: ErrorReport) -> Iterator[Line]:
    """What the body was called with, as it was shown when it failed."""
    title = "inputs"
    for name, shown in error.inputs[:_INPUTS]:
        yield [(f"  {title:<6}  ", "dim"), (f"{one_line(name)} = {one_line(shown, _LONGEST)}", "")]
        title = ""
    if len(error.inputs) > _INPUTS:
        yield [(f"          … {len(error.inputs) - _INPUTS} more", "dim")]


def _frames(error: ErrorReport, *, full: bool | None) -> Iterator[Line]:
    own = [frame for frame in error.frames if frame.mine]
    hidden = [frame for frame in error.frames if not _is_known(frame)]
    left_out = range(_OUTER, len(own) - FRAMES + _OUTER)
    for at, frame in enumerate(own):
        if at not in left_out:
            yield [("  ├─ " if at else "  ╭─ ", "dim"), (_place(frame), "cyan")]
            yield from _source(frame, CONTEXT if frame is own[-1] else 0)
        elif at == _OUTER:
            yield [("  ┆  ", "dim"), (f"{len(left_out)} frames of your code", "dim")]
    if own and hidden and hidden[-1] is error.frames[-1]:  # where a library raised
        yield [(f"  ├─ {_place(hidden.pop())}", "dim")]
    yield from _message(error, own=bool(own))
    if hidden:
        frames = "frame" if len(hidden) == 1 else "frames"
        shows = "" if full is None else f"; {FULL_TRACEBACK} shows them"
        yield [(f"  ({len(hidden)} {frames} of libraries hidden{shows})", "dim")]


def _message(error: ErrorReport, *, own: bool) -> Iterator[Line]:
    head, *rest = error.message.strip().split("\n")
    kind = _short_type(error) if error.type.startswith("taskflow.") else error.type
    first = f"{one_line(kind)}: {one_line(head, 400)}" if head else one_line(kind)
    yield [("  ╰─ " if own else "  ", "dim"), (first, "bold red")]
    indent = "     " if own else "  "
    yield from ([(f"{indent}{one_line(line, 400)}", "red")] for line in rest[:MESSAGE_LINES])
    if len(rest) > MESSAGE_LINES:
        yield [(f"{indent}… {len(rest) - MESSAGE_LINES} more lines", "dim")]
    yield from _origins(error.traceback, indent)


def _origins(traceback: str, indent: str) -> Iterator[Line]:
    found = list(members(traceback))
    for at, origin in enumerate(found[:_MEMBERS], 1):
        corner = "├─" if at < len(found) else "╰─"
        yield [(f"{indent}{'  ' * origin.depth}{corner} ", "dim"), *_origin(origin)]
    if len(found) > _MEMBERS:
        yield [(f"{indent}… {len(found) - _MEMBERS} more", "dim")]
    for origin in causes(traceback):
        yield [(f"{indent}{origin.word} ", "dim"), *_origin(origin)]


def _origin(origin: Origin) -> Line:
    line: Line = [(one_line(origin.text, 400), "red")]
    if origin.frame is not None:
        line.append((f"  {_place(origin.frame)}", "dim"))
    return line


def _traceback(error: ErrorReport) -> Iterator[Line]:
    for line in output_lines(error.traceback):
        yield [(f"  {line}", "red" if line and not line.startswith(" ") else "")]


def _last_output(error: ErrorReport) -> Iterator[Line]:
    lines = output_lines(error.log_tail)[-OUTPUT_LINES:] if error.log_tail.strip() else []
    if lines:
        yield [("  last output", "dim")]
        yield from ([(f"    {line}", "")] for line in lines)


def _source(frame: Frame, above: int) -> Iterator[Line]:
    """The line of a frame, marked, below the lines above it that belong to the same block."""
    linecache.checkcache(frame.path)
    lines = linecache.getlines(frame.path)[: frame.line]
    # Of a notebook's cell a worker has no text, and it cannot have changed.
    text = frame.text.strip() or (lines[-1].strip() if lines and cell_name(frame.path) else "")
    if not lines or lines[-1].strip() != text:  # the file has changed since
        if frame.text:
            yield _marked(frame.line, f"    {frame.text}")
        return
    start = max(0, len(lines) - 1 - above)
    for number, text in enumerate(lines[start:-1], start + 1):
        if text.strip():
            yield [("  │ ", "dim"), (f"  {number:>{len(str(frame.line))}} {_code(text)}", "dim")]
    yield _marked(frame.line, lines[-1])


def _marked(number: int, text: str) -> Line:
    return [("  │ ", "dim"), ("❱ ", "bold red"), (f"{number} {_code(text)}", "bold")]


def _code(text: str) -> str:
    return one_line(text.rstrip().expandtabs(4), _LONGEST)


# --- words ---------------------------------------------------------------------------------


def _named(kind: Kind) -> str:
    return one_line(kind.key) + (f" and {kind.others:,} more" if kind.others else "")


def _others(kind: Kind) -> Iterator[Line]:
    """The failures like the first: their keys, and what they say if they say other things."""
    if not kind.others:
        return
    said = first_line(kind.first)
    if all(other.message == said for other in kind.more):
        yield [(f"  {_others_named(kind)}", "yellow")]
        return
    yield [(f"  {kind.others:,} more failed on the same line", "yellow")]
    for other in kind.more:
        yield [(f"    {one_line(other.key, 60)}  ", ""), (one_line(other.message, _LONGEST), "red")]
    if kind.unnamed:
        yield [(f"    … {kind.unnamed:,} more", "dim")]


def _others_named(kind: Kind) -> str:
    named = [one_line(other.key, 60) for other in kind.more]
    named += ["…"] if kind.unnamed else []
    return f"{kind.others:,} more failed the same way: {', '.join(named)}"


def _unmet(unmet: Counter[str]) -> Line:
    total = unmet.total()
    names = [
        f"{one_line(name, 40)} × {count:,}" if count > 1 else one_line(name, 40)
        for name, count in unmet.most_common(_UNMET)
    ]
    more = ", …" if len(unmet) > _UNMET else ""
    runs = "task run" if total == 1 else "task runs"
    said = f"{total:,} {runs} did not start, because an input had failed: "
    return [(said, "yellow"), (", ".join(names) + more, "")]


def _error_line(event: TasksEnded) -> str:
    if event.error is None:
        return one_line(event.why or event.state, _LONGEST)
    kind, head = _short_type(event.error), first_line(event)
    return one_line(f"{kind}: {head}" if head else kind, _LONGEST)


def _short_type(error: ErrorReport) -> str:
    return one_line(error.type.rpartition(".")[2])


def _place(frame: Frame) -> str:
    return f"{one_line(_shown_path(frame.path), 100)}:{frame.line} in {one_line(frame.name, 60)}"


def _shown_path(path: str) -> str:
    """A path as a person in this directory would write it, or the cell of a notebook."""
    if cell := cell_name(path):
        return cell
    folders = {os.path.expanduser("~"): "~" + os.sep}
    with contextlib.suppress(FileNotFoundError):  # it may be gone since the run began
        folders = {os.getcwd(): "", **folders}
    for folder, sign in folders.items():
        if path.startswith(start := os.path.join(folder, "")):
            return sign + path.removeprefix(start)
    return path


def _is_known(frame: Frame) -> bool:
    """Whether a frame is the user's, or taskflow's own, which nobody misses."""
    return frame.mine or frame.path.startswith(_HERE)
