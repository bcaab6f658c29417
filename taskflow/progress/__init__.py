"""What a person sees of a run in a terminal, and a program in a pipe.

    terminal  a live table, for a person, on the `screen` of a terminal or in a `notebook`
    lines     plain lines, for a log, or only what tasks print
    jsonl     one event per line, for a program

All of them listen to the events of a run. `speech` says what cannot wait; `tally` counts the rest
by task name, `failures` groups what failed. `table` and `report` put both into lines, from `rows`,
`origins` and `words`, which `clean` makes safe and `paint` writes.
"""

from taskflow.progress.choose import command_line_progress, default_progress

__all__ = ["command_line_progress", "default_progress"]
