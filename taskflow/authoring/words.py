"""The words of a command line, as texts by parameter: what they mean is read later, by type.

    --depth 3  --depth=3       a value
    --strict   --no-strict     yes and no
    --url a --url b            a list
    --site.depth 3             a field of an object, or a key of a dict

Dashes and underscores in names are the same. A dict among the texts holds fields.
"""

from __future__ import annotations

import json
import typing
from collections import abc, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.returns import bare
from taskflow.authoring.signatures import fields_signature
from taskflow.plain import fields_of

if TYPE_CHECKING:
    import inspect
    from collections.abc import Mapping, Sequence

    from taskflow.authoring.convert import Problems

_DICTS: Final = (dict, abc.Mapping, abc.MutableMapping)


def texts_of(words: Sequence[str], signature: inspect.Signature) -> tuple[dict[str, Any], Problems]:
    """The text of each option, a list of texts where one is repeated, and what is wrong."""
    rest = deque(words)
    found: dict[str, list[str]] = {}
    problems: Problems = []
    while rest:
        word = rest.popleft()
        spelled, equals, text = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not spelled:
            problems.append(("", f"unexpected {word!r}, values are written --name value"))
            continue
        name = option_name(spelled)
        hint = hint_at(name, signature)
        if not equals and hint is None and _is_negated(name, signature):
            name, text = name.removeprefix("no_"), "no"
        elif not equals and hint is None and name[:3] == "no_" and hint_at(name[3:], signature):
            what = f"has no --{spelled}, which is for yes and no; write --{spelled[3:]} VALUE"
            problems.append((name[3:], what))
            continue
        # Nothing stands alone on this command line: the next word can only be the value.
        elif not equals and rest and not rest[0].startswith("--"):
            text = rest.popleft()
        elif not equals and is_flag(hint):
            text = "yes"
        elif not equals and hint is not None:
            problems.append((name, f"given without a value; write --{spelled}=VALUE"))
            continue
        found.setdefault(name, []).append(text)
    texts = {name: each if each[1:] else each[0] for name, each in found.items()}
    return _nested(texts, signature), problems


def option_name(spelled: str) -> str:
    """The parameter that an option means: the first part with `_`, fields as they are called."""
    first, dot, fields = spelled.partition(".")
    return f"{first.replace('-', '_')}{dot}{fields}"


def is_flag(hint: Any) -> bool:
    """Whether an option of this type may stand alone."""
    return hint is not None and bare(hint) is bool


def hint_at(name: str, signature: inspect.Signature) -> Any:
    """The type of a parameter, or of the field `site.depth` in one; None if there is none."""
    first, _, rest = name.partition(".")
    if first not in signature.parameters:
        return None
    hint = signature.parameters[first].annotation
    if not rest:
        return hint
    inner = fields_signature(hint)
    if inner is not None:
        return hint_at(rest, inner) or hint_at(rest.replace("-", "_"), inner)
    hint = bare(hint)
    if (typing.get_origin(hint) or hint) not in _DICTS:
        return None
    args = typing.get_args(hint)
    return args[1] if args else Any


class Fields(dict[str, Any]):
    """Some fields of an object: the others may be given elsewhere."""

    def over(self, default: Any) -> dict[str, Any]:
        """These fields, and those of a default that none of them replaces."""
        below = default if isinstance(default, abc.Mapping) else _made_of(default)
        return merged(below, {name: _over(value, below.get(name)) for name, value in self.items()})


def _made_of(value: Any) -> dict[str, Any]:
    """What an object would be made from again; nothing for what is none of fields."""
    signature, fields = fields_signature(type(value)), fields_of(value) or {}
    known = () if signature is None else signature.parameters
    return {name: each for name, each in fields.items() if name in known}


def _over(value: Any, default: Any) -> Any:
    return value.over(default) if isinstance(value, Fields) else value


def merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """What is given in two places: the upper one counts, and fields join the rest of an object."""
    whole = dict(lower)
    for name, value in upper.items():
        if not isinstance(value, Fields) or name not in lower:
            whole[name] = value
        elif (below := _as_object(lower[name])) is not None:
            whole[name] = type(below)(merged(below, value))
        # What is no object stays, and will be refused as such.
    return whole


def _nested(texts: Mapping[str, Any], signature: inspect.Signature) -> dict[str, Any]:
    whole = {name: text for name, text in texts.items() if not _is_field(name, signature)}
    for name, value in texts.items():
        if name not in whole:
            first, _, path = name.partition(".")
            for step in reversed(_steps(path, signature.parameters[first].annotation)):
                value = Fields({step: value})  # noqa: PLW2901 - it grows around the text
            whole = merged(whole, {first: value})
    return whole


def _is_field(name: str, signature: inspect.Signature) -> bool:
    first, dot, _ = name.partition(".")
    if not dot or first not in signature.parameters:
        return False
    hint = bare(signature.parameters[first].annotation)
    return fields_signature(hint) is not None or (typing.get_origin(hint) or hint) in _DICTS


def _steps(path: str, hint: Any) -> list[str]:
    """The names of fields in `a.b-c`, spelled as they are declared."""
    first, dot, rest = path.partition(".")
    inner = fields_signature(hint)
    if inner is None:
        return [path]  # a key of a dict may hold a dot
    if first not in inner.parameters:
        first = first.replace("-", "_")
    if not dot:
        return [first]
    known = inner.parameters.get(first)
    return [first, *(_steps(rest, known.annotation) if known is not None else [rest])]


def _is_negated(name: str, signature: inspect.Signature) -> bool:
    positive = name.removeprefix("no_")
    return positive != name and is_flag(hint_at(positive, signature))


def _as_object(value: Any) -> dict[str, Any] | None:
    """A value as the object that more fields are for; one given whole is no `Fields`."""
    with suppress(ValueError, RecursionError):
        value = json.loads(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else None
