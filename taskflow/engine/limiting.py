"""Limits: how many bodies of a kind may be given to slots at once, and what waits for that."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskflow.engine.plan import Plan
    from taskflow.engine.work import Work
    from taskflow.policies import Limit


class Limiter:
    """Counts bodies by limit.

    Work waits with the first of its limits that is full. Whenever a limit has room, one work
    that waits there goes back on the stack, and on its way through takes the next one along: so
    nothing waits without need, and a million elements that wait are not moved at every end.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._active: Counter[str] = Counter()
        self._held: defaultdict[str, list[Work]] = defaultdict(list)

    def limits_of(self, work: Work) -> tuple[Limit, ...]:
        """The limits that this work takes, for each of its units."""
        spec = self._plan.spec_of(work.node)
        return spec.limits if spec is not None and work.first >= -1 else ()

    def admit(self, work: Work) -> bool:
        """Whether a unit of this work may be given to a slot; if not, the work waits here."""
        limits = self.limits_of(work)
        for limit in limits:
            if self._active[limit.name] >= limit.n:
                self._held[limit.name].append(work)
                self.wake(limits)
                return False
        return True

    def take(self, work: Work) -> None:
        """A unit of work that was admitted goes to a slot."""
        self._active.update(limit.name for limit in self.limits_of(work))

    def release(self, work: Work, count: int) -> None:
        """Units that a slot had been given have ended, or came back."""
        limits = self.limits_of(work)
        for limit in limits:
            self._active[limit.name] -= count
        self.wake(limits)

    def wake(self, limits: Iterable[Limit]) -> None:
        """Let one work go on where a limit has room."""
        for limit in limits:
            held = self._held.get(limit.name)
            if held and self._active[limit.name] < limit.n:
                self._plan.ready.append(held.pop())
