"""Dynamic pipelines: graphs that grow while they run, as deep as the data asks for.

A `@pipeline(dynamic=True)` is traced when its arguments are known, in the middle of a run: `if`,
`for` and recursion over values just work in it. This one draws the Mandelbrot set. Where all points
on the edge of a tile have the same shade, so have those inside, and nothing is left to compute; any
other tile is cut in four, and `draw` calls itself for each. Nobody could have known this graph
beforehand. (`max_depth` and `max_tasks` stop a pipeline that would call itself forever.)

Try:  taskflow run examples/06_dynamic.py --width 160
"""

import taskflow
from taskflow import pipeline, task

SHADES = " .:-=+*#%@"
Tile = tuple[int, int, int, int]  # left, top, right and bottom, counted in letters


def shade(column: int, row: int, step: float) -> str:
    """How soon a point escapes, as a letter; the last one is for those that never do."""
    z, c = 0j, complex(column * step - 2.1, (2 * row + 1) * step - 1.2)
    for turn in range(2000):
        if abs(z) > 2:
            return SHADES[min(turn // 2, len(SHADES) - 2)]
        z = z * z + c
    return SHADES[-1]


def quarters(tile: Tile) -> list[Tile]:
    """A tile cut in four."""
    left, top, right, bottom = tile
    x, y = (left + right) // 2, (top + bottom) // 2
    return [(left, top, x, y), (x, top, right, y), (left, y, x, bottom), (x, y, right, bottom)]


@task
def edge(tile: Tile, step: float) -> set[str]:
    """The shades that occur on the edge of a tile."""
    left, top, right, bottom = tile
    points = {(x, y) for x in range(left, right) for y in (top, bottom - 1)}
    points |= {(x, y) for x in (left, right - 1) for y in range(top, bottom)}
    return {shade(x, y, step) for x, y in points}


@task
def paint(tile: Tile, step: float) -> str:
    """The rows of a tile, every point of them computed."""
    left, top, right, bottom = tile
    rows = ((shade(x, y, step) for x in range(left, right)) for y in range(top, bottom))
    return "\n".join(map("".join, rows))


@task
def join(a: str, b: str, c: str, d: str) -> str:
    """Four quarters as one: a and b above c and d."""
    sides = (a + "\n" + c).splitlines(), (b + "\n" + d).splitlines()
    return "\n".join(map("".join, zip(*sides, strict=True)))


@pipeline(dynamic=True)
def draw(tile: Tile, step: float, shades: set[str]) -> str:
    """Draw a tile that has these shades on its edge."""
    left, top, right, bottom = tile
    if len(shades) == 1:
        return "\n".join([shades.pop() * (right - left)] * (bottom - top))
    if bottom - top < 8:
        return paint(tile, step)
    return join(*[draw(quarter, step, edge(quarter, step)) for quarter in quarters(tile)])


@pipeline
def dynamic(width: int = 76) -> str:
    """Draw the Mandelbrot set, so many letters wide."""
    tile, step = (0, 0, width, width * 2 // 5), 3 / width
    return draw(tile, step, edge(tile, step))


if __name__ == "__main__":
    print(taskflow.run(dynamic))
