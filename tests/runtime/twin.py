"""Ten updates of the tiny classifier, alone or under torchrun: `python -m tests.runtime.twin`."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

from vlcli.runtime.distributed import gather
from vlcli.runtime.trainer import Trainer
from vlcli.runtime.weights import save_weights

from .tiny import Classifier, Cloud, trainer_for

GLOBAL = 8


class Watched(Classifier):
    """Notes after every update whether all processes hold the same bits."""

    same: tuple[bool, ...] = ()

    def after_step(self) -> None:
        super().after_step()
        digest = hashlib.sha256()
        for value in self.state_dict().values():
            whole = value.full_tensor() if hasattr(value, "full_tensor") else value
            digest.update(whole.detach().numpy().tobytes())
        self.same += (len(set(gather(digest.hexdigest()))) == 1,)


def built(folder: Path, rank: int, world: int, case: dict[str, Any]) -> Trainer:
    """The same run for any number of processes: the same points in every update."""
    torch.manual_seed(3)
    micro = case.get("accumulate", 1)
    cloud = Cloud(80, GLOBAL // world // micro, rank, world, heads=case.get("heads", False))
    if "poison" in case:
        cloud.points[case["poison"]] = float("nan")
    return trainer_for(
        folder,
        Watched(case["averaged"], case.get("dropout", 0.0)),
        cloud,
        epochs=1,
        gradient_accumulation_steps=micro,
        clip_grad_norm=0.5,
        lr=0.05,
        weight_decay=0.1,
        save_every=case.get("save_every", 0),
        keep=99,
    )


def main() -> None:
    from vlcli.runtime.distributed import launched

    folder, case = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(1)
    launch = launched()
    trainer = built(folder, launch.rank, launch.world, case)
    with trainer.engine as engine:
        assert engine.world == launch.world
        if case.get("resume"):
            trainer.resume(folder / f"checkpoints/step-{case['resume']:06d}")
        try:
            result = trainer.train()
            report: dict[str, Any] = {
                "steps": result.steps,
                "score": result.best_score,
                "error": "",
            }
        except Exception as error:
            report = {"error": f"{type(error).__name__}: {error}"}
        report["same"] = list(trainer.architecture.same)
        everyone = gather(report)
        weights = engine.weights(trainer.model, trainer.architecture)
        if engine.main:
            save_weights(weights, folder / "end.safetensors")
            (folder / "report.json").write_text(json.dumps(everyone))


if __name__ == "__main__":
    main()
