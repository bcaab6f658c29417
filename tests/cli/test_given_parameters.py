"""Where parameters come from on the command line: options, files, the environment."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import click
import pytest

from taskflow import Secret
from taskflow.authoring.parameters import signature_of
from taskflow.cli.given import read_given
from taskflow.errors import ParameterError


@dataclass
class Site:
    url: str
    depth: int = 1


@dataclass
class Login:
    user: str
    password: Annotated[str, Secret]


def scrape(site: Site, since: date = date(2026, 1, 1), max_pages: int = 3, strict: bool = True): ...


def publish(token: Annotated[str, Secret], login: Login | None = None): ...


SCRAPE, PUBLISH = signature_of(scrape), signature_of(publish)
FULL = {"site": Site("u", 2), "since": date(2026, 2, 3), "max_pages": 7, "strict": False}


@pytest.fixture
def write(tmp_path):
    """Write a file of parameters; returns its path."""

    def written(name, text):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return written


def told(parameters, words, files=()):
    """The lines of the error, without the signature."""
    with pytest.raises(ParameterError) as caught:
        read_given(parameters, words, files)
    return str(caught.value).split("\n")[:-1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.toml",
            'since = 2026-02-03\nmax-pages = 7\nstrict = "no"\n[site]\nurl = "u"\ndepth = 2\n',
        ),
        (
            "a.json",
            '{"since": "2026-02-03", "max_pages": 7, "strict": 0, "site": {"url":"u","depth":2}}',
        ),
    ],
)
def test_a_file_gives_parameters(write, name, text):
    """TOML, or JSON; its values are read by type as texts are."""
    assert read_given(SCRAPE, [], [write(name, text)]) == FULL


def test_standard_input_gives_parameters(monkeypatch):
    """As JSON, for programs that start a run."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"site": {"url": "u"}}'))
    assert read_given(SCRAPE, [], ["-"])["site"] == Site("u")


def test_the_environment_gives_parameters(monkeypatch):
    """`TASKFLOW_PARAM_` and the name in capitals."""
    monkeypatch.setenv("TASKFLOW_PARAM_SITE", '{"url": "u", "depth": 2}')
    monkeypatch.setenv("TASKFLOW_PARAM_MAX_PAGES", "7")
    monkeypatch.setenv("TASKFLOW_PARAM_STRICT", "no")
    monkeypatch.setenv("TASKFLOW_PARAM_SINCE", "2026-02-03")
    monkeypatch.setenv("TASKFLOW_PARAM_OF_ANOTHER_PIPELINE", "x")
    assert read_given(SCRAPE, [], []) == FULL


def test_options_count_before_files_and_files_before_the_environment(write, monkeypatch):
    """Of two files the later one; what none of them gives is the default."""
    monkeypatch.setenv("TASKFLOW_PARAM_SITE", '{"url": "environment"}')
    monkeypatch.setenv("TASKFLOW_PARAM_MAX_PAGES", "1")
    monkeypatch.setenv("TASKFLOW_PARAM_SINCE", "2001-01-01")
    files = [write("a.json", '{"max_pages": 2, "since": "2002-02-02"}')]
    files.append(write("b.json", '{"max_pages": 3}'))
    assert read_given(SCRAPE, ["--max-pages", "4"], files) == {
        "site": Site("environment"),
        "since": date(2002, 2, 2),
        "max_pages": 4,
        "strict": True,
    }
    assert read_given(SCRAPE, [], files)["max_pages"] == 3


def test_an_option_for_one_field_keeps_the_others_of_a_file(write):
    """`--params base.json --site.depth 3` changes the depth, not the URL."""
    path = write("a.json", '{"site": {"url": "u", "depth": 2}}')
    assert read_given(SCRAPE, ["--site.depth", "3"], [path])["site"] == Site("u", 3)


def test_what_is_wrong_is_told_at_once_with_where_it_stands(write, monkeypatch):
    """A value in a file or a variable cannot be seen on the command line."""
    monkeypatch.setenv("TASKFLOW_PARAM_STRICT", "perhaps")
    path = write("a.toml", 'max_pagse = 1\nmax_pages = "many"\n[site]\nurl = 3\n')
    written, variable = "; write it as yes or no", "the environment, TASKFLOW_PARAM_STRICT"
    assert told(SCRAPE, ["--since", "x"], [path]) == [
        f"scrape: parameter strict: expected bool, got 'perhaps' (str){written} (in {variable})",
        f"scrape: parameter max_pagse: unknown; did you mean max_pages? (in {path})",
        f"scrape: parameter max_pages: expected int, got 'many' (str) (in {path})",
        f"scrape: parameter site.url: expected str, got 3 (int) (in {path})",
        "scrape: parameter since: expected date, got 'x' (str); write it as 2026-01-31",
    ]


def test_what_an_option_overrules_is_not_blamed(monkeypatch):
    """The environment said something wrong, and it does not matter."""
    monkeypatch.setenv("TASKFLOW_PARAM_MAX_PAGES", "many")
    assert read_given(SCRAPE, ["--max-pages=2", "--site.url=u"], [])["max_pages"] == 2
    assert told(SCRAPE, ["--max-pages=x", "--site.url=u"]) == [
        "scrape: parameter max_pages: expected int, got 'x' (str)"
    ]


def test_a_drawing_needs_no_more_than_is_given(write, monkeypatch):
    """Nothing is missing, and no default is filled in."""
    monkeypatch.setenv("TASKFLOW_PARAM_STRICT", "no")
    path = write("a.json", '{"max_pages": 2}')
    given = read_given(SCRAPE, ["--since=2026-02-03"], [path], partial=True)
    assert given == {"strict": False, "max_pages": 2, "since": date(2026, 2, 3)}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "a: 1", "its name has to end in .json or .toml"),
        ("a.json", '{"a": ', "cannot be read: Expecting value: line 1 column 7"),
        ("a.json", "[1]", "holds a list, not an object of parameters"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.toml", "a = ", "cannot be read: Invalid value (at end of document)"),
    ],
)
def test_a_file_that_is_none_of_parameters_is_refused(write, name, text, said):
    """With what is wrong in it, and where."""
    path = write(name, text)
    with pytest.raises(click.UsageError) as caught:
        read_given(SCRAPE, [], [path])
    assert path in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("path", "why"), [("nowhere.json", "No such file"), ("folder.json", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, path, why):
    """In the words of the system."""
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(click.UsageError, match=why):
        read_given(SCRAPE, [], [str(tmp_path / path)])


def test_a_secret_is_read_from_a_file(write):
    """`--token @FILE`, without the end of the line; in objects, too."""
    path = write("token", "s3cret\n")
    words = [f"--token=@{path}", "--login.user=@me", f"--login.password=@{path}"]
    assert read_given(PUBLISH, words, []) == {"token": "s3cret", "login": Login("@me", "s3cret")}


def test_a_secret_is_read_from_standard_input(monkeypatch):
    """`--token @-`."""
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\r\n"))
    assert read_given(PUBLISH, ["--token", "@-"], [])["token"] == "s3cret"


def test_a_secret_in_a_file_that_is_not_there_is_told_as_any_mistake():
    """With the parameter it was for."""
    assert told(PUBLISH, ["--token", "@nowhere", "--login.user", "u"]) == [
        "publish: parameter token: nowhere cannot be read: No such file or directory",
        "publish: parameter login.password: missing, expected str",
    ]


def test_a_secret_on_the_command_line_is_noted(capsys, write, monkeypatch):
    """It works, and says who can see it there; from anywhere else it is silent."""
    read_given(PUBLISH, ["--token", "s3cret"], [])
    assert "every user of this machine can see --token" in capsys.readouterr().err
    read_given(PUBLISH, ["--token", f"@{write('t', 's3cret')}"], [])
    monkeypatch.setenv("TASKFLOW_PARAM_TOKEN", "s3cret")
    read_given(PUBLISH, [], [])
    assert capsys.readouterr().err == ""


def test_a_run_takes_parameters_from_everywhere(folder):
    """The whole way through: `--params` before or after FILE, and what `--json` says of them."""
    text = """
    from datetime import timedelta
    from typing import Annotated
    from taskflow import Secret, pipeline

    @pipeline
    def p(a: int, b: timedelta, c: list[float], token: Annotated[str, Secret]):
        return [a, c, len(token)]
    """
    name = folder.write("p.py", text)
    folder.write("p.toml", 'a = 1\nb = "90m"\n')
    for words in (["--params", "p.toml", name], [name, "--params", "p.toml"]):
        result = folder.taskflow(
            *("run", "--json", "--executor", "inline", *words, "--c", "1,2.5"),
            TASKFLOW_PARAM_TOKEN="s3cret",
        )
        assert result.returncode == 0, result.stderr
        events = [json.loads(line) for line in result.stdout.splitlines()]
        assert events[0]["params"] == {"a": 1, "b": "1h30m", "c": [1.0, 2.5], "token": "***"}
        assert events[-1]["value"] == [1, [1.0, 2.5], 6]
        assert "a=1, b=1h30m, c=[1.0, 2.5], token=***" in result.stderr
