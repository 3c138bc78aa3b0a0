"""What a reader of published files is asked for, and the references that it gives to pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from vlcli.spec.problem import UserError
from vlcli.spec.sizes import CLIP_WIDTH

from ..records import Tell, stop
from ..references import joined

Role = Literal["train", "valid", "test"]


class PublishedArgs(Protocol):
    """What is read of a spec. Of these keys, all but feature_type may be absent, as in the spec of
    an architecture that does not have them; they then hold their defaults."""

    @property
    def feature_type(self) -> str:
        """Decides whether `image` names stored features or a picture."""
        ...

    @property
    def raw_label(self) -> bool:
        """vqa: training, too, needs what ten people answered."""
        ...

    @property
    def cls_task(self) -> str:
        """cls: tinyimagenet or cifar10."""
        ...

    @property
    def RefCOCO_GT(self) -> bool:  # noqa: N802
        """refcoco: annotated boxes in validation and test, in place of detected ones."""
        ...

    @property
    def caption_only(self) -> bool:
        """pretrain: captions of COCO and Visual Genome alone."""
        ...

    @property
    def coco_only(self) -> bool:
        """pretrain: captions of COCO alone."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One split of one task, and how its pictures will be seen; what becomes of entries that are
    wrong."""

    root: Path
    task: str
    split: str
    training: bool = False
    feature_type: str = "butd"
    raw_label: bool = False
    cls_task: str = "tinyimagenet"
    annotated_boxes: bool = False
    caption_only: bool = False
    coco_only: bool = False
    each_fault: Tell = stop

    @property
    def sees_grids(self) -> bool:
        """Whether pictures are seen as stored CLIP grids."""
        return self.feature_type in CLIP_WIDTH

    @property
    def sees_pixels(self) -> bool:
        return self.feature_type != "butd" and not self.sees_grids

    def image(self, name: str, *, folder: str, boxes: str, picture: str) -> str:
        """The reference of a picture whose features do not follow from its name: in the file
        `boxes` below data_root, in the CLIP grids of a folder, or as the `picture` below
        data_root."""
        if self.sees_grids:
            grids = f"{folder}/clip_features/data_clip_{self.feature_type}_att"
            return joined(f"{grids}/{name}.h5", name)
        if self.sees_pixels:
            return picture
        return joined(boxes, name)


def no_features(feature_type: str, whose: str) -> UserError:
    return UserError(
        f"Nobody published {feature_type} features of {whose}. Set feature_type to one that sees "
        "pixels, such as patch, or to one that they have.",
        exit_code=3,
    )
