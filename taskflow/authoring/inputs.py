"""Parameters that are not known yet, when a pipeline is traced to be looked at."""

from __future__ import annotations

from typing import Any, NoReturn

from taskflow.authoring.future import Future
from taskflow.authoring.where import here, shown
from taskflow.errors import DefinitionError, FutureError


class InputNeededError(FutureError):
    """The body of a pipeline needs the value of a parameter to be traced."""

    def __init__(self, name: str, deed: str) -> None:
        super().__init__(
            f"the value of parameter `{name}` is needed: {deed}\n  here: {shown(here())}"
        )


class NoDefaultError(DefinitionError):
    """As above, and the parameter has no default that could be used instead.

    `wanted` is the parameter, `deed` says what the body did with it.
    """

    def __init__(self, pipeline: str, wanted: str, error: Exception) -> None:
        self.wanted = wanted
        self.deed = str(error)
        self.problem = (
            f"the body of {pipeline} needs the value of its parameter {wanted!r} to be traced "
            "(it has no default)"
        )
        super().__init__(f"{self.problem}; give one: {pipeline}.trace({wanted}=...)\n{self.deed}")


class InputFuture(Future):
    """Stands for a parameter; whatever needs its value asks for the default instead."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<parameter `{self._trace.graph.labels[self._node]}`>"

    def _refuse(
        self, deed: str, fix: str, error: type[FutureError] = FutureError, **words: str
    ) -> NoReturn:
        del fix, error, words
        raise InputNeededError(self._trace.graph.labels[self._node], deed)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._refuse(f"its attribute `.{name}` was read", "field")
