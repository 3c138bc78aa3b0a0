"""Bad specs of two encoders."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="I1",
        severity="error",
        spec="""{
    arch: "dual_encoder",
    task: "alignment",
    gather_with_grad: false,
}""",
        message="gather_with_grad is false and local_loss is true: the gradient would be a wrong "
        "one.",
        fix="Remove gather_with_grad, or set local_loss: false to have the published gradient.",
        at=(4, 5),
        path="gather_with_grad",
        mended="""{
    arch: "dual_encoder",
    task: "alignment",
    gather_with_grad: false,
    local_loss: false,
}""",
    ),
    Case(
        code="I2",
        severity="error",
        spec="""{
    arch: "dual_encoder",
    task: "alignment",
    image_head_n_layers: 1,
    text_head_n_layers: 2,
}""",
        message="Both towers have a head and joint_projection_dim does not say how wide the common "
        "space is.",
        fix="Set joint_projection_dim: 512, or another width.",
        at=(4, 5),
        path="image_head_n_layers",
        places=("text_head_n_layers",),
        mended="""{
    arch: "dual_encoder",
    task: "alignment",
    image_head_n_layers: 1,
    text_head_n_layers: 2,
    joint_projection_dim: 512,
}""",
    ),
    Case(
        code="I3",
        severity="error",
        spec="""{
    arch: "dual_encoder",
    task: "alignment",
    dataset: "shapes",
    loss: "UniCL",
}""",
        message="UniCL learns from classes, and the captions of dataset shapes have none.",
        fix='Set loss: "InfoNCE", or name files whose records have a label.',
        at=(4, 5),
        path="dataset",
        places=("loss",),
        mended="""{
    arch: "dual_encoder",
    task: "alignment",
    dataset: "shapes",
    loss: "InfoNCE",
}""",
    ),
    Case(
        code="I4",
        severity="error",
        spec="""{
    arch: "dual_encoder",
    task: "alignment",
    lock_image_model: true,
    lock_text_model: true,
}""",
        message="Both towers are locked and there is no head, so nothing is left to train.",
        fix="Set image_head_n_layers: 1 and text_head_n_layers: 1, or unlock a tower.",
        at=(4, 5),
        path="lock_image_model",
        places=("lock_text_model",),
        mended="""{
    arch: "dual_encoder",
    task: "alignment",
    lock_image_model: true,
    lock_text_model: true,
    image_head_n_layers: 1,
    text_head_n_layers: 1,
    joint_projection_dim: 512,
}""",
    ),
    Case(
        code="I5",
        severity="error",
        spec="""{
    arch: "dual_encoder",
    task: "alignment",
    image_weights: "specs/alignment.json5",
    pretrained_image_model: true,
}""",
        message="image_weights asks for the weights of specs/alignment.json5 and "
        "pretrained_image_model for those of the library.",
        fix="Remove one of them.",
        at=(4, 5),
        path="image_weights",
        places=("pretrained_image_model",),
        mended="""{
    arch: "dual_encoder",
    task: "alignment",
    pretrained_image_model: true,
}""",
    ),
    Case(
        code="I6",
        severity="error",
        spec="""{
    arch: "dual_encoder",
    task: "alignment",
    text_model_builder: "huggingface",
    text_model: "bert-base-uncased",
    pretrained_text_model: true,
    tokenizer: "train",
    text_head_n_layers: 1,
}""",
        message="The pretrained weights of bert-base-uncased know the words of their own "
        "tokenizer, and tokenizer asks for another.",
        fix="Remove tokenizer, or set pretrained_text_model: false.",
        at=(6, 5),
        path="pretrained_text_model",
        places=("tokenizer",),
        mended="""{
    arch: "dual_encoder",
    task: "alignment",
    text_model_builder: "huggingface",
    text_model: "bert-base-uncased",
    tokenizer: "train",
    text_head_n_layers: 1,
}""",
    ),
    Case(
        code="I20",
        severity="error",
        spec="""{
    arch: "dual_encoder",
    task: "zeroshot",
}""",
        message="zeroshot judges runs of alignment and trains none.",
        fix='Set task: "alignment", and judge its run by vlcli eval --task zeroshot.',
        at=(3, 5),
        path="task",
        mended="""{
    arch: "dual_encoder",
    task: "alignment",
}""",
    ),
]
