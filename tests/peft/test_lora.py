"""LoRA: nothing at first, then a low-rank update that a merged weight computes as well."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.peft.tried import FAMILIES, TASKS, batch_of, fresh, outputs, train
from vlcli.peft.lora import LoraLinear

both = pytest.mark.parametrize("family", FAMILIES)
EVERYWHERE = {"use_lora": True, "lora_targets": ("q", "k", "v", "o", "ff")}


@both
def test_a_fresh_update_changes_nothing(family: str) -> None:
    plain, tuned = fresh(family), fresh(family, **EVERYWHERE)
    missing, unknown = tuned.load_state_dict(plain.state_dict(), strict=False)
    assert not unknown
    assert all(".lora_" in name for name in missing)
    batch = batch_of(plain)
    assert all(map(torch.equal, outputs(tuned, batch), outputs(plain, batch)))


@both
def test_the_merged_weight_alone_gives_the_layers_output(family: str) -> None:
    built = train(family, "lora_everywhere").model
    assert built.tuning is not None
    layers = [each for each in built.modules() if isinstance(each, LoraLinear)]
    for task in TASKS:
        built.tuning.switch.turn(task)
        for layer in layers:
            x = torch.randn(2, 3, layer.in_features)
            alone = functional.linear(x, layer.merged(task), layer.bias)
            assert not torch.allclose(alone, functional.linear(x, layer.weight, layer.bias))
            torch.testing.assert_close(layer(x), alone, atol=1e-5, rtol=1e-5)


@both
@pytest.mark.parametrize(
    ("targets", "t5", "bart"),
    [
        (("q", "v"), {"q", "v"}, {"q_proj", "v_proj"}),
        (("k", "o"), {"k", "o"}, {"k_proj", "out_proj"}),
        (("ff",), {"wi", "wo"}, {"fc1", "fc2"}),
    ],
)
def test_targets_name_the_layers_of_both_stacks(
    family: str, targets: tuple[str, ...], t5: set[str], bart: set[str]
) -> None:
    built = fresh(family, use_lora=True, lora_targets=targets)
    found = [name for name, each in built.named_modules() if isinstance(each, LoraLinear)]
    wanted = {"t5": t5, "bart": bart}[family]
    assert {name.rsplit(".", 1)[-1] for name in found} == wanted
    linear = [name for name, each in built.named_modules() if isinstance(each, nn.Linear)]
    assert found == [name for name in linear if name.rsplit(".", 1)[-1] in wanted]


@both
def test_dropout_in_front_of_the_update_acts_in_training_alone(family: str) -> None:
    built = train(family, "lora_multi").model
    batch = batch_of(built)
    still = outputs(built, batch)[1]
    assert torch.equal(outputs(built, batch)[1], still)
    assert not torch.equal(outputs(built.train(), batch)[1], still)
