"""Loads the arguments of calls from where they are: in the call, in a file, in the same batch."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

from taskflow.call import OF_ARGUMENTS, Failed, Failure, Gathered, Part, hole
from taskflow.digests import Digests
from taskflow.errors import ResultError
from taskflow.executors.answering import follow, revive
from taskflow.values import SCALARS, decode, decode_piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from taskflow.call import Call, Input, Piece, Value

#: The arguments of one body: by place and by name.
Arguments = tuple["Sequence[Any]", dict[str, Any]]


#: In every payload with holes: the module of the function that fills them.
_HOLES: Final = hole.__module__.encode()


class MissingInputError(Exception):
    """An earlier call of the batch did not make its value; the engine knows why."""


class Inputs:
    """What calls take: each gets its own copy of everything."""

    def __init__(self) -> None:
        #: Values that calls of the batch have made, by node.
        self.made: dict[int, Value] = {}

    def arguments(self, call: Call) -> Arguments:
        """The arguments of a call for one task run."""
        return self.of(call.payload, call.inputs)

    def of(self, payload: bytes, inputs: Sequence[Input]) -> Arguments:
        """The arguments in a payload, with what they are given from elsewhere."""
        if not inputs:
            return pickle.loads(payload)[:2]  # type: ignore[no-any-return] # as they were pickled
        values = [self.load(each) for each in inputs]
        # Only where a future stood deep inside are there holes to be filled while it is loaded.
        has_holes = _HOLES in payload
        args, kwargs, slots = decode(payload, values) if has_holes else pickle.loads(payload)
        return _placed(args, kwargs, slots, values)

    def elements(self, call: Call) -> Iterator[Arguments]:
        """The arguments of a call for elements of a map, one element after another."""
        columns = [self._column(pieces) for pieces in call.columns]
        constants = [self.load(each) for each in call.inputs]
        plain: dict[str, Any] | None = None
        for number, row in enumerate(zip(*columns, strict=True)):
            if plain is not None:
                yield [row[0]], plain
                continue
            if number and call.ask not in OF_ARGUMENTS:
                # Each body gets its own copy of everything that could be changed.
                constants = [self.load(each) for each in call.inputs]
            values = [*row, *constants]
            args, kwargs, slots = decode(call.payload, values)
            if slots == (0,) and len(args) == len(values) == 1 and _immutable(kwargs):
                plain = kwargs
            yield _placed(args, kwargs, slots, values)

    def argument(self, payload: bytes, inputs: Sequence[Input]) -> Any:
        """The one argument of a payload."""
        return self.of(payload, inputs)[0][0]

    def load(self, source: Input) -> Any:
        """The object that an input stands for."""
        if isinstance(source, bytes):
            return pickle.loads(source)
        if source is None:
            return None
        if isinstance(source, int):
            made = self.made.get(source)
            if made is None:
                raise MissingInputError
            return pickle.loads(made) if type(made) is bytes else decode(made)
        if isinstance(source, Failed):
            return Failure(revive(source.report, source.key), source.key, source.state)
        if isinstance(source, Gathered):
            return [value for piece in source.pieces for value in self._load_piece(piece)]
        if isinstance(source, Part):
            return follow(self.load(source.input), source.path)
        return decode(source)

    def _load_piece(self, piece: Piece | Failed) -> list[Any]:
        return [self.load(piece)] if isinstance(piece, Failed) else decode_piece(piece)

    def _column(self, pieces: Sequence[Piece | Failed]) -> Iterator[Any]:
        for piece in pieces:
            yield from self._load_piece(piece)


def inputs_digest(call: Call, element: int = -1, made: Mapping[int, Value] | None = None) -> str:
    """The digest of what a task run, or an element of a map, is given; equal for all attempts."""
    digests = Digests(made)
    return (digests.of(call) if element < 0 else digests.of_element(call, element)).hex()


def next_of(elements: Iterator[Arguments]) -> Arguments:
    """The arguments of the next element."""
    try:
        return next(elements)
    except StopIteration:
        # A generator that raised is over: the rest of its chunk cannot be reached.
        raise ResultError("an input before this one in its chunk cannot be read back") from None


def _placed(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    slots: tuple[int | str, ...],
    values: Sequence[Any],
) -> Arguments:
    """The arguments of a call: constants as they were pickled, values in their slots."""
    placed = list(args)
    # Values beyond the slots have filled holes while the payload was loaded.
    for where, value in zip(slots, values, strict=False):
        if where == "*":
            placed = [*placed, *value]  # after the instance of a method
        elif isinstance(where, int):
            placed[where] = value
        else:
            kwargs[where] = value
    return placed, kwargs


def _immutable(kwargs: dict[str, Any]) -> bool:
    return SCALARS.issuperset(map(type, kwargs.values()))
