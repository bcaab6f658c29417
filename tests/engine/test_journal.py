"""What a plan writes down of itself, and that this is enough to bring a new plan there."""

from __future__ import annotations

import pytest
from histories import History
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from resumes import Saga, check_replay
from strategies import recipes

from taskflow import current, flatten, pipeline, task
from taskflow.call import ASK_VALUE, ErrorReport
from taskflow.engine.journal import Recording
from taskflow.engine.past import Past
from taskflow.engine.plan import Plan
from taskflow.graph import stored
from taskflow.graph.graph import Graph
from taskflow.lifecycle import BAD
from taskflow.records import ASK_FED, NO_CALL, Given, Kept, Tried, Wrote
from taskflow.secret import Redactor
from taskflow.values import decode_piece


@task
def add(x, y=0):
    return x + y


@task(retries=2, retry_delay=30)
def flaky(x):
    if current.attempt <= x:
        raise ValueError(f"attempt {current.attempt}")
    return x


@task
def fails(x):
    raise ValueError(x)


@task
def up_to(n):
    return list(range(n))


@pipeline(dynamic=True)
def later(x):
    return add(x)


@pytest.fixture
def history(tmp_path):
    return History(tmp_path, [])


def ends(history):
    return [each for each in history.store.records[-1] if isinstance(each, Kept)]


def test_an_outcome_has_the_place_and_the_value_of_its_task(history):
    """So a resume finds it without the graph that it was part of."""
    history.go(lambda: [add(1), add(add(2), 3)])
    found = {(each.path, each.name, each.nth): each for each in ends(history)}
    assert found.keys() == {("p", "add", 1), ("p", "add", 2), ("p", "add", 3)}
    assert all(each.state == "succeeded" and each.ask == ASK_VALUE for each in found.values())
    assert found["p", "add", 3].key == "p/add#3"
    assert found["p", "add", 1].value == b"\x80\x05K\x01."


def test_inputs_stand_before_what_is_made_from_them(history):
    """Whatever is cut off at the end, what is left could be all that has happened."""
    history.go(lambda: add(add(add(add(1)))))
    assert [each.node for each in ends(history)] == [0, 1, 2, 3]


def test_attempts_that_are_not_the_last_are_counted_one_by_one(history):
    """With the time at which the next one may begin."""
    history.go(lambda: flaky(2))
    tried = [each for each in history.store.records[-1] if isinstance(each, Tried)]
    assert [(each.key, each.failures, each.losses) for each in tried] == [
        ("p/flaky", 1, 0),
        ("p/flaky", 2, 0),
    ]
    assert all(each.when == each.ended + 30 for each in tried)
    assert [each.why for each in tried] == ["ValueError: attempt 1", "ValueError: attempt 2"]
    assert [each.attempt for each in ends(history)] == [3]


def test_a_failure_has_its_error_and_what_it_kept_from_running_has_no_call(history):
    """So both can be shown, and a resume tells them apart."""
    history.go(lambda: add(fails(1)))
    failed, unrun = ends(history)
    assert (failed.key, failed.state, failed.error.line) == ("p/fails", "failed", "ValueError: 1")
    assert (unrun.key, unrun.state, unrun.ask) == ("p/add", "upstream_failed", NO_CALL)


def test_a_dynamic_call_is_written_as_its_graph_and_again_at_its_end(history):
    """In between are the tasks of its graph, on a path of their own."""
    history.go(lambda: later(1))
    assert [(each.key, each.ask == NO_CALL) for each in ends(history)] == [
        ("p/later", False),
        ("p/later/add", False),
        ("p/later/(result)", False),
        ("p/later", True),
    ]


def test_elements_of_a_flatten_are_written_with_the_labels_that_people_see(history):
    """Their numbers are those of their arrival, and differ from run to run."""
    history.go(lambda: add.map(flatten(up_to.map([2, 1]))))
    keys = [
        each.key_of(each.first + number)
        for each in ends(history)
        if each.name == "add"
        for number in range(each.count)
    ]
    assert sorted(keys) == ["p/add[0.0]", "p/add[0.1]", "p/add[1.0]"]


def test_what_an_iterator_gave_is_written_where_it_came(history):
    """A replay has no iterator to ask."""
    history.fed = [[1, 2]]
    history.go(lambda: add.map(iter(())))
    fed = [each.value for each in ends(history) if each.ask == ASK_FED]
    assert [number for number, _, _ in fed] == [0] * len(fed)
    assert [value for _, pieces, _ in fed for each in pieces for value in decode_piece(each)] == [
        1,
        2,
    ]
    assert [is_last for _, _, is_last in fed] == [False] * (len(fed) - 1) + [True]
    assert ends(history)[0].ask == ASK_FED


def test_a_batch_is_written_before_what_comes_of_it(history):
    """A resume knows what may have been under way."""
    history.go(lambda: add(1))
    assert [type(each) for each in history.store.records[-1]] == [Given, Kept]
    assert history.store.records[-1][0].in_units().units == ((0, -1, 1),)


def test_secrets_are_masked_in_what_is_written_for_people():
    """The pickled exception goes: it holds what its text did."""
    journal = Recording(Redactor(["hunter2"]))
    report = ErrorReport("ValueError", "hunter2 is wrong", pickled=b"hunter2")
    kept = Kept(0, -1, 1, ASK_VALUE, "failed", "p", "login", 1, error=report, preview="'hunter2'")
    journal.records += [kept, Wrote("p/login", 0.0, "trying hunter2\n")]
    masked, wrote = journal.drain()
    assert "hunter2" not in repr(masked)
    assert not masked.error.pickled
    assert "hunter2" not in wrote.text
    assert "is wrong" in masked.error.message


def test_a_journal_that_was_drained_is_empty():
    """Each record is handed on once."""
    journal = Recording()
    Plan(Graph("p"), journal=journal)
    journal.records.append(Wrote("p/a", 0.0, "x"))
    assert len(journal.drain()) == 1
    assert journal.drain() == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(recipe=recipes(), seed=st.integers(0, 10_000))
def test_any_beginning_of_a_journal_can_be_followed(recipe, seed):
    """A crash may leave any of them; the whole brings a new plan to the same end."""
    saga = Saga(recipe, seed, script=())
    check_replay(saga.store, saga.again.plan)
    graph = saga.store.graphs[0]
    records = list(saga.store.kept("run", 1))
    for stop in range(len(records)):
        past = Past()
        past.follow(stored.decode(graph), records[:stop])
        bad = {each.key_of(each.first) for each in records[:stop] if each.state in BAD}
        assert past.bad.keys() == bad
