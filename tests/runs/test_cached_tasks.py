"""Results of earlier runs used again: when they are, and when a task runs all the same."""

from __future__ import annotations

import importlib
import secrets
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from taskflow import Cache, current, pipeline, task
from taskflow.authoring.recovery import rerun
from taskflow.errors import DefinitionError, RunFailed
from taskflow.events import RunNoticed
from taskflow.store import open_store
from taskflow.store.memory import MemoryStore
from taskflow.testing import Harness, Recorder, stub

#: Nothing here takes nearly as long; a test that waits for longer has found a hang.
PATIENCE = 30.0


@pytest.fixture
def store():
    found = MemoryStore()
    yield found
    found.close()


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request, tmp_path, store):
    if request.param == "memory":
        yield store
        return
    found = open_store(f"sqlite:///{tmp_path}/s.db")
    yield found
    found.close()


def run(p, store, *args, **params):
    """A run that has ended: its handle, with the lines that a person was told as `told`."""
    recorder = Recorder()
    options = {"store": store, "executor": "inline"}
    handle = p.options(**options).execute(p.parameters.bind(args, params), [recorder])
    handle.told = [each.text for each in recorder.events if isinstance(each, RunNoticed)]
    return handle


# --- hits and misses ------------------------------------------------------------------------------


@task(cache=True)
def token(text, size=4, *, noise=0):
    return f"{text} {secrets.token_hex(size)}"


@pipeline
def one_token(text: str = "a"):
    return token(text)


def test_a_second_run_takes_the_result_of_the_first(any_store):
    """The body, which never returns the same twice, does not run; the task ends as `cached`."""
    first, second = run(one_token, any_store), run(one_token, any_store)
    assert (first.counts, second.counts) == ({"succeeded": 1}, {"cached": 1})
    assert first.result() == second.result()
    (kept,) = any_store.kept(second.id, 1)
    assert (kept.state, kept.origin) == ("cached", first.id)


def test_other_arguments_are_other_results(store):
    """Whereas a default that is written out is the same argument."""

    @pipeline
    def spelt(noise: int = 0):
        return token(text="a", size=4, noise=noise)

    first = run(one_token, store)
    assert run(one_token, store, text="b").counts == {"succeeded": 1}
    assert run(spelt, store).result() == first.result()
    assert run(spelt, store, noise=1).counts == {"succeeded": 1}


def test_without_a_store_tasks_just_run():
    """As in `taskflow.run` with `TASKFLOW_STORE=memory:`, which keeps nothing."""
    first, second = run(one_token, "memory:"), run(one_token, "memory:")
    assert first.counts == second.counts == {"succeeded": 1}
    assert first.result() != second.result()


def test_a_run_looks_only_into_its_own_store(store):
    """What another store has is not found."""
    other = MemoryStore()
    assert run(one_token, other).result() != run(one_token, store).result()


def test_another_version_is_another_result(store):
    """A number and a text differ as well; and `Cache(...)` says the same as the short keywords."""

    @pipeline
    def p():
        return [token.options(cache=True, version=each)("a") for each in (None, 1, "1", 2)]

    @pipeline
    def spelt():
        return token.options(cache=Cache(version=2))("a")

    first = run(p, store).result()
    assert len(set(first)) == 4
    assert run(p, store).result() == first
    assert run(spelt, store).result() == first[-1]


def test_a_result_is_good_until_its_ttl_is_over(store):
    """The task runs again after that, and its new result is good for as long."""

    @pipeline
    def p():
        return token.options(cache=True, ttl="1h")("a")

    with Harness(store=store) as harness:
        first = harness.run(p).value
        harness.clock.advance(3599)
        assert harness.run(p).value == first
        harness.clock.advance(2)
        second = harness.run(p).value
        assert second != first
        harness.clock.advance(3598)
        assert harness.run(p).value == second


def test_ignored_arguments_do_not_count(store):
    """Not even those that have no digest."""
    endless = []
    endless.append(endless)

    @pipeline
    def p(noise: object = 0):
        return token.options(cache=True, ignore="noise")("a", noise=noise)

    first = run(p, store)
    assert run(p, store, noise=endless).result() == first.result()


def test_an_ignored_name_that_is_no_parameter_is_refused():
    """Else a slip of the pen would make a key of what should not count."""

    @pipeline
    def p():
        return token.options(cache=True, ignore="nois")("a")

    with pytest.raises(DefinitionError, match=r"'nois' is none of its parameters.*'noise'"):
        p.trace()


@dataclass
class Setting:
    name: str
    weights: np.ndarray


@pytest.mark.parametrize(
    "make",
    [
        lambda n: np.arange(1000.0) + n,
        lambda n: Setting("s", np.ones((2, n + 1))),
        lambda n: {"b": {n, "set"}, "a": frozenset("cab")},
    ],
    ids=["array", "dataclass", "sets"],
)
def test_arguments_count_by_their_content(store, make):
    """Arrays and objects that are made anew are found again; others are not."""

    @pipeline
    def p(value: object):
        return token(value)

    first = run(p, store, value=make(1))
    assert run(p, store, value=make(1)).counts == {"cached": 1}
    assert run(p, store, value=make(2)).result() != first.result()


# --- code -----------------------------------------------------------------------------------------

CODE = """
import secrets
from taskflow import pipeline, task

LENGTH = 4

def helper(text):
    return text + secrets.token_hex(LENGTH)

@task(cache=True)
def make(text):
    return helper(text)

@pipeline
def p():
    return make("a")
"""


class Module:
    """A module that is edited and imported again."""

    def __init__(self, folder):
        self._name = f"edited_{secrets.token_hex(4)}"
        self._path = folder / f"{self._name}.py"
        self._now = time.time_ns()

    def load(self, text):
        self._path.write_text(text)
        sys.modules.pop(self._name, None)
        importlib.invalidate_caches()
        return importlib.import_module(self._name)


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()  # a project of its own
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Module(tmp_path)


def test_a_change_in_a_helper_or_a_constant_runs_the_task_again(store, module):
    """And the old code, restored, finds its old result again."""
    first = run(module.load(CODE).p, store).result()
    commented = CODE.replace("def helper", "# a remark\n\ndef helper")
    assert run(module.load(commented).p, store).result() == first
    edited = run(module.load(CODE.replace("return text", "return '-' + text")).p, store)
    assert edited.counts == {"succeeded": 1}
    longer = run(module.load(CODE.replace("LENGTH = 4", "LENGTH = 5")).p, store)
    assert longer.counts == {"succeeded": 1}
    assert run(module.load(CODE).p, store).result() == first


def test_code_that_uses_what_has_no_digest_turns_the_cache_off_and_says_so(store, module):
    """The warning names the global and who uses it."""
    code = CODE.replace("LENGTH = 4", "LENGTH = [4]\nLENGTH.append(LENGTH)")
    code = code.replace("LENGTH)\n\n@task", "LENGTH[0])\n\n@task")
    for _ in range(2):
        handle = run(module.load(code).p, store)
        assert handle.counts == {"succeeded": 1}
        (line,) = handle.told
        assert line.startswith("make runs without its cache: its code uses what has no digest")
        assert "global `LENGTH`[1] of helper (list)" in line


# --- maps -----------------------------------------------------------------------------------------


@pipeline
def tokens(texts: list):
    return token.map(texts)


def test_elements_of_a_map_are_found_one_by_one(any_store):
    """In another order and among new ones; only the new ones run."""
    first = run(tokens, any_store, texts=["a", "b", "c"]).result()
    handle = run(tokens, any_store, texts=["x", "c", "a", "y", "b"])
    assert handle.counts == {"cached": 3, "succeeded": 2}
    values = handle.result()
    assert [values[2], values[4], values[1]] == first
    assert [values[0][0], values[3][0]] == ["x", "y"]


def test_nothing_runs_ahead_of_the_cache(store):
    """In a chain of short tasks, which else go to a worker together, every link is looked up."""

    @pipeline
    def chain():
        value = "a"
        for _ in range(30):
            value = token(value, 1)
        return value

    first, second = run(chain, store), run(chain, store)
    assert (first.counts, second.counts) == ({"succeeded": 30}, {"cached": 30})
    assert first.result() == second.result()


def test_equal_elements_of_one_run_compute_once(any_store):
    """The others wait for the first and end as `cached`."""
    handle = run(tokens, any_store, texts=["a", "b", "a", "a"])
    assert handle.counts == {"succeeded": 2, "cached": 2}
    values = handle.result()
    assert values[0] == values[2] == values[3] != values[1]


def test_an_element_and_a_single_call_share_their_result(any_store):
    """What counts is the task and its arguments, not where it was called."""
    value = run(one_token, any_store, text="a").result()
    handle = run(tokens, any_store, texts=["a", "b"])
    assert handle.result()[0] == value
    assert run(one_token, any_store, text="b").result() == handle.result()[1]


class Counted(MemoryStore):
    """A store that counts how often the cache is asked for something."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def cached(self, keys, now):
        self.asked += 1
        return super().cached(keys, now)


def test_a_large_map_asks_for_many_keys_at_once():
    """So that a store is asked some times, and not once for each element.

    Some forty times where nothing else runs; more on a busy machine, whose batches are shorter.
    """
    store = Counted()
    for state in ("succeeded", "cached"):
        store.asked = 0
        handle = run(tokens, store, texts=list(range(5000)))
        assert handle.counts == {state: 5000}
        assert store.asked <= 500
        assert len(handle.result()) == 5000


class Table:
    """Stands for something large: it counts how often its digest is made."""

    digests = 0

    def __taskflow_digest__(self):
        Table.digests += 1
        return "a table"


@task
def read_table():
    return Table()


def test_what_all_elements_are_given_is_digested_once_for_many(store):
    """A large table beside the elements of a map does not cost its digest for each of them."""

    @pipeline
    def p():
        return token.map([str(number) for number in range(500)], noise=read_table())

    before = Table.digests
    assert run(p, store).counts == {"succeeded": 501}
    assert 1 <= Table.digests - before <= 20


def test_cached_elements_bear_their_keys(store):
    """A map with `key=` is listed by those keys, whether its elements ran or not."""

    @pipeline
    def keyed():
        return token.options(key=lambda text: f"<{text}>").map(["a", "b"])

    for _ in range(2):
        handle = run(keyed, store)
        spans = list(store.kept(handle.id, 1))
        keys = [each.key_of(each.first + n) for each in spans for n in range(each.count)]
        assert keys == ["keyed/token[<a>]", "keyed/token[<b>]"]
    assert handle.counts == {"cached": 2}


@task(cache=True)
def large(size):
    return np.frombuffer(secrets.token_bytes(size), np.uint8)


def test_large_results_are_taken_from_the_file_of_the_earlier_run(any_store):
    """Of a single task run and of elements."""

    @pipeline
    def p():
        return [large(2_000_000), *large.map([2_000_001, 3])]

    first, second = run(p, any_store), run(p, any_store)
    assert second.counts == {"cached": 3}
    for one, other in zip(first.result(), second.result(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("any_store", ["sqlite"], indirect=True)
def test_a_result_whose_file_was_damaged_is_made_again(any_store):
    """And kept in the place of the damaged one; files of a store in memory are not sealed."""

    @pipeline
    def p():
        return large(2_000_000)

    first = run(p, any_store)
    (kept,) = any_store.kept(first.id, 1)
    with open(kept.value.path, "r+b") as file:
        file.seek(1_000_000)
        file.write(b"damage")
    second = run(p, any_store)
    assert second.counts == {"succeeded": 1}
    third = run(p, any_store)
    assert third.counts == {"cached": 1}
    assert np.array_equal(second.result(), third.result())


# --- what has no digest, fails, or is not to be reused --------------------------------------------


def test_an_argument_without_a_digest_turns_the_cache_off_and_is_named(store):
    """The task runs; the warning says which argument it is, and what can be done."""
    endless = []
    endless.append(endless)

    @pipeline
    def p():
        return token("a", noise=endless), token.map(["b", "c"])

    for _ in range(2):
        handle = run(p, store)
        assert handle.state == "succeeded"
        (line,) = handle.told
        assert line.startswith("token runs without its cache: argument `noise`: [0] (list) has")
        assert "ignore=" in line
    assert handle.counts["succeeded"] >= 1


@task(cache=True, retries=1)
def shaky(text):
    if current.attempt == 1:
        raise OSError("not yet")
    return f"{text} {secrets.token_hex(4)}"


@task(cache=True)
def broken(text):
    raise ValueError(f"no {text}")


def test_a_task_that_is_tried_again_keeps_its_claim_and_then_its_result(store):
    """It is not looked up again between its attempts."""

    @pipeline
    def p():
        return shaky("a")

    first, second = run(p, store), run(p, store)
    assert (first.counts, second.counts) == ({"succeeded": 1}, {"cached": 1})


def test_failures_are_not_kept_and_hold_nobody_up(store):
    """Equal task runs each fail by themselves, and so does the next run."""

    @pipeline
    def p():
        return [broken("luck"), *[broken("luck") for _ in range(2)]]

    for _ in range(2):
        handle = run(p, store)
        assert handle.counts == {"failed": 3}
        with pytest.raises(RunFailed, match="no luck"):
            handle.result()


def test_what_stands_in_for_a_task_is_not_kept(store):
    """A test with a stub leaves nothing in the cache for a real run."""
    with Harness(store=store) as harness, stub(token, returns="stubbed"):
        assert harness.run(one_token).value == "stubbed"
    assert run(one_token, store).result() != "stubbed"


@pipeline(dynamic=True)
def unfolded(count):
    return [token(str(number)) for number in range(count)]


@pipeline
def folded(count: int):
    return unfolded(count)


def test_tasks_of_dynamic_pipelines_are_cached_too(store):
    """Although their graph is not known when the run starts."""
    first = run(folded, store, count=2).result()
    handle = run(folded, store, count=3)
    assert handle.result()[:2] == first
    assert handle.counts["cached"] == 2


def test_a_task_that_is_rerun_by_name_runs_although_the_cache_has_its_result(store):
    """And what it returns now is what later runs find."""
    first = run(one_token, store)
    again = rerun(first.id, start_from="token", pipeline=one_token, store=store, executor="inline")
    assert again.counts == {"succeeded": 1}
    assert again.result() != first.result()
    assert run(one_token, store).result() == again.result()


# --- several runs at once -------------------------------------------------------------------------


class Gate:
    """Where bodies wait, outside of what a digest covers."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __taskflow_digest__(self):
        return "a gate"

    def pass_through(self):
        self.reached.set()
        assert self.opened.wait(PATIENCE)


GATE = Gate()


@task(cache=True)
def guarded(text, fails=False):
    GATE.pass_through()
    if fails:
        raise ValueError("it fails")
    return f"{text} {secrets.token_hex(4)}"


@pipeline
def one_guarded(fails: bool = False):
    return guarded("a", fails)


class Watched(MemoryStore):
    """A store that says when a claim was refused."""

    def __init__(self):
        super().__init__()
        self.refused = threading.Event()

    def claim(self, keys, run_id):
        mine = super().claim(keys, run_id)
        if len(mine) < len(keys):
            self.refused.set()
        return mine


@pytest.fixture
def _gate(monkeypatch):
    monkeypatch.setitem(globals(), "GATE", Gate())


@pytest.mark.usefixtures("_gate")
def test_two_runs_that_miss_the_same_key_compute_it_once():
    """The second waits for the first, and ends with its result."""
    store = Watched()
    p = one_guarded.options(store=store, executor="inline", progress=False)
    first = p.start({})
    assert GATE.reached.wait(PATIENCE)
    second = p.start({})
    assert store.refused.wait(PATIENCE)
    GATE.opened.set()
    assert first.result(PATIENCE) == second.result(PATIENCE)
    assert (first.counts, second.counts) == ({"succeeded": 1}, {"cached": 1})


@pytest.mark.usefixtures("_gate")
def test_a_run_that_waits_for_another_goes_on_when_that_one_fails():
    """The key is free again, and the second run computes it itself."""
    store = Watched()
    p = one_guarded.options(store=store, executor="inline", progress=False)
    first = p.start({"fails": True})
    assert GATE.reached.wait(PATIENCE)
    second = p.start({"fails": True})
    assert store.refused.wait(PATIENCE)
    GATE.opened.set()
    assert first.wait(PATIENCE) == second.wait(PATIENCE) == "failed"


@pytest.mark.usefixtures("_gate")
def test_a_run_that_is_cancelled_while_it_waits_for_another_ends():
    """It had nothing running; the other run is not disturbed."""
    store = Watched()
    p = one_guarded.options(store=store, executor="inline", progress=False)
    first = p.start({})
    assert GATE.reached.wait(PATIENCE)
    second = p.start({})
    assert store.refused.wait(PATIENCE)
    second.cancel()
    assert second.wait(PATIENCE) == "cancelled"
    GATE.opened.set()
    assert first.wait(PATIENCE) == "succeeded"
