"""The output adapter adds nothing at first, and nothing to anything but the logits."""

from __future__ import annotations

import pytest
import torch

from tests.peft.tried import FAMILIES, METHODS, batch_of, fresh, outputs, train

both = pytest.mark.parametrize("family", FAMILIES)


@both
@pytest.mark.parametrize("method", ["output_adapter", "output_adapter_norms"])
def test_a_fresh_output_adapter_changes_nothing(family: str, method: str) -> None:
    plain, tuned = fresh(family), fresh(family, **METHODS[method])
    missing, unknown = tuned.load_state_dict(plain.state_dict(), strict=False)
    assert not unknown
    assert all(name.startswith("output_adapter.") for name in missing)
    batch = batch_of(plain)
    assert all(map(torch.equal, outputs(tuned, batch), outputs(plain, batch)))


@both
def test_it_is_added_to_the_logits_of_the_last_state(family: str) -> None:
    built = train(family, "output_adapter").model
    adapter = built.output_adapter
    assert adapter is not None
    hidden = torch.randn(2, 3, built.config.d_model)
    added = built.scores(hidden) - built.logits(hidden)
    torch.testing.assert_close(added, adapter(hidden), atol=1e-5, rtol=1e-5)
    assert added.abs().max() > 1e-3
