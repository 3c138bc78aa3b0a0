"""What a run asks of two encoders before there is a model: tokenizer, then the model."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from vlcli.contracts import Architecture, Outline, Wording
from vlcli.towers.text import huggingface, sbert
from vlcli.towers.text.open_clip import FILE, OpenClipTokenize
from vlcli.towers.text.tower import Tokenize

from .architecture import DualEncoder
from .spec import DualSpec

SETTINGS = "reading.json"  # beside a tokenizer: how texts are read with it


class DualBuilding:
    """The `contracts.Building` of two encoders. Its tokenizer is a `towers.text.tower.Tokenize`."""

    def wording(self, spec: DualSpec) -> Wording:
        return Wording("span", None)

    def tokenizer(self, spec: DualSpec, texts: Iterable[str]) -> Tokenize:
        if spec.text_model_builder == "open_clip":
            return OpenClipTokenize(spec.text_model, spec.n_prompt, spec.tokenizer)
        if spec.text_model_builder == "sbert":
            return sbert.load_tokenizer(spec.text_model)
        held = (
            huggingface.learned_tokenizer(list(texts))
            if spec.tokenizer == "train"
            else huggingface.load_tokenizer(spec.tokenizer or spec.text_model)
        )
        return huggingface.tokenize(held, spec.max_seq_length, spec.text_pooler)

    def saved_tokenizer(self, folder: Path) -> Tokenize:
        if (folder / FILE).is_file():
            return OpenClipTokenize.saved(folder)
        if (folder / sbert.WORDS).is_file():
            return sbert.saved_words(folder)
        facts = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return huggingface.tokenize(huggingface.load_tokenizer(str(folder)), **facts)

    def save_tokenizer(self, tokenizer: Any, folder: Path) -> None:
        tokenizer.save(folder)
        if isinstance(tokenizer, huggingface.HuggingFaceTokenize):
            prompted = isinstance(tokenizer, huggingface.PromptTokenize)
            facts = {"longest": tokenizer.longest, "pooler": "PromptBERT" if prompted else "mean"}
            (folder / SETTINGS).write_text(json.dumps(facts) + "\n", encoding="utf-8")

    def architecture(
        self, spec: DualSpec, tokenizer: Any, feature_width: int, answers: Sequence[str] | None
    ) -> Architecture:
        return DualEncoder.build(spec, tokenizer, feature_width, answers or ())

    def freeze(self, architecture: Architecture, spec: DualSpec) -> None:
        assert isinstance(architecture, DualEncoder)
        architecture.freeze()

    def bare(
        self, spec: DualSpec, sources: Collection[str], held: Collection[str] | None = None
    ) -> DualSpec:
        """Checkpoints hold every weight, so none of another place is needed, but those of an image
        tower where stored features stood in its place."""
        spec = spec.but(pretrained_text_model=False)
        if held is not None and not DualEncoder.of_tower(held):
            return spec
        return spec.but(pretrained_image_model=False, image_weights=None)

    def outline(self, spec: DualSpec, tokenizer: Any, answers: Sequence[str] | None) -> Outline:
        """Built as it is, with random weights: towers of the libraries are not all made for the
        meta device."""
        remarks = []
        if tokenizer is None and spec.tokenizer != "train":
            tokenizer = self.tokenizer(spec, ())
        if tokenizer is None:
            tokenizer = huggingface.tokenize(
                huggingface.learned_tokenizer(["counted"]), spec.max_seq_length, spec.text_pooler
            )
            remarks.append(
                "Word embeddings are counted without the words of the training data, which the "
                "tokenizer learns; vlcli train --dry-run counts those."
            )
        with torch.random.fork_rng(devices=()):
            shape = self.bare(spec, ()).but(distill_model=None)
            model = DualEncoder.build(shape, tokenizer, spec.feat_dim, answers or ())
        return Outline(model, tuple(remarks))
