"""The figures of commits, one line of JSON for each time they were measured: `history.jsonl`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import quantity

if TYPE_CHECKING:
    from benchmarks.measure import Answer

_FILE: Final = Path(__file__).parent / "history.jsonl"
#: Measured commits that are shown side by side at most, the newest.
_COLUMNS: Final = 8


def commit() -> str:
    """The commit that is measured; with a `+` if there is more than that."""
    here = Path(__file__).parent
    describe = ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
    found = subprocess.run(describe, cwd=here, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def record(facts: dict[str, Any], answers: dict[str, Answer], path: Path = _FILE) -> None:
    """Add a line."""
    figures = {
        f"{figure.name} ({figure.unit})": float(f"{figure.value:.4g}")
        for answer in answers.values()
        for figure in answer.figures
    }
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({**facts, "figures": figures}, ensure_ascii=False) + "\n")


def table(path: Path = _FILE) -> str:
    """Each figure, over the commits."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    shown = lines[-_COLUMNS:]
    names = list(dict.fromkeys(name for line in shown for name in line["figures"]))
    width = max(map(len, names), default=0)
    return "\n".join(
        [
            _row("commit", [line["commit"] for line in shown], width),
            _row("date", [line["date"] for line in shown], width),
            *(_row(name, [_cell(line, name) for line in shown], width) for name in names),
        ]
    )


def _cell(line: dict[str, Any], name: str) -> str:
    value = line["figures"].get(name)
    return "" if value is None else quantity(value)


def _row(name: str, cells: list[str], width: int) -> str:
    return f"{name:<{width}}" + "".join(f" {cell:>10}" for cell in cells)
