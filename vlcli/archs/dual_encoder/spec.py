"""The arguments of a run that aligns two encoders."""

from __future__ import annotations

from typing import Any

from vlcli.spec.fields import Spec
from vlcli.spec.groups.checkpoint import CheckpointArgs
from vlcli.spec.groups.compute import ComputeArgs
from vlcli.spec.groups.identity import RunArgs
from vlcli.spec.groups.splits import SplitArgs
from vlcli.spec.groups.training import TrainingArgs
from vlcli.spec.run import Run
from vlcli.spec.sizes import of_store
from vlcli.spec.stores import STORED

from .groups.alignment import AlignmentArgs, HeadArgs
from .groups.evaluation import EvaluationArgs
from .groups.image_tower import ImageTowerArgs
from .groups.needs import adapter_of, is_target
from .groups.rates import RateArgs
from .groups.text_tower import TextTowerArgs
from .groups.texts import CaptionChoiceArgs
from .objectives import OBJECTIVES


# Bases read from the last to the first: pydantic collects fields in that order.
class DualSpec(
    EvaluationArgs,
    CaptionChoiceArgs,
    RateArgs,
    AlignmentArgs,
    HeadArgs,
    TextTowerArgs,
    ImageTowerArgs,
    ComputeArgs,
    CheckpointArgs,
    TrainingArgs,
    SplitArgs,
    RunArgs,
    Spec,
):
    """A run that aligns an encoder of pictures and one of texts."""

    # What the readers of pictures ask of every spec.
    use_vision = True
    oscar_tags = use_data_augmentation = False
    n_boxes = patch_size = 0

    @property
    def feature_type(self) -> Any:
        """What is read of a picture: its bytes, or stored features."""
        if self.image_model_builder == "stored":
            return f"{STORED}{self.image_model}"
        return f"raw:{self.encoder}"

    @property
    def encoder(self) -> str:
        """The image tower by library and name."""
        tag = f":{self.image_model_tag}" if self.image_model_tag else ""
        return f"{self.image_model_builder}:{self.image_model}{tag}"

    @property
    def image_size(self) -> tuple[int, int]:
        return self.image_resolution, self.image_resolution

    @property
    def feat_dim(self) -> int:
        """The width of stored features; 0 where a tower makes them."""
        return of_store(self.feature_type).width or 0

    @property
    def answer_list(self) -> str | None:
        """Losses with labels number the classes of the training data."""
        return "train" if OBJECTIVES[self.loss].labels else None

    @property
    def judged_every(self) -> dict[str, int]:
        return {
            "zeroshot": self.zeroshot_frequency,
            "linear_probe": self.linear_frequency,
            "knn": self.linear_frequency,
            "sts": self.nlp_eval_frequency,
        }

    @classmethod
    def method(cls, run: Run) -> str:
        """Which towers train, and by which loss."""
        return f"{_side(run, 'image')}, {_side(run, 'text')}; {run.loss}"


def _side(run: Run, side: str) -> str:
    name, partial = getattr(run, f"{side}_model"), getattr(run, f"lock_{side}_partial")
    locked = getattr(run, f"lock_{side}_model") or (side == "image" and _stored(run))
    how = "partly trained" if partial else "locked" if locked else "trained"
    if is_target(run, side):
        return f"{side} tower {name} as the target"
    if adapter := adapter_of(run, side):
        how = f"tuned by {adapter}"
    return f"{side} tower {name} {how}"


def _stored(run: Run) -> bool:
    return bool(run.image_model_builder == "stored")
