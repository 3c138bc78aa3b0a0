"""Examples get their pictures when they are fetched."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from vlcli.contracts import Example, Visual
from vlcli.data.batching import Loading
from vlcli.data.dataset import Draw, ExampleSet
from vlcli.data.visual import PatchReader, PictureArray, PictureFiles
from vlcli.spec.problem import UserError


@pytest.fixture
def array(tmp_path: Path) -> PictureArray:
    np.save(tmp_path / "all.npy", np.arange(4 * 16 * 16 * 3, dtype=np.uint8).reshape(4, 16, 16, 3))
    return PictureArray(tmp_path / "all.npy")


def test_visuals_come_in_the_order_of_the_images(array: PictureArray) -> None:
    reader = PatchReader(array, (16, 16), 8)
    held = ExampleSet([Example("a", "nlvr", "same?", images=("2", "0"))], reader)
    (example,) = (held[0],)
    assert [v.features.tolist() for v in example.visuals] == [
        reader.read(name).features.tolist() for name in ("2", "0")
    ]
    assert held.examples[0].visuals == ()


def test_without_a_reader_there_are_no_visuals() -> None:
    assert ExampleSet([Example("a", "vqa", "?", images=("2",))], None)[0].visuals == ()


def test_a_draw_reaches_the_redraw_with_its_epoch() -> None:
    def redraw(example: Example, epoch: int) -> Example:
        return Example(example.id, example.task, f"{example.text}{epoch}")

    held = ExampleSet([Example("a", "vqa", "epoch ")], None, redraw=redraw)
    assert (held[Draw(4, 0)].text, held[0].text) == ("epoch 4", "epoch 0")


class Halves:
    """Features of half precision that a product makes of something."""

    def read(self, reference: str) -> Visual:
        ones = torch.full((2, 4), 1.001)
        return Visual((ones @ ones.T).half(), torch.zeros(2, 4))

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return {}


def test_examples_are_the_same_in_every_precision_of_the_model() -> None:
    held = ExampleSet([Example("a", "vqa", "?", images=("1",))], Halves())

    def batch() -> torch.Tensor:
        loaded = Loading(lambda examples: torch.stack([e.visuals[0].features for e in examples]))(
            held.__getitems__([0, 0])
        )
        assert isinstance(loaded.batch, torch.Tensor)
        return loaded.batch

    with torch.autocast("cpu", torch.bfloat16):
        found = batch()
    assert found.dtype == torch.float16
    assert torch.equal(found, batch())


def test_an_unreadable_picture_names_its_example(tmp_path: Path) -> None:
    reader = PatchReader(PictureFiles(tmp_path), (16, 16), 8)
    held = ExampleSet([Example("q17", "vqa", "?", images=("gone.png",))], reader)
    with pytest.raises(UserError, match=r'Example "q17": There is no picture .*gone\.png'):
        held[0]


def test_a_set_travels_to_other_processes(array: PictureArray) -> None:
    held = ExampleSet([Example("a", "vqa", "?", images=("1",))], PatchReader(array, (16, 16), 8))
    held[0]
    packed = pickle.dumps(held)
    assert pickle.loads(packed)[0].visuals[0].features.equal(held[0].visuals[0].features)
