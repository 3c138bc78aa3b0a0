"""The rule of keywords against the recorded original."""

from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import torch

from tests.archs.dual_encoder.recorded import needs_recordings, numbers
from tests.archs.dual_encoder.small import reading, trained
from tests.archs.dual_encoder.test_runs import weights
from vlcli.archs.dual_encoder.freezing import keywords, trains
from vlcli.runs.parts import build


def test_keywords_free_parts_of_a_locked_tower_and_freeze_parts_of_a_free_one() -> None:
    names = ["conv1.weight", "blocks.0.bias", "blocks.1.weight", "ln_post.bias"]

    def free(locked: bool, partial: str) -> list[str]:
        return [name for name in names if trains(name, locked, keywords(partial))]

    assert free(False, "") == names
    assert free(True, "") == []
    assert free(True, "!bias") == ["blocks.0.bias", "ln_post.bias"]
    assert free(False, "bias, conv1") == ["blocks.1.weight"]
    assert free(True, "ln, !ln_post") == ["ln_post.bias"]
    assert free(False, "bias,!ln_post") == ["conv1.weight", "blocks.1.weight"]


def _sides(**facts) -> dict[str, dict[str, int]]:
    """The parameters of a CLIP's image and text side."""
    model = open_clip.CLIP(
        facts["embed_dim"],
        open_clip.CLIPVisionCfg(**facts["vision_cfg"]),
        open_clip.CLIPTextCfg(**facts["text_cfg"]),
    )
    sizes = {name: p.numel() for name, p in model.named_parameters() if name != "logit_scale"}
    image = {k.removeprefix("visual."): n for k, n in sizes.items() if k.startswith("visual.")}
    return {"image": image, "text": {k: n for k, n in sizes.items() if "visual." not in k}}


@needs_recordings
def test_recorded_outcomes_on_a_small_clip() -> None:
    facts = numbers("tables")["freezing"]
    sides = _sides(**facts["tiny_clip"])
    wrong = []
    for case, wanted in facts["cases"].items():
        side, lock, partial = case.split("|")
        if side not in sides:
            continue
        locked, words = lock == "lock=True", keywords(partial.removeprefix("partial="))
        kept = {n: size for n, size in sides[side].items() if trains(n, locked, words)}
        if (sum(kept.values()), len(kept)) != (wanted["count"], wanted["tensors"]):
            wrong.append((case, sum(kept.values()), wanted))
    assert wrong == []
    assert len(facts["cases"]) > 30


@pytest.mark.parametrize(
    ("side", "partial", "millions"),
    [
        ("image", "!attnpool", 14.79),
        ("image", "!attnpool,!layer4", 29.75),
        ("image", "!attnpool,!layer4,!layer3,!layer2,!layer1", 38.29),
        ("image", "!bias,!ln,!bn", 0.057),
        ("text", "!text_projection,!ln_final", 0.53),
        ("text", "!text_projection,!ln_final,!resblocks.11", 3.68),
        ("text", "!bias,!ln", 0.081),
    ],
)
def test_the_documented_shares_of_clip_rn50(side: str, partial: str, millions: float) -> None:
    import torch

    with torch.device("meta"):
        model = open_clip.create_model("RN50", device="meta")
    names = dict(model.named_parameters())
    mine = {
        n.removeprefix("visual."): p.numel()
        for n, p in names.items()
        if n.startswith("visual.") == (side == "image") and n != "logit_scale"
    }
    kept = sum(n for name, n in mine.items() if trains(name, True, keywords(partial)))
    assert kept / 1e6 == pytest.approx(millions, abs=0.01 if millions > 0.1 else 0.001)


@pytest.mark.parametrize("frozen", [True, False])
def test_batch_norms_of_a_tower_that_trains_keep_their_statistics_where_asked(
    frozen: bool, tmp_path: Path
) -> None:
    keys = {"image_model": "test_resnet", "freeze_bn_statistics": frozen}
    spec = reading(**keys).spec
    torch.manual_seed(spec.seed)
    before = build(spec).architecture.state_dict()
    trained(tmp_path / "run", **keys)
    changed = {
        n for n, each in weights(tmp_path / "run").items() if not torch.equal(each, before[n])
    }
    norms = [name.removesuffix(".running_mean") for name in before if "running_mean" in name]
    assert len(norms) > 4
    assert {f"{name}.weight" for name in norms} <= changed
    statistics = {f"{name}.running_{what}" for name in norms for what in ("mean", "var")}
    assert statistics & changed == (set() if frozen else statistics)


def test_a_tower_without_batch_norms_says_that_it_has_none() -> None:
    parts = build(reading(image_model="test_vit", freeze_bn_statistics=True).spec)
    assert parts.remarks == ["freeze_bn_statistics has no effect: test_vit has no batch norms."]
