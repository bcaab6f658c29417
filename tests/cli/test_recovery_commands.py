"""`taskflow resume`, `rerun` and `debug`: going on with runs of the past, from the command line."""

from __future__ import annotations

import json

import pytest

SHOP = """
import taskflow
from taskflow import pipeline, task

@task
def fetch(url: str) -> str:
    print("GET", url)
    return f"<p>{url}</p>"

@task
def price(html: str) -> float:
    if "bad" in html:
        raise ValueError(f"no price in {html}")
    return float(len(html))

@task
def total(prices: list[float]) -> float:
    return sum(prices)

@task
async def publish(amount: float) -> str:
    return f"{amount:g} EUR"

@task
def lines(amount: float):
    yield f"{amount:g}"

@pipeline
def shop():
    amount = total(price.map(fetch.map(["tea", "bad"])))
    return publish(amount), lines(amount)
"""
STORE = {"TASKFLOW_STORE": "sqlite:///history/"}
FIXED = SHOP.replace('        raise ValueError(f"no price in {html}")', "        return 0.0")


@pytest.fixture
def shop(folder):
    """A folder with a pipeline of which one run has failed."""
    folder.write("shop.py", SHOP)
    result = folder.taskflow("run", "--executor", "inline", "shop.py", **STORE)
    assert result.returncode == 1, result.stderr
    return folder


def called(folder, *args, **more):
    """Exit code, standard output and standard error of a command."""
    result = folder.taskflow(*args, **STORE, **more)
    return result.returncode, result.stdout, result.stderr


def shown(folder):
    """The last run, as programs read it."""
    return json.loads(called(folder, "show", "last", "--json")[1])


def test_a_fixed_run_goes_on_where_it_was(shop):
    """What was fetched is kept; what is told why is what runs again; the value is all there is."""
    shop.write("shop.py", FIXED)
    code, output, errors = called(shop, "resume", "last-failed")
    assert (code, output) == (0, "('10 EUR', ['10'])\n")
    assert "fetch: 2 kept" in errors
    assert "GET" not in errors


@pytest.mark.ring_programs
def test_a_run_that_fails_again_ends_with_1(shop):
    """As it did when it was started."""
    code, output, errors = called(shop, "resume", "last", "--json", "--no-progress")
    assert code == 1
    assert json.loads(output.splitlines()[-1])["state"] == "failed"
    assert "no price in <p>bad</p>" in errors
    assert shown(shop)["resumed"] == 1


@pytest.mark.ring_programs
def test_a_rerun_is_a_new_run(shop):
    """Of the same pipeline with the same parameters; with `--from` it keeps what comes before."""
    shop.write("shop.py", FIXED)
    first = shown(shop)["id"]
    code, output, errors = called(shop, "rerun", "last", "--from", "price")
    assert (code, output) == (0, "('10 EUR', ['10'])\n")
    assert "GET" not in errors
    assert (shown(shop)["parent"], shown(shop)["state"]) == (first, "succeeded")
    explained = called(shop, "explain", "last", "fetch[0]")[1]
    assert f"fetch[0] was kept from run {first}" in explained
    code, _, errors = called(shop, "rerun", "last")
    assert code == 0
    assert errors.count("GET") == 2


@pytest.mark.ring_programs
def test_a_task_runs_again_in_the_debugger(shop):
    """With the inputs that it had, from its first line on."""
    code, output, errors = debugged(shop, "p html\nc\n", "price[0]")
    assert code == 0
    assert "(Pdb) '<p>tea</p>'" in output
    assert "shop/price[0]" in errors


@pytest.mark.ring_programs
def test_the_debugger_waits_where_a_task_raises(shop):
    """With `--post-mortem` it comes up there, and nowhere if nothing is raised."""
    code, output, errors = debugged(shop, "p html\n", "price[1]", "--post-mortem")
    assert code == 1
    assert "(Pdb) '<p>bad</p>'" in output
    assert "ValueError: no price" in errors
    assert "debug.py" not in errors
    code, output, errors = debugged(shop, "", "price[0]", "--post-mortem")
    assert (code, output) == (0, "")
    assert "it returned 10.0" in errors


@pytest.mark.ring_programs
@pytest.mark.parametrize("name", ["publish", "lines"])
def test_bodies_of_every_kind_can_be_debugged(shop, name):
    """Of an async task and of a generator the debugger stops at the first line, too."""
    shop.write("shop.py", FIXED)
    assert called(shop, "resume", "last")[0] == 0
    code, output, _ = debugged(shop, "p amount\nc\n", name)
    assert code == 0
    assert "(Pdb) 10.0" in output


@pytest.mark.ring_programs
def test_what_is_no_task_run_cannot_be_debugged(shop):
    """The command ends with 5."""
    code, _, errors = debugged(shop, "", "pirce[0]")
    assert code == 5
    assert "no task run 'pirce[0]'" in errors


def debugged(folder, commands, task, *options):
    """Call `taskflow debug` with commands on standard input."""
    return called(folder, "debug", *options, "last", task, stdin=commands)
