"""Measures, prints the table, and keeps the figures if asked to."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import measure, overhead


def main() -> None:
    """Run the benchmarks as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: within a minute")
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    parser.add_argument("--scale", type=float, default=1.0, help="this share of all sizes")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there")
    chosen = parser.parse_args()
    rounds = chosen.rounds or (3 if chosen.quick else 9)
    sizes = overhead.Sizes().scaled(chosen.scale)
    facts = measure.machine()
    timings = overhead.timings(sizes, rounds)
    memories = overhead.memories(sizes, 1 if chosen.quick else 3)
    print(measure.table(facts, timings, memories, rounds))
    if chosen.json:
        figures = measure.figures(facts, timings, memories)
        chosen.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
