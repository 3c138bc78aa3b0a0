"""Command lines of published tools, read as their own argparse reads them; and the 139 arguments of
the VL-Adapter runners."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal, NoReturn

Kind = Literal["flag", "bool", "int", "float", "floats", "str", "choice"]
Values = dict[str, Any]

# The runners of VL-T5 and VL-Adapter, and the task that each trains.
TASK_OF_SCRIPT = {
    "vqa.py": "vqa",
    "gqa.py": "gqa",
    "nlvr.py": "nlvr",
    "vcr.py": "vcr",
    "caption.py": "caption",
    "refcoco.py": "refcoco",
    "mmt.py": "mmt",
    "classification.py": "cls",
    "pretrain.py": "pretrain",
    "pretrain_vcr.py": "pretrain_vcr",
    "multitask.py": "multitask",
    "multitask_video.py": "multitask",
    "tvqa.py": "tvqa",
    "how2qa.py": "how2qa",
    "tvc.py": "tvc",
    "yc2c.py": "yc2c",
    "activitynet.py": "activitynet",
}

FEATURE_TYPES = (
    "RN50",
    "RN101",
    "RN50x4",
    "ViT",
    "butd",
    "raw_RN50",
    "raw_RN101",
    "raw_RN50x4",
    "raw_ViT",
)

# What a published launcher says on the command line; here torchrun says it.
LAUNCH_KEYS = frozenset({"distributed", "multiGPU", "local_rank"})

# Sizes that the published parser reads as float and a Linear layer needs as int.
WHOLE_KEYS = frozenset({"feat_dim", "pos_dim"})

# The published `flag` is store_true (present or absent); `bool` takes a word such as True or no.
_NAMES: dict[Kind, str] = {
    "flag": """
        RefCOCO_BUTD RefCOCO_GT add_layer_norm_after_adapter add_layer_norm_before_adapter
        answer_normalize caption_only classifier coco_only distributed do_lower_case downsample dry
        efficient_unique_hyper_net expand_vis_embedding fp16 freeze_bn_statistics
        freeze_ln_statistics from_scratch log_train_accuracy multiGPU no_prefix oneddownsample
        oscar_tags raw_label remove_bn_vis_adapter share_down_sampler share_up_sampler
        share_vis_lang_layer_norm shared_phm_rule_over_tasks shuffle_boxes single_vqa_prefix
        sparse_sample submit test_answerable test_only testing track_z unfreeze_batch_norms
        unfreeze_language_model unfreeze_layer_norms unfreeze_lm_head unfreeze_vis_encoder
        unfreeze_vis_last_layer unique_hyper_net use_adam_for_visual use_adapter use_attn_prefix
        use_compacter use_data_augmentation use_hyperformer use_lm_head_adapter use_lora
        use_lradapter use_separate_optimizer_for_visual use_single_adapter use_single_lora
        use_single_prompt use_tasks_prompts use_vis_adapter vis_pointer vis_pooling_output
        vis_use_transformer
    """,
    "bool": """
        add_adapter_cross_attn caption_cocoonly factorized_phm individual_vis_layer_norm
        itm_cocoonly shared_phm_rule use_vis_layer_norm use_vis_order_embedding use_vision
    """,
    "int": """
        additional_visual_embedding_layers batch_size decoder_prompt_len encoder_prompt_len epochs
        gen_max_length gradient_accumulation_steps ground_upsample ground_weight
        hypercomplex_division local_rank lora_dim low_rank_rank max_n_boxes max_text_length mid_dim
        n_boxes n_ground n_image_tokens num_beams num_workers phm_rank projected_task_embedding_dim
        reduction_factor seed valid_batch_size vis_reduction_factor
    """,
    "float": """
        adam_beta1 adam_beta2 adam_eps clip_grad_norm dropout feat_dim lambda_z lora_alpha lr
        objMaskRate phm_init_range pos_dim train_topk valid_topk vis_lr vis_weight_decay
        warmup_ratio weight_decay wordMaskRate
    """,
    "str": """
        backbone cls_task comment deepspeed image_size load load_lxmert_qa losses
        multitask_sampling optim output post_prompt prefix prompt run_name tasks test tokenizer
        train valid vis_adapter_type
    """,
    "choice": "feature_type",
}

# Two flags whose key is spelled otherwise.
_KEYS = {"wordMaskRate": "word_mask_rate", "objMaskRate": "obj_mask_rate"}


class ConvertError(Exception):
    """What keeps a published command line or script from becoming a spec, in one sentence."""


def shown(text: str, limit: int = 80) -> str:
    """`text` as a message may hold it: on one line, printable, and not long."""
    plain = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return plain if len(text) <= limit else plain[: limit - 3] + "..."


@dataclass(frozen=True, slots=True)
class Argument:
    """One published argument: how it is written, how argparse reads it, and its key in a spec."""

    flag: str
    kind: Kind
    key: str

    @property
    def takes_value(self) -> bool:
        return self.kind != "flag"


def _as_it_is(runner: str | None, values: Values) -> tuple[Values, list[str]]:
    return values, []


def _says_nothing(runner: str | None, values: Values) -> list[str]:
    return []


@dataclass(frozen=True, eq=False)
class Tool:
    """A published tool: its arguments by kind, `keys` where a key is spelled unlike its argument,
    the task of each of its scripts, and modules that `python -m` starts. `as_run` gives the values
    that a run of ours needs to do the same, and what there is to say of it; `advice` tells what the
    tool took for granted."""

    title: str
    names: Mapping[Kind, str]
    scripts: Mapping[str, str | None]
    keys: Mapping[str, str] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    choices: tuple[str, ...] = ()
    launch: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    as_run: Callable[[str | None, Values], tuple[Values, list[str]]] = _as_it_is
    advice: Callable[[str | None, Values], list[str]] = _says_nothing

    @cached_property
    def arguments(self) -> dict[str, Argument]:
        return {
            f"--{name}": Argument(f"--{name}", kind, self.keys.get(name, name.replace("-", "_")))
            for kind, names in self.names.items()
            for name in names.split()
        }

    @cached_property
    def flags(self) -> dict[str, str]:
        """How each key is written."""
        return {argument.key: argument.flag for argument in self.arguments.values()}

    def find(self, flag: str) -> Argument | None:
        """The argument that argparse understands by `flag`: its name, or the start of only one."""
        if flag in self.arguments:
            return self.arguments[flag]
        if not flag.startswith("--"):
            return None
        near = [each for name, each in self.arguments.items() if name.startswith(flag)]
        return near[0] if len(near) == 1 else None

    def read_flags(self, words: Sequence[str]) -> tuple[dict[str, list[Any]], list[str]]:
        """Spec key -> every value written for it (first-written key first), and the unknown words.

        Raises ConvertError with argparse's own reason where the published parser would refuse.
        """
        written, unknown = _parser(self).parse_known_args(list(words), argparse.Namespace())
        return dict(vars(written)), unknown


def str2bool(word: str) -> bool:
    """The published reading of a truth value."""
    if word.lower() in ("yes", "true", "t", "y", "1"):
        return True
    if word.lower() in ("no", "false", "f", "n", "0"):
        return False
    raise argparse.ArgumentTypeError(f"a truth value such as True or False is needed, not {word!r}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConvertError(f"The published parser refuses these flags: {shown(message, 300)}.")


@cache
def _parser(tool: Tool) -> _Parser:
    """Appends instead of overwriting, so that what was written twice can be told."""
    parser = _Parser(prog="vlcli convert", add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("-h", "--help", action="append_const", const=True, dest="help")
    readers: dict[Kind, Callable[[str], Any]] = {
        **{"bool": str2bool, "int": int, "float": float, "floats": float}
    }
    for argument in tool.arguments.values():
        if argument.kind == "flag":
            parser.add_argument(argument.flag, action="append_const", const=True, dest=argument.key)
            continue
        parser.add_argument(
            argument.flag,
            action="append",
            dest=argument.key,
            type=readers.get(argument.kind, str),
            choices=tool.choices if argument.kind == "choice" else None,
            nargs="+" if argument.kind == "floats" else None,
        )
    return parser


VLT5 = Tool(
    "VL-T5 or VL-Adapter",
    _NAMES,
    TASK_OF_SCRIPT,
    _KEYS,
    choices=FEATURE_TYPES,
    launch=LAUNCH_KEYS,
    whole=WHOLE_KEYS,
)
ARGUMENTS = VLT5.arguments
