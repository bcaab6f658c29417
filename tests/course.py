"""The course in `examples/`: its programs, what its page shows of them, and their pictures.

`python tests/course.py --write` draws the pictures again and puts real outputs into the notebook.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PICTURES = EXAMPLES / "pictures"
NOTEBOOK = EXAMPLES / "15_notebook.ipynb"
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("[01][0-9]_*.py"))
#: What a pipeline without defaults is drawn with.
PARAMETERS: dict[str, dict[str, Any]] = {
    "07_async_io": {"sites": ["http://one.example", "http://two.example"]},
    "09_shell_and_http": {"site": "http://one.example"},
}
#: Runs that are drawn too, with the parameters they are given.
RUNS: dict[str, dict[str, Any]] = {"04_failures": {}, "06_dynamic": {"width": 40}}
BLOCK = re.DOTALL | re.MULTILINE


@dataclass(frozen=True)
class Section:
    """What the course shows of a program: pieces of its code, commands, pictures."""

    code: list[str]
    commands: list[tuple[str, str]]  #: with what they print
    pictures: list[str]

    @property
    def output(self) -> str:
        """What the first command prints; most chapters have no other."""
        return self.commands[0][1]


@cache
def sections() -> dict[str, Section]:
    """The sections of the course, by the program they are about."""
    page = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    found = {}
    for text in page.split("\n### ")[1:]:
        console = re.search(r"^```console\n(.*?)^```$", text, BLOCK)
        shown = console and re.search(r"examples/(\w+)\.py", console[1])
        if console and shown and shown[1] in PROGRAMS:
            blocks = re.findall(r"^```python\n(.*?)^```$", text, BLOCK)
            pieces = [piece for block in blocks for piece in block.rstrip().split("\n\n")]
            drawn = re.findall(r"^!\[.+\]\(examples/pictures/(\w+)\.svg\)$", text, re.MULTILINE)
            commands = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", console[1], re.MULTILINE)
            found[shown[1]] = Section(pieces, commands, drawn)
    return found


def source(program: str) -> str:
    """The code of a program."""
    return (EXAMPLES / f"{program}.py").read_text(encoding="utf-8")


def pipeline(program: str) -> Any:
    """The pipeline of a program, as the command line would find it."""
    from taskflow.authoring.loading import find, load

    return find(load(EXAMPLES / f"{program}.py"))


def picture(program: str) -> str:
    """The graph of a program, drawn now."""
    svg: str = pipeline(program).to_svg(**PARAMETERS.get(program, {}))
    return svg


def run_picture(program: str) -> str:
    """A run of a program, drawn after it has ended."""
    import taskflow

    run = taskflow.start(pipeline(program).options(progress=False), **RUNS[program])
    run.wait()
    svg: str = run.to_svg()
    return svg


def kept(picture: str) -> str:
    """A picture as the course shows it."""
    return (PICTURES / f"{picture}.svg").read_text(encoding="utf-8")


def words(svg: str) -> list[str]:
    """What a picture says, every name, count and state; no times, lines of code or coordinates."""
    svg = re.sub(r"(&#60;|&lt;)?\b\d[\d.]*m?s\b|\S+\.py:\d+", "…", svg)
    texts = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL).split("<")
    return sorted(said.strip() for text in texts if (said := text.partition(">")[2]).strip())


def executed_notebook() -> Any:
    """The notebook, run from its first to its last cell in a kernel of its own."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": ROOT}}).execute()
    return notebook


def values(notebook: Any) -> list[Any]:
    """What the cells give, as text and in the words of pictures; not how their runs went."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    given = [output.data for output in outputs if output.output_type == "execute_result"]
    return [(steady(each["text/plain"]), words(each.get("image/svg+xml", ""))) for each in given]


def steady(text: str) -> str:
    """The representation of a run without its id."""
    return re.sub(r"\b(?=\w*\d)[0-9a-z]{11}\b", "…", text)


def write() -> None:
    """Draw all pictures, run the notebook and keep what its cells give."""
    import nbformat

    for program in PROGRAMS:
        (PICTURES / f"{program}.svg").write_text(picture(program), encoding="utf-8")
    for program in RUNS:
        (PICTURES / f"{program}_run.svg").write_text(run_picture(program), encoding="utf-8")
    notebook = executed_notebook()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if "outputs" in cell:
            cell.outputs = [each for each in cell.outputs if each.output_type != "stream"]
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/course.py --write")
    write()
