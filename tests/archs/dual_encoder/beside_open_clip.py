"""One small CLIP trained twice: by our update, and by open_clip with torch's AdamW, in the order of
open_clip's own training loop."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import open_clip  # type: ignore[import-untyped]
import torch
from torch import Tensor

from vlcli.archs.dual_encoder.architecture import DualEncoder
from vlcli.archs.dual_encoder.batch import DualBatch
from vlcli.archs.dual_encoder.spec import DualSpec
from vlcli.runtime.engine import Engine
from vlcli.runtime.optimizer import build_optimizer
from vlcli.runtime.update import Updates
from vlcli.towers.text.open_clip import OpenClipTokenize

NAME, SIDE, CONTEXT = "beside-ViT", 32, 16
CONFIG: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": SIDE, "layers": 3, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "width": 64, "heads": 2}
    | {"layers": 3},
}
# No decay: our adamw is the published formula, which decays after its step and torch's before it.
LR, DECAY, BETAS, EPS = 1e-4, 0.0, (0.9, 0.98), 1e-8
LARGEST = math.log(100)


def known(folder: Path) -> None:
    """Tell open_clip of the architecture."""
    (folder / f"{NAME}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)


def batch(many: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures (B, S, S, 3) in bytes and token ids (B, T), each ending in the end token."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (many, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)
    ids = torch.randint(1, 49000, (many, CONTEXT), generator=generator)
    ids[:, 0], ids[:, 9], ids[:, 10:] = 49406, 49407, 0
    return pictures, ids


class Theirs:
    """A step as open_clip_train.train has it."""

    def __init__(self, loss: str, fused: bool = False) -> None:
        torch.manual_seed(3)
        bias = {} if loss == "InfoNCE" else {"init_logit_bias": -10.0, "init_logit_scale": 2.0}
        self.model = open_clip.create_model(NAME, **bias).train()
        self.loss = open_clip.ClipLoss() if loss == "InfoNCE" else open_clip.loss.SigLipLoss()
        named = list(self.model.named_parameters())
        bare = [p for n, p in named if p.ndim < 2 or n.endswith("positional_embedding")]
        skip = {id(p) for p in bare}
        rest = [p for _, p in named if id(p) not in skip]
        groups = [{"params": bare, "weight_decay": 0.0}, {"params": rest, "weight_decay": DECAY}]
        self.optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS, fused=fused)

    def step(self, pixels: Tensor, ids: Tensor) -> float:
        self.optimizer.zero_grad()
        told = self.model(pixels, ids)
        found = dict(zip(("image_features", "text_features", "logit_scale"), told, strict=False))
        if len(told) > 3:
            found["logit_bias"] = told[3]
        total: Tensor = sum(self.loss(**found, output_dict=True).values())
        total.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, LARGEST)
        return total.item()


class Ours:
    """An update of a run, which begins with the weights of the other."""

    def __init__(self, theirs: Theirs, loss: str) -> None:
        spec = DualSpec(
            task="alignment",
            **{"image_model": NAME, "text_model": NAME, "image_resolution": SIDE, "loss": loss},
            **{"lr": LR, "weight_decay": DECAY, "adam_beta1": BETAS[0], "adam_beta2": BETAS[1]},
            **{"adam_eps": EPS, "device": "cpu", "precision": "fp32"},
        )
        self.model = DualEncoder.build(spec, OpenClipTokenize(NAME), 0)
        held = theirs.model.state_dict()
        images = {n.removeprefix("visual."): v for n, v in held.items() if n.startswith("visual.")}
        self.model.image.tower.tower.visual.load_state_dict(images)
        text: Any = self.model.text.tower.text
        text.load_state_dict({name: held[name] for name in text.state_dict()})
        with torch.no_grad():
            for name, key in (("scale", "logit_scale"), ("bias", "logit_bias")):
                if getattr(self.model, name) is not None:
                    getattr(self.model, name).copy_(held[key])
        self.model.freeze()
        engine = Engine(spec, spec)
        optimizer = build_optimizer(spec, self.model.param_groups(spec.weight_decay))
        wrapped, stepped = engine.prepare(self.model, optimizer)
        self.stepped = stepped
        self.updates = Updates(engine, self.model, wrapped, stepped, spec.clip_grad_norm)
        wrapped.train()
        self.number = 0

    def pixels(self, pictures: Tensor) -> Tensor:
        """As the other reads them."""
        found: Tensor = self.model.image.tower.tower.pixels(pictures)
        return found.contiguous()

    def batch(self, pictures: Tensor, ids: Tensor) -> DualBatch:
        rows = torch.arange(len(ids))
        names = tuple(map(str, rows.tolist()))
        return DualBatch(
            ids=names,
            seen=rows,
            read=rows,
            pixels=pictures,
            features=None,
            tokens={"ids": ids},
            labels=None,
        )

    def step(self, batch: DualBatch) -> float:
        self.number += 1
        report = self.updates.make([batch], self.number)
        self.stepped.zero_grad(set_to_none=True)
        self.model.after_step()
        return report.loss
