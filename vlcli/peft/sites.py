"""Where tuning methods attach, told by an architecture in words that all of them share.

B batch, S tokens, D model width, H heads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from torch import Tensor, nn

from vlcli.spec.problem import UserError

Stack = Literal["encoder", "decoder"]
Kind = Literal["ff", "self", "cross"]


class Site(NamedTuple):
    """A place of an adapter: behind `spot`, in front of the residual connection.

    `owner` is the layer that holds the adapter under `name`, as published.
    """

    stack: Stack
    layer: int
    kind: Kind
    owner: nn.Module
    name: str
    spot: nn.Module


class Projection(NamedTuple):
    """A linear layer `owner.name`; `target` is what the spec calls it (q, k, v, o or ff)."""

    owner: nn.Module
    name: str
    target: str


class Anatomy(NamedTuple):
    """A model's parts as tuning methods need them.

    `root` holds what both stacks share under published names (`model` for BART). `layers` and
    `heads` count those of a stack, `head_width` is that of a key. `start` gives new modules the
    first weights of the family; None leaves those they were built with.
    """

    width: int
    root: nn.Module
    encoder: nn.Module
    decoder: nn.Module
    sites: tuple[Site, ...]
    projections: tuple[Projection, ...]
    layers: Mapping[Stack, int]
    heads: int
    head_width: int
    one_place: bool  # z counts one adapter a layer: R37
    start: Callable[[nn.Module], Any] | None

    def stack(self, name: Stack) -> nn.Module:
        return self.encoder if name == "encoder" else self.decoder

    def begin(self, module: nn.Module) -> nn.Module:
        """A new module with its family's first weights."""
        if self.start is not None:
            for each in module.modules():
                self.start(each)
        return module


class Switch:
    """Which task's parameters work now; one for a model, read by every part of a method.

    `z` collects the mean square of bottleneck activations of one pass, by the place they are of.
    """

    def __init__(self, tasks: tuple[str, ...], track_z: bool = False) -> None:
        self.tasks = tasks
        self.task = tasks[0]
        self.track_z = track_z
        self.z: dict[Any, Tensor] = {}

    def turn(self, task: str) -> None:
        """To the parameters of `task`; UserError where it has none."""
        if task not in self.tasks:
            known = ", ".join(self.tasks)
            raise UserError(
                f'A batch of the task "{task}" has no parameters in this model, which has those of '
                f"{known}. Add it to tasks."
            )
        self.task = task

    def note(self, place: Any, z: Tensor) -> None:
        if self.track_z:
            self.z[place] = z.square().mean()


class Behind:
    """A forward hook that sends a module's output, or the first of its outputs, through `part`."""

    def __init__(self, part: Callable[[Tensor], Tensor]) -> None:
        self.part = part

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (self.part(output[0]), *output[1:])
        return self.part(output)


def insert(owner: nn.Module, name: str, module: nn.Module, place: int) -> None:
    """Add a module as number `place` of its owner's: parameters are listed in published order."""
    rest = list(owner._modules.items())[place:]
    for other, _ in rest:
        del owner._modules[other]
    owner.add_module(name, module)
    for other, each in rest:
        owner._modules[other] = each
