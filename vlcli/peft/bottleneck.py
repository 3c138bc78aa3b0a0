"""Bottleneck adapters (Houlsby et al. 2019): y = x + U gelu(W x), one for all tasks or one for
each, with projections that tasks may share.

D model width, r bottleneck width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from vlcli.peft.freezing import Tuned
from vlcli.peft.sites import Anatomy, Behind, Site, Switch
from vlcli.spec.groups.adapters import AdapterArgs

Sampler = Callable[[int, int], nn.Module]  # a projection between two widths


class Adapter(nn.Module):
    """The two projections of one task."""

    def __init__(self, down: nn.Module, up: nn.Module) -> None:
        super().__init__()
        self.down_sampler, self.up_sampler = down, up

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(..., D) -> what is added (..., D), and the activations (..., r)."""
        z = functional.gelu(self.down_sampler(x), approximate="tanh")
        return self.up_sampler(z), z


class Controller(Tuned):
    """The adapters of all tasks at one place; layer norms around them are shared."""

    def __init__(
        self,
        switch: Switch,
        adapters: dict[str, Adapter],
        width: int,
        args: AdapterArgs,
        method: str = "adapter",
    ) -> None:
        super().__init__()
        self.switch = switch
        self.method = method
        self.adapters = nn.ModuleDict(adapters)
        before, after = args.add_layer_norm_before_adapter, args.add_layer_norm_after_adapter
        self.pre_layer_norm = nn.LayerNorm(width) if before else None
        self.post_layer_norm = nn.LayerNorm(width) if after else None

    def forward(self, x: Tensor) -> Tensor:
        normed = x if self.pre_layer_norm is None else self.pre_layer_norm(x)
        added, z = self.adapters[self.switch.task](normed)
        self.switch.note(self, z)
        if self.post_layer_norm is not None:
            added = self.post_layer_norm(added)
        return x + added


def attach(
    anatomy: Anatomy,
    args: Any,
    switch: Switch,
    sampler: Sampler = nn.Linear,
    follow: Callable[[Sequence[Adapter]], None] | None = None,
    method: str = "adapter",
) -> None:
    """Put adapters behind attention and feed-forward layers.

    `sampler` makes a projection; `follow` is told the adapters of a place, first task first;
    `method` is what the kind of adapter is called.
    """
    for site in places(anatomy, args):
        adapters = _adapters(anatomy.width, args, switch.tasks, sampler)
        if follow is not None:
            follow(list(adapters.values()))
        controller = anatomy.begin(Controller(switch, adapters, anatomy.width, args, method))
        site.owner.add_module(site.name, controller)
        site.spot.register_forward_hook(Behind(controller))


def places(anatomy: Anatomy, args: AdapterArgs) -> list[Site]:
    """The sites that get an adapter."""
    cross = args.add_adapter_cross_attn
    return [site for site in anatomy.sites if cross or site.kind != "cross"]


def _adapters(
    width: int, args: AdapterArgs, tasks: Sequence[str], sampler: Sampler
) -> dict[str, Adapter]:
    narrow = width // args.reduction_factor
    first = Adapter(sampler(width, narrow), sampler(narrow, width))
    if args.use_single_adapter:
        return dict.fromkeys(tasks, first)
    adapters = {tasks[0]: first}
    for task in tasks[1:]:
        down = first.down_sampler if args.share_down_sampler else sampler(width, narrow)
        up = first.up_sampler if args.share_up_sampler else sampler(narrow, width)
        adapters[task] = Adapter(down, up)
    return adapters
