"""The configuration strings of the `adapters` library, read without importing it.

`name`, `name[option=value, ...]` and several of them joined by `|`; values are Python's literals.
The tables hold what the library's version does on T5 and BART, and on encoders, which have some
methods more; a test compares them with it. `peft:name[...]` means a method of `peft`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .entries import nearest
from .library_options import (
    BOTTLENECK,
    COUNT,
    FRACTION,
    LORA,
    NOT_TAKEN,
    POSITIVE,
    PREFIX,
    PROMPT,
    REFT,
    SHORT_LORA,
    TARGETS,
    VERA,
    Option,
)

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
    "prompt": {"prompt_length": 10, "combine": "prefix"},
    "reft": {
        "layers": "all",
        "prefix_positions": 3,
        "suffix_positions": 0,
        "r": 1,
        "tied_weights": False,
        "dropout": 0.05,
        "non_linearity": None,
    },
    "peft": {"targets": None},
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

_TOKEN_PLUS = {
    **{"original_ln_after": False, "original_ln_before": True, "residual_before_ln": False},
    **{"stochastic_depth": 0.1, "init_weights": "houlsby", "scaling": "channel"},
    **{"reduction_factor": 96, "non_linearity": "gelu"},
}

# What encoders have beside them: nothing is written there token by token.
OF_ENCODERS: dict[str, Known] = {
    "adapter_plus": Known("bottleneck", _TOKEN_PLUS, BOTTLENECK),
    "mtl_lora": Known("lora", {}, LORA),
    "prompt_tuning": Known("prompt", {}, PROMPT),
    "loreft": Known("reft", {}, REFT),
    "noreft": Known("reft", {}, REFT),
    "direft": Known("reft", {}, REFT),
}

# The methods of `peft`, which go into the layers of any encoder.
PEFT = "peft:"
_LOW_RANK = {"r": COUNT, "alpha": POSITIVE, "dropout": FRACTION, "targets": TARGETS}
OF_PEFT: dict[str, Known] = {
    "lora": Known("peft", {"r": 8, "alpha": 16, "dropout": 0.0}, _LOW_RANK),
    "dora": Known("peft", {"r": 8, "alpha": 16, "dropout": 0.0}, _LOW_RANK),
    "loha": Known("peft", {"r": 8, "alpha": 16, "dropout": 0.0}, _LOW_RANK),
    "ia3": Known("peft", {}, {"targets": TARGETS}),
    "vera": Known(
        "peft", {"r": 64, "dropout": 0.0}, {"r": COUNT, "dropout": FRACTION, "targets": TARGETS}
    ),
    "oft": Known("peft", {"r": 4}, {"r": COUNT, "targets": TARGETS}),
    "ln_tuning": Known("peft", {}, {"targets": TARGETS}),
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
UNSUPPORTED_IN_ENCODERS: dict[str, str] = {
    "dvora": "the library trains whole matrices for it; dora and peft:vera are its two halves",
}


class Catalogue(NamedTuple):
    """What a string may name: the methods of a library that one kind of model (`whose`) can have,
    the library's unions of them and other names, and what it has and they cannot have, with why.
    `entry` is what a message calls one of them."""

    names: Mapping[str, Known]
    unions: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]]
    aliases: Mapping[str, tuple[str, Mapping[str, Any]]]
    unsupported: Mapping[str, str]
    whose: str
    entry: str = "configuration of the adapters library"


SEQ2SEQ = Catalogue(NAMES, UNIONS, ALIASES, UNSUPPORTED, "T5 and BART")
ENCODERS = Catalogue(NAMES | OF_ENCODERS, UNIONS, ALIASES, UNSUPPORTED_IN_ENCODERS, "encoders")
INJECTED = Catalogue(OF_PEFT, {}, {}, {}, "encoders", "method of peft that is known here")


def read_for_encoder(text: str) -> Configuration:
    """What a configuration string means for an encoder of texts or pictures; its parts are of the
    family "peft" where they are that library's. VeRA is: the other one trains whole matrices."""
    text = text.strip()
    if re.match(r"vera\b", text):
        text = PEFT + text
    if not text.startswith(PEFT):
        return read(text, ENCODERS)
    found = read(text.removeprefix(PEFT), INJECTED)
    if len(found.parts) > 1:
        raise Unreadable(
            "adapter joins methods of peft by |, and here a tower has one of them.",
            f"Keep {PEFT}{found.parts[0].name}.",
        )
    return found


def read(text: str, there: Catalogue = SEQ2SEQ) -> Configuration:
    """What a configuration string means; Unreadable where it means nothing."""
    pieces: list[tuple[str, Mapping[str, Any]]] = []
    parts: list[Part] = []
    chunks = text.split("|")
    for chunk in chunks:
        asked, written = _name_and_options(chunk.strip(), there)
        name, preset = there.aliases.get(asked, (asked, {}))
        options = _options_of(name, there)
        given = {key: _settled(asked, key, value, options) for key, value in written.items()}
        pieces.append((name, {**preset, **given}))
        if name in there.unions and len(chunks) > 1:
            raise Unreadable(
                f"adapter joins {asked} with another by |, and it is a union already.",
                f"Take {asked} alone, or join its methods: "
                f"{' | '.join(each for each, _ in there.unions[name])}.",
            )
        for each, sets in there.unions.get(name, ((name, {}),)):
            known = there.names[each]
            settings = {**DEFAULTS.get(known.family, {}), **known.sets, **sets, **preset, **given}
            parts.append(Part(each, known.family, settings, tuple(given)))
    return Configuration(tuple(pieces), tuple(parts))


def _name_and_options(chunk: str, there: Catalogue) -> tuple[str, dict[str, Any]]:
    found = PATTERN.match(chunk)
    if found is None:
        raise Unreadable(
            f'adapter holds "{chunk}", which is not name or name[option=value, ...].',
            "Write it so, for example seq_bn[reduction_factor=8].",
        )
    name, options = found["name"].strip(), found["options"] or ""
    if name in there.unsupported:
        raise Unreadable(
            f"adapter asks for {name}, which {there.whose} cannot have: {there.unsupported[name]}.",
            "Take another method, for example seq_bn.",
        )
    known = [*there.names, *there.unions, *there.aliases]
    if name not in known:
        near = nearest(name, [*known, *there.unsupported])
        listed = ", ".join([*there.names, *there.unions])
        raise Unreadable(
            f'adapter names "{name}", which is no {there.entry}.',
            f"Did you mean {' or '.join(near)}?" if near else f"There are {listed}.",
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


def _options_of(name: str, there: Catalogue) -> Mapping[str, Option]:
    if name in there.names:
        return there.names[name].options
    tables = [there.names[each].options for each, _ in there.unions[name]]
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
