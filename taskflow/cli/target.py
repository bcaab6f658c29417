"""What stands behind a command: FILE[:NAME], and the words after it.

Options of the command stand before FILE, parameters of the pipeline after it. After FILE an option
of the command is taken only if no parameter has its name.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections import deque
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from taskflow.authoring.loading import find, load
from taskflow.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Request:
    """A pipeline, the words of the command line that are for it, and the command's options."""

    pipeline: Any
    words: list[str]
    options: dict[str, Any]

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of all parameters."""
        values: dict[str, Any] = self.pipeline.parameters.parse(self.words)
        return values

    @property
    def some_parameters(self) -> dict[str, Any]:
        """The values of those parameters that are given, for what needs no more."""
        every = self.pipeline.parameters
        named = {_name_in(word) for word in self.words if word.startswith("--")}
        given = [each for each in _names(self.pipeline) if {each, f"no_{each}"} & named]
        if len(given) < len(named):  # some are unknown: have them all told in one message
            return self.parameters
        signature = inspect.Signature([every.signature.parameters[each] for each in given])
        some = replace(every, signature=signature)
        try:
            values: dict[str, Any] = some.parse(self.words)
        except ParameterError as error:
            raise ParameterError(str(error).replace(str(some), str(every))) from None
        return values


def requested(ctx: click.Context, options: dict[str, Any]) -> Request:
    """Find the pipeline and share out the words after FILE; `--help` among them ends here."""
    target, words = options.pop("target"), list(options.pop("words"))
    path, name = split_target(target)
    with data_kept_apart():
        pipeline = find(load(path), name)
    names = _names(pipeline)
    if "help" not in names and {"-h", "--help"} & set(words):
        click.echo(pipeline_help(ctx, target, pipeline))
        ctx.exit()
    own, words = _shared_out(ctx.command, words, names)
    return Request(pipeline, words, _merged(ctx, own, options))


def split_target(target: str) -> tuple[str, str | None]:
    """The path and the name in `FILE:NAME`; a file may have a colon in its own name."""
    path, colon, name = target.rpartition(":")
    if not colon or os.path.exists(target):
        return target, None
    if not name:
        raise click.UsageError(f"no name after the colon in {target!r}")
    return path, name


@contextmanager
def data_kept_apart() -> Iterator[None]:
    """What the user's code prints meanwhile goes to standard error: standard output is for data."""
    with redirect_stdout(sys.stderr):
        yield


def pipeline_help(ctx: click.Context, target: str, pipeline: Any) -> str:
    """What a pipeline does and takes, as a page of help."""
    formatter = ctx.make_formatter()
    formatter.write_usage(f"{ctx.command_path} {target}", "[--PARAMETER VALUE]...")
    about = inspect.cleandoc(pipeline.__doc__ or "")
    if about:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write(click.wrap_text(about, formatter.width, "  ", "  ", True) + "\n")
    rows = pipeline.parameters.describe()
    if rows:
        with formatter.section("Parameters"):
            formatter.write_dl([(_spelled(row), _explained(row)) for row in rows])
    formatter.write_paragraph()
    formatter.write_text(f"Options of the command stand before FILE: {ctx.command_path} --help")
    return formatter.getvalue().rstrip("\n")


def _spelled(row: Any) -> str:
    option = row.name.replace("_", "-")
    return f"--{option} / --no-{option}" if row.type == "bool" else f"--{option} {row.type}"


def _explained(row: Any) -> str:
    fact = "required" if row.required else f"default: {row.default}"
    return f"{row.doc}  [{fact}]".strip()


def _names(pipeline: Any) -> list[str]:
    return [row.name for row in pipeline.parameters.describe()]


def _name_in(word: str) -> str:
    return word.removeprefix("--").partition("=")[0].replace("-", "_")


def _shared_out(
    command: click.Command, words: Sequence[str], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The words after FILE that are for the command, and those for the pipeline."""
    options = {
        spelled: option
        for option in command.params
        if isinstance(option, click.Option)
        for spelled in option.opts
        if _name_in(spelled) not in names
    }
    own: list[str] = []
    others: list[str] = []
    rest = deque(words)
    while rest:
        word = rest.popleft()
        option = options.get(word.partition("=")[0] if word.startswith("--") else word)
        taken = others if option is None else own
        taken.append(word)
        if rest and _takes_next(word, option, rest[0], options):
            taken.append(rest.popleft())
    return own, others


def _takes_next(
    word: str, option: click.Option | None, following: str, options: Mapping[str, click.Option]
) -> bool:
    """Whether the word after an option is its value."""
    if not word.startswith("-") or "=" in word:
        return False
    if option is not None:
        return not option.is_flag
    # As for parameters of a pipeline: where no option follows, it can only be the value.
    return not following.startswith("--") and following not in options


def _merged(ctx: click.Context, own: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """The options from before FILE, overruled or extended by those from after it."""
    if not own:
        return options
    later = ctx.command.make_context(ctx.info_name, [*own, "FILE"], parent=ctx.parent)
    merged = dict(options)
    for name, value in later.params.items():
        if name in merged and later.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            merged[name] = merged[name] + value if isinstance(value, tuple) else value
    return merged
