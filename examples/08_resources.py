"""Resources: what a task needs but must not be handed, such as a connection.

Connections, clients and models cannot travel between processes, and making one for each task is
slow. `@resource` makes one in each worker, when a task there first asks for it, and when the worker
ends it is closed: what stands after `yield` runs. Tasks call it in their bodies, like a function;
with an argument there is one for each value of it. Here all searches in a worker share one.

Try:  taskflow run --workers 4 examples/08_resources.py --queries "bird sound" --queries bread
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import taskflow
from taskflow import current, pipeline, resource, task

SITE = Path(__file__).parent / "site"
QUERIES = ["glass light", "moon water", "salt", "bread flour", "bird sound"]


@resource
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection, opened once in each worker and closed when the run ends."""
    print("opening a connection")
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


@task
def index() -> Path:
    """A database of which word occurs how often in which article."""
    path = Path(current.run_dir or ".") / "index.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table words (word text, title text, n integer)")
        for file in sorted(SITE.glob("*.html")):
            title, _, text = re.sub(r"<[^>]+>", "", file.read_text("utf-8")).partition("\n")
            found = re.findall(r"[a-z]+", text.lower())
            rows = [(word, title, found.count(word)) for word in sorted(set(found))]
            connection.executemany("insert into words values (?, ?, ?)", rows)
        connection.execute("create index by_word on words (word)")
    return path


@task
def search(query: str, path: Path) -> str:
    """The article in which most words of a query occur, and they most often."""
    found = database(path).execute(
        "select title from words where word in (select value from json_each(?))"
        " group by title order by count(*) desc, sum(n) desc, title",
        [json.dumps(query.split())],
    )
    return f"{query:12} -> {(found.fetchone() or ['nothing'])[0]}"


@task
def listing(found: list[str]) -> str:
    """Each search and what it found, a line each."""
    return "\n".join(found)


@pipeline
def resources(queries: list[str] = QUERIES) -> str:
    """Search all articles for several things at the same time."""
    return listing(search.map(queries, path=index()))


if __name__ == "__main__":
    print(taskflow.run(resources))
