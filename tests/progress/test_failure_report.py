"""The failure report: what a person needs in order to see why a run failed."""

from __future__ import annotations

import linecache
import re
import textwrap
from types import SimpleNamespace

import pytest
from happenings import count, ended, error, failed

from taskflow.call import ErrorReport, Frame
from taskflow.events import TasksEnded
from taskflow.executors.failing import report_of
from taskflow.lifecycle import CRASHED, FAILED, SUCCEEDED, TIMED_OUT, UPSTREAM_FAILED
from taskflow.progress.failures import KINDS, Failures
from taskflow.progress.paint import text_of
from taskflow.progress.report import ending, report, summary
from taskflow.progress.tally import Tally

SHOP = """\
from decimal import Decimal


def parse(text):
    text = text.strip()
    # euros come first
    return Decimal(text.lstrip("€$"))


def extract(page, lang):
    return parse(page["price"])
"""


def reported(*events, pipeline="p", full=None) -> str:
    failures = Failures(pipeline)
    failures.take(events)
    return "\n".join(text_of(line).rstrip() for line in report(failures, full=full))


def test_the_report_shows_inputs_own_frames_source_and_the_message_last(tmp_path, monkeypatch):
    """A reader sees what went in, which of their lines it came through, and what was wrong."""
    monkeypatch.chdir(tmp_path)
    shop = tmp_path / "shop.py"
    shop.write_text(SHOP)
    frames = (
        Frame("/lib/site-packages/loky/worker.py", 9, "run", "call()", mine=False),
        Frame(str(shop), 11, "extract", 'return parse(page["price"])', mine=True),
        Frame(str(shop), 7, "parse", 'return Decimal(text.lstrip("€$"))', mine=True),
    )
    problem = ErrorReport(
        "decimal.InvalidOperation",
        "no number\nin task extract",
        frames=frames,
        inputs=(("page", "{'price': 'sold out'}"), ("lang", "'en'")),
        log_tail="INFO  parsing item 17\n",
    )
    shown = reported(
        failed("scrape/extract[17]", "extract", problem, attempt=3),
        failed("scrape/extract[31]", "extract", problem),
        pipeline="scrape",
        full=False,
    )
    assert shown == textwrap.dedent("""
        ✘ extract[17] and 1 more failed after 3 attempts (InvalidOperation) in 0.8s
          inputs  page = {'price': 'sold out'}
                  lang = 'en'
          ╭─ shop.py:11 in extract
          │ ❱ 11     return parse(page["price"])
          ├─ shop.py:7 in parse
          │   5     text = text.strip()
          │   6     # euros come first
          │ ❱ 7     return Decimal(text.lstrip("€$"))
          ╰─ decimal.InvalidOperation: no number
             in task extract
          (1 frame of libraries hidden; --full-traceback shows them)
          last output
            INFO  parsing item 17
          1 more failed the same way: extract[31]""")


def test_equal_failures_are_one_block_with_a_few_keys():
    """Equal are those of one type from one line; the others are counted and some are named."""
    events = [failed(f"scrape/extract[{i}]", "extract", error()) for i in range(1000)]
    shown = reported(*events, pipeline="scrape")
    assert shown.count("✘") == 1
    assert "✘ extract[0] and 999 more failed (ValueError) in 0.8s" in shown
    assert (
        "999 more failed the same way: extract[1], extract[2], extract[3], extract[4], …" in shown
    )


def test_failures_of_one_line_that_say_other_things_are_quoted():
    """One line of code may fail for many reasons: a few of them are told, the rest counted."""
    events = [failed(f"p/f[{i}]", "f", error(f"404: /item/{i}\nmore")) for i in range(9)]
    assert reported(*events).split("\n")[-6:] == [
        "  8 more failed on the same line",
        "    f[1]  404: /item/1",
        "    f[2]  404: /item/2",
        "    f[3]  404: /item/3",
        "    f[4]  404: /item/4",
        "    … 4 more",
    ]


def test_other_lines_and_other_types_are_other_failures():
    """The same exception from another line, or another exception from the same, is news."""
    shown = reported(
        failed("p/a", "a", error(line=3)),
        failed("p/b", "b", error(line=4)),
        failed("p/c", "c", error(line=3, kind="KeyError")),
        failed("p/d", "d", error(line=3)),
    )
    assert [line for line in shown.split("\n") if "✘" in line] == [
        "✘ a and 1 more failed (ValueError) in 0.8s",
        "✘ b failed (ValueError) in 0.8s",
        "✘ c failed (KeyError) in 0.8s",
    ]


def test_a_hundred_thousand_failures_leave_a_hundred_examples():
    """Memory and report stay small, whether all failures are alike or none are."""
    failures = Failures()
    for number in range(100_000):
        failures.take([failed(f"p/a[{number}]", "a", error(line=number))])
    assert len(failures.kinds) == KINDS
    assert failures.count == 100_000
    lines = [text_of(line) for line in report(failures)]
    assert len(lines) < 100
    assert lines[-1] == "  … 99,972 more failed in other ways"


def test_a_span_of_elements_counts_as_all_of_them():
    """One event may be 50,000 failures."""
    shown = reported(
        failed("p/a", "a", error(), first=10, count=50_000), failed("p/a[9]", "a", error())
    )
    assert "✘ a[10..50009] and 1 more failed" in shown
    assert "1 more failed the same way: a[9]" in shown


def test_only_what_is_not_named_is_counted_on():
    """A span among those that are named names all its elements."""
    spans = [failed("p/a", "a", error("other"), first=n * 100, count=100) for n in range(1, 6)]
    shown = reported(failed("p/a[0]", "a", error()), *spans)
    assert "  500 more failed on the same line" in shown
    assert shown.endswith("    … 100 more")


def test_the_report_needs_no_current_directory(tmp_path, monkeypatch):
    """A task that cleans up may have removed the one in which the run was started."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "shop.py:3 in parse" in reported(failed("p/a", "a", error()))


def test_a_crash_is_told_in_words():
    """There is no traceback of a killed worker; the cause is the message."""
    problem = ErrorReport("taskflow.errors.TaskCrashed", "killed by SIGKILL, perhaps out of memory")
    shown = reported(TasksEnded("p/train", "train", CRASHED, attempt=3, error=problem))
    assert shown == textwrap.dedent("""
        ✘ train crashed after 3 attempts
          TaskCrashed: killed by SIGKILL, perhaps out of memory""")


def test_a_failure_without_a_report_shows_why():
    """The state and the reason are there even if nothing else is."""
    shown = reported(TasksEnded("p/a", "a", TIMED_OUT, 5.0, why="longer than 5 s"))
    assert shown == "\n✘ a timed out in 5.0s\n  longer than 5 s"


def test_what_had_no_chance_is_counted_by_name():
    """A failure is followed by all that needed its value."""
    shown = reported(
        failed("p/a", "a", error()),
        TasksEnded("p/b", "b", UPSTREAM_FAILED, first=0, count=40, running=False),
        TasksEnded("p/c", "c", UPSTREAM_FAILED, running=False),
    )
    assert shown.endswith("41 task runs did not start, because an input had failed: b × 40, c")


def test_causes_are_named():
    """`raise ... from error` tells the reader where to look first."""
    traceback = (
        "Traceback (most recent call last):\n"
        '  File "shop.py", line 3, in parse\n'
        "    rates[currency]\n"
        "KeyError: 'EUR'\n"
        "\nThe above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "shop.py", line 5, in parse\n'
        "ValueError: no price\n"
    )
    problem = ErrorReport("ValueError", "no price", traceback)
    assert "caused by KeyError: 'EUR'" in reported(failed("p/a", "a", problem))


def fails(error: Exception, cause: Exception | None = None) -> Exception:
    """The exception as it is once it was raised."""
    with pytest.raises(type(error)) as raised:
        raise error from cause
    return raised.value


def test_members_of_a_group_are_named():
    """An exception group says what is in it, groups inside it further in, each with its place."""
    more = ExceptionGroup("more", [fails(KeyError("two")), OSError("three")])
    problem = report_of(fails(ExceptionGroup("several", [ValueError("one\nand on"), more])))
    lines = reported(failed("p/a", "a", problem)).split("\n")
    start = next(at for at, line in enumerate(lines) if "ExceptionGroup: several" in line)
    shown = [re.sub(r"  \S*report\.py:\d+ in", "  … in", line) for line in lines]
    assert shown[start + 1 : start + 5] == [
        "     ├─ ValueError: one",
        "     ├─ ExceptionGroup: more (2 sub-exceptions)",
        "       ├─ KeyError: 'two'  … in fails",
        "       ╰─ OSError: three",
    ]


def test_causes_have_a_place():
    """The line that raised the cause is where the reader has to look."""
    problem = report_of(fails(ValueError("no price"), fails(KeyError("EUR"))))
    shown = reported(failed("p/a", "a", problem))
    assert re.search(r"caused by KeyError: 'EUR'  \S*test_failure_report\.py:\d+ in fails", shown)


def test_what_was_told_while_it_happened_is_not_told_again():
    """Of a run that succeeded; unless there are more by now."""
    tally, failures = Tally(), Failures("p")
    count(tally, [ended(SUCCEEDED)])
    for kind in failures.take(
        [
            failed("p/a", "a", error(line=1)),
            failed("p/b[0]", "b", error(line=2)),
            failed("p/b[1]", "b", error(line=2)),
        ]
    ):
        kind.told = True
    lines = [text_of(line) for line in ending(tally, failures)]
    assert [line.split("  ")[0] for line in lines if "✘" in line] == ["✘ b[0] and 1 more"]


def test_the_full_traceback_is_shown_on_request():
    """With `full` nothing is hidden."""
    traceback = "Traceback (most recent call last):\n  File x\nValueError: no price\n"
    shown = reported(
        failed("p/a", "a", ErrorReport("ValueError", "no price", traceback)), full=True
    )
    assert textwrap.indent(traceback, "  ").rstrip() in shown


def test_a_file_that_has_changed_since_shows_the_line_that_ran(tmp_path):
    """Source that no longer says what ran is not quoted around it."""
    shop = tmp_path / "shop.py"
    shop.write_text("# all new\n" * 20)
    shown = reported(failed("p/a", "a", error(path=str(shop), line=3)))
    assert "❱ 3     return Decimal(text)" in shown
    assert "all new" not in shown


def test_deep_recursion_shows_both_ends():
    """Of forty frames the outermost two and the innermost six are shown."""
    frames = tuple(Frame("deep.py", n, "walk", f"walk({n})", mine=True) for n in range(1, 41))
    shown = reported(failed("p/a", "a", ErrorReport("RecursionError", "too deep", frames=frames)))
    assert [line for line in shown.split("\n") if "─ deep.py" in line or "┆" in line] == [
        "  ╭─ deep.py:1 in walk",
        "  ├─ deep.py:2 in walk",
        "  ┆  32 frames of your code",
        *(f"  ├─ deep.py:{n} in walk" for n in range(35, 41)),
    ]


def test_nothing_hostile_in_a_failure_reaches_the_terminal():
    """Keys, inputs, messages and output of a task come from anywhere."""
    evil = "\x1b[2J\x1b]0;x\x07\u202e\r"
    frame = Frame(evil, 1, evil, evil, mine=True)
    problem = ErrorReport(evil, evil, evil, (frame,), inputs=((evil, evil),), log_tail=evil)
    shown = reported(failed(f"{evil}/{evil}", evil, problem), pipeline=evil)
    assert all(character.isprintable() for character in shown if character != "\n")


def test_failures_that_a_run_survived_get_a_line_each():
    """In a run that succeeded they were taken as values: a hint is enough."""
    tally, failures = Tally(), Failures("scrape")
    count(tally, [ended(SUCCEEDED)])
    failures.take([failed("scrape/a[2]", "a", error())])
    lines = [text_of(line) for line in ending(tally, failures)]
    assert lines[1] == "✘ a[2]  ValueError: no price  shop.py:3 in parse"


def test_the_summary_for_an_exception_says_which_run_what_and_where():
    """It is the message of RunFailed, so it is short and without colours."""
    failures = [
        ("scrape/extract[17]", FAILED, error("sold out")),
        ("scrape/extract[31]", FAILED, error("sold out too")),
        ("scrape/train", CRASHED, ErrorReport("taskflow.errors.TaskCrashed", "killed")),
    ]
    assert summary("brisk-otter", "scrape", failures) == textwrap.dedent("""\
        scrape: 3 tasks failed (run brisk-otter)
          extract[17]: ValueError: sold out
            shop.py:3 in parse
            1 more failed the same way: extract[31]
          train: TaskCrashed: killed""")


def test_the_summary_stays_short():
    """Five kinds of failure are named, the rest counted."""
    failures = [(f"p/a[{n}]", FAILED, error(line=n)) for n in range(50)]
    assert summary("r", "p", failures).split("\n")[-1] == "  and 45 more in other ways"


def test_a_cell_of_a_notebook_is_shown_by_its_number_with_its_lines(monkeypatch):
    """A worker has no text of it; the process that has the notebook does."""
    path, code = "/tmp/ipykernel_1/7.py", ["def f():\n", "    return 1 / 0\n"]
    ipython = pytest.importorskip("IPython")
    shell = ipython.core.compilerop.CachingCompiler()
    shell._filename_map[path] = 3
    monkeypatch.setattr(ipython, "get_ipython", lambda: SimpleNamespace(compile=shell))
    monkeypatch.setitem(linecache.cache, path, (30, None, code, path))
    frame = Frame(path, 2, "f", "", mine=True)
    told = reported(
        failed("p/f", "f", ErrorReport("ZeroDivisionError", "by zero", frames=(frame,)))
    )
    assert "cell [3]:2 in f" in told
    assert "❱ 2     return 1 / 0" in told
    assert "ipykernel" not in told
