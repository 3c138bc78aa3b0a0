"""track_z adds the mean square of bottleneck activations to the loss of multitask runs, and of no
others."""

from __future__ import annotations

import pytest
import torch

from tests.archs.vlt5 import tiny

ADAPTERS = {"use_adapter": True, "tasks": ("vqa", "caption"), "reduction_factor": 4}


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_z_is_added_in_multitask_runs_by_its_weight(family: str) -> None:
    plain = tiny.model(family, task="multitask", **ADAPTERS)
    tracked = tiny.model(family, task="multitask", track_z=True, lambda_z=0.5, **ADAPTERS)
    batch = plain.collator()([tiny.question(n) for n in range(3)])
    without, found = plain(batch), tracked(batch)
    assert tracked.tuning is not None
    z = tracked.tuning.z()
    assert z > 0
    assert found.sum.item() == pytest.approx((without.sum + 0.5 * z * without.count).item())
    assert found.logged["z"].item() == pytest.approx((z * without.count).item())

    found.sum.backward()
    without.sum.backward()
    adapters = [
        n for n, p in plain.named_parameters() if "down_sampler" in n and p.grad is not None
    ]
    assert adapters
    assert all(
        not torch.equal(plain.get_parameter(n).grad, tracked.get_parameter(n).grad)
        for n in adapters
    )


def test_z_is_not_added_to_a_single_task() -> None:
    batch = tiny.model("t5").collator()([tiny.question()])
    alone = tiny.model("t5", task="vqa", track_z=True, lambda_z=0.5, **ADAPTERS)(batch)
    plain = tiny.model("t5", task="vqa", **ADAPTERS)(batch)
    assert alone.sum.item() == plain.sum.item()
    assert "z" not in alone.logged
