"""Which parameters train: the published order of freezing and unfreezing, as a pure function.

First everything is frozen; then each rule that a spec switches on adds the parameters it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torch import nn

from vlcli.contracts import Architecture
from vlcli.spec.groups.freezing import FreezingArgs
from vlcli.spec.library import ADAPTER

SHARED = f"shared_parameters.{ADAPTER}"
Owners = tuple[type[nn.Module], ...]
Rule = Callable[[str, Owners], bool]


class Tuned(nn.Module):
    """Base of what a tuning method (`method`, named as in spec/methods.py) puts into a model:
    everything inside trains."""

    method = ""


def owners(model: nn.Module) -> dict[str, Owners]:
    """Every parameter's name (a shared one has its first) with the types of the modules that hold
    it, from the model down to the one it belongs to; those under its other names come before."""
    kinds = {name: type(module) for name, module in model.named_modules(remove_duplicate=False)}

    def path(name: str) -> Owners:
        steps = name.split(".")[:-1]
        return tuple(kinds[".".join(steps[:n])] for n in range(len(steps) + 1))

    first: dict[int, str] = {}
    found: dict[str, Owners] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        kept = first.setdefault(id(parameter), name)
        found[kept] = path(name) if kept == name else path(name) + found[kept]
    return found


def methods_own(model: nn.Module) -> set[str]:
    """The names in the state dict, aliases and buffers too, of what tuning methods put in."""
    modules = model.named_modules(remove_duplicate=False)
    inside = tuple(f"{name}." for name, module in modules if isinstance(module, Tuned))
    held = model.state_dict(keep_vars=True)
    named = {name for name in held if ".lora_" in name or in_adapter(name)}
    own = {id(value) for name, value in held.items() if name.startswith(inside) or name in named}
    return {name for name, value in held.items() if id(value) in own}


def trainable(
    parameters: Mapping[str, Owners],
    args: FreezingArgs,
    methods: Iterable[str] = (),
    last_stage: str = "",
) -> set[str]:
    """The names of the parameters that train, out of names with the types that own them.

    `methods` are the names (spec/methods.py) of the tuning methods that are on, `last_stage` begins
    the names of the image tower's last stage.
    """
    rules = list(_rules(args, frozenset(methods), last_stage))
    return {name for name, types in parameters.items() if any(rule(name, types) for rule in rules)}


def freeze(model: nn.Module, args: FreezingArgs, methods: Iterable[str] = ()) -> set[str]:
    """Sets `requires_grad` of every parameter and returns the names of those that train."""
    last_stage = model.last_stage if isinstance(model, Architecture) else ""
    names = trainable(owners(model), args, methods, last_stage)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names)
    return names


def _rules(args: FreezingArgs, methods: frozenset[str], last_stage: str) -> Iterable[Rule]:
    yield _visual_embedding
    yield _answer_head
    if args.unfreeze_language_model:
        yield _language_model
    if args.unfreeze_lm_head:
        yield _word_embeddings
    if "lora" in methods:
        yield _lora_or_bias
    if "library" in methods:
        yield lambda name, types: of_library(name)
    if args.unfreeze_vis_encoder:
        yield _image_tower
    if args.unfreeze_vis_last_layer and last_stage:
        yield lambda name, types: name.startswith(last_stage)
    if args.unfreeze_layer_norms:
        yield _other_layer_norm if args.legacy_t5_norms else _layer_norm
    if args.unfreeze_batch_norms:
        yield _batch_norm
    yield _tuned


def _visual_embedding(name: str, types: Owners) -> bool:
    """Box numbers are rows of the word embedding, named `shared.weight`: they stay as they are."""
    return "visual_embedding" in name


def _answer_head(name: str, types: Owners) -> bool:
    """The published code leaves a fresh classifier head frozen; ours learns."""
    return name.startswith("answer_head.")


def _word_embeddings(name: str, types: Owners) -> bool:
    return ("lm_head" in name or "shared" in name) and not _image_tower(name, types)


def _language_model(name: str, types: Owners) -> bool:
    inside = name.removeprefix("model.").startswith(("encoder.", "decoder."))
    return inside or _word_embeddings(name, types)


def _lora_or_bias(name: str, types: Owners) -> bool:
    return "lora" in name or "bias" in name


def of_library(name: str) -> bool:
    """What an adapter of the library trains. VeRA's two random matrices, which all its layers
    share, stay as they are drawn."""
    return in_adapter(name) and not name.endswith((f"{SHARED}.lora_A", f"{SHARED}.lora_B"))


def in_adapter(name: str) -> bool:
    """Whether a parameter belongs to an adapter of a library."""
    return f".{ADAPTER}." in f"{name}."


def _image_tower(name: str, types: Owners) -> bool:
    return name.startswith("vis_encoder.")


def _layer_norm(name: str, types: Owners) -> bool:
    """T5's norms too: the published code looked for another class of that name and trained none."""
    kinds = {kind.__name__ for kind in types[-1].__mro__}
    return not kinds.isdisjoint(("LayerNorm", "RMSNorm", "T5LayerNorm"))


def _other_layer_norm(name: str, types: Owners) -> bool:
    """What the published code finds on T5: the norms that torch itself calls so."""
    return issubclass(types[-1], nn.LayerNorm)


def _batch_norm(name: str, types: Owners) -> bool:
    return issubclass(types[-1], nn.BatchNorm2d)


def _tuned(name: str, types: Owners) -> bool:
    return any(issubclass(each, Tuned) for each in types)
