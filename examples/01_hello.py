"""Hello: four functions become a graph, and what can run at the same time does.

A `@task` is an ordinary function. Called inside a `@pipeline` it does not run yet: it gives a
future, a stand-in for its value, and passing futures on is what draws the graph. `word_count` and
`longest_word` need only the text, so they run side by side, each in a process of its own.

Try:  taskflow run examples/01_hello.py --article tides
      taskflow graph examples/01_hello.py -o hello.svg
"""

import re
from pathlib import Path

import taskflow
from taskflow import pipeline, task

SITE = Path(__file__).parent / "site"


@task
def read(article: str) -> str:
    """The text of an article, without its markup."""
    return re.sub(r"<[^>]+>", "", (SITE / f"{article}.html").read_text(encoding="utf-8"))


@task
def word_count(text: str) -> int:
    """How many words there are in a text."""
    return len(text.split())


@task
def longest_word(text: str) -> str:
    """The longest word of a text; of several the first."""
    return max(re.sub(r"[^\w\s]", "", text).split(), key=len)


@task
def describe(text: str, words: int, longest: str) -> str:
    """An article in one line."""
    title = text.strip().splitlines()[0]
    return f"{title}: {words} words, the longest of them is {longest!r}"


@pipeline
def hello(article: str = "lighthouse") -> str:
    """Read an article, look at it in two ways at once, and put the findings together."""
    text = read(article)
    return describe(text, word_count(text), longest_word(text))


if __name__ == "__main__":
    print(taskflow.run(hello))
