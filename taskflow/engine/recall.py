"""Takes from the past what a plan would otherwise run: equal code, equal inputs, equal outcome.

Whatever becomes ready is looked up first by its key, then among all task runs of its name and
path; elements of maps in spans. What is found ends at once, without a worker, and may make more
ready: so a resumed run comes to where it was, and from there on runs what is left.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Final

from taskflow.call import ASK_GRAPH, ASK_SPLIT, ASK_VALUE, ErrorReport, Piece
from taskflow.digests import SIZE, Digests, digest
from taskflow.engine.past import outcome_of
from taskflow.engine.work import Work
from taskflow.graph.graph import HELPERS
from taskflow.lifecycle import CRASHED
from taskflow.records import UNMET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskflow.engine.past import Entry, Past
    from taskflow.engine.plan import Plan
    from taskflow.records import Kept

#: Why something is not kept, in words for people; what in the code changed is found elsewhere.
CODE: Final = "code"
INPUTS: Final = "its inputs changed"
ENDS_ENGINE: Final = ErrorReport(
    "taskflow.errors.TaskCrashed",
    "the engine itself was killed ten times in a row while this ran, and nothing else had ended "
    "meanwhile: it kills its parent process, or takes all memory of the machine; mend that, and "
    "resume the run",
    retryable=False,
)
_COUNTED: Final = frozenset({ASK_VALUE, ASK_GRAPH})


class Recall:
    """The past as one plan looks at it; with `anew`, tasks of that name and all below them run."""

    def __init__(self, past: Past, anew: str = "", skew: float = 0.0) -> None:
        self._past = past
        self._anew = anew
        self._skew = skew  # from seconds since the epoch to those of the engine's clock
        self._digests = Digests()
        self._found: deque[Kept] = deque()
        self._doomed: deque[Work] = deque()
        self._refused = bytearray()  # by node: whether it, or something above it, is to run anew
        self._plan: Plan
        #: Dynamic calls that are kept: their graphs came from the past.
        self.expanded: set[tuple[int, int]] = set()
        self.kept: Counter[str] = Counter()  # task runs by name
        self.reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def attach(self, plan: Plan) -> None:
        """Say whose past this is."""
        self._plan = plan
        self._past.meet(plan.graph)
        # Graphs of dynamic calls speak of functions without an importable name by their number.
        self._is_other_script = [*map(digest, plan.graph.blobs)] != self._past.blobs
        for tried in self._past.tried.values():  # it may be cut off before it comes to their tasks
            plan.journal.kept(tried._replace(node=UNMET))

    def sift(self, works: Iterable[Work]) -> list[Work]:
        """What has to run; the rest waits for `settle`."""
        left: list[Work] = []
        for work in works:
            if self._is_refused(work):
                self._miss(work, f"it comes from {self._anew}" if self._anew else "traced anew")
                left.append(work)
            elif work.first >= 0 and work.ask in _COUNTED:
                left += self._sift_elements(work)
            else:
                left += self._sift_one(work)
        if self._past.suspected or self._past.doomed:
            left = [part for work in left for part in self._apart(work)]
        return [work for work in left if not (self._is_doomed(work) or self._postponed(work))]

    @property
    def is_wary(self) -> bool:
        """Whether something that was under way may have ended the engine, again and again."""
        return self._past.is_stalled

    def settle(self) -> bool:
        """Let one thing that was found end; False when there is none."""
        if self._doomed:
            work = self._doomed.popleft()
            self._plan.end_badly(work.node, work.first, CRASHED, ENDS_ENGINE)
            return True
        if not self._found:
            return False
        kept = self._found.popleft()
        plan = self._plan
        is_task = plan.graph.kind[kept.node] not in HELPERS
        if kept.ask in _COUNTED and is_task:
            self.kept[kept.name] += kept.count
        plan.journal.kept(kept)
        if kept.ask == ASK_VALUE and is_task:
            plan.take_kept(outcome_of(kept))
        else:
            if kept.ask == ASK_GRAPH:
                self.expanded |= {(kept.node, kept.first + each) for each in range(kept.count)}
                # It is under way until its graph has ended: a cancel must not end it before that.
                plan.begin(Work(kept.node, kept.first, kept.count, ASK_GRAPH))
            plan.take(outcome_of(kept), 0.0, journaled=True)
        return True

    # --- one task run, or one question ---

    def _sift_one(self, work: Work) -> list[Work]:
        same = self._past.same.get(work.node)
        if same is not None:
            self._found.append(same)
            return []
        if not self._past.single:  # nothing but that is known: its digest would find nothing
            self._miss(work, self._unfinished(work))
            return [work]
        digest = self._digests.of(self._plan.calls.make(work))
        found, why = self._by_key(work, digest)
        found = found or self._by_digest(work, digest)
        if found is None:
            self._miss(work, why)
            return [work]
        self._found.append(self._moved(found, work, digest))
        return []

    def _by_key(self, work: Work, digest: bytes) -> tuple[Entry | None, str]:
        """What was kept under the same key, or why it is of no use."""
        known = self._past.single.get((self._plan.key_of(work.node), work.first, work.ask))
        if known is None:
            return None, self._unfinished(work)
        entry, digest_then = known
        if not self._is_same_code(entry, work):
            return None, CODE
        return (entry, "") if digest_then == digest else (None, INPUTS)

    def _by_digest(self, work: Work, digest: bytes) -> Entry | None:
        """What was kept of the same name and path, with the same code and inputs."""
        entry = self._past.alike.get((*self._place(work.node), work.first >= 0, digest))
        usable = entry and self._is_same_code(entry, work) and entry.kept.ask == work.ask
        return entry if usable else None

    def _is_same_code(self, entry: Entry, work: Work) -> bool:
        """Whether today's code would come to the same; no code of a task takes a list apart."""
        return work.ask == ASK_SPLIT or entry.code == self._code(work.node)

    def _place(self, node: int) -> tuple[str, str]:
        plan = self._plan
        return plan.path_of(plan.graph.scope[node]), plan.name_of(node)

    def _moved(self, entry: Entry, work: Work, digests: bytes) -> Kept:
        """A record of the past as one of this plan, for as many elements as the work has."""
        plan, kept, graph = self._plan, entry.kept, self._plan.graph
        value, keys, seconds = kept.value, kept.keys, kept.seconds
        if kept.count != work.count or entry.offset:
            seconds = seconds * work.count / kept.count
            keys = keys[entry.offset : entry.offset + work.count]
            if isinstance(value, Piece):
                value = Piece(value.chunk, value.start + entry.offset, work.count)
        return kept._replace(
            node=work.node,
            first=work.first,
            count=work.count,
            path=plan.path_of(graph.scope[work.node]),
            name=plan.name_of(work.node),
            nth=graph.nth[work.node],
            seconds=seconds,
            value=value,
            keys=keys,
            origin="kept",
            digests=digests,
            row=0,
        )

    # --- elements of maps ---

    def _sift_elements(self, work: Work) -> list[Work]:
        digests = self._digests.of(self._plan.calls.make(work))
        left: list[Work] = []
        done = 0
        while done < work.count:
            entry, count = self._next(work, digests, done)
            part = work._replace(first=work.first + done, count=count)
            if entry is not None:
                mine = digests[SIZE * done : SIZE * (done + count)]
                self._found.append(self._moved(entry, part, mine))
            elif left and left[-1].first + left[-1].count == part.first:
                left[-1] = left[-1]._replace(count=left[-1].count + 1)
            else:
                left.append(part)
            done += count
        for part in left:
            self._miss(part, self._why_not(part))
        return left

    def _next(self, work: Work, digests: bytes, done: int) -> tuple[Entry | None, int]:
        """What is known of the next elements of a span, and of how many; None of one."""
        plan = self._plan
        code, element = self._code(work.node), work.first + done
        spans = self._past.maps.get(plan.key_of(work.node))
        entry = spans.at(element) if spans else None
        if spans is not None and entry is not None and entry.code == code:
            most = min(work.count - done, entry.kept.count - entry.offset)
            then = spans.digests[SIZE * element : SIZE * (element + most)]
            count = _alike(then, digests[SIZE * done : SIZE * (done + most)])
            if count:
                return entry, count
        return self._by_digest(work, digests[SIZE * done : SIZE * (done + 1)]), 1

    def _why_not(self, part: Work) -> str:
        spans = self._past.maps.get(self._plan.key_of(part.node))
        entry = spans.at(part.first) if spans else None
        if entry is None:
            return self._unfinished(part)
        return CODE if entry.code != self._code(part.node) else INPUTS

    # --- why not ---

    def _miss(self, work: Work, why: str) -> None:
        if work.ask in _COUNTED and self._plan.graph.kind[work.node] not in HELPERS:
            self.reasons[self._plan.name_of(work.node)][why] += work.count

    def _unfinished(self, work: Work) -> str:
        key = self._plan.key_of_call(work.node, work.first) if self._past.bad else ""
        state = self._past.bad.get(key, "")
        return f"it had {state.replace('_', ' ')}" if state else "it had not finished"

    def _code(self, node: int) -> str:
        graph = self._plan.graph
        spec = graph.spec[node]
        return graph.codes.get(graph.specs[spec].name, "") if spec >= 0 else ""

    def _is_refused(self, work: Work) -> bool:
        return (work.ask == ASK_GRAPH and self._is_other_script) or self.is_anew(work.node)

    def is_anew(self, node: int) -> bool:
        """Whether a node is to run even if it has run before."""
        if not self._anew:
            return False
        graph, plan, refused = self._plan.graph, self._plan, self._refused
        for each in range(len(refused), len(graph)):
            above = graph.upstream(each)
            fragment = plan.expansions.fragment_of(each)
            if fragment >= 0:
                above.append(plan.expansions.fragments[fragment].owner)
            again = graph.name_of(each) == self._anew
            refused.append(again or any(up < each and refused[up] for up in above))
        return bool(refused[node])

    # --- what was under way ---

    def _apart(self, work: Work) -> Iterator[Work]:
        """Work with each element by itself of which something is suspected."""
        begin = work.first
        end = begin + work.count
        for element in range(begin, end) if work.count > 1 else ():
            key = self._plan.key_of_call(work.node, element)
            if key in self._past.suspected or key in self._past.doomed:
                if begin < element:
                    yield work._replace(first=begin, count=element - begin)
                yield work._replace(first=element, count=1)
                begin = element + 1
        if begin < end:
            yield work._replace(first=begin, count=end - begin)

    def _is_doomed(self, work: Work) -> bool:
        """Whether this ended the engine too often; what may have, runs with nothing beside it."""
        past, plan = self._past, self._plan
        if work.count != 1 or not (past.doomed or past.suspected):
            return False
        key = plan.key_of_call(work.node, work.first)
        if key in past.doomed:
            self._doomed.append(work)
            return True
        if key in past.suspected:
            plan.attempts.suspect([(work.node, work.first)], 1)
        return False

    def _postponed(self, work: Work) -> bool:
        """Count the attempts of the past; whether the next one has to wait for its time."""
        if not self._past.tried or work.ask == ASK_SPLIT:
            return False
        plan, waits = self._plan, False
        for element in range(work.first, work.first + work.count):
            tried = self._past.tried.pop(plan.key_of_call(work.node, element), None)
            if tried is None:
                continue
            plan.attempts.tries[work.node, element] = (tried.failures, tried.losses)
            # Kept again: the next resume reads what this trace has.
            plan.journal.kept(tried._replace(node=work.node, element=element))
            if work.count == 1 and tried.when:
                plan.begin(work)
                plan.attempts.wait(tried.when + self._skew, work)
                waits = True
        return waits

    def told(self) -> Iterator[tuple[str, int, dict[str, int]]]:
        """By name of a task: how many runs of it were kept, and why others were not."""
        for name in sorted({*self.kept, *self.reasons}):
            yield name, self.kept[name], dict(self.reasons[name])


def _alike(then: bytes | bytearray, now: bytes) -> int:
    """How many digests at the beginning are equal."""
    if then == now:
        return len(now) // SIZE
    count = 0
    while (
        count * SIZE < len(now)
        and then[count * SIZE : (count + 1) * SIZE] == now[count * SIZE : (count + 1) * SIZE]
    ):
        count += 1
    return count
