"""A worker that runs many bodies side by side: in threads, or in an event loop.

main thread     receive a batch -> a unit for each body -> give them to the crew
crew            run -> what the body wrote -> outcome into the outbox
flusher         sends what lies in the outbox for 5 ms, and whole lines of output
"""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from taskflow import resources
from taskflow.call import Batch, Call
from taskflow.executors import streams
from taskflow.executors.courier import Courier
from taskflow.executors.crews import ThreadCrew
from taskflow.executors.deadline import raising_timeout, start_watch
from taskflow.executors.deaths import HUNG_UP
from taskflow.executors.logs import RecordHandler
from taskflow.executors.outbox import CLOSE_SECONDS, FLUSH_SECONDS, OUTPUT_SECONDS
from taskflow.executors.running import Place
from taskflow.executors.units import units_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskflow.call import Outcome, Setup
    from taskflow.executors.crews import Crew
    from taskflow.executors.outbox import Outbox
    from taskflow.executors.wire import WorkerLink
    from taskflow.interfaces import Lane

#: The kind of lane whose bodies share an event loop.
ASYNC: Final = "async"


def crew_of(place: Place, lane: Lane, report: Callable[[Outcome], None]) -> Crew:
    """Who runs the bodies of a slot of this lane."""
    place.limited = raising_timeout
    start_watch()  # here, and not in the thread of a body
    if lane.kind == ASYNC:  # here: no other worker needs asyncio
        from taskflow.executors.loops import LoopCrew

        return LoopCrew(report, lambda: resources.aclose(place.setup.run_id))
    return ThreadCrew(lane.width, report)


class WideWorker:
    """Serves one slot whose bodies run side by side."""

    def __init__(self, setup: Setup, lane: Lane, link: WorkerLink, outbox: Outbox) -> None:
        self._link = link
        self._outbox = outbox
        self._courier = Courier()
        self._output = streams.KeyedOutput(outbox, self._hand_over)
        self.records = RecordHandler(self._output.log)
        self._place = Place(setup)
        self._place.on_start = lambda *said: outbox.send("started", *said)
        self._place.on_end = self._body_ended
        self._place.bodies.on_load = lambda: self._body_ended("")
        self._place.on_progress = lambda *said: self._courier.soon(
            lambda: self._say("progress", *said)
        )
        resources.on_first_open = lambda: self._courier.now(lambda: self._say("holds"))
        self._crew = crew_of(self._place, lane, self._report)
        streams.install(self._output)
        self._pid = os.getpid()
        self._open = 0
        self._counting = threading.Lock()
        self._busy = threading.Event()
        self._late = threading.Event()  # some outcome waits

    def serve(self) -> None:
        """Run batches until the engine closes the connection."""
        self._outbox.send("hello", self._pid)
        threading.Thread(target=self._flush_now_and_then, daemon=True).start()
        while (message := self._link.receive()) is not None:
            number, calls, codes, blobs = pickle.loads(message)
            self._place.bodies.learn(Batch(number, (), codes, blobs))
            units = [unit for call in calls for unit in units_of(self._place, Call._make(call))]
            with self._counting:
                self._open += len(units)
                self._busy.set()
            self._crew.give(units)
        self._crew.end(CLOSE_SECONDS)
        self.send_output()

    def _say(self, *message: Any) -> None:
        with _heard():
            self._outbox.send(*message)

    def _hand_over(self, send: Callable[[], None], *, wait: bool) -> None:
        """Have output sent, where no timeout can strike."""

        def heard() -> None:
            with _heard():
                send()

        (self._courier.now if wait else self._courier.soon)(heard)

    def _report(self, outcome: Outcome) -> None:
        """Send how a body ended, after what it had to say."""
        self._courier.soon(lambda: self._deliver(outcome))

    def _deliver(self, outcome: Outcome) -> None:
        with _heard():
            self._outbox.add(outcome)
            if self._outbox.is_waiting:
                self._late.set()
            with self._counting:
                self._open -= 1
                if self._open:
                    return
                self._busy.clear()
            self._outbox.flush()

    def _body_ended(self, key: str) -> None:
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the body forked has come back from it, into our threads
        with _heard():
            self._output.end(key)

    def _flush_now_and_then(self) -> None:
        looked = 0.0
        while True:
            self._busy.wait()
            with _heard():
                if self._late.wait(OUTPUT_SECONDS):
                    self._late.clear()
                    time.sleep(FLUSH_SECONDS)
                    self._outbox.flush()
                if time.monotonic() - looked > OUTPUT_SECONDS:
                    looked = time.monotonic()
                    self.send_output()
                    for unit in self._crew.stubborn(looked):
                        self._outbox.send("stubborn", unit.call.node, unit.element)

    def send_output(self) -> None:
        """Send whole lines, of bodies that go on, and of what cannot be told whose it is."""
        self._output.flush()
        self._outbox.send_log("", whole_lines=True)
        self._outbox.flush()


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """End the worker if the engine cannot be told: a body has closed what was not its own."""
    try:
        yield
    except OSError:
        os._exit(HUNG_UP)
