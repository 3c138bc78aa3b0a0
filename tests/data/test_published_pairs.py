"""NLVR2 and Multi30k become records; what is wrong in their files is a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data.published import read
from vlcli.spec.problem import UserError

BUTD, GRIDS, PIXELS = (VLSpec(feature_type=kind) for kind in ("butd", "ViT", "patch"))


def pair(number: int, **fields: Any) -> dict[str, Any]:
    name = f"train-10171-{number}"
    return {
        "identifier": f"{name}-0",
        "img0": f"{name}-img0",
        "img1": f"{name}-img1",
        "label": number,
        "sent": "Both show a dog.",
        "uid": f"nlvr2_train_{number}",
        **fields,
    }


def write_pairs(root: Path, *pairs: Any, split: str = "train") -> Path:
    path = root / f"nlvr/{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(pairs)))
    return path


def test_a_pair_of_pictures_has_a_sentence_and_a_group(tmp_path: Path) -> None:
    write_pairs(tmp_path, pair(0), pair(1))
    first, second = read("nlvr", tmp_path, "train", args=BUTD)
    assert first["image"] == [
        "nlvr/features/train_obj36.h5#train-10171-0-img0",
        "nlvr/features/train_obj36.h5#train-10171-0-img1",
    ]
    assert (first["id"], first["text"], first["label"]) == ("train-10171-0-0", pair(0)["sent"], 0)
    assert first["group"] == second["group"] == "train-10171--0"
    assert second["uid"] == "nlvr2_train_1"
    (grids, _), (pixels, _) = (read("nlvr", tmp_path, "train", args=a) for a in (GRIDS, PIXELS))
    name = "train-10171-0-img0"
    assert grids["image"][0] == f"nlvr/clip_features/data_clip_ViT_att/{name}.h5#{name}"
    assert pixels["image"][0] == f"nlvr/images/{name}.png"


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (3, r"train\.json, entry 2: a record is an object"),
        (pair(1, sent=None), r'entry 2: there is no "sent"'),
        (pair(1, sent=4), 'entry 2: "sent" must be a text'),
        (pair(1, img1="../x"), 'entry 2: "img1" must be the name of a picture'),
        (pair(1, label=2), 'entry 2: "label" must be 0 or 1, or true or false'),
        (pair(1, label=[1]), 'entry 2: "label" must be'),
        (pair(1, identifier="x"), 'entry 2: "identifier" must look like train-10171-0-0, not x'),
    ],
)
def test_a_wrong_pair_is_a_sentence(tmp_path: Path, spoilt: Any, words: str) -> None:
    write_pairs(tmp_path, pair(0), spoilt)
    with pytest.raises(UserError, match=words) as raised:
        read("nlvr", tmp_path, "train", args=BUTD)
    assert raised.value.exit_code == 3


def test_a_missing_split_of_nlvr_names_those_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"or set data_root \(now {tmp_path}\)") as raised:
        read("nlvr", tmp_path, "train", args=BUTD)
    assert raised.value.exit_code == 4
    write_pairs(tmp_path, pair(0))
    with pytest.raises(UserError, match=r"test\.json\. The sentences .*; splits there: train\."):
        read("nlvr", tmp_path, "test", args=BUTD)


@pytest.fixture
def multi30k(tmp_path: Path) -> Path:
    task = tmp_path / "multi30k-dataset/data/task1"
    held = {
        "raw/{}.en": "A dog.\nTwo men.\n",
        "raw/{}.de": "Ein Hund.\nZwei Männer.\n",
        "image_splits/{}.txt": "1001.jpg\n1002.jpg\n",
    }
    for split in ("val", "test_2017_flickr"):
        for name, text in held.items():
            path = task / name.format(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return tmp_path


def test_translations_are_read_line_by_line(multi30k: Path) -> None:
    first, second = read("mmt", multi30k, "val", args=BUTD)
    assert (first["id"], first["text"], first["answers"]) == ("val-1", "A dog.", ["Ein Hund."])
    assert second["answers"] == ["Zwei Männer."]
    assert first["image"] == "flickr30k/features/trainval_boxes36.h5#1001"
    (later, _) = read("mmt", multi30k, "test_2017_flickr", args=BUTD)
    assert later["image"] == "flickr30k/features/test2017_boxes36.h5#1001"
    (grid, _), (pixels, _) = (read("mmt", multi30k, "val", args=args) for args in (GRIDS, PIXELS))
    assert grid["image"] == "flickr30k/clip_features/data_clip_ViT_att/1001.h5#1001"
    assert pixels["image"] == "flickr30k/images/1001.jpg"


def test_what_is_wrong_in_multi30k_is_a_sentence(multi30k: Path) -> None:
    task = multi30k / "multi30k-dataset/data/task1"
    with pytest.raises(UserError, match='no split "dev"; they have train, val, test_2016_flickr'):
        read("mmt", multi30k, "dev", args=BUTD)
    with pytest.raises(UserError, match=r"train\.en\. English texts of .*; clone .*data_root"):
        read("mmt", multi30k, "train", args=BUTD)
    (task / "raw/val.de").write_bytes(b"Ein Hund.\nZwei M\xe4nner.\n")
    with pytest.raises(UserError, match=r"val\.de, line 2: the text is not UTF-8"):
        read("mmt", multi30k, "val", args=BUTD)
    (task / "raw/val.de").write_text("Ein Hund.\n")
    with pytest.raises(UserError, match="2 English lines, 1 German lines and 2 names") as raised:
        read("mmt", multi30k, "val", args=BUTD)
    assert raised.value.exit_code == 3
    (task / "raw/val.de").write_text("a\nb\n")
    (task / "image_splits/val.txt").write_text("1.jpg\n../x\n")
    with pytest.raises(UserError, match=r'val\.txt, line 2: "\.\./x" names no picture'):
        read("mmt", multi30k, "val", args=BUTD)
    for name in ("raw/val.en", "raw/val.de", "image_splits/val.txt"):
        (task / name).write_text("")
    with pytest.raises(UserError, match="that split of mmt holds no record"):
        read("mmt", multi30k, "val", args=BUTD)
