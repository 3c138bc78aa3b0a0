"""Named sets of defaults: the tuning methods of VL-Adapter's published image scripts."""

from __future__ import annotations

from typing import Any

_NORMS = {"unfreeze_layer_norms": True}
_ADAPTER = {"use_adapter": True, "reduction_factor": 8, **_NORMS}
_COMPACTER = {
    "use_compacter": True,
    "reduction_factor": 8,
    "hypercomplex_division": 2,
    "shared_phm_rule": False,
    "factorized_phm": False,
    **_NORMS,
}
_PROMPT = {"encoder_prompt_len": 40, "mid_dim": 800}  # these two leave layer norms frozen
_LORA = {"use_lora": True, "lora_dim": 128}

PRESETS: dict[str, dict[str, Any]] = {
    "full_finetuning": {"unfreeze_language_model": True, "lr": 1e-4},
    "single_adapter": {**_ADAPTER, "use_single_adapter": True, "lr": 1e-3},
    "multiple_adapters": {**_ADAPTER, "lr": 3e-4},
    "half_shared_adapters": {**_ADAPTER, "share_up_sampler": True, "lr": 3e-4},
    "hyperformer": {
        "use_hyperformer": True,
        "unique_hyper_net": True,
        "projected_task_embedding_dim": 8,
        "reduction_factor": 8,
        "lr": 1e-3,
        **_NORMS,
    },
    "single_compacter": {**_COMPACTER, "use_single_adapter": True, "lr": 1e-3},
    "multiple_compacters": {**_COMPACTER, "lr": 1e-3},
    "single_lora": {**_LORA, "use_single_lora": True, "lr": 1e-3},
    "multiple_lora": {**_LORA, "lr": 1e-3},
    "single_prompt": {**_PROMPT, "use_single_prompt": True, "lr": 1e-3},
    "multiple_prompts": {**_PROMPT, "lr": 1e-3},
}
