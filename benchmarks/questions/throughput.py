"""How many tasks a second do taskflow and its peers do, each in a process of its own?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks import contestants
from benchmarks.bench import times_reference
from benchmarks.contestants import PeerFailedError
from benchmarks.environments import NotAvailableError, peers
from benchmarks.measure import Answer, Block, Timing, say

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.environments import Peer

#: The kinds of work, in the words of the table.
WORKS: Final = {
    "fan_out": "separate no-ops, and a sum",
    "mapped": "one map of no-ops, and a sum",
    "chain": "calls that each take the value of the one before",
    "cold": "from nothing to the end of four tasks: imports, servers, workers",
}
REFERENCE: Final = "loky"
#: More rounds than this would take long: some peers need ten seconds to start.
_MOST_ROUNDS: Final = 3


@dataclass
class Entrant:
    """A peer that takes part: its interpreter, and what it measured."""

    peer: Peer
    python: str
    #: by kind of work and way of running
    timings: dict[tuple[str, str], Timing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.version = self.peer.version(self.python)

    def run(self, scale: float) -> None:
        """Measure for one round; raises `PeerFailedError`."""
        say(f"    {self.peer.name}")
        for each in contestants.run(self.peer.command(self.python), scale):
            for work, tasks in each.tasks.items():
                timing = Timing(each.runner, tasks, f"version {self.version}")
                timing = self.timings.setdefault((work, each.runner), timing)
                timing.seconds.append(each.seconds[work])


def answer(bench: Bench) -> Answer:
    """With `--peers` also of those that need an environment of their own."""
    remarks: list[str] = []
    entrants = _entrants(bench, remarks)
    for number in range(min(bench.rounds, _MOST_ROUNDS)):
        say(f"  round {number + 1}")
        for entrant in list(entrants):
            try:
                entrant.run(bench.scale)
            except PeerFailedError as error:
                entrants.remove(entrant)
                remarks.append(f"{entrant.peer.name}: not measured: {error}")
    blocks = [_block(work, title, entrants) for work, title in WORKS.items()]
    remarks += [f"{each.peer.name} {each.version}: {each.peer.note}" for each in entrants]
    figures = [
        times_reference(block, "taskflow", f"throughput, {work}")
        for work, block in zip(WORKS, blocks, strict=True)
        if {"taskflow", REFERENCE} <= {each.runner for each in block.timings}
    ]
    return Answer(blocks, figures, remarks)


def _entrants(bench: Bench, remarks: list[str]) -> list[Entrant]:
    """Who takes part; the remarks say who does not, and why."""
    entrants: list[Entrant] = []
    for peer in peers():
        if not (peer.is_here or bench.all_peers):
            remarks.append(f"{peer.name}: left out; --peers installs it, and measures it")
            continue
        try:
            entrants.append(Entrant(peer, peer.interpreter(bench.environments)))
        except NotAvailableError as error:
            remarks.append(f"{peer.name}: not measured: {error}")
    return entrants


def _block(work: str, title: str, entrants: list[Entrant]) -> Block:
    """All that did this work, the quickest first."""
    timings = [
        timing
        for entrant in entrants
        for (kind, _), timing in entrant.timings.items()
        if kind == work
    ]
    return Block(title, sorted(timings, key=lambda each: -each.per_second), REFERENCE)
