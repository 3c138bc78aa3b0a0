"""Hyperformer (Karimi Mahabadi et al. 2021): adapters whose weights small networks generate from
embeddings of task, layer and, where one network serves all, kind of place.

D model width, r bottleneck width, l layers of a stack, p projected_task_embedding_dim.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlcli.peft.bottleneck import places
from vlcli.peft.freezing import Tuned
from vlcli.peft.sites import Anatomy, Behind, Kind, Site, Stack, Switch, insert

TASK_WIDTH = 512  # of task, layer and kind embeddings, as published
HIDDEN = 128  # of the network that mixes them
PROJECTED = 64  # what projected_task_embedding_dim: -1 means

KINDS: dict[Kind, str] = {
    "ff": "feed_forward",
    "self": "self_attention",
    "cross": "cross_attention",
}  # in the order of the kind embedding


class Weights(NamedTuple):
    """The generated adapter of one place: down (r, D), (r); up (D, r), (D); norms of width D."""

    down: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]
    before: tuple[Tensor, Tensor] | None
    after: tuple[Tensor, Tensor] | None


class TaskEmbeddings(Tuned):
    """A vector for each task, shared by both stacks."""

    method = "hyperformer"

    def __init__(self, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self.task_to_embeddings = nn.ParameterDict()
        for task in tasks:
            self.task_to_embeddings[task] = nn.Parameter(torch.empty(TASK_WIDTH).normal_())


class Mixer(nn.Module):
    """Embeddings side by side -> (..., p)."""

    def __init__(self, inside: int, projected: int) -> None:
        super().__init__()
        self.task_embeding_generator = nn.Sequential(  # spelt as published: names are kept
            _small(inside, HIDDEN), nn.ReLU(), _small(HIDDEN, projected)
        )

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.task_embeding_generator(x)
        return mixed


class SamplerNet(nn.Module):
    """(l, p) -> the weights (l, outside, inside) and biases (l, outside) of a projection."""

    def __init__(self, projected: int, inside: int, outside: int) -> None:
        super().__init__()
        self.size = (outside, inside)
        self.weight_generator = nn.Sequential(_small(projected, inside * outside))
        self.bias_generator = nn.Sequential(_small(projected, outside))

    def forward(self, h: Tensor) -> list[tuple[Tensor, Tensor]]:
        weights = self.weight_generator(h).unflatten(-1, self.size)
        return list(zip(weights.unbind(), self.bias_generator(h).unbind(), strict=True))


class NormNet(nn.Module):
    """(l, p) -> scales and shifts (l, D) of a layer norm."""

    def __init__(self, projected: int, width: int) -> None:
        super().__init__()
        self.weight_generator = _small(projected, width)
        self.bias_generator = _small(projected, width)

    def forward(self, h: Tensor) -> list[tuple[Tensor, Tensor]]:
        scales, shifts = self.weight_generator(h), self.bias_generator(h)
        return list(zip(scales.unbind(), shifts.unbind(), strict=True))


class HyperNet(Tuned):
    """The generators of one stack; `forward` gives the adapters of all its places at once."""

    method = "hyperformer"

    def __init__(self, anatomy: Anatomy, args: Any, stack: Stack) -> None:
        super().__init__()
        width, narrow = anatomy.width, anatomy.width // args.reduction_factor
        p = args.projected_task_embedding_dim
        p = PROJECTED if p == -1 else p
        self.efficient = args.efficient_unique_hyper_net
        self.norms = (args.add_layer_norm_before_adapter, args.add_layer_norm_after_adapter)
        self.kinds: list[Kind] = ["ff", "self"] if stack == "encoder" else ["ff", "self", "cross"]
        self.layer_id_embeddings = nn.Embedding(anatomy.layers[stack], TASK_WIDTH)
        if self.efficient:
            self.adapters_block_type = nn.Embedding(len(KINDS), TASK_WIDTH)
        self.task_hypernet = Mixer((3 if self.efficient else 2) * TASK_WIDTH, p)
        self.LayerNorm = nn.LayerNorm(p, eps=1e-6)
        # Published: norms of a stack without cross-attention get generators for it all the same.
        normed = [""] if self.efficient else [f"{name}_" for name in KINDS.values()]
        sampled = [""] if self.efficient else [f"{KINDS[kind]}_" for kind in self.kinds]
        for kind in sampled:
            self.add_module(f"{kind}up_sampler_hyper_net", SamplerNet(p, narrow, width))
            self.add_module(f"{kind}down_sampler_hyper_net", SamplerNet(p, width, narrow))
        for on, where in zip(self.norms, ("pre", "post"), strict=True):
            for kind in normed if on else []:
                self.add_module(f"{kind}{where}_layernorm_hypernet", NormNet(p, width))

    def forward(self, task: Tensor) -> dict[tuple[Kind, int], Weights]:
        """The adapters of a task, given its embedding (TASK_WIDTH), by kind and layer."""
        made = {}
        layers = self.layer_id_embeddings.weight
        for number, kind in enumerate(KINDS):
            if kind not in self.kinds:
                continue
            parts = [task.expand(len(layers), -1), layers]
            if self.efficient:
                parts.append(self.adapters_block_type.weight[number].expand(len(layers), -1))
            h = self.LayerNorm(self.task_hypernet(torch.cat(parts, dim=-1)))
            name = "" if self.efficient else f"{KINDS[kind]}_"
            down = self.get_submodule(f"{name}down_sampler_hyper_net")(h)
            up = self.get_submodule(f"{name}up_sampler_hyper_net")(h)
            before, after = (
                self.get_submodule(f"{name}{where}_layernorm_hypernet")(h) if on else None
                for on, where in zip(self.norms, ("pre", "post"), strict=True)
            )
            for layer in range(len(layers)):
                made[kind, layer] = Weights(
                    down[layer],
                    up[layer],
                    before[layer] if before else None,
                    after[layer] if after else None,
                )
        return made


class Generated:
    """The adapter of one place, with the weights that were generated for the task at work."""

    def __init__(self, methods: Hyperformer, site: Site, place: Any) -> None:
        self.methods, self.stack = methods, site.stack
        self.kind, self.layer, self.place = site.kind, site.layer, place

    def __call__(self, x: Tensor) -> Tensor:
        made = self.methods.made[self.stack][self.kind, self.layer]
        normed = x if made.before is None else functional.layer_norm(x, x.shape[-1:], *made.before)
        z = functional.gelu(functional.linear(normed, *made.down), approximate="tanh")
        self.methods.switch.note(self.place, z)
        added = functional.linear(z, *made.up)
        if made.after is not None:
            added = functional.layer_norm(added, x.shape[-1:], *made.after)
        return x + added


class Hyperformer:
    """Both stacks' generators, and what they made for the pass at work."""

    def __init__(self, anatomy: Anatomy, args: Any, switch: Switch) -> None:
        self.switch = switch
        self.tasks = TaskEmbeddings(switch.tasks)
        self.nets: dict[Stack, HyperNet] = {}
        self.made: dict[Stack, dict[tuple[Kind, int], Weights]] = {}
        for stack in ("encoder", "decoder"):
            net = HyperNet(anatomy, args, stack)
            anatomy.begin(net)
            self.nets[stack] = net
            insert(anatomy.stack(stack), "task_embed", self.tasks, 0)
            insert(anatomy.stack(stack), "adapter_layers_hyper_net", net, 1)
        insert(anatomy.root, "shared_task_embed", self.tasks, 1)
        for site in places(anatomy, args):
            place = (site.stack, site.layer, "" if anatomy.one_place else site.kind)
            site.spot.register_forward_hook(Behind(Generated(self, site, place)))

    def generate(self) -> None:
        """Make the adapters of the task at work, for one pass through both stacks."""
        task = self.tasks.task_to_embeddings[self.switch.task]
        self.made = {stack: net(task) for stack, net in self.nets.items()}


def _small(inside: int, outside: int) -> nn.Linear:
    made = nn.Linear(inside, outside)
    nn.init.normal_(made.weight, std=0.01)
    nn.init.zeros_(made.bias)
    return made
