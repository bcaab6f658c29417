"""The cache of a plan: what is asked, looked up, waited for and kept; the store is the test."""

from __future__ import annotations

import pickle

import pytest
from drives import traced

from taskflow import Cache, task
from taskflow.call import ASK_PRINT, ASK_VALUE, Chunk, ErrorReport, Outcome, Piece, Stored
from taskflow.engine.caching import PRINTS_AT_ONCE, Caching, apart
from taskflow.engine.journal import Recording
from taskflow.engine.plan import Plan
from taskflow.engine.work import Work
from taskflow.events import RunNoticed
from taskflow.records import CacheEntry, Kept


@task(cache=Cache(version=3, ttl="1m", ignore=("noise",)))
def fetch(url, noise=0): ...


@task
def show(page): ...


OOPS = ErrorReport("ValueError", "oops", retryable=False)


class Desk:
    """A plan with a cache; the one who drives it is the test."""

    def __init__(self, body, tmp_path, uncovered=()):
        graph = traced(body, str(tmp_path))
        graph.codes = {spec.name: f"code of {spec.short}" for spec in graph.specs}
        graph.uncovered = {spec.name: uncovered for spec in graph.specs if uncovered}
        self.caching = Caching("here")
        self.caching.now = 1000.0
        self.journal = Recording()
        self.plan = Plan(graph, caching=self.caching, journal=self.journal)

    def ready(self):
        """What could begin, in the order in which it would; nothing of it is ready any more."""
        works = []
        while self.plan.ready:
            works.append(self.plan.ready.stacks[0].pop())
        return works

    def learn(self, work, *texts):
        """The arguments of some work are these, as far as digests tell."""
        self.caching.learn(work._replace(ask=ASK_VALUE), [{"url": text} for text in texts])
        self.plan.settle()

    def ask_and_learn(self, *texts):
        """All that is ready was asked about; the keys that are to be looked up."""
        works = self.ready()
        assert {work.ask for work in works} == {ASK_PRINT}
        texts = iter(texts)
        for work in works:
            self.learn(work, *[next(texts) for _ in range(work.count)])
        return self.caching.keys(0.0)

    def find(self, *keys, value=b"N.", run_id="there"):
        """These keys are in the cache."""
        found = {key: CacheEntry(key, "fetch", run_id, "p/fetch", 1.0, value, {}) for key in keys}
        self.caching.answer(keys, found, set(), 0.0)

    def end(self, work, state="succeeded", value=b"N."):
        """The body of some work has ended."""
        self.plan.begin(work)
        self.plan.take(Outcome(*work[:3], state, value, 0.1), 0.0)

    @property
    def told(self):
        return [each.text for each in self.plan.events if isinstance(each, RunNoticed)]

    @property
    def kept(self):
        return [each for each in self.journal.records if isinstance(each, Kept)]


# --- asking ---------------------------------------------------------------------------------------


def test_only_tasks_with_a_cache_are_asked_about_before_they_run(tmp_path):
    """What has none is ready at once."""
    desk = Desk(lambda: [show(1), fetch("a")], tmp_path)
    assert sorted(desk.ready()) == [Work(0), Work(1, ask=ASK_PRINT)]


def test_a_large_map_is_asked_about_in_spans(tmp_path):
    """In the order of its elements."""
    desk = Desk(lambda: fetch.map(["a"] * (2 * PRINTS_AT_ONCE + 1)), tmp_path)
    works = desk.ready()
    assert [(work.first, work.count) for work in works] == [
        (0, PRINTS_AT_ONCE), (PRINTS_AT_ONCE, PRINTS_AT_ONCE), (2 * PRINTS_AT_ONCE, 1)
    ]  # fmt: skip
    assert {work.ask for work in works} == {ASK_PRINT}


def test_code_without_a_digest_is_told_once_and_nothing_is_asked(tmp_path):
    """The line names the part."""
    desk = Desk(
        lambda: [fetch("a"), fetch("b")], tmp_path, uncovered=("global `x` of fetch (list)",)
    )
    assert {work.ask for work in desk.ready()} == {ASK_VALUE}
    assert desk.told == [
        "fetch runs without its cache: its code uses what has no digest: global `x` of fetch (list)"
    ]


def test_an_argument_without_a_digest_turns_the_cache_off_for_all_that_follow(tmp_path):
    """What was asked in the same call runs; what comes later is not asked; it is told once."""
    desk = Desk(lambda: fetch.map(["a", "b", "c"]), tmp_path)
    (work,) = desk.ready()
    desk.caching.learn(work._replace(ask=ASK_VALUE), [{"url": "1"}, "argument `url` is odd", {}])
    assert desk.ready() == [Work(0, 0, 3)]
    assert desk.caching.keys(0.0) == []
    desk.plan.make_ready(Work(0, 0, 3))
    assert desk.ready() == [Work(0, 0, 3)]
    assert len(desk.told) == 1
    assert "argument `url` is odd" in desk.told[0]


# --- what a store knows ---------------------------------------------------------------------------


def test_what_is_found_ends_as_cached_and_its_dependants_go_on(tmp_path):
    """With the value and the run that it comes from in the journal."""
    desk = Desk(lambda: show(fetch("a")), tmp_path)
    (key,) = desk.ask_and_learn("1")
    desk.find(key, value=b"value")
    assert desk.plan.state[0] == "cached"
    assert desk.plan.value[0] == b"value"
    assert desk.ready() == [Work(1)]
    (kept,) = desk.kept
    assert (kept.state, kept.origin, kept.value) == ("cached", "there", b"value")


def test_a_claimed_key_runs_its_body_and_is_not_asked_about_again(tmp_path):
    """Neither after it came back from a slot nor for its next attempt."""
    desk = Desk(lambda: fetch("a"), tmp_path)
    keys = desk.ask_and_learn("1")
    desk.caching.answer(keys, {}, set(keys), 0.0)
    assert desk.ready() == [Work(0)]
    desk.plan.give_back(Work(0))
    assert desk.ready() == [Work(0)]
    desk.plan.take(Outcome(0, -1, 1, "retry_later", (1.0, ""), 0.0), 0.0)
    desk.plan.tick(2.0)
    assert desk.ready() == [Work(0)]


def test_a_key_that_another_run_computes_is_looked_up_again_a_moment_later(tmp_path):
    """Not before, and as often as it takes."""
    desk = Desk(lambda: fetch("a"), tmp_path)
    keys = desk.ask_and_learn("1")
    for now in (10.0, 20.0):
        desk.caching.answer(keys, {}, set(), now)
        assert desk.caching.next_time == pytest.approx(now + 0.2)
        assert desk.caching.keys(now + 0.1) == []
        assert desk.caching.keys(now + 0.3) == keys
    assert desk.ready() == []
    desk.find(*keys)
    assert desk.plan.is_over


def test_neighbouring_elements_that_are_found_together_end_together(tmp_path):
    """Their small values become one piece; what is in a file stays alone."""
    desk = Desk(lambda: fetch.map(list("abcd")), tmp_path)
    keys = desk.ask_and_learn("1", "2", "3", "4")
    stored = Stored("a file", 10)
    values = dict(zip(keys, [b"A", b"B", stored, b"D"], strict=True))
    entries = {
        key: CacheEntry(key, "fetch", "there", "p/fetch", 1.0, value, {})
        for key, value in values.items()
    }
    desk.caching.answer(keys, entries, set(), 0.0)
    assert [kept.value for kept in desk.kept] == [
        Piece(Chunk(b"AB", whole=False), 0, 2),
        Piece(Chunk(stored, whole=False), 0, 1),
        Piece(Chunk(b"D", whole=False), 0, 1),
    ]
    assert desk.plan.mapping.runs[0].tally == {"cached": 4}


# --- equal keys in one run ------------------------------------------------------------------------


def test_of_equal_keys_one_body_runs_and_the_others_take_its_result(tmp_path):
    """It is claimed once, and they end with it, before any store has it."""
    desk = Desk(lambda: [fetch("a"), fetch("a", noise=1), fetch("b")], tmp_path)
    keys = desk.ask_and_learn("1", "1", "2")
    assert len(keys) == 2
    desk.caching.answer(keys, {}, set(keys), 0.0)
    works = sorted(desk.ready())
    assert [work.node for work in works] == [0, 2]
    desk.end(works[0], value=b"value")
    assert desk.plan.state == ["succeeded", "cached", "ready"]
    assert desk.plan.value[:2] == [b"value", b"value"]
    assert desk.kept[-1].origin == "here"


def test_a_key_that_was_just_made_here_is_found_before_a_store_has_it(tmp_path):
    """So it is not computed twice between two commits."""
    desk = Desk(lambda: [fetch("a"), fetch("a")], tmp_path)
    first, second = desk.ready()
    desk.learn(first, "1")
    keys = desk.caching.keys(0.0)
    desk.caching.answer(keys, {}, set(keys), 0.0)
    desk.end(*desk.ready())
    desk.learn(second, "1")
    assert desk.caching.keys(0.0) == []
    assert desk.plan.state[second.node] == "cached"


@pytest.mark.parametrize("state", ["failed", "skipped"])
def test_when_the_one_body_ends_without_a_result_the_next_of_that_key_has_its_turn(tmp_path, state):
    """The claim is given up only when nobody here wants it any more."""
    desk = Desk(lambda: [fetch("a"), fetch("a")], tmp_path)
    keys = desk.ask_and_learn("1", "1")
    for node in (0, 1):
        desk.caching.answer(keys, {}, set(keys), 0.0)
        (work,) = desk.ready()
        assert work.node == node
        desk.end(work, state, OOPS if state == "failed" else "why")
        assert desk.caching.keys(0.0) == (keys if node == 0 else [])
        assert desk.caching.drain() == ([], [] if node == 0 else keys)


# --- what is kept ---------------------------------------------------------------------------------


def test_a_result_is_kept_with_what_its_key_is_made_of(tmp_path):
    """And when it expires; once."""
    desk = Desk(lambda: fetch("a"), tmp_path)
    (key,) = desk.ask_and_learn("1")
    desk.caching.answer([key], {}, {key}, 0.0)
    desk.end(*desk.ready(), value=b"value")
    parts = {"code": "code of fetch", "version": "3", "url": "1"}
    entry = CacheEntry(key, "fetch", "here", "p/fetch", 1000.0, b"value", parts, 1060.0)
    assert desk.caching.drain() == ([entry], [])
    assert desk.caching.drain() == ([], [])


def test_elements_are_kept_without_their_neighbours(tmp_path):
    """Each under its own key and task key, with a value of its own."""
    desk = Desk(lambda: fetch.map(list("ab")), tmp_path)
    keys = desk.ask_and_learn("1", "2")
    desk.caching.answer(keys, {}, set(keys), 0.0)
    (work,) = desk.ready()
    assert work == Work(0, 0, 2)
    data = pickle.dumps(["A", "B"])
    desk.end(work, value=Piece(Chunk(data, whole=True), 0, 2))
    entries, _ = desk.caching.drain()
    assert [(entry.task_key, pickle.loads(entry.value)) for entry in entries] == [
        ("p/fetch[0]", "A"), ("p/fetch[1]", "B")
    ]  # fmt: skip


STORED = Stored("a file", 10)
ONE_BY_ONE = Chunk(pickle.dumps([1]) + pickle.dumps([2]) + pickle.dumps([3]), whole=False)


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (Piece(range(10, 20), 2, 2), [12, 13]),
        (Piece(Chunk(pickle.dumps([7, None, "x"]), whole=True), 1, 2), [None, "x"]),
        (Piece(ONE_BY_ONE, 1, 2), [[2], [3]]),
    ],
)
def test_elements_are_taken_apart_however_they_were_packed(piece, expected):
    """A range, one list of scalars, or one pickle after another."""
    assert [pickle.loads(value) for value in apart(piece)] == expected


def test_an_element_in_a_file_stays_there():
    """By itself, or as the one element of a list."""
    assert apart(Piece(Chunk(STORED, whole=False), 0, 1)) == [STORED]
    alone = Piece(Chunk(STORED, whole=True), 0, 1)
    assert apart(alone) == [alone]


def test_an_element_that_is_kept_in_a_list_is_no_result_of_a_single_run(tmp_path):
    """It runs then."""
    desk = Desk(lambda: fetch("a"), tmp_path)
    (key,) = desk.ask_and_learn("1")
    desk.find(key, value=Piece(Chunk(STORED, whole=True), 0, 1))
    assert desk.ready() == [Work(0)]


# --- cancelling -----------------------------------------------------------------------------------


def test_a_cancel_ends_what_waits_for_a_key_and_gives_up_the_claims(tmp_path):
    """What was asked, looked up or claimed, and had not begun."""
    desk = Desk(lambda: [fetch("a"), fetch("a"), fetch("b")], tmp_path)
    keys = desk.ask_and_learn("1", "1", "2")
    desk.caching.answer(keys, {}, {keys[0]}, 0.0)
    desk.plan.cancel()
    assert desk.plan.state == ["cancelled"] * 3
    again = desk.caching.keys(1.0)
    desk.caching.answer(again, {}, set(again), 1.0)
    assert all(desk.plan.is_stale(work) for work in desk.ready())
    assert sorted(desk.caching.drain()[1]) == sorted(keys)
    assert desk.caching.left() == []


def test_a_run_that_ends_early_knows_the_keys_that_it_may_have_claimed(tmp_path):
    """So that they can be given up."""
    desk = Desk(lambda: fetch("a"), tmp_path)
    keys = desk.ask_and_learn("1")
    desk.caching.answer(keys, {}, set(keys), 0.0)
    assert desk.caching.left() == keys
