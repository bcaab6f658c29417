"""Signatures with their types: of functions, and of what objects of fields are made of."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Union

from taskflow.authoring.returns import bare
from taskflow.plain import field_names

if TYPE_CHECKING:
    from collections.abc import Callable

STARS: Final = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def resolved_signature(fn: Callable[..., Any]) -> inspect.Signature:
    """The signature of `fn` with its hints; one that cannot be resolved is `Any`."""
    inner: Any = inspect.unwrap(fn)
    module = sys.modules.get(inner.__module__)
    scope = getattr(inner, "__globals__", None) or (vars(module) if module else {})
    parameters = inspect.signature(fn).parameters.values()
    return inspect.Signature([p.replace(annotation=_resolved(p, scope)) for p in parameters])


def fields_signature(hint: Any) -> inspect.Signature | None:
    """What an object of this type is made of, if it is one of fields."""
    kind = bare(hint)
    kind = typing.get_origin(kind) or kind
    if typing.is_typeddict(kind):
        return keys_signature(kind)
    if not isinstance(kind, type) or field_names(kind) is None:
        return None
    with suppress(TypeError, ValueError):
        return resolved_signature(kind)
    return None


def keys_signature(kind: Any) -> inspect.Signature:
    """The keys of a TypedDict, as the keyword parameters that they are like."""
    parameters = []
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        wrapped = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if name in kind.__required_keys__ else ...,
                annotation=typing.get_args(hint)[0] if wrapped else hint,
            )
        )
    return inspect.Signature(parameters)


def _resolved(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    holder: Any = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    hint: Any = Any
    with suppress(Exception):  # a stranger's annotation may raise anything
        if parameter.annotation is not parameter.empty:
            hint = typing.get_type_hints(holder, globalns=scope, include_extras=True)["it"]
        if parameter.default is None and hint is not Any:
            hint = Union[hint, None]  # noqa: UP007 - the hint is a value here
    if parameter.kind is parameter.VAR_POSITIONAL:
        return tuple[hint, ...]
    return dict[str, hint] if parameter.kind is parameter.VAR_KEYWORD else hint
