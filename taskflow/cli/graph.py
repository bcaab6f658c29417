"""`taskflow graph`: draws a pipeline, or prints its graph in the language of Graphviz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from taskflow.cli.exits import INTERNAL, guarded
from taskflow.cli.target import data_kept_apart, requested
from taskflow.draw import FORMATS, DrawError, render


def _drawable(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a name that says no known format before the file is even imported."""
    if value is not None and Path(value).suffix[1:].lower() not in FORMATS:
        known = ", ".join(f".{each}" for each in FORMATS)
        raise click.BadParameter(f"{value!r} has to end in one of {known}")
    return value


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    callback=_drawable,
    help="Draw to this file: out.svg, out.png, out.pdf, or out.dot.",
)
@click.argument("target", metavar="FILE[:NAME]")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAMETER VALUE]...")
@click.pass_context
def graph(ctx: click.Context, /, **options: Any) -> int:
    """Draw the pipeline NAME of a Python file, or its only one. Nothing runs.

    Without -o the graph is printed in the language of Graphviz. Parameters that are not given
    appear as inputs: taskflow graph scrape.py -o scrape.svg --domain example.org
    """
    return guarded(lambda: _drawn(ctx, options))


def _drawn(ctx: click.Context, options: dict[str, Any]) -> int:
    request = requested(ctx, options)
    with data_kept_apart():
        drawing = request.pipeline.to_graphviz(**request.some_parameters)
    output = request.options["output"]
    if output is None:
        click.echo(drawing.source, nl=False)
        return 0
    try:
        render(drawing, output)
    except DrawError as error:
        click.echo(f"Error: {error}", err=True)
        return INTERNAL
    except OSError as error:
        raise click.BadParameter(f"cannot write {output}: {error.strerror}") from None
    return 0
