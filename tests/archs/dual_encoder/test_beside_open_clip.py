"""Our training is open_clip's: equal losses from equal weights, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archs.dual_encoder.beside_open_clip import Ours, Theirs, batch, known

STEPS = 20


@pytest.mark.parametrize("loss", ["InfoNCE", "SigLIP"])
def test_losses_are_those_of_open_clip_for_twenty_steps(loss: str, tmp_path: Path) -> None:
    known(tmp_path)
    theirs = Theirs(loss)
    ours = Ours(theirs, loss)
    found, wanted = [], []
    for step in range(STEPS):
        pictures, ids = batch(8, step % 3)
        wanted.append(theirs.step(ours.pixels(pictures), ids))
        found.append(ours.step(ours.batch(pictures, ids)))
    assert found == pytest.approx(wanted, abs=1e-5)
    assert wanted[-1] < 0.7 * wanted[0]
