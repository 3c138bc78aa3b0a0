"""Runs of two encoders, judged by tasks that they were not trained on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.archs.dual_encoder.small import reading, trained
from vlcli.runs.evaluate import Evaluation, evaluate_run
from vlcli.runs.folder import RunFolder
from vlcli.spec.problem import UserError

COLORS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("judged") / "run"
    trained(folder)
    return RunFolder(folder)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy pictures of one color each, by class folders, to learn from and to judge."""
    folder = tmp_path_factory.mktemp("classes")
    rng = np.random.default_rng(0)
    for part, many in (("train", 8), ("val", 3)):
        for color in COLORS:
            (folder / part / color).mkdir(parents=True)
            for number in range(many):
                plain = np.asarray(Image.new("RGB", (64, 64), color), np.int16)
                noisy = (plain + rng.integers(-60, 60, plain.shape)).clip(0, 255).astype(np.uint8)
                Image.fromarray(noisy).save(folder / part / color / f"{number}.png")
    return folder


def judged(run: RunFolder, task: str, split: str, **changed: Any) -> Evaluation:
    changed = {"dataset": None, "train_topk": -1, "valid_topk": -1, **changed}
    spec = reading(**changed).spec
    ((found, _),) = evaluate_run(run, spec, split, task)
    return found


def test_zeroshot_judges_a_run_of_alignment(run: RunFolder, classes: Path) -> None:
    found = judged(run, "zeroshot", str(classes / "val"), prompt_templates="cifar")
    assert found.task == "zeroshot"
    assert found.scores["examples"] == 9
    assert found.scores["prior"] == pytest.approx(100 / 3)
    assert 0 <= found.scores["accuracy"] <= found.scores["accuracy5"] == 100
    assert "3 classes by 18 texts each" in found.notes["zeroshot"]
    rows = [json.loads(line) for line in next(run.path.glob("predictions/zeroshot.*")).open()]
    assert len(rows) == 9
    assert {row["prediction"] for row in rows} <= set(COLORS)
    right = sum(row["prediction"] == row["answers"][0] for row in rows)
    assert found.scores["accuracy"] == pytest.approx(100 * right / 9)


def test_names_of_classes_change_what_is_compared(
    run: RunFolder, tmp_path: Path, classes: Path
) -> None:
    (tmp_path / "names.txt").write_text("a large red circle\nsquare\nthree things\n")
    split, names = str(classes / "val"), str(tmp_path / "names.txt")
    plain, named = (judged(run, "zeroshot", split, class_names=each) for each in (None, names))
    assert {e.id: e.text for e in plain.predictions.values()} != {
        e.id: e.text for e in named.predictions.values()
    }
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    with pytest.raises(UserError, match="has 2 names, and the data has 3 classes"):
        judged(run, "zeroshot", split, class_names=names)


@pytest.mark.parametrize(("task", "told"), [("linear_probe", "C 0"), ("knn", "k 1 ")])
def test_probes_learn_from_train_and_choose_on_a_part_of_it(
    run: RunFolder, classes: Path, task: str, told: str
) -> None:
    found = judged(run, task, str(classes / "val"), train=str(classes / "train"))
    assert found.scores["accuracy"] == 100.0
    assert found.scores["examples"] == len(found.predictions) == 9
    assert found.notes[task].startswith(told)
    assert "of 4 held out), fitted on 24 training pictures" in found.notes[task]


@pytest.mark.parametrize(("task", "key"), [("linear_probe", "C"), ("knn", "knn_k")])
def test_a_setting_that_is_given_is_taken(
    run: RunFolder, classes: Path, task: str, key: str
) -> None:
    found = judged(run, task, str(classes / "val"), train=str(classes / "train"), **{key: 3})
    assert f"{task[0] if key != 'C' else 'C'} 3, fitted on" in found.notes[task]


def test_data_without_classes_is_told(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"image": "a.png", "captions": ["a"]}\n')
    with pytest.raises(UserError, match=r'has no "label", and knn is about .* --set train='):
        judged(run, "knn", str(tmp_path / "a.jsonl"), train=str(tmp_path / "a.jsonl"), batch_size=1)


def test_sts_correlates_texts(run: RunFolder, tmp_path: Path) -> None:
    lines = [f"g\tf\ty\t{n}\t{n / 2}\ta red circle\ttext {n} of some" for n in range(7)]
    (tmp_path / "sts.csv").write_text("\n".join(lines))
    found = judged(run, "sts", str(tmp_path / "sts.csv"))
    assert -100 <= found.scores["spearman"] <= 100
    assert found.scores["examples"] == 7
    shown = [float(found.predictions[f"sts-{n}#0"].text) for n in range(1, 8)]
    assert len(set(shown)) > 1


def test_the_command_judges_the_built_in_classes(run: RunFolder) -> None:
    words = ["eval", "--task", "zero_shot", "--run", str(run.path), "--split", "valid", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "vlcli", *words], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["task"], said["metrics"]["examples"]) == ("zeroshot", 6)
    assert (run.path / "results/zeroshot.valid.json").is_file()


def test_validations_tell_more_every_so_many_epochs(tmp_path: Path, classes: Path) -> None:
    part = {
        name: str(classes / ("train" if name == "train" else "val")) for name in ("train", "valid")
    }
    outcome = trained(
        tmp_path / "run",
        dataset=None,
        epochs=3,
        valid_topk=-1,
        zeroshot_frequency=2,
        linear_frequency=3,
        **part,
    )
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").open()]
    told = [line for line in lines if "mean_recall" in json.dumps(line)]
    assert ["zeroshot accuracy" in json.dumps(line) for line in told][:3] == [False, True, True]
    assert ["knn accuracy" in json.dumps(line) for line in told][:3] == [False, False, True]
    assert outcome.result is not None


def test_a_split_by_task_may_name_who_judges_and_nobody_else(classes: Path) -> None:
    held = reading(valid={"zeroshot": str(classes / "val"), "alignment": "valid"})
    assert held.errors == []
    assert held.spec.of_task("zeroshot").valid == str(classes / "val")
    (wrong,) = reading(valid={"zeroshots": "x"}).errors
    assert wrong.code == "R172"
    (judge,) = reading(task="knn").errors
    assert judge.code == "I20"
