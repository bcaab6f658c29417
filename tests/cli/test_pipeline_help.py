"""`taskflow run FILE --help`: a page about one pipeline."""

from __future__ import annotations

import pytest

FLOW = '''
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from taskflow import Secret, pipeline, task

class Mode(Enum):
    FAST = 1
    SLOW = 2

@dataclass
class Site:
    """A site.

    Args:
        url: Where it is.
    """

    url: str
    depth: int = 1
    tags: list[str] = field(default_factory=list)
    deep: bool = False

@task
def show(site: Site) -> str:
    return repr(site)

@pipeline
def scrape_site(
    site: Site,
    token: Annotated[str, Secret],
    since: date,
    days: list[int] = [1, 2],
    mode: Mode = Mode.FAST,
    pages: Annotated[int, msgspec.Meta(ge=1, le=500, description="At most so many.")] = 100,
    wait: timedelta = timedelta(minutes=90),
    out: Path | None = None,
    colour: Literal["red", "blue"] = "red",
    strict: bool = True,
    prefix: str = "",
    workers: int = 3,
):
    """Scrape a site.

    A paragraph that is longer than a line of a narrow terminal, and that is broken where the
    terminal ends, as prose should be.

        code that stays
          as it is

    Args:
        days: On which days.
        mode: How fast.

    Returns:
        Something.
    """
    return show(site)
'''

PAGE = """\
Usage: taskflow run flow.py --site JSON --token text --since date [--PARAMETER
                            VALUE]...

  Scrape a site.

  A paragraph that is longer than a line of a narrow terminal, and that is
  broken where the terminal ends, as prose should be.

      code that stays
        as it is

Parameters:
  --site JSON                     [required; or field by field]
    --site.url text               Where it is.  [required]
    --site.depth int              [default: 1]
    --site.tags text...           [optional]
    --site.deep / --no-site.deep  [default: no]
  --token text                    [required; secret; better @FILE than here]
  --since date                    [required; such as 2026-01-31]
  --days int...                   On which days.  [default: [1, 2]]
  --mode FAST|SLOW                How fast.  [default: FAST]
  --pages int                     At most so many.  [1 to 500; default: 100]
  --wait duration                 [default: 1h30m]
  --out path                      [default: none]
  --colour red|blue               [default: red]
  --strict / --no-strict          [default: yes]
  --prefix text                   [default: ""]
  --workers int                   [default: 3]

  What ends in ... may be given repeatedly, or as JSON. What is not given here
  is taken from --params FILE, then from the environment (TASKFLOW_PARAM_SITE),
  then it is the default.

Options of taskflow run:
"""


@pytest.fixture
def flow(folder):
    return folder.write("flow.py", FLOW)


def test_the_page_says_what_a_pipeline_takes(folder, flow):
    """Types in words, bounds, defaults as they would be typed, what the docstrings say."""
    result = folder.taskflow("run", flow, "--help", COLUMNS="82")
    assert result.returncode == 0, result.stderr
    assert result.stdout[: len(PAGE)] == PAGE


@pytest.mark.ring_programs
def test_an_option_that_a_parameter_hides_is_told_of(folder, flow):
    """`--workers` after FILE is the parameter of that name."""
    page = folder.taskflow("run", flow, "--help", COLUMNS="120").stdout
    options = page[page.index("Options of taskflow run:") :]
    assert "How many run at once. [x>=1] (before FILE; here it is a parameter) --" in " ".join(
        options.split()
    )
    assert options.count("(before FILE") == 1


@pytest.mark.ring_programs
@pytest.mark.parametrize("columns", [30, 60, 100, 250])
def test_the_page_fits_the_terminal(folder, flow, columns):
    """No line is longer, but for what cannot be broken; none is longer than is pleasant."""
    page = folder.taskflow("run", flow, "--help", COLUMNS=str(columns)).stdout
    widest = max(len(line) for line in page.split("\n") if not line.startswith(("Usage", "   ")))
    assert widest <= max(52, min(columns, 100))


@pytest.mark.ring_programs
def test_colours_are_for_terminals_only(folder, flow):
    """A page that is piped on, or wanted without, is plain text."""
    assert "\x1b" not in folder.taskflow("run", flow, "--help").stdout


@pytest.mark.ring_programs
def test_a_pipeline_without_parameters_has_a_page_too(folder):
    """With what it does, and the options of the command."""
    name = folder.write("p.py", "from taskflow import pipeline\n\n@pipeline\ndef p(): ...\n")
    page = folder.taskflow("graph", name, "--help").stdout
    assert page.startswith("Usage: taskflow graph p.py\n\nOptions of taskflow graph:\n")
