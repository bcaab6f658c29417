"""Objects of a test that tasks may use: pickled, they stay the same object of this process.

Tasks that are defined in a test travel by value, with what their functions close over, even when
they run in the very process of the test.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakValueDictionary

_LIVING: Final[WeakValueDictionary[int, Stays]] = WeakValueDictionary()


class Stays:
    """Unpickled, it is the object itself; in another process there is none, and it says so."""

    def __reduce__(self) -> tuple[Any, ...]:
        """By reference."""
        _LIVING[id(self)] = self
        return _found, (id(self), type(self).__name__)


def _found(ident: int, kind: str) -> Stays:
    try:
        return _LIVING[ident]
    except KeyError:
        raise RuntimeError(
            f"a {kind} of taskflow.testing cannot be used in another process; run the pipeline "
            'inline, with taskflow_run or executor="inline"'
        ) from None
