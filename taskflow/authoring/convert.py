"""One value as its annotation wants it: the same rule for Python calls and command lines.

A value that is an instance of its annotation passes untouched: the same object. Anything else is
read as command-line text would be:

    int, float, Decimal, UUID    text, as msgspec reads it; numpy scalars
    bool                         yes no true false on off 1 0
    str, Path                    text or a path; `~/x` is below the home folder
    date, datetime, time         ISO 8601
    timedelta                    seconds, or "5m"
    Enum, Literal                a name or a value
    A | B, A | None              what it is already, else the first that reads it; "none"
    list, tuple, set             any iterable, JSON text, one element, or several with commas
                                 where no element could have one: `1,2` for numbers, not for text
    dict, dataclasses            a mapping or JSON text
    Annotated[int, Meta(ge=1)]   as int, within bounds

Any other class takes its instances, refuses text and lets the rest pass. A hint that `isinstance`
cannot judge lets everything pass; so does every hint for an object whose class has a true
`__taskflow_lazy__`, which stands for a value that is not there yet.
"""

from __future__ import annotations

import json
import operator
import os
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

from taskflow.authoring.advice import near
from taskflow.authoring.signatures import STARS, keys_signature, resolved_signature
from taskflow.authoring.wording import bounds, type_text, written
from taskflow.authoring.words import Fields
from taskflow.plain import field_names, safe_repr, text_of
from taskflow.policies import seconds
from taskflow.secret import MASK, is_secret

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable, Mapping

#: Where in the parameters, and what is wrong there.
Problems = list[tuple[str, str]]


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
    if origin in (dict, abc.Mapping, abc.MutableMapping):
        return _items(value, hint)
    if typing.is_typeddict(origin):
        return _typed_items(value, origin)
    if _is_a(value, origin) or _is_a(value := _plain(value), origin):
        return value
    if issubclass(origin, Enum):
        by_value = {text_of(member.value): member for member in origin}
        return _chosen(value, by_value | dict(origin.__members__), hint)
    return _scalar(value, origin) if field_names(origin) is None else _record(value, origin)


def read(given: Mapping[str, Any], signature: inspect.Signature) -> tuple[dict[str, Any], Problems]:
    """What is given, each value converted for the parameter of its name."""
    values, known = dict(given), signature.parameters
    problems: Problems = []
    for name, value in given.items():
        try:
            if name in known:
                below = known[name].default
                whole = value.over(below) if isinstance(value, Fields) else value
                values[name] = _inside(name, whole, known[name].annotation)
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


def _inside(step: str, value: Any, hint: Any) -> Any:
    try:
        return convert(value, hint)
    except Refused as refused:
        raise Refused(*((step + where, what) for where, what in refused.args)) from None


def _refuse(hint: Any, value: Any, remark: str = "") -> NoReturn:
    got = "None" if value is None else f"{safe_repr(value)} ({type(value).__name__})"
    if isinstance(value, str) and not remark and (example := written(hint)):
        remark = f"; write it as {example}"
    if is_secret(hint):
        got, remark = MASK, ""
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
    with suppress(ValueError, RecursionError):
        loaded = json.loads(value) if isinstance(value, str) else value
        return loaded if isinstance(loaded, kind) else value
    return value


def _bounded(value: Any, hint: Any) -> Any:
    try:
        made = convert(value, typing.get_args(hint)[0])
    except Refused:
        if is_secret(hint):
            _refuse(hint, value)
        raise
    with suppress(TypeError):  # a bound on another member of a union
        if made is None or all(holds(made, bound) for _, holds, bound in bounds(hint)):
            return made
    return _refuse(hint, value)


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
    if isinstance(whole, str):
        return _from_text(whole, hint, origin)
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
    if _is_a(whole, origin) and all(map(operator.is_, items, made)):
        return whole
    try:
        return _COLLECTIONS[origin](made)
    except TypeError:  # a set of what cannot be in one
        return _refuse(hint, value)


def _from_text(text: str, hint: Any, origin: Any) -> Any:
    """One element, or, where that cannot be, what stands between its commas."""
    try:
        return _elements([text], hint, origin)
    except Refused:
        if "," not in text or text.lstrip().startswith(("[", "{")):
            args = typing.get_args(hint)
            if origin is tuple and len(args) > 1 and args[-1] is not Ellipsis:
                _refuse(hint, text, f"; write it as JSON: [{', '.join(['...'] * len(args))}]")
            raise
    return _elements([part.strip() for part in text.split(",")], hint, origin)


def _items(value: Any, hint: Any) -> Any:
    whole = _json(value, dict)
    if not isinstance(whole, abc.Mapping):
        _refuse(hint, value, '; write it as JSON: {"key": ...}' if isinstance(value, str) else "")
    key, each = typing.get_args(hint) or (Any, Any)
    made = {_inside(" key", k, key): _inside(f"[{k!r}]", v, each) for k, v in whole.items()}
    same = all(map(operator.is_, [*whole, *whole.values()], [*made, *made.values()]))
    return whole if same else made


def _typed_items(value: Any, kind: Any) -> Any:
    """A mapping with the keys of a TypedDict."""
    whole, signature = _json(value, dict), keys_signature(kind)
    if not isinstance(whole, abc.Mapping):
        _refuse_record(kind, value, signature.parameters)
    made = _fields(whole, signature)
    return whole if all(made[name] is whole[name] for name in whole) else made


def _fields(given: Mapping[str, Any], signature: inspect.Signature) -> dict[str, Any]:
    """The fields of an object, each as its annotation wants it."""
    values, problems = read(given, signature)
    if problems := problems + missing(given, signature):
        raise Refused(*((f".{where}", what) for where, what in problems))
    return values


def _record(value: Any, kind: Any) -> Any:
    """An object of fields: what a call of its class would take."""
    try:
        given, signature = _json(value, dict), resolved_signature(kind)
    except (TypeError, ValueError):  # only its own makers know how it is made
        return _refuse(kind, value) if isinstance(value, str) else value
    if not isinstance(given, abc.Mapping):
        _refuse_record(kind, value, signature.parameters)
    values = _fields(given, signature)
    try:
        return kind(**values)
    except Exception as error:  # noqa: BLE001 - its checks are user code
        what = "" if is_secret(kind) else str(error)
        if not what or not isinstance(error, (TypeError, ValueError)):
            what = f"{type(error).__name__}: {what}".removesuffix(": ")
        raise Refused(("", f"expected {kind.__name__}, but {what}")) from None


def _refuse_record(kind: Any, value: Any, names: Iterable[str]) -> NoReturn:
    fields = ", ".join(f'"{name}": ...' for name in names)
    _refuse(kind, value, f"; write it as JSON: {{{fields}}}" if isinstance(value, str) else "")


def _scalar(value: Any, kind: type) -> Any:
    reader = _READERS.get(kind) or (partial(_path, kind) if issubclass(kind, PurePath) else None)
    with suppress(TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
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


def _path(kind: type, value: Any) -> Any:
    """A path; shells know `~` only where it begins a word, files and variables not at all."""
    text = os.fspath(value)
    home = isinstance(text, str) and (text == "~" or text.startswith("~/"))
    return kind(os.path.expanduser(text) if home else text)


def _duration(value: Any) -> timedelta:
    if isinstance(value, str) and value.lstrip().startswith("-"):
        return -_duration(value.lstrip()[1:])
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
