"""The options that configurations of the `adapters` library take, and the values of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from .fields import any_of


class Option(NamedTuple):
    """`takes` says the allowed values in words; a `real` option is a float in the library, which
    tells whole numbers from it."""

    takes: str
    holds: Callable[[Any], bool]
    real: bool = False


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _choice(*choices: str) -> Option:
    return Option(any_of(choices), lambda value: isinstance(value, str) and value in choices)


def _count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _all(value: Any, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(holds, value))


def _factors(value: Any) -> bool:
    if isinstance(value, dict):
        return "default" in value and all(
            isinstance(layer, str) and _number(factor) and factor > 0
            for layer, factor in value.items()
        )
    return _number(value) and value > 0


ACTIVATIONS: Collection[str] = (
    "gelu",
    "gelu_fast",
    "gelu_new",
    "gelu_pytorch_tanh",
    "leaky_relu",
    "leakyrelu",
    "linear",
    "mish",
    "quick_gelu",
    "relu",
    "relu2",
    "relu6",
    "sigmoid",
    "silu",
    "swish",
    "tanh",
)

SWITCH = Option("True or False", lambda value: isinstance(value, bool))
POSITIONS = Option("a whole number", lambda value: type(value) is int and value >= 0)
COUNT = Option("a whole number of at least 1", _count)
FRACTION = Option(
    "a number from 0 to below 1", lambda value: _number(value) and 0 <= value < 1, real=True
)
POSITIVE = Option("a number above 0", lambda value: _number(value) and value > 0)
REAL = Option("a number", _number, real=True)
ACTIVATION = _choice(*ACTIVATIONS)
LAYERS = Option(
    "a list of layer numbers (the encoder's from 0, then the decoder's), such as [0, 1]",
    lambda value: _all(value, lambda each: type(each) is int and each >= 0),
)

BOTTLENECK: dict[str, Option] = {
    "mh_adapter": SWITCH,
    "output_adapter": SWITCH,
    "cross_adapter": SWITCH,
    "reduction_factor": Option(
        "a number above 0, or one for each layer with a default, such as {'0': 8, 'default': 16}",
        _factors,
    ),
    "non_linearity": ACTIVATION,
    "original_ln_before": SWITCH,
    "original_ln_after": SWITCH,
    "ln_before": SWITCH,
    "ln_after": SWITCH,
    "residual_before_ln": Option(
        "True, False or 'post_add'", lambda value: isinstance(value, bool) or value == "post_add"
    ),
    "adapter_residual_before_ln": SWITCH,
    "is_parallel": SWITCH,
    "scaling": Option(
        "a number, 'learned' or 'channel'",
        lambda value: _number(value) or value in ("learned", "channel"),
        real=True,
    ),
    "use_gating": SWITCH,
    "dropout": FRACTION,
    "stochastic_depth": FRACTION,
    "leave_out": LAYERS,
    "init_weights": _choice("bert", "mam_adapter", "houlsby"),
    "inv_adapter": Option("'nice' or None", lambda value: value in ("nice", None)),
    "inv_adapter_reduction_factor": COUNT,
    "phm_layer": SWITCH,
    "phm_dim": COUNT,
    "phm_rank": COUNT,
    "phm_bias": SWITCH,
    "phm_c_init": _choice("normal", "uniform"),
    "phm_init_range": POSITIVE,
    "hypercomplex_nonlinearity": _choice("phm", "glorot-normal", "glorot-uniform", "normal"),
    "factorized_phm_W": SWITCH,
    "shared_W_phm": SWITCH,
    "shared_phm_rule": SWITCH,
    "factorized_phm_rule": SWITCH,
}

PREFIX: dict[str, Option] = {
    "encoder_prefix": SWITCH,
    "cross_prefix": SWITCH,
    "leave_out": LAYERS,
    "flat": SWITCH,
    "prefix_length": COUNT,
    "bottleneck_size": COUNT,
    "non_linearity": ACTIVATION,
    "dropout": FRACTION,
    "use_gating": SWITCH,
    "shared_gating": SWITCH,
}

LORA: dict[str, Option] = {
    "selfattn_lora": SWITCH,
    "intermediate_lora": SWITCH,
    "output_lora": SWITCH,
    "leave_out": LAYERS,
    "r": COUNT,
    "alpha": POSITIVE,
    "dropout": FRACTION,
    "attn_matrices": Option(
        "a list of 'q', 'k' and 'v'",
        lambda value: _all(value, lambda each: each in ("q", "k", "v")),
    ),
    "init_weights": _choice("lora", "bert"),
    "use_gating": SWITCH,
}

# (IA)3 scales by a vector: it has neither rank nor dropout, and begins at 1.
SHORT_LORA = {
    key: each for key, each in LORA.items() if key not in ("r", "dropout", "init_weights")
}

# VeRA shares its random matrices among layers of one shape: those of attention.
VERA: dict[str, Option] = {
    "leave_out": LAYERS,
    "r": COUNT,
    "alpha": POSITIVE,
    "dropout": FRACTION,
    "attn_matrices": LORA["attn_matrices"],
    "use_gating": SWITCH,
    "vera_d": REAL,
    "vera_b": REAL,
}

PROMPT: dict[str, Option] = {
    "prompt_length": COUNT,
    "combine": _choice("prefix", "prefix_after_bos"),
}

REFT: dict[str, Option] = {
    "layers": Option(
        "'all' or a list of layer numbers, such as [0, 1]",
        lambda value: value == "all" or LAYERS.holds(value),
    ),
    "prefix_positions": POSITIONS,
    "suffix_positions": POSITIONS,
    "r": COUNT,
    "tied_weights": SWITCH,
    "dropout": FRACTION,
    "non_linearity": ACTIVATION,
}

TARGETS = Option(
    "a list of parts of layer names, such as ['attn']",
    lambda value: bool(value) and _all(value, lambda each: isinstance(each, str) and bool(each)),
)

NOT_TAKEN = {
    "learn_phm": "the library trains its rules whatever it says",
    "init_weights_seed": "the run's seed decides, and this one would give every layer the same "
    "weights",
    "dtype": "precision decides for the whole model",
}
