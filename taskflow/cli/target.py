"""What stands behind a command: FILE[:NAME], and the words after it.

Options of the command stand before FILE, parameters of the pipeline after it. After FILE an option
of the command is taken only if no parameter has its name.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from taskflow.authoring.loading import find, load
from taskflow.cli.completion import complete_target, complete_value
from taskflow.cli.given import read_given
from taskflow.cli.page import pipeline_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Request:
    """A pipeline, the words of the command line that are for it, and the command's options."""

    pipeline: Any
    words: list[str]
    options: dict[str, Any]
    #: How the command's options are spelled, for who misspells one after FILE.
    spelled: tuple[str, ...] = ()

    def parameters(self, *, partial: bool = False) -> dict[str, Any]:
        """The values of all parameters; with `partial` of those that are given."""
        parameters, files = self.pipeline.parameters, self.options["params"]
        return read_given(parameters, self.words, files, others=self.spelled, partial=partial)


def takes_pipeline(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add to a command what all commands about a pipeline have: its file and its parameters."""
    for add in (
        click.argument(
            "words",
            nargs=-1,
            type=click.UNPROCESSED,
            metavar="[--PARAMETER VALUE]...",
            shell_complete=complete_value,
        ),
        click.argument("target", metavar="FILE[:NAME]", shell_complete=complete_target),
        click.option(
            "--params",
            multiple=True,
            metavar="FILE",
            help="Take parameters from a .json or .toml file, or - for JSON on standard input.",
        ),
    ):
        command = add(command)
    return command


def requested(ctx: click.Context, options: dict[str, Any]) -> Request:
    """Find the pipeline and share out the words after FILE; `--help` among them ends here."""
    target, words = options.pop("target"), list(options.pop("words"))
    path, name = split_target(target)
    with data_kept_apart():
        pipeline = find(load(path), name)
    names = pipeline.parameters.names
    if "help" not in names and {"-h", "--help"} & set(words):
        click.echo(pipeline_page(ctx, target, pipeline))
        ctx.exit()
    own, words = _shared_out(ctx.command, words, names)
    spelled = tuple(each for option in ctx.command.params for each in option.opts)
    return Request(pipeline, words, _merged(ctx, own, options), spelled)


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
        if option is not None and not option.is_flag and "=" not in word and not rest:
            raise click.UsageError(f"option {word} is given without a value; write {word} VALUE")
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
