"""Learning from a frozen CLIP, and from features that a frozen tower made once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from torch.nn.functional import normalize

from tests.archs.dual_encoder.small import reading, trained
from tests.towers.tiny_clip import NAME, tiny_clip
from vlcli.runs.parts import build
from vlcli.runtime.engine import Engine
from vlcli.runtime.weights import read_weights
from vlcli.spec.problem import UserError
from vlcli.towers.text.huggingface import HuggingFaceTower


@pytest.fixture
def teaching(tmp_path: Path) -> dict[str, Any]:
    """The keys of a run that learns from a tiny CLIP, whose weights lie in a file."""
    tiny_clip(tmp_path / "configs")
    torch.manual_seed(3)
    # Words of the built-in captions have numbers of the whole vocabulary.
    config = open_clip.get_model_config(NAME)
    config["text_cfg"]["vocab_size"] = 49408
    (tmp_path / "configs" / f"{NAME}.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "configs")
    weights = tmp_path / "whole.pth"
    torch.save(open_clip.create_model(NAME).state_dict(), weights)
    return {"distill_model": NAME, "distill_weights": str(weights)}


def losses(folder: Path) -> list[float]:
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [row["loss"] for row in rows if "loss" in row]


def batch_of(spec: Any) -> tuple[Any, Any]:
    parts = build(spec)
    with Engine(spec, spec) as engine:
        batch = next(iter(parts.batches(engine).epoch(0, 0)))
    return parts.architecture, batch


def test_the_loss_is_that_of_open_clip_with_the_similarities_of_its_own_model(
    teaching: dict[str, Any],
) -> None:
    """B3: contrastive and distillation loss as open_clip's, the teacher as it runs there."""
    model, batch = batch_of(reading(**teaching, dropout=0.0).spec)
    model.eval()
    with torch.no_grad():
        losses = model(batch)
        image, text = model.image(batch.pixels), model.text(batch.tokens)
    whole = open_clip.create_model(NAME)
    whole.load_state_dict(torch.load(teaching["distill_weights"], weights_only=True))
    whole.eval()
    pixels = model.master.image.pixels(batch.pixels)
    with torch.no_grad():
        theirs = [
            normalize(each, dim=-1)
            for each in (whole.encode_image(pixels), whole.encode_text(batch.tokens["taught"]))
        ]
        found = open_clip.loss.DistillClipLoss()(
            normalize(image, dim=-1),
            normalize(text, dim=-1),
            model.scale.exp(),
            *theirs,
            whole.logit_scale.exp(),
        )
    torch.testing.assert_close(losses.sum / losses.count, sum(found), atol=1e-5, rtol=1e-5)


def test_the_teacher_is_in_no_checkpoint_and_learns_nothing(
    teaching: dict[str, Any], tmp_path: Path
) -> None:
    outcome = trained(tmp_path / "run", **teaching)
    assert outcome.result is not None
    last = sorted((tmp_path / "run/checkpoints").glob("step-*"))[-1]
    names = read_weights(last / "weights.safetensors")
    plain = build(reading().spec).architecture.state_dict()
    assert set(names) == set(plain)


def test_weights_of_another_model_are_refused(teaching: dict[str, Any], tmp_path: Path) -> None:
    held = torch.load(teaching["distill_weights"], weights_only=True)
    torch.save({n: w for n, w in held.items() if "token_embedding" not in n}, tmp_path / "less.pth")
    with pytest.raises(UserError, match=r"lacks token_embedding.weight and 0 more"):
        build(reading(**teaching | {"distill_weights": str(tmp_path / "less.pth")}).spec)


def test_kept_features_give_the_losses_of_the_pictures_themselves(tmp_path: Path) -> None:
    locked = {"lock_image_model": True, "log_every": 1, "epochs": 2}
    trained(tmp_path / "plain", **locked)
    trained(tmp_path / "kept", **locked, cache_features=True)
    assert losses(tmp_path / "kept") == pytest.approx(losses(tmp_path / "plain"), abs=1e-4)
    said = (tmp_path / "kept/log.txt").read_text()
    assert "pictures by timm:test_convnext" in said
    results = [(tmp_path / each / "results/valid.json").read_text() for each in ("plain", "kept")]
    assert json.loads(results[0])["scores"] == json.loads(results[1])["scores"]


@pytest.mark.parametrize("more", [{}, {"precision": "bf16"}, {"image_adapter": "peft:lora"}])
def test_kept_vectors_of_texts_give_the_losses_of_the_texts_themselves(
    more: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vlcli.runs.kept.cache_folder", lambda: tmp_path / "cache")
    locked = {"lock_text_model": True, "text_head_n_layers": 1, "log_every": 1, "epochs": 2, **more}
    trained(tmp_path / "plain", **locked)
    computed: list[int] = []
    forward = HuggingFaceTower.forward

    def counted(self: Any, tokens: Any) -> Any:
        computed.append(len(tokens["ids"]))
        return forward(self, tokens)

    monkeypatch.setattr(HuggingFaceTower, "forward", counted)
    trained(tmp_path / "kept", **locked, cache_features=True)
    near = 0.02 if "precision" in more else 1e-5
    assert losses(tmp_path / "kept") == pytest.approx(losses(tmp_path / "plain"), abs=near)
    said = (tmp_path / "kept/log.txt").read_text()
    told = int(re.search(r"vectors of ([\d,]+) texts by huggingface", said)[1].replace(",", ""))  # type: ignore[index]
    assert sum(computed) == told
    if not more:
        trained(tmp_path / "again", **locked, cache_features=True)
        assert sum(computed) == told
        assert losses(tmp_path / "again") == losses(tmp_path / "kept")


def test_features_of_a_tower_that_learns_are_not_kept(tmp_path: Path) -> None:
    found = reading(cache_features=True)
    assert [each.code for each in found.problems] == ["N1"]
