"""What tasks of a run write, said in the voice of the service that has started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskflow.events import RunNoticed, TaskWrote
from taskflow.progress.clean import output_lines
from taskflow.progress.tally import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskflow.events import Event
    from taskflow.schedule.saying import Say


class Output:
    """A listener that says each line that a task writes, and what a person should know."""

    def __init__(self, say: Say, pipeline: str, run: str) -> None:
        self._say, self._pipeline, self._run = say, pipeline, run

    def notice(self, events: Sequence[Event]) -> None:
        """Say what is in some events; what was seen where it was written is not said again."""
        for event in events:
            if isinstance(event, TaskWrote) and not event.seen:
                task = within(self._pipeline, event.key)
                for line in output_lines(event.text):
                    self._say("output", self._pipeline, run=self._run, task=task, text=line)
            elif isinstance(event, RunNoticed):
                self._say("notice", self._pipeline, run=self._run, text=event.text)

    def close(self) -> None:
        """Nothing is left to say."""
