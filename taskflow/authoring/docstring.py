"""What a docstring says of a function and of its parameters, in the styles that people write.

Google's (`Args:`), numpy's (a heading, underlined) and Sphinx's (`:param name:`). What is said of
return values is for readers of the code, and left out.
"""

from __future__ import annotations

import inspect
import re
from textwrap import dedent
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TAKES: Final = {"args", "arguments", "parameters", "params", "keyword args", "other parameters"}
_GIVES: Final = {"returns", "return", "yields", "yield", "raises", "raise", "warns"}
_RULE: Final = re.compile(r"-{3,}|={3,}")
_ENTRY: Final = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\)\s*)?:\s*(.*)")
_NUMPY_ENTRY: Final = re.compile(r"\*{0,2}(\w+)()\s*(?::.*)?")
# A field and the lines below it that are indented.
_FIELD: Final = re.compile(r"^:(\w+)([^:\n]*):(.*(?:\n[ \t]+\S.*)*)\n?", re.MULTILINE)


class Docstring(NamedTuple):
    """The prose, and what is said of each parameter."""

    prose: str
    parameters: dict[str, str]


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart; what has no known form stays prose."""
    prose: list[str] = []
    told: dict[str, str] = {}
    for heading, numpy, body in _sections(inspect.cleandoc(text or "").split("\n")):
        if heading in _TAKES:
            told |= _entries(body, _NUMPY_ENTRY if numpy else _ENTRY)
        elif heading not in _GIVES:
            prose += body
    whole = "\n".join(prose)
    for kind, names, said in _FIELD.findall(whole):
        if kind == "param" and names.split():
            told[names.split()[-1]] = " ".join(said.split())
    left = re.sub(r"\n{3,}", "\n\n", _FIELD.sub("", whole))
    return Docstring(left.strip(), {name: said for name, said in told.items() if said})


def _sections(lines: Sequence[str]) -> Iterator[tuple[str, bool, list[str]]]:
    """The parts of a docstring: heading, whether it is numpy's, and the lines below it."""
    heading, numpy = "", False
    body: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        name = line.removesuffix(":").lower()
        underlined = _RULE.fullmatch(below.strip()) is not None and bool(line.strip())
        begins = underlined or (line.endswith(":") and name in _TAKES | _GIVES)
        # In Google's style the next line that is not indented is prose again.
        ends = heading and not numpy and line[:1].strip()
        if begins or ends:
            yield heading, numpy, body
            heading, numpy, body = (name if begins else ""), underlined, []
            if begins and heading in _TAKES | _GIVES:
                continue
        if not (numpy and heading in _TAKES and _RULE.fullmatch(line.strip())):
            body.append(line)
    yield heading, numpy, body


def _entries(body: Sequence[str], entry: re.Pattern[str]) -> dict[str, str]:
    """What is said of each parameter in a section of them."""
    found: dict[str, list[str]] = {}
    said: list[str] = []
    for line in dedent("\n".join(body)).split("\n"):
        begun = entry.fullmatch(line) if line[:1].strip() else None
        if begun:
            said = found.setdefault(begun[1], [])
            said.append(begun[2])
        else:
            said.append(line.strip())
    return {name: " ".join(filter(None, parts)) for name, parts in found.items()}
