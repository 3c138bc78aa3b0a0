"""Changed pictures: boxes stay on what they marked, texts stay true, and all can be repeated."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor

from vlcli.contracts import Example, Visual
from vlcli.data.augment import Augmentation, Change, Part, changed
from vlcli.data.dataset import Draw, EvalSet, TrainSet
from vlcli.data.visual import PatchReader, PictureFiles, patches, pixels, unpatched

SIDE = 60
RED = torch.tensor([255, 0, 0], dtype=torch.uint8)
Box = tuple[float, float, float, float]


def painted(*boxes: Box) -> Tensor:
    """Grey pixels (SIDE, SIDE, 3), red in the boxes."""
    found = torch.full((SIDE, SIDE, 3), 128, dtype=torch.uint8)
    for x1, y1, x2, y2 in boxes:
        found[round(y1 * SIDE) : round(y2 * SIDE), round(x1 * SIDE) : round(x2 * SIDE)] = RED
    return found


def seen(*boxes: Box) -> Visual:
    return Visual(torch.zeros(0, 0), torch.tensor(boxes).reshape(-1, 4), pixels=painted(*boxes))


def asked(text: str = "what is it?", *visuals: Visual, **more: Any) -> Example:
    return Example("a", "vqa", text, visuals=visuals or (seen((0.1, 0.2, 0.4, 0.5)),), **more)


def redness(picture: Tensor) -> Tensor:
    """(H, W): how red pixels (H, W, 3) are, from 0 to 1."""
    return (picture[..., 0].float() - picture[..., 1].float()).clamp(0, 255) / 255


def inside_and_outside(found: Visual) -> tuple[float, float]:
    """Redness well inside all boxes, and well outside of them."""
    assert found.pixels is not None
    red = redness(found.pixels)
    inner, outer = torch.zeros(SIDE, SIDE, dtype=torch.bool), torch.ones(SIDE, SIDE).bool()
    for x1, y1, x2, y2 in (found.boxes * SIDE).tolist():
        inner[round(y1) + 2 : round(y2) - 2, round(x1) + 2 : round(x2) - 2] = True
        outer[
            max(round(y1) - 2, 0) : round(y2) + 2,
            max(round(x1) - 2, 0) : round(x2) + 2,
        ] = False
    return float(red[inner].mean()), float(red[outer].mean())


def test_boxes_stay_on_what_they_mark() -> None:
    augment = Augmentation(0)
    boxes: list[Box] = [(0.1, 0.2, 0.4, 0.5), (0.6, 0.5, 0.95, 0.9)]
    moved = set()
    for number in range(200):
        found = augment(asked("?", seen(*boxes)), Draw(0, number)).visuals[0]
        assert found.pixels is not None
        assert found.pixels.shape == (SIDE, SIDE, 3)
        inner, outer = inside_and_outside(found)
        assert outer < 0.01
        assert inner > 0.4  # erasing may hide up to half of each
        moved.add(tuple(found.boxes[0].tolist()))
        assert found.boxes[0, 3] < found.boxes[1, 3]  # in their order
    assert len(moved) > 100


def test_every_kind_of_change_occurs() -> None:
    plain = asked()
    kinds = {"flipped": 0, "cropped": 0, "erased": 0}
    for number in range(100):
        found = Augmentation(0)(plain, Draw(0, number)).visuals[0]
        assert found.pixels is not None
        x1, _, x2, _ = found.boxes[0].tolist()
        kinds["flipped"] += x1 + x2 > 1
        kinds["cropped"] += abs(x2 - x1 - 0.3) > 0.01
        kinds["erased"] += bool((found.pixels == torch.tensor([124, 116, 104])).all(-1).any())
    assert 35 < kinds["flipped"] < 65
    assert kinds["cropped"] > 60
    assert 25 < kinds["erased"] < 65


def test_a_mirror_mirrors_pixels_and_boxes() -> None:
    box = (0.1, 0.2, 0.4, 0.5)
    mirror = Change(None, True, None)
    picture, boxes = changed(painted(box).permute(2, 0, 1), torch.tensor([box]), mirror)
    assert torch.allclose(boxes, torch.tensor([[0.6, 0.2, 0.9, 0.5]]))
    assert torch.equal(picture, painted((0.6, 0.2, 0.9, 0.5)).permute(2, 0, 1))


def test_what_would_lose_most_of_a_region_is_left_out() -> None:
    box = (0.0, 0.0, 0.2, 0.2)
    picture, marked = painted(box).permute(2, 0, 1), torch.tensor([box])
    corner = Part(0.15, 0.15, 0.85, 0.85)
    same, boxes = changed(picture, marked, Change(corner, False, Part(0, 0, 0.2, 0.15)))
    assert torch.equal(same, picture)
    assert torch.allclose(boxes, marked)
    edge = Part(0.0, 0.05, 1.0, 0.95)
    cut, boxes = changed(picture, marked, Change(edge, False, Part(0, 0, 0.2, 0.05)))
    assert not torch.equal(cut, picture)
    assert boxes[0].tolist() == pytest.approx([0, 0, 0.15 / 0.95, 0.2], abs=1e-6)
    assert cut[:, 2, 0].tolist() == [124, 116, 104]


LEFT_OR_RIGHT = [
    asked("what is left of the circle?"),
    asked("is the LEFTMOST one red?"),
    asked("the right-hand door"),
    asked(target="it turns clockwise"),
    asked(labels={"red": 1.0, "on the right": 0.3}),
    asked(references=("a dog", "a dog on the left")),
    asked(candidates=("up", "left")),
    asked(target="ein Mann links von einer Frau"),
    asked(target="die rechte Hand"),
    asked(target="un homme à gauche"),
    asked(target="sur la droite"),
    asked(target="muž vlevo"),
    asked("?", seen((0.1, 0.2, 0.4, 0.5))._replace(names=("left shoe",))),
]


@pytest.mark.parametrize("example", LEFT_OR_RIGHT, ids=str)
def test_texts_with_left_or_right_are_not_flipped(example: Example) -> None:
    for number in range(40):
        (x1, _, x2, _) = Augmentation(0)(example, Draw(0, number)).visuals[0].boxes[0].tolist()
        assert x1 + x2 < 1


@pytest.mark.parametrize("text", ["a bright upright man", "cleft links", "an der Linken"])
def test_other_words_are(text: str) -> None:
    sums = [
        float(Augmentation(0)(asked(text), Draw(0, n)).visuals[0].boxes[0, ::2].sum())
        for n in range(40)
    ]
    assert (max(sums) > 1) == (text == "a bright upright man")


def test_clips_are_not_flipped() -> None:
    for number in range(40):
        found = Augmentation(0, mirrors=False)(asked(), Draw(0, number)).visuals[0]
        assert found.boxes[0, 0] + found.boxes[0, 2] < 1


def test_two_pictures_are_flipped_together() -> None:
    both = asked("?", seen((0.1, 0.2, 0.4, 0.5)), seen((0.1, 0.2, 0.4, 0.5)))
    crops = set()
    for number in range(40):
        one, other = Augmentation(0)(both, Draw(0, number)).visuals
        sides = [bool(v.boxes[0, 0] + v.boxes[0, 2] > 1) for v in (one, other)]
        assert sides[0] == sides[1]
        crops.add(one.boxes.equal(other.boxes))
    assert False in crops


def test_the_draw_alone_decides() -> None:
    def all_of(augment: Augmentation, epoch: int) -> list[Tensor]:
        found = [augment(asked(), Draw(epoch, n)).visuals[0].pixels for n in range(8)]
        return [each for each in found if each is not None]

    random.seed(1)
    torch.manual_seed(1)
    first = all_of(Augmentation(3), 2)
    random.seed(2)
    torch.manual_seed(2)
    again = all_of(Augmentation(3), 2)
    assert all(map(torch.equal, first, again))
    for other in (all_of(Augmentation(3), 1), all_of(Augmentation(4), 2)):
        assert not any(map(torch.equal, first, other))


class Held:
    """A reader of one picture."""

    def read(self, reference: str) -> Visual:
        return seen((0.1, 0.2, 0.4, 0.5))

    def read_regions(self, reference: str, regions: Any) -> Visual:
        return self.read(reference)._replace(boxes=torch.tensor(regions))

    def faults(self, references: Any) -> dict[str, str]:
        return {}


def test_training_changes_pictures_after_looking_at_them_and_evaluation_does_not() -> None:
    """What is right follows from the boxes that a record names, not from where they move."""
    box = (0.1, 0.2, 0.4, 0.5)
    looked: list[list[float]] = []

    def look(example: Example) -> Example:
        looked.append(example.visuals[0].boxes[0].tolist())
        return example

    example = Example("a", "vqa", "?", images=("x",), regions=(box,))
    training = TrainSet([example], {"vqa": Held()}, look, augment=Augmentation(0))
    found = [training[Draw(epoch, 0)].visuals[0] for epoch in range(20)]
    assert all(each == pytest.approx(box) for each in looked)
    assert len({tuple(each.boxes[0].tolist()) for each in found}) > 10
    untouched = EvalSet([example], Held(), look)[0].visuals[0]
    assert untouched.pixels is not None
    assert untouched.pixels.equal(painted(box))


# Pictures that are read as patches.


def test_a_grid_of_patches_shows_the_changed_picture() -> None:
    reader = PatchReader(PictureFiles(), (SIDE, SIDE), 12)
    box = (0.2, 0.2, 0.4, 0.4)
    picture = painted(box)
    found = reader.see(picture.numpy())
    assert unpatched(found.features, 12, (SIDE, SIDE)).equal(pixels(picture.numpy(), (SIDE, SIDE)))
    augment = Augmentation(0, True, (SIDE, SIDE))
    sides = set()
    for number in range(40):
        after = augment(asked("?", found), Draw(0, number)).visuals[0]
        assert after.features.shape == found.features.shape
        assert after.boxes.equal(found.boxes)
        red = unpatched(after.features, 12, (SIDE, SIDE))
        red = red[0] - red[1]
        sides.add(bool(red[:, : SIDE // 2].sum() > red[:, SIDE // 2 :].sum()))
    assert sides == {True, False}


def test_regions_in_patches_are_mirrored_with_their_boxes() -> None:
    reader = PatchReader(PictureFiles(), (SIDE, SIDE), 12)
    ramp = torch.arange(SIDE, dtype=torch.uint8).expand(SIDE, SIDE)[..., None].expand(-1, -1, 3)
    box = (0.1, 0.2, 0.3, 0.6)

    class One(PictureFiles):
        def __init__(self, held: Tensor) -> None:
            self.held = held

        def open(self, reference: str) -> Any:
            return self.held.numpy()

    reader.pictures = One(ramp.contiguous())
    there = asked("?", reader.read_regions("x", [box]), regions=(box,))
    augment = Augmentation(0, True, (SIDE, SIDE))
    changed_ones = [augment(there, Draw(0, n)).visuals[0] for n in range(20)]
    reader.pictures = One(ramp.flip(1).contiguous())
    mirrored = reader.read_regions("x", [(0.7, 0.2, 0.9, 0.6)])
    kinds = set()
    for each in changed_ones:
        flipped = bool(each.boxes[0, 0] > 0.5)
        right = mirrored if flipped else there.visuals[0]
        torch.testing.assert_close(each.boxes, right.boxes)
        torch.testing.assert_close(each.features, right.features, atol=0.05, rtol=0)
        kinds.add(flipped)
    assert kinds == {True, False}


def test_where_cells_of_the_grid_are_named_they_keep_their_places() -> None:
    reader = PatchReader(PictureFiles(), (SIDE, SIDE), 12)
    found = reader.see(painted((0.2, 0.2, 0.4, 0.4)).numpy())
    named = asked("which one?", found, target="<vis_extra_id_6>")
    for number in range(20):
        after = Augmentation(0, True, (SIDE, SIDE))(named, Draw(0, number)).visuals[0]
        same = (after.features == found.features).flatten()
        assert (
            torch.equal(after.features[~same.view_as(found.features)].unique(), torch.zeros(1))
            or same.all()
        )


def test_patches_and_their_picture_are_one_another() -> None:
    picture = torch.rand(3, 24, 36)
    assert unpatched(patches(picture, 12), 12, (24, 36)).equal(picture)
