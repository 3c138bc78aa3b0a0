"""The configuration strings of the `adapters` library, read without importing it.

`name`, `name[option=value, ...]` and several of them joined by `|`; values are Python's literals.
The tables hold what the library's version does on T5 and BART; a test compares them with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .entries import nearest
from .library_options import BOTTLENECK, LORA, NOT_TAKEN, PREFIX, SHORT_LORA, VERA, Option

ADAPTER = "vlcli"  # the adapter's name inside the library, and so a part of its parameters' names
PATTERN = re.compile(r"^(?P<name>[^\[\]|\n]+?)\s*(?:\[(?P<options>.*)\])?$", re.DOTALL)


class Known(NamedTuple):
    """A name of the library: its family, what it sets, and the options that may stand behind it."""

    family: str
    sets: Mapping[str, Any]
    options: Mapping[str, Option]


class Part(NamedTuple):
    """One method out of a configuration; `settings` are all its options, `written` those asked."""

    name: str
    family: str
    settings: Mapping[str, Any]
    written: tuple[str, ...]


class Configuration(NamedTuple):
    """What a string means: `pieces` are the library's own names, each with the options that are
    asked of it, `parts` the methods they are made of."""

    pieces: tuple[tuple[str, Mapping[str, Any]], ...]
    parts: tuple[Part, ...]

    def has(self, family: str) -> bool:
        return any(part.family == family for part in self.parts)


class Unreadable(ValueError):
    """A string that is no configuration: one sentence, and what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


DEFAULTS: dict[str, dict[str, Any]] = {
    "bottleneck": {
        "mh_adapter": False,
        "output_adapter": True,
        "cross_adapter": False,
        "reduction_factor": 16,
        "non_linearity": "relu",
        "original_ln_before": False,
        "original_ln_after": True,
        "ln_before": False,
        "ln_after": False,
        "residual_before_ln": True,
        "adapter_residual_before_ln": False,
        "is_parallel": False,
        "scaling": 1.0,
        "use_gating": False,
        "dropout": 0.0,
        "stochastic_depth": 0.0,
        "leave_out": [],
        "init_weights": "bert",
        "inv_adapter": None,
        "inv_adapter_reduction_factor": None,
        "phm_layer": False,
        "phm_dim": 4,
        "phm_rank": 1,
        "phm_bias": True,
        "phm_c_init": "normal",
        "phm_init_range": 0.0001,
        "hypercomplex_nonlinearity": "glorot-uniform",
        "factorized_phm_W": True,
        "shared_W_phm": False,
        "shared_phm_rule": True,
        "factorized_phm_rule": False,
    },
    "prefix": {
        "encoder_prefix": True,
        "cross_prefix": True,
        "leave_out": [],
        "flat": False,
        "prefix_length": 30,
        "bottleneck_size": 512,
        "non_linearity": "tanh",
        "dropout": 0.0,
        "use_gating": False,
        "shared_gating": True,
    },
    "lora": {
        "selfattn_lora": True,
        "intermediate_lora": False,
        "output_lora": False,
        "leave_out": [],
        "r": 8,
        "alpha": 8,
        "dropout": 0.0,
        "attn_matrices": ["q", "v"],
        "composition_mode": "add",
        "init_weights": "lora",
        "use_gating": False,
        "use_dora": False,
        "vera_d": None,
        "vera_b": None,
    },
}

_SEQ = {"original_ln_before": True}
_DOUBLE = {"mh_adapter": True, "non_linearity": "swish"}
_PARALLEL = {
    "reduction_factor": 2,
    "init_weights": "mam_adapter",
    "is_parallel": True,
    "scaling": 4.0,
}
_NICE = {"inv_adapter": "nice", "inv_adapter_reduction_factor": 2}
_PHM = {"phm_layer": True, "reduction_factor": 32, "non_linearity": "gelu"}
_VERA = {"vera_d": 0.1, "vera_b": 0.0, "init_weights": "vera"}
_IA3 = {
    "r": 1,
    "alpha": 1,
    "intermediate_lora": True,
    "attn_matrices": ["k", "v"],
    "composition_mode": "scale",
    "init_weights": "ia3",
}

NAMES: dict[str, Known] = {
    "seq_bn": Known("bottleneck", _SEQ, BOTTLENECK),
    "double_seq_bn": Known("bottleneck", _DOUBLE, BOTTLENECK),
    "par_bn": Known("bottleneck", _PARALLEL, BOTTLENECK),
    "scaled_par_bn": Known("bottleneck", {**_PARALLEL, "scaling": "learned"}, BOTTLENECK),
    "seq_bn_inv": Known("bottleneck", {**_SEQ, **_NICE}, BOTTLENECK),
    "double_seq_bn_inv": Known("bottleneck", {**_DOUBLE, **_NICE}, BOTTLENECK),
    "compacter": Known("bottleneck", {**_DOUBLE, **_PHM}, BOTTLENECK),
    "compacter++": Known("bottleneck", {**_SEQ, **_PHM}, BOTTLENECK),
    "prefix_tuning": Known("prefix", {}, PREFIX),
    "prefix_tuning_flat": Known("prefix", {"flat": True}, PREFIX),
    "lora": Known("lora", {}, LORA),
    "dora": Known("lora", {"use_dora": True}, LORA),
    "ia3": Known("lora", _IA3, SHORT_LORA),
    "vera": Known("lora", _VERA, VERA),
    "dvora": Known("lora", {**_VERA, "use_dora": True}, VERA),
}

# Names that are several methods in one: an option goes to each of them.
UNIONS: dict[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "mam": (("prefix_tuning", {"bottleneck_size": 800}), ("par_bn", {})),
    "unipelt": (
        ("prefix_tuning", {"prefix_length": 10, "use_gating": True}),
        ("seq_bn", {"use_gating": True}),
        ("lora", {"alpha": 2, "use_gating": True}),
    ),
}

# Other names of the same: the library's older ones, and those of the published alignment code.
ALIASES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "pfeiffer": ("seq_bn", {}),
    "houlsby": ("double_seq_bn", {}),
    "parallel": ("par_bn", {}),
    "scaled_parallel": ("scaled_par_bn", {}),
    "pfeiffer+inv": ("seq_bn_inv", {}),
    "houlsby+inv": ("double_seq_bn_inv", {}),
    "bottleneck_adapter": ("double_seq_bn", {"non_linearity": "relu"}),
    "lang_adapter": ("seq_bn_inv", {}),
    "dummy": ("compacter", {}),
    "lora_adapter": ("lora", {"r": 8, "alpha": 16}),
    "ia3_adapter": ("ia3", {}),
    "mam_adapter": ("mam", {}),
}

_REFT = (
    "it changes the states at fixed places of a text, and a decoder that writes token by token has "
    "no such places: the library stops with an IndexError"
)
UNSUPPORTED: dict[str, str] = {
    "prompt_tuning": "the library has no prompt tuning for them; encoder_prompt_len has",
    "mtl_lora": "it needs an adapter for each task, and all tasks share this one",
    "loreft": _REFT,
    "noreft": _REFT,
    "direft": _REFT,
}


def read(text: str) -> Configuration:
    """What a configuration string means; Unreadable where it means nothing."""
    pieces: list[tuple[str, Mapping[str, Any]]] = []
    parts: list[Part] = []
    chunks = text.split("|")
    for chunk in chunks:
        asked, written = _name_and_options(chunk.strip())
        name, preset = ALIASES.get(asked, (asked, {}))
        options = _options_of(name)
        given = {key: _settled(asked, key, value, options) for key, value in written.items()}
        pieces.append((name, {**preset, **given}))
        if name in UNIONS and len(chunks) > 1:
            raise Unreadable(
                f"adapter joins {asked} with another by |, and it is a union already.",
                f"Take {asked} alone, or join its methods: "
                f"{' | '.join(each for each, _ in UNIONS[name])}.",
            )
        for each, sets in UNIONS.get(name, ((name, {}),)):
            known = NAMES[each]
            settings = {**DEFAULTS[known.family], **known.sets, **sets, **preset, **given}
            parts.append(Part(each, known.family, settings, tuple(given)))
    return Configuration(tuple(pieces), tuple(parts))


def _name_and_options(chunk: str) -> tuple[str, dict[str, Any]]:
    found = PATTERN.match(chunk)
    if found is None:
        raise Unreadable(
            f'adapter holds "{chunk}", which is not name or name[option=value, ...].',
            "Write it so, for example seq_bn[reduction_factor=8].",
        )
    name, options = found["name"].strip(), found["options"] or ""
    if name in UNSUPPORTED:
        raise Unreadable(
            f"adapter asks for {name}, which T5 and BART cannot have: {UNSUPPORTED[name]}.",
            "Take another method, for example seq_bn.",
        )
    if name not in {*NAMES, *UNIONS, *ALIASES}:
        near = nearest(name, [*NAMES, *UNIONS, *ALIASES, *UNSUPPORTED])
        raise Unreadable(
            f'adapter names "{name}", which is no configuration of the adapters library.',
            f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(names())}.",
        )
    try:
        return name, ast.literal_eval("{" + re.sub(r"(\w+)\s*=", r"'\1':", options) + "}")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise Unreadable(
            f'adapter gives {name} options that cannot be read: "{options}".',
            "Write option=value with values as in Python: 8, 0.5, True, 'gelu', ['q', 'v'].",
        ) from None


def names() -> list[str]:
    """The names of methods, without other names of the same."""
    return [*NAMES, *UNIONS]


def _options_of(name: str) -> Mapping[str, Option]:
    if name in NAMES:
        return NAMES[name].options
    tables = [NAMES[each].options for each, _ in UNIONS[name]]
    return {key: each for key, each in tables[0].items() if all(key in table for table in tables)}


def _settled(name: str, key: Any, value: Any, options: Mapping[str, Option]) -> Any:
    if key in NOT_TAKEN:
        raise Unreadable(
            f"adapter sets {key} of {name}, which has no place here: {NOT_TAKEN[key]}.",
            f"Remove {key}.",
        )
    if key not in options:
        near = nearest(str(key), options)
        raise Unreadable(
            f"adapter gives {name} the option {key}, which it does not take here.",
            f"Did you mean {' or '.join(near)}?" if near else f"It takes {', '.join(options)}.",
        )
    option = options[key]
    if not option.holds(value):
        raise Unreadable(
            f"adapter sets {key} of {name} to {value!r}.", f"{key} takes {option.takes}."
        )
    return float(value) if option.real and type(value) is int else value
