"""A run from spec to answers, as a user starts it, on a little of the built-in data."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file

from vlcli.runtime.snapshot import WEIGHTS

SPEC = """{
    task: "vqa", dataset: "shapes", test: "test",
    backbone: "t5-tiny", from_scratch: true, tokenizer: "train", unfreeze_language_model: true,
    feature_type: "patch", image_size: 64, patch_size: 16,
    batch_size: 16, epochs: 1, train_topk: 64, valid_topk: 24, lr: 1e-3, log_every: 2,
}
"""


class Folder:
    """A working folder of its own, with the session's cache of the built-in data."""

    def __init__(self, path: Path, cache: Path) -> None:
        self.path = path
        self.environment = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": str(cache)}
        (path / "tiny.json5").write_text(SPEC)

    def vlcli(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "vlcli", *words],
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("trained"), cache)
    folder.vlcli("train", "tiny.json5", "--set", "comment=a first try")
    return folder


@pytest.fixture
def fresh(tmp_path, cache) -> Folder:
    return Folder(tmp_path, cache)


def test_a_run_leaves_everything_in_its_folder(trained):
    run = trained.path / "snap" / "tiny"
    for name in (
        "run.json", "spec.json5", "environment.json", "metrics.jsonl", "log.txt", "tokenizer",
        "checkpoints", "predictions/test.jsonl", "results/test.json", "samples/samples.png",
    ):  # fmt: skip
        assert (run / name).exists(), name
    facts = json.loads((run / "run.json").read_text())
    assert (facts["status"], facts["arch"], facts["tasks"]) == ("finished", "vlt5", ["vqa"])
    assert facts["score"]["name"] == "accuracy"
    rows = [json.loads(line) for line in (run / "predictions/test.jsonl").open()]
    assert len(rows) == 24
    assert {"id", "text", "prediction", "answers", "kind", "image"} <= set(rows[0])


def test_the_kept_spec_is_valid_and_names_the_same_run(trained):
    trained.vlcli("validate", "snap/tiny/spec.json5", "--strict")


def test_eval_takes_the_newest_run_and_agrees_with_training(trained):
    done = trained.vlcli("eval", "--task", "vqa", "--json")
    found = json.loads(done.stdout)
    facts = json.loads((trained.path / "snap/tiny/run.json").read_text())
    assert (found["run"], found["task"], found["split"]) == ("snap/tiny", "vqa", "test")
    assert found["examples"] == 24
    assert found["metrics"]["accuracy"] == facts["score"]["value"]


def test_eval_shows_the_prior_as_training_did(trained):
    kept = json.loads((trained.path / "snap/tiny/prior.json").read_text())
    assert kept[""] in kept.values()
    assert "count" in kept
    first = json.loads((trained.path / "snap/tiny/results/test.json").read_text())["scores"]
    found = json.loads(trained.vlcli("eval", "--task", "vqa", "--json").stdout)["metrics"]
    assert found == first
    assert found["prior"] > 0
    assert "prior/count" in found
    screen = trained.vlcli("eval", "--task", "vqa").stdout
    assert "prior" in screen


def test_a_run_that_kept_no_prior_still_evaluates(trained, fresh):
    shutil.copytree(trained.path / "snap", fresh.path / "snap")
    (fresh.path / "snap/tiny/prior.json").unlink()
    found = json.loads(fresh.vlcli("eval", "--task", "vqa", "--json").stdout)["metrics"]
    assert "accuracy" in found
    assert not [name for name in found if name.startswith("prior")]
    (fresh.path / "snap/tiny/prior.json").write_text("{")
    done = fresh.vlcli("eval", "--task", "vqa", code=4)
    assert "prior.json cannot be read" in done.stderr


def test_eval_without_a_run_says_what_to_do(fresh):
    done = fresh.vlcli("eval", "--task", "vqa", code=4)
    assert done.stderr == (
        'error: No finished run on "vqa" in snap/. Train one (vlcli train SPEC), or name a run '
        "folder with --run.\n"
    )


def test_predict_answers_one_question_and_a_file_of_them(trained):
    Image.new("RGB", (64, 64), "red").save(trained.path / "red.png")
    one = trained.vlcli("predict", "tiny", "--image", "red.png", "--text", "what color is it?")
    assert one.stdout.count("\n") == 1
    (trained.path / "asked.jsonl").write_text(
        '{"id": "a", "image": "red.png", "text": "what color is it?"}\n'
        '{"id": "b", "image": "red.png", "text": "how many?"}\n'
    )
    done = trained.vlcli("predict", "tiny", "--input", "asked.jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["a", "b"]
    assert rows[0]["prediction"] == one.stdout.strip()


def test_a_missing_picture_is_one_sentence(trained):
    done = trained.vlcli("predict", "tiny", "--image", "no.png", "--text", "?", code=4)
    assert done.stderr.count("\n") == 1
    assert "no.png" in done.stderr


def test_runs_lists_what_was_trained(trained):
    done = trained.vlcli("runs")
    assert "snap/tiny" in done.stdout
    assert "finished" in done.stdout
    assert "a first try" in done.stdout
    assert json.loads(trained.vlcli("runs", "--json").stdout)[0]["task"] == "vqa"


def test_a_second_run_never_writes_over_the_first(fresh):
    for _ in range(2):
        fresh.vlcli("train", "tiny.json5", "--set", "epochs=0", "--set", "test_only=true")
    assert sorted(path.name for path in (fresh.path / "snap").iterdir()) == ["tiny", "tiny-2"]
    done = fresh.vlcli("train", "tiny.json5", "--set", "output=snap/tiny", code=4)
    assert "never writes over another" in done.stderr


def test_a_stopped_run_resumes_to_the_weights_of_one_that_never_stopped(fresh):
    longer = ["--set", "epochs=3"]
    fresh.vlcli("train", "tiny.json5", *longer, "--set", "output=whole")
    process = subprocess.Popen(
        [sys.executable, "-m", "vlcli", "train", "tiny.json5", *longer, "--set", "output=cut"],
        cwd=fresh.path,
        env=fresh.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step 6/"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    fresh.vlcli("train", "--resume", "cut")
    assert weights(fresh.path / "whole") == weights(fresh.path / "cut")


def weights(run: Path) -> dict[str, bytes]:
    """The bytes of every tensor of the newest checkpoint."""
    newest = max((run / "checkpoints").glob("step-*"), key=lambda path: path.name)
    return {name: each.numpy().tobytes() for name, each in load_file(newest / WEIGHTS).items()}


def test_a_dry_run_says_what_would_train_and_makes_no_folder(fresh):
    done = fresh.vlcli("train", "tiny.json5", "--dry-run")
    assert "parameters train (100.000 %). 4 batches per epoch on cpu." in done.stdout
    assert not (fresh.path / "snap").exists()


@pytest.mark.parametrize(
    ("sets", "code", "words"),
    [
        (["epochs=-1"], 3, "epochs is -1"),
        (["train=nowhere"], 3, 'shapes has no split "nowhere"'),
        (["distributed=true", "multiGPU=true"], 3, "one process runs alone"),
        (["device=cuda"], 3, 'device is "cuda"'),
        (["from_scratch=false", "backbone=./no-such-t5", "tokenizer=train"], 4, "no-such-t5"),
    ],
)
def test_what_cannot_run_ends_in_a_sentence(fresh, sets, code, words):
    import torch

    if "device=cuda" in sets and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    overrides = [word for each in sets for word in ("--set", each)]
    done = fresh.vlcli("train", "tiny.json5", *overrides, code=code)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_text_only_is_the_same_run_without_pictures(fresh):
    done = fresh.vlcli("train", "tiny.json5", "--set", "use_vision=false")
    assert "accuracy" in done.stdout
    assert not (fresh.path / "snap/tiny/samples").exists()


def test_captions_train_and_are_judged(fresh):
    done = fresh.vlcli(
        "train", "tiny.json5", "--set", "task=caption", "--set", "gen_max_length=24",
        "--set", "backbone=bart-tiny",
    )  # fmt: skip
    assert "CIDEr" in done.stdout
    kept = json.loads((fresh.path / "snap/tiny/prior.json").read_text())[""]
    assert f'prior: of every picture "{kept}"' in done.stdout
    again = fresh.vlcli("eval", "--task", "caption")
    assert done.stdout.startswith(again.stdout.partition("\n")[2].rpartition("prior:")[0])
    found = json.loads(fresh.vlcli("eval", "--task", "caption", "--json").stdout)["metrics"]
    assert found["prior/CIDEr"] > found["CIDEr"] >= 0
    assert time.time() - (fresh.path / "snap/tiny/run.json").stat().st_mtime < 300


def test_a_classifier_and_an_answer_list_hold_the_answers(fresh):
    for more in (["classifier=true"], ["answer_vocab=train"]):
        overrides = [word for each in [*more, "output=held"] for word in ("--set", each)]
        fresh.vlcli("train", "tiny.json5", *overrides)
        answers = set(json.loads((fresh.path / "held/answers.json").read_text()))
        rows = [json.loads(line) for line in (fresh.path / "held/predictions/test.jsonl").open()]
        assert {row["prediction"] for row in rows} <= answers
        subprocess.run(["rm", "-r", str(fresh.path / "held")], check=True)


def test_load_begins_with_the_weights_of_a_run(trained):
    trained.vlcli(
        "train", "tiny.json5", "--set", "from_scratch=false", "--set", "tokenizer=null",
        "--set", "load=tiny", "--set", "test_only=true", "--set", "output=again",
    )  # fmt: skip
    first = (trained.path / "snap/tiny/predictions/test.jsonl").read_text()
    assert (trained.path / "again/predictions/test.jsonl").read_text() == first
