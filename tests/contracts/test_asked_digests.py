"""The digests of arguments: asked for where the arguments are, so that results are found again."""

from __future__ import annotations

from taskflow.call import ASK_PRINT
from taskflow.content import digest_of
from taskflow.executors.printing import Printer


def _fetch(url, timeout=5, *more, deep=False, **rest):
    raise AssertionError("it is asked for digests, and not run")


def _hex(value):
    return digest_of(value).hex()


def _asked(driver, fn, *args, ignore=(), **kwargs):
    call = driver.call(fn, *args, kwargs=kwargs, ask=ASK_PRINT, ignore=ignore)
    (outcome,) = driver.run(call)
    assert outcome.state == "succeeded"
    return outcome.value


def test_digests_come_by_parameter_without_running_the_body(driver):
    """Defaults count as if they had been given, and it does not matter how anything is passed."""
    values = {"url": "a.org", "timeout": 5, "more": (), "deep": False, "rest": {}}
    found = _asked(driver, _fetch, "a.org")
    assert found == {name: _hex(value) for name, value in values.items()}
    assert _asked(driver, _fetch, "a.org", 5) == found
    assert _asked(driver, _fetch, timeout=5, url="a.org", deep=False) == found
    assert _asked(driver, _fetch, "a.org", 6) != found


def test_ignored_parameters_do_not_count_also_among_the_rest(driver):
    """Neither a parameter nor a keyword that only `**rest` takes."""
    one = _asked(driver, _fetch, "a.org", 5, token="x", ignore=("timeout", "token"))
    other = _asked(driver, _fetch, "a.org", 9, token="y", ignore=("timeout", "token"))
    assert one == other
    assert "timeout" not in one
    assert one["rest"] == _hex({})


def test_elements_are_asked_for_their_digests_in_spans(driver):
    """A dict of digests for each element."""
    urls = [f"{number}.org" for number in range(20)]
    outcomes = driver.run(driver.elements(_fetch, urls, ask=ASK_PRINT, ignore=("more",)))
    assert sum(outcome.count for outcome in outcomes) == 20
    found = [digests for outcome in outcomes for digests in outcome.value]
    assert [digests["url"] for digests in found] == [_hex(url) for url in urls]


def test_elements_say_their_keys_along_with_their_digests(driver):
    """What is found in the cache never runs, and bears its key all the same."""
    call = driver.elements(
        _fetch, ["a.org", "b.org"], ask=ASK_PRINT, ignore=(), by=lambda url: url[0]
    )
    outcomes = driver.run(call)
    assert [key for outcome in outcomes for key in outcome.keys] == ["a", "b"]


def test_an_argument_without_a_digest_is_named_with_the_path_to_the_part(driver):
    """The answer is a text then, and the task has not failed."""
    endless = []
    endless.append(endless)
    told = _asked(driver, _fetch, {"open": endless})
    assert told.startswith("argument `url`: ['open'][0] (list) has no digest")


def test_arguments_of_functions_that_do_not_tell_their_parameters_count_by_place():
    """As C code often does not."""
    found = Printer(max, ignore=())((1, 2), {"key": None})
    assert found == {"0": _hex(1), "1": _hex(2), "key": _hex(None)}
