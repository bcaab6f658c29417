"""Takes the arguments of a call: pickled there and then, with futures found wherever they are.

What a caller changes later changes nothing, and what cannot be pickled fails on its own line,
with the path to the culprit. A payload is the pickled `(args, kwargs, slots)`: futures that are
arguments themselves leave None and a slot; futures deeper inside leave holes, and a list of
nothing but futures leaves one call that makes it.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from taskflow.authoring.future import Future, Handle, MapFuture, OutcomeFuture, unwrapped
from taskflow.authoring.inputs import InputFuture
from taskflow.call import hole, holes, same
from taskflow.errors import ArgumentError, DefinitionError, FutureError, TaskflowError
from taskflow.graph.graph import Const
from taskflow.values import BUFFER_BYTES, SCALARS, dumps, encode, why_unpicklable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taskflow.authoring.tracing import Trace
    from taskflow.graph.graph import Ref

#: From here on a constant is kept apart and, if it is passed again, only once.
CONSTANT_BYTES: Final = BUFFER_BYTES

FUTURES: Final = frozenset({Future, MapFuture, OutcomeFuture, InputFuture, Handle})
#: Containers of an argument in which forgotten parentheses are looked for, and how far.
_CONTAINERS: Final = frozenset({list, tuple, set, frozenset, dict})
_LOOKED_AT: Final = 100

_PLAIN_DATA: Final = (
    "values travel to other processes: pass plain data (a path, a URL, an id), and open "
    "connections and files inside the task"
)
_AS_LIST: Final = "it can be read once, and only here: pass list(...) of it"


class Called(Protocol):
    """What a call says of its task: its name, and whether it takes functions as arguments."""

    @property
    def short(self) -> str: ...
    @property
    def takes_functions(self) -> bool: ...


class Structure:
    """Stands in for the task where a structure of futures is taken as a whole."""

    takes_functions = False

    def __init__(self, short: str) -> None:
        self.short = short


class Taker:
    """Takes the arguments of all calls of one trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._constants: dict[bytes, int] = {}
        self._interned: dict[bytes, bytes] = {}
        self._blanks: dict[int, bytes] = {}
        self._holes: dict[Ref | bytes, tuple[int, Ref]] = {}
        self._base = 0
        self.reducers: dict[type, Callable[[Any], Any]] = {
            **copyreg.dispatch_table,
            **dict.fromkeys(FUTURES, self._reduce),
            Handle: lambda handle: (same, (handle._structure,)),
            # cloudpickle would read it to its end and send the text.
            io.TextIOWrapper: _refuse_file,
        }

    def take_plain(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[bytes, tuple[Ref, ...]] | None:
        """The payload and inputs of plain arguments, in less time than `take`; None for others.

        Plain are scalars, short containers of them, and futures, but not of maps or branches.
        """
        inputs: list[Ref] = []
        for value in (*args, *kwargs.values()) if kwargs else args:
            kind = type(value)
            if kind is Future and value._trace is self._trace:
                inputs.append(value._ref() if value._path else value._node)
            elif kind not in SCALARS and not (kind in _CONTAINERS and _is_flat(value)):
                return None
        if not inputs:
            payload = pickle.dumps((args, kwargs, ()), 5)
        elif kwargs or len(inputs) < len(args):
            payload = pickle.dumps(_blanked(args, kwargs), 5)
        else:
            payload = self._blanks.get(len(args)) or self._blank(len(args))
        return self._interned.setdefault(payload, payload), tuple(inputs)

    def _blank(self, count: int) -> bytes:
        """The payload of a call with so many futures and nothing else."""
        blank = pickle.dumps(((None,) * count, {}, tuple(range(count))), 5)
        return self._blanks.setdefault(count, blank)

    def take(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        called: Called,
        mapped: tuple[int | str, ...] = (),
    ) -> tuple[bytes, tuple[Ref, ...]]:
        """The payload and inputs of a call; `mapped` are the slots of a map's own arguments."""
        given: dict[int | str, Any] = dict(enumerate(args))
        given.update(kwargs)
        slots: list[int | str] = list(mapped)
        inputs: list[Ref] = []
        deep: list[int | str] = []
        for where, value in given.items():
            kind = type(value)
            if kind in SCALARS:
                continue
            if kind in FUTURES and isinstance(value := unwrapped(value), Future):
                slots.append(where)
                inputs.append(self.ref(value))
                given[where] = None
            else:
                deep.append(where)
                given[where] = value
        if len(deep) == 1 and (nodes := self.nodes_of(given[deep[0]])):
            given[deep.pop()] = _Row(len(slots), len(nodes))
            inputs += nodes
        if deep:
            return self._take_deep(given, slots, inputs, called, len(deep))
        payload = pickle.dumps(_arguments(given, slots), 5)
        return self._interned.setdefault(payload, payload), tuple(inputs)

    def nodes_of(self, value: Any) -> list[int]:
        """The nodes of a list of nothing but plain futures, all different; else nothing."""
        if type(value) is not list or not value or type(value[0]) is not Future:
            return []
        trace = self._trace
        nodes = [
            each._node
            for each in value
            if type(each) is Future and not each._path and each._trace is trace
        ]
        return nodes if len(nodes) == len(value) == len(set(nodes)) else []

    def _take_deep(
        self,
        given: dict[int | str, Any],
        slots: list[int | str],
        inputs: list[Ref],
        called: Called,
        count: int,
    ) -> tuple[bytes, tuple[Ref, ...]]:
        """Take arguments of which `count` are more than scalars and futures."""
        if not called.takes_functions:
            for value in given.values():
                self.refuse_uncalled(value, called.short)
        payload, refs = self._pickled(given, slots, called)
        if len(payload) < CONSTANT_BYTES or (refs and count == 1):
            return payload, (*inputs, *refs)
        before = len(slots)
        for where, value in given.items():
            constant = None if type(value) in SCALARS else self._constant(value)
            if constant is not None:
                slots.append(where)
                inputs.append(constant)
                given[where] = None
        if len(slots) > before:
            payload, refs = self._pickled(given, slots, called)
        return payload, (*inputs, *refs)

    def _pickled(
        self, given: dict[int | str, Any], slots: list[int | str], called: Called
    ) -> tuple[bytes, list[Ref]]:
        self._holes, self._base = {}, len(slots)
        try:
            payload = dumps(_arguments(given, slots), None, self.reducers)
        except TaskflowError:
            raise
        except Exception as error:
            raise ArgumentError(self._why(given, called, error)) from error
        return payload, [ref for _, ref in self._holes.values()]

    def _why(self, given: dict[int | str, Any], called: Called, error: Exception) -> str:
        why, advice = f"its arguments cannot be pickled together: {error}", _PLAIN_DATA
        for where, value in given.items():
            text = f"argument {where + 1}" if isinstance(where, int) else f"argument {where}"
            if isinstance(called, Structure):
                text = "the value"
            try:
                dumps(value, None, self.reducers)
            except Exception as culprit:  # noqa: BLE001 - this is the one
                why = why_unpicklable(value, text, culprit, self.reducers)
                advice = _AS_LIST if isinstance(value, Iterator) else _PLAIN_DATA
                break
        return f"{called.short}: {why}\n  here: {self._trace.shown_here()}\n  {advice}"

    def refuse_uncalled(self, value: Any, name: str) -> None:
        """Raise if an argument is a task, or holds one: somebody forgot the parentheses."""
        some = (value,)
        if type(value) in _CONTAINERS and len(value) <= _LOOKED_AT:
            some = (value, *(value.values() if type(value) is dict else value))
        for each in some:
            word = getattr(type(each), "__taskflow_uncalled__", "")
            if word:
                raise DefinitionError(
                    f"{name}: {each!r} stands where {word.format(each)} was meant\n"
                    f"  here: {self._trace.shown_here()}\n"
                    f"  {type(each).__taskflow_hint__}"
                )

    def _constant(self, value: Any) -> Const | None:
        """A large argument, kept once however often it is passed; None if it is small."""
        buffers: list[pickle.PickleBuffer] = []
        self._holes = {}
        data = dumps(value, buffers, self.reducers)
        size = len(data) + sum(buffer.raw().nbytes for buffer in buffers)
        if self._holes or size < CONSTANT_BYTES:
            return None
        from hashlib import blake2b  # here: it loads OpenSSL, and few arguments are large

        digest = blake2b(data, digest_size=20)
        for buffer in buffers:
            digest.update(buffer.raw())
        index = self._constants.get(digest.digest())
        if index is None:
            index = self._constants[digest.digest()] = len(self._trace.graph.constants)
            directory = self._trace.directory
            stored = encode(value, directory, self.reducers) if directory else None
            self._trace.graph.constants.append(stored or dumps(value, None, self.reducers))
        return Const(index)

    def structure(self, value: Any, name: str) -> tuple[bytes, tuple[Ref, ...]]:
        """A structure of futures and constants as the payload of one argument."""
        return self.take((value,), {}, Structure(name))

    def ref(self, future: Future) -> Ref:
        """What stands for a future of this trace in the graph."""
        if future._trace is not self._trace:
            raise FutureError(
                f"{future!r} belongs to another run\n"
                f"  here: {self._trace.shown_here()}\n"
                "  futures live as long as the trace of their pipeline: pass values between runs, "
                "not futures, and keep no future in a global"
            )
        return future._ref()

    def _reduce(self, future: Future) -> tuple[Any, ...]:
        ref = self.ref(future)
        key: Ref | bytes = ref
        if future._path:  # steps of a path may be slices, which have no hash
            key = pickle.dumps(ref)
        number, _ = self._holes.setdefault(key, (len(self._holes), ref))
        return hole, (self._base + number,)

    def holds_future(self, value: Any) -> bool:
        """Whether a future is somewhere inside a value; False for what cannot be pickled."""
        if type(value) in SCALARS:
            return False
        try:
            return self.count_futures(value) > 0
        except TaskflowError:
            raise
        except Exception:  # noqa: BLE001 - whoever takes the value says why
            return False

    def count_futures(self, value: Any) -> int:
        """How many different futures are inside a value that can be pickled."""
        self._holes, self._base = {}, 0
        dumps(value, None, self.reducers)
        return len(self._holes)


class _Row:
    """Stands for a list of futures, which fill it as one: a reduction for each takes long."""

    __slots__ = ("_count", "_first")

    def __init__(self, first: int, count: int) -> None:
        self._first = first
        self._count = count

    def __reduce__(self) -> tuple[Any, ...]:
        return holes, (self._first, self._count)


def _arguments(
    given: dict[int | str, Any], slots: list[int | str]
) -> tuple[tuple[Any, ...], dict[str, Any], tuple[int | str, ...]]:
    """What a payload holds: arguments by position, by name, and which of them are inputs."""
    args = tuple(value for where, value in given.items() if isinstance(where, int))
    named = {where: value for where, value in given.items() if isinstance(where, str)}
    return args, named, tuple(slots)


def _is_flat(value: Any) -> bool:
    """Whether a container holds scalars only, and so few that it is no constant."""
    if len(value) > _LOOKED_AT:
        return False
    some = (*value, *value.values()) if type(value) is dict else value
    return SCALARS.issuperset(map(type, some)) and sum(map(sys.getsizeof, some)) < CONSTANT_BYTES


def _blanked(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], tuple[int | str, ...]]:
    """The same for arguments in which futures stand that are inputs."""
    places = tuple([place for place, value in enumerate(args) if type(value) is Future])
    names = tuple([name for name, value in kwargs.items() if type(value) is Future])
    blank = tuple([None if type(value) is Future else value for value in args])
    named = {name: None if name in names else value for name, value in kwargs.items()}
    return blank, named, (*places, *names)


def _refuse_file(file: Any) -> NoReturn:
    raise TypeError(f"cannot pickle the open file {getattr(file, 'name', file)!r}")
