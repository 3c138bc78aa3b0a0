"""What trains in the published runs of VL-Adapter, to the parameter, from the specs that ship."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vlcli.runs.params import Count, outlined
from vlcli.spec.read import Reading, read_spec, read_spec_text

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "specs" / "published"
RECORDED = (
    Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity"))
    / "vlt5"
    / "full_size_counts.json"
)

# Trainable and total parameters on bart-base with four tasks, and their share in percent.
SHARES = {
    "image_full_finetuning": (141_156_864, 141_156_864, "100.000"),
    "image_single_adapter": (6_081_600, 145_606_464, "4.177"),
    "image_multiple_adapters": (19_430_400, 158_955_264, "12.224"),
    "image_half_shared_adapters": (12_725_760, 152_250_624, "8.358"),
    "image_hyperformer": (8_579_088, 148_103_952, "5.793"),
    "image_single_compacter": (3_870_240, 143_395_104, "2.699"),
    "image_multiple_compacters": (10_584_960, 150_109_824, "7.051"),
    "image_single_lora": (8_786_688, 148_234_752, "5.928"),
    "image_multiple_lora": (30_020_352, 169_468_416, "17.714"),
    "image_single_prompt": (2_843_936, 142_417_952, "1.997"),
    "image_multiple_prompts": (6_627_200, 146_201_216, "4.533"),
    "video_full_finetuning": (139_977_216, 139_977_216, "100.000"),
    "video_single_adapter": (4_901_952, 144_426_816, "3.394"),
    "video_single_lora": (7_607_040, 147_055_104, "5.173"),
    "video_single_prompt": (1_664_288, 141_238_304, "1.178"),
}

# Recorded rows without a script: the published defaults of each method.
PLAIN = {
    "adapter_r16_default": {"use_adapter": True},
    "compacter_defaults": {"use_compacter": True},
    "lradapter_defaults": {"use_lradapter": True},
    "hyper_efficient_p64": {"use_hyperformer": True, "efficient_unique_hyper_net": True},
    "lora_defaults": {"use_lora": True},
    "nothing": {},
}

# The published code puts no LoRA into T5, so these rows count its position biases alone; ours puts
# it where it belongs.
WITHOUT_LORA = (
    "t5-base:image/single_lora",
    "t5-base:image/multiple_lora",
    "t5-base:video/single_lora",
    "t5-base:lora_defaults",
)


T5 = ("backbone=t5-base", "legacy_t5_norms=true")


def counted(reading: Reading) -> Count:
    assert reading.spec is not None, reading.problems
    return outlined(reading.spec)


@cache
def shipped(name: str, sets: tuple[str, ...] = ()) -> Count:
    return counted(read_spec(SPECS / f"{name}.json5", sets))


def test_every_spec_of_vl_adapter_has_its_share():
    there = [*SPECS.glob("image_*.json5"), *SPECS.glob("video_*.json5")]
    assert {path.stem for path in there} == set(SHARES)


@pytest.mark.parametrize("name", SHARES)
def test_the_published_share_is_exact(name):
    found = shipped(name)
    trainable, total, percent = SHARES[name]
    assert (found.trainable, found.total) == (trainable, total)
    assert f"{found.percent():.3f}" == percent


@pytest.mark.parametrize("name", SHARES)
def test_a_published_spec_is_warned_of_the_biases_that_lora_trains_and_of_nothing_else(name):
    expected = ["R23"] if "lora" in name else []
    assert [each.code for each in read_spec(SPECS / f"{name}.json5").problems] == expected


@pytest.mark.parametrize("name", SHARES)
def test_the_first_line_of_a_published_spec_says_its_share(name):
    first = (SPECS / f"{name}.json5").read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith(f": {SHARES[name][2].removesuffix('.000')} % trains.")


RATES = {
    "image_full_finetuning": 1e-4,
    "image_multiple_adapters": 3e-4,
    "image_half_shared_adapters": 3e-4,
    "video_full_finetuning": 3e-5,
}

SIZES = {"vqa": 500, "gqa": 833, "nlvr": 166, "caption": 416}  # of 500, 100/60, 20/60 and 50/60


@pytest.mark.parametrize("name", SHARES)
def test_a_published_spec_has_the_published_settings(name):
    spec: Any = read_spec(SPECS / f"{name}.json5").spec
    video = name.startswith("video")
    assert spec.tasks == tuple(
        ("tvqa how2qa tvc yc2c" if video else "vqa gqa nlvr caption").split()
    )
    assert spec.lr == RATES.get(name, 3e-4 if video else 1e-3)
    assert spec.epochs == (7 if video else 20)
    asked = {task: spec.of_task(task) for task in spec.tasks}
    assert {task: each.batch_size for task, each in asked.items()} == (
        dict.fromkeys(spec.tasks, 50) if video else SIZES
    )
    beams = {task: each.num_beams for task, each in asked.items() if task != "nlvr"}
    assert beams == (dict.fromkeys(spec.tasks, 5) if video else {"vqa": 1, "gqa": 1, "caption": 5})
    assert (spec.feature_type, spec.n_boxes) == (("ViT", 64) if video else ("RN101", 36))
    assert (spec.optim, spec.warmup_ratio, spec.clip_grad_norm) == ("adamw", 0.1, 5)
    assert spec.use_tasks_prompts == (video or "single" in name)


def recorded() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    if RECORDED.is_file():
        found = json.loads(RECORDED.read_text(encoding="utf-8"))
    return {name: row for name, row in found.items() if name not in WITHOUT_LORA}


@pytest.mark.skipif(not RECORDED.is_file(), reason=f"no recordings at {RECORDED}")
@pytest.mark.parametrize("name", recorded())
def test_the_recorded_counts_are_ours(name):
    """T5 rows too: their layer norms stay frozen as the published code left them."""
    backbone, _, run = name.partition(":")
    sets = T5 if backbone == "t5-base" else ()
    if run in PLAIN:
        text = {"tasks": "vqa,gqa,nlvr,caption", "feature_type": "RN101", **PLAIN[run]}
        text |= {"backbone": "facebook/bart-base"}
        found = counted(read_spec_text(json.dumps(text), overrides=sets))
    else:
        found = shipped(run.replace("/", "_"), sets)
    row = recorded()[name]
    assert (found.trainable, found.total) == (row["trainable"], row["total"])
    assert round(found.percent(), 3) == row["percent"]
    seen = next(each for each in found.rows if each.part.name == "visual embedding")
    assert seen.total == row["visual_embedding"]
