"""Finds futures and calls where they cannot work: in functions, iterators, around exceptions."""

from __future__ import annotations

import inspect
import itertools
import linecache
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.definition import Definition
from taskflow.authoring.future import Future
from taskflow.authoring.where import is_library, shown
from taskflow.errors import CodeError, DefinitionError, FutureError
from taskflow.values import dumps, why_unpicklable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType, TracebackType

# Of a large container this much is looked at: it is for a better message only.
_LOOKED_AT: Final = 1000
_NAMED: Final = 3
_NO_VALUE: Final = "a future has no value while the pipeline is traced; do this inside a task"


def refuse_captured(definitions: Iterable[Definition]) -> None:
    """Raise if a task's function holds a future in its closure, globals or defaults."""
    for definition in definitions:
        name, future = captured_future(definition.fn)
        if future is not None:
            raise FutureError(
                f"task {definition.short} captures a future: its {name} is or holds one\n"
                f"  here:      {definition.place}\n"
                f"  made here: {shown(future._place())}\n"
                "  why:       what a function captures is not an input that the run knows of\n"
                f"  instead:   pass it as an argument: def {definition.short}(value): ..."
            )


def captured_future(fn: Any) -> tuple[str, Future | None]:
    """The closure variable, global or default of a function that is, or holds, a future."""
    fn = inspect.unwrap(fn)
    code = getattr(fn, "__code__", None)
    if code is None:
        return "", None
    for where, value in _captured(fn, code):
        future = _future_in(value)
        if future is not None:
            return where, future
    return "", None


def _captured(fn: Any, code: CodeType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(code.co_freevars, fn.__closure__ or (), strict=False):
        try:
            yield f"closure variable {name!r}", cell.cell_contents
        except ValueError:  # an empty cell
            continue
    for name in _names(code):
        yield f"global {name!r}", fn.__globals__.get(name)
    for value in [*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()]:
        yield "default argument", value


def _names(code: CodeType) -> Iterator[str]:
    """What a function may read from its globals, in functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _names(constant)


def _future_in(value: Any) -> Future | None:
    if isinstance(value, Future):
        return value
    some: Iterable[Any] = ()
    if type(value) in (list, tuple, set, frozenset):
        some = value
    elif type(value) is dict:
        some = value.values()
    # A copy, as far as it is looked at: another thread may change it meanwhile.
    few = list(itertools.islice(some, _LOOKED_AT))
    return next((each for each in few if isinstance(each, Future)), None)


def together(definitions: list[Definition]) -> bytes:
    """Functions that travel by value, in one blob."""
    try:
        return dumps(definitions)
    except FutureError as error:
        error.add_note(f"captured by the function of task {_unsendable(definitions)[0].short}")
        raise
    except Exception as error:
        raise CodeError(_why_not_by_value(*_unsendable(definitions))) from error


def _unsendable(definitions: list[Definition]) -> tuple[Definition, Exception]:
    for definition in definitions:
        try:
            dumps(definition)
        except Exception as culprit:  # noqa: BLE001 - this is the one
            return definition, culprit
    raise CodeError(
        "the functions of this script cannot be sent to workers together: put them into a "
        "module and import them"
    )


def _why_not_by_value(definition: Definition, culprit: Exception) -> str:
    return (
        f"task {definition.short} ({definition.place}) cannot be sent to workers: "
        f"{unsendable(definition.fn, culprit)}\n"
        "  functions of scripts and notebooks travel with the globals they use: make "
        "that object inside the task,\n"
        "  or put the tasks into a module and import them, or run the file with "
        "`taskflow run FILE`"
    )


def unsendable(fn: Any, error: Exception) -> str:
    """Which global or closure variable of a function cannot be pickled."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    names = code.co_names if code else ()
    for name in names:
        value = getattr(fn, "__globals__", {}).get(name)
        try:
            dumps(value)
        except Exception as culprit:  # noqa: BLE001 - this is the one
            return "its global " + why_unpicklable(value, name, culprit)
    return why_unpicklable(fn, "it", error)


def refuse_iterator(value: Any, definition: Definition) -> None:
    """Raise if the body of a pipeline returned an iterator, with the calls in it not yet made."""
    if isinstance(value, Iterator) and not isinstance(value, Future):
        raise DefinitionError(
            f"{definition.short} returns a {type(value).__name__}, which makes the calls in it "
            f"when it is read: too late to be traced\n  here: {definition.place}\n"
            "  return a list: [f(x) for x in xs], or f.map(xs)"
        )


# --- exceptions that C code raised about futures, without asking them -----------------------


def note_futures(error: BaseException) -> None:
    """Name the futures on the line that raised, or those that a library was handed there."""
    is_told = "Future" in str(error)
    if not is_told and not isinstance(error, (TypeError, KeyError, ValueError)):
        return
    tb, places = error.__traceback__, []
    while tb is not None:
        places.append((tb.tb_frame, tb.tb_frame.f_code.co_filename, _text_at(tb)))
        tb = tb.tb_next
    own = [_futures_on(frame, text) for frame, path, text in places if not is_library(path)]
    theirs = [_futures_on(frame, "") for frame, path, _ in places if is_library(path)]
    found = next(
        (each for each in [*reversed(own), *(theirs[::-1] if is_told else [])] if each), []
    )
    for name, future in found[:_NAMED]:
        error.add_note(f"`{name}` holds {future!r}: {_NO_VALUE}")
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    if isinstance(key, Future) and not found:
        error.add_note(f"the key is {key!r}: {_NO_VALUE}")
    if found and " >>: " in str(error):
        error.add_note("two lists have no `>>`: write order([a, b], [c, d])")
    if is_told and not found:
        error.add_note(_NO_VALUE)


def _text_at(tb: TracebackType) -> str:
    """The source of the expression that was running, on however many lines it stands."""
    code = tb.tb_frame.f_code
    first, last, *_ = next(itertools.islice(code.co_positions(), tb.tb_lasti // 2, None))
    lines = range(first or tb.tb_lineno, (last or tb.tb_lineno) + 1)
    return "".join(linecache.getline(code.co_filename, line) for line in lines)


def _futures_on(frame: FrameType, text: str) -> list[tuple[str, Future]]:
    words = set(re.findall(r"\w+", text))
    pairs = [(name, _future_in(value)) for name, value in list(frame.f_locals.items())]
    held = [(name, future) for name, future in pairs if future is not None]
    return [each for each in held if each[0] in words or not text]


def note_hidden_task(error: Exception) -> None:
    """Say where the task is when `.map` was asked of a plain decorator over it."""
    wrapper: Any = getattr(error, "obj", None) if isinstance(error, AttributeError) else None
    task = getattr(wrapper, "__wrapped__", None)
    if isinstance(task, Definition) and not isinstance(wrapper, Definition):
        error.add_note(
            f"{task.short} is a task below another decorator, which hides what a task can do: "
            "put @task on top"
        )
