"""How the optimizer walks: batches, rates, schedule, length."""

from typing import Literal

from .. import needs
from ..fields import Group, arg


class TrainingArgs(Group):
    """Training"""

    batch_size: int = arg(
        256, "Examples per training batch and process.", ge=1, code="R130", by_task=True
    )
    valid_batch_size: int | None = arg(
        None,
        "Examples per evaluation batch and process; null takes batch_size.",
        ge=1,
        code="R130",
        by_task=True,
    )
    optim: Literal["adamw", "adam", "adamax", "rms", "sgd"] = arg(
        "adamw",
        "Optimizer. adamw is the published formula: epsilon before bias correction, weight decay "
        "after the update.",
        needs=needs.TRAINING,
    )
    lr: float = arg(1e-4, "Peak learning rate.", ge=0, code="R130", needs=needs.TRAINING)
    lr_schedule: Literal["linear", "cosine", "constant"] = arg(
        "linear",
        "What the learning rate does after warm-up; linear and cosine end at 0.",
        needs=needs.TRAINING,
        new=True,
    )
    warmup_ratio: float = arg(
        0.05,
        "Share of all updates over which the learning rate rises linearly from 0.",
        ge=0,
        le=1,
        needs=(needs.TRAINING, needs.WARMUP_BY_SHARE),
        code="R130",
    )
    warmup: int | None = arg(
        None,
        "In place of warmup_ratio, the number of updates over which the learning rate rises; the "
        "first has the rate lr / warmup, the last of them lr.",
        ge=0,
        needs=needs.TRAINING,
        new=True,
    )
    weight_decay: float = arg(
        0.01,
        "Weight decay of all parameters but those whose names hold `bias` or `LayerNorm.weight`.",
        ge=0,
        needs=(needs.TRAINING, needs.OWN_SETTINGS),
        code="R130",
    )
    clip_grad_norm: float = arg(
        -1.0,
        "Largest global gradient norm; 0 or below leaves gradients as they are.",
        needs=needs.TRAINING,
    )
    gradient_accumulation_steps: int = arg(
        1,
        "Batches whose gradients are added up before one update.",
        ge=1,
        code="R130",
        needs=needs.TRAINING,
    )
    adam_eps: float = arg(
        1e-6, "Epsilon of Adam.", ge=0, needs=(needs.TRAINING, needs.OWN_SETTINGS), code="R130"
    )
    adam_beta1: float = arg(
        0.9,
        "Decay of Adam's first moment.",
        ge=0,
        lt=1,
        needs=(needs.TRAINING, needs.OWN_SETTINGS),
        code="R130",
    )
    adam_beta2: float = arg(
        0.999,
        "Decay of Adam's second moment.",
        ge=0,
        lt=1,
        needs=(needs.TRAINING, needs.OWN_SETTINGS),
        code="R130",
    )
    epochs: int = arg(
        12,
        "Passes over the training data; 0 only tests.",
        ge=0,
        needs=needs.NOT_TEST_ONLY,
        code="R130",
    )
    early_stopping: int = arg(
        0,
        "Validations without a better score after which training ends; 0 never ends it early.",
        ge=0,
        needs=needs.TRAINING,
        new=True,
    )
    dropout: float = arg(
        0.1,
        "Dropout of the language model: hidden states, attention and activations.",
        ge=0,
        lt=1,
        needs=needs.TRAINING,
        code="R130",
    )
    log_train_accuracy: bool = arg(
        False,
        "Also measure accuracy on training batches and show it with the loss.",
        needs=(needs.TRAINING, needs.ANSWERED),
    )
    model_ema: bool = arg(
        False,
        "Keep a moving average of the weights, which is validated, saved and used in place of the "
        "last ones.",
        needs=needs.TRAINING,
        new=True,
    )
    model_ema_decay: float = arg(
        0.9999,
        "Share of the old average that an update leaves in it.",
        ge=0,
        lt=1,
        needs=(needs.TRAINING, needs.AVERAGE),
        new=True,
    )
    eval_with_wise_ft: float = arg(
        1.0,
        "Share of the trained weights in those that are evaluated and used; the rest is of the "
        "weights that the run began with, which it keeps where this is below 1 (WiSE-FT).",
        ge=0,
        le=1,
        needs=needs.TRAINING,
        new=True,
    )
    dry: bool = arg(False, "Evaluate once before the first step.", needs=needs.TRAINING)
