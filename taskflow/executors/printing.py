"""Digests of the arguments of a call, by which the results of earlier calls are found again."""

from __future__ import annotations

import inspect
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from taskflow.content import Undigestible, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

#: Shortens what is told of a part: it may hold the text of an exception.
TOLD_LENGTH: Final = 300


class Printer:
    """Makes the digests of a task's arguments, by parameter: how they are passed does not count.

    Defaults count as if they had been given; parameters in `ignore` do not count.
    """

    def __init__(self, task: Callable[..., Any], ignore: Collection[str]) -> None:
        self._signature = _signature(task)
        self._ignore = frozenset(ignore)
        # What all elements of a map are given is digested once; it is not kept alive for that.
        self._last: dict[str, tuple[weakref.ref[Any], str]] = {}

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, str] | str:
        """The digests as hex, by parameter; or, of an argument that has none, why not."""
        try:
            return {
                name: self._digest(name, value) for name, value in self._arguments(args, kwargs)
            }
        except Undigestible as error:
            return str(error)[:TOLD_LENGTH]

    def _digest(self, name: str, value: Any) -> str:
        last = self._last.get(name)
        if last is not None and last[0]() is value:
            return last[1]
        found = digest_of(value, f"argument `{name}`").hex()
        with suppress(TypeError):  # of a type that cannot be referred to so, such as a list
            self._last[name] = weakref.ref(value), found
        return found

    def _arguments(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        if self._signature is None:  # C code that does not tell what it takes
            yield from ((str(number), value) for number, value in enumerate(args))
            yield from ((name, kwargs[name]) for name in kwargs if name not in self._ignore)
            return
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if name in self._ignore:
                continue
            if self._signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                yield name, {each: value[each] for each in value if each not in self._ignore}
            else:
                yield name, value


def _signature(task: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(task)
    except (TypeError, ValueError):
        return None
