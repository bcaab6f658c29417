"""Takes the arguments of a call: pickled there and then, with futures found wherever they are.

What a caller changes later changes nothing, and what cannot be pickled fails on its own line,
with the path to the culprit. A payload is the pickled `(args, kwargs, slots)`: futures that are
arguments themselves leave None and a slot; futures deeper inside leave holes.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from taskflow.authoring.future import Future, Handle, MapFuture, OutcomeFuture, unwrapped
from taskflow.authoring.inputs import InputFuture
from taskflow.call import hole, same
from taskflow.errors import ArgumentError, DefinitionError, FutureError, TaskflowError
from taskflow.graph.graph import Const
from taskflow.values import BUFFER_BYTES, SCALARS, dumps, encode, why_unpicklable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taskflow.authoring.tracing import Trace
    from taskflow.call import Value
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
        self._holes: dict[Ref | bytes, tuple[int, Ref]] = {}
        self._base = 0
        self.reducers: dict[type, Callable[[Any], Any]] = {
            **copyreg.dispatch_table,
            Future: self._reduce,
            MapFuture: self._reduce,
            OutcomeFuture: self._reduce,
            InputFuture: self._reduce,
            Handle: lambda handle: (same, (handle._structure,)),
            # cloudpickle would read it to its end and send the text.
            io.TextIOWrapper: _refuse_file,
        }

    def take(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        called: Called,
        mapped: tuple[int | str, ...] = (),
    ) -> tuple[bytes, tuple[Ref, ...]]:
        """The payload and inputs of a call; `mapped` are the slots of a map's own arguments."""
        placed: list[Any] = list(args)
        named = dict(kwargs)
        slots: list[int | str] = list(mapped)
        inputs: list[Ref] = []
        plain = True
        for where, value in _positions(args, kwargs):
            kind = type(value)
            if kind in SCALARS:
                continue
            if kind in FUTURES and isinstance(value := unwrapped(value), Future):
                slots.append(where)
                inputs.append(self.ref(value))
                self._put(placed, named, where, None)
            else:
                plain = False
                self._put(placed, named, where, value)
        if plain:
            return self._intern(pickle.dumps((tuple(placed), named, tuple(slots)), 5)), tuple(
                inputs
            )
        return self._take_deep(placed, named, slots, inputs, called)

    @staticmethod
    def _put(placed: list[Any], named: dict[str, Any], where: int | str, value: Any) -> None:
        if isinstance(where, int):
            placed[where] = value
        else:
            named[where] = value

    def _take_deep(
        self,
        placed: list[Any],
        named: dict[str, Any],
        slots: list[int | str],
        inputs: list[Ref],
        called: Called,
    ) -> tuple[bytes, tuple[Ref, ...]]:
        """Take arguments that are more than scalars and futures."""
        if not called.takes_functions:
            for _, value in _positions(placed, named):
                self.refuse_uncalled(value, called.short)
        payload, holes = self._pickled(placed, named, slots, called)
        if len(payload) < CONSTANT_BYTES:
            return payload, (*inputs, *holes)
        before = len(slots)
        for where, value in _positions(placed, named):
            constant = None if type(value) in SCALARS else self._constant(value)
            if constant is not None:
                slots.append(where)
                inputs.append(constant)
                self._put(placed, named, where, None)
        if len(slots) == before:
            return payload, (*inputs, *holes)
        payload, holes = self._pickled(placed, named, slots, called)
        return payload, (*inputs, *holes)

    def _pickled(
        self, placed: list[Any], named: dict[str, Any], slots: list[int | str], called: Called
    ) -> tuple[bytes, list[Ref]]:
        self._holes, self._base = {}, len(slots)
        arguments = (tuple(placed), named, tuple(slots))
        try:
            return dumps(arguments, None, self.reducers), [ref for _, ref in self._holes.values()]
        except TaskflowError:
            raise
        except Exception as error:
            raise ArgumentError(self._why(placed, named, called, error)) from error

    def _why(
        self, placed: list[Any], named: dict[str, Any], called: Called, error: Exception
    ) -> str:
        for where, value in _positions(placed, named):
            text = f"argument {where + 1}" if isinstance(where, int) else f"argument {where}"
            if isinstance(called, Structure):
                text = "the value"
            try:
                dumps(value, None, self.reducers)
            except Exception as culprit:  # noqa: BLE001 - this is the one
                advice = _AS_LIST if isinstance(value, Iterator) else _PLAIN_DATA
                return (
                    f"{called.short}: {why_unpicklable(value, text, culprit, self.reducers)}\n"
                    f"  here: {self._trace.shown_here()}\n  {advice}"
                )
        return (
            f"{called.short}: its arguments cannot be pickled together: {error}\n"
            f"  here: {self._trace.shown_here()}\n  {_PLAIN_DATA}"
        )

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
        digest = blake2b(data, digest_size=20)
        for buffer in buffers:
            digest.update(buffer.raw())
        index = self._constants.get(digest.digest())
        if index is None:
            index = self._constants[digest.digest()] = len(self._trace.graph.constants)
            self._trace.graph.constants.append(self.encoded(value))
        return Const(index)

    def encoded(self, value: Any) -> Value:
        """A constant as a value, in a file when it is large and the trace has a directory."""
        if self._trace.directory:
            return encode(value, self._trace.directory, self.reducers)
        return dumps(value, None, self.reducers)

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

    def _intern(self, payload: bytes) -> bytes:
        return self._interned.setdefault(payload, payload)


def _positions(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[tuple[int | str, Any]]:
    """Arguments with their position or name."""
    yield from enumerate(list(args))
    yield from list(kwargs.items())


def _refuse_file(file: Any) -> NoReturn:
    raise TypeError(f"cannot pickle the open file {getattr(file, 'name', file)!r}")
