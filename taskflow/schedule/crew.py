"""The processes that drive runs for a service: at most so many at once."""

from __future__ import annotations

import math
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.errors import UnknownRunError
from taskflow.lifecycle import OPEN_RUNS
from taskflow.schedule.hooks import HOOK_SECONDS
from taskflow.schedule.orders import DONE, NOT_BEGUN, RunOrder
from taskflow.store.owners import is_here

if TYPE_CHECKING:
    from taskflow.records import Owner, RunRow
    from taskflow.schedule.around import Around
    from taskflow.schedule.hooks import Hooks
    from taskflow.schedule.messages import Ended
    from taskflow.store.picking import Picked

#: A run whose process dies so often before it has begun is a failed one.
START_TRIES: Final = 3
#: A process has so long to import the code of its run; seconds.
START_SECONDS: Final = 300.0
#: When no process can be started, this is tried again after so long; seconds.
REST_SECONDS: Final = 5.0
#: States of a run that goes on when its process has died.
_OPEN: Final = frozenset({"queued", "interrupted"})


class _Hand(NamedTuple):
    """A process, and the run that it was started for."""

    picked: Picked
    since: float


class Crew:
    """The runs that a service looks after: those that it has picked, and some that it found."""

    def __init__(
        self,
        around: Around,
        hooks: Hooks,
        most: int,
        workers: int | None = None,
        *,
        as_json: bool = False,
    ) -> None:
        self._store, self._folder, self._hooks = around.store, around.folder, hooks
        self._nursery, self._say, self._clock = around.nursery, around.say, around.clock
        self._most, self._workers, self._as_json = most, workers, as_json
        self._hands: dict[str, _Hand] = {}
        #: Runs that a nursery had which is gone, and the processes that drive them.
        self._lost: dict[str, Owner | None] = {}
        #: Runs that others have started: they take places, but no stop waits for them.
        self._adopted: dict[str, Owner | None] = {}
        #: Until when nothing is begun, since no process can be started just now.
        self._rests_until = -math.inf
        #: By run, the trace that its process had when it died, and how often.
        self._tries: dict[str, tuple[int, int]] = {}
        self._owner = around.me

    def __len__(self) -> int:
        return len(self._hands) + len(self._lost)

    def adopt(self) -> None:
        """Look after what a service that is gone has left going, unless it may be another one's."""
        here = [owner for folder, owner in self._store.serving() if folder == self._folder]
        if all(owner[:4] == self._owner[:4] for owner in here):
            self._adopted.update(self._store.book.driven(self._store.drives, self._folder))

    def fill(self) -> None:
        """Begin runs that may, as many as there is room for."""
        if self._clock.monotonic() < self._rests_until:
            return
        room, now = self._most - len(self) - len(self._adopted), self._clock.now()
        owner, folder = self._owner, self._folder
        for picked in self._store.book.pick(room, owner, self._is_driven, now, folder):
            self._begin(picked)

    def _is_driven(self, run_id: str, owner: Owner) -> bool:
        if owner[:4] == self._owner[:4]:
            return run_id in self._hands  # picked by this service, and not lost since
        return self._store.drives(run_id, owner)

    def _begin(self, picked: Picked) -> None:
        for others in (self._lost, self._adopted):
            others.pop(picked.run_id, None)
        self._hands[picked.run_id] = _Hand(picked, self._clock.monotonic())
        url, asked = self._store.url, (picked.run_id, picked.epoch, picked.version)
        order = RunOrder(url, *asked, self._workers, self._as_json)
        self._nursery.start_run(picked.run_id, order.encoded())
        if picked.state == "queued":
            self._say("run", picked.pipeline, run=picked.run_id)
        else:
            self._say("resumed", picked.pipeline, run=picked.run_id, was=picked.state)

    def take(self, ended: Ended) -> None:
        """Take note that the process of a run has ended."""
        hand = self._hands.get(ended.ident)
        if hand is None:
            return
        try:
            run = self._store.find(ended.ident)
        except UnknownRunError as error:  # somebody has removed it
            del self._hands[ended.ident]
            self._say("trouble", hand.picked.pipeline, run=ended.ident, error=str(error))
            return
        del self._hands[ended.ident]
        if ended.status is None:  # nothing is wrong with the run, and it is picked again
            self._rests_until = self._clock.monotonic() + REST_SECONDS
            self._say("trouble", run.pipeline, run=run.id, error=ended.how)
        if ended.status in (None, NOT_BEGUN):
            return
        if run.state in _OPEN and ended.status != DONE and not self._may_try(hand, run, ended):
            return
        self._tell(run, ended.how)

    def _may_try(self, hand: _Hand, run: RunRow, ended: Ended) -> bool:
        """Whether another process is to have a run whose process has died; not for ever.

        What counts is how often that was before the run had begun, or had gone on: a run that
        brings its process down later is looked after where it goes on.
        """
        traces = self._store.traces(run.id)
        begun = traces[-1].number if traces else 0
        before, tries = self._tries.get(run.id, (begun, 0))
        tries = tries + 1 if before == begun else 1
        self._tries[run.id] = begun, tries
        how = ended.how or f"exit code {ended.status}"
        if tries < START_TRIES:
            if run.state == "queued":
                self._say("not begun", run.pipeline, run=run.id, error=how)
            return run.state != "queued"
        del self._tries[run.id]
        done = "gone on" if begun else "begun"
        why = f"its process died {tries} times before the run had {done}; the last time: {how}"
        # It may have taken the run over, with an epoch of its own; it is gone, so nobody else has.
        epoch = hand.picked.epoch if run.owner is not None else run.epoch
        if self._store.book.end_unstarted(run.id, epoch, why, self._clock.now()):
            self._tell(self._store.find(run.id), why)
        return False

    def _tell(self, run: RunRow, how: str) -> None:
        """Say, and tell hooks, what has become of a run."""
        if run.state == "interrupted":
            self._say("interrupted", run.pipeline, run=run.id, why="it goes on later")
            return
        self._tries.pop(run.id, None)
        seconds = round(run.took, 3) or None
        why = run.error or run.why or ("" if run.state == "succeeded" else how)
        self._say(run.state, run.pipeline, run=run.id, seconds=seconds, error=why)
        self._hooks.of_run(run)

    def forget(self) -> None:
        """Nothing is heard of the processes any more; they live on, and the store tells of them."""
        self._lost.update(dict.fromkeys(self._hands))
        self._hands.clear()

    def look_after_lost(self) -> None:
        """Take note of what has become of runs whose processes are not heard of."""
        for runs in (self._lost, self._adopted):
            for run_id in list(runs):
                self._look_after(runs, run_id)

    def _look_after(self, runs: dict[str, Owner | None], run_id: str) -> None:
        try:
            run = self._store.find(run_id)
        except UnknownRunError:
            del runs[run_id]
            return
        runs[run_id] = run.owner
        if run.owner is None:  # who has not begun is picked again
            del runs[run_id]
            if run.state not in OPEN_RUNS:
                self._tell(run, "")

    def end_stuck(self) -> None:
        """Kill processes that hang: before their runs have begun, or after these have ended."""
        late = self._clock.monotonic() - min(START_SECONDS, HOOK_SECONDS)
        for run_id, hand in self._hands.items():
            if hand.since < late and self._is_stuck(run_id, hand):
                self._nursery.stop_run(run_id, signal.SIGKILL)

    def _is_stuck(self, run_id: str, hand: _Hand) -> bool:
        """Whether the imports of a run hang, or its hook, or a thread that it has left."""
        try:
            run = self._store.find(run_id)
        except UnknownRunError:  # it had ended, and somebody has removed it
            return True
        if run.state == "queued":
            return hand.since < self._clock.monotonic() - START_SECONDS
        is_late = run.state not in OPEN_RUNS and run.ended < self._clock.now() - HOOK_SECONDS
        if is_late:
            why = f"its process has not ended for {HOOK_SECONDS:.0f} s: a hook or a thread hangs"
            self._say("trouble", run.pipeline, run=run.id, error=why)
        return is_late

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask all processes to end: their runs go on when a service is there again."""
        for run_id in self._hands:
            self._nursery.stop_run(run_id, number)
        for owner in self._lost.values():
            if owner is not None and is_here(owner):
                with suppress(ProcessLookupError):
                    os.kill(owner.pid, number)
