"""DeepSpeed through accelerate: its JSON file, completed by what the spec already says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vlcli.runtime.device import Precision
from vlcli.spec.groups.training import TrainingArgs
from vlcli.spec.problem import UserError
from vlcli.spec.run import largest


def deepspeed_plugin(file: str, training: TrainingArgs, precision: Precision) -> Any:
    """accelerate's plugin for a DeepSpeed file; UserError where the file contradicts the spec."""
    config = completed(read_config(Path(file)), file, training, precision)
    try:
        import deepspeed  # type: ignore[import-not-found]  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            f"deepspeed is {file} and its package is not installed: pip install deepspeed."
        ) from None
    from accelerate.utils import DeepSpeedPlugin  # type: ignore[import-untyped]

    return DeepSpeedPlugin(hf_ds_config=config)


def read_config(path: Path) -> dict[str, Any]:
    """The file's JSON object."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"The DeepSpeed file {path} does not exist.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"The DeepSpeed file {path} cannot be read: {error}.") from None
    if not isinstance(config, dict):
        raise UserError(f"The DeepSpeed file {path} does not hold a JSON object.", exit_code=3)
    return config


def completed(
    config: dict[str, Any], file: str, training: TrainingArgs, precision: Precision
) -> dict[str, Any]:
    """The configuration with the spec's batch, accumulation, clipping and precision filled in.

    A key that is absent or "auto" takes the spec's value; another value is a contradiction.
    """
    for key in ("optimizer", "scheduler"):
        if key in config:
            raise UserError(
                f"{file} has its own {key}; the spec's optim, lr and lr_schedule choose it. "
                f"Remove {key} from the file.",
                exit_code=3,
            )
    spec: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": largest(training.batch_size),
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "gradient_clipping": max(0.0, training.clip_grad_norm),
    }
    for key, value in spec.items():
        written = config.get(key, "auto")
        if written not in ("auto", value):
            raise UserError(
                f'{file} says {key} {written} and the spec says {value}. Write "auto" in the file.',
                exit_code=3,
            )
    modes = {mode: {"enabled": precision == mode} for mode in ("fp16", "bf16")}
    kept = {key: value for key, value in config.items() if key != "train_batch_size"}
    return {
        "zero_optimization": {"stage": 2},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        **kept,
        **spec,
        **{mode: {**config.get(mode, {}), **state} for mode, state in modes.items()},
    }
