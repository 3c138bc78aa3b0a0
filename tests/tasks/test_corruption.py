"""Texts with something left out, as the published code makes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from vlcli.contracts import Wording
from vlcli.tasks.corruption import filled, lost, masked, region_captions, region_references

ROOT = Path(__file__).resolve().parents[2]
RECORDED = (
    Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "vlt5/preprocess.json"
)
SPAN, DENOISE = Wording("span", None), Wording("denoise", "<mask>")
NAMES = [f"attr{i} obj{i}" for i in range(6)]


def recorded() -> list[dict]:
    return json.loads(RECORDED.read_text()) if RECORDED.is_file() else []


@pytest.mark.skipif(not RECORDED.is_file(), reason=f"no recording {RECORDED}")
def test_there_are_five_recorded_seeds() -> None:
    assert [each["seed"] for each in recorded()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("case", recorded(), ids=lambda case: str(case["seed"]))
def test_parity_of_texts(case: dict) -> None:
    """Word for word; regions as the recorded seed drew them of six."""
    source, target = masked(case["sent"], case["perm"], 0.15, SPAN)
    assert [f"span prediction: {source}", target] == case["corrupt_spans_015"]
    source, target = masked(case["sent"], case["perm"], 0.30, DENOISE)
    assert [f"denoise text: {source}", target] == case["corrupt_bart_030"]
    regions = torch.randperm(6, generator=torch.Generator().manual_seed(case["seed"])).tolist()
    for many in (1, 3):
        chosen = regions[:many]
        assert list(region_captions(NAMES, chosen, SPAN)) == case[f"ground{many}"]
        assert list(region_references(NAMES, chosen, SPAN)) == case[f"refer{many}"]


def test_at_least_one_word_is_left_out_and_neighbours_go_together() -> None:
    assert masked("a b c d", [2, 0, 1, 3], 0.1, SPAN) == ("a b <extra_id_0> d", "<extra_id_0> c")
    assert masked("a b c d", [2, 1, 0, 3], 0.5, SPAN) == ("a <extra_id_0> d", "<extra_id_0> b c")
    assert masked("a b c d", [2, 1, 0, 3], 0.5, DENOISE) == ("a <mask> d", "a b c d")


@pytest.mark.parametrize("wording", [SPAN, DENOISE])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.6, 1.0])
def test_the_target_fills_the_gaps(wording: Wording, rate: float) -> None:
    text = "a man riding a wave on top of a surfboard"
    order = torch.randperm(10, generator=torch.Generator().manual_seed(3)).tolist()
    source, target = masked(text, order, rate, wording)
    assert filled(source, target, wording) == text
    words = text.split()
    left = [words[i] for i in range(10) if i not in lost(order, rate)]
    assert [word for word in source.split() if not word.startswith("<")] == left


def test_gaps_that_an_answer_says_nothing_of_stay_empty() -> None:
    assert filled("a <extra_id_0> c <extra_id_1> e", "<extra_id_1> d", SPAN) == "a c d e"
    assert filled("a <extra_id_0> c", "rubbish", SPAN) == "a c"
