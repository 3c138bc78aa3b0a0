"""RefCOCOg and VCR become records: regions by boxes and by words, and no pickled code is run."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data.published import read
from vlcli.data.published.vcr import flat
from vlcli.spec.problem import UserError

BUTD, GRIDS, PIXELS = (VLSpec(feature_type=kind) for kind in ("butd", "ViT", "patch"))
PICTURE = "COCO_train2014_000000000042"


def sentence(number: int, raw: str) -> dict[str, Any]:
    return {"sent_id": number, "raw": raw, "sent": raw.lower(), "tokens": raw.lower().split()}


def reference(split: str = "train", **fields: Any) -> dict[str, Any]:
    return {
        "ref_id": 5,
        "ann_id": 7,
        "image_id": 42,
        "split": split,
        "file_name": f"{PICTURE}_7.jpg",
        "sentences": [sentence(11, "The left dog"), sentence(12, "A café's dog")],
        "sent_ids": [11, 12],
        **fields,
    }


INSTANCES: dict[str, Any] = {
    "images": [{"id": 42, "width": 100, "height": 80, "file_name": f"{PICTURE}.jpg"}],
    "annotations": [
        {"id": 7, "image_id": 42, "bbox": [10, 20, 30, 40], "category_id": 18},
        {"id": 8, "image_id": 42, "bbox": [50.5, 0, 49.5, 80.4], "category_id": 18},
    ],
}


def write_refcoco(root: Path, references: Any, instances: Any = INSTANCES) -> Path:
    folder = root / "RefCOCO/refcocog"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(instances))
    (folder / "refs(umd).p").write_bytes(
        references if isinstance(references, bytes) else pickle.dumps(references, protocol=0)
    )
    return folder


def published_iou(stored: list[float], right: list[float]) -> float:
    """As the published code measures: pixels count from x1 to x2, both included."""
    wide = min(stored[2], right[2]) - max(stored[0], right[0]) + 1
    high = min(stored[3], right[3]) - max(stored[1], right[1]) + 1
    both = max(wide, 0) * max(high, 0)
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (stored, right)]
    return both / (sum(areas) - both)


def test_each_sentence_of_an_expression_is_a_record(tmp_path: Path) -> None:
    write_refcoco(tmp_path, [reference(), reference("val"), reference("test", sentences=[])])
    first, second = read("refcoco", tmp_path, "train", args=BUTD)
    assert (first["id"], first["text"], second["text"]) == ("11", "The left dog", "A café's dog")
    assert first["image"] == "RefCOCO/refcocog/features/train_boxes_GT.h5#42"
    assert (first["width"], first["height"], "boxes" in first) == (100, 80, False)


def test_the_right_box_measures_as_published(tmp_path: Path) -> None:
    """x, y, w, h of the annotation is x .. x + w - 1: both ends count."""
    write_refcoco(tmp_path, [reference()])
    record = read("refcoco", tmp_path, "train", args=BUTD)[0]
    assert record["box"] == [10, 20, 39, 59]
    stored = [10, 20, 40, 60]  # as the feature files have the same annotation
    assert published_iou(stored, record["box"]) == pytest.approx(30 * 40 / (31 * 41))


def test_validation_chooses_among_detected_boxes_unless_told_otherwise(tmp_path: Path) -> None:
    write_refcoco(tmp_path, [reference("val")])
    names = [
        read("refcoco", tmp_path, "val", args=VLSpec(RefCOCO_GT=given))[0]["image"]
        for given in (False, True)
    ]
    folder = "RefCOCO/refcocog/features"
    assert names == [f"{folder}/val_boxes_mattnet.h5#42", f"{folder}/val_boxes_GT.h5#42"]


def test_a_picture_without_stored_boxes_has_the_annotated_ones(tmp_path: Path) -> None:
    write_refcoco(tmp_path, [reference()])
    for args in (GRIDS, PIXELS):
        record = read("refcoco", tmp_path, "train", args=args)[0]
        assert record["image"] == PICTURE
        assert record["boxes"] == [[10, 20, 40, 60], [50.5, 0, 100, 80]]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_of_values_are_read_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    held = [reference(extra=(1.5, {2, 3}, None, True))]
    write_refcoco(tmp_path, pickle.dumps(held, protocol=protocol))
    assert len(read("refcoco", tmp_path, "train", args=BUTD)) == 2


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    """Texts of Python 2 are bytes; these say café in UTF-8."""
    held = pickle.dumps([reference()], protocol=2)
    old = held.replace(b"X\x0d\x00\x00\x00A caf\xc3\xa9's dog", b"U\x0dA caf\xc3\xa9's dog")
    assert old != held
    write_refcoco(tmp_path, old)
    assert read("refcoco", tmp_path, "train", args=BUTD)[1]["text"] == "A café's dog"


class Runs:
    """Pickled, it runs a command when it is read."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_would_run_something_is_refused_and_not_run(
    tmp_path: Path, protocol: int
) -> None:
    ran = tmp_path / "ran"
    folder = write_refcoco(tmp_path, pickle.dumps([Runs(f"touch {ran}")], protocol=protocol))
    with pytest.raises(UserError, match=r"this pickle wants to run posix\.system") as raised:
        read("refcoco", tmp_path, "train", args=BUTD)
    assert str(raised.value).startswith(str(folder / "refs(umd).p"))
    assert raised.value.exit_code == 3
    assert not ran.exists()


@pytest.mark.parametrize("call", [b"c__builtin__\neval\n(S'1'\ntR.", b"cbuiltins\ngetattr\n."])
def test_builtin_functions_are_refused_as_well(tmp_path: Path, call: bytes) -> None:
    write_refcoco(tmp_path, call)
    with pytest.raises(UserError, match="refused: this pickle wants to run"):
        read("refcoco", tmp_path, "train", args=BUTD)


def test_a_damaged_pickle_is_a_sentence(tmp_path: Path) -> None:
    held = pickle.dumps([reference()], protocol=2)
    for cut in range(0, len(held) - 1, 7):
        write_refcoco(tmp_path, held[:cut])
        with pytest.raises(UserError, match=r"refs\(umd\)\.p cannot be read as a pickle"):
            read("refcoco", tmp_path, "train", args=BUTD)


@pytest.mark.parametrize(
    ("references", "annotation", "words"),
    [
        ({}, {}, "holds no list"),
        ([3], {}, "entry 1: a record is an object"),
        ([reference(image_id=None)], {}, 'entry 1: there is no "image_id"'),
        ([reference(image_id="42")], {}, 'entry 1: "image_id" must be a whole number'),
        ([reference(image_id=9)], {}, r"entry 1: .*instances\.json has no picture 9"),
        ([reference(ann_id=9)], {}, r"entry 1: .*instances\.json has no box 9"),
        ([reference(sentences=["a"])], {}, 'entry 1: "sentences" must be a list of objects'),
        ([reference()], {"bbox": [1, 2, 3]}, 'box 7: "bbox" must be a list of four numbers'),
        ([reference()], {"bbox": [90, 2, 30, 4]}, "box 7: it lies outside its picture"),
        ([reference()], {"bbox": [9, 2, 0, 4]}, "box 7: it lies outside its picture"),
        ([reference()], {"bbox": [9, 2, float("nan"), 4]}, '"bbox" must be a list of four'),
        ([reference()], {"id": None}, '"annotations" must be a list of objects with an "id"'),
    ],
)
def test_a_wrong_expression_or_box_is_a_sentence(
    tmp_path: Path, references: Any, annotation: dict[str, Any], words: str
) -> None:
    box = {**INSTANCES["annotations"][0], **annotation}
    write_refcoco(tmp_path, references, {**INSTANCES, "annotations": [box]})
    with pytest.raises(UserError, match=words) as raised:
        read("refcoco", tmp_path, "train", args=BUTD)
    assert raised.value.exit_code == 3


def test_what_is_missing_of_refcoco_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='no split "testA"; they have train, val, test'):
        read("refcoco", tmp_path, "testA", args=BUTD)
    with pytest.raises(UserError, match=r"unpack refcocog\.zip .*, or set data_root"):
        read("refcoco", tmp_path, "train", args=BUTD)
    folder = write_refcoco(tmp_path, [reference()])
    (folder / "instances.json").write_text("{}")
    with pytest.raises(UserError, match=r'instances\.json has no "annotations"'):
        read("refcoco", tmp_path, "train", args=BUTD)
    (folder / "instances.json").unlink()
    with pytest.raises(UserError, match=r"instances\.json\. The boxes of RefCOCOg"):
        read("refcoco", tmp_path, "train", args=BUTD)
    write_refcoco(tmp_path, [reference("val")])
    with pytest.raises(UserError, match="that split of refcoco holds no record"):
        read("refcoco", tmp_path, "train", args=BUTD)


def vcr(number: int, split: str = "val", **fields: Any) -> dict[str, Any]:
    answers = [["He", "is", "near", [1], "."], ["No", "."], [[0, 1], "sit", "."], ["Yes", "!"]]
    labels = {} if split == "test" else {"answer_label": 2, "rationale_label": 3}
    return {
        "annot_id": f"{split}-{number}",
        "img_id": f"{split}-0",
        "img_fn": "movie_1/1@0.jpg",
        "question_number": number,
        "objects": ["person", "dining table"],
        "question": ["What", "does", [0], "'", "do", ",", "here", "?"],
        "answer_choices": answers,
        "rationale_choices": [["Because", str(n)] for n in range(4)],
        **labels,
        **fields,
    }


def write_vcr(root: Path, *entries: Any, split: str = "val") -> Path:
    path = root / f"VCR/{split}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(entry) for entry in entries) + "\n")
    return path


def test_a_question_names_its_regions(tmp_path: Path) -> None:
    write_vcr(tmp_path, vcr(0))
    (record,) = read("vcr", tmp_path, "val", args=BUTD)
    assert record["text"] == "What does person <vis_extra_id_0>' do, here?"
    assert record["choices"] == [
        "He is near dining table <vis_extra_id_1>.",
        "No.",
        "person <vis_extra_id_0> and dining table <vis_extra_id_1> sit.",
        "Yes!",
    ]
    assert record["rationales"][1] == "Because 1"
    assert (record["id"], record["label"], record["rationale_label"]) == ("val-0", 2, 3)
    assert record["image"] == "VCR/features/val_boxes_GT.h5+val_boxes36.h5#val-0"
    (grid,), (pixels,) = (read("vcr", tmp_path, "val", args=args) for args in (GRIDS, PIXELS))
    assert grid["image"] == "VCR/clip_features/data_clip_ViT_att/val-0.h5#val-0"
    assert pixels["image"] == "VCR/vcr1images/movie_1/1@0.jpg"


def test_marks_lose_the_space_before_them_as_published() -> None:
    words = ["Is", "n", "'t", "it", " ", [0, 0], "?", "Yes", ".", "No", "!"]
    said = "Is n't it person <vis_extra_id_0> and person <vis_extra_id_0>? Yes. No!"
    assert flat(words, ["person"]) == said


def test_a_test_question_has_no_labels(tmp_path: Path) -> None:
    write_vcr(tmp_path, vcr(0, "test"), split="test")
    (record,) = read("vcr", tmp_path, "test", args=BUTD)
    assert not {"label", "rationale_label"} & set(record)


def test_names_of_regions_may_stand_in_the_features(tmp_path: Path) -> None:
    path = write_vcr(tmp_path, vcr(0, objects=None))
    with pytest.raises(UserError, match=rf'{path}, line 1: there is no "objects", and .*captions'):
        read("vcr", tmp_path, "val", args=BUTD)
    (tmp_path / "VCR/features").mkdir()
    with h5py.File(tmp_path / "VCR/features/val_boxes_GT.h5", "w") as file:
        words = np.array([["cat", "dog"]], dtype=h5py.string_dtype("utf-8"))
        file["val-0/captions"] = words
    (record,) = read("vcr", tmp_path, "val", args=BUTD)
    assert record["choices"][0] == "He is near dog <vis_extra_id_1>."


def test_pretraining_has_one_record_a_picture(tmp_path: Path) -> None:
    write_vcr(tmp_path, vcr(0), vcr(1), vcr(2, img_id="val-9"))
    first, second = read("pretrain_vcr", tmp_path, "val", args=BUTD)
    assert (first["id"], len(first["questions"]), len(second["questions"])) == ("val-0", 2, 1)
    assert first["image"] == "VCR/features/val_boxes_GT.h5+val_boxes36.h5#val-0"
    assert "image" not in first["questions"][0]
    assert first["questions"][1]["id"] == "val-1"


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ([], "line 2: a record is an object"),
        (vcr(1, question=None), 'line 2: there is no "question"'),
        (vcr(1, question="why"), 'line 2: "question" must be a list of words'),
        (vcr(1, question=["why", [2]]), 'line 2: "question" speaks of a region that is none of'),
        (vcr(1, question=["why", [-1]]), 'line 2: "question" must be a list of words'),
        (vcr(1, answer_choices=[["a"]]), 'line 2: "answer_choices" must be a list of 4 lists'),
        (vcr(1, answer_label=None), 'line 2: there is no "answer_label"'),
        (vcr(1, answer_label=4), 'line 2: "answer_label" must be a number from 0 to 3'),
        (vcr(1, objects=[3]), 'line 2: "objects" must be a list of texts'),
        (vcr(1, img_id="a/../b"), 'line 2: "img_id" must be the name of a picture'),
        (vcr(1, img_fn="../../x.jpg"), 'line 2: "img_fn" must be the path of a picture below'),
    ],
)
def test_a_wrong_question_of_vcr_is_a_sentence(tmp_path: Path, spoilt: Any, words: str) -> None:
    write_vcr(tmp_path, vcr(0), spoilt)
    with pytest.raises(UserError, match=words) as raised:
        read("vcr", tmp_path, "val", args=PIXELS)
    assert raised.value.exit_code == 3


def test_a_bad_line_of_vcr_is_named(tmp_path: Path) -> None:
    path = write_vcr(tmp_path, vcr(0))
    path.write_bytes(path.read_bytes() + b"{\n")
    with pytest.raises(UserError, match=r"val\.jsonl, line 2: this is not JSON"):
        read("vcr", tmp_path, "val", args=BUTD)
    path.write_bytes(json.dumps(vcr(0)).encode() + b'\n\n{"a": "\xff"}\n')
    with pytest.raises(UserError, match=r"val\.jsonl, line 3: the text is not UTF-8"):
        read("vcr", tmp_path, "val", args=BUTD)
    with pytest.raises(UserError, match=r"train\.jsonl\. The questions .*; splits there: val\."):
        read("vcr", tmp_path, "train", args=BUTD)
    path.write_text("")
    with pytest.raises(UserError, match="that split of vcr holds no record"):
        read("vcr", tmp_path, "val", args=BUTD)
    path.unlink()
    with pytest.raises(UserError, match="or set data_root"):
        read("vcr", tmp_path, "val", args=BUTD)
