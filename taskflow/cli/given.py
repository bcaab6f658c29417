"""Where a pipeline's parameters come from: the command line, files, the environment.

What stands nearer to the command counts first: an option, then `--params FILE` (a later file before
an earlier one), then `TASKFLOW_PARAM_<NAME>`, then the default. Of objects and dicts, options may
give single fields; the others are those of the next place that gives the object.

A secret had better not stand on a command line, where every user of the machine can read it:
`--token @FILE` takes it from a file, `--token @-` from standard input.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow.authoring.advice import near
from taskflow.authoring.signatures import fields_signature
from taskflow.authoring.words import Fields, merged
from taskflow.secret import is_secret

if TYPE_CHECKING:
    import inspect
    from collections.abc import Iterator, Mapping, Sequence

    from taskflow.authoring.convert import Problems
    from taskflow.authoring.parameters import Parameters

VARIABLE: Final = "TASKFLOW_PARAM_"


def variable(name: str) -> str:
    """The environment variable of a parameter."""
    return VARIABLE + name.upper()


def read_given(
    parameters: Parameters,
    words: Sequence[str],
    files: Sequence[str],
    *,
    others: Sequence[str] = (),
    partial: bool = False,
) -> dict[str, Any]:
    """The values of all parameters, or, with `partial`, of those that are given.

    Raises `ParameterError` for all that does not fit, at once. `others` are options that are none
    of the pipeline's, and may have been meant.
    """
    below, origins = _below(parameters, files)
    texts, problems = parameters.texts(words)
    _note_bare_secrets(texts, parameters.signature)
    problems += _misspelled(texts, parameters.names, others)
    texts, wrong = _opened(texts, parameters.signature)
    # What an option overrules is not to blame for what is wrong.
    origins = {name: origin for name, origin in origins.items() if name not in texts}
    return parameters.read(merged(below, texts), problems + wrong, origins, partial=partial)


def _below(parameters: Parameters, files: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What files and environment say, and which of them says it."""
    variables = {name: variable(name) for name in parameters.names}
    values: dict[str, Any] = {
        name: os.environ[each] for name, each in variables.items() if each in os.environ
    }
    origins = {name: f"in the environment, {variables[name]}" for name in values}
    for path in files:
        more = {name.replace("-", "_"): value for name, value in _of_file(path).items()}
        values |= more
        origins |= dict.fromkeys(more, "on standard input" if path == "-" else f"in {path}")
    return values, origins


def _of_file(path: str) -> dict[str, Any]:
    """The table of a TOML or JSON file."""
    if path != "-" and not path.lower().endswith((".json", ".toml")):
        raise click.UsageError(
            f"--params {path}: its name has to end in .json or .toml; - reads JSON from standard "
            "input"
        )
    text = _text_of(path)
    try:
        loaded = _toml(text) if path.lower().endswith(".toml") else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--params {path} cannot be read: {error}") from None
    if not isinstance(loaded, dict):
        kind = type(loaded).__name__
        raise click.UsageError(
            f'--params {path} holds a {kind}, not an object of parameters: {{"name": value}}'
        )
    return loaded


def _toml(text: str) -> dict[str, Any]:
    import tomllib  # only who has such a file pays for it

    return tomllib.loads(text)


def _text_of(path: str) -> str:
    try:
        if path == "-":
            return sys.stdin.read()
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            return file.read()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{path} cannot be read: it is no UTF-8 text") from None


def _opened(
    texts: Mapping[str, Any], signature: inspect.Signature
) -> tuple[dict[str, Any], Problems]:
    """The texts, with secrets written `@FILE` read from there."""
    opened = dict(texts)
    problems: Problems = []
    for name, text, hint in _typed(texts, signature):
        if isinstance(text, Fields) and (inner := fields_signature(hint)):
            fields, wrong = _opened(text, inner)
            opened[name] = Fields(fields)
            problems += [(f"{name}.{where}", what) for where, what in wrong]
        elif isinstance(text, str) and text.startswith("@") and is_secret(hint):
            try:
                opened[name] = _text_of(text[1:] or "-").removesuffix("\n").removesuffix("\r")
            except click.UsageError as error:
                del opened[name]
                problems.append((name, error.message))
    return opened, problems


def _misspelled(texts: dict[str, Any], names: Sequence[str], others: Sequence[str]) -> Problems:
    """Take out what is unknown here, but near to an option of the command."""
    problems: Problems = []
    for name in [name for name in texts if name not in names and not near(name, names)]:
        if meant := near(f"--{name.replace('_', '-')}", others):
            del texts[name]
            problems.append((name, f"unknown{meant}"))
    return problems


def _note_bare_secrets(texts: Mapping[str, Any], signature: inspect.Signature) -> None:
    """Say of a secret on the command line that others can see it there."""
    for name, text, hint in _typed(texts, signature):
        if isinstance(text, str) and is_secret(hint) and not text.startswith("@"):
            option = f"--{name.replace('_', '-')}"
            click.echo(
                f"note: every user of this machine can see {option} in its list of processes; "
                f"{option} @FILE, {option} @- or the variable {variable(name)} keeps it to you",
                err=True,
            )


def _typed(
    texts: Mapping[str, Any], signature: inspect.Signature
) -> Iterator[tuple[str, Any, Any]]:
    """Name, text and type of what is known."""
    for name, text in texts.items():
        with suppress(KeyError):
            yield name, text, signature.parameters[name].annotation
