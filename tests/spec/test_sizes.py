"""Sizes of backbones: by name, or from the config.json of a folder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vlcli.spec.sizes import BACKBONES, Backbone, backbone, family_of

T5 = {"model_type": "t5", "d_model": 64, "num_heads": 2, "num_layers": 3, "vocab_size": 99}
BART = {
    "model_type": "bart",
    "d_model": 32,
    "encoder_attention_heads": 4,
    "encoder_layers": 1,
    "vocab_size": 88,
    "max_position_embeddings": 77,
}


def folder(tmp_path, config: Any) -> str:
    text = config if isinstance(config, str) else json.dumps(config)
    (tmp_path / "config.json").write_text(text)
    return str(tmp_path)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_heads_of_a_known_shape_divide_its_width(name):
    known = BACKBONES[name]
    assert known.width % known.heads == 0 or known.family == "t5"
    assert (known.positions is None) == (known.family == "t5")
    assert family_of(name) == known.family


def test_a_name_of_the_hub_is_known_by_its_last_part():
    assert backbone("facebook/bart-base") == BACKBONES["bart-base"]
    assert backbone("google/flan-t5-base") == BACKBONES["flan-t5-base"]
    assert backbone("someone/else") is None


def test_a_folder_is_known_by_its_configuration(tmp_path):
    assert backbone(folder(tmp_path, T5)) == Backbone("t5", 64, 2, 3, 99)
    backbone.cache_clear()
    assert backbone(folder(tmp_path, BART)) == Backbone("bart", 32, 4, 1, 88, 77)
    assert family_of(str(tmp_path)) == "bart"


@pytest.mark.parametrize(
    "config",
    [
        "", "{", "[]", "5", "null", {}, {"model_type": "gpt2"}, {"model_type": ["t5"]},
        {**T5, "d_model": 0}, {**T5, "d_model": -8}, {**T5, "d_model": "wide"},
        {**T5, "d_model": None}, {**T5, "num_heads": []}, {**T5, "vocab_size": 1e999},
        {"model_type": "t5", "d_model": 64}, {**BART, "max_position_embeddings": {}},
    ],
    ids=str,
)  # fmt: skip
def test_an_odd_configuration_is_unknown_and_breaks_nothing(tmp_path, config):
    path = folder(tmp_path, config)
    assert backbone(path) is None
    family_of(path)


def test_a_configuration_that_is_no_text_or_no_file_is_unknown(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    assert backbone(str(tmp_path)) is None
    assert backbone("a\x00b") is None
    assert backbone("a" * 5000) is None


@pytest.mark.parametrize(
    ("name", "family"),
    [("my/t5-bart", "t5"), ("some/BART", "bart"), ("gpt2", None), ("", None)],
)
def test_the_family_of_an_unknown_name_is_in_the_name(name, family):
    assert family_of(name) == family
