"""The keys of limits and rates: asked for where the arguments are, answered with plain data."""

from __future__ import annotations

import datetime as dt
import decimal
import pickle
import threading

import pytest

from taskflow.call import ASK_KEYS, Started
from taskflow.errors import Skip
from taskflow.executors.keys import KeyFunction, plain


def _host(url):
    return url.partition("/")[0]


def _fetch(url, timeout=5, *more, deep=False, **rest):
    raise AssertionError("it is asked for keys, and not run")


def test_keys_come_without_running_the_body(driver):
    """One key for each function, in their order; a body with none has no keys."""
    keys = (_host, lambda timeout: timeout)
    asked = driver.call(_fetch, "a.org/1", 7, ask=ASK_KEYS, limit_keys=keys)
    (outcome,) = driver.run(asked)
    assert (outcome.state, outcome.value) == ("succeeded", ("a.org", 7))
    (outcome,) = driver.run(driver.call(_fetch, "a.org/1", ask=ASK_KEYS))
    assert outcome.value == ()


def test_elements_are_asked_for_their_keys_side_by_side(driver):
    """The keys of elements come in spans, a tuple for each; nobody is said to have begun."""
    urls = [f"{number % 3}.org/{number}" for number in range(20)]
    before = len(driver.started)
    call = driver.elements(
        _fetch, urls, ask=ASK_KEYS, limit_keys=(_host,), announced=True, timeout=60.0
    )
    outcomes = driver.run(call)
    assert sum(outcome.count for outcome in outcomes) == 20
    assert all(len(outcome.value) == outcome.count for outcome in outcomes)
    keys = [key for outcome in outcomes for (key,) in outcome.value]
    assert keys == [_host(url) for url in urls]
    assert len(driver.started) == before


@pytest.mark.parametrize("wrong", [KeyError("host"), Skip("no"), SystemExit(1), StopIteration()])
def test_a_key_that_raises_fails_its_element_alone(driver, wrong):
    """Whatever the key function raises, the report says that it did, and nothing is retried."""

    def key(url):
        if url == "bad":
            raise wrong
        return url

    call = driver.elements(_fetch, ["a", "bad", "b"], ask=ASK_KEYS, limit_keys=(key,))
    good, bad, last = driver.run(call)
    assert (good.value, last.value) == ((("a",),), (("b",),))
    assert (bad.state, bad.first, bad.count) == ("failed", 1, 1)
    assert not bad.value.retryable
    assert "the key of a limit of this task is not known" in bad.value.message
    assert type(wrong).__name__ in bad.value.message
    (alone,) = driver.run(driver.call(_fetch, "bad", ask=ASK_KEYS, limit_keys=(key,)))
    assert (alone.state, alone.value.retryable) == ("failed", False)


def test_bodies_are_announced_when_they_begin(driver):
    """The engine is told of each start that it asked to be told of, also without a timeout."""

    def body(n):
        return n

    call = driver.elements(body, [1, 2, 3], announced=True)
    driver.run(call)
    begun = [each for each in driver.started if each.node == call.node]
    assert sorted(begun) == [Started(driver.slot, call.node, element) for element in range(3)]
    single = driver.call(body, 1, announced=True)
    driver.run(single)
    assert Started(driver.slot, single.node, -1) in driver.started


# --- what a key function is given ------------------------------------------------------------

CALLS = [
    (lambda url: url, ("a", 7), {}, "a"),
    (lambda timeout: timeout, ("a",), {}, 5),
    (lambda timeout: timeout, ("a",), {"timeout": 9}, 9),
    (lambda timeout, url: (timeout, url), ("a", 7), {}, (7, "a")),
    (lambda link: link, ("a", 7), {}, "a"),
    (lambda link, seconds: (link, seconds), ("a", 7), {}, ("a", 7)),
    (lambda link, size=3: (link, size), ("a", 7), {}, ("a", 3)),
    (lambda size=3, *, deep: (size, deep), ("a",), {"deep": True}, (3, True)),
    (lambda *all_: all_, ("a", 7, 8), {"deep": True}, ("a", 7, 8)),
    (lambda *all_, **named: (all_, named), ("a",), {"deep": True}, (("a",), {"deep": True})),
    (lambda **named: sorted(named), ("a", 7), {"x": 1}, ["deep", "timeout", "url", "x"]),
    (lambda url, **named: sorted(named), ("a", 7), {}, ["deep", "timeout"]),
    (lambda x: x, ("a",), {"x": 1}, 1),
    (len, ("abc",), {}, 3),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_a_key_function_gets_the_arguments_that_it_names(number):
    """By name first, else by place; defaults of the task count, and those of the key stay."""
    fn, args, kwargs, expected = CALLS[number]
    asked = KeyFunction(fn, _fetch)
    assert asked(args, kwargs) == expected
    assert asked(args, kwargs) == expected, "the second time it knows how"


def test_a_key_function_that_asks_for_too_much_says_so():
    """Python's own words name the parameter that nothing is there for."""
    with pytest.raises(TypeError, match="'size'"):
        KeyFunction(lambda url, size: url, _fetch)(("a",), {"x": 1, "y": 2})


class _Odd:
    def __reduce__(self):
        return _Odd, ()


def test_keys_are_hashable_plain_data():
    """Scalars and tuples stay; all else becomes a text that is the same wherever it is made."""
    for key in (1, "a", None, 2.5, b"x", True, (1, ("a", None))):
        assert plain(key) == key
    assert plain(float("nan")) == plain(float("nan"))
    assert plain(dt.date(2026, 1, 2)) == "datetime.date(2026, 1, 2)"
    assert plain((decimal.Decimal("1.5"),)) == ("Decimal('1.5')",)
    assert plain([1, 2]) == "[1, 2]"
    assert plain(_Odd()) == plain(_Odd())
    assert len(plain("x" * 10_000)) == 32
    assert plain("x" * 10_000) != plain("y" * 10_000)
    assert pickle.loads(pickle.dumps(plain(_Odd()))) == plain(_Odd())
    with pytest.raises(TypeError):
        plain(threading.Lock())
