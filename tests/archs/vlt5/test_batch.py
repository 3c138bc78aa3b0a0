"""A batch holds what its examples say, padded no further than it must."""

from __future__ import annotations

import pickle

import pytest
import torch

from tests.archs.vlt5.tiny import F, picture, question, tokenizer
from vlcli.archs.vlt5.batch import Collator, VLBatch, padded, visual_tokens
from vlcli.contracts import Visual
from vlcli.spec.problem import UserError


def collate(*examples: object, **options: object) -> VLBatch:
    return Collator(tokenizer("t5"), True, **options)(examples)  # type: ignore[arg-type]


def test_text_and_target_end_in_the_end_token_and_are_padded_to_the_batch() -> None:
    batch = collate(question(0, text="red"), question(2, text="red circle left of"))
    end, pad = tokenizer("t5").eos_token_id, tokenizer("t5").pad_token_id
    assert batch.input_ids.shape == (2, 5)
    assert batch.input_ids[0].tolist()[1:] == [end, pad, pad, pad]
    assert batch.labels[0].tolist()[1:] == [end, -100, -100]
    assert batch.labels[1, -1] == end
    assert batch.ids == ("q0", "q2")


def test_limits_are_those_of_each_example() -> None:
    text = "left of the circle"
    batch = collate(question(text=text, max_text=3), question(text=text, max_text=4, max_target=1))
    assert (batch.input_ids != 0).sum(1).tolist() == [3, 4]
    assert batch.input_ids[0, 2] == batch.input_ids[1, 3] == tokenizer("t5").eos_token_id
    assert (batch.labels != -100).sum(1).tolist() == [2, 1]


def test_an_example_without_a_target_has_no_labels() -> None:
    batch = collate(question(target=None), question(target=None))
    assert batch.labels.tolist() == [[-100], [-100]]


def test_pictures_of_different_size_are_masked() -> None:
    batch = collate(question(visuals=(picture(2),)), question(visuals=(picture(3),)))
    assert batch.visual is not None
    assert batch.visual.features.shape == (2, 3, F)
    assert batch.visual.mask is not None
    assert batch.visual.mask.tolist() == [[True, True, False], [True] * 3]
    assert batch.visual.picture_ids is None
    torch.testing.assert_close(batch.visual.boxes[1], picture(3).boxes)


def test_equal_pictures_need_no_mask() -> None:
    batch = collate(question(), question(1))
    assert batch.visual is not None
    assert batch.visual.mask is None


def test_two_pictures_are_numbered() -> None:
    seen = visual_tokens([(picture(2), picture(2, seed=1))])
    assert seen is not None
    assert seen.features.shape == (1, 4, F)
    assert seen.picture_ids is not None
    assert seen.box_ids is not None
    assert seen.picture_ids.tolist() == [[0, 0, 1, 1]]
    assert seen.box_ids.tolist() == [[0, 1, 0, 1]]


def test_three_pictures_are_too_many() -> None:
    with pytest.raises(UserError, match="has 3 pictures"):
        visual_tokens([(picture(), picture(), picture())])


def test_a_blind_model_gets_no_pictures() -> None:
    assert Collator(tokenizer("t5"), use_vision=False)([question()]).visual is None
    assert collate(question(visuals=())).visual is None


def test_soft_labels_follow_the_answer_list() -> None:
    batch = collate(
        question(labels={"blue": 1.0, "red": 0.3, "zebra": 1.0}), answers=["red", "blue"]
    )
    assert batch.answers is not None
    torch.testing.assert_close(batch.answers, torch.tensor([[0.3, 1.0]]))


def test_tasks_do_not_mix() -> None:
    with pytest.raises(ValueError, match="one task"):
        collate(question(), question(task="caption"))


def test_a_collator_travels_to_worker_processes() -> None:
    again = pickle.loads(pickle.dumps(Collator(tokenizer("bart"), True, ["red"])))
    ours, theirs = again([question()]), Collator(tokenizer("bart"), True, ["red"])([question()])
    assert ours.input_ids.tolist() == theirs.input_ids.tolist()


def test_a_batch_moves_as_a_whole() -> None:
    moved = collate(question()).to("meta")
    assert moved.input_ids.is_meta
    assert moved.visual is not None
    assert moved.visual.features.is_meta
    assert moved.task == "vqa"


def shot(seed: int, *boxes: tuple[float, ...]) -> Visual:
    """Pixels (4, 6, 3), with regions."""
    drawn = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (4, 6, 3), dtype=torch.uint8, generator=drawn)
    return Visual(torch.zeros(0, 0), torch.tensor(boxes).reshape(-1, 4), pixels=pixels)


def test_pixels_are_stacked_as_bytes() -> None:
    batch = collate(question(visuals=(shot(0),)), question(visuals=(shot(1),)))
    seen = batch.visual
    assert seen is not None
    assert seen.pixels is not None
    assert (seen.pixels.shape, seen.pixels.dtype) == ((2, 1, 4, 6, 3), torch.uint8)
    assert seen.pixels[1, 0].equal(shot(1).pixels)  # type: ignore[arg-type]
    assert (seen.boxes.shape, seen.mask, seen.shown) == ((2, 0, 4), None, None)
    arrived = batch.to("cpu").visual
    assert arrived is not None
    assert arrived.pixels is not None
    assert arrived.pixels.dtype == torch.uint8


def test_a_picture_that_an_example_lacks_is_not_shown() -> None:
    seen = collate(question(visuals=(shot(0), shot(1))), question(visuals=(shot(2),))).visual
    assert seen is not None
    assert seen.pixels is not None
    assert seen.shown is not None
    assert seen.shown.tolist() == [[True, True], [True, False]]
    assert not seen.pixels[1, 1].any()


def test_regions_of_pixels_are_padded_and_masked() -> None:
    few, more = [(0, 0, 0.5, 1.0)], [(0, 0, 1.0, 1.0), (0.5, 0, 1, 1), (0, 0.5, 1, 1)]
    seen = collate(question(visuals=(shot(0, *few),)), question(visuals=(shot(1, *more),))).visual
    assert seen is not None
    assert seen.mask is not None
    assert seen.mask.tolist() == [[True, False, False], [True] * 3]
    assert seen.boxes[0, 0].tolist() == list(few[0])
    assert seen.boxes[1].tolist() == [list(map(float, box)) for box in more]


def test_padding_of_nothing_is_nothing() -> None:
    assert padded([[], []], 0).shape == (2, 0)


def test_stored_halves_travel_as_halves_and_arrive_whole() -> None:
    seen = picture()
    half = seen._replace(features=seen.features.half())
    batch = collate(question(visuals=(half,)))
    assert batch.visual is not None
    assert batch.visual.features.dtype == torch.float16
    arrived = batch.to("cpu").visual
    assert arrived is not None
    assert arrived.features.dtype == torch.float32
    assert arrived.features.equal(half.features.float()[None])
