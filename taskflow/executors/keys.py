"""Key functions: which of a task's arguments they are given, and what of a key travels."""

from __future__ import annotations

import inspect
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import Abort
from taskflow.errors import TaskError
from taskflow.values import SCALARS, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Longest key that travels as it is, in characters or bytes.
KEY_LENGTH: Final = 200

_ALL: Final = inspect.Parameter.VAR_POSITIONAL
_NAMED: Final = inspect.Parameter.VAR_KEYWORD
_BY_PLACE: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class KeyFunction:
    """A key function as a worker calls it: with what it asks for of the task's arguments.

    A parameter gets the argument of its name, else the one at its place; of one with a default
    that the task knows nothing of, the default stays. `**kwargs` takes all by name, `*args` all
    by place. So `key=lambda url: ...` does for `fetch(url, timeout=5)`.
    """

    def __init__(self, fn: Callable[..., Any], task: Callable[..., Any]) -> None:
        self.fn = fn
        self._wanted = _parameters(fn)
        self._offered = _parameters(task) or []
        # What to take from where, for each way to call the task: most are called in one way.
        self._picks: dict[tuple[Any, ...], tuple[list[_Place], dict[str, _Place]]] = {}

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The key for these arguments of the task; raises whatever the function raises."""
        if self._wanted is None:  # C code that does not tell what it takes
            return self.fn(*args, **kwargs)
        shape = (len(args), *kwargs)
        pick = self._picks.get(shape)
        if pick is None:
            pick = self._picks[shape] = self._picked(len(args), tuple(kwargs))
        by_place, by_name = pick
        return self.fn(
            *[place.value(args, kwargs) for place in by_place],
            **{name: place.value(args, kwargs) for name, place in by_name.items()},
        )

    def _picked(self, count: int, names: tuple[str, ...]) -> tuple[list[_Place], dict[str, _Place]]:
        assert self._wanted is not None  # the caller has looked
        kinds = {each.kind for each in self._wanted}
        places = _places(self._offered, count, names)
        if _ALL in kinds:
            rest = {name: _Place(name) for name in names} if _NAMED in kinds else {}
            return [_Place(index) for index in range(count)], rest
        by_place: list[_Place] = []
        by_name: dict[str, _Place] = {}
        skipped = False  # behind a parameter that keeps its default, names are needed
        for number, each in enumerate(self._wanted):
            place = places.get(each.name)
            if place is None and each.default is each.empty and number < count:
                place = _Place(number)
            if place is None or each.kind is _NAMED:
                skipped = True
            elif each.kind in _BY_PLACE and not skipped:
                by_place.append(place)
            else:
                by_name[each.name] = place
        if _NAMED in kinds:
            taken = {each.name for each in self._wanted}
            by_name |= {name: place for name, place in places.items() if name not in taken}
        return by_place, by_name


class _Place:
    """Where an argument is found: at an index, under a name, or nowhere: then its default."""

    def __init__(self, where: int | str | None, default: Any = None) -> None:
        self.where = where
        self.default = default

    def value(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The argument itself."""
        if isinstance(self.where, int):
            return args[self.where]
        return self.default if self.where is None else kwargs[self.where]


def _parameters(fn: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return None


def _places(
    offered: list[inspect.Parameter], count: int, names: tuple[str, ...]
) -> dict[str, _Place]:
    """Where the arguments of a task are found that is called in one way, by parameter."""
    found: dict[str, _Place] = {}
    for index, each in enumerate(offered):
        if each.kind in (_ALL, _NAMED):
            continue
        if each.kind in _BY_PLACE and index < count:
            found[each.name] = _Place(index)
        elif each.default is not each.empty and each.name not in names:
            found[each.name] = _Place(None, each.default)
    return found | {name: _Place(name) for name in names}


def limit_keys(
    functions: Sequence[KeyFunction], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """The keys of a task's limits and rates, as plain data; a `TaskError` if one cannot be had."""
    keys = []
    for function in functions:
        try:
            keys.append(plain(function(args, kwargs)))
        except Abort:
            raise
        except BaseException as error:
            name = getattr(function.fn, "__qualname__", type(function.fn).__qualname__)
            raise TaskError(
                f"the key of a limit of this task is not known: {name} raised "
                f"{type(error).__name__}: {error}; make it return a text or a number for all "
                "arguments that the task is called with"
            ) from error
    return tuple(keys)


def plain(key: Any) -> Any:
    """A key as hashable plain data: itself if it is a short scalar, else what stands for it."""
    if type(key) is tuple:
        return tuple(map(plain, key))
    if type(key) in SCALARS and key == key:  # noqa: PLR0124 - not a number, which equals nothing
        long = isinstance(key, (str, bytes)) and len(key) > KEY_LENGTH
        return _digest(key) if long else key
    text = repr(key)
    return _digest(key) if len(text) > KEY_LENGTH or " at 0x" in text else text


def _digest(key: Any) -> str:
    return blake2b(dumps(key), digest_size=16).hexdigest()
