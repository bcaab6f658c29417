"""`taskflow run`: what it prints where, which options it takes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from commands import in_a_ring

HELLO = '''
from taskflow import pipeline, task

@task
def greeting(name: str) -> str:
    print("greeting", name)
    return f"hello {name}"

@task
def shout(text: str, times: int) -> str:
    return text.upper() * times

@pipeline
def hello(name: str = "world", times: int = 1, workers: int = 3) -> str:
    """Greet somebody.

    Loudly.
    """
    return shout(greeting(name), times)
'''

FAILING = """
from taskflow import pipeline, task

@task
def price(text: str) -> float:
    print("looking at", text)
    return float(text)

@task
def total(prices: list[float]) -> float:
    return sum(prices)

@pipeline
def shop():
    return total(price.map(["1", "two", "three", "4"]))
"""


@pytest.fixture
def hello(folder):
    return folder.write("hello.py", HELLO)


@pytest.fixture
def shop(folder):
    return folder.write("shop.py", FAILING)


@pytest.mark.parametrize("executor", ["processes", in_a_ring("inline")])
def test_the_value_is_all_there_is_on_standard_output(folder, hello, executor):
    """Progress and what tasks print go to standard error, so the value can be piped on."""
    result = folder.taskflow("run", "--executor", executor, hello, "--name", "Zoë", "--times", "2")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "HELLO ZOËHELLO ZOË\n"
    assert "greeting Zoë" in result.stderr
    assert "succeeded in" in result.stderr


@pytest.mark.parametrize("options", [["--json"], in_a_ring("--no-progress")])
def test_a_secret_that_a_pipeline_returns_is_not_printed(folder, options):
    """Logs of CI keep what a command prints; a default can be a secret too."""
    options = [options] if isinstance(options, str) else options
    login = folder.write(
        "login.py",
        """
from typing import Annotated
from taskflow import Secret, pipeline

@pipeline
def login(token: Annotated[str, Secret] = "longsecret", site: str = "example.org"):
    return {"token": token, "site": site}
""",
    )
    result = folder.taskflow("run", *options, login)
    assert result.returncode == 0, result.stderr
    assert "longsecret" not in result.stdout + result.stderr
    assert "***" in result.stdout
    assert "example.org" in result.stdout


@pytest.mark.ring_programs
def test_no_value_prints_nothing(folder):
    """None is no value."""
    name = folder.write("quiet.py", "from taskflow import pipeline\n\n@pipeline\ndef p(): ...\n")
    result = folder.taskflow("run", name)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.ring_programs
def test_what_a_file_prints_on_import_is_kept_out_of_the_data(folder):
    """Standard output holds the value and nothing else."""
    name = folder.write("loud.py", f"print('imported'){HELLO}")
    result = folder.taskflow("run", name)
    assert result.stdout == "HELLO WORLD\n"
    assert "imported" in result.stderr


@pytest.mark.ring_programs
def test_progress_is_a_line_for_each_name_where_nobody_watches(folder, hello):
    """The names appear in the order of the pipeline."""
    lines = folder.taskflow("run", hello).stderr.split("\n")
    assert lines[0].startswith("● hello  ")
    assert [line.split()[1:3] for line in lines if line.startswith("✔")] == [
        ["greeting", "1/1"],
        ["shout", "1/1"],
    ]


@pytest.mark.ring_programs
def test_progress_can_be_hidden(folder, hello):
    """What is left is what tasks print."""
    result = folder.taskflow("run", "--no-progress", hello)
    assert "●" not in result.stderr
    assert "greeting │ greeting world" in result.stderr


def test_a_failed_run_ends_with_1_and_its_report(folder, shop):
    """Inputs, the user's own line, the error, equal failures once, and what had no chance."""
    result = folder.taskflow("run", "--workers", "1", shop)
    assert result.returncode == 1
    assert result.stdout == ""
    report = result.stderr[result.stderr.rindex("\n✘ price[1] ") :]
    assert "inputs  text = 'two'" in report
    assert "╭─ shop.py:7 in price" in report
    assert "❱ 7     return float(text)" in report
    assert "╰─ ValueError: could not convert string to float: 'two'" in report
    assert "1 more failed" in report
    assert "price[2]" in report
    assert "did not start, because an input had failed: total" in report
    assert report.rstrip().split("\n")[-1].startswith("failed in ")


def test_json_is_one_event_a_line_and_ends_with_the_value(folder, hello):
    """A program can follow a run without reading prose."""
    result = folder.taskflow("run", "--json", hello)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["event"] == "RunStarted"
    assert events[-1]["event"] == "RunEnded"
    assert (events[-1]["state"], events[-1]["value"]) == ("succeeded", "HELLO WORLD")
    assert events[-1]["counts"] == {"succeeded": 2}


@pytest.mark.ring_programs
def test_options_after_the_file_are_taken_unless_a_parameter_has_their_name(folder, hello):
    """`--workers` belongs to this pipeline, `--json` to the command."""
    result = folder.taskflow("run", hello, "--workers", "7", "--json", "--name", "x")
    assert result.returncode == 0, result.stderr
    started = json.loads(result.stdout.splitlines()[0])
    assert started["params"] == {"name": "x", "times": 1, "workers": 7}


@pytest.mark.ring_programs
def test_workers_before_the_file_are_those_of_the_run(folder, hello):
    """Whatever the pipeline's parameters are called."""
    result = folder.taskflow("run", "--workers", "1", "--json", hello)
    assert json.loads(result.stdout.splitlines()[0])["slots"] == 1


@pytest.mark.ring_programs
def test_help_after_the_file_is_that_of_the_pipeline(folder, hello):
    """Its docstring, its parameters with types and defaults; nothing runs."""
    result = folder.taskflow("run", hello, "--help")
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith("Usage: taskflow run hello.py [--PARAMETER VALUE]...\n")
    assert "  Greet somebody.\n\n  Loudly.\n" in result.stdout
    assert "  --name text    [default: world]\n" in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["hello.py", "--times", "x"], "parameter times: expected int, got 'x'"),
        in_a_ring(["hello.py", "--nmae", "x"], "did you mean name?"),
        in_a_ring(["hello.py", "--executro", "x"], "executro: unknown; did you mean --executor?"),
        in_a_ring(["hello.py", "--params"], "option --params is given without a value"),
        in_a_ring(["hello.py:helo"], "has no pipeline 'helo'; did you mean hello?"),
        (["helo.py"], "did you mean hello.py?"),
        in_a_ring(["broken.py"], "ModuleNotFoundError: No module named 'surely_not_installed'"),
        in_a_ring(["body.py"], 'File "body.py", line 5, in p\n    1 / 0'),
        in_a_ring(["--timeout", "5x", "hello.py"], "'5x' is not a duration"),
    ],
)
def test_what_cannot_be_used_ends_with_2(folder, hello, args, message):
    """Before anything starts, and with what to write instead."""
    folder.write("broken.py", "import surely_not_installed\n")
    folder.write("body.py", "from taskflow import pipeline\n\n@pipeline\ndef p():\n    1 / 0\n")
    result = folder.taskflow("run", *args)
    assert result.returncode == 2
    assert message in result.stderr.replace(f"{folder.path}/", "")
    assert "taskflow/authoring" not in result.stderr
    assert result.stdout == ""


@pytest.mark.ring_programs
def test_a_run_that_takes_too_long_ends_with_4(folder):
    """`--timeout` is for the whole run."""
    text = """
    import time
    from taskflow import pipeline, task

    @task
    def nap():
        time.sleep(60)

    @pipeline
    def naps():
        return nap()
    """
    result = folder.taskflow("run", "--timeout", "0.5", folder.write("naps.py", text))
    assert result.returncode == 4
    assert "timed out in" in result.stderr


def test_ctrl_c_ends_with_130(folder):
    """Twice is at once; the summary says what was done until then."""
    text = """
    import time
    from taskflow import pipeline, task

    @task
    def nap():
        print("asleep", flush=True)
        time.sleep(60)

    @pipeline
    def naps():
        return nap()
    """
    process = folder.popen("run", folder.write("naps.py", text))
    assert process.stderr is not None
    while "asleep" not in (line := process.stderr.readline()):
        assert line, "the run ended before its task began"
    process.send_signal(signal.SIGINT)
    while "!" not in (line := process.stderr.readline()):
        assert line, "the run ended without a word about the interrupt"
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "cancelled in" in rest


@pytest.mark.ring_programs
def test_a_reader_that_goes_away_is_no_error(folder):
    """`taskflow run ... | head -1` ends without a traceback."""
    text = "from taskflow import pipeline\n\n@pipeline\ndef big(): return 'x\\n' * 1_000_000\n"
    process = folder.popen("run", folder.write("big.py", text))
    assert process.stdout is not None
    assert process.stdout.readline() == "x\n"
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    process.stderr.close()
    process.wait(30)
    assert "Traceback" not in told
    assert "Error" not in told


@pytest.mark.ring_programs
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_went_away_has_a_code_of_its_own(folder, hello, options):
    """That of SIGPIPE, not that of a failed run; and nothing is said of listeners or pipes."""
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [sys.executable, "-m", "taskflow", "run", *options, hello],
        cwd=folder.path,
        env=folder.environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert result.returncode == 141
    assert result.stderr.rstrip().split("\n")[-1].startswith("succeeded in ")


@pytest.mark.ring_programs
def test_a_script_that_runs_itself_can_be_run_by_the_command(folder):
    """The run at its end is not run a second time; it is said once."""
    text = HELLO + "\nimport taskflow\nprint(taskflow.run(hello, name='script'))\n"
    name = folder.write("script.py", text)
    result = folder.taskflow("run", name)
    assert result.stdout == "HELLO WORLD\n"
    assert result.stderr.count("the import ended there") == 1
    alone = subprocess.run(
        [sys.executable, name],
        cwd=folder.path,
        env=folder.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.stdout == "HELLO SCRIPT\n"
