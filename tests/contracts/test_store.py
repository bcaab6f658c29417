"""What every store promises, on each of them."""

from __future__ import annotations

import os
import threading

import pytest
from keeping import NOON, TRACE, all_kinds, bare, begun, new_run, outcome, span, value_file

from taskflow.call import Source, Stored
from taskflow.errors import RunOwnedError, StoreError, UnknownRunError
from taskflow.records import (
    NO_CALL,
    AtWork,
    CacheEntry,
    Given,
    Group,
    KeptTasks,
    NewTrace,
    Retention,
    RunFilter,
    Tried,
    Worker,
    Wrote,
)
from taskflow.store.memory import MemoryStore
from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore

DAY = 86_400.0


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    """A store with nothing in it."""
    made = (
        MemoryStore()
        if request.param == "memory"
        else SqliteStore(place_of(f"sqlite:///{tmp_path}/kept/"))
    )
    yield made
    made.close()


# --- a run from its beginning to its end ---


def test_a_new_run_is_shown_as_it_was_given(store):
    """What is known of a run when it is created comes back exactly; it is running and owned."""
    run = new_run(
        file="/p/scrape.py", entry="scrape", params=(("url", "'a'"),), values=(("url", "a"),),
        given=b"\x80", secrets=("token",), tags=("a", "b"), settings={"workers": 2}, parent="run-0",
    )  # fmt: skip
    store.create(run)
    (row,) = store.runs()
    for name in ("id", "pipeline", "file", "entry", "params", "values", "given", "secrets", "tags"):
        assert getattr(row, name) == getattr(run, name), name
    assert (row.settings, row.parent, row.created) == ({"workers": 2}, "run-0", NOON)
    assert (row.state, row.epoch, row.stalled) == ("running", 1, 0)
    assert row.owner is not None
    assert row.owner.pid == os.getpid()


def test_an_id_is_given_once(store):
    """A second run of the same id is refused, and the first is as it was."""
    store.create(new_run())
    with pytest.raises(StoreError, match="run-1"):
        store.create(new_run(pipeline="other"))
    assert [row.pipeline for row in store.runs()] == ["scrape"]


def test_a_run_has_a_folder_before_it_is_created(store):
    """The folder with its `values` is there when it is asked for, is the ledger's, and private."""
    run_dir = store.new_dir("run-1")
    assert os.path.isdir(f"{run_dir}/values")
    assert os.stat(run_dir).st_mode & 0o77 == 0
    assert store.create(new_run()).run_dir == run_dir


def test_records_come_back_exactly_and_in_order(store):
    """Every kind of value, error and text is what it was, files with their whole path."""
    ledger = begun(store)
    records = all_kinds(value_file(ledger))
    ledger.write(records[:5])
    ledger.write(records[5:])
    ledger.flush()
    assert bare(store.kept("run-1", 1)) == records


def test_the_end_of_a_run_is_shown(store):
    """State, times, counts and words are in history, and nobody owns the run any more."""
    ledger = begun(store)
    ledger.end("failed", seconds=7.0, counts={"failed": 1}, why="because", error="E: x", result="3")
    row = store.find("run-1")
    assert (row.state, row.started, row.ended, row.seconds) == ("failed", NOON, NOON + 7, 7.0)
    assert (row.counts, row.why, row.error, row.result) == ({"failed": 1}, "because", "E: x", "3")
    assert row.owner is None


def test_what_was_written_is_there_after_the_end(store):
    """The end comes after all that was queued before it."""
    ledger = begun(store)
    ledger.write([outcome(node) for node in range(1000)])
    ledger.end("succeeded", seconds=1.0, counts={})
    assert [each.node for each in store.kept("run-1", 1)] == list(range(1000))
    assert [each.node for each in store.kept("run-1", 1, [7, 999, 5000])] == [7, 999]


def test_nothing_is_written_before_a_trace_began(store):
    """A record without a trace to stand in is refused."""
    with pytest.raises(StoreError, match="no trace"):
        store.create(new_run()).write([outcome()])


def test_a_closed_ledger_says_so(store):
    """After its end a ledger does not wait for what will never happen."""
    ledger = begun(store)
    ledger.end("succeeded", seconds=1.0, counts={})
    ledger.close()
    ledger.close()
    for use in (ledger.flush, lambda: ledger.write([outcome()])):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_odd_texts_are_kept_as_they_are(store):
    """Names of files may have bytes that are no text: nothing fails, and nothing is lost."""
    odd = "caf\udce9"
    ledger = store.create(new_run(file=odd, params=((odd, odd),), tags=(odd,), pipeline=odd))
    ledger.begin(NewTrace(b"", {odd: odd}), reasons={odd: [odd]})
    ledger.end("failed", seconds=1.0, counts={}, why=odd, error=odd, result=odd)
    row = store.find("run-1")
    assert (row.file, row.params, row.tags, row.pipeline) == (odd, ((odd, odd),), (odd,), odd)
    assert (row.why, row.error, row.result) == (odd, odd, odd)
    assert store.traces("run-1")[0].reasons == {odd: [odd]}
    assert [each.id for each in store.runs()] == ["run-1"]


# --- traces ---


def test_a_trace_keeps_graph_code_sources_and_reasons(store):
    """All that a trace was made from comes back, by its number."""
    source = Source("/p/scrape.py", b"x = 1\n", is_package=False)
    ledger = store.create(new_run())
    ledger.begin(NewTrace(b"one", {"f": ("a", [1])}, {"scrape": source}, NOON))
    ledger.begin(NewTrace(b"two", {}, {"scrape": source}, NOON + 9), reasons={"fetch": ("why",)})
    first, second = store.traces("run-1")
    assert (first.number, first.graph, first.codes, first.time) == (
        1,
        b"one",
        {"f": ("a", [1])},
        NOON,
    )
    assert (second.number, second.graph, second.reasons) == (2, b"two", {"fetch": ["why"]})
    assert store.sources("run-1", 2) == {"scrape": source}
    assert store.sources("run-1", 3) == {}


def test_a_trace_begins_with_what_is_kept(store):
    """What is kept of an earlier trace stands first in the next, which counts it as kept."""
    ledger = begun(store)
    stored = value_file(ledger)
    ledger.write([outcome(0, value=stored), outcome(1, "failed")])
    ledger.flush()
    before = list(store.kept("run-1", 1))
    ledger.begin(TRACE, [before[0]._replace(origin="kept")])
    ledger.write([outcome(1, value=b"now")])
    ledger.flush()
    assert bare(store.kept("run-1", 2)) == [
        outcome(0, value=stored, origin="kept"),
        outcome(1, value=b"now"),
    ]
    (group,) = store.groups("run-1")
    assert (group.count, group.kept) == (2, 1)


def test_digests_are_added_to_earlier_records(store):
    """Digests of inputs that somebody asked for later stand beside the outcome itself."""
    ledger = begun(store)
    ledger.write([outcome(0), outcome(1)])
    ledger.flush()
    records = list(store.kept("run-1", 1))
    ledger.begin(TRACE, digested=[(records[1], b"0123456789abcdef")])
    assert [each.digests for each in store.kept("run-1", 1)] == [b"", b"0123456789abcdef"]


# --- ownership ---


def test_a_run_that_goes_on_is_not_taken_over(store):
    """The refusal names the process, and since when."""
    begun(store)
    with pytest.raises(RunOwnedError, match=rf"pid {os.getpid()} since \d\d:\d\d:\d\d"):
        store.take_over("run-1")


def test_a_run_that_was_let_go_is_interrupted_and_taken_over(store):
    """Let go without an end it shows as interrupted; who takes it over has the next epoch."""
    begun(store).close()
    assert store.find("run-1").state == "interrupted"
    assert store.find("run-1").owner is None
    store.take_over("run-1")
    row = store.find("run-1")
    assert (row.state, row.epoch) == ("running", 2)


def test_a_run_that_has_ended_is_taken_over(store):
    """Resume may go on with a run in any state; its end is written anew."""
    begun(store).end("failed", seconds=1.0, counts={"failed": 1})
    ledger = store.take_over("run-1")
    ledger.begin(TRACE)
    ledger.end("succeeded", seconds=2.0, counts={})
    assert store.find("run-1").state == "succeeded"
    assert [each.number for each in store.traces("run-1")] == [1, 2]


def test_an_unknown_run_is_not_taken_over(store):
    """The message names it."""
    with pytest.raises(UnknownRunError, match="run-9"):
        store.take_over("run-9")


def test_goes_without_an_outcome_are_counted(store):
    """A run that is cut off again and again before anything ended in it shows how often."""
    begun(store).close()
    store.take_over("run-1").close()
    ledger = store.take_over("run-1")
    assert store.find("run-1").stalled == 2
    ledger.begin(TRACE, [outcome(0, origin="kept")])
    ledger.write([outcome(1)])
    ledger.flush()
    ledger.close()
    store.take_over("run-1")
    assert store.find("run-1").stalled == 0


def test_what_is_asked_of_a_run_reaches_its_owner_once(store):
    """A request makes news, is told once, and is refused where nobody would hear it."""
    ledger = begun(store)
    heard = threading.Event()
    ledger.on_news = heard.set
    assert store.request("run-1", "cancel")
    assert heard.wait(30)
    assert ledger.poll() == ["cancel"]
    assert ledger.poll() == []
    ledger.end("cancelled", seconds=1.0, counts={})
    assert not store.request("run-1", "cancel")
    assert not store.request("run-9", "cancel")


# --- history ---


def test_runs_are_listed_newest_first(store):
    """By the time of their creation, as many as are asked for."""
    for number in (2, 1, 3):
        store.create(new_run(f"run-{number}", created=NOON + number))
    assert [row.id for row in store.runs()] == ["run-3", "run-2", "run-1"]
    assert [row.id for row in store.runs(RunFilter(limit=2))] == ["run-3", "run-2"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunFilter(), "cba"),
        (RunFilter(states=("failed",)), "b"),
        (RunFilter(states=("interrupted",)), "c"),
        (RunFilter(states=("running",)), ""),
        (RunFilter(states=("failed", "succeeded")), "ba"),
        (RunFilter(pipeline="train"), "b"),
        (RunFilter(tags=("x",)), "cb"),
        (RunFilter(tags=("x", "y")), "c"),
        (RunFilter(since=NOON + 1), "cb"),
        (RunFilter(until=NOON + 1), "a"),
        (RunFilter(limit=0), "cba"),
        (RunFilter(states=("succeeded",), limit=0), "a"),
        (RunFilter(pipeline="\udcff"), ""),
    ],
)
def test_runs_are_filtered(store, wanted, found):
    """By state, pipeline, all tags, and time; an empty field lets everything through."""
    store.create(new_run("a")).end("succeeded", seconds=1.0, counts={})
    run = new_run("b", "train", NOON + 1, tags=("x",))
    store.create(run).end("failed", seconds=1.0, counts={})
    store.create(new_run("c", created=NOON + 2, tags=("x", "y"))).close()
    assert "".join(row.id for row in store.runs(wanted)) == found


def test_a_run_is_found_by_a_part_of_its_id(store):
    """By the whole id, a unique prefix, and as the last one or the last that failed."""
    store.create(new_run("ab1")).end("failed", seconds=1.0, counts={})
    store.create(new_run("ab12", created=NOON + 1)).end("succeeded", seconds=1.0, counts={})
    names = {"ab1": "ab1", "ab12": "ab12", "last": "ab12", "last-failed": "ab1"}
    assert {name: store.find(name).id for name in names} == names


def test_a_name_of_no_run_says_what_was_near(store):
    """So does one that could mean several."""
    with pytest.raises(UnknownRunError, match="'last'"):
        store.find("last")
    store.create(new_run("2b4f"))
    store.create(new_run("2b5f"))
    with pytest.raises(UnknownRunError, match=r"more than one run begins with '2b': 2b\df, 2b\df"):
        store.find("2b")
    with pytest.raises(UnknownRunError, match="did you mean 2b4f"):
        store.find("3b4f")
    for name in ("last-failed", "\udcff"):
        with pytest.raises(UnknownRunError):
            store.find(name)


def test_task_runs_are_counted_by_place_and_state(store):
    """Across writes; questions of the engine's and helpers without a name do not count."""
    ledger = begun(store)
    ledger.write([outcome(0, seconds=1.0), span(0, 10, seconds=2.0), outcome(1, name="")])
    ledger.write([span(10, 5, "failed"), span(15, 5, seconds=0.5, ended=NOON + 9)])
    ledger.write([outcome(2, "skipped", ask=NO_CALL), outcome(0, ask=1, value=True)])
    ledger.flush()
    assert sorted(store.groups("run-1")) == [
        Group("scrape", "fetch", "skipped", 1, 0.0, NOON + 1),
        Group("scrape", "fetch", "succeeded", 1, 1.0, NOON + 1),
        Group("scrape", "parse", "failed", 5, 0.0, NOON + 1),
        Group("scrape", "parse", "succeeded", 15, 2.5, NOON + 9),
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 255, 1000])
def test_task_runs_in_columns_are_kept_as_if_each_had_come_alone(store, count):
    """Records, counts, failures and open batches are the same, whatever comes before and after."""
    tasks = columns(range(10, 10 + count))
    around = [
        Given(0, 1, ((0, -1, 1), (10, -1, 1)), NOON),
        outcome(0, "failed", error=next(each.error for each in all_kinds(None) if each.error)),
        Wrote("scrape/fetch", NOON, "text"),
        outcome(1, name="parse"),
        tasks._replace(nodes=[5000], nths=[5000], values=[None], seconds=[9.0], ended=NOON + 9),
        columns([])._replace(name="none"),
        tasks._replace(name="", nodes=[6000], nths=[1], values=[b""], seconds=[0.0]),
    ]
    together, alone = begun(store, "run-1"), begun(store, "run-2")
    together.write([*around[:3], tasks, *around[3:]])
    alone.write([*around[:3], *tasks.apart(), around[3], *around[4].apart(), *around[6].apart()])
    for ledger in (together, alone):
        ledger.flush()
    assert bare(store.kept("run-1", 1)) == bare(store.kept("run-2", 1))
    assert [each.row & 0xFFFF for each in store.kept("run-1", 1)] == [
        each.row & 0xFFFF for each in store.kept("run-2", 1)
    ]
    assert bare(store.kept("run-1", 1, [11, 5000])) == bare(store.kept("run-2", 1, [11, 5000]))
    assert store.groups("run-1") == store.groups("run-2")
    assert bare(store.failures("run-1")) == bare(store.failures("run-2")) == [around[1]]
    assert store.given("run-1", 1) == store.given("run-2", 1)
    assert (len(bare(store.kept("run-1", 1))), len(store.logs("run-1"))) == (count + 4, 1)


def test_digests_are_added_to_task_runs_that_came_in_columns(store):
    """Each of them is a record like any other to a later resume."""
    ledger = begun(store)
    ledger.write([outcome(0), columns(range(1, 4))])
    ledger.flush()
    records = list(store.kept("run-1", 1))
    ledger.begin(TRACE, digested=[(records[2], b"0123456789abcdef")])
    digests = [each.digests for each in store.kept("run-1", 1)]
    assert digests == [b"", b"", b"0123456789abcdef", b""]


def columns(nodes):
    """Task runs that ended well, with values of their own."""
    return KeptTasks(
        "scrape", "fetch", 1, NOON + 1, nodes, [node + 1 for node in nodes],
        [b"%d" % node for node in nodes], [node / 64 for node in nodes],
    )  # fmt: skip


def test_failures_are_those_of_the_last_trace(store):
    """In their order, at most as many as are asked for."""
    ledger = begun(store)
    ledger.write([outcome(9, "failed")])
    ledger.begin(TRACE)
    states = ["failed", "succeeded", "crashed", "upstream_failed", "timed_out"]
    ledger.write([outcome(node, state) for node, state in enumerate(states)])
    ledger.flush()
    assert [each.node for each in store.failures("run-1")] == [0, 2, 4]
    assert [each.node for each in store.failures("run-1", 2)] == [0, 2]


def test_attempts_come_back_exactly(store):
    """All that was tried and is tried again is kept with its error."""
    error = next(each.error for each in all_kinds(Stored("", 0)) if each.error)
    tried = [
        Tried(1, 4, "scrape/fetch[4]", "failed", 1, 0, NOON + 9, NOON, 0.5, "why", error),
        Tried(1, -1, "scrape/fetch", "crashed", 0, 1, NOON, NOON),
    ]
    ledger = begun(store)
    ledger.write(tried)
    ledger.flush()
    assert store.tried("run-1", 1) == tried


def test_batches_whose_units_have_ended_are_not_open(store):
    """A unit that ended, or whose attempt did, after it was given is no longer with the slot."""
    ended, again, half, waiting = (
        Given(0, 1, ((0, -1, 1), (7, 0, 4)), NOON),
        Given(0, 2, ((1, -1, 1),), NOON),
        Given(1, 3, ((7, 4, 4),), NOON),
        Given(1, 4, ((2, -1, 1),), NOON),
    )
    ledger = begun(store)
    ledger.write([Worker(0, 1, 1, NOON), ended, again, half, waiting, outcome(0), span(2, 4)])
    ledger.write([span(0, 2), Tried(1, -1, "k", "failed", 1, 0, NOON, NOON)])
    ledger.write([Given(0, 5, ((1, -1, 1),), NOON)])
    ledger.flush()
    assert [given.batch for given in store.given("run-1", 1)] == [3, 4, 5]
    ledger.end("failed", seconds=1.0, counts={})
    assert store.given("run-1", 1) == []


def test_a_batch_of_plain_nodes_is_open_until_the_last_has_ended(store):
    """It is read back as units, with those that came as such."""
    ledger = begun(store)
    ledger.write([Given(0, 1, ((7, 0, 2),), NOON, [1, 2]), Given(1, 2, (), NOON, range(3, 5))])
    ledger.write([columns([1, 3, 4])])
    ledger.flush()
    assert store.given("run-1", 1) == [Given(0, 1, ((7, 0, 2), (1, -1, 1), (2, -1, 1)), NOON)]
    ledger.write([outcome(2), span(0, 2)])
    ledger.flush()
    assert store.given("run-1", 1) == []


def test_what_a_run_is_at_stays_until_it_ends_or_is_taken_on(store):
    """The last that was said holds, also when nobody drives the run any more."""
    ledger = begun(store)
    assert store.find("run-1").at_work == AtWork()
    ledger.write([AtWork((("p/f", NOON),)), AtWork((("p/g[\udcff]", NOON + 1), ("p/h", NOON)), 7)])
    ledger.flush()
    last = AtWork((("p/g[\udcff]", NOON + 1), ("p/h", NOON)), 7)
    assert store.find("run-1").at_work == last
    ledger.close()
    assert store.find("run-1").at_work == last
    ledger = store.take_over("run-1")
    assert store.find("run-1").at_work == last
    ledger.begin(TRACE)
    assert store.find("run-1").at_work == AtWork()
    ledger.write([AtWork((("p/f", NOON),))])
    ledger.end("succeeded", seconds=1.0, counts={})
    assert store.find("run-1").at_work == AtWork()
    assert store.given("run-1", 1) == []


def test_logs_are_read_by_task_level_and_place(store):
    """All of a run over its traces, of one task with its elements, above a level, after a row."""
    ledger = begun(store)
    ledger.write([Wrote("p/f[1]", NOON, "one"), Wrote("p/f", NOON, "two \udcff", 30, "web")])
    ledger.begin(TRACE)
    ledger.write([Wrote("p/ff", NOON, "three", 10)])
    ledger.flush()
    rows = store.logs("run-1")
    assert [row.text for row in rows] == ["one", "two \udcff", "three"]
    assert (rows[1].key, rows[1].time, rows[1].level, rows[1].logger) == ("p/f", NOON, 30, "web")
    assert [row.text for row in store.logs("run-1", "p/f")] == ["one", "two \udcff"]
    assert store.logs("run-1", "\udcff") == []
    assert [row.text for row in store.logs("run-1", level=20)] == ["two \udcff"]
    assert [row.text for row in store.logs("run-1", after=rows[1].number)] == ["three"]


def test_nothing_is_known_of_a_run_that_is_not_there(store):
    """Questions about it have empty answers."""
    assert list(store.kept("x", 1)) == store.traces("x") == store.groups("x") == []
    assert (
        store.failures("x") == store.tried("x", 1) == store.given("x", 1) == store.logs("x") == []
    )


# --- cache ---


def entry(key="k", value=b"v", **more):
    """A result for other runs."""
    more = {"name": "fetch", "run_id": "run-1", "task_key": "s/f", "time": NOON, **more}
    return CacheEntry(key, value=value, parts=more.pop("parts", {"code": "1"}), **more)


def test_a_result_is_found_by_its_key_until_it_expires(store):
    """It comes back exactly; a newer one takes its place."""
    stored = value_file(begun(store))
    store.cache([entry(), entry("file", stored, expires=NOON + 5)])
    assert store.cached(["k", "file", "other"], NOON) == {
        "k": entry(),
        "file": entry("file", stored, expires=NOON + 5),
    }
    assert set(store.cached(["k", "file"], NOON + 5)) == {"k"}
    store.cache([entry(value=b"new")])
    assert store.cached(["k"], NOON)["k"].value == b"new"


def test_a_key_is_claimed_by_one_living_run(store):
    """Others wait until it has a result, its run gave it up, or its run is gone."""
    first, _ = begun(store, "run-1"), begun(store, "run-2")
    assert store.claim(["a", "b"], "run-1") == {"a", "b"}
    assert store.claim(["a", "b", "c"], "run-2") == {"c"}
    store.cache([entry("a")])
    store.release(["b"], "run-2")
    assert store.claim(["a", "b"], "run-2") == {"a"}
    store.release(["b"], "run-1")
    assert store.claim(["b"], "run-2") == {"b"}
    assert store.claim(["d"], "run-1") == {"d"}
    first.close()
    assert store.claim(["d"], "run-2") == {"d"}


def test_the_newest_results_of_a_task_are_the_nearest(store):
    """As many as are asked for, of that task only."""
    store.cache(
        [entry(f"k{age}", time=NOON - age) for age in range(4)] + [entry("o", name="other")]
    )
    assert [each.key for each in store.nearest("fetch", 2)] == ["k0", "k1"]


# --- keeping house ---


def test_files_that_no_record_names_go_at_the_end(store):
    """What workers of an attempt left behind is removed, what a record names stays."""
    ledger = begun(store)
    named, other = value_file(ledger, "named"), value_file(ledger, "other")
    os.makedirs(f"{ledger.run_dir}/logs")
    ledger.write([outcome(value=named)])
    ledger.end("succeeded", seconds=1.0, counts={})
    assert os.path.exists(named.path)
    assert not os.path.exists(other.path)
    assert not os.path.exists(f"{ledger.run_dir}/logs")


def test_the_last_runs_and_the_last_days_are_kept(store):
    """A run goes when it is neither recent nor among the last of its pipeline, with its files."""
    files = {}
    for age in (40, 35, 31, 1):
        ledger = begun(store, f"run-{age}", created=NOON - age * DAY)
        files[age] = value_file(ledger).path
        ledger.write([outcome(value=Stored(files[age], 10, check=True))])
        ledger.end("succeeded", seconds=1.0, counts={})
    begun(store, "train-1", pipeline="train", created=0.0).end("failed", seconds=1.0, counts={})
    removed = store.gc(Retention(runs=2, days=30), NOON)
    assert removed == (2, 2, 20)
    assert sorted(row.id for row in store.runs()) == ["run-1", "run-31", "train-1"]
    assert {age for age, path in files.items() if os.path.exists(path)} == {31, 1}
    assert list(store.kept("run-40", 1)) == []


def test_a_run_in_progress_is_never_removed(store):
    """However old it is."""
    ledger = begun(store, created=0.0)
    assert store.gc(Retention(runs=0, days=0), NOON).runs == 0
    ledger.write([outcome()])
    ledger.flush()
    assert len(list(store.kept("run-1", 1))) == 1


def test_a_file_that_a_later_run_or_the_cache_needs_outlives_its_run(store):
    """Its run goes, the file stays where it is."""
    old = begun(store, created=0.0)
    kept, cached, own = (value_file(old, name) for name in ("kept", "cached", "own"))
    old.write([outcome(node, value=each) for node, each in enumerate([kept, cached, own])])
    old.end("succeeded", seconds=1.0, counts={})
    later = begun(store, "run-2")
    later.write([outcome(value=kept, origin="run-1")])
    later.end("succeeded", seconds=1.0, counts={})
    store.cache([entry("k", cached)])
    assert store.gc(Retention(runs=1, days=1), NOON).runs == 1
    assert [os.path.exists(each.path) for each in (kept, cached, own)] == [True, True, False]
    assert next(store.kept("run-2", 1)).value == kept
