"""A pipeline's parameters: one model, read off its signature, for Python and the command line.

All that is wrong with a call is told at once, in the same words wherever the values came from.
"""

from __future__ import annotations

import inspect
import types
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from taskflow.authoring.convert import (
    READABLE,
    STARS,
    Problems,
    missing,
    read,
    resolved_signature,
    text_of,
    type_text,
)
from taskflow.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Row(NamedTuple):
    """One parameter as a help table shows it."""

    name: str
    type: str
    default: str
    required: bool
    doc: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a pipeline takes; its `str()` is the signature line that ends every error."""

    name: str
    signature: inspect.Signature

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter's value for a Python call: converted, defaults filled in."""
        placed, problems = self._placed(args, kwargs)
        values, wrong = read(placed, self.signature)
        return self._complete(values, problems + wrong)

    def parse(self, tokens: Sequence[str]) -> dict[str, Any]:
        """Every parameter's value for a command line such as `--depth 3 --no-strict`."""
        guessed = inspect.Signature([_guessed(parameter) for parameter in self._named()])
        texts, problems = _texts(deque(tokens), guessed)
        for star in self._stars().values():
            problems.append(("", f"takes {_declared(star)}, so it runs from Python only"))
        values, wrong = read(texts, guessed)
        return self._complete(values, problems + wrong)

    def partial(self, kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """What is given, converted, and the names that are not; no default is filled in."""
        placed, problems = self._placed((), kwargs)
        values, wrong = read(placed, self.signature)
        self._raise_if(problems + wrong)
        return values, [p.name for p in self._named() if p.name not in values]

    def arguments(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The `args` and `kwargs` that call the function with these values."""
        bound = inspect.BoundArguments(self.signature, OrderedDict(values))
        return bound.args, bound.kwargs

    def describe(self) -> list[Row]:
        """The rows of a help table, one for each parameter."""
        return [_row(_guessed(parameter)) for parameter in self._named()]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(_declared, self.signature.parameters.values()))})"

    def _named(self) -> list[inspect.Parameter]:
        return [p for p in self.signature.parameters.values() if p.kind not in STARS]

    def _stars(self) -> dict[str, inspect.Parameter]:
        return {STARS[p.kind]: p for p in self.signature.parameters.values() if p.kind in STARS}

    def _placed(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Problems]:
        """Values by parameter; what `*args` and `**kwargs` take, under their own names."""
        names, stars = [p.name for p in self._named()], self._stars()
        order = [p.name for p in self._named() if p.kind is not p.KEYWORD_ONLY]
        by_position = dict(zip(order, args, strict=False))
        problems = [(name, "given twice") for name in by_position if name in kwargs]
        if "**" not in stars:
            problems += [(s.name, "unknown") for s in stars.values() if s.name in kwargs]
        surplus = tuple(args[len(order) :])
        placed = by_position | {n: v for n, v in kwargs.items() if n in names or "**" not in stars}
        if "**" in stars:
            placed[stars["**"].name] = {n: v for n, v in kwargs.items() if n not in names}
        if "*" in stars:
            placed[stars["*"].name] = surplus
        elif surplus:
            problems.append(("", f"takes {len(order)} values by position, got {len(args)}"))
        return placed, problems

    def _complete(self, values: dict[str, Any], problems: Problems) -> dict[str, Any]:
        self._raise_if(problems + missing({*values, *dict(problems)}, self.signature))
        bound = inspect.BoundArguments(self.signature, OrderedDict(values))
        bound.apply_defaults()
        return dict(bound.arguments)

    def _raise_if(self, problems: Problems) -> None:
        lines = [f"parameter {where}: {what}" if where else what for where, what in problems]
        if lines:
            told = "\n".join(f"{self.name}: {line}" for line in lines)
            raise ParameterError(f"{told}\nsignature: {self}")


def signature_of(fn: Callable[..., Any], name: str = "") -> Parameters:
    """The parameters of `fn`; a hint that cannot be resolved counts as `Any`."""
    return Parameters(name or getattr(fn, "__name__", type(fn).__name__), resolved_signature(fn))


def _texts(rest: deque[str], signature: inspect.Signature) -> tuple[dict[str, Any], Problems]:
    """The text of each option by parameter; a list of texts where an option is repeated."""
    flags = [name for name, p in signature.parameters.items() if _is_flag(p)]
    found: dict[str, list[str]] = {}
    problems: Problems = []
    while rest:
        word = rest.popleft()
        spelled, equals, text = word.removeprefix("--").partition("=")
        name = spelled.replace("-", "_")
        known = name in signature.parameters
        if not word.startswith("--") or not name:
            problems.append(("", f"unexpected {word!r}, values are written --name value"))
            continue
        if not equals and not known and name.removeprefix("no_") in flags:
            name, text = name.removeprefix("no_"), "no"
        # Nothing stands alone on this command line: the next word can only be the value.
        elif not equals and rest and not rest[0].startswith("--"):
            text = rest.popleft()
        elif not equals and name in flags:
            text = "yes"
        elif not equals and known:
            problems.append((name, "given without a value"))
            continue
        found.setdefault(name, []).append(text)
    return {name: texts if texts[1:] else texts[0] for name, texts in found.items()}, problems


def _guessed(parameter: inspect.Parameter) -> inspect.Parameter:
    """Without an annotation, text is read as the type of the default."""
    kind = type(parameter.default)
    known = kind in READABLE or issubclass(kind, Enum | PurePath)
    settled = parameter.annotation is not Any or not known
    return parameter if settled else parameter.replace(annotation=kind)


def _is_flag(parameter: inspect.Parameter) -> bool:
    return type_text(parameter.annotation) in ("bool", "bool | None")


def _declared(parameter: inspect.Parameter) -> str:
    """A parameter as the signature line shows it: `depth: int = 3`."""
    if parameter.kind in STARS:
        return STARS[parameter.kind] + parameter.name
    text = f"{parameter.name}: {type_text(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    python = type(parameter.default) in (str, bool, types.NoneType)
    return f"{text} = {repr(parameter.default) if python else text_of(parameter.default)}"


def _row(parameter: inspect.Parameter) -> Row:
    hint, required = parameter.annotation, parameter.default is parameter.empty
    # The description may stand below the `| None` that a default of None adds.
    metadata = [m for h in (hint, *get_args(hint)) for m in getattr(h, "__metadata__", ())]
    texts = [m if isinstance(m, str) else getattr(m, "description", None) for m in metadata]
    doc = next((text for text in texts if isinstance(text, str)), "")
    default = "" if required else text_of(parameter.default)
    return Row(parameter.name, type_text(hint), default, required, doc)
