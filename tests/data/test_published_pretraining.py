"""LXMERT's texts become one record a picture and source of captions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data.published import read
from vlcli.data.published.pretraining import known_answers, plain_answer
from vlcli.spec.problem import UserError

BUTD, PIXELS = VLSpec(feature_type="butd"), VLSpec(feature_type="patch")
NAME, GENOME = "COCO_val2014_000000000042", "1592"


def shown(name: str = NAME, **fields: Any) -> dict[str, Any]:
    return {
        "img_id": name,
        "sentf": {
            "mscoco": ["A dog sits.", "Two words", "A dog sits.", "It is red."],
            "vqa": ["what is it ?", "is it red ?", "is it red ?"],
            "vg": ["It is red.", "a big dog"],
            "gqa": ["what is it ?", "who is there ?"],
        },
        "labelf": {
            "vqa": [{"The dog.": 1, "unknown": 0.3}, {"unknown": 1}, {"yes": 0.9, "no": 0.3}],
            "gqa": [{"cat": 1}, {"a man": 1.0}],
        },
        **fields,
    }


def write(root: Path, *entries: Any, split: str = "mscoco_resplit_train") -> Path:
    folder = root / "lxmert"
    folder.mkdir(exist_ok=True)
    answers = [{"ans": each, "dsets": ["vqa"]} for each in ("dog", "yes", "no", "man", "cat", "2")]
    (folder / "all_ans.json").write_text(json.dumps(answers))
    path = folder / f"{split}.json"
    path.write_text(json.dumps(list(entries)))
    return path


def test_a_picture_has_its_questions_once_and_captions_by_source(tmp_path: Path) -> None:
    write(tmp_path, shown())
    first, other = read("pretrain", tmp_path, "mscoco_resplit_train", args=BUTD, role="train")
    assert (first["id"], first["image"], first["group"]) == (NAME, NAME, NAME)
    assert (first["captions"], first["source"]) == (["A dog sits.", "It is red."], "mscoco")
    assert other == {
        "id": f"{NAME}-vg",
        "image": NAME,
        "group": NAME,
        "captions": ["a big dog"],
        "source": "vg",
    }
    assert [each["id"] for each in first["questions"]] == [
        f"{NAME}_vqa_000", f"{NAME}_vqa_002", f"{NAME}_gqa_001",
    ]  # fmt: skip
    what, _, who = first["questions"]
    assert (what["text"], what["kind"], what["label"]) == ("what is it ?", "vqa", {"dog": 1})
    assert (who["kind"], who["label"]) == ("gqa", {"man": 1})


def test_captions_alone_leave_the_questions_out(tmp_path: Path) -> None:
    write(tmp_path, shown())

    def found(**keys: bool) -> list[dict[str, Any]]:
        return read("pretrain", tmp_path, "mscoco_resplit_train", args=VLSpec(**keys))

    both, coco = found(caption_only=True), found(coco_only=True)
    assert [each["source"] for each in both] == ["mscoco", "vg"]
    assert [each["source"] for each in coco] == ["mscoco"]
    assert both[0]["questions"] == coco[0]["questions"] == []
    (tmp_path / "lxmert/all_ans.json").unlink()
    assert found(caption_only=True) == both


def test_a_picture_with_questions_alone_has_no_captions(tmp_path: Path) -> None:
    entry = shown(GENOME)
    del entry["sentf"]["mscoco"], entry["sentf"]["vg"]
    write(tmp_path, entry, split="vgnococo")
    (record,) = read("pretrain", tmp_path, "vgnococo", args=BUTD)
    assert not {"captions", "source"} & set(record)
    assert (record["image"], len(record["questions"])) == (GENOME, 3)


def test_the_validation_pictures_have_a_file_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, shown(), split="mscoco_resplit_val")
    (first, _), (seen, _) = (
        read("pretrain", tmp_path, "mscoco_resplit_val", args=args, role="valid")
        for args in (BUTD, PIXELS)
    )
    assert first["image"] == f"COCO/features/resplit_val_obj36.h5#{NAME}"
    assert seen["image"] == NAME


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ("Dog.", "dog"), ("the dog", "dog"), ("a an dog", "dog"), ("two", "2"), ("Ten.", "10"),
        ("grey", "gray"), ("", ""), (".", ""), ("theatre", "theatre"), ("a", "a"),
    ],
)  # fmt: skip
def test_answers_are_spelt_as_the_table_does(answer: str, plain: str) -> None:
    assert plain_answer(answer) == plain


def test_answers_that_come_to_the_same_are_one() -> None:
    """The published loop renames in order: a later spelling replaces an earlier one."""
    table = frozenset(["dog", "2"])
    assert known_answers({"dog": 1, "a dog": 0.3, "cat": 0.9}, table) == {"dog": 0.3}
    assert known_answers({"a dog": 0.3, "dog": 1}, table) == {"dog": 0.3}
    assert known_answers({"two": 0.6}, table) == {"2": 0.6}
    assert known_answers({"cat": 1}, table) == {}


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (3, "entry 2: a record is an object"),
        (shown(img_id=None), 'entry 2: there is no "img_id"'),
        (shown("a/../b"), 'entry 2: "img_id" must be the name of a picture'),
        (shown(sentf=None), 'entry 2: there is no "sentf"'),
        (shown(sentf={"mscoco": "a"}), 'entry 2: "sentf" must be an object from sources to lists'),
        (shown(sentf={"mscoco": [3]}), 'entry 2: "sentf" must be lists of texts by source, and'),
        (shown(sentf={"vqa": ["who is it ?"]}), 'entry 2: "labelf" must be as long as sentf'),
        (shown(labelf={"vqa": [1, 2, 3]}), 'entry 2: "labelf" must be lists of objects'),
        (shown(labelf={"vqa": [{"yes": "x"}] * 3}), 'entry 2: "label" must be a text'),
    ],
)
def test_a_wrong_entry_is_a_sentence(tmp_path: Path, spoilt: Any, words: str) -> None:
    write(tmp_path, shown(), spoilt)
    with pytest.raises(UserError, match=words) as raised:
        read("pretrain", tmp_path, "mscoco_resplit_train", args=BUTD)
    assert raised.value.exit_code == 3


def test_what_is_missing_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, shown())
    with pytest.raises(UserError, match=r"splits there: mscoco_resplit_train\."):
        read("pretrain", tmp_path, "vgnococo", args=BUTD)
    path.write_bytes(b'[{"img_id":\n"caf\xe9"}]')
    with pytest.raises(UserError, match=r"train\.json, line 2: the text is not UTF-8"):
        read("pretrain", tmp_path, "mscoco_resplit_train", args=BUTD)
    path.write_text("[")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        read("pretrain", tmp_path, "mscoco_resplit_train", args=BUTD)
    path.write_text("[]")
    with pytest.raises(UserError, match="that split of pretrain holds no record"):
        read("pretrain", tmp_path, "mscoco_resplit_train", args=BUTD)
    (tmp_path / "lxmert/all_ans.json").write_text('[{"ans": 3}]')
    with pytest.raises(UserError, match=r'all_ans\.json, answer 1: "ans" must be a text'):
        read("pretrain", tmp_path, "mscoco_resplit_train", args=BUTD)
    (tmp_path / "lxmert/all_ans.json").unlink()
    with pytest.raises(UserError, match=r"all_ans\.json\. The answers of LXMERT's .*data_root"):
        read("pretrain", tmp_path, "mscoco_resplit_train", args=BUTD)
    with pytest.raises(UserError, match="or set data_root"):
        read("pretrain", tmp_path / "nowhere", "vgnococo", args=BUTD)
