"""Runs over published files, tars and pictures that cannot be read, as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from vlcli.cli.train import _plan
from vlcli.runs import train as runs
from vlcli.runs.evaluate import evaluate_run
from vlcli.runs.folder import RunFolder
from vlcli.runs.train import Outcome
from vlcli.runtime.progress import Silent
from vlcli.spec.problem import UserError
from vlcli.spec.read import read_spec_text

ROOT = Path(__file__).resolve().parents[2]
TINY: dict[str, Any] = {
    "backbone": "t5-tiny", "from_scratch": True, "tokenizer": "train",
    "unfreeze_language_model": True, "batch_size": 4, "epochs": 1, "log_every": 1,
}  # fmt: skip
PATCH = {"feature_type": "patch", "image_size": 32, "patch_size": 16}
NUMBER = 12


class Heard(Silent):
    """A screen that remembers its sentences."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def train(**values: Any) -> tuple[Outcome, list[str]]:
    """A run in the current folder, and what it said."""
    reading = read_spec_text(json.dumps({"task": "vqa", "device": "cpu", **TINY, **values}))
    screen = Heard()
    return runs.train(_plan(reading, Path("run.json5"), None), screen), screen.said


def results(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """run.json, and the results of the validation split."""
    run = folder / "snap" / "run"
    (split,) = (run / "results").iterdir()
    return json.loads((run / "run.json").read_text()), json.loads(split.read_text())


OWN = {"train": "own.jsonl", "valid": "own.jsonl", **PATCH}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Questions about a dozen pictures in a folder and, the same, in a tar; the current folder."""
    monkeypatch.chdir(tmp_path)
    rows = []
    with tarfile.open("all.tar", "w") as held:
        for number in range(NUMBER):
            colour = ("red", "blue")[number % 2]
            name = f"{number}.png"
            Image.new("RGB", (32, 32), colour).save(name)
            held.add(name)
            rows.append({"id": f"q{number}", "image": name, "text": "?", "answers": [colour]})
    Path("own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def spoil() -> None:
    """Cuts off two pictures and removes one."""
    for number in (3, 4):
        os.truncate(f"{number}.png", 60)
    Path("5.png").unlink()


def test_pictures_are_read_from_a_tar(own: Path) -> None:
    for path in own.glob("*.png"):
        path.unlink()
    train(**OWN, images="all.tar", num_workers=1)
    assert (own / "snap/run/samples/first.png").is_file()
    facts, found = results(own)
    assert facts["skipped"] == found["skipped"] == {"number": 0, "first": {}}
    Path("own.jsonl").write_text('{"id": "x", "image": "none.png", "text": "?", "answers": ["a"]}')
    with pytest.raises(
        UserError, match=r'Example "x": There is no picture none\.png in all\.tar; '
    ):
        train(**OWN, images="all.tar")


def test_each_split_of_one_file_is_evaluated_as_itself(own: Path) -> None:
    rows = [json.loads(line) for line in Path("own.jsonl").read_text().splitlines()]
    parts = ("train", "train", "val", "test")
    marked = [row | {"split": parts[number % 4]} for number, row in enumerate(rows)]
    Path("own.jsonl").write_text("\n".join(map(json.dumps, marked)))
    outcome, _ = train(**OWN, test="own.jsonl")
    (evaluation,) = outcome.evaluations
    assert evaluation.split == "test"
    run = RunFolder(own / "snap/run")
    spec = read_spec_text((run.path / "spec.json5").read_text()).spec
    for role, part in (("train", "train"), ("valid", "val"), (None, "test")):
        ((found, _),) = evaluate_run(run, spec, role)
        assert [each.id for each in found.examples] == [
            row["id"] for row in marked if row["split"] == part
        ]
    names = {path.name for path in (run.path / "predictions").iterdir()}
    assert names == {"train.jsonl", "valid.jsonl", "test.jsonl"}


@pytest.mark.parametrize("some", [False, True])
def test_a_picture_size_that_no_example_needs_is_told(own: Path, some: bool) -> None:
    """Boxes are seen for themselves; a record without boxes shows its whole picture."""
    rows = [json.loads(line) for line in Path("own.jsonl").read_text().splitlines()]
    boxes = [[0, 0, 0.5, 1], [0.5, 0, 1, 1]]
    asked = [{**row, "text": "left", "box": boxes[0], "boxes": boxes} for row in rows]
    if some:
        del asked[1]["boxes"]
    Path("own.jsonl").write_text("\n".join(map(json.dumps, asked)))
    _, said = train(**OWN, task="refcoco")
    assert any(each.startswith("image_size has no effect:") for each in said) != some


def test_skipped_examples_are_counted_and_reported(own: Path) -> None:
    spoil()
    _, said = train(**OWN, on_bad_example="skip", num_workers=1)
    assert any(each.startswith("3 of 12 training examples were skipped:") for each in said)
    assert any(each.startswith("3 of 12 valid examples were skipped:") for each in said)
    facts, found = results(own)
    assert facts["status"] == "finished"
    assert set(facts["skipped"]["first"]) == {"q3", "q4", "q5"}
    assert "There is no picture" in facts["skipped"]["first"]["q5"]
    assert set(found["skipped"]["first"]) == {"q3", "q4", "q5"}
    assert found["notes"]["skipped"].startswith("3 of 12 valid examples were skipped:")
    assert found["notes"]["skipped"].endswith(" Scores are over the rest alone: 9.")
    assert (found["examples"], found["scores"]["examples"]) == (9, 9)


FOUR = {"choices": ["red", "blue", "green", "white"], "rationales": list("abcd")}


@pytest.mark.parametrize(
    ("task", "skipped", "rest"),
    [
        ("tvqa", "3 of 12", 9),
        ("how2qa", "3 of 12", 9),
        ("nlvr", "6 of 12", 6),
        ("vcr", "24 of 96", 9),
    ],
)
def test_scores_say_what_they_are_over_where_examples_are_skipped(
    own: Path, task: str, skipped: str, rest: int
) -> None:
    """Twelve records, three pictures of them gone; nlvr shows two, and vcr has eight choices."""
    rows = [json.loads(line) for line in Path("own.jsonl").read_text().splitlines()]
    for number, row in enumerate(rows):
        row |= {**FOUR, "label": number % 2, "rationale_label": 1}
        if task == "nlvr":
            row["image"] = [row["image"], f"{(number + 6) % 12}.png"]
    Path("own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    spoil()
    outcome, _ = train(**OWN, task=task, on_bad_example="skip", max_text_length=60)
    (found,) = outcome.evaluations
    assert found.notes["skipped"].startswith(f"{skipped} valid examples were skipped: ")
    assert found.notes["skipped"].endswith(f" Scores are over the rest alone: {rest}.")
    assert found.scores["examples"] == rest


def test_two_processes_take_equally_many_steps_past_bad_examples(own: Path) -> None:
    spoil()
    values = {"task": "vqa", **TINY, **OWN, "on_bad_example": "skip", "device": "cpu"}
    Path("run.json5").write_text(json.dumps({**values, "batch_size": 1}))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [sys.executable, *torchrun, "-m", "vlcli", "train", "run.json5"],
        env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "3 of 12 training examples were skipped:" in done.stderr
    facts, found = results(own)
    assert set(facts["skipped"]["first"]) == set(found["skipped"]["first"]) == {"q3", "q4", "q5"}


def test_an_error_names_file_and_id_before_the_first_step_if_it_can_be_known(own: Path) -> None:
    spoil()
    with pytest.raises(UserError, match=r'^Example "q5": There is no picture .*5\.png\.$'):
        train(**OWN)
    assert not (own / "snap").exists()
    Image.new("RGB", (32, 32)).save("5.png")
    with pytest.raises(
        UserError, match=r'^Example "q[34]": The picture .*[34]\.png cannot be read'
    ):
        train(**OWN, num_workers=1)


@pytest.mark.parametrize(("task", "kind"), [("vqa", "butd"), ("caption", "ViT")])
def test_published_data_trains_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    publish(tmp_path / "datasets", kind)
    more = {"raw_label": True} if task == "vqa" else {"gen_max_length": 8}
    outcome, _ = train(
        task=task, train="karpathy_train", valid="karpathy_val", feature_type=kind, num_workers=1,
        **more,
    )  # fmt: skip
    (evaluation,) = outcome.evaluations
    assert len(evaluation.examples) == 4
    if task == "vqa":
        assert evaluation.notes["accuracy"] == "official VQA accuracy"
    else:
        assert "CIDEr" in evaluation.scores


def publish(root: Path, kind: str) -> None:
    """Published files of a dozen pictures, eight of them to train on."""
    names = [f"COCO_val2014_{number:012}" for number in range(NUMBER)]
    (root / "vqa").mkdir(parents=True)
    (root / "COCO/features").mkdir(parents=True)
    asked = [
        {"img_id": name, "question_id": 10 * n, "sent": "what?", "label": {"dog": 1.0}}
        for n, name in enumerate(names)
    ]
    for split, part in (("karpathy_train", asked[:8]), ("karpathy_val", asked[8:])):
        (root / "vqa" / f"{split}.json").write_text(json.dumps(part))
    answers = [{"question_id": 10 * n, "answers": [{"answer": "dog"}] * 10} for n in range(NUMBER)]
    path = root / "vqa" / "v2_mscoco_val2014_annotations.json"
    path.write_text(json.dumps({"annotations": answers}))
    images = [
        {"filename": f"{name}.jpg", "split": "restval" if n < 8 else "val",
         "sentences": [{"raw": "a dog ."}, {"raw": "one dog"}]}
        for n, name in enumerate(names)
    ]  # fmt: skip
    (root / "COCO" / "dataset_coco.json").write_text(json.dumps({"images": images}))
    if kind == "butd":
        with h5py.File(root / "COCO/features/val2014_obj36.h5", "w") as file:
            for name in names:
                file[f"{name}/features"] = np.ones((36, 2048), np.float32)
                file[f"{name}/boxes"] = np.ones((36, 4), np.float32)
                file[f"{name}/img_w"] = file[f"{name}/img_h"] = 10
        return
    folder = root / "COCO/clip_features" / f"data_clip_{kind}_att"
    folder.mkdir(parents=True)
    for name in names:
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file[f"{name}/features"] = np.ones((49, 768), np.float32)
