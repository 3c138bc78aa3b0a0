"""The arguments of a VL-T5 or VL-BART run: every group of the VL-Adapter listing, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from vlcli.spec import facts
from vlcli.spec.entries import all_of
from vlcli.spec.fields import Spec
from vlcli.spec.groups.adapters import AdapterArgs
from vlcli.spec.groups.backbone import BackboneArgs
from vlcli.spec.groups.caption import CaptionArgs
from vlcli.spec.groups.checkpoint import CheckpointArgs
from vlcli.spec.groups.classification import ClassificationArgs
from vlcli.spec.groups.compacter import CompacterArgs
from vlcli.spec.groups.compute import ComputeArgs
from vlcli.spec.groups.freezing import FreezingArgs
from vlcli.spec.groups.generation import GenerationArgs
from vlcli.spec.groups.hyperformer import HyperformerArgs
from vlcli.spec.groups.identity import RunArgs
from vlcli.spec.groups.library import LibraryArgs
from vlcli.spec.groups.lora import LoraArgs
from vlcli.spec.groups.multitask import MultitaskArgs
from vlcli.spec.groups.pretraining import PretrainingArgs
from vlcli.spec.groups.prompts import PromptArgs
from vlcli.spec.groups.refcoco import RefcocoArgs
from vlcli.spec.groups.splits import SplitArgs
from vlcli.spec.groups.text import TextArgs
from vlcli.spec.groups.training import TrainingArgs
from vlcli.spec.groups.visual_embedding import VisualEmbeddingArgs
from vlcli.spec.groups.visual_encoder import VisualEncoderArgs
from vlcli.spec.groups.vqa import VqaArgs
from vlcli.spec.run import ByTask, Run


# Bases read from the last to the first: pydantic collects fields in that order.
class VLSpec(
    MultitaskArgs,
    ClassificationArgs,
    RefcocoArgs,
    VqaArgs,
    CaptionArgs,
    PretrainingArgs,
    GenerationArgs,
    TextArgs,
    FreezingArgs,
    LibraryArgs,
    PromptArgs,
    LoraArgs,
    CompacterArgs,
    HyperformerArgs,
    AdapterArgs,
    VisualEncoderArgs,
    VisualEmbeddingArgs,
    BackboneArgs,
    ComputeArgs,
    CheckpointArgs,
    TrainingArgs,
    SplitArgs,
    RunArgs,
    Spec,
):
    """A VL-T5 or VL-BART run."""

    def of_task(self, task: str) -> Self:
        """As published, a run of several tasks puts no prompt in front, or (use_tasks_prompts) each
        task's own; an object by task says others."""
        spec = super().of_task(task)
        if self.task != facts.MULTITASK:
            return spec
        found = all_of("task").get(task)
        usual = found.entry.defaults.get("prompt", f"{task}: ") if found and found.entry else ""
        prompts: Mapping[str, str] = self.prompt if isinstance(self.prompt, ByTask) else {}
        return spec.but(prompt=prompts.get(task, usual if self.use_tasks_prompts else ""))

    @property
    def answer_list(self) -> str | None:
        held = self.classifier or self.answer_vocab
        return (self.answer_vocab or "train") if held else None

    @classmethod
    def method(cls, run: Run) -> str:
        return facts.method(run)

    @classmethod
    def derived(cls, run: Run) -> dict[str, tuple[Any, str]]:
        """The feature type of videos, and the feature width that a feature type brings."""
        found: dict[str, tuple[Any, str]] = {}
        if facts.is_video(run):
            found["feature_type"] = ("ViT", "from task")
        width = facts.features(run).width
        if width is not None:
            found["feat_dim"] = (width, "from feature_type")
        return found
