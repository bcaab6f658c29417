"""Files of pipelines: how they are imported, and how a pipeline in one is found."""

from __future__ import annotations

import importlib
import pickle
import sys
import textwrap

import pytest

from taskflow.authoring.loading import find, load
from taskflow.errors import LoadError

FLOW = """\
from taskflow import pipeline

@pipeline
def scrape_site(domain: str = "example.com"):
    return domain
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files of a project in the current directory, and forgets what was imported from it."""
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path[:], set(sys.modules)

    def write(name: str, text: str = FLOW) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return name

    yield write
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    importlib.invalidate_caches()


# --- how a file is imported


def test_a_file_is_a_module_of_its_name(write):
    """What is pickled by name is found again, here and in a worker."""
    module = load(write("scrape.py", "class Page: pass\n"))
    assert sys.modules["scrape"] is module
    assert type(pickle.loads(pickle.dumps(module.Page()))) is module.Page


def test_neighbours_can_be_imported(write):
    """As under `python flows/scrape.py`, wherever that is called."""
    write("flows/helpers.py", "def clean(text): return text.strip()\n")
    assert load(write("flows/scrape.py", "from helpers import clean\n")).clean(" a ") == "a"


def test_a_file_in_a_package_bears_its_dotted_name(write):
    """Its imports may be relative, absolute, or those of a script."""
    for folder in ("shop", "shop/flows"):
        write(f"{folder}/__init__.py", "")
    write("shop/prices.py", "price = 1\n")
    write("shop/flows/common.py", "rate = 2\n")
    module = load(
        write(
            "shop/flows/daily.py",
            "from ..prices import price\nfrom shop.prices import price as same\nimport common\n",
        )
    )
    assert module.__name__ == "shop.flows.daily"
    assert (module.price, module.same, module.common.rate) == (1, 1, 2)
    assert sys.modules["shop.flows"].daily is module


def test_a_file_is_imported_once(write):
    """The second time gives the same module, so its classes stay the same."""
    name = write("scrape.py")
    assert load(name) is load(f"./{name}")


@pytest.mark.parametrize("name", ["my-flow.py", "01_hello.py", "my flow.py", "test.py", "ñandú.py"])
def test_a_file_need_not_have_the_name_of_an_identifier(write, name):
    """Nobody has to write it after `import`; it is enough that Python finds it by that name."""
    module = load(write(name, "class Page: pass\n"))
    assert type(pickle.loads(pickle.dumps(module.Page()))) is module.Page


def test_a_dot_in_a_name_is_refused(write):
    """No import finds it; the message has a name that works."""
    with pytest.raises(LoadError, match=r"rename it, for example to etl_v2\.py"):
        load(write("etl.v2.py"))


@pytest.mark.parametrize("name", ["random.py", "json.py", "queue.py"])
def test_names_of_the_standard_library_are_refused(write, name):
    """`import random` in some library would find the file, or the file's tasks the library."""
    with pytest.raises(LoadError, match="module of Python's standard library"):
        load(write(name))


def test_a_name_that_is_taken_is_refused(write):
    """Two files of one name cannot both be found by it; the message says which one came first."""
    load(write("a/daily.py"))
    with pytest.raises(LoadError, match=r"which is a.daily\.py already; rename it"):
        load(write("b/daily.py"))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("scarpe.py", r"there is no file scarpe\.py; did you mean scrape\.py\?"),
        ("scrape", r"there is no file scrape; did you mean scrape\.py\?"),
        ("nowhere/else.py", r"there is no file nowhere.else\.py$"),
        (".", r"\. is a folder, not a file of pipelines; it holds scrape\.py"),
        ("notes.ipynb", r"notes\.ipynb is a notebook"),
        ("notes.txt", r"notes\.txt is not a Python file"),
    ],
)
def test_what_is_no_file_of_pipelines_is_told(write, path, message):
    """With what the reader may have meant."""
    for name in ("scrape.py", "notes.ipynb", "notes.txt"):
        write(name)
    with pytest.raises(LoadError, match=message):
        load(path)


def test_an_error_in_a_file_shows_the_users_lines_only(write):
    """The reader sees where their file breaks, not how it was imported."""
    write("helpers.py", "def connect():\n    import surely_not_installed\n")
    name = write("scrape.py", "import helpers\nhelpers.connect()\n")
    with pytest.raises(LoadError) as caught:
        load(name)
    lines = str(caught.value).split("\n")
    assert lines[0] == "scrape.py cannot be imported:"
    assert [line.split(", ")[1] for line in lines if "File" in line] == ["line 2", "line 2"]
    assert lines[-1] == "ModuleNotFoundError: No module named 'surely_not_installed'"
    assert "scrape" not in sys.modules


def test_a_syntax_error_shows_its_place(write):
    """As Python itself would."""
    with pytest.raises(LoadError, match=r"(?s)scrape\.py\", line 1\n    def f\(:.*SyntaxError"):
        load(write("scrape.py", "def f(:\n"))


def test_a_file_that_exits_is_told_how_to_stay(write):
    """A script with a main function may not exit while it is imported."""
    with pytest.raises(LoadError, match='under `if __name__ == "__main__":`'):
        load(write("scrape.py", "import sys\nsys.exit(0)\n"))


def test_a_run_in_a_file_ends_its_import_there(write, capsys):
    """A file that is also a program is not run by those who only read it."""
    module = load(
        write(
            "scrape.py",
            FLOW + "import taskflow\ntaskflow.run(scrape_site)\nprint('not reached')\n",
        )
    )
    assert find(module).name.endswith("scrape_site")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("scrape.py:7: ")
    assert output.err.endswith("the import ended there\n")


def test_a_pipeline_below_a_run_is_missed_with_its_reason(write):
    """The message says where the import ended."""
    name = write("scrape.py", FLOW + "import taskflow\ntaskflow.run(scrape_site)\nlate = 1\n")
    with pytest.raises(LoadError, match=r"its import ended at scrape\.py:7"):
        find(load(name), "something_else")


# --- how a pipeline is found


def test_the_only_pipeline_is_found(write):
    """Nobody has to name it."""
    module = load(write("scrape.py"))
    assert find(module) is module.scrape_site


def test_a_pipeline_is_found_by_its_function_or_its_name(write):
    """The `name` option is what people see; the function is what stands in the file."""
    text = """\
    from taskflow import pipeline

    @pipeline(name="nightly")
    def scrape_site(): ...

    @pipeline
    def other(): ...
    """
    module = load(write("scrape.py", text))
    assert find(module, "scrape_site") is module.scrape_site
    assert find(module, "nightly") is module.scrape_site


def test_of_several_pipelines_one_has_to_be_named(write):
    """The message lists them as they can be pasted."""
    module = load(write("scrape.py", FLOW + "\n@pipeline\ndef other(): ...\n"))
    with pytest.raises(LoadError) as caught:
        find(module)
    assert str(caught.value) == (
        "scrape.py has 2 pipelines; say which one:\n    scrape.py:scrape_site\n    scrape.py:other"
    )


def test_of_several_pipelines_the_one_named_like_the_file_is_meant(write):
    """A number in front of the file's name, which puts it in its place, is no part of the name."""
    for name in ("other.py", "05_other.py"):
        module = load(write(name, FLOW + "\n@pipeline\ndef other(): ...\n"))
        assert find(module) is module.other


def test_a_second_name_of_a_pipeline_is_no_second_pipeline(write):
    """`default = scrape_site` leaves one to choose from."""
    module = load(write("scrape.py", FLOW + "default = scrape_site\n"))
    assert find(module) is module.scrape_site


def test_pipelines_of_other_files_count_only_alone(write):
    """A file that nests a pipeline of another file still has one of its own."""
    write("common.py", "from taskflow import pipeline\n\n@pipeline\ndef clean(): ...\n")
    module = load(write("scrape.py", "from common import clean\n" + FLOW))
    assert find(module) is module.scrape_site
    assert find(module, "clean") is module.clean
    module = load(write("again.py", "from common import clean\n"))
    assert find(module) is module.clean


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scrap_site", r"no pipeline 'scrap_site'; did you mean scrape_site\?"),
        ("helper", r"'helper' in scrape\.py is not a pipeline but a function; decorate it"),
        ("zzz", r"no pipeline 'zzz'; it has scrape_site"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_one(write, name, message):
    """A near miss, a forgotten decorator, or what there is."""
    module = load(write("scrape.py", FLOW + "def helper(): ...\n"))
    with pytest.raises(LoadError, match=message):
        find(module, name)


def test_a_file_without_pipelines_says_what_makes_one(write):
    """The decorator is named."""
    with pytest.raises(LoadError, match=r"has no pipeline; decorate a function with @pipeline"):
        find(load(write("scrape.py", "x = 1\n")))


def test_an_object_that_answers_to_any_attribute_is_no_pipeline(write):
    """Proxies and mocks say yes to everything."""
    text = FLOW + "class Proxy:\n    def __getattr__(self, name): return True\n\nproxy = Proxy()\n"
    module = load(write("scrape.py", text))
    assert find(module) is module.scrape_site
