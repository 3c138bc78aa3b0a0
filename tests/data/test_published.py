"""Published annotation files become records; what is missing says what makes it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.contracts import Prediction
from vlcli.data.published import captions, picture_path, questions, read, tags
from vlcli.data.shown import Shown
from vlcli.spec.problem import UserError
from vlcli.tasks.caption import Caption
from vlcli.tasks.vqa import Vqa

TRAIN, VAL, TEST = (f"COCO_{part}_00000000000{n}" for n, part in enumerate(
    ("train2014", "val2014", "test2015"), start=1
))  # fmt: skip


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def ten(answer: str, others: int, other: str) -> list[dict[str, Any]]:
    said = [answer] * (10 - others) + [other] * others
    return [{"answer": each, "answer_id": n} for n, each in enumerate(said, start=1)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A miniature of the published folder: two questions with answers, one without."""
    asked = {"question_type": "what color is", "answer_type": "other"}
    write(
        tmp_path / "vqa/karpathy_val.json",
        [
            {
                "img_id": TRAIN,
                "question_id": 1,
                "sent": "what color?",
                "label": {"red": 1},
                **asked,
            },
            {"img_id": VAL, "question_id": 20, "question": "how many?", "label": {"2": 0.3}},
        ],
    )
    write(tmp_path / "vqa/test.json", [{"img_id": TEST, "question_id": 5, "sent": "who?"}])
    answers = [
        {"question_id": 1, "image_id": 1, "answers": ten("red", 1, "dark red"), **asked},
        {"question_id": 99, "image_id": 1, "answers": ten("no", 0, "")},
    ]
    write(tmp_path / "vqa/v2_mscoco_train2014_annotations.json", {"annotations": answers})
    answers = [{"question_id": 20, "answers": ten("3", 1, "2"), "answer_type": "number"}]
    write(tmp_path / "vqa/v2_mscoco_val2014_annotations.json", {"annotations": answers})
    images = [
        {
            "filename": f"{name}.jpg",
            "split": split,
            "sentences": [{"raw": " A dog. "}, {"raw": "b"}],
        }
        for name, split in ((TRAIN, "train"), (VAL, "restval"), (TEST, "test"))
    ]
    write(tmp_path / "COCO/dataset_coco.json", {"images": images, "dataset": "coco"})
    return tmp_path


def test_questions_are_judged_by_what_ten_people_answered(root: Path) -> None:
    found = questions(root, "karpathy_val", with_answers=True)
    task = Vqa(VLSpec(prompt="vqa: "))
    first, second = task.examples(found, training=False)
    assert (first.id, first.text, first.images) == ("1", "vqa: what color?", (TRAIN,))
    assert (first.kind, second.kind) == ("other", "number")
    assert first.references == ("red",) * 9 + ("dark red",)
    said = {"1": Prediction("1", "Red."), "20": Prediction("20", "2")}
    scores = task.score([first, second], said)
    assert scores["accuracy/other"] == 100
    assert scores["accuracy/number"] == pytest.approx(30)
    assert task.notes([first, second]) == {"accuracy": "official VQA accuracy"}


def test_training_learns_from_the_soft_labels_alone(root: Path) -> None:
    for part in ("train", "val"):
        (root / f"vqa/v2_mscoco_{part}2014_annotations.json").unlink()
    found = questions(root, "karpathy_val", with_answers=False)
    first, second = Vqa(VLSpec()).examples(found, training=True)
    assert (first.target, first.weight, dict(second.labels)) == ("red", 1, {"2": 0.3})


def test_a_test_question_needs_no_annotations(root: Path) -> None:
    (record,) = questions(root, "test", with_answers=True)
    assert record["question_id"] == 5
    assert "answers" not in record


def test_captions_come_one_by_one_in_training_and_by_picture_else(root: Path) -> None:
    train = Caption(VLSpec()).examples(captions(root, "karpathy_train"), training=True)
    assert [(e.images[0], e.target) for e in train] == [
        (TRAIN, "A dog."), (TRAIN, "b"), (VAL, "A dog."), (VAL, "b"),
    ]  # fmt: skip
    (one,) = Caption(VLSpec()).examples(captions(root, "karpathy_test"), training=False)
    assert (one.images, one.references) == ((TEST,), ("A dog.", "b"))


def test_what_is_missing_is_named_with_what_makes_it(root: Path) -> None:
    with pytest.raises(UserError, match=r'minival\.json\. The questions of the split "minival" of'):
        questions(root, "minival", with_answers=False)
    with pytest.raises(UserError, match="splits there: karpathy_val, test"):
        questions(root, "minival", with_answers=False)
    with pytest.raises(UserError, match="set data_root"):
        questions(root / "nowhere", "minival", with_answers=False)
    (root / "vqa/v2_mscoco_val2014_annotations.json").unlink()
    with pytest.raises(UserError, match=r"unpack v2_Annotations_Val_mscoco\.zip of visualqa"):
        questions(root, "karpathy_val", with_answers=True)
    (root / "COCO/dataset_coco.json").unlink()
    with pytest.raises(UserError, match=r"unpack caption_datasets\.zip"):
        captions(root, "karpathy_val")
    with pytest.raises(UserError, match='no split "train"; they have karpathy_train'):
        captions(root, "train")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("vqa/test.json", "[", r"test\.json cannot be read as JSON"),
        ("vqa/test.json", {}, "holds no list"),
        ("vqa/test.json", [3], "entry 1: a record is an object"),
        ("vqa/test.json", [{"img_id": TEST, "sent": "?"}], 'entry 1: .* no "question_id"'),
        ("vqa/test.json", [{"img_id": 3, "sent": "?", "question_id": 1}], '"image" must be'),
        (
            "vqa/test.json",
            [{"img_id": TRAIN, "sent": "?", "question_id": 4}],
            "train2014_annotations.json has no answers to the question 4",
        ),
        ("COCO/dataset_coco.json", [], 'has no "images"'),
        ("COCO/dataset_coco.json", {"images": [{"split": "test"}]}, 'image 1: .* "filename"'),
        (
            "COCO/dataset_coco.json",
            {"images": [{"split": "test", "filename": "a.jpg", "sentences": ["a"]}]},
            'image 1: "sentences" must be',
        ),
    ],
)
def test_a_wrong_file_is_a_sentence(root: Path, name: str, value: Any, words: str) -> None:
    write(root / name, value)
    with pytest.raises(UserError, match=words):
        questions(root, "test", True) if "vqa" in name else captions(root, "karpathy_test")


BUTD, GRIDS, PIXELS = (VLSpec(feature_type=kind) for kind in ("butd", "RN101", "patch"))


def gqa(root: Path, split: str, image: str) -> None:
    asked = {"img_id": image, "question_id": "07333408", "sent": "what is on it?"}
    write(root / f"GQA/{split}.json", [{**asked, "label": {"pipe": 1.0}}])


def test_one_entry_reads_vqa_and_captions_as_before(root: Path) -> None:
    trained = read("vqa", root, "karpathy_val", args=BUTD, role="train", training=True)
    assert trained == questions(root, "karpathy_val", with_answers=False)
    for args, training in ((BUTD, False), (VLSpec(raw_label=True), True)):
        found = read("vqa", root, "karpathy_val", args=args, role="valid", training=training)
        assert found == questions(root, "karpathy_val", with_answers=True)
    assert read("caption", root, "karpathy_test", args=BUTD) == captions(root, "karpathy_test")


def test_testdev_of_gqa_has_files_of_its_own(tmp_path: Path) -> None:
    for split, name in (("train", "2375429"), ("testdev", "n123"), ("submit", "n456")):
        gqa(tmp_path, split, name)

    def image(split: str, args: VLSpec) -> str:
        (record,) = read("gqa", tmp_path, split, args=args)
        assert (record["id"], record["label"]) == ("07333408", {"pipe": 1.0})
        return str(record["image"])

    assert [image("train", args) for args in (BUTD, GRIDS, PIXELS)] == ["2375429"] * 3
    assert image("testdev", BUTD) == "GQA/features/gqa_testdev_obj36.h5#n123"
    assert image("testdev", GRIDS) == "GQA/clip_features/data_clip_RN101_att/n123.h5#n123"
    assert image("testdev", PIXELS) == "GQA/images/n123.jpg"
    assert [image("submit", args) for args in (BUTD, GRIDS)] == ["n456"] * 2
    path = picture_path(tmp_path, image("submit", PIXELS))
    assert path == tmp_path / "GQA/images/n456.jpg"
    assert picture_path(tmp_path, "2375429") == tmp_path / "VG/images/2375429.jpg"
    assert picture_path(tmp_path, VAL) == tmp_path / f"COCO/images/val2014/{VAL}.jpg"


def test_what_gqa_lacks_is_a_sentence(tmp_path: Path) -> None:
    gqa(tmp_path, "train", "1")
    with pytest.raises(UserError, match=r'"valid" of GQA, .*; splits there: train\.'):
        read("gqa", tmp_path, "valid", args=BUTD)
    gqa(tmp_path, "train", "../1")
    with pytest.raises(UserError, match='entry 1: "image" must be the name of a picture') as raised:
        read("gqa", tmp_path, "train", args=BUTD)
    assert raised.value.exit_code == 3


def test_an_unknown_task_and_an_empty_split_are_sentences(root: Path) -> None:
    with pytest.raises(UserError, match=r'task "retrieval" has no .* those that have: vqa, gqa'):
        read("retrieval", root, "train", args=BUTD)
    write(root / "vqa/none.json", [])
    with pytest.raises(UserError, match=r'valid is "none", .* split of vqa holds no') as raised:
        read("vqa", root, "none", args=BUTD, role="valid")
    assert raised.value.exit_code == 3


def test_a_line_that_is_not_utf_8_is_named(root: Path) -> None:
    (root / "vqa/test.json").write_bytes(b'[\n{"sent": "caf\xe9"}]')
    with pytest.raises(UserError, match=r"test\.json, line 2: the text is not UTF-8"):
        questions(root, "test", False)


def test_tags_are_the_things_of_regions_once() -> None:
    dogs = [Shown("old dog", "dog"), Shown("big dog", "dog")]
    names = [Shown("red fire hydrant", "fire hydrant"), *dogs]
    assert pickle.loads(pickle.dumps(names[0])).thing == "fire hydrant"
    assert tags(names) == ["fire hydrant", "dog"]
    assert tags(["red circle", "red circle", "a"]) == ["red circle", "a"]
