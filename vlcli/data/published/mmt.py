"""Multi30k, task 1: English descriptions of Flickr30k pictures with their German translations.

Below `multi30k-dataset/data/task1` stand `raw/<split>.en`, `raw/<split>.de` and
`image_splits/<split>.txt`, line by line. Features: `flickr30k/features/*_boxes36.h5` by year, and
`flickr30k/clip_features`; pictures: `flickr30k/images/*.jpg`.
"""

from __future__ import annotations

from itertools import count

from vlcli.spec.problem import UserError

from ..records import Record
from ..references import is_name, other_root
from .asked import Asked
from .files import each_value, known_split, lines, numbered

BOXES = {
    "train": "trainval",
    "val": "trainval",
    "test_2016_flickr": "trainval",
    "test_2017_flickr": "test2017",
    "test_2018_flickr": "test2018",
}
_WHAT = "{} of Multi30k; clone github.com/multi30k/dataset as {}"


def mmt(asked: Asked) -> list[Record]:
    """One record a line: English `text`, German `answers`."""
    known_split(asked.split, BOXES, "The translations of Multi30k")
    whole = asked.root / "multi30k-dataset"
    task = whole / "data" / "task1"
    where = f"{whole}{other_root(asked.root)}"
    english = lines(task / "raw" / f"{asked.split}.en", _WHAT.format("English texts", where))
    german = lines(task / "raw" / f"{asked.split}.de", _WHAT.format("German texts", where))
    shown = task / "image_splits" / f"{asked.split}.txt"
    pictures = lines(shown, _WHAT.format("Names of pictures", where))
    if not len(english) == len(german) == len(pictures):
        raise UserError(
            f"{task}: the split {asked.split} has {len(english)} English lines, {len(german)} "
            f"German lines and {len(pictures)} names of pictures; they must be as many.",
            exit_code=3,
        )

    def make(line: tuple[int, str, str, str], place: str) -> Record:
        number, text, translation, picture = line
        return {
            "id": f"{asked.split}-{number}",
            "split": asked.split,
            "image": _image(asked, picture, place),
            "text": text,
            "answers": [translation],
        }

    held = zip(count(1), english, german, pictures, strict=False)
    return each_value(numbered(held, shown, "line"), make, asked.each_fault)


def _image(asked: Asked, picture: str, place: str) -> str:
    name = picture.partition(".")[0]
    if not is_name(name) or "#" in name:
        raise UserError(f'{place}: "{picture}" names no picture.', exit_code=3)
    return asked.image(
        name,
        folder="flickr30k",
        boxes=f"flickr30k/features/{BOXES[asked.split]}_boxes36.h5",
        picture=f"flickr30k/images/{name}.jpg",
    )
