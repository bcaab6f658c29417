"""The live table of a run in a terminal."""

from __future__ import annotations

import errno
import sys
import threading

import pytest
from happenings import Clock, Terminal, ended, error, failed, started, tell
from hypothesis import given
from hypothesis import strategies as st

from taskflow.events import (
    RunNoticed,
    TaskProgressed,
    TaskRetrying,
    TasksEnded,
    TasksPlanned,
    TasksStarted,
    TaskWrote,
)
from taskflow.lifecycle import CACHED, FAILED, SUCCEEDED
from taskflow.progress.paint import text_of, wrapped
from taskflow.progress.screen import Screen
from taskflow.progress.terminal import FIRST, IDLE, REDRAW, TerminalProgress
from taskflow.progress.ticker import Ticker


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def terminal():
    return Terminal()


@pytest.fixture
def progress(terminal, clock):
    listener = TerminalProgress(terminal, clock=clock, ticking=False)
    yield listener
    listener.close()


BEGINNING = (
    started("scrape", 8, domain="'example.com'"),
    TasksPlanned("collect", 1),
    TasksPlanned("fetch", 0),
    TasksPlanned("save", 1),
)


def test_a_run_is_shown_by_task_name(progress, terminal, clock):
    """A line for each name: how it stands, how many are done, what is special, how long."""
    progress.notice([*BEGINNING, TasksStarted("collect", 1, 0)])
    clock.pass_by(2.0)
    progress.notice(
        [
            TasksEnded("scrape/collect", "collect", SUCCEEDED, 2.0),
            TasksPlanned("fetch", 312),
            TasksEnded("scrape/fetch", "fetch", CACHED, first=0, count=61, running=False),
            TasksStarted("fetch", 50, 0),
        ]
    )
    clock.pass_by(4.0)
    progress.notice(
        [
            TasksEnded("scrape/fetch", "fetch", SUCCEEDED, first=61, count=39),
            failed("scrape/fetch[100]", "fetch", error()),
        ]
    )
    bar = 6 * "━" + 14 * "─"
    assert terminal.seen == [
        "✘ fetch[100]  ValueError: no price  shop.py:3 in parse",
        "● scrape  brisk-otter  6.0s  8 processes  domain='example.com'",
        "  ✔ collect    1/1" + 74 * " " + "2.0s",
        f"  ◐ fetch    101/312  61 cached  1 failed  8 running  {bar}      10/s     eta 22s",
        "  ○ save       0/1    waiting",
        "",
    ]


def test_a_run_that_is_over_soon_is_written_down_once(progress, terminal, clock):
    """The table stands there once, without a live frame."""
    progress.notice([started(), TasksPlanned("hello", 1), TasksStarted("hello", 1, 0)])
    clock.pass_by(FIRST / 2)
    tell(progress, [TasksEnded("scrape/hello", "hello", SUCCEEDED), ended(ok=1, succeeded=1)])
    assert terminal.seen == [
        "● scrape  brisk-otter  2.0s  4 processes",
        "  ✔ hello  1/1          0.1s",
        "",
        "succeeded in 2.0s · 1 ok",
        "",
    ]
    assert "\x1b[?25l" not in terminal.getvalue()


def test_the_last_frame_stays_and_the_report_follows(progress, terminal, clock):
    """Afterwards the terminal shows the table, what failed and the summary, once each."""
    progress.notice([started(), TasksPlanned("a", 1), TasksStarted("a", 1, 0)])
    clock.pass_by(1.0)
    progress.notice([TaskWrote("scrape/a", "hello\n")])
    tell(progress, [failed("scrape/a", "a", error()), ended(FAILED, failed=1)])
    assert [line for line in terminal.seen if line] == [
        "a │ hello",
        "✘ a  ValueError: no price  shop.py:3 in parse",
        "● scrape  brisk-otter  2.0s  4 processes",
        "  ✘ a  1/1  1 failed        1.0s",
        "✘ a failed (ValueError) in 0.8s",
        "  ╭─ shop.py:3 in parse",
        "  │ ❱ 3     return Decimal(text)",
        "  ╰─ ValueError: no price",
        "failed in 2.0s · 0 ok · 1 failed",
    ]
    assert terminal.cursor


def test_closing_twice_shows_the_end_once(progress, terminal):
    """A run that is given up closes its listeners wherever it notices."""
    tell(progress, [started(), ended()])
    before = terminal.getvalue()
    progress.close()
    assert terminal.getvalue() == before


def test_however_many_events_there_are_ten_frames_a_second_are_drawn(progress, terminal, clock):
    """100,000 events within ten seconds make a hundred frames."""
    progress.notice([started(), TasksPlanned("f", 100_000), TasksStarted("f", 100_000, 0)])
    for number in range(100_000):
        clock.pass_by(0.0001)
        progress.notice([TasksEnded(f"scrape/f[{number}]", "f", SUCCEEDED)])
    assert terminal.getvalue().count("● ") <= 10 / REDRAW


def test_a_slow_terminal_gets_fewer_frames(terminal, clock):
    """A terminal at the end of a slow line is not kept busy with frames, only up to date."""

    class Slow(Terminal):
        def write(self, text):
            clock.pass_by(0.1 if "● " in text else 0.0)
            return super().write(text)

    terminal = Slow()
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(), TasksPlanned("f", 1000)])
    for _ in range(1000):
        clock.pass_by(0.01)
        progress.notice([TasksEnded("scrape/f", "f", SUCCEEDED)])
    assert 1 <= terminal.getvalue().count("● ") <= 6
    progress.close()


def test_time_goes_on_while_nothing_happens(progress, terminal, clock):
    """A tick draws a frame, though less often than events do."""
    progress.notice([started(), TasksPlanned("f", 1), TasksStarted("f", 1, 0)])
    clock.pass_by(1.0)
    progress.tick()
    assert "1.0s" in terminal.seen[0]
    clock.pass_by(IDLE / 2)
    progress.tick()
    assert "1.0s" in terminal.seen[0]
    clock.pass_by(2.0)
    progress.tick()
    assert "3.1s" in terminal.seen[0]


def test_output_of_tasks_goes_above_the_table(progress, terminal, clock):
    """Line by line, each behind the name of its task, in order."""
    progress.notice([started(), TasksPlanned("fetch", 2), TasksStarted("fetch", 2, 0)])
    clock.pass_by(1.0)
    progress.notice([TaskWrote("scrape/fetch[0]", "one\ntwo\n")])
    clock.pass_by(1.0)
    progress.notice([TaskWrote("scrape/fetch[1]", "three\n"), RunNoticed("a worker was lost")])
    assert terminal.seen[:4] == [
        "fetch[0] │ one",
        "fetch[0] │ two",
        "fetch[1] │ three",
        "! a worker was lost",
    ]
    assert terminal.seen[4].startswith("● scrape")


@pytest.mark.ring_long
def test_a_hundred_thousand_printed_lines_are_all_there(progress, terminal, clock):
    """Output is never dropped, and costs no frame per line."""
    progress.notice([started(), TasksPlanned("f", 1), TasksStarted("f", 1, 0)])
    for number in range(0, 100_000, 100):
        clock.pass_by(0.001)
        text = "".join(f"line {each}\n" for each in range(number, number + 100))
        progress.notice([TaskWrote("scrape/f", text)])
    tell(progress, [TasksEnded("scrape/f", "f", SUCCEEDED), ended(succeeded=1)])
    seen = [line for line in terminal.getvalue().split("\n") if "line " in line]
    assert len(seen) == 100_000
    assert seen[-1].endswith("line 99999")


def test_what_the_engine_process_prints_goes_above_the_table(terminal, clock, monkeypatch):
    """Tasks that run in this process print to a terminal that has a live table."""
    monkeypatch.setattr(sys, "stdout", terminal)
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(), TasksPlanned("f", 1), TasksStarted("f", 1, 0)])
    clock.pass_by(1.0)
    progress.tick()
    print("first", "line")
    sys.stdout.writelines(["sec", "ond"])
    assert sys.stdout.encoding == "utf-8"
    clock.pass_by(1.0)
    progress.tick()
    tell(progress, [TasksEnded("scrape/f", "f", SUCCEEDED), ended(succeeded=1)])
    assert sys.stdout is terminal
    assert terminal.seen[:3] == ["first line", "second", terminal.seen[2]]
    assert terminal.seen[2].startswith("● scrape")


@pytest.mark.parametrize("columns", [24, 40, 60, 80, 200])
def test_no_line_of_the_table_is_wider_than_the_terminal(columns, terminal, clock, monkeypatch):
    """A line that wraps would make the table crawl up the screen."""
    monkeypatch.setenv("COLUMNS", str(columns))
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(domain="'" + "x" * 300 + "'")])
    for name in ("a", "a_rather_long_name_for_a_task", "日本語のタスクの名前はとても長い"):
        progress.notice([TasksPlanned(name, 10**6), TasksStarted(name, 10**6, 0)])
        progress.notice([TasksEnded("k", name, FAILED, first=0, count=10**5)])
    clock.pass_by(1.0)
    progress.tick()
    table = terminal.seen[terminal.seen.index(next(s for s in terminal.seen if "● " in s)) : -1]
    wide = sum(each in "日本語のタスクの名前はとても長い" for each in "".join(table))
    assert len(table) == 4
    assert all(len(line) + (wide if "日" in line else 0) < columns for line in table)
    progress.close()


def test_more_names_than_lines_are_folded(terminal, clock, monkeypatch):
    """What runs and what failed is shown; the rest is one line."""
    monkeypatch.setenv("LINES", "9")
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(), *(TasksPlanned(f"step_{n:02}", 1) for n in range(50))])
    for number in range(30):
        progress.notice([TasksEnded(f"k{number}", f"step_{number:02}", SUCCEEDED)])
    progress.notice([failed("k", "step_30", error()), TasksStarted("step_40", 1, 0)])
    clock.pass_by(1.0)
    progress.tick()
    names = [line.split()[1] for line in terminal.seen[2:6]]
    assert names == ["step_30", "step_31", "step_32", "step_40"]
    assert terminal.seen[6] == "    … 46 more tasks: 30 done, 16 waiting"
    progress.close()
    assert sum("step_" in line for line in terminal.seen) == 50


def test_no_color_means_no_colours(terminal, clock, monkeypatch):
    """https://no-color.org: signs and words say it all."""
    monkeypatch.setenv("NO_COLOR", "1")
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([*BEGINNING, TaskWrote("scrape/f", "\x1b[31mred\x1b[0m\n")])
    clock.pass_by(1.0)
    tell(progress, [failed("scrape/f", "f", error()), ended(FAILED)])
    assert "m" not in {code[-1] for code in terminal.getvalue().split("\x1b")[1:]}
    assert "f │ red" in terminal.seen


def test_hostile_names_do_nothing_to_the_terminal(terminal, clock):
    """A map over strangers' texts puts them into keys: they are shown, not obeyed."""
    evil = "\x1b[2J\x1b[1;1H[bold red]x[/]\n\x07"
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(evil, **{evil: evil}), TasksPlanned(evil, 2)])
    progress.notice([TasksStarted(evil, 1, 0), TaskWrote(f"{evil}[{evil}]", evil)])
    progress.notice([failed(f"k[{evil}]", evil, error(evil))])
    clock.pass_by(1.0)
    progress.tick()
    written = terminal.getvalue()
    assert "\x1b[2J" not in written
    assert "\x07" not in written
    assert r"  ◐ \x1b[2J\x1b[1;1H[bold…x[/]\n\x07" in "\n".join(terminal.seen)
    progress.close()


def test_signs_fit_the_encoding_of_the_stream(clock):
    """On a stream that cannot show them, letters stand for the signs."""

    class Old(Terminal):
        encoding = "ascii"

        def write(self, text):
            text.encode("ascii")
            return super().write(text)

    terminal = Old()
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(), TasksPlanned("f", 2), TasksStarted("f", 2, 0)])
    clock.pass_by(1.0)
    progress.notice([TaskWrote("scrape/f", "Zoë ✔\n"), failed("scrape/f[0]", "f", error())])
    clock.pass_by(1.0)
    tell(progress, [TasksEnded("scrape/f[1]", "f", SUCCEEDED), ended(FAILED)])
    assert "  x f  2/2  1 failed        2.0s" in terminal.seen


def test_tasks_of_nested_pipelines_stand_below_their_names(progress, terminal, clock):
    """A dynamic pipeline has a row itself; any other gets a line for its name."""
    progress.notice(
        [
            started("scrape"),
            TasksPlanned("collect", 1, "scrape"),
            TasksPlanned("walk", 1, "scrape"),
            TasksPlanned("fetch", 9, "scrape/site#2"),
            TasksPlanned("parse", 9, "scrape/site"),
            TasksPlanned("save", 1, "scrape"),
            TasksPlanned("step", 3, "scrape/walk[a]/walk[b]"),
        ]
    )
    clock.pass_by(1.0)
    progress.tick()
    assert [line.split("  0/")[0].rstrip() for line in terminal.seen[1:8]] == [
        "  ○ collect",
        "  ○ walk",
        "    ○ step",
        "  ▾ site",
        "    ○ fetch",
        "    ○ parse",
        "  ○ save",
    ]


def test_long_and_retried_task_runs_have_lines_of_their_own(progress, terminal, clock):
    """How far each is, or when it comes again and why; as many as there is room for."""
    progress.notice([started(), TasksPlanned("train", 9), TasksStarted("train", 4, 0)])
    progress.notice(
        [
            TaskProgressed("scrape/train[0]", 5, 10),
            TaskProgressed("scrape/train[1]", 2.5, 10),
            TaskRetrying("scrape/train[2]", "train", 1, 8.0, "OSError: no route"),
        ]
    )
    clock.pass_by(1.0)
    progress.tick()
    assert terminal.seen[2:5] == [
        "      train[0]  ━━━━━━━━────────  5/10",
        "      train[1]  ━━━━────────────  2.5/10",
        "      train[2]  ↻ attempt 2 in 7.0s  OSError: no route",
    ]
    progress.notice([TaskProgressed(f"scrape/train[{n}]", 1, 10) for n in range(3, 9)])
    clock.pass_by(20.0)
    progress.tick()
    assert [line.split()[0] for line in terminal.seen[2:6]] == [
        "train[0]",
        "train[1]",
        "train[3]",
        "…",
    ]
    assert terminal.seen[5] == "      … 5 more"


def test_what_was_tried_again_is_said_of_a_row_that_is_done(progress, terminal, clock):
    """A run that came through by its retries looks different from one that needed none."""
    again = TaskRetrying("scrape/f[0]", "f", 1, 0.1, "OSError")
    progress.notice([started(), TasksPlanned("f", 1), TasksStarted("f", 1, 0), again])
    tell(progress, [TasksEnded("scrape/f[0]", "f", SUCCEEDED), ended(succeeded=1)])
    assert "  ✔ f  1/1  1 retried" in "\n".join(terminal.seen)


@pytest.mark.parametrize("columns", [100, 45, 200])
def test_a_window_that_changes_its_width_shows_one_table(columns, clock, monkeypatch):
    """A narrower window has wrapped the lines of the last frame: all of them are replaced."""
    terminal = Terminal(100)
    monkeypatch.setenv("COLUMNS", "100")
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(), TaskWrote("scrape/f", "kept\n")])
    for name in ("fetch_pages", "extract"):
        progress.notice([TasksPlanned(name, 100), TasksStarted(name, 100, 0)])
        progress.notice([TasksEnded(f"scrape/{name}", name, SUCCEEDED, first=0, count=50)])
    clock.pass_by(1.0)
    progress.tick()
    terminal.resize(columns)
    monkeypatch.setenv("COLUMNS", str(columns))
    clock.pass_by(1.0)
    progress.tick()
    shown = [line.split()[1] for line in terminal.seen if line]
    assert shown == ["│", "scrape", "fetch_pages", "extract"]
    progress.close()


def test_the_cursor_is_hidden_within_a_write_only(clock):
    """So a run that is killed, at any moment, leaves a terminal that can be used."""

    class Watched(Terminal):
        def flush(self):
            assert self.cursor
            assert self.wraps
            assert self.column == 0

    progress = TerminalProgress(Watched(), clock=clock, ticking=False)
    for event in (*BEGINNING, TaskWrote("scrape/f", "hello\n"), ended()):
        clock.pass_by(1.0)
        progress.notice([event])
    progress.close()


def test_a_window_that_is_closed_does_not_end_the_run(clock):
    """Whoever ignores SIGHUP goes on without a terminal."""

    class Closed(Terminal):
        def write(self, text):
            raise OSError(errno.EIO, "Input/output error")

    progress = TerminalProgress(Closed(), clock=clock, ticking=False)
    progress.notice([*BEGINNING])
    clock.pass_by(1.0)
    tell(progress, [ended()])


def test_a_terminal_that_is_stopped_does_not_hold_up_the_run(monkeypatch):
    """After Ctrl-S a write waits for Ctrl-Q; the thread of the engine does not."""
    writing, go_on = threading.Event(), threading.Event()

    class Stopped(Terminal):
        def write(self, text):
            writing.set()
            assert go_on.wait(60)
            return super().write(text)

    terminal = Stopped()
    monkeypatch.setattr("taskflow.progress.terminal.FIRST", 0.0)
    progress = TerminalProgress(terminal)
    progress.notice([started(), TasksPlanned("f", 100)])
    assert writing.wait(60)
    for number in range(100):
        progress.notice([TasksEnded(f"scrape/f[{number}]", "f", SUCCEEDED)])
    go_on.set()
    tell(progress, [ended(succeeded=100)])
    assert "100/100" in terminal.getvalue()


def test_a_frame_that_fails_gives_the_program_its_streams_back(clock, monkeypatch):
    """What is printed after that is not lost in a table that nobody draws."""

    class Broken(Terminal):
        is_broken = False

        def write(self, text):
            if self.is_broken:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    terminal = Broken()
    monkeypatch.setattr(sys, "stdout", terminal)
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice([started(), TasksPlanned("f", 1)])
    clock.pass_by(1.0)
    progress.tick()
    assert sys.stdout is not terminal
    terminal.is_broken = True
    clock.pass_by(1.0)
    with pytest.raises(OSError, match="No space left"):
        progress.tick()
    assert sys.stdout is terminal


def test_what_a_tick_raises_is_kept():
    """There is nobody in its thread to hear of it."""
    ticked = threading.Event()

    def tick():
        ticked.set()
        raise ValueError("no table")

    ticker = Ticker(tick, 0.0)
    ticker.start()
    assert ticked.wait(60)
    ticker.stop()
    assert str(ticker.error) == "no table"


def test_what_a_person_should_know_is_wrapped_and_not_cut(terminal, clock, monkeypatch):
    """How to go on stands at its end."""
    monkeypatch.setenv("COLUMNS", "40")
    progress = TerminalProgress(terminal, clock=clock, ticking=False)
    progress.notice(
        [started(), RunNoticed("stopping: 2 running may take 10 s; Ctrl-C ends it now")]
    )
    clock.pass_by(1.0)
    progress.tick()
    assert terminal.seen[:2] == ["! stopping: 2 running may take 10 s;", "  Ctrl-C ends it now"]
    progress.close()


WORDS = st.lists(st.text("ab.│", min_size=1, max_size=8)).map(" ".join)


@given(st.lists(WORDS), st.integers(20, 60))
def test_a_wrapped_line_fits_and_loses_nothing(spans, width):
    """Whatever it is made of; only a word wider than the terminal is left to the terminal."""
    line = [(f"{text} ", "") for text in spans]
    lines = [text_of(part) for part in wrapped(line, width)]
    assert "".join(lines).replace(" ", "") == text_of(line).replace(" ", "")
    assert all(len(part.rstrip()) <= width for part in lines)


def test_a_size_that_nobody_knows_is_that_of_old(monkeypatch):
    """A stream that says it is a terminal may have no size, or one of nothing."""
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setenv("LINES", "nonsense")
    monkeypatch.setattr(sys, "__stdout__", None)
    assert Screen(Terminal()).size() == (80, 24)
