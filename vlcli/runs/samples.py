"""A picture of pictures: examples with what was asked, what is right, and what the model said."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vlcli.contracts import Example, Prediction
from vlcli.data.visual import Reader
from vlcli.runs.evaluate import Evaluation
from vlcli.spec.problem import UserError

SIDE, COLUMNS, ROWS, MARGIN, LINE, WORDS = 220, 4, 3, 14, 17, 30
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
    font = ImageFont.load_default(13)
    folder.mkdir(parents=True, exist_ok=True)
    for number, example in enumerate(chosen):
        picture = _picture(pictures, example)
        if number == 0:
            picture.save(folder / "first.png")
        left = MARGIN + number % COLUMNS * (SIDE + MARGIN)
        top = MARGIN + number // COLUMNS * height
        sheet.paste(_fitted(picture), (left, top))
        _words(ImageDraw.Draw(sheet), left, top + SIDE + 4, font, example, evaluation.predictions)
    path = folder / "samples.png"
    sheet.save(path)
    return [path]


def _picture(pictures: Any, example: Example) -> Image.Image:
    try:
        found = pictures.open(example.images[0])
    except UserError:
        return Image.new("RGB", (SIDE, SIDE), "lightgrey")
    return found if isinstance(found, Image.Image) else Image.fromarray(np.asarray(found))


def _fitted(picture: Image.Image) -> Image.Image:
    """The whole picture in a square; small ones are enlarged without blur."""
    method = Image.Resampling.NEAREST if max(picture.size) < SIDE else Image.Resampling.LANCZOS
    scale = SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    square = Image.new("RGB", (SIDE, SIDE), (245, 245, 244))
    square.paste(
        picture.convert("RGB").resize(size, method), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2)
    )
    return square


def _words(
    draw: ImageDraw.ImageDraw,
    left: int,
    top: int,
    font: Any,
    example: Example,
    predictions: dict[str, Prediction],
) -> None:
    said = predictions[example.id].text
    right = list(example.references) or list(example.labels)
    lines = [(line, INK) for line in _wrapped(example.text)]
    known = [] if len(right) > 1 and said in right else right[:1]
    lines += [
        (line, RIGHT if said in right else WRONG if len(right) == 1 else INK)
        for line in _wrapped(f"> {said}")
    ]
    if known and said not in right:
        lines += [(line, GREY) for line in _wrapped(f"({known[0]})")]
    for number, (line, colour) in enumerate(lines[:5]):
        draw.text((left, top + number * LINE), line, fill=colour, font=font)


def _wrapped(text: str) -> list[str]:
    """At most two lines under a picture."""
    return textwrap.wrap(text, WORDS, max_lines=2, placeholder=" ...")
