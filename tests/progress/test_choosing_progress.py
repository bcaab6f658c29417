"""Which progress suits where a run is started from."""

from __future__ import annotations

import io
import sys
import types

import pytest
from happenings import Terminal, ended, error, failed, started, tell

from taskflow.events import FAILED, TaskWrote
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
    assert isinstance(progress, TerminalProgress)
    progress.close()


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


def test_a_notebook_shows_lines_in_its_cell(monkeypatch):
    """Standard error would be red there."""

    class ZMQInteractiveShell:
        pass

    ipython = types.SimpleNamespace(get_ipython=ZMQInteractiveShell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    cell = io.StringIO()
    monkeypatch.setattr(sys, "stdout", cell)
    tell(default_progress(), RUN)
    assert "a │ hello" in cell.getvalue()
    assert "failed in 2.0s" in cell.getvalue()


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
    assert isinstance(live, TerminalProgress)
    live.close()
    stream = io.StringIO()
    tell(command_line_progress(stream), RUN)
    assert stream.getvalue().startswith("● scrape")
