"""What a run asks of VL-T5 and VL-BART before there is a model: tokenizer, then the model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from vlcli.contracts import Architecture, Outline, Wording
from vlcli.peft.freezing import freeze
from vlcli.spec.encoders import RANDOM
from vlcli.spec.methods import methods_on
from vlcli.spec.sizes import family_of

from .architecture import VLArchitecture
from .outline import outline
from .spec import VLSpec
from .tokenizer import load_tokenizer, save_tokenizer, tokenizer_for
from .tower import tower_source
from .wording import WORDING


class VLBuilding:
    """The `contracts.Building` of both families; the backbone says which one it is."""

    def wording(self, spec: VLSpec) -> Wording:
        return WORDING[family_of(spec.backbone) or "t5"]

    def tokenizer(self, spec: VLSpec, texts: Iterable[str]) -> Any:
        return tokenizer_for(spec.tokenizer, spec.backbone, family_of(spec.backbone) or "t5", texts)

    def saved_tokenizer(self, folder: Path) -> Any:
        return load_tokenizer(str(folder))

    def save_tokenizer(self, tokenizer: Any, folder: Path) -> None:
        save_tokenizer(tokenizer, folder)

    def architecture(
        self,
        spec: VLSpec,
        tokenizer: Any,
        feature_width: int,
        answers: Sequence[str] | None,
    ) -> Architecture:
        return VLArchitecture.build(spec, tokenizer, feature_width, answers)

    def freeze(self, architecture: Architecture, spec: VLSpec) -> None:
        freeze(architecture, spec, methods_on(spec))

    def bare(
        self, spec: VLSpec, sources: Collection[str], held: Collection[str] | None = None
    ) -> VLSpec:
        """Of a model without an image tower, the tower is to bring its own weights."""
        if spec.backbone not in sources:
            spec = spec.but(from_scratch=True)
        without = held is not None and not VLArchitecture.of_tower(held)
        left = without or tower_source(spec) in sources
        return spec if left else spec.but(vis_weights=RANDOM)

    def outline(self, spec: VLSpec, tokenizer: Any, answers: Sequence[str] | None) -> Outline:
        return outline(spec, tokenizer, answers)
