"""The instances of resources that are open in this process: each made once, closed in order.

    obtain(key, name, make)        this process's instance, or this thread's: made by whoever asks
                                   first; all who ask meanwhile wait, and share it or its failure
    await obtain_async(...)        the same for an event loop, where a task of its own opens each
                                   instance and closes it: libraries insist on that
    close(run_id), aclose(run_id)  what was opened under a run, the latest first

An executor closes what the bodies of its run have opened: `aclose` in each of its loops before the
loop ends, then `close`. What was opened outside of any run is closed when Python ends, and what a
thread has for itself when the thread ends.

Standard library only: every worker process imports this.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import itertools
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from taskflow.errors import DefinitionError, ExecutorError, TaskTimeout

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Hashable, Iterator
    from contextlib import AbstractAsyncContextManager

#: Called once, when the first instance in this process is about to be opened.
on_first_open: Callable[[], None] | None = None
#: The run of threads that know of none, those that a body has started: a worker says which.
home: str | None = None


class Key(NamedTuple):
    """Tells instances apart: the run, the resource, what it was called with, and for whom it is.

    `place` is None for an instance of the whole process, the number of a thread, or a loop.
    """

    run_id: str | None
    resource: str
    arguments: Hashable = ()
    place: Hashable = None


class _Held:
    """One instance, from the moment it is asked for until it is closed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: Any = None
        self.ready = False
        self.error: BaseException | None = None
        self.finish: Callable[[], object] = _nothing
        #: What the making of this one waits for, so that a circle is found and does not hang.
        self.waits_for: _Held | None = None
        self.settled: Any = None  # the event, of threads or of a loop, that it is ready or failed
        # Of one that belongs to a loop: what asks for its end, and the task that keeps it open.
        self.over: asyncio.Event | None = None
        self.keeping: asyncio.Task[None] | None = None


#: Where what opens and closes is called from.
_OURS: Final = {
    __file__,
    os.path.join(os.path.dirname(__file__), "authoring", "resource.py"),
    contextlib.__file__,
}
#: In the order in which they were ready.
_held: dict[Key, _Held] = {}
_lock = threading.RLock()
_making: contextvars.ContextVar[_Held | None] = contextvars.ContextVar("making", default=None)
_numbers: Final = itertools.count(1)
_here = threading.local()
#: What a forked child must neither use nor close: it belongs to the parent.
_inherited: list[object] = []


def is_open(run_id: str | None) -> bool:
    """Whether anything is open, or being opened, under a run in this process."""
    with _lock:
        return any(key.run_id == run_id for key in _held)


def this_thread() -> int:
    """The number of this thread, as the place of a key; never given to another thread."""
    place = getattr(_here, "place", None)
    if place is None:
        place = _here.place = _Thread()
    return place.number


class _Thread:
    """Lives as long as its thread, and closes in it what nobody else may touch."""

    def __init__(self) -> None:
        self.number = next(_numbers)

    def __del__(self) -> None:
        number = self.number
        if _held:  # nor when Python ends, and has already cleared this module
            _close(lambda key: key.place == number)


# --- opening -------------------------------------------------------------------------------


def obtain(key: Key, name: str, make: Callable[[], tuple[Any, Callable[[], object]]]) -> Any:
    """The instance of a key; `make` gives it and what closes it, if nobody has made it yet.

    An exception of `make` is raised here, and in whoever waited for it; the next who asks makes
    it again.
    """
    held = _held.get(key)
    if held is not None and held.ready:
        return held.value
    while True:
        mine = _Held(name)
        mine.settled = threading.Event()
        try:
            with _lock:
                held = _held.setdefault(key, mine)
            with _asking(held):
                if held is not mine:
                    held.settled.wait()
                    if held.ready:
                        return held.value
                    _raise_shared(held.error)
                    continue
                return _made(key, mine, make)
        finally:
            _settle(key, mine)


def _made(key: Key, held: _Held, make: Callable[[], tuple[Any, Callable[[], object]]]) -> Any:
    _announce()
    token = _making.set(held)
    try:
        held.value, held.finish = make()
    except BaseException as error:
        held.error = error
        raise
    finally:
        _making.reset(token)
    if not _keep(key, held):
        _finish(held)
        raise ExecutorError(f"the run ended while the resource {held.name} was being opened")
    return held.value


def _keep(key: Key, held: _Held) -> bool:
    """Note that an instance is ready; False if it was closed before it was."""
    with _lock:
        if _held.pop(key, None) is not held:
            return False
        _held[key] = held  # last: what it needed itself was ready before, and is closed after
        held.ready = True
        return True


def _settle(key: Key, held: _Held) -> None:
    """Let go who waits; what failed is made again by the next who asks."""
    with _lock:
        if not held.ready and _held.get(key) is held:
            del _held[key]
    held.settled.set()


def _raise_shared(error: BaseException | None) -> None:
    """A failure to make it is one of all who waited, but a timeout, say, was one asker's own."""
    if isinstance(error, Exception) and not isinstance(error, TaskTimeout):
        raise error


@contextlib.contextmanager
def _asking(held: _Held) -> Iterator[None]:
    """While a resource that is being opened asks for another one; raises if they go in a circle."""
    asker = _making.get()
    if asker is None:
        yield
        return
    with _lock:
        names = [asker.name]
        each: _Held | None = held
        while each is not None:
            names.append(each.name)
            if each is asker:
                raise DefinitionError(
                    f"resources that need each other cannot be opened: {' -> '.join(names)}\n"
                    "  let the tasks that need both ask for both"
                )
            each = each.waits_for
        asker.waits_for = held
    try:
        yield
    finally:
        asker.waits_for = None


def _announce() -> None:
    """Before the first instance: tell who asked to know."""
    global on_first_open
    with _lock:
        announce, on_first_open = on_first_open, None
    if announce is not None:
        announce()


# --- in an event loop ----------------------------------------------------------------------


async def obtain_async(
    key: Key, name: str, manager: Callable[[], AbstractAsyncContextManager[Any]]
) -> Any:
    """The instance of a key in this loop, the place of the key; like `obtain`."""
    import asyncio  # here: a worker without async tasks does without it

    with _lock:
        held = _held.get(key)
        if held is not None and held.ready:
            return held.value
        if held is None:
            held = _held[key] = _Held(name)
            held.settled, held.over = asyncio.Event(), asyncio.Event()
            held.keeping = asyncio.create_task(_keep_open(key, held, held.over, manager))
    with _asking(held):
        await held.settled.wait()
    if held.ready:
        return held.value
    if isinstance(held.error, Exception):
        raise held.error
    # Raised as itself, an exit or a cancel would end whoever asked, or the whole loop.
    raise ExecutorError(f"the resource {name} could not be opened: {held.error!r}") from held.error


async def _keep_open(
    key: Key,
    held: _Held,
    over: asyncio.Event,
    manager: Callable[[], AbstractAsyncContextManager[Any]],
) -> None:
    """Open an instance, wait until it is to be closed, and close it, all in this one task."""
    _making.set(held)
    try:
        _announce()
        async with manager() as held.value:
            if _keep(key, held):
                held.settled.set()
                await _until_over(key, held, over)
    except BaseException as error:  # noqa: BLE001 - for all who ask: here it would end the loop
        if held.ready:
            _say(held, error)
        else:
            held.error = error
    finally:
        with _lock:
            if _held.get(key) is held:
                del _held[key]
        held.settled.set()


async def _until_over(key: Key, held: _Held, over: asyncio.Event) -> None:
    """Wait for the end of an instance, and then for all that were opened after it."""
    import asyncio

    try:
        await over.wait()
    except asyncio.CancelledError:  # its loop ends
        task = asyncio.current_task()
        assert task is not None, "this is a coroutine of a task"
        task.uncancel()
    with _lock:
        mine = [each for other, each in _held.items() if other.place is key.place]
    later = mine[mine.index(held) + 1 :] if held in mine else []
    for each in reversed(later):
        await _ended(each)


async def _ended(held: _Held) -> None:
    import asyncio

    assert held.over is not None, "it belongs to a loop"
    assert held.keeping is not None, "it belongs to a loop"
    held.over.set()
    if not held.ready:
        held.keeping.cancel()
    await asyncio.wait((held.keeping,))


# --- closing -------------------------------------------------------------------------------


def close(run_id: str | None) -> None:
    """Close what was opened under a run in this process, the latest first.

    What raises is said on stderr, and the others are closed all the same.
    """
    _close(lambda key: key.run_id == run_id)


async def aclose(run_id: str | None) -> None:
    """Close what was opened under a run in the loop that runs this, the latest first."""
    import asyncio

    loop = asyncio.get_running_loop()
    with _lock:
        opened = list(_held.items())
    held = [each for key, each in opened if key.run_id == run_id and key.place is loop]
    for each in reversed(held):
        await _ended(each)


def close_one(key: Key) -> None:
    """Close the instance of a key, if there is one."""
    _close(lambda other: other == key)


async def aclose_one(key: Key) -> None:
    """Close the instance of a key in this loop, if there is one."""
    with _lock:
        held = _held.get(key)
    if held is not None:
        await _ended(held)


def _close(belongs: Callable[[Key], bool]) -> None:
    with _lock:
        mine = [(key, _held[key]) for key in _held if belongs(key)]
        for key, held in mine:
            if held.over is None:
                del _held[key]
    for key, held in reversed(mine):
        if held.over is not None:
            _close_in_loop(key, held)
        elif held.ready:
            _finish(held)


def _finish(held: _Held) -> None:
    try:
        held.finish()
    except BaseException as error:  # noqa: BLE001 - whatever user code raises, the others go on
        _say(held, error)


def _close_in_loop(key: Key, held: _Held) -> None:
    """Close an async instance from outside of its loop, as far as the loop still can."""
    import asyncio

    loop: Any = key.place
    if loop.is_closed():  # its tasks were cancelled before, and that closes what they keep
        with _lock:
            _held.pop(key, None)
    elif loop.is_running():
        asyncio.run_coroutine_threadsafe(_ended(held), loop)
    elif asyncio._get_running_loop() is None:  # noqa: SLF001 - documented, and raises nothing
        loop.run_until_complete(_ended(held))


def _say(held: _Held, error: BaseException) -> None:
    import traceback

    trace = error.__traceback__
    while trace is not None and trace.tb_next and trace.tb_frame.f_code.co_filename in _OURS:
        trace = trace.tb_next  # to the user's own lines
    told = "".join(traceback.format_exception(type(error), error, trace))
    sys.stderr.write(f"taskflow: the resource {held.name} could not be closed\n{told}")


def _nothing() -> None:
    """What closes an instance that needs no closing."""


def _forget() -> None:
    """In a forked child: leave all that is open to the parent, also what it holds locked."""
    global _held, _lock
    _inherited.append(_held)
    _held, _lock = {}, threading.RLock()


os.register_at_fork(after_in_child=_forget)
atexit.register(_close, lambda _: True)
