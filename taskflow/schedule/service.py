"""The service: one process that looks after a folder, its schedules and their runs.

It never loads code of a user: the nursery's processes do, so nothing that a pipeline does can
stop it. All that it knows is in the store; another service, or the next one, finds it there.

    files of the folder ─ nursery ─▶ catalog ─▶ store ─▶ agenda ─▶ ticks and queued runs ─▶ crew
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from taskflow.errors import DefinitionError, ExecutorError, StoreError
from taskflow.launch import new_run_id
from taskflow.planned import PROMPT_SECONDS
from taskflow.progress.words import counted
from taskflow.schedule.agenda import Agenda
from taskflow.schedule.judging import judge, spread
from taskflow.schedule.messages import Ended, Reading
from taskflow.schedule.revival import Revival

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from taskflow.planned import Planned, ScheduleRow, Standing, TickRow, Verdict
    from taskflow.schedule.around import Around
    from taskflow.schedule.catalog import Catalog
    from taskflow.schedule.crew import Crew
    from taskflow.schedule.hooks import Hooks

#: The folder, and what others have changed in the store, are looked at so often; seconds.
LOOK_SECONDS: Final = 1.0
#: Processes are asked again for what hangs so often; seconds.
STUCK_SECONDS: Final = 30.0
#: What was told to end, and does not, is killed after so long; seconds.
KILL_SECONDS: Final = 15.0
#: So many schedules are judged in one transaction: runs want to write, too.
AT_ONCE: Final = 500


class Service:
    """Starts what is due, until it is told to stop."""

    def __init__(self, around: Around, catalog: Catalog, crew: Crew, hooks: Hooks) -> None:
        self._database = around.store.place.database
        self._file = _identity(self._database)
        self._is_store_lost = False
        self._book, self._folder = around.store.book, around.folder
        self._nursery, self._say, self._clock = around.nursery, around.say, around.clock
        self._catalog, self._crew, self._hooks = catalog, crew, hooks
        self._agenda = Agenda()
        self._revival = Revival()
        self._seen = -1
        #: What the nursery has told, and is not taken note of yet.
        self._told: deque[Reading | Ended] = deque()
        self._looked = self._unstuck = -LOOK_SECONDS
        #: Since when what goes on is told to end, on the monotonic clock.
        self._ending: float | None = None
        self._has_killed = False
        self._is_to_reload = False
        #: What was last said of the store, and when: it is not said each time.
        self._trouble = "", -math.inf
        #: Since when it drains, on the monotonic clock; None while it serves.
        self.stopping: float | None = None

    # --- what is done again and again ---

    def step(self) -> float:
        """Do what is due; returns how long there will be nothing to do, in seconds."""
        self._told += self._heard()
        while self._told:  # what the store does not take now, it takes later
            message = self._told[0]
            if isinstance(message, Reading):
                self._catalog.take(message)
            else:
                self._hooks.take(message)
                self._crew.take(message)
            self._told.popleft()
        self._crew.look_after_lost()
        self._hooks.reap()
        if self.stopping is None:
            self._look()
            self._decide()
            if not self._revival.is_awaited:
                self._crew.fill()
        return self._patience()

    def _heard(self) -> list[Reading | Ended]:
        try:
            if self._revival.is_due(self._clock.monotonic()):
                self._nursery.start_anew()
                self._revival.is_awaited = False
            return [] if self._revival.is_awaited else self._nursery.receive()
        except ExecutorError as error:
            self._say("trouble", "nursery", error=str(error))
            self._crew.forget()
            self._hooks.forget()
            self._revival.put_off(self._clock.monotonic())
            return self._heard() if self._revival.is_due(self._clock.monotonic()) else []

    def _look(self) -> None:
        """Look at the folder, and at what changed in the store, now and then."""
        now = self._clock.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._check_store()
        self._catalog.look()
        if self._is_to_reload:
            self._catalog.read_bad_files()
            self._is_to_reload = False
        seen = self._book.changes()
        if seen != self._seen:
            rows = self._book.schedules(self._folder)
            self._seen = seen
            self._agenda = Agenda()
            self._plan(rows)
        if now - self._unstuck >= STUCK_SECONDS:
            self._unstuck = now
            self._nursery.check()
            self._crew.end_stuck()

    def _check_store(self) -> None:
        """What is written to a file that was removed is lost, and no other process sees it."""
        try:
            if _identity(self._database) == self._file:
                return
        except OSError:
            return  # whether it is there cannot be told just now
        self._end_all(signal.SIGTERM)
        self._is_store_lost = True
        raise StoreError(
            f"the store {self._database} was removed or replaced while it was in use; what is "
            "there now is another one: put the old one back from a backup, or leave it, and start "
            "the service again"
        )

    def _plan(self, rows: Sequence[ScheduleRow]) -> None:
        for row in rows:
            try:
                self._agenda.put(row)
            except DefinitionError as error:  # its zone is no longer known here, say
                self._agenda.remove(row.planned.id)
                self._say("trouble", row.planned.id, error=str(error))

    def _decide(self) -> None:
        """Decide what became due since the last time."""
        now = self._clock.now()
        due = self._agenda.due(now)
        rows: list[TickRow] = []
        planned: dict[str, Planned] = {}
        for some in (due[n : n + AT_ONCE] for n in range(0, len(due), AT_ONCE)):
            rows += self._book.decide(some, lambda each: self._judged(each, now), new_run_id, now)
            # As they stand in the store: another service may have been there before.
            standing = self._book.standing(some)
            self._plan(standing)
            planned.update((row.planned.id, row.planned) for row in standing)
        rows += self._book.follow(new_run_id, now, self._folder)
        if rows:
            self._note(rows, planned)

    def _judged(self, standing: Standing, now: float) -> tuple[float, list[Verdict]]:
        """What becomes of the ticks of a schedule; one that cannot be judged holds up no other."""
        try:
            return judge(standing, now)
        except DefinitionError as error:
            self._say("trouble", standing.planned.id, error=str(error))
            return standing.decided, []

    def _note(self, rows: Sequence[TickRow], planned: Mapping[str, Planned]) -> None:
        """Say what was committed by now, and tell hooks."""
        now = self._clock.now()
        late: list[TickRow] = []
        for row in rows:
            if not row.run:
                self._say("skipped", row.schedule, ticks=row.ticks or "many", why=row.why)
                continue
            plan = planned.get(row.schedule)
            after = now - row.instant - (spread(plan, row.instant) if plan else 0.0)
            self._say("tick", row.schedule, run=row.run, late=round(after, 3), why=row.why)
            late += [row] if after > PROMPT_SECONDS else []
        for hook, told in (("on_skipped", [row for row in rows if not row.run]), ("on_late", late)):
            if told:
                self._hooks.of_ticks(hook, told)

    def _patience(self) -> float:
        times = [self._looked + LOOK_SECONDS - self._clock.monotonic()]
        if self._revival.is_awaited:
            times.append(self._revival.at - self._clock.monotonic())
        tick = self._agenda.next() if self.stopping is None else None
        if tick is not None:
            times.append(tick - self._clock.now())
        return max(0.0, min(times))

    # --- its life ---

    def serve(self, grace: float) -> None:
        """Serve until SIGTERM or SIGINT; then runs have `grace` seconds to end.

        What has not ended then is interrupted, and goes on when a service is there again; what
        does not heed that is killed. A second signal interrupts at once; SIGHUP reads the folder
        anew.
        """
        with _woken(self._on_signal) as woken:
            while not self._is_over(grace):
                with self._survived(woken):
                    patience = min(self.step(), LOOK_SECONDS)
                    nursery = [] if self._revival.is_awaited else [self._nursery.fileno()]
                    _rest(woken, patience, nursery)

    @contextlib.contextmanager
    def _survived(self, woken: socket.socket) -> Iterator[None]:
        """A store that cannot be written just now ends nothing: it is tried again."""
        try:
            yield
        except StoreError as error:
            if self._is_store_lost or self._has_killed:
                raise
            now, text = self._clock.monotonic(), str(error)
            if text != self._trouble[0] or now - self._trouble[1] > STUCK_SECONDS:
                self._trouble = text, now
                self._say("trouble", "store", error=text)
            _rest(woken, LOOK_SECONDS)

    def _is_over(self, grace: float) -> bool:
        if self.stopping is None:
            return False
        now, left = self._clock.monotonic(), len(self._crew)
        if self._ending is None and now - self.stopping > grace:
            self._ending = now
            if left:
                self._say("stopping", counted(left, "run"), why="to go on later")
            self._end_all(signal.SIGTERM)
        elif self._ending is not None and now - self._ending > KILL_SECONDS:
            self._ending = now
            why = f"not ended within {KILL_SECONDS:.0f} s"
            self._has_killed = True
            self._say("killing", counted(left, "run"), hooks=len(self._hooks), why=why)
            self._end_all(signal.SIGKILL)
        return not left and not len(self._hooks)

    def _end_all(self, number: int) -> None:
        self._crew.stop(number)
        self._hooks.stop(number)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._looked = -math.inf
            self._is_to_reload = True
        elif self.stopping is None:
            self.stopping = self._clock.monotonic()
            self._say("draining", counted(len(self._crew), "run"))
        else:
            self.stopping = -math.inf


def _rest(woken: socket.socket, seconds: float, others: Sequence[int] = ()) -> None:
    """Wait so long, or until a signal has come, or one of the others has something to read."""
    select.select([woken.fileno(), *others], [], [], seconds)
    with contextlib.suppress(BlockingIOError):
        woken.recv(4096)


def _identity(path: str) -> tuple[int, int] | None:
    """What tells a file from another that has taken its place; None if there is none."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


@contextlib.contextmanager
def _woken(handler: Callable[[int, Any], None]) -> Iterator[socket.socket]:
    """A socket that can be read from when a signal has come."""
    reading, writing = socket.socketpair()
    for each in (reading, writing):
        each.setblocking(False)
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    known = {
        number: signal.signal(number, handler)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    try:
        yield reading
    finally:
        for number, old in known.items():
            signal.signal(number, old)
        signal.set_wakeup_fd(before)
        reading.close()
        writing.close()
