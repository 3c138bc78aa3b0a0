"""Where the layers of an encoder stand: its stages, its last one, and how deep each parameter
lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import nn

# What holds the stages or blocks of an encoder, and those whose last one is known by name.
RESNET = ("layer1", "layer2", "layer3", "layer4")  # children of the encoder itself
TRUNKS = (
    "transformer.resblocks",  # open_clip's transformers
    "encoder.layers",  # torchvision's
    *("encoder.layer", "encoder.stages", "vision_model.encoder.layers"),  # transformers'
    *("blocks", "stages", "layers", "features"),
)
BEHIND = ("proj", "text_projection")  # a whole model's own tensors that its layers do not precede
LEAST = 2  # weight matrices of a stage: a norm or a single convolution behind it is none


def last_stage(visual: nn.Module) -> str | None:
    """The name, in an encoder's own module, of its last stage or block; None where none is
    known."""
    modules = dict(visual.named_modules())
    if RESNET[-1] in modules:
        return RESNET[-1]
    for trunk in TRUNKS:
        children = list(modules[trunk].named_children()) if trunk in modules else []
        for least in (LEAST, 1):
            found = [name for name, child in children if _matrices(child) >= least]
            if found:
                return f"{trunk}.{found[-1]}"
    return None


def stages(visual: nn.Module) -> Iterator[str]:
    """The names of its stages or blocks, as far as they are known."""
    modules = dict(visual.named_modules())
    yield from (name for name in RESNET if name in modules)
    for trunk in TRUNKS:
        if trunk in modules:
            yield from (f"{trunk}.{name}" for name, _ in modules[trunk].named_children())


def _matrices(module: nn.Module) -> int:
    return sum(parameter.ndim > 1 for parameter in module.parameters())


class Levels(NamedTuple):
    """How far from its input each parameter of an encoder lies, by name: from 0, its stem, to
    `top`, whatever follows its last layer."""

    of: Mapping[str, int]
    top: int


def levels(model: nn.Module, words: bool = False) -> Levels | None:
    """The levels of an encoder (BEiT's, Bao et al. 2022): block k of L has k + 1 of L + 1. In
    ResNets the top is 7, stage k has k + 1 and the stem 1, as published. Of an encoder of texts
    (`words`) the embeddings have the top level, as published. None where no row of layers holds
    half of its parameters."""
    for path, module in model.named_modules():
        if all(hasattr(module, name) for name in RESNET):
            return _of_resnet(model, f"{path}." if path else "")
    rows = {path: _tensors(model.get_submodule(path)) for path in _rows(model)}
    row = max(rows, key=rows.__getitem__, default=None)
    if row is None or 2 * rows[row] < _tensors(model):
        return None
    layers = [name for name, child in model.get_submodule(row).named_children() if _tensors(child)]
    level = {f"{row}.{name}.": number for number, name in enumerate(layers, 1)}
    top = len(layers) + 1
    of = {}
    for name, _ in model.named_parameters():
        inside = name.startswith(f"{row}.")
        if inside:
            of[name] = next(level[each] for each in level if name.startswith(each))
        else:
            of[name] = 0 if not words and _precedes(model, name, row) else top
    return Levels(of, top)


def _of_resnet(model: nn.Module, at: str) -> Levels:
    first = list(model.get_submodule(at[:-1]).named_children())
    before = [name for name, _ in first][: [name for name, _ in first].index("layer1")]
    known = {f"{at}{name}.": 1 for name in before}
    known |= {f"{at}{name}.": number for number, name in enumerate(RESNET, 2)}
    top = len(RESNET) + 3
    of = {
        name: next((known[each] for each in known if name.startswith(each)), top)
        for name, _ in model.named_parameters()
    }
    return Levels(of, top)


def _rows(module: nn.Module, path: str = "") -> Iterator[str]:
    """The outermost rows of numbered modules."""
    for name, child in module.named_children():
        names = [each for each, _ in child.named_children()]
        row = isinstance(child, nn.ModuleList | nn.Sequential)
        if row and names and all(each[-1].isdigit() for each in names):
            yield path + name
        else:
            yield from _rows(child, f"{path}{name}.")


def _precedes(model: nn.Module, name: str, row: str) -> bool:
    """Whether a parameter is used before a row: tensors that stand beside it are, but projections,
    and modules in the order in which they were made."""
    mine, theirs = name.split("."), row.split(".")
    shared = 0
    while mine[shared] == theirs[shared]:
        shared += 1
    if len(mine) == shared + 1:
        return mine[shared] not in BEHIND
    holder = model.get_submodule(".".join(mine[:shared]))
    order = [each for each, _ in holder.named_children()]
    return order.index(mine[shared]) < order.index(theirs[shared])


def _tensors(module: nn.Module) -> int:
    return sum(1 for _ in module.parameters())
