"""Measures taskflow beside what else runs Python functions, and prints what came of it."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import history, plot, report
from benchmarks.bench import Bench
from benchmarks.environments import default_folder
from benchmarks.measure import machine, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from benchmarks.measure import Answer

#: In the order in which they are asked.
QUESTIONS: Final = (
    "start_up",
    "fan_out",
    "maps",
    "chain",
    "tree",
    "layers",
    "cpu_bound",
    "skew",
    "async_tasks",
    "large_arrays",
    "resume",
    "progress",
    "scaling",
    "schedules",
    "throughput",
)
#: What `--quick` makes of rounds and sizes.
QUICK_ROUNDS, QUICK_SCALE = 2, 0.05


def main() -> None:
    """Do what the command line asks for."""
    chosen = _arguments()
    if chosen.questions == ["history"]:
        print(history.table())
        return
    rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else 5)
    scale = chosen.scale or (QUICK_SCALE if chosen.quick else 1.0)
    facts = {**machine(), "commit": history.commit(), "rounds": rounds, "scale": scale}
    print(f"{report.heading(facts)}; medians of {rounds} alternating rounds", flush=True)
    if scale != 1.0:
        print(f"at {scale:g} of the sizes: what is wanted of a figure is for all of it", flush=True)
    bench = Bench(rounds, scale, all_peers=chosen.peers, environments=chosen.envs)
    answers = _ask(chosen.questions or QUESTIONS, bench)
    if len(answers) > 1:
        print(f"\nall figures\n\n{report.figures(answers)}")
    if chosen.json:
        data = report.as_data(facts, answers)
        chosen.json.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    if chosen.plot:
        rates = answers["throughput"].blocks[:-1]  # the last is of times
        chosen.plot.write_text(plot.throughput(facts, rates))
    if chosen.record:
        history.record(facts, answers)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:<14} {_title(_module(name))}" for name in QUESTIONS)
        + "\n  history        How did the figures change from commit to commit?",
    )
    add = parser.add_argument
    add("questions", nargs="*", metavar="QUESTION", help="some of those below; all, if none is")
    add("--quick", action="store_true", help="fewer rounds, smaller sizes: within a minute")
    add("--rounds", type=int, help="how often everything is measured")
    add("--scale", type=float, help="this share of all sizes")
    add("--json", type=Path, metavar="FILE", help="write every round there")
    add("--peers", action="store_true", help="throughput: install all peers, and measure them")
    add("--envs", type=Path, default=default_folder(), help="where to: %(default)s")
    add("--plot", type=Path, metavar="FILE.svg", help="draw the throughputs")
    add("--record", action="store_true", help="add the figures to the history of commits")
    chosen = parser.parse_args()
    unknown = set(chosen.questions) - {*QUESTIONS, "history"}
    if unknown:
        parser.error(f"there is no question {', '.join(sorted(unknown))}; --help lists them")
    if chosen.plot and chosen.questions and "throughput" not in chosen.questions:
        parser.error("--plot draws the throughputs: ask for throughput, too")
    if chosen.record and (chosen.scale or chosen.quick):
        parser.error("--record is for figures of full size: leave out --quick and --scale")
    return chosen


def _ask(questions: Sequence[str], bench: Bench) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    with bench:
        for name in questions:
            say(name)
            module = _module(name)
            answers[name] = module.answer(bench)
            print(f"\n{report.text(f'{name}: {_title(module)}', answers[name])}", flush=True)
    return answers


def _module(question: str) -> ModuleType:
    return import_module(f"benchmarks.questions.{question}")


def _title(module: ModuleType) -> str:
    return (module.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    main()
