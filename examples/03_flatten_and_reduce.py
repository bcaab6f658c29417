"""Flatten and reduce: from a map of lists to one map, and from many values to one.

Every article gives a list of sentences, and how many is known only when it has been read.
`flatten` makes one map of them all: each list enters as it arrives, no sentence waits for another
article. The counts of words are merged two by two: an ordinary loop over futures draws a tree, and
each merge starts as soon as its two counts are there.

Try:  taskflow graph examples/03_flatten_and_reduce.py -o tree.svg
"""

import re
from collections import Counter
from pathlib import Path

import taskflow
from taskflow import flatten, pipeline, task

SITE = Path(__file__).parent / "site"
ARTICLES = ["bridges", "glass", "maps", "owls", "swifts", "tides"]


@task
def sentences(article: str) -> list[str]:
    """The sentences of an article."""
    text = re.sub(r"<h1>.*?</h1>|<[^>]+>", "", (SITE / f"{article}.html").read_text("utf-8"))
    return re.findall(r"\w[^.?!]*[.?!]", " ".join(text.split()))


@task
def grade(sentence: str) -> tuple[float, str]:
    """How hard a sentence is to read: the grade of school it takes (Flesch and Kincaid)."""
    words = re.findall(r"[a-z']+", sentence.lower())
    syllables = sum(len(re.findall(r"[aeiouy]+", word)) for word in words)
    return round(0.39 * len(words) + 11.8 * syllables / len(words) - 15.59, 1), sentence


@task
def count_words(found: list[str]) -> Counter[str]:
    """How often each word of more than four letters occurs."""
    return Counter(re.findall(r"[a-z]{5,}", " ".join(found).lower()))


@task
def merge(left: Counter[str], right: Counter[str]) -> Counter[str]:
    """Two counts in one."""
    return left + right


@task
def report(grades: list[tuple[float, str]], counts: Counter[str]) -> str:
    """The hardest sentence and the most frequent words, in words."""
    hardest, sentence = max(grades)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:4]
    shown = ", ".join(f"{word} {counts[word]}" for word in frequent)
    return f"{len(grades)} sentences; most frequent: {shown}\nhardest ({hardest}): {sentence}"


@pipeline
def flatten_and_reduce(articles: list[str] = ARTICLES) -> str:
    """Grade every sentence of some articles, and count their words."""
    found = [sentences(article) for article in articles]
    grades = grade.map(flatten(found))
    counts = [count_words(each) for each in found]
    while len(counts) > 1:  # the first two become one, at the end of the queue: a balanced tree
        counts = [*counts[2:], merge(counts[0], counts[1])]
    return report(grades, counts[0])


if __name__ == "__main__":
    print(taskflow.run(flatten_and_reduce))
