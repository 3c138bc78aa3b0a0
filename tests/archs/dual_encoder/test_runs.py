"""Whole runs: training, evaluation and resuming go through the one trainer and the one folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.archs.dual_encoder.small import reading, trained
from vlcli.archs.dual_encoder.objectives import OBJECTIVES
from vlcli.runs.evaluate import evaluate_run
from vlcli.runs.folder import RunFolder
from vlcli.runs.params import outlined
from vlcli.runs.parts import build, restored
from vlcli.runs.predict import predict_one
from vlcli.runs.weights import load_best
from vlcli.runtime.engine import Engine
from vlcli.runtime.weights import read_weights
from vlcli.spec.problem import UserError


def weights(folder: Path) -> dict[str, torch.Tensor]:
    last = sorted((folder / "checkpoints").glob("step-*"))[-1]
    return read_weights(last / "weights.safetensors")


def test_a_run_trains_tells_its_recall_and_is_evaluated_again(tmp_path: Path) -> None:
    outcome = trained(tmp_path / "run", test="test")
    (found,) = outcome.evaluations
    assert found.split == "test"
    assert found.scores["examples"] == 6
    assert 0 <= found.scores["R@1/text to image"] <= 100
    rows = (tmp_path / "run/predictions/test.jsonl").read_text().splitlines()
    assert len(rows) == 6 * 6
    assert {"id", "image", "prediction"} <= json.loads(rows[0]).keys()
    again = evaluate_run(RunFolder(tmp_path / "run"), reading(test="test").spec, None)
    assert again[0][0].scores == found.scores


def test_eval_knows_alignment_as_retrieval(tmp_path: Path) -> None:
    trained(tmp_path / "run", test="test")
    words = ["eval", "--task", "retrieval", "--run", str(tmp_path / "run"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "vlcli", *words], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["examples"] == 6


def test_a_run_ranks_texts_for_a_picture_and_pictures_for_a_text(tmp_path: Path) -> None:
    trained(tmp_path / "run", test="test")
    spec, run = reading(test="test").spec, RunFolder(tmp_path / "run")
    first, sheet = (run.path / f"samples/{name}.png" for name in ("first", "samples"))
    texts = ["a red circle", "two blue squares", "a circle"]
    ranked = predict_one(run, spec, [first], texts)
    assert sorted(line.partition("  ")[2] for line in ranked) == sorted(texts)
    scores = [float(line.partition("  ")[0]) for line in ranked]
    assert scores == sorted(scores, reverse=True)
    both = predict_one(run, spec, [first, sheet, first], [*texts[:1], " "])
    assert sorted(line.partition("  ")[2] for line in both) == [str(first), str(sheet)]
    assert predict_one(run, spec, [first.parent], texts[:1]) == both
    alone = [predict_one(run, spec, [each], texts[:1])[0].split()[0] for each in (first, sheet)]
    assert sorted(alone) == sorted(line.split()[0] for line in both)
    with pytest.raises(UserError, match="ranks texts for a picture"):
        predict_one(run, spec, [first], [" "])


@pytest.mark.parametrize("loss", [name for name, each in OBJECTIVES.items() if not each.labels])
def test_every_loss_makes_updates(loss: str, tmp_path: Path) -> None:
    each = OBJECTIVES[loss]
    changed = {"loss": loss} | ({"queue_size": 24} if each.queue else {})
    changed |= {"n_prototypes": 12} if each.prototypes else {}
    outcome = trained(tmp_path / "run", **changed)
    assert outcome.result is not None
    assert outcome.result.steps == 2
    lines = (tmp_path / "run/metrics.jsonl").read_text()
    assert "NaN" not in lines


@pytest.mark.parametrize("loss", ["InfoNCE", "SEED", "DINO"])
def test_a_resumed_run_ends_with_the_same_weights(loss: str, tmp_path: Path) -> None:
    changed = {"loss": loss} | {"InfoNCE": {}, "SEED": {"queue_size": 24}}.get(
        loss, {"n_prototypes": 12}
    )
    trained(tmp_path / "whole", epochs=2, **changed)
    trained(tmp_path / "half", epochs=2, **changed)
    folder = RunFolder(tmp_path / "half")
    checkpoints = sorted((folder.path / "checkpoints").glob("step-*"))
    assert len(checkpoints) == 2
    shutil.rmtree(checkpoints[-1])
    for pointer in (folder.path / "checkpoints").iterdir():
        if pointer.is_file() and checkpoints[-1].name in pointer.read_text():
            pointer.write_text(checkpoints[0].name + "\n")
    trained(tmp_path / "half", folder, epochs=2, **changed)
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "half")
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_a_mixture_with_the_first_weights_is_what_is_judged_and_may_be_another_later(
    tmp_path: Path,
) -> None:
    def model(folder: str, share: float) -> dict[str, torch.Tensor]:
        run = RunFolder(tmp_path / folder)
        made = restored(reading().spec, run)
        load_best(made, run, share)
        return {name: value.clone() for name, value in made.state_dict().items()}

    trained(tmp_path / "run", eval_with_wise_ft=0.5, epochs=2)
    begun = read_weights(tmp_path / "run/begun.safetensors")
    ends, half = model("run", 1.0), model("run", 0.5)
    name = "image.head.mlp.weight"
    torch.testing.assert_close(half[name], (begun[name] + ends[name]) / 2)
    assert torch.equal(model("run", 0.0)[name], begun[name])
    again = evaluate_run(RunFolder(tmp_path / "run"), reading(eval_with_wise_ft=0.5).spec, None)
    written = json.loads((tmp_path / "run/results/valid.json").read_text())
    assert again[0][0].scores == written["scores"]
    trained(tmp_path / "plain")
    with pytest.raises(UserError, match="did not keep the weights it began with"):
        model("plain", 0.5)


def test_a_locked_tower_stays_to_the_bit_while_the_rest_learns(tmp_path: Path) -> None:
    spec = reading(lock_image_model=True).spec
    torch.manual_seed(spec.seed)
    trained(tmp_path / "run", lock_image_model=True)
    before = build(spec, RunFolder(tmp_path / "none"), learning=True).architecture.state_dict()
    after = weights(tmp_path / "run")
    tower = [name for name in after if name.startswith("image.tower.")]
    assert len(tower) > 10
    assert [name for name in tower if not torch.equal(before[name], after[name])] == []
    assert not torch.equal(before["image.head.mlp.weight"], after["image.head.mlp.weight"])


@pytest.mark.parametrize("many", [1, 2, 4, 8])
def test_gradients_in_parts_are_those_of_the_whole_batch(many: int) -> None:
    found = []
    for size in (0, many):
        spec = reading(grad_cache_size=size, train_topk=8, dropout=0.0).spec
        torch.manual_seed(0)
        parts = build(spec)
        with Engine(spec, spec) as engine:
            (batch,) = parts.batches(engine).epoch(0, 0)
        model = parts.architecture.double().train()
        tower, pixels = model.image.tower.tower, model.image.tower.tower.pixels
        tower.pixels = lambda seen, plain=pixels: plain(seen).double()
        losses = model(batch)
        losses.sum.backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    whole, cached = found
    assert whole.keys() == cached.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(cached[name], gradient, atol=1e-6, rtol=1e-6, msg=name)


def test_parameters_are_counted_by_part() -> None:
    found = {row.part.name: row for row in outlined(reading(lock_text_model=True).spec).rows}
    assert set(found) == {"image tower", "image head", "text tower", "text head", "scale"}
    assert found["text tower"].trainable == 0
    assert found["image tower"].trainable == found["image tower"].total > 0
    assert found["text head"].trainable == 128 * 32 + 32


@pytest.mark.parametrize("loss", [name for name, each in OBJECTIVES.items() if each.spread])
def test_a_pair_left_alone_in_the_last_batch_breaks_nothing(loss: str, tmp_path: Path) -> None:
    trained(tmp_path, loss=loss, train_topk=9, log_every=1)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[0] > 0
    assert losses[1:] == [0]


def test_what_a_directed_loss_learns_towards_stays_as_it_is(tmp_path: Path) -> None:
    spec = reading(loss="SEED", queue_size=16).spec
    torch.manual_seed(spec.seed)
    architecture = build(spec).architecture
    free = {name for name, each in architecture.named_parameters() if each.requires_grad}
    assert {name.split(".")[0] for name in free} == {"image"}
    before = architecture.state_dict()
    trained(tmp_path, loss="SEED", queue_size=16)
    changed = {n for n, each in weights(tmp_path).items() if not torch.equal(each, before[n])}
    assert {name.split(".")[0] for name in changed} == {"image", "loss"}  # and the queue


@pytest.mark.parametrize("loss", ["UniCL", "CrossEntropy"])
def test_losses_of_classes_ask_for_labels(loss: str, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(8 * (json.dumps({"image": "a.png", "captions": ["a cat"]}) + "\n"))
    splits = {"dataset": None, "train": str(rows), "valid": str(rows), "train_topk": -1}
    with pytest.raises(UserError, match="none has any"):
        trained(tmp_path / "run", loss=loss, **splits)


def test_a_scale_begins_as_asked_where_no_pretrained_one_is_there() -> None:
    clip = {"text_model_builder": "open_clip", "text_model": "RN50", "tokenizer": None}
    architecture = build(reading(**clip, logit_scale=0.5).spec).architecture
    assert architecture.scale.exp().item() == pytest.approx(2)
