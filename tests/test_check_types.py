"""What asks the type checkers: which lines it takes for marked, and that it hears what they say."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import check_types
import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
one: int = "1"  # type: ignore[assignment]
two: int = "2"
three: int = 3  # type: ignore[assignment]
four: int = 4  # only ty: it cannot count
five: int = 5  # type: ignore[assignment] # not mypy, ty: they are lenient
"""


def test_a_mark_counts_for_all_checkers_but_those_it_excepts() -> None:
    """`# only ty: why` and `# not mypy, ty: why` change whom a line concerns."""
    assert check_types.marked(PROGRAM, "mypy") == {2, 4}
    assert check_types.marked(PROGRAM, "ty") == {2, 4, 5}
    assert check_types.marked(PROGRAM, "pyright") == {2, 4, 6}


@pytest.mark.ring_programs
@pytest.mark.parametrize("checker", sorted(check_types.CHECKERS))
def test_a_wrong_mark_and_a_missing_one_are_found(checker: str, tmp_path: Path) -> None:
    """A line that is refused without a mark, and a mark on a line that is fine, are reported."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed here")
    (tmp_path / "program.py").write_text(PROGRAM)
    found = check_types.disagreements(checker, tmp_path)
    assert found[0].startswith(f"program.py:3: {checker} says: ")
    assert f"program.py:4: {checker} accepts it" in found


@pytest.mark.ring_programs
@pytest.mark.parametrize("checker", sorted(check_types.CHECKERS))
def test_what_is_public_is_typed_alike_for_all_checkers(checker: str) -> None:
    """Every program in tests/typing is accepted, but for exactly the lines that are marked."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed here")
    assert check_types.disagreements(checker) == []
