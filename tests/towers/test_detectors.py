"""Detectors of torchvision: the best boxes, whatever they show."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]

from vlcli.spec.problem import UserError
from vlcli.towers.detectors import Detector, _classes, build, names

SMALL = "torchvision:ssdlite320_mobilenet_v3_large"
PICTURE = torch.zeros(40, 80, 3, dtype=torch.uint8)


class Known(nn.Module):
    """Finds what it is told to, whatever it sees."""

    def __init__(self, boxes: list[list[float]], scores: list[float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.boxes, self.scores = torch.tensor(boxes), torch.tensor(scores)

    def forward(self, pictures: list[Tensor]) -> list[dict[str, Tensor]]:
        labels = torch.arange(len(self.scores))
        found = {"boxes": self.boxes.clone(), "scores": self.scores, "labels": labels}
        return [found for _ in pictures]


def test_of_boxes_that_overlap_the_surest_stays_whatever_it_shows() -> None:
    boxes = [[0.0, 0, 20, 20], [0, 0, 20, 18], [40, 0, 80, 40], [0, 0, 20, 14]]
    detector = Detector("known", Known(boxes, [0.5, 0.9, 0.7, 0.1]), (), 0.0)
    (found,) = detector.find([PICTURE], 2)
    assert found.obj_id.tolist() == [1, 2]
    assert found.obj_conf.tolist() == pytest.approx([0.9, 0.7])
    assert found.boxes.tolist() == [pytest.approx([0, 0, 0.25, 0.45]), [0.5, 0, 1, 1]]
    (found,) = detector.find([PICTURE], 3)  # less strict, because three are wanted
    assert found.obj_id.tolist() == [1, 2, 3]
    (found,) = detector.find([PICTURE], 9)
    assert found.obj_id.tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize("name", names())
def test_weights_of_another_number_of_things_are_taken(name: str) -> None:
    with torch.device("meta"):
        model = models.get_model(name, weights=None, weights_backbone=None, num_classes=5)
    assert _classes(model.state_dict()) == 5


def test_weights_of_a_file_fill_the_whole_detector() -> None:
    torch.manual_seed(7)
    name = SMALL.partition(":")[2]
    model = models.get_model(name, weights=None, weights_backbone=None, num_classes=4)
    found = build(SMALL, False, 0.0, model.state_dict(), "mine.pth")
    for key, value in model.state_dict().items():
        assert found.model.state_dict()[key].equal(value)
    assert found.words == ()
    (seen,) = found.find([PICTURE], 3)
    assert seen.boxes.shape == (3, 4)
    assert 0 <= seen.boxes.min() <= seen.boxes.max() <= 1
    lacking = {k: v for k, v in model.state_dict().items() if not k.startswith("backbone")}
    with pytest.raises(UserError, match=r"mine\.pth are not of torchvision:ssdlite320.* missing"):
        build(SMALL, False, 0.0, lacking, "mine.pth")
    with pytest.raises(UserError, match="no head that names what boxes show"):
        build(SMALL, False, 0.0, {"weight": torch.zeros(1)}, "mine.pth")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("torchvision:fasterrcnn_resnet50", "Did you mean torchvision:fasterrcnn_resnet50_fpn"),
        ("yolo", 'torchvision has no detector "yolo"'),
    ],
)
def test_an_unknown_detector_is_told_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        build(name, False, 0.0)
    assert caught.value.exit_code == 2
