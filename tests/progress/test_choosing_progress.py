"""Which progress suits where a run is started from."""

from __future__ import annotations

import io
import sys
import types

import pytest
from happenings import Terminal, ended, error, failed, started, tell

from taskflow.events import RunStarted, TaskWrote
from taskflow.lifecycle import FAILED
from taskflow.progress.choose import command_line_progress, default_progress
from taskflow.progress.lines import LineProgress
from taskflow.progress.terminal import TerminalProgress


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


RUN = (
    started(),
    TaskWrote("scrape/a", "hello\n"),
    failed("scrape/a", "a", error()),
    ended(FAILED, failed=1),
)


def test_a_script_in_a_terminal_shows_the_live_table():
    """A person watches."""
    progress = default_progress(Terminal())
    progress.notice([started()])
    assert isinstance(progress.chosen, TerminalProgress)
    progress.close()


@pytest.mark.parametrize("chosen", [default_progress, command_line_progress])
def test_tasks_that_run_in_this_process_have_the_terminal_for_themselves(chosen):
    """A debugger, a question or C code may use it at any time, so no table is drawn over it."""
    terminal = Terminal()
    begins = RunStarted("brisk-otter", "scrape", (), 0.0, "inline")
    tell(chosen(terminal), [begins, *RUN[1:]])
    assert terminal.seen[0] == "● scrape  brisk-otter  inline"
    assert "\x1b[?" not in terminal.getvalue()


def test_a_script_elsewhere_shows_only_what_its_tasks_print():
    """The exception says what failed; a log needs no progress, but it needs the prints."""
    stream = io.StringIO()
    tell(default_progress(stream), RUN)
    assert stream.getvalue() == "a │ hello\n"


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_progress_can_be_hidden(stream):
    """`progress=False` leaves the prints of tasks."""
    stream = stream()
    tell(default_progress(stream, progress=False), RUN)
    assert stream.getvalue().count("\n") == 1
    assert "hello" in stream.getvalue()


def test_progress_can_be_asked_for():
    """`progress=True` shows plain lines where nobody watches."""
    stream = io.StringIO()
    tell(default_progress(stream, progress=True), RUN)
    assert stream.getvalue().endswith("failed in 2.0s · 0 ok · 1 failed\n")


def test_a_program_without_streams_shows_nothing(monkeypatch):
    """As under pythonw or in some daemons."""
    monkeypatch.setattr(sys, "stderr", None)
    assert default_progress() is None


@pytest.fixture
def notebook(monkeypatch):
    """The kernel of a notebook: what each output that it displays has shown."""
    shown: list[list[str]] = []

    class Handle(list):
        def update(self, data, *, raw):
            assert raw
            self.append(data["text/plain"])

    class ZMQInteractiveShell:
        pass

    def display(data, *, raw, display_id):
        assert display_id is True
        shown.append(Handle())
        shown[-1].update(data, raw=raw)
        return shown[-1]

    package = types.ModuleType("IPython")
    package.get_ipython = ZMQInteractiveShell
    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.delitem(sys.modules, "taskflow.progress.notebook", raising=False)
    return shown


def test_a_notebook_shows_one_table_and_prints_below_it(notebook, capsys):
    """The table is one output of the cell, replaced in place; nothing moves a cursor."""
    tell(default_progress(), RUN)
    (frames,) = notebook
    cell = capsys.readouterr().out
    assert frames[-1].split("\n")[1].split() == ["✘", "a", "1/1", "1", "failed"]
    assert "a │ hello" in cell
    assert "failed in 2.0s" in cell
    assert "\x1b" not in cell + "".join(frames)


def test_a_notebook_can_hide_the_table(notebook, capsys):
    """`progress=False` leaves the prints of tasks."""
    tell(default_progress(progress=False), RUN)
    assert not notebook
    assert capsys.readouterr().out == "a │ hello\n"


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_robots_and_dumb_terminals_get_plain_lines(monkeypatch, name, value):
    """They cannot move the cursor, or keep every frame in their log."""
    monkeypatch.setenv(name, value)
    assert isinstance(command_line_progress(Terminal()), LineProgress)


def test_the_command_line_always_says_what_failed():
    """Even with --no-progress."""
    stream = io.StringIO()
    tell(command_line_progress(stream, hidden=True), RUN)
    assert "✘ a failed (ValueError)" in stream.getvalue()
    assert "● scrape" not in stream.getvalue()


def test_the_command_line_shows_a_live_table_in_a_terminal():
    """And plain lines anywhere else."""
    live = command_line_progress(Terminal())
    live.notice([started()])
    assert isinstance(live.chosen, TerminalProgress)
    live.close()
    stream = io.StringIO()
    tell(command_line_progress(stream), RUN)
    assert stream.getvalue().startswith("● scrape")
