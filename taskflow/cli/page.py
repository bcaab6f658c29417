"""Pages of help: that of a pipeline, and how all of them look in a terminal."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from click.shell_completion import CompletionItem

    from taskflow.authoring.parameters import Row

#: Settings of every command: options before FILE are its own, and pages use a wide terminal.
SETTINGS: Final[dict[str, Any]] = {"allow_interspersed_args": False, "max_content_width": 100}
_HEADING: Final = re.compile(r"^([A-Z][^\n]*:)$|^(Usage:)", re.MULTILINE)
_OPTION: Final = re.compile(r"^( {2,}-[^ ]+(?:,? / ?-[^ ]+|, -[^ ]+)*)", re.MULTILINE)
_BETWEEN: Final = re.compile(r"^>= (\S+), <= (\S+)$")
_LONGEST: Final = 60


class Command(click.Command):
    """A command whose page of help has headings and options that stand out."""

    def get_help(self, ctx: click.Context) -> str:
        return painted(super().get_help(ctx))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """After FILE the parameters of its pipeline come first."""
        from taskflow.cli.completion import parameter_options

        parameters = parameter_options(str(ctx.params.get("target") or ""), incomplete)
        names = {each.value for each in parameters}
        own = super().shell_complete(ctx, incomplete)
        return [*parameters, *(each for each in own if each.value not in names)]


def painted(page: str) -> str:
    """A page with headings in bold and options in colour; `click.echo` knows where to drop that."""
    if os.environ.get("NO_COLOR"):
        return page
    page = _HEADING.sub(lambda found: click.style(found[0], bold=True), page)
    return _OPTION.sub(lambda found: click.style(found[0], fg="cyan"), page)


def pipeline_page(ctx: click.Context, target: str, pipeline: Any) -> str:
    """What a pipeline does and takes, and the options of the command that is to run it."""
    from taskflow.authoring.docstring import read_docstring

    rows = pipeline.parameters.describe()
    formatter = ctx.make_formatter()
    needed = "".join(f"--{_dashed(row.name)} {_word(row)} " for row in rows if row.required)
    rest = "" if all(row.required for row in rows) else "[--PARAMETER VALUE]..."
    formatter.write_usage(f"{ctx.command_path} {target}", f"{needed}{rest}".strip())
    about = read_docstring(pipeline.__doc__).prose
    if about:
        formatter.write_paragraph()
        width = formatter.width
        formatter.write(click.wrap_text(_verbatim(about), width, "  ", "  ", True) + "\n")
    if rows:
        with formatter.section("Parameters"):
            formatter.write_dl(list(_lines(rows)))
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_sources(rows))
    with formatter.section(f"Options of {ctx.command_path}"):
        formatter.write_dl(_options(ctx, [row.name for row in rows]))
    return painted(formatter.getvalue().rstrip("\n"))


def _lines(rows: Sequence[Row], prefix: str = "--", indent: str = "") -> Iterator[tuple[str, str]]:
    """Option and explanation of each parameter; below an object those of its fields."""
    for row in rows:
        option = prefix + (_dashed(row.name) if prefix == "--" else row.name)
        rest = f"/ --no-{option[2:]}" if _is_flag(row) else _word(row)
        yield f"{indent}{option} {rest}", _explained(row)
        yield from _lines(row.fields, f"{option}.", f"{indent}  ")


def _explained(row: Row) -> str:
    """What a parameter is for, and in brackets what else there is to know."""
    from taskflow.authoring.wording import bounds_text, written

    example = written(row.hint) if row.required and not _is_flag(row) else ""
    facts = [
        _BETWEEN.sub(r"\1 to \2", bounds_text(row.hint)),
        "required" if row.required else "",
        f"such as {example}" if example else "",
        f"default: {_default(row)}" if row.default and not row.secret else "",
        "or field by field" if row.fields else "",
        "secret; better @FILE than here" if row.secret and not row.fields else "",
    ]
    told = "; ".join(filter(None, facts)) or "optional"
    return f"{' '.join(row.doc.split())}  [{told}]".strip()


def _default(row: Row) -> str:
    if _is_flag(row) and row.default in {"true", "false"}:
        return "yes" if row.default == "true" else "no"
    return row.default if len(row.default) <= _LONGEST else f"{row.default[:_LONGEST]}..."


def _is_flag(row: Row) -> bool:
    from taskflow.authoring.words import is_flag

    return is_flag(row.hint)


def _word(row: Row) -> str:
    from taskflow.authoring.wording import value_word

    return "JSON" if row.fields else "yes|no" if _is_flag(row) else value_word(row.hint)


def _sources(rows: Sequence[Row]) -> str:
    from taskflow.cli.given import variable

    several = any(_word(row).endswith("...") for row in rows)
    lists = "What ends in ... may be given repeatedly, or as JSON. " if several else ""
    return (
        f"{lists}What is not given here is taken from --params FILE, then from the environment "
        f"({variable(rows[0].name)}), then it is the default."
    )


def _options(ctx: click.Context, names: Sequence[str]) -> list[tuple[str, str]]:
    """The command's own options, with a word where a parameter has taken the name."""
    found = []
    for option in ctx.command.get_params(ctx):
        record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
        if record is not None and "--help" not in option.opts:
            spelled = {each.lstrip("-").replace("-", "_") for each in option.opts}
            taken = "  (before FILE; here it is a parameter)" if spelled & {*names} else ""
            found.append((record[0], record[1] + taken))
    return found


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _verbatim(text: str) -> str:
    """Paragraphs with indented lines stay as they are written: code, lists, tables."""
    paragraphs = re.split(r"\n\s*\n", text)
    kept = re.compile(r"\n\s|^\s|\n[-*] |^[-*] ")
    return "\n\n".join(f"\b\n{each}" if kept.search(each) else each for each in paragraphs)
