"""Outcomes bear a preview of what could not be shown without unpickling it."""

from __future__ import annotations

from collections import Counter

from driving import values_of

from taskflow.call import ASK_TRUTH, Stored


def test_an_outcome_bears_a_preview_of_an_object(driver):
    """Made where the value is, when the body has ended."""
    (outcome,) = driver.run(driver.call(lambda: Counter("aab")))
    assert outcome.preview == "Counter({'a': 2, 'b': 1})"


def test_a_value_in_a_file_has_a_preview_whatever_it_is(driver):
    """Nobody reads a file of gigabytes to list what a run has made."""
    (outcome,) = driver.run(driver.call(lambda: "x" * 2_000_000))
    assert isinstance(outcome.value, Stored)
    assert outcome.preview.startswith("'xxx")


def test_plain_values_answers_and_failures_have_no_preview(driver):
    """They can be shown as they are."""

    def fails():
        raise ValueError("no")

    calls = [
        driver.call(lambda: {"n": [1, 2]}),
        driver.call(lambda: Counter("aab"), ask=ASK_TRUTH),
        driver.call(fails),
    ]
    assert [outcome.preview for outcome in driver.run(*calls)] == ["", "", ""]


def test_an_element_that_ends_alone_has_a_preview(driver):
    """Elements that share an outcome have none: there would be too many."""
    made = driver.run(driver.elements(lambda n: Counter("a" * n), list(range(1, 200))))
    assert values_of(made) == [Counter(a=n) for n in range(1, 200)]
    for outcome in made:
        alone = f"Counter({{'a': {outcome.first + 1}}})"
        assert outcome.preview == (alone if outcome.count == 1 else "")
