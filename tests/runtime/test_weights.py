"""Weights on disk: ties are kept, other models are refused, nothing is unpickled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model

from vlcli.runtime.weights import load_weights, read_weights, save_weights
from vlcli.spec.problem import UserError

from .tiny import Classifier, furthest


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    model, other = Classifier(), Classifier()
    save_weights(model.state_dict(), tmp_path / "w.safetensors")
    load_weights(other, read_weights(tmp_path / "w.safetensors"), tmp_path)
    assert furthest(model.state_dict(), other.state_dict()) == 0
    assert other.out.weight is other.embed.weight


def test_safetensors_own_loader_reads_it_too(tmp_path: Path) -> None:
    model, other = Classifier(), Classifier()
    save_weights(model.state_dict(), tmp_path / "w.safetensors")
    load_model(other, tmp_path / "w.safetensors")
    assert furthest(model.state_dict(), other.state_dict()) == 0


def test_views_of_one_storage_are_kept_apart(tmp_path: Path) -> None:
    both = torch.arange(6.0)
    save_weights({"a": both[:3], "b": both[3:], "c": both, "d": both}, tmp_path / "w")
    back = read_weights(tmp_path / "w")
    assert back["b"].tolist() == [3, 4, 5]
    assert back["c"] is back["d"]


def test_another_shape_and_a_broken_file_are_sentences(tmp_path: Path) -> None:
    weights = dict(Classifier().state_dict())
    weights["inner.bias"] = torch.zeros(3)
    with pytest.raises(UserError, match=r"inner\.bias is 3 there and 16 here"):
        load_weights(Classifier(), weights, tmp_path)
    (tmp_path / "w").write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="cannot be read"):
        read_weights(tmp_path / "w")
    with pytest.raises(UserError, match="do not exist"):
        read_weights(tmp_path / "none")
