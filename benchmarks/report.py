"""What was measured, as a table for reading and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.measure import Answer, Block, Figure, Timing


def heading(facts: dict[str, Any]) -> str:
    """Where and when."""
    cores, system, python = facts["cores"], facts["system"], facts["python"]
    return f"{cores} cores, {system}, Python {python}, {facts['date']}, commit {facts['commit']}"


def text(question: str, answer: Answer) -> str:
    """The blocks of a question with all their lines, then its figures."""
    lines = [question]
    for block in answer.blocks:
        lines += ["", *_block(block)]
    if answer.remarks:
        lines += ["", *(f"  {remark}" for remark in answer.remarks)]
    if answer.figures:
        lines += ["", *map(_figure, answer.figures)]
    return "\n".join(lines)


def figures(answers: dict[str, Answer]) -> str:
    """All figures once more, with what is aimed at."""
    return "\n".join(_figure(figure) for answer in answers.values() for figure in answer.figures)


def as_data(facts: dict[str, Any], answers: dict[str, Answer]) -> dict[str, Any]:
    """Everything, and the single rounds."""
    return {
        "machine": facts,
        "answers": {
            name: {
                "timings": [
                    _timing(block, timing) for block in answer.blocks for timing in block.timings
                ],
                "figures": [
                    {
                        "name": figure.name,
                        "value": figure.value,
                        "unit": figure.unit,
                        "target": figure.target,
                        "is_met": figure.is_met,
                    }
                    for figure in answer.figures
                ],
                "remarks": answer.remarks,
            }
            for name, answer in answers.items()
        },
    }


def _timing(block: Block, timing: Timing) -> dict[str, Any]:
    reference = block.compared_with
    return {
        "work": block.work,
        "runner": timing.runner,
        "tasks": timing.count,
        "seconds": timing.seconds,
        "median": timing.median,
        "per_second": timing.per_second,
        "ratio": None if reference is None else timing.over(reference),
        "of_ideal": timing.of_ideal,
        "note": timing.note,
    }


def _block(block: Block) -> list[str]:
    reference = block.compared_with
    beside = f"; × is to {block.reference}" if reference is not None else ""
    return [
        f"  {block.work}{beside}",
        *(_row(timing, reference) for timing in block.timings),
    ]


def _row(timing: Timing, reference: Timing | None) -> str:
    spread = f"({duration(min(timing.seconds))} to {duration(max(timing.seconds))})"
    times = "" if reference is None else ratio(timing.over(reference))
    ideal = timing.of_ideal
    note = timing.note if ideal is None else f"{ideal:.1%} of ideal; {timing.note}"
    return (
        f"    {timing.runner:<32} {duration(timing.median):>8} {spread:<22} "
        f"{rate(timing.per_second):>13} {times:>9}  {note}"
    )


def _figure(figure: Figure) -> str:
    line = f"  {figure.name:<48} {quantity(figure.value):>9} {figure.unit:<24}"
    if figure.target is None:
        return line.rstrip()
    sign = "≤" if figure.at_most else "≥"
    verdict = "" if figure.is_met else "  missed"
    return f"{line} wanted {sign} {figure.target:g}{verdict}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def rate(per_second: float) -> str:
    """Tasks per second."""
    return f"{per_second:,.0f}/s" if per_second >= 100 else f"{per_second:.1f}/s"


def ratio(times: float) -> str:
    """How many times as much."""
    return f"{quantity(times)} ×"


def quantity(value: float) -> str:
    """A number with as many digits as mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"
