"""One value as its annotation wants it: the same rule for Python calls and command lines.

A value that is an instance of its annotation passes untouched: the same object. Anything else is
read as command-line text would be:

    int, float, Decimal, UUID    text, as msgspec reads it; numpy scalars
    bool                         yes no true false on off 1 0
    str, Path                    text or a path
    date, datetime, time         ISO 8601
    timedelta                    seconds, or "5m"
    Enum, Literal                a name or a value
    A | B, A | None              what it is already, else the first that reads it; "none"
    list, tuple, set             any iterable, JSON text, or one element
    dict, dataclasses            a mapping or JSON text
    Annotated[int, Meta(ge=1)]   as int, within bounds

Any other class takes its instances, refuses text and lets the rest pass. A hint that `isinstance`
cannot judge lets everything pass; so does every hint for an object whose class has a true
`__taskflow_lazy__`, which stands for a value that is not there yet.
"""

from __future__ import annotations

import inspect
import json
import operator
import os
import re
import reprlib
import sys
import types
import typing
from collections import abc, deque
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import partial
from itertools import repeat
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn, Union

from taskflow.policies import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: Where in the parameters, and what is wrong there.
Problems = list[tuple[str, str]]
STARS: Final = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class Refused(Exception):  # noqa: N818 - no error yet: its catcher words it
    """A value does not fit; the arguments are the problems."""


def convert(value: Any, hint: Any) -> Any:
    """`value` itself if it is a `hint`, else what its text would be read as."""
    if type(value) is hint or getattr(type(value), "__taskflow_lazy__", False) is True:
        return value
    while inner := getattr(hint, "__value__", None) or getattr(hint, "__supertype__", None):
        hint = inner  # `type X = int`, NewType("X", int)
    origin: Any = typing.get_origin(hint) or hint
    if read_form := next((read for form, read in _FORMS if origin is form), None):
        return read_form(value, hint)
    if not isinstance(origin, type):
        return value
    if origin in _COLLECTIONS:
        return _elements(value, hint, origin)
    if origin in (dict, abc.Mapping, abc.MutableMapping) or typing.is_typeddict(origin):
        return _items(value, hint)
    if _is_a(value, origin) or _is_a(value := _plain(value), origin):
        return value
    if issubclass(origin, Enum):
        by_value = {text_of(member.value): member for member in origin}
        return _chosen(value, by_value | dict(origin.__members__), hint)
    record = any(hasattr(origin, mark) for mark in _RECORD_MARKS)
    return _record(value, origin) if record else _scalar(value, origin)


def resolved_signature(fn: Callable[..., Any]) -> inspect.Signature:
    """The signature of `fn` with its hints; one that cannot be resolved is `Any`."""
    inner: Any = inspect.unwrap(fn)
    scope = getattr(inner, "__globals__", None) or vars(sys.modules[inner.__module__])
    parameters = inspect.signature(fn).parameters.values()
    return inspect.Signature([p.replace(annotation=_resolved(p, scope)) for p in parameters])


def read(given: Mapping[str, Any], signature: inspect.Signature) -> tuple[dict[str, Any], Problems]:
    """What is given, each value converted for the parameter of its name."""
    values, known = dict(given), signature.parameters
    problems: Problems = []
    for name, value in given.items():
        try:
            if name in known:
                values[name] = _inside(name, value, known[name].annotation)
            else:
                problems.append((str(name), f"unknown{near(str(name), known)}"))
        except Refused as refused:
            problems += refused.args
    return values, problems


def missing(given: Iterable[str], signature: inspect.Signature) -> Problems:
    """The parameters that need a value and have none."""
    needed = [p for p in signature.parameters.values() if p.default is p.empty]
    absent = [p for p in needed if p.kind not in STARS and p.name not in given]
    return [(p.name, f"missing, expected {type_text(p.annotation)}") for p in absent]


def type_text(hint: Any) -> str:
    """A type in the words of help and errors: `int (>= 1) | None`, `fast | slow`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        bounds = ", ".join(f"{words} {bound}" for words, _, bound in _bounds(hint))
        return type_text(args[0]) + (f" ({bounds})" if bounds else "")
    if origin in (Union, types.UnionType, Literal):
        return " | ".join(map(text_of if origin is Literal else type_text, args))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return " | ".join(hint.__members__)
    if hint is Ellipsis or hint is types.NoneType:
        return "..." if hint is Ellipsis else "None"
    name = getattr(origin or hint, "__name__", None) or str(hint)
    return f"{name}[{', '.join(map(type_text, args))}]" if args else name


def text_of(value: Any) -> str:
    """The text that is read back as `value`."""
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, set | frozenset):
        value = list(value)
    if isinstance(value, dict | list | tuple):
        with suppress(TypeError, ValueError):
            return json.dumps(value, default=text_of, ensure_ascii=False)
    return str(value)


def near(name: str, names: Iterable[str]) -> str:
    """The close one among the names, as a question to end a message with."""
    import difflib  # only a mistake pays for it

    found = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _resolved(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    holder: Any = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    hint: Any = Any
    with suppress(Exception):  # a stranger's annotation may raise anything
        if parameter.annotation is not parameter.empty:
            hint = typing.get_type_hints(holder, globalns=scope, include_extras=True)["it"]
        if parameter.default is None and hint is not Any:
            hint = Union[hint, None]  # noqa: UP007 - the hint is a value here
    if parameter.kind is parameter.VAR_POSITIONAL:
        return tuple[hint, ...]
    return dict[str, hint] if parameter.kind is parameter.VAR_KEYWORD else hint


def _inside(step: str, value: Any, hint: Any) -> Any:
    try:
        return convert(value, hint)
    except Refused as refused:
        raise Refused(*((step + where, what) for where, what in refused.args)) from None


def _refuse(hint: Any, value: Any, remark: str = "") -> NoReturn:
    got = "None" if value is None else f"{_SHORT.repr(value)} ({type(value).__name__})"
    raise Refused(("", f"expected {type_text(hint)}, got {got}{remark}"))


def _is_a(value: Any, kind: type) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:
        return True  # Any, and protocols that cannot be judged


def _plain(value: Any) -> Any:
    """A numpy scalar as Python's own."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def _json(value: Any, kind: type) -> Any:
    """What a JSON text holds if that is a `kind`, else `value`."""
    with suppress(ValueError):
        loaded = json.loads(value) if isinstance(value, str) else value
        return loaded if isinstance(loaded, kind) else value
    return value


def _bounded(value: Any, hint: Any) -> Any:
    made = convert(value, typing.get_args(hint)[0])
    with suppress(TypeError):  # a bound on another member of a union
        if made is None or all(holds(made, bound) for _, holds, bound in _bounds(hint)):
            return made
    return _refuse(hint, value)


def _bounds(hint: Any) -> Iterator[tuple[str, Callable[[Any, Any], object], Any]]:
    """The bounds in an `Annotated`, by the names that msgspec and annotated_types share."""
    for meta in hint.__metadata__:
        for name, (words, holds) in _BOUNDS.items():
            bound = None if isinstance(meta, type) else getattr(meta, name, None)
            if bound is not None and not callable(bound):
                yield words, holds, bound


def _alternative(value: Any, hint: Any) -> Any:
    made: list[Any] = []
    refusals: list[Refused] = []
    # "3" is an int before it is a float.
    for member in sorted(typing.get_args(hint), key=lambda member: member is float):
        try:
            made.append(convert(value, member))
        except Refused as refused:
            refusals += [refused] if member is not types.NoneType else []
        else:
            if made[-1] is value:
                return value
    if not made and len(refusals) == 1:
        raise refusals[0]
    return made[0] if made else _refuse(hint, value)


def _literal(value: Any, hint: Any) -> Any:
    plain, choices = _plain(value), typing.get_args(hint)
    if any(type(choice) is type(plain) and choice == plain for choice in choices):
        return plain
    return _chosen(plain, {text_of(choice): choice for choice in choices}, hint)


def _chosen(value: Any, choices: dict[str, Any], hint: Any) -> Any:
    """The choice of this text, in other letters if need be."""
    text = text_of(value)
    if text not in choices:
        choices = {name.casefold(): choice for name, choice in choices.items()} | choices
        text = text.casefold()
    return choices[text] if text in choices else _refuse(hint, value, near(text, choices))


def _elements(value: Any, hint: Any, origin: Any) -> Any:
    whole = _json(_plain(value), list)
    whole = [whole] if isinstance(whole, str) else whole
    if _is_a(whole, origin) and not isinstance(whole, _LISTED):
        return whole  # reading an iterator would use it up
    if not isinstance(whole, abc.Iterable) or isinstance(whole, bytes | abc.Mapping):
        _refuse(hint, value)
    items, args = list(whole), typing.get_args(hint)
    fixed = origin is tuple and args and args[-1] is not Ellipsis
    if fixed and len(args) != len(items):
        _refuse(hint, value)
    hints: Iterable[Any] = args if fixed else repeat(args[0] if args else Any)
    made = [_inside(f"[{i}]", *pair) for i, pair in enumerate(zip(items, hints, strict=False))]
    same = _is_a(whole, origin) and all(map(operator.is_, items, made))
    return whole if same else _COLLECTIONS[origin](made)


def _items(value: Any, hint: Any) -> Any:
    whole = _json(value, dict)
    if not isinstance(whole, abc.Mapping):
        _refuse(hint, value)
    key, each = typing.get_args(hint) or (Any, Any)
    made = {convert(k, key): _inside(f"[{k!r}]", v, each) for k, v in whole.items()}
    same = all(map(operator.is_, [*whole, *whole.values()], [*made, *made.values()]))
    return whole if same else made


def _record(value: Any, kind: Any) -> Any:
    """An object of fields: what a call of its class would take."""
    fields, signature = _json(value, dict), resolved_signature(kind)
    if not isinstance(fields, abc.Mapping):
        _refuse(kind, value)
    values, problems = read(fields, signature)
    if problems := problems + missing(fields, signature):
        raise Refused(*((f".{where}", what) for where, what in problems))
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise Refused(("", f"expected {kind.__name__}, but {error}")) from None


def _scalar(value: Any, kind: type) -> Any:
    reader = _READERS.get(kind) or (kind if issubclass(kind, PurePath) else None)
    with suppress(TypeError, ValueError, LookupError, AttributeError, OverflowError):
        made = reader(value) if reader else _lax(kind, value)
        if isinstance(made, kind):
            return made
    return _refuse(kind, value) if reader or isinstance(value, str) else value


def _lax(kind: type, value: Any) -> Any:
    import msgspec  # costs 10 ms, and many runs convert nothing

    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _duration(value: Any) -> timedelta:
    with suppress(ValueError):
        value = float(value) if isinstance(value, str) else value
    return timedelta(seconds=seconds(value))


_TRUE: Final = ("yes", "true", "on", "1")
_WORDS: Final = dict.fromkeys(_TRUE, True) | dict.fromkeys(("no", "false", "off", "0"), False)
_READERS: Final[dict[type, Callable[[Any], Any]]] = {
    **{kind: partial(_lax, kind) for kind in (int, float)},
    bool: lambda value: _WORDS[str(value).casefold()],
    types.NoneType: lambda value: {"none": None, "null": None}[value.casefold()],
    str: os.fspath,
    bytes: str.encode,
    date: date.fromisoformat,
    datetime: lambda value: datetime.fromisoformat(text_of(value)),
    time: time.fromisoformat,
    timedelta: _duration,
}
_FORMS: Final[list[tuple[Any, Callable[[Any, Any], Any]]]] = [
    (Annotated, _bounded),
    (Union, _alternative),
    (types.UnionType, _alternative),
    (Literal, _literal),
]
_LISTED: Final = (list, tuple, set, frozenset, deque)
_COLLECTIONS: Final[dict[Any, Callable[[list[Any]], Any]]] = {
    **{kind: kind for kind in _LISTED},
    **dict.fromkeys((abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable), list),
    **dict.fromkeys((abc.Set, abc.MutableSet), set),
}
#: Of these, an unannotated parameter's default says how its text is read.
READABLE: Final = {*_READERS, *_COLLECTIONS, dict} - {types.NoneType}
# Dataclasses, msgspec's structs, attrs, named tuples, pydantic's models.
_RECORD_MARKS: Final = (
    "__dataclass_fields__",
    "__struct_fields__",
    "__attrs_attrs__",
    "_fields",
    "model_fields",
)
_BOUNDS: Final[dict[str, tuple[str, Callable[[Any, Any], object]]]] = {
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
    "multiple_of": ("a multiple of", lambda value, bound: value % bound == 0),
    "pattern": ("matching", lambda value, bound: re.search(bound, value)),
    "min_length": ("of length >=", lambda value, bound: len(value) >= bound),
    "max_length": ("of length <=", lambda value, bound: len(value) <= bound),
}
_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
