"""What a person sees of a run in a terminal, and a program in a pipe.

    terminal  a live table, for a person
    lines     plain lines, for a log
    jsonl     one event per line, for a program

All of them listen to the events of a run. `tally` counts them by task name, `failures` groups what
failed; `rows` and `report` put both into lines, which `clean` makes safe and `paint` writes.
"""

from taskflow.progress.choose import command_line_progress, default_progress

__all__ = ["command_line_progress", "default_progress"]
