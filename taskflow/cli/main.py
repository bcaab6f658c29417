"""The command `taskflow`: its commands are imported when they are called, so `--help` is instant.

Progress and messages go to standard error, data goes to standard output.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from taskflow._clash import check_is_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE: Final = 2  # these two again in `exits`, which `--help` does not load
INTERRUPTED: Final = 130
_CLOSED_PIPE: Final = 141  # what a shell shows of a program that SIGPIPE ended

#: What each command does, in a line; module and function bear its name.
COMMANDS: Final = {
    "run": "Run a pipeline of a Python file and print its value.",
    "graph": "Draw a pipeline of a Python file.",
    "runs": "List the runs that were kept.",
    "show": "Show a run, or one of its tasks.",
    "logs": "Show what the tasks of a run wrote.",
    "explain": "Say why a task ran, was kept, was skipped, or waits.",
    "resume": "Go on with a run where it was.",
    "rerun": "Run a pipeline again with the parameters of an earlier run.",
    "debug": "Run one task again, with the same inputs, in the debugger.",
    "cancel": "Ask a running run to end.",
    "serve": "Start the pipelines of a folder on their schedules.",
    "schedules": "List schedules, and pause or resume them.",
    "submit": "Queue a run for the service.",
    "backfill": "Run the ticks of a schedule that are in the past.",
    "gc": "Remove old runs.",
    "doctor": "Check the store and what it stands on.",
}


#: What else the first page of help says.
_MORE: Final = {
    "More help": [
        ("taskflow COMMAND --help", "the options of a command"),
        ("taskflow run FILE --help", "the parameters of a pipeline"),
    ],
    "RUN stands for": [
        ("an id", "as taskflow runs lists them, or the beginning of one"),
        ("last, last-failed", "the run that began last, and of those that failed the last"),
    ],
    "Exit codes": [
        ("0", "all went well"),
        ("1", "the run failed"),
        ("2", "wrong usage, or a file, a pipeline or a parameter that cannot be used"),
        ("3", "taskflow, or something that it needs, failed"),
        ("4", "the run was cancelled, or took too long"),
        ("5", "nothing is like what was asked for"),
        ("130", "Ctrl-C"),
    ],
    "Completion with the Tab key": [
        ("bash", 'eval "$(_TASKFLOW_COMPLETE=bash_source taskflow)"'),
        ("zsh", 'eval "$(_TASKFLOW_COMPLETE=zsh_source taskflow)"'),
        ("fish", "_TASKFLOW_COMPLETE=fish_source taskflow | source"),
    ],
}


class Commands(click.Group):
    """A group whose commands are modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"taskflow.cli.{cmd_name}"), cmd_name
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(_unknown(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, lines in _MORE.items():
            with formatter.section(heading):
                formatter.write_dl(lines)

    def get_help(self, ctx: click.Context) -> str:
        from taskflow.cli.page import painted

        return painted(super().get_help(ctx))


def _unknown(word: str) -> str:
    """What may have been meant by a command that does not exist."""
    if word.endswith(".py") or ".py:" in word:
        return f"{word!r} is a file, not a command; to run it: taskflow run {word}"
    from taskflow.authoring.advice import near  # only a mistake pays for it

    known = near(word, COMMANDS) or f"; there are {', '.join(COMMANDS)}"
    return f"there is no command {word!r}{known}"


def _show_version(ctx: click.Context, _: click.Parameter, wanted: Any) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"taskflow {version('taskflow-orchestrator')}")
        except PackageNotFoundError:
            click.echo("taskflow, from sources that are not installed")
        ctx.exit()


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Ordinary Python functions as parallel pipelines."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    # At the end of a process the kernel takes all memory back at once: looking for circles in
    # it first would take longer than everything else that a short command does.
    atexit.register(gc.freeze)
    sys.exit(exit_code(args))


def _open_closed_streams() -> None:
    """Write into nothing where the shell has closed a stream (`2>&-`)."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Takes the lowest number that is free; workers, too, must find something there.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def exit_code(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _open_closed_streams()
    try:
        check_is_ours()
    except ImportError as error:
        click.echo(f"Error: {error}", err=True)
        return USAGE
    stdout = sys.stdout
    try:
        code = cli.main(args, prog_name="taskflow", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except SystemExit:
        # So click ends on a closed pipe: with another stream, and the code of a failed run.
        if sys.stdout is stdout:
            raise
        return _closed_pipe()
    return code if isinstance(code, int) else 0


def _closed_pipe() -> int:
    """Nobody reads on; and Python would complain of the rest when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return _CLOSED_PIPE
