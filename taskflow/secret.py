"""Secrets: parameters whose values are used and never shown.

    @pipeline
    def publish(site: str, token: Annotated[str, Secret]): ...

A secret is masked by its annotation wherever parameters and inputs of tasks are shown, and its text
wherever a run tells something: in what workers print and log, in messages and tracebacks, in the
value that a command prints. The value that `taskflow.run` returns is data and stays as it is; so
does what a task prints in the program's process.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import types
import typing
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MASK: Final = "***"
#: Shorter texts occur everywhere: to mask them would hide more than the secret, and tell it.
SHORTEST: Final = 4
#: A preview may cut a long secret in two: this much of either end gives it away.
_END: Final = 16


class Secret:
    """Marks a parameter of a pipeline or a task as secret: `token: Annotated[str, Secret]`.

    It takes its value from Python, a file or the environment as any other, and is shown as `***`.
    """


class Hidden:
    """Stands for a value that is, or holds, a secret where it is shown; `secrets` are what is."""

    __slots__ = ("secrets",)

    def __init__(self, value: Any, hint: Any = Secret) -> None:
        self.secrets = (value,) if hint is Secret else tuple(_secrets_in(value, hint))

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the secret behind."""
        return Hidden, ("",)


def is_secret(hint: Any) -> bool:
    """Whether values of this type hold a secret: it is marked, or something in it is."""
    return _is_secret(hint, set())


@functools.lru_cache(maxsize=256)
def secret_names(fn: Callable[..., Any]) -> frozenset[str]:
    """The parameters of a function that are secret; unsure counts as secret."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return frozenset()
    scope = getattr(inspect.unwrap(fn), "__globals__", {})
    return frozenset(each.name for each in parameters if _annotated_secret(each, scope))


class Redactor:
    """Replaces the texts of secrets in whatever a run tells."""

    def __init__(self, secrets: Iterable[Any]) -> None:
        texts = {text for secret in secrets for text in _texts(secret) if len(text) >= SHORTEST}
        spelled = sorted({way for text in texts for way in _spellings(text)}, key=len)
        ends = [end for text in spelled if len(text) > 2 * _END for end in _ends(text)]
        # The longest first: one secret may begin with another.
        every = [*map(re.escape, reversed(spelled)), *ends]
        self._pattern = re.compile("|".join(every)) if every else None

    @property
    def needed(self) -> bool:
        """Whether there is anything to hide."""
        return self._pattern is not None

    def __call__(self, told: Any) -> Any:
        """The same with `***` for each secret: a text, or plain data with texts inside."""
        if self._pattern is None:
            return told
        if isinstance(told, str):
            return self._pattern.sub(MASK, told)
        if isinstance(told, tuple):
            parts = [self(each) for each in told]
            return type(told)(*parts) if hasattr(told, "_fields") else tuple(parts)
        if isinstance(told, dict):
            return {self(key): self(each) for key, each in told.items()}
        if isinstance(told, list):
            return [self(each) for each in told]
        if dataclasses.is_dataclass(told) and not isinstance(told, type):
            fields = {each.name: getattr(told, each.name) for each in dataclasses.fields(told)}
            changed = {name: self(each) for name, each in fields.items()}
            return dataclasses.replace(told, **changed) if changed != fields else told
        return told


class Discreet:
    """A listener that tells another what happens, without the secrets."""

    def __init__(self, listener: Any, redact: Redactor) -> None:
        self._listener = listener
        self._redact = redact

    def notice(self, events: Sequence[Any]) -> None:
        """Hand the events on."""
        self._listener.notice([self._redact(event) for event in events])

    def close(self) -> None:
        """Tell the other that this was all."""
        self._listener.close()


def redactor(params: Iterable[tuple[str, Any]]) -> Redactor:
    """What hides the secrets among the parameters of a run."""
    hidden = [value for _, value in params if isinstance(value, Hidden)]
    return Redactor(secret for each in hidden for secret in each.secrets)


def discreet(listeners: Sequence[Any], params: Iterable[tuple[str, Any]]) -> list[Any]:
    """The listeners of a run; where a parameter is secret, such that never get to see it."""
    redact = redactor(params)
    return [Discreet(each, redact) if redact.needed else each for each in listeners]


def _is_secret(hint: Any, seen: set[int]) -> bool:
    if id(hint) in seen:  # a class that holds instances of itself
        return False
    seen.add(id(hint))
    inside = [*typing.get_args(hint := _unnamed(hint)), *_field_hints(hint).values()]
    return _is_marked(hint) or any(_is_secret(each, seen) for each in inside)


def _secrets_in(value: Any, hint: Any) -> Iterator[Any]:
    """The parts of a value that its type marks as secret."""
    args, fields = typing.get_args(hint := _unnamed(hint)), _field_hints(hint)
    if _is_marked(hint):
        yield value
    elif fields:
        get = value.get if isinstance(value, dict) else functools.partial(getattr, value)
        for name, each in fields.items():
            yield from _secrets_in(get(name, None), each)
    elif isinstance(value, dict):
        yield from (part for each in value.values() for part in _secrets_in(each, args[-1]))
    elif isinstance(value, (list, tuple, set, frozenset)) and not _is_choice(hint):
        yield from (part for each in value for hint in args for part in _secrets_in(each, hint))
    else:
        yield from (part for each in args if is_secret(each) for part in _secrets_in(value, each))


def _unnamed(hint: Any) -> Any:
    while inner := getattr(hint, "__value__", None) or getattr(hint, "__supertype__", None):
        hint = inner  # `type X = ...`, NewType("X", ...)
    return hint


def _is_marked(hint: Any) -> bool:
    return any(each is Secret or type(each) is Secret for each in getattr(hint, "__metadata__", ()))


def _is_choice(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType, typing.Annotated)


def _field_hints(hint: Any) -> dict[str, Any]:
    kind = typing.get_origin(hint) or hint
    if isinstance(kind, type) and "__annotations__" in vars(kind):
        with suppress(Exception):  # a stranger's annotations may raise anything
            return typing.get_type_hints(kind, include_extras=True)
    return {}


def _annotated_secret(parameter: inspect.Parameter, scope: dict[str, Any]) -> bool:
    hint = parameter.annotation
    if not isinstance(hint, str):
        return is_secret(hint)
    try:
        return is_secret(eval(hint, scope))  # noqa: S307 - the user's own postponed annotation
    except Exception:  # noqa: BLE001 - it may name what only type checkers import
        return "Secret" in hint


def _texts(value: Any) -> Iterator[str]:
    """The texts that give a secret away: it may be a number, or a list."""
    if isinstance(value, str):
        yield value
        yield from value.split("\n")  # of a private key, each line is one
    elif isinstance(value, bytes):
        yield from _texts(value.decode(errors="replace"))
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from (text for each in value for text in _texts(each))
    elif hasattr(value, "__dict__"):
        yield from _texts(list(vars(value).values()))
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _spellings(text: str) -> set[str]:
    """A text as itself, as in a repr, as in JSON, and as in a URL."""
    from json import dumps
    from urllib.parse import quote, quote_plus  # who has no secrets does not pay for it

    encodable = text.encode(errors="replace")
    return {
        text,
        repr(text)[1:-1],
        dumps(text)[1:-1],
        quote(encodable),
        quote(encodable, safe=""),
        quote_plus(encodable),
    }


def _ends(text: str) -> tuple[str, str]:
    return rf"{re.escape(text[:_END])}\S*", rf"\S*{re.escape(text[-_END:])}"
