"""`taskflow graph`: draws a pipeline, or prints its graph in the language of Graphviz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from taskflow.authoring.inputs import NoDefaultError
from taskflow.cli.exits import guarded
from taskflow.cli.page import SETTINGS, Command
from taskflow.cli.target import data_kept_apart, requested, takes_pipeline
from taskflow.draw import FORMATS, THEMES, render, to_graphviz
from taskflow.errors import DefinitionError


def _drawable(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a name that says no known format before the file is even imported."""
    if value is not None and Path(value).suffix[1:].lower() not in FORMATS:
        known = ", ".join(f".{each}" for each in FORMATS)
        raise click.BadParameter(f"{value!r} has to end in one of {known}")
    return value


@click.command(cls=Command, context_settings=SETTINGS)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    callback=_drawable,
    help=f"Draw to this file, by its suffix: {', '.join(f'.{each}' for each in FORMATS)}.",
)
@click.option(
    "--theme", type=click.Choice(THEMES), default="auto", help="The page that it will stand on."
)
@takes_pipeline
@click.pass_context
def graph(ctx: click.Context, /, **options: Any) -> int:
    """Draw the pipeline NAME of a Python file, or its only one. Nothing runs.

    Without -o the graph is printed in the language of Graphviz. Parameters that are not given
    appear as inputs.

    \b
        taskflow graph scrape.py -o scrape.svg
    """  # noqa: D301 - click takes a real backspace for "as it stands"
    return guarded(lambda: _drawn(ctx, options))


def _drawn(ctx: click.Context, options: dict[str, Any]) -> int:
    request = requested(ctx, options)
    values = request.parameters(partial=True)
    with data_kept_apart():
        try:
            graph = request.pipeline.trace(**values)
        except NoDefaultError as error:
            option = f"--{error.wanted.replace('_', '-')}"
            raise DefinitionError(
                f"{error.problem}; give one after FILE: {option} VALUE\n{error.deed}"
            ) from error
    output = request.options["output"]
    if output is None:
        click.echo(to_graphviz(graph, theme=request.options["theme"]).source, nl=False)
        return 0
    try:
        render(graph, output, theme=request.options["theme"])
    except OSError as error:
        raise click.BadParameter(f"cannot write {output}: {error.strerror}") from None
    return 0
