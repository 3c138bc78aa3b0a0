"""A picture of pictures: examples with what was asked, what is right, and what the model said.

Two pictures of an example stand side by side; of boxes the right one is green, another one that the
model chose is red.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vlcli.contracts import Box, Example, Prediction
from vlcli.data.visual import Reader
from vlcli.runs.evaluate import Evaluation
from vlcli.spec.problem import UserError
from vlcli.tasks.regions import share

SIDE, COLUMNS, ROWS, MARGIN, LINE, WORDS = 220, 4, 3, 14, 17, 30
SIDE_BY_SIDE, GAP = 2, 6  # pictures of an example, and pixels between them
PALE = (245, 245, 244)
RIGHT, WRONG, INK, GREY = (22, 128, 61), (185, 28, 28), (28, 25, 23), (120, 113, 108)


def draw_samples(evaluation: Evaluation, reader: Reader | None, folder: Path) -> list[Path]:
    """`samples.png`: twelve examples spread over the split; the first picture also alone, as
    `first.png`. Nothing where the run sees no pictures, or they are not at hand."""
    pictures = getattr(reader, "pictures", None)
    shown = [each for each in evaluation.examples if each.images]
    if pictures is None or not shown:
        return []
    step = max(1, len(shown) // (COLUMNS * ROWS))
    chosen = shown[::step][: COLUMNS * ROWS]
    names = [each.images[0] for each in chosen]
    if len(pictures.faults(names)) == len(set(names)):
        return []
    height = SIDE + 5 * LINE + 2 * MARGIN
    rows = -(-len(chosen) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (SIDE + MARGIN) + MARGIN, rows * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    folder.mkdir(parents=True, exist_ok=True)
    _picture(pictures, names[0]).save(folder / "first.png")
    for number, example in enumerate(chosen):
        said = evaluation.predictions[example.id]
        left = MARGIN + number % COLUMNS * (SIDE + MARGIN)
        top = MARGIN + number // COLUMNS * height
        sheet.paste(_shown(pictures, example, said), (left, top))
        _words(draw, left, top + SIDE + 4, font, example, said)
    path = folder / "samples.png"
    sheet.save(path)
    return [path]


def _picture(pictures: Any, name: str) -> Image.Image:
    try:
        found = pictures.open(name)
    except UserError:
        return Image.new("RGB", (SIDE, SIDE), "lightgrey")
    return found if isinstance(found, Image.Image) else Image.fromarray(np.asarray(found))


def _shown(pictures: Any, example: Example, said: Prediction) -> Image.Image:
    """The pictures of an example in a square, with boxes in the first."""
    names = example.images[:SIDE_BY_SIDE]
    wide = (SIDE - GAP * (len(names) - 1)) // len(names)
    square = Image.new("RGB", (SIDE, SIDE), "white" if len(names) > 1 else PALE)
    for number, name in enumerate(names):
        picture = _scaled(_picture(pictures, name), wide)
        if number == 0:
            _boxes(picture, example, said)
        left = number * (wide + GAP) + (wide - picture.width) // 2
        square.paste(picture, (left, (SIDE - picture.height) // 2))
    return square


def _scaled(picture: Image.Image, wide: int) -> Image.Image:
    """As large as fits; small pictures are enlarged without blur."""
    scale = min(wide / picture.width, SIDE / picture.height)
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.convert("RGB").resize(size, method)


def _boxes(picture: Image.Image, example: Example, said: Prediction) -> None:
    """Draw the right box, where the record has one, and the one that was chosen."""
    draw = ImageDraw.Draw(picture)
    if example.record.get("box") is not None:
        _box(draw, picture.size, share(example.record, example.record["box"]), RIGHT, 3)
    if said.box is not None:
        _box(draw, picture.size, said.box, _colour(example, said), 2)


def _box(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], box: Box, colour: Any, thick: int
) -> None:
    x1, y1, x2, y2 = (round(at * (side - 1)) for at, side in zip(box, size * 2, strict=True))
    draw.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=colour, width=thick)


def _right(example: Example) -> list[str]:
    return list(example.references) or list(example.labels)


def _colour(example: Example, said: Prediction) -> tuple[int, int, int]:
    """Of what was said: right, wrong, or of neither where several texts could be right."""
    right = _right(example)
    if said.text in right:
        return RIGHT
    return WRONG if len(right) == 1 or said.box is not None else INK


def _words(
    draw: ImageDraw.ImageDraw, left: int, top: int, font: Any, example: Example, said: Prediction
) -> None:
    right = _right(example)
    lines = [(line, INK) for line in _wrapped(example.text)]
    lines += [(line, _colour(example, said)) for line in _wrapped(f"> {said.text}")]
    if right and said.text not in right:
        lines += [(line, GREY) for line in _wrapped(f"({right[0]})")]
    for number, (line, colour) in enumerate(lines[:5]):
        draw.text((left, top + number * LINE), line, fill=colour, font=font)


def _wrapped(text: str) -> list[str]:
    """At most two lines under a picture."""
    return textwrap.wrap(text, WORDS, max_lines=2, placeholder=" ...")
