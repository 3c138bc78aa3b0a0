"""A split of each published data set in miniature, with right and wrong entries of one's choice."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from tests.data.test_published_pairs import pair, write_pairs
from tests.data.test_published_pretraining import shown
from tests.data.test_published_pretraining import write as write_texts
from tests.data.test_published_regions import INSTANCES, reference, sentence, vcr, write_vcr
from tests.data.test_published_video import SAID, SOURCES, activity, annotations, asked, described
from tests.data.test_published_video import subtitles as write_subtitles
from vlcli.archs.vlt5.spec import VLSpec

Write = Callable[[Path, Sequence[Any]], Path]


class Small(NamedTuple):
    """How a split is written below data_root from its entries (the file of them comes back), the
    right entry of a number, wrong ones with what is said of them, and the keys that matter."""

    task: str
    split: str
    write: Write
    right: Callable[[int], Any]
    wrong: Sequence[tuple[Any, str]]
    args: VLSpec = VLSpec()


def json_list(name: str, of: str | None = None) -> Write:
    """A JSON file of a list, or of an object that holds it."""

    def write(root: Path, entries: Sequence[Any]) -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({of: list(entries)} if of else list(entries)))
        return path

    return write


def question(number: int, **fields: Any) -> dict[str, Any]:
    name = f"COCO_test2015_{number:012}"
    return {"img_id": name, "question_id": number, "sent": "who?", **fields}


def captioned(number: int, **fields: Any) -> dict[str, Any]:
    name = f"COCO_val2014_{number:012}.jpg"
    return {"filename": name, "split": "test", "sentences": [{"raw": "a dog"}], **fields}


def expression(number: int, **fields: Any) -> dict[str, Any]:
    told = [sentence(number, "the dog")]
    return reference(image_id=number, ann_id=number, ref_id=number, sentences=told, **fields)


def write_expressions(root: Path, entries: Sequence[Any]) -> Path:
    """All about the same box of pictures of their own; box 90 lies outside its picture."""
    numbers = [each["image_id"] for each in entries if isinstance(each, dict)]
    folder = root / "RefCOCO/refcocog"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "refs(umd).p").write_bytes(pickle.dumps(list(entries), protocol=2))
    box = INSTANCES["annotations"][0]
    held = {
        "images": [{**INSTANCES["images"][0], "id": n} for n in numbers],
        "annotations": [{**box, "id": n, "image_id": n} for n in numbers]
        + [{**box, "id": 90, "image_id": 90, "bbox": [90, 0, 30, 9]}],
    }
    (folder / "instances.json").write_text(json.dumps(held))
    return folder / "instances.json"


def write_translations(root: Path, entries: Sequence[str]) -> Path:
    """One pair of sentences for each name of a picture."""
    task = root / "multi30k-dataset/data/task1"
    for name, line in (("raw/val.en", "A dog."), ("raw/val.de", "Ein Hund.")):
        (task / name).parent.mkdir(parents=True, exist_ok=True)
        (task / name).write_text(f"{line}\n" * len(entries))
    path = task / "image_splits/val.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{each}\n" for each in entries))
    return path


def write_classes(root: Path, entries: Sequence[str]) -> Path:
    folder = root / "tiny-imagenet-200"
    (folder / "val/images").mkdir(parents=True, exist_ok=True)
    (folder / "words.txt").write_text("n1\tcat\n")
    for number in range(4):
        Image.new("RGB", (4, 4)).save(folder / f"val/images/val_{number}.JPEG")
    path = folder / "val/val_annotations.txt"
    path.write_text("".join(f"{each}\n" for each in entries))
    return path


def clips(task: str) -> Write:
    def write(root: Path, entries: Sequence[Any]) -> Path:
        write_subtitles(
            root, SOURCES[task], *({"vid_name": f"clip_{n}", "sub": SAID} for n in range(4))
        )
        return annotations(root, task, "val", *entries)

    return write


def write_activities(root: Path, entries: Sequence[str]) -> Path:
    activity(root, "video_id,question,answer,type\n" + "".join(f"{each}\n" for each in entries))
    return root / "video/ActivityNet-QA/val.csv"


def clip_question(task: str, many: int) -> Small:
    def right(number: int, **fields: Any) -> dict[str, Any]:
        return asked(many, qid=number, vid_name=f"clip_{number}", answer_idx=1, **fields)

    wrong = (
        (right(2, a3=None), 'there is no "a3"'),
        (right(3, q=3), '"q" must be a text'),
        (right(9), "has no clip clip_9"),
    )
    return Small(task, "val", clips(task), right, wrong)


def clip_caption(task: str) -> Small:
    def right(number: int, **fields: Any) -> dict[str, Any]:
        return described(**{"clip_id": number, "vid_name": f"clip_{number}", **fields})

    wrong = (
        (right(2, clip_id=None), 'there is no "clip_id"'),
        (right(3, descs=["a"]), '"descs" must be a list of objects'),
    )
    return Small(task, "val", clips(task), right, wrong)


def seen(number: int, **fields: Any) -> dict[str, Any]:
    return vcr(number, **{"img_id": f"val-{number}", **fields})


VCR_WRONG = (
    (seen(2, question=None), 'there is no "question"'),
    (seen(3, answer_label="1"), '"answer_label" must be a number from 0 to 3'),
    (seen(3, question=["why", [7]]), "speaks of a region that is none of"),
)


def read_aloud(number: int, **fields: Any) -> dict[str, Any]:
    return shown(f"COCO_train2014_{number:012}", **fields)


SMALL = {
    each.task: each
    for each in (
        Small(
            "vqa",
            "test",
            json_list("vqa/test.json"),
            question,
            (
                (question(2, question_id=None), 'no "question_id"'),
                (question(3, sent=3), '"text" must be a text'),
            ),
        ),
        Small(
            "gqa",
            "testdev",
            json_list("GQA/testdev.json"),
            lambda n: question(n, img_id=f"n{n}"),
            (
                (question(2, img_id=None), 'no "img_id"'),
                (question(3, label={"red": 2}), '"label" must be'),
                (question(3, img_id="../x"), '"image" must be the name of a picture'),
            ),
        ),
        Small(
            "nlvr",
            "train",
            lambda root, entries: write_pairs(root, *entries),
            lambda n: pair(n, label=1),
            (
                (pair(2, sent=None), 'there is no "sent"'),
                (pair(3, label=7), '"label" must be 0 or 1'),
            ),
        ),
        Small(
            "caption",
            "karpathy_test",
            json_list("COCO/dataset_coco.json", "images"),
            captioned,
            (
                (captioned(2, filename=None), 'no "filename"'),
                (captioned(3, sentences=["a"]), '"sentences" must be a list of objects'),
            ),
        ),
        Small(
            "refcoco",
            "train",
            write_expressions,
            expression,
            (
                (expression(2) | {"ann_id": None}, 'there is no "ann_id"'),
                (expression(3) | {"ann_id": "3"}, '"ann_id" must be a whole number'),
                (expression(3) | {"ann_id": 90}, "it lies outside its picture"),
            ),
        ),
        Small("vcr", "val", lambda root, all: write_vcr(root, *all), seen, VCR_WRONG),
        Small("pretrain_vcr", "val", lambda root, all: write_vcr(root, *all), seen, VCR_WRONG),
        Small(
            "pretrain",
            "mscoco_resplit_train",
            lambda root, entries: write_texts(root, *entries),
            read_aloud,
            (
                (read_aloud(2, sentf=None), 'there is no "sentf"'),
                (read_aloud(3, labelf={"vqa": [1, 2, 3]}), '"labelf" must be lists of objects'),
            ),
        ),
        Small(
            "mmt",
            "val",
            write_translations,
            lambda n: f"{n}.jpg",
            (("../x", "names no picture"), ("", "names no picture")),
        ),
        Small(
            "cls",
            "val",
            write_classes,
            lambda n: f"val_{n}.JPEG\tn1",
            (("val_2.JPEG", "a tab and its class"), ("../x.JPEG\tn1", "the name of a picture")),
            VLSpec(feature_type="patch"),
        ),
        clip_question("tvqa", 5),
        clip_question("how2qa", 4),
        clip_caption("tvc"),
        clip_caption("yc2c"),
        Small(
            "activitynet",
            "val",
            write_activities,
            lambda n: f"v_{n},what,dog,5",
            ((",what,dog,5", '"video_id" must be'), ("v_3,what,dog,x", '"type" must be a number')),
        ),
    )
}
