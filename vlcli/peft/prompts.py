"""Prompts: learned vectors in front of the encoder's text, or of what the decoder reads.

P vectors, D model width, B batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vlcli.peft.freezing import Tuned
from vlcli.peft.sites import Anatomy, Stack, Switch
from vlcli.spec.groups.prompts import PromptArgs


class InputPrompts(nn.Module):
    """P vectors (P, D), each through a small network that all of them share."""

    def __init__(self, length: int, width: int, hidden: int) -> None:
        super().__init__()
        self.prefix_embedding = network(length, width, hidden, width)

    def forward(self) -> Tensor:
        return vectors(self.prefix_embedding)


class Prompts(Tuned):
    """The prompts of all tasks."""

    def __init__(self, switch: Switch, length: int, width: int, args: PromptArgs) -> None:
        super().__init__()
        self.switch = switch
        shared = args.use_single_prompt
        tasks: Sequence[str] = switch.tasks[:1] if shared else switch.tasks
        made = {task: InputPrompts(length, width, args.mid_dim) for task in tasks}
        first = made[switch.tasks[0]]
        self.prompts = nn.ModuleDict({task: made.get(task, first) for task in switch.tasks})

    def forward(self, rows: int) -> Tensor:
        """(rows, P, D) for the task at work."""
        prompt: Tensor = self.prompts[self.switch.task]()
        return prompt.expand(rows, -1, -1)


def network(length: int, width: int, hidden: int, outside: int) -> nn.Sequential:
    """Embedding -> Linear -> Tanh -> Linear, as published."""
    return nn.Sequential(
        nn.Embedding(length, width),
        nn.Linear(width, hidden),
        nn.Tanh(),
        nn.Linear(hidden, outside),
    )


def vectors(made: nn.Sequential) -> Tensor:
    """All that such a network gives: (P, outside)."""
    table, *layers = made
    assert isinstance(table, nn.Embedding)
    given: Tensor = table.weight
    for layer in layers:
        given = layer(given)
    return given


def attach(anatomy: Anatomy, args: PromptArgs, switch: Switch, stack: Stack) -> Prompts:
    """Put the prompts of one stack into the model, under their published name."""
    inside = stack == "encoder"
    length = args.encoder_prompt_len if inside else args.decoder_prompt_len
    prompts = Prompts(switch, length, anatomy.width, args)
    anatomy.begin(prompts)
    owner = anatomy.encoder if inside else anatomy.root
    owner.add_module("prompt_modules", prompts)
    return prompts
