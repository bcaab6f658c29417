"""What changes the fingerprint of a task's code, what does not, and how that is told."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import subprocess
import sys
from textwrap import dedent

import pytest

from taskflow.authoring.fingerprint import code_of, codes_of, why_changed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SCRAPE = '''
"""A pipeline."""

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache, partial, wraps

from taskflow import pipeline, resource, task
import helpers
from helpers import SEPARATOR, clean
from helpers import clean as tidy

LIMIT = 3
KNOWN = {"a": [1, 2], "b": {3, 4}}
UNUSED = 1


def timed(times):
    def decorate(fn):
        @wraps(fn)
        def timing(*args):
            return [fn(*args) for _ in range(times)]
        return timing
    return decorate


@dataclass
class Page:
    """A page."""

    url: str
    links: list = field(default_factory=list)
    depth: int = 0

    limit = 10

    def short(self):
        return shorten(self.url)


def shorten(text):
    return text[:LIMIT]


@lru_cache(maxsize=None)
def cached(x):
    return shorten(x)


HANDLERS = {"short": shorten, "clean": clean}


@resource
def db():
    yield shorten("db")


@task(retries=3, timeout=30)
def extract(html: str, strict: bool = True) -> str:
    """Take the text out."""
    # It is the main content.
    found = html.strip()
    return found


@task
def limited(text):
    return text[:LIMIT]


@task
def known(key):
    return KNOWN[key]


@task
def through_module(text):
    return helpers.clean(text) + helpers.nothing.__name__


@task
def by_name(text):
    return clean(text) + SEPARATOR + tidy(text)


@task
def makes_page(url):
    return Page(url)


@task
def handled(name):
    return HANDLERS[name]


@task
@timed(2)
def wrapped(x):
    return x + 1


@task
def inside(x):
    import lazily
    return lazily.work(x)


@task
def nested(xs):
    def one(x):
        return shorten(x)
    return [one(x) for x in xs]


@task
def even(n):
    return n == 0 or odd.fn(n - 1)


@task
def odd(n):
    return n != 0 and even.fn(n - 1)


@task
def uses_db(x):
    return db(), cached(x)


@task
def rooted(x):
    return math.sqrt(x), json.dumps(x)


half = task(lambda x: x / 2)
partly = task(partial(shorten))


@pipeline
def site(domain):
    return limited(extract(domain))


class Scraper:
    @task
    def fetch(self, url):
        return self.parse(url)

    def parse(self, url):
        return url.split("/")


def adder(n):
    @task
    def add(x):
        return x + n
    return add


add_one, add_two = adder(1), adder(2)
'''

HELPERS = """
SEPARATOR = ", "
UNRELATED = 5


def clean(text):
    return squeeze(text).lower()


def squeeze(text):
    return SEPARATOR.join(text.split())


def nothing():
    return None
"""

LAZILY = """
from helpers import squeeze

def work(x):
    return squeeze(x)
"""

TASKS = """
    extract limited known through_module by_name makes_page handled wrapped inside nested even odd
    uses_db rooted half partly site Scraper.fetch add_one add_two
"""
NAMES = TASKS.split()

_numbers = itertools.count()


class Project:
    """A folder of modules with names of their own, imported afresh after each edit."""

    def __init__(self, folder):
        self.folder = folder

    def load(self, **edits):
        """Import `scrape` from a new folder, with texts replaced in its files."""
        files = {"scrape": SCRAPE, "helpers": HELPERS, "lazily": LAZILY}
        for name, changes in edits.items():
            for old, new in changes:
                assert old in files[name], f"{old!r} is not in {name}.py"
                files[name] = files[name].replace(old, new)
        folder = self.folder / f"v{next(_numbers)}"
        folder.mkdir()
        (folder / "pyproject.toml").touch()
        for name, text in files.items():
            (folder / f"{name}.py").write_text(dedent(text))
        for name in files:
            sys.modules.pop(name, None)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            return importlib.import_module("scrape")
        finally:
            sys.path.remove(str(folder))

    def prints(self, **edits):
        """The prints of all tasks of the edited project, by name."""
        module = self.load(**edits)
        # What is imported inside functions is found where the module was.
        sys.path.insert(0, os.path.dirname(module.__file__))
        try:
            return {name: prints_of(module, name) for name in NAMES}
        finally:
            sys.path.pop(0)


def prints_of(module, name):
    thing = module
    for each in name.split("."):
        thing = getattr(thing, each)
    return code_of(thing)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    before = {name: sys.modules.get(name) for name in ("scrape", "helpers", "lazily")}
    yield Project(tmp_path_factory.mktemp("project"))
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


@pytest.fixture(scope="module")
def original(project):
    return project.prints()


def changed(before, after):
    return {name for name in before if before[name].digest != after[name].digest}


def test_a_print_can_be_computed_for_every_way_to_write_a_task(original):
    """No part of any of them is unknown, and no two of them have the same print."""
    assert all(not each.unknown for each in original.values())
    assert len({each.digest for each in original.values()}) == len(original)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # It is the main content.\n", "    # Something else.\n\n"),
        ('"""Take the text out."""', '"""Take it out, as a text."""'),
        ('    """Take the text out."""\n', ""),
        ("html: str, strict: bool = True) -> str", "html, strict=True)"),
        ("html: str", "html: bytes"),
        ("found = html.strip()", "found: str = html.strip()"),
        ("found = html.strip()", "found = (\n        html.strip()\n    )"),
        ("@task(retries=3, timeout=30)", "@task(retries=9, limit=4)"),
        ("@task(retries=3, timeout=30)", "@task"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("LIMIT = 3\n", "\n\n\nLIMIT = 3\n"),
        ("LIMIT = 3", "LIMIT = 1 + 2"),
        ('{"a": [1, 2], "b": {3, 4}}', '{"b": {4, 3}, "a": [1, 2]}'),
        ('    """A page."""\n', ""),
        ("UNUSED = 1", "def more(): pass"),
        ("\ndef shorten(text):\n", "\ndef shorten(text: str) -> str:\n    'Only the start.'\n"),
        ("    return found", "    pass\n    return found"),
        ("@pipeline\ndef site", "@pipeline(schedule='0 0 * * *')\ndef site"),
        ("import math\n", "import math\nimport os\n"),
    ],
)
def test_an_edit_that_changes_nothing_keeps_all_prints(project, original, old, new):
    """Comments, docstrings, hints, layout, place, options of taskflow, and what nobody uses."""
    assert changed(original, project.prints(scrape=[(old, new)])) == set()


LIMITED = {"limited", "makes_page", "handled", "nested", "uses_db", "partly", "site"}


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("html.strip()", "html.lstrip()", {"extract", "site"}),
        ("strict: bool = True", "strict: bool = False", {"extract", "site"}),
        ("found", "result", {"extract", "site"}),
        ("LIMIT = 3", "LIMIT = 4", LIMITED),
        ("LIMIT = 3", "LIMIT = 3.0", LIMITED),
        ('"a": [1, 2]', '"a": [2, 1]', {"known"}),
        ("range(times)", "range(times + 1)", {"wrapped"}),
        ("@timed(2)", "@timed(3)", {"wrapped"}),
        ("@timed(2)\n", "", {"wrapped"}),
        ("return x + 1", "return x + 2", {"wrapped"}),
        ("depth: int = 0", "depth: int = 1", {"makes_page"}),
        ("    links: list =", "    anchors: list =", {"makes_page"}),
        ("limit = 10", "limit = 11", {"makes_page"}),
        ("shorten(self.url)", "shorten(self.url) + '...'", {"makes_page"}),
        ('"short": shorten', '"short": len', {"handled"}),
        ("return shorten(x)\n    return", "return shorten(x) + x\n    return", {"nested"}),
        ("return n == 0 or", "return n <= 0 or", {"even", "odd"}),
        ('yield shorten("db")', 'yield shorten("bd")', {"uses_db"}),
        ("@lru_cache(maxsize=None)\ndef", "@lru_cache(maxsize=1)\ndef", {"uses_db"}),
        ("import math\n", "import cmath as math\n", {"rooted"}),
        ("lambda x: x / 2", "lambda x: x // 2", {"half"}),
        ('url.split("/")', 'url.split("?")', {"Scraper.fetch"}),
        ("return x + n", "return n + x", {"add_one", "add_two"}),
        ("adder(1), adder(2)", "adder(1), adder(3)", {"add_two"}),
        ("return limited(extract(domain))", "return extract(domain)", {"site"}),
        ("lazily.work(x)", "lazily.work(x, x)", {"inside"}),
    ],
)
def test_an_edit_that_matters_changes_the_prints_of_who_uses_it(project, original, old, new, names):
    """And of nobody else."""
    assert changed(original, project.prints(scrape=[(old, new)])) == names


TEXT = {"through_module", "by_name", "handled", "inside"}


@pytest.mark.parametrize(
    ("module", "old", "new", "names"),
    [
        ("helpers", "text.split()", "text.split(' ')", TEXT),
        ("helpers", 'SEPARATOR = ", "', 'SEPARATOR = "; "', TEXT),
        ("helpers", ".lower()", ".upper()", TEXT),
        ("helpers", "return None", "return 0", {"through_module", "inside"}),
        ("helpers", "def clean(text):", "def clean(text):\n    # tidy", set()),
        ("lazily", "return squeeze(x)", "return squeeze(x) * 2", {"inside"}),
    ],
)
def test_code_of_other_modules_counts_for_who_uses_it(project, original, module, old, new, names):
    """By name, as an attribute of its module, and where it is imported within a function."""
    assert changed(original, project.prints(**{module: [(old, new)]})) == names


def test_a_constant_counts_with_what_it_is_now(project):
    """What a program changes at run time has other content than its text says."""
    module = project.load()
    before = code_of(module.known)
    module.KNOWN["c"] = []
    assert code_of(module.known).digest != before.digest


def test_what_has_no_content_is_named(project):
    """With who uses it, and its type; nothing is skipped in silence."""
    lock = ("LIMIT = 3", "import threading\nLIMIT = {'lock': threading.Lock()}")
    found = code_of(project.load(scrape=[lock]).limited)
    assert found.unknown == ["global `LIMIT`['lock'] of limited (_thread.lock)"]
    default = ("strict: bool = True", "strict=__import__('threading').Lock()")
    found = code_of(project.load(scrape=[default]).extract)
    assert found.unknown == ["the defaults of extract: [0][0] (_thread.lock)"]


def test_an_edit_after_the_import_does_not_count_before_the_next(project):
    """The print is of the code that runs, not of the file that it once came from."""
    module = project.load()
    before = code_of(module.limited).digest
    text = SCRAPE.replace("return text[:LIMIT]", "return text[LIMIT:]")
    with open(module.__file__, "w") as file:
        file.write(text)
    stale = code_of(module.limited).digest
    fresh = code_of(project.load(scrape=[("text[:LIMIT]", "text[LIMIT:]")]).limited).digest
    assert len({before, stale, fresh}) == 3


def test_code_without_source_counts_as_it_was_compiled():
    """What was typed into a prompt or executed from a text has a print all the same."""
    texts = ("def f(x): return g(x)\ndef g(x): return x * 2", "def f(x): return x * 2")
    scopes = [{"__name__": "typed"}, {"__name__": "typed"}, {"__name__": "typed"}]
    for scope, text in zip(scopes, (texts[0], texts[0].replace("2", "3"), texts[1]), strict=True):
        exec(text, scope)
    first, other_helper, other = (code_of(scope["f"]) for scope in scopes)
    assert set(first.parts) == {"typed.f", "typed.g"}
    assert len({first.digest, other_helper.digest, other.digest}) == 3


def test_two_lambdas_on_one_line_differ():
    """Where the source does not tell one from the other, the compiled code does."""
    one, two = (lambda x: x + 1), (lambda x: x + 2)
    assert code_of(one).digest != code_of(two).digest


def test_parts_are_labelled_with_where_they_are(original):
    """Places are lines of files, seen from the root of the project."""
    parts = original["by_name"].parts
    assert {name: (part["kind"], part["at"]) for name, part in parts.items()} == {
        "scrape.by_name": ("code", parts["scrape.by_name"]["at"]),
        "helpers.SEPARATOR": ("constant", "helpers.py:2"),
        "helpers.clean": ("helper", "helpers.py:6"),
        "helpers.squeeze": ("helper", "helpers.py:10"),
    }
    line = SCRAPE.splitlines().index("def by_name(text):") + 1
    assert parts["scrape.by_name"]["at"] == f"scrape.py:{line}"


def test_prints_of_a_run_are_plain_data(project):
    """They go into the history as JSON and come out as they were."""
    module = project.load()
    codes = codes_of([module.extract, module.site])
    assert set(codes) == {"scrape:extract", "scrape:site"}
    assert json.loads(json.dumps(codes)) == codes
    assert codes["scrape:extract"]["digest"] == code_of(module.extract).digest


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ({}, ""),
        (
            {"scrape": [("SEPARATOR + tidy", "tidy")]},
            "code of by_name changed (scrape.py:LINE)",
        ),
        (
            {"helpers": [("text.split()", "text.split(' ')")]},
            "helper helpers.squeeze changed (helpers.py:10)",
        ),
        (
            {"helpers": [('", "', '"; "')]},
            "constant helpers.SEPARATOR changed (helpers.py:2)",
        ),
        (
            {"helpers": [('", "', '"; "'), (".lower()", ".upper()"), (".split()", ".split(' ')")]},
            (
                "constant helpers.SEPARATOR changed (helpers.py:2), helper helpers.clean changed "
                "(helpers.py:6), and 1 more"
            ),
        ),
        (
            {"scrape": [("clean(text) + SEP", "shorten(text) + SEP")]},
            (
                "code of by_name changed (scrape.py:LINE), helper scrape.shorten is new "
                "(scrape.py:42), and 1 more"
            ),
        ),
        (
            {"scrape": [("clean(text) + SEPARATOR + tidy(text)", "text")]},
            (
                "code of by_name changed (scrape.py:LINE), "
                "constant helpers.SEPARATOR is gone (helpers.py:2), and 2 more"
            ),
        ),
    ],
)
def test_the_reason_names_the_parts_that_differ(project, edits, said):
    """In one line: the task's own code first, two parts at most, and how many more there are."""
    old, new = (codes_of([project.load(**each).by_name]) for each in ({}, edits))
    line = SCRAPE.splitlines().index("def by_name(text):") + 1
    reason = why_changed(old["scrape:by_name"], new["scrape:by_name"])
    assert reason == said.replace("LINE", str(line))


def test_a_script_has_the_print_of_the_module_it_can_be_imported_as(tmp_path):
    """Whatever the seed of hashes, in any process."""
    (tmp_path / "pyproject.toml").touch()
    for name, text in (("scrape", SCRAPE), ("helpers", HELPERS), ("lazily", LAZILY)):
        (tmp_path / f"{name}.py").write_text(text)
    show = (
        "\nfrom taskflow.authoring.fingerprint import code_of\n"
        f"for name in {NAMES!r}:\n    print(name, code_of(eval(name)).digest)\n"
    )
    (tmp_path / "script").mkdir()
    (tmp_path / "imports.py").write_text("from scrape import *\n" + show)
    with open(tmp_path / "scrape.py", "a") as file:
        file.write("\nif __name__ == '__main__':" + show.replace("\n", "\n    "))
    outputs = [
        subprocess.run(
            [sys.executable, name],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name, seed in (("scrape.py", "1"), ("scrape.py", "2"), ("imports.py", "3"))
    ]
    assert len(outputs[0].splitlines()) == len(NAMES)
    assert outputs[0] == outputs[1] == outputs[2]
