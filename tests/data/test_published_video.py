"""Clips become records, with what is said in them; what is wrong in their files is a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data.published import read
from vlcli.spec.problem import UserError

ARGS = VLSpec()
SOURCES = {"tvqa": "tv", "tvc": "tv", "how2qa": "how2", "yc2c": "yc2"}
SAID = [{"text": " Hi. ", "start": 0.5, "end": 2}, {"text": "Bye.", "start": 3, "end": 4}]


def write(path: Path, *entries: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def subtitles(root: Path, source: str, *entries: Any) -> Path:
    entries = entries or ({"vid_name": "clip_1", "sub": SAID},)
    return write(root / f"video/ann/{source}_subtitles.jsonl", *entries)


def annotations(root: Path, task: str, split: str, *entries: Any) -> Path:
    return write(root / f"video/ann/{task}/{task}_{split}.jsonl", *entries)


def asked(many: int = 5, **fields: Any) -> dict[str, Any]:
    choices = {f"a{n}": f"choice {n}." for n in range(many)}
    return {
        "qid": 42,
        "vid_name": "clip_1",
        "q": " Who is it? ",
        "ts": "12.3-15.0",
        "show_name": "Friends",
        "answer_idx": 3,
        **choices,
        **fields,
    }


def described(**fields: Any) -> dict[str, Any]:
    descs = [{"desc": "A man.", "desc_id": 1, "type": "v"}, {"desc": "He.", "desc_id": 2}]
    return {
        "vid_name": "clip_1",
        "clip_id": 7,
        "duration": 60,
        "ts": [1.5, 4],
        "descs": descs,
        **fields,
    }


def test_a_question_about_a_clip_has_choices_and_subtitles(tmp_path: Path) -> None:
    subtitles(tmp_path, "tv")
    annotations(tmp_path, "tvqa", "train", asked())
    (record,) = read("tvqa", tmp_path, "train", args=ARGS)
    assert record == {
        "id": "42",
        "image": "video/vis_features/tv/clip-vit/clip_1.npz",
        "subtitles": "Hi. Bye.",
        "vid_name": "clip_1",
        "text": "Who is it?",
        "choices": [f"choice {n}." for n in range(5)],
        "kind": "Friends",
        "qid": 42,
        "time": "12.3-15.0",
        "label": 3,
    }


def test_how2qa_has_four_choices_and_a_test_no_label(tmp_path: Path) -> None:
    subtitles(tmp_path, "how2")
    entry = asked(4, qid="how_1", answer_idx=None, show_name=None, ts=None)
    annotations(tmp_path, "how2qa", "test_public_release", entry)
    (record,) = read("how2qa", tmp_path, "test_public_release", args=ARGS)
    assert (record["id"], len(record["choices"]), record["kind"]) == ("how_1", 4, "how2qa")
    assert record["image"] == "video/vis_features/how2/clip-vit/clip_1.npz"
    assert not {"label", "time"} & set(record)


def test_a_clip_has_all_its_captions(tmp_path: Path) -> None:
    for task, split in (("tvc", "val_release"), ("yc2c", "val_release")):
        subtitles(tmp_path, SOURCES[task])
        annotations(tmp_path, task, split, described(), described(clip_id=8, descs=None))
    first, hidden = read("tvc", tmp_path, "val_release", args=ARGS)
    assert (first["id"], first["captions"], first["subtitles"]) == (
        "7", ["A man.", "He."], "Hi. Bye.",
    )  # fmt: skip
    assert (first["time"], first["ts"], first["clip_id"]) == ("[1.5, 4]", [1.5, 4], 7)
    assert "captions" not in hidden
    cook, _ = read("yc2c", tmp_path, "val_release", args=ARGS)
    assert cook["image"] == "video/vis_features/yc2/clip-vit/clip_1.npz"
    assert "time" not in cook


@pytest.mark.parametrize(
    ("task", "spoilt", "words"),
    [
        ("tvqa", [], "line 2: a record is an object"),
        ("tvqa", asked(a4=None), 'line 2: there is no "a4"'),
        ("tvqa", asked(q=3), 'line 2: "q" must be a text'),
        ("tvqa", asked(answer_idx=5), 'line 2: "answer_idx" must be a number from 0 to 4'),
        ("tvqa", asked(vid_name="../x"), 'line 2: "vid_name" must be the name of a picture'),
        ("tvqa", asked(vid_name="gone"), r"line 2: .*tv_subtitles\.jsonl has no clip gone"),
        ("tvc", described(clip_id=None), 'line 2: there is no "clip_id"'),
        ("tvc", described(ts=None), 'line 2: there is no "ts"'),
        ("tvc", described(descs=["a"]), 'line 2: "descs" must be a list of objects'),
        ("tvc", described(descs=[{}]), 'line 2: there is no "desc"'),
    ],
)
def test_a_wrong_annotation_of_a_clip_is_a_sentence(
    tmp_path: Path, task: str, spoilt: Any, words: str
) -> None:
    subtitles(tmp_path, "tv")
    annotations(tmp_path, task, "val", asked() if task == "tvqa" else described(), spoilt)
    with pytest.raises(UserError, match=words) as raised:
        read(task, tmp_path, "val", args=ARGS)
    assert raised.value.exit_code == 3


def test_what_is_missing_of_clips_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"What is said in the clips of tv, .*, or set data_root"):
        read("tvqa", tmp_path, "train", args=ARGS)
    path = subtitles(tmp_path, "tv")
    with pytest.raises(UserError, match=r'questions of the split "train" of tvqa, .*data_root'):
        read("tvqa", tmp_path, "train", args=ARGS)
    annotations(tmp_path, "tvqa", "val")
    with pytest.raises(UserError, match=r"splits there: val\."):
        read("tvqa", tmp_path, "train", args=ARGS)
    with pytest.raises(UserError, match="that split of tvqa holds no record"):
        read("tvqa", tmp_path, "val", args=ARGS)
    subtitles(tmp_path, "tv", {"vid_name": "clip_1", "sub": "Hi"})
    with pytest.raises(UserError, match='line 1: "sub" must be a list of objects'):
        read("tvqa", tmp_path, "val", args=ARGS)
    path.write_bytes(b'{"vid_name": "a", "sub": []}\n{"caf\xe9": 1}\n')
    with pytest.raises(UserError, match=r"tv_subtitles\.jsonl, line 2: the text is not UTF-8"):
        read("tvqa", tmp_path, "val", args=ARGS)


def activity(root: Path, text: str | bytes, split: str = "val") -> None:
    path = root / f"video/ActivityNet-QA/{split}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def test_activitynet_is_a_table(tmp_path: Path) -> None:
    rows = 'v_a,"is it, say, red",yes,3\nv_b,who,man,8\nv_a,what,dog,5\n'
    activity(tmp_path, "video_id,question,answer,type\n" + rows)
    first, _, third = read("activitynet", tmp_path, "val", args=ARGS)
    assert first == {
        "id": "v_a_1",
        "image": "video/ActivityNet-QA/s3d.pth#v_a",
        "text": "is it, say, red",
        "kind": "yes_no",
        "answers": ["yes"],
    }
    assert (third["id"], third["kind"]) == ("v_a_2", "object")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("video_id,question,type\nv_a,q,0\n,q,0\n", 'line 3: "video_id" must be the name'),
        ("video_id,type\nv_a,0\n", 'line 2: there is no "question"'),
        ("video_id,question,type\nv_a,q,9\n", 'line 2: "type" must be a number from 0 to 8'),
        ('video_id,question,type\nv_a,"q,0\n', "cannot be read as CSV"),
        (b"video_id,question,type\nv_a,caf\xe9,0\n", "line 2: the text is not UTF-8"),
        ("video_id,question,type\n", "that split of activitynet holds no record"),
    ],
)
def test_a_wrong_table_is_a_sentence(tmp_path: Path, rows: str | bytes, words: str) -> None:
    activity(tmp_path, rows)
    with pytest.raises(UserError, match=words):
        read("activitynet", tmp_path, "val", args=ARGS)


def test_a_missing_table_names_those_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="or set data_root"):
        read("activitynet", tmp_path, "test", args=ARGS)
    activity(tmp_path, "")
    with pytest.raises(UserError, match=r"splits there: val\."):
        read("activitynet", tmp_path, "test", args=ARGS)
