"""A pipeline's parameters: one model, read off its signature, for Python and the command line.

All that is wrong with a call is told at once, in the same words wherever the values came from.
"""

from __future__ import annotations

import inspect
import re
import types
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from taskflow.authoring.convert import READABLE, Problems, missing, read
from taskflow.authoring.docstring import read_docstring
from taskflow.authoring.frozen import fresh, warn_of_calls
from taskflow.authoring.returns import bare
from taskflow.authoring.signatures import STARS, fields_signature, resolved_signature
from taskflow.authoring.wording import notes, type_text
from taskflow.authoring.words import texts_of
from taskflow.errors import ParameterError
from taskflow.plain import text_of
from taskflow.secret import MASK, Hidden, is_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

#: Fields of fields are shown in help down to here.
_DEEPEST = 3
#: Letters of a signature below an error.
_LINE = 110


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter as a page of help shows it; `fields` are rows for those of an object.

    `default` is empty where there is none, or where it is made anew each time.
    """

    name: str
    hint: Any
    default: str
    required: bool
    doc: str
    secret: bool = False
    fields: tuple[Row, ...] = ()

    @property
    def type(self) -> str:
        """The type in words."""
        return type_text(self.hint)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a pipeline takes; its `str()` is the signature line that ends every error."""

    name: str
    signature: inspect.Signature
    doc: str = ""

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter's value for a Python call: converted, defaults filled in."""
        placed, problems = self._placed(args, kwargs)
        values, wrong = read(placed, self.signature)
        return self._complete(values, problems + wrong)

    def texts(self, words: Sequence[str]) -> tuple[dict[str, Any], Problems]:
        """What a command line says of each parameter, not yet read, and what is wrong with it."""
        return texts_of(words, self._readable())

    def read(
        self,
        texts: Mapping[str, Any],
        problems: Problems,
        origins: Mapping[str, str] | None = None,
        *,
        partial: bool = False,
    ) -> dict[str, Any]:
        """Every parameter's value from texts and plain values, defaults filled in.

        `problems` are told with those found here. `origins` says of a parameter where its text
        stands, for messages. With `partial` what is not given is left out.
        """
        for star in self._stars().values():
            problems = [*problems, ("", f"takes {_declared(star)}, so it runs from Python only")]
        values, wrong = read(texts, self._readable())
        for where, what in wrong:
            origin = (origins or {}).get(_first(where))
            problems = [*problems, (where, f"{what} ({origin})" if origin else what)]
        if partial:
            self._raise_if(problems)
            return values
        return self._complete(values, problems)

    def partial(self, kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """What is given, converted, and the names that are not; no default is filled in."""
        placed, problems = self._placed((), kwargs)
        values, wrong = read(placed, self.signature)
        self._raise_if(problems + wrong)
        return values, [p.name for p in self._named() if p.name not in values]

    def shown(self, values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
        """The values as others may see them: secrets are `Hidden`."""
        hints = {name: each.annotation for name, each in self.signature.parameters.items()}
        return tuple(
            (name, Hidden(value, hints[name]) if is_secret(hints[name]) else value)
            for name, value in values.items()
        )

    def arguments(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The `args` and `kwargs` that call the function with these values."""
        bound = inspect.BoundArguments(self.signature, OrderedDict(values))
        return bound.args, bound.kwargs

    def describe(self) -> list[Row]:
        """The rows of a page of help, one for each parameter."""
        return _rows(self._readable(), read_docstring(self.doc).parameters)

    @property
    def names(self) -> list[str]:
        """The parameters that have options, in order."""
        return [parameter.name for parameter in self._named()]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(_declared, self.signature.parameters.values()))})"

    def _named(self) -> list[inspect.Parameter]:
        return [p for p in self.signature.parameters.values() if p.kind not in STARS]

    def _readable(self) -> inspect.Signature:
        """What texts are read by."""
        return inspect.Signature([_guessed(parameter) for parameter in self._named()])

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
            takes = f"{len(order)} value{'' if len(order) == 1 else 's'}"
            problems.append(("", f"takes {takes} by position, got {len(args)}"))
        return placed, problems

    def _complete(self, values: dict[str, Any], problems: Problems) -> dict[str, Any]:
        self._raise_if(problems + missing({*values, *dict(problems)}, self.signature))
        bound = inspect.BoundArguments(self.signature, OrderedDict(values))
        bound.apply_defaults()
        return {
            name: value if name in values else fresh(value)
            for name, value in bound.arguments.items()
        }

    def _raise_if(self, problems: Problems) -> None:
        lines = [f"parameter {where}: {what}" if where else what for where, what in problems]
        if lines:
            told = "\n".join(f"{self.name}: {line}" for line in lines)
            concerned = {_first(where) for where, _ in problems}
            raise ParameterError(f"{told}\nsignature: {self._in_short(concerned)}")

    def _in_short(self, concerned: Collection[str]) -> str:
        """The signature in a line: of a long one what is concerned, and dots for the rest."""
        whole = str(self)
        if len(whole) <= _LINE:
            return whole
        parts: list[str] = []
        for parameter in self.signature.parameters.values():
            if parameter.name in concerned:
                parts.append(_declared(parameter))
            elif parts[-1:] != ["..."]:
                parts.append("...")
        line = f"{self.name}({', '.join(parts)})"
        return line if len(line) <= _LINE else f"{line[: _LINE - 3]}..."


def signature_of(fn: Callable[..., Any], name: str = "") -> Parameters:
    """The parameters of `fn`; a hint that cannot be resolved counts as `Any`."""
    name = name or getattr(fn, "__name__", type(fn).__name__)
    warn_of_calls(fn, name)
    return Parameters(name, resolved_signature(fn), getattr(fn, "__doc__", None) or "")


def _first(where: str) -> str:
    """The parameter in the place of a problem: `site` of `site.tags[0]`."""
    return re.split(r"[.\[ ]", where)[0]


def _guessed(parameter: inspect.Parameter) -> inspect.Parameter:
    """Without an annotation, text is read as the type of the default."""
    kind = type(parameter.default)
    known = kind in READABLE or issubclass(kind, Enum | PurePath)
    settled = parameter.annotation is not Any or not known
    return parameter if settled else parameter.replace(annotation=kind)


def _declared(parameter: inspect.Parameter) -> str:
    """A parameter as the signature line shows it: `depth: int = 3`."""
    if parameter.kind in STARS:
        return STARS[parameter.kind] + parameter.name
    text = f"{parameter.name}: {type_text(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    if is_secret(parameter.annotation):
        return f"{text} = {MASK}"
    python = type(parameter.default) in (str, bool, types.NoneType)
    return f"{text} = {repr(parameter.default) if python else text_of(parameter.default)}"


def _rows(
    signature: inspect.Signature, told: Mapping[str, str], depth: int = _DEEPEST
) -> list[Row]:
    return [_row(parameter, told, depth) for parameter in signature.parameters.values()]


def _row(parameter: inspect.Parameter, told: Mapping[str, str], depth: int) -> Row:
    hint, required = parameter.annotation, parameter.default is parameter.empty
    texts = [note if isinstance(note, str) else _description(note) for note in notes(hint)]
    doc = next((text for text in texts if text), told.get(parameter.name, ""))
    secret = is_secret(hint)
    default = "" if required else MASK if secret else _default_text(parameter.default)
    inner = fields_signature(hint) if depth else None
    about = read_docstring(getattr(bare(hint), "__doc__", "")).parameters if inner else {}
    fields = tuple(_rows(inner, about, depth - 1)) if inner else ()
    return Row(parameter.name, hint, default, required, doc, secret, fields)


def _default_text(default: Any) -> str:
    # What `inspect` says of the keys of a TypedDict, and of a dataclass's default_factory.
    made = default is ... or "DEFAULT_FACTORY" in type(default).__name__
    return "" if made else text_of(default) or '""'


def _description(note: Any) -> str:
    """What an object in `Annotated` says: `Meta(description=...)`, `Doc(...)`."""
    every = (getattr(note, name, None) for name in ("description", "documentation"))
    return next((text for text in every if isinstance(text, str)), "")
