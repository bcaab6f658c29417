"""What is said to this room and by it: formats, themes, the facts of a run, the error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from taskflow.errors import TaskflowError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMATS: Final = ("svg", "png", "pdf", "dot", "gv", "mmd", "md")
THEMES: Final = ("auto", "light", "dark")


class DrawError(TaskflowError):
    """A drawing cannot be written: its format is unknown, or `dot` is missing or fails."""


class Facts(NamedTuple):
    """What is known of a run, by node: the state, the seconds it took, and of a map both in sum."""

    states: Mapping[int, str]
    seconds: Mapping[int, float] = {}
    tallies: Mapping[int, Mapping[str, int]] = {}


def checked_theme(theme: str) -> str:
    """The theme, if there is one of that name."""
    if theme not in THEMES:
        raise DrawError(f"there is no theme {theme!r}: it is one of {', '.join(THEMES)}")
    return theme
