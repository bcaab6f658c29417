"""A program for every error class, which ends with that error; `errors_page.py` runs them.

Where a task ends the run, `p()` raises its exception as itself; the last lines of those that need
workers get it from the run.
"""

from __future__ import annotations

from typing import Final

PROGRAMS: Final = {
    "TaskflowError": """
        import taskflow
        from taskflow import TaskflowError, pipeline, task


        @task
        def fetch(url: str) -> str:
            return url


        @pipeline
        def scrape(url: str) -> str:
            return fetch(url, timeout=30)


        try:
            taskflow.run(scrape, url="a")
        except TaskflowError as error:  # a DefinitionError here
            raise error
    """,
    "DefinitionError": """
        from taskflow import task


        @task(retrys=3)
        def fetch(url: str) -> str:
            return url
    """,
    "FutureError": """
        from taskflow import pipeline, task


        @task
        def is_open(shop: str) -> bool:
            return shop != "bakery"


        @task
        def order_bread(shop: str) -> None: ...


        @pipeline
        def shopping(shop: str = "bakery") -> None:
            if is_open(shop):
                order_bread(shop)


        shopping()
    """,
    "FutureAttributeError": """
        from dataclasses import dataclass
        from taskflow import pipeline, task


        @dataclass
        class Page:
            html: str
            links: list[str]


        @task
        def fetch(url: str) -> Page:
            return Page("", [])


        @pipeline
        def crawl(url: str = "a") -> list[str]:
            return fetch(url).link


        crawl()
    """,
    "ArgumentError": """
        import sqlite3
        from taskflow import pipeline, task


        @task
        def load(source: dict, rows: list[int]) -> int:
            return len(rows)


        @pipeline
        def fill() -> int:
            with sqlite3.connect(":memory:") as connection:
                return load({"db": connection}, [1, 2, 3])


        fill()
    """,
    "CycleError": """
        from taskflow import pipeline, task


        @task
        def build(part: str) -> None: ...


        @pipeline
        def house() -> None:
            walls = build("walls")
            roof = build("roof")
            walls >> roof
            roof >> walls


        house()
    """,
    "RunawayError": """
        from taskflow import pipeline, task


        @task
        def visit(folder: str) -> list[str]:
            return [folder]


        @pipeline
        def walk(folder: str = "/") -> None:
            visit(folder)
            walk(folder)


        walk()
    """,
    "ParameterError": """
        import taskflow
        from taskflow import pipeline


        @pipeline
        def report(year: int, months: list[int], draft: bool = True) -> str:
            return f"{year}: {len(months)} months"


        taskflow.run(report, year="MMXXVI", month=[1, 2])
    """,
    "LoadError": """
        from taskflow.authoring.loading import load

        load("scrap.py")  # as `taskflow run scrap.py` does; the file is called scrape.py
    """,
    "CodeError": """
        import threading
        from taskflow import pipeline, task

        lock = threading.Lock()


        @task
        def count(word: str) -> int:
            with lock:
                return len(word)


        @pipeline
        def counted() -> int:
            return count("word")


        counted()
    """,
    "ExecutorError": """
        import tempfile
        import taskflow
        from taskflow import pipeline

        tempfile.tempdir = "/proc"  # where nobody can make a folder


        @pipeline
        def nightly() -> None: ...


        taskflow.run(nightly.options(store="memory:"))
    """,
    "StoreError": """
        import sqlite3
        import taskflow
        from taskflow import pipeline, task


        @task
        def fetch(url: str) -> str:
            return url


        @pipeline
        def scrape(url: str = "a") -> str:
            return fetch(url)


        with sqlite3.connect("prices.db") as database:
            database.execute("CREATE TABLE prices (fruit, price)")
        taskflow.run(scrape.options(store="sqlite:///prices.db"))
    """,
    "StoreFullError": """
        import resource
        import taskflow
        from taskflow import pipeline, task


        @task
        def fetch(url: str) -> str:
            return url


        @pipeline
        def scrape(url: str = "a") -> str:
            return fetch(url)


        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # a full disk
        try:
            taskflow.run(scrape)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    """,
    "RunOwnedError": """
        import taskflow
        from taskflow import pipeline, task


        @task
        def count() -> int:
            number = 0
            while True:
                number += 1


        @pipeline
        def endless() -> int:
            return count()


        run = taskflow.start(endless.options(executor="processes", workers=1))
        try:
            taskflow.resume(run.id)
        finally:
            run.cancel()
            run.wait()
    """,
    "UnknownRunError": """
        import taskflow

        taskflow.resume("last-failed")
    """,
    "WorkerFault": """
        import pathlib
        from taskflow import current, pipeline, task


        @task
        def table() -> bytes:
            return bytes(2_000_000)  # from 1 MB on, a value goes through a file


        @task
        def clean_up(rows: bytes) -> None:
            for file in pathlib.Path(current.run_dir, "values").iterdir():
                file.unlink()


        @task
        def count(rows: bytes) -> int:
            return len(rows)


        @pipeline
        def report() -> int:
            rows = table()
            return count.options(after=clean_up(rows))(rows)


        report()
    """,
    "ValueDamagedError": """
        import os
        import pathlib
        from taskflow import current, pipeline, task


        @task
        def table() -> bytes:
            return bytes(2_000_000)


        @task
        def spoil(rows: bytes) -> None:
            for file in pathlib.Path(current.run_dir, "values").iterdir():
                os.truncate(file, 1_000_000)  # as a disk that fails might


        @task
        def count(rows: bytes) -> int:
            return len(rows)


        @pipeline
        def report() -> int:
            rows = table()
            return count.options(after=spoil(rows))(rows)


        report()
    """,
    "TaskError": """
        from taskflow import pipeline, task
        from taskflow.errors import TaskError


        @task(outputs=2)
        def halves(word: str) -> tuple[str, ...]:
            return tuple(word)


        @pipeline
        def split() -> tuple[str, str]:
            left, right = halves("abc")
            return left, right


        try:
            split()
        except TaskError as error:  # a ResultError here
            raise error
    """,
    "TaskTimeout": """
        from taskflow import pipeline, task


        @task(timeout=0.1)
        def count() -> int:
            number = 0
            while True:
                number += 1


        @pipeline
        def endless() -> int:
            return count()


        endless()
    """,
    "TaskCrashed": """
        import os
        import taskflow
        from taskflow import pipeline, task


        @task
        def leave() -> None:
            os._exit(7)


        @pipeline
        def nightly() -> None:
            leave()


        run = taskflow.start(nightly.options(executor="processes", workers=1))
        run.wait()
        raise run.failures[0].error
    """,
    "ResultError": """
        import threading
        from taskflow import pipeline, task


        @task
        def make() -> dict[str, object]:
            return {"name": "a", "lock": threading.Lock()}


        @pipeline
        def locked() -> dict[str, object]:
            return make()


        locked()
    """,
    "RemoteError": """
        import taskflow
        from taskflow import pipeline, task


        class QuotaError(Exception):
            def __init__(self, user: str, limit: int) -> None:
                super().__init__(f"{user} may make {limit} requests a day")


        @task
        def ask(user: str) -> str:
            raise QuotaError(user, 100)


        @pipeline
        def ask_all() -> str:
            return ask("ada")


        run = taskflow.start(ask_all.options(executor="processes", workers=1))
        run.wait()
        raise run.failures[0].error
    """,
    "Skip": """
        from taskflow import Skip, task


        @task
        def only_even(number: int) -> int:
            if number % 2:
                raise Skip(f"{number} is odd")
            return number


        only_even(3)  # outside of a pipeline a task is the function: the exception comes through
    """,
    "RetryLater": """
        from taskflow import RetryLater, task


        @task
        def result_of(job: str, states: dict[str, str]) -> str:
            if states[job] == "queued":
                raise RetryLater("5m", f"{job} is queued")
            return states[job]


        result_of("a", {"a": "queued"})  # as with Skip; in a run it begins again after 5 minutes
    """,
    "RunError": """
        import taskflow
        from taskflow import pipeline, task
        from taskflow.errors import RunError


        @task
        def divide(number: int, by: int) -> float:
            return number / by


        @pipeline
        def ratios() -> list[float]:
            return divide.map([1, 2, 3], [1, 0, 2])


        try:
            taskflow.run(ratios.options(executor="inline"))
        except RunError as error:  # a RunFailed here
            raise error
    """,
    "RunFailed": """
        import taskflow
        from taskflow import pipeline, task


        @task
        def price(fruit: str) -> int:
            return {"apple": 3, "pear": 4}[fruit]


        @task
        def total(prices: list[int]) -> int:
            return sum(prices)


        @pipeline
        def basket() -> int:
            return total(price.map(["apple", "plum", "pear"]))


        taskflow.run(basket.options(executor="inline"))
    """,
    "RunTimedOut": """
        import taskflow
        from taskflow import pipeline, task


        @task
        def count() -> int:
            number = 0
            while True:
                number += 1


        @pipeline(timeout=0.1)
        def endless() -> int:
            return count()


        taskflow.run(endless.options(executor="processes", workers=1))
    """,
    "RunCancelled": """
        import taskflow
        from taskflow import pipeline, task


        @task
        def count() -> int:
            number = 0
            while True:
                number += 1


        @pipeline
        def endless() -> int:
            return count()


        run = taskflow.start(endless.options(executor="processes", workers=1))
        run.cancel()
        run.result()
    """,
    "RunPaused": """
        import resource
        import taskflow
        from taskflow import pipeline, task

        LIMITS = resource.getrlimit(resource.RLIMIT_FSIZE)


        @task
        def fetch(url: str) -> str:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, LIMITS[1]))  # a full disk
            return url


        @pipeline
        def scrape(url: str = "a") -> str:
            return fetch(url)


        try:
            taskflow.run(scrape.options(executor="inline"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, LIMITS)
    """,
    "DrawError": """
        from taskflow import pipeline
        from taskflow.draw import render


        @pipeline
        def nightly() -> None: ...


        render(nightly.trace(), "nightly.docx")
    """,
    "ShellError": """
        from taskflow import pipeline
        from taskflow.tasks.shell import shell


        @pipeline
        def listing() -> str:
            return shell("echo no such table: prices >&2; exit 3").stdout


        listing()
    """,
    "HttpError": """
        from taskflow.tasks import http

        http.get("http://127.0.0.1:9/prices")  # where nobody listens
    """,
    "HttpBusyError": """
        import threading
        from http.server import BaseHTTPRequestHandler, HTTPServer
        from taskflow.tasks import http


        class Shop(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503)
                self.send_header("Retry-After", "60")
                self.end_headers()


        with HTTPServer(("127.0.0.1", 0), Shop) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            http.get.fn(f"http://127.0.0.1:{server.server_port}/prices")
    """,
}
