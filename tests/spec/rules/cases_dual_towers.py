"""Bad specs of two encoders: adapters, learned prompts, widths and batches (B11)."""

from __future__ import annotations

from .case import Case

TOWERS = 'arch: "dual_encoder", task: "alignment", dataset: "shapes"'
BERT = 'text_model_builder: "huggingface", text_model: "bert-tiny", text_pooler: "mean"'
HEADS = "image_head_n_layers: 1, text_head_n_layers: 1, joint_projection_dim: 32"


def case(
    code: str,
    wrong: str,
    message: str,
    fix: str,
    right: str,
    *,
    path: str,
    rest: str = f"{BERT}, {HEADS}",
    places: tuple[str, ...] = (),
) -> Case:
    """One line of a spec that is wrong, and the same line mended."""
    spec = f"""{{
    {TOWERS},
    %s,
    {rest},
}}
"""
    return Case(
        code=code,
        severity="error",
        spec=spec % wrong,
        message=message,
        fix=fix,
        at=(3, 5),
        path=path,
        mended=spec % right,
        places=places,
    )


def text(model: str) -> str:
    return f'text_model_builder: "huggingface", text_model: "{model}", text_pooler: "mean", {HEADS}'


def refused(adapter: str, model: str, said: str, fix: str, right: str = "lora") -> Case:
    return case(
        "I21",
        f'adapter: "{adapter}"',
        f"adapter {said}",
        fix,
        f'adapter: "{right}"',
        path="adapter",
        places=("text_model",),
        rest=text(model),
    )


ANOTHER = "Choose another method, for example lora."
NO_PROMPT = "asks for prompt_tuning, which the library has not for {}."
CANNOT_SPLIT = (
    "asks for {}, and GPT-2 makes queries, keys and values by one layer, which it cannot split."
)
CASES: list[Case] = [
    case(
        "I28",
        'adapter: "lorra"',
        'adapter names "lorra", which is no configuration of the adapters library.',
        "Did you mean lora?",
        'adapter: "lora"',
        path="adapter",
    ),
    case(
        "I28",
        'image_adapter: "peft:lorra"',
        'image_adapter names "lorra", which is no method of peft that is known here.',
        "Did you mean lora?",
        'image_adapter: "peft:lora"',
        path="image_adapter",
    ),
    refused("prompt_tuning", "t5-tiny", NO_PROMPT.format("t5"), ANOTHER),
    refused("prompt_tuning", "gpt2-tiny", NO_PROMPT.format("gpt2"), ANOTHER),
    refused("prompt_tuning", "facebook/bart-base", NO_PROMPT.format("bart"), ANOTHER),
    refused("prompt_tuning", "openai/clip-vit-base-patch32", NO_PROMPT.format("clip"), ANOTHER),
    refused("dora", "gpt2-tiny", CANNOT_SPLIT.format("dora"), ANOTHER),
    refused("vera", "gpt2-tiny", CANNOT_SPLIT.format("vera"), ANOTHER),
    refused("mtl_lora", "gpt2-tiny", CANNOT_SPLIT.format("mtl_lora"), ANOTHER),
    refused(
        "compacter[reduction_factor=64]",
        "bert-tiny",
        "cuts the layers of compacter into phm_dim 4 parts, which does not divide their width 2.",
        "Set phm_dim to a number that divides the model's width and its width over "
        "reduction_factor, or change reduction_factor.",
        "compacter",
    ),
    refused(
        "prefix_tuning",
        "sentence-transformers/all-mpnet-base-v2",
        "asks for prefix_tuning, which the library has not for mpnet.",
        ANOTHER,
    ),
    case(
        "I21",
        'image_model_builder: "torchvision", image_model: "resnet18", image_adapter: "seq_bn"',
        "image_adapter asks for seq_bn of the adapters library, which knows no towers of "
        "torchvision.",
        'Set image_adapter: "peft:lora", or another method of peft.',
        'image_model_builder: "torchvision", image_model: "resnet18", image_adapter: "peft:lora"',
        path="image_model_builder",
        places=("image_adapter",),
    ),
    case(
        "I21",
        'adapter: "lora"',
        "adapter asks for lora of the adapters library, which knows no towers of open_clip.",
        'Set adapter: "peft:lora", or another method of peft.',
        'adapter: "peft:lora"',
        path="adapter",
        rest='text_model: "RN50"',
    ),
    case(
        "I22",
        'n_prompt: 4, adapter: "peft:lora"',
        "n_prompt is 4 and adapter asks for peft:lora; a text tower is tuned by one of them.",
        "Remove n_prompt or adapter.",
        "n_prompt: 4",
        path="n_prompt",
        places=("adapter",),
        rest='text_model: "RN50"',
    ),
    case(
        "I23",
        "n_prompt: 4",
        "n_prompt is for text towers of open_clip, and this one is of huggingface.",
        'Set adapter: "prompt_tuning" in place of n_prompt.',
        'adapter: "prompt_tuning"',
        path="n_prompt",
        places=("text_model_builder",),
    ),
    case(
        "I24",
        'image_model: "RN50", text_model: "ViT-B-32"',
        "The image side is 1024 wide and the text side 512, so they cannot be compared.",
        "Set image_head_n_layers: 1, text_head_n_layers: 1 and joint_projection_dim: 512.",
        f'image_model: "RN50", text_model: "ViT-B-32", {HEADS}',
        path="image_model",
        places=("text_model",),
        rest='comment: "two towers"',
    ),
    case(
        "I24",
        'image_model: "resnet18", image_model_builder: "torchvision", joint_projection_dim: 64, '
        "image_head_n_layers: 1",
        "The image side is 64 wide and the text side 128, so they cannot be compared.",
        "Set joint_projection_dim: 128, or give both sides a head.",
        'image_model: "resnet18", image_model_builder: "torchvision", joint_projection_dim: 128, '
        "image_head_n_layers: 1",
        path="image_model",
        places=("joint_projection_dim", "text_model"),
        rest=BERT,
    ),
    case(
        "I27",
        'distill_model: "ViT-B-32", loss: "SigLIP"',
        "distill_model is learned from beside InfoNCE, and loss is SigLIP.",
        'Remove distill_model, or set loss: "InfoNCE".',
        'distill_model: "ViT-B-32", loss: "InfoNCE"',
        path="distill_model",
        places=("loss",),
    ),
    case(
        "I27",
        'distill_model: "ViT-B-32", image_model_builder: "stored", image_model: "specs"',
        "distill_model sees pictures, and this run reads stored features.",
        "Remove distill_model, or name an image tower.",
        'distill_model: "ViT-B-32"',
        path="distill_model",
        places=("image_model_builder",),
    ),
    case(
        "I25",
        'queue_size: 100, loss: "SEED", batch_size: 16',
        "queue_size 100 is no multiple of batch_size 16.",
        "Set queue_size: 96.",
        'queue_size: 96, loss: "SEED", batch_size: 16',
        path="queue_size",
        places=("batch_size",),
    ),
    case(
        "I26",
        "batch_size: 16, train_topk: 8",
        "batch_size is 16 and there are 8 training examples.",
        "Set batch_size: 8 or less.",
        "batch_size: 8, train_topk: 8",
        path="batch_size",
        places=("train_topk",),
    ),
]
