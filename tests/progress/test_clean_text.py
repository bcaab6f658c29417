r"""Text from strangers: nothing in it moves a cursor, hides a line or breaks a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.progress.clean import LINE_LIMIT, one_line, output_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fetch[17]", "fetch[17]"),
        ("Zoë 日本語", "Zoë 日本語"),
        ("two\nlines", r"two\nlines"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("abc\u202egnp.exe", r"abc\u202egnp.exe"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("a\u00a0b", "a b"),
    ],
)
def test_a_name_shows_everything_that_is_in_it(text, shown):
    """Controls, direction marks and halves of characters appear as escapes."""
    assert one_line(text) == shown


def test_a_long_name_loses_its_middle():
    """Beginning and end say most: which task, which element."""
    assert one_line("fetch[http://example.com/some/long/way/17]", 20) == "fetch[http://…ay/17]"


@given(st.text(), st.integers(4, 40))
def test_a_name_is_one_printable_line_within_its_limit(text, limit):
    """Whatever it is made of."""
    shown = one_line(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("hello\n", ["hello"]),
        ("one\ntwo", ["one", "two"]),
        ("one\n\nthree\n", ["one", "", "three"]),
        ("10%\r55%\r100%\n", ["100%"]),
        ("dos\r\n", ["dos"]),
        ("a\tb\n", ["a       b"]),
        ("\x1b[2Kcleared \x1b[1A\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["cleared link"]),
        ("\x1b]0;a title\x07text\n", ["text"]),
        ("\x1b[31mred\x1b[0m\n", ["red"]),
        ("\x1b]52;c;unended\nnext\n", ["", "next"]),
        ("PNG\x00\x01\x7f\ufffd\n", ["PNG\\x00\\x01\\x7f\ufffd"]),
        ("ends in \x1b", ["ends in "]),
    ],
)
def test_output_keeps_its_text_and_loses_its_tricks(text, lines):
    """Carriage returns show their last state, escapes vanish, binary junk is spelled."""
    assert output_lines(text) == lines


def test_colours_of_output_stay_within_their_line():
    """Where colours are wanted they are kept, and end with the line."""
    assert output_lines("\x1b[1;31mred\nplain\n", colour=True) == ["\x1b[1;31mred\x1b[0m", "plain"]


def test_a_line_without_end_is_cut():
    """A megabyte without a line feed does not fill the terminal."""
    (line,) = output_lines("x" * 1_000_000)
    assert line == "x" * LINE_LIMIT + f" … {1_000_000 - LINE_LIMIT:,} more characters"


@given(st.text())
def test_lines_of_output_are_printable(text):
    """Whatever a task writes."""
    assert all(line.isprintable() for line in output_lines(text))
