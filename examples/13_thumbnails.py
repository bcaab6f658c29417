"""Thumbnails: a folder of pictures, some of which are broken, and a contact sheet of the rest.

Cameras lose power while they save; somebody saves a web page as .jpg. `thumbnail` fails for these,
each by itself, with Pillow's own words. `successes` hands on what there is, `outcomes` also what is
not, and both may be asked of the same map. The pictures lie in `current.run_dir`, a folder that
lives as long as the run: between tasks travel only their paths.

Needs Pillow.  Try:  taskflow run examples/13_thumbnails.py --count 200 --size 64
"""

from cmath import rect
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from PIL import Image, ImageOps

import taskflow
from taskflow import Failure, current, outcomes, pipeline, successes, task

Some = Annotated[int, Meta(ge=1)]  # `--count 0` is refused before anything runs


@task
def take_photo(number: int) -> Path:
    """A picture of a size and colours of its own; every seventh is broken in one of three ways."""
    width, height = 300 + 211 * number % 900, 300 + 157 * number % 700
    shore = rect(0.51, number / 4) - rect(0.255, number / 2)  # of the Mandelbrot set
    view = (shore.real - 0.2, shore.imag - 0.2, shore.real + 0.2, shore.imag + 0.2)
    grey = ImageOps.equalize(Image.effect_mandelbrot((width, height), view, 80))
    colour = f"hsl({number * 41 % 360}, 80%, 55%)"
    file = Path(current.run_dir or ".") / f"photo-{number:03}.jpg"
    ImageOps.colorize(grey, "#101830", "white", colour).save(file)
    if number % 7 == 3:
        broken = (file.read_bytes()[:5000], b"<!DOCTYPE html><title>404</title>", b"")
        file.write_bytes(broken[number // 7 % 3])
    return file


@task
def thumbnail(photo: Path, size: int) -> Path:
    """A small, square version of a picture, beside it."""
    target = photo.with_suffix(".png")
    with Image.open(photo) as image:
        ImageOps.fit(image, (size, size)).save(target)
    return target


@task
def contact_sheet(thumbnails: list[Path], size: int, path: Path) -> Path:
    """All thumbnails in one picture, eight beside each other."""
    rows = -(-len(thumbnails) // 8)
    sheet = Image.new("RGB", (8 * size, rows * size), "white")
    for place, file in enumerate(thumbnails):
        with Image.open(file) as image:
            sheet.paste(image, (place % 8 * size, place // 8 * size))
    sheet.save(path)
    return path


@task
def report(thumbnails: list[Path | Failure], photos: list[Path], sheet: Path) -> str:
    """How many thumbnails there are, and why the others are not."""
    pairs = [*zip(photos, thumbnails, strict=True)]
    failed = [(photo, str(it.error)) for photo, it in pairs if isinstance(it, Failure)]
    lines = [f"{photo.name}: {why.replace(str(photo), photo.name)}" for photo, why in failed]
    return "\n".join([f"{len(pairs) - len(failed)} of {len(pairs)} photos are on {sheet}", *lines])


@pipeline
def thumbnails(count: Some = 24, size: Some = 96, path: Path = Path("contact-sheet.png")) -> str:
    """Take some photos and make a contact sheet of those that can be read."""
    photos = take_photo.map(range(count))
    small = thumbnail.map(photos, size=size)
    return report(outcomes(small), photos, contact_sheet(successes(small), size, path))


if __name__ == "__main__":
    print(taskflow.run(thumbnails))
