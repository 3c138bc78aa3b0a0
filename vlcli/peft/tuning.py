"""Tuning methods put into a model, and what they do in every pass.

B batch, P vectors of a prompt or prefix, D model width.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from vlcli.peft import bottleneck, compacter, lora, lowrank, prefix, prompts
from vlcli.peft.hyperformer import Hyperformer
from vlcli.peft.library import LibraryAdapter
from vlcli.peft.prefix import AttentionPrefix, Pairs
from vlcli.peft.prompts import Prompts
from vlcli.peft.sites import Anatomy, Stack, Switch


class Tuning:
    """The methods that a spec switches on, attached to `model` without renaming a weight of it.

    The parameters are the model's; this holds what a pass needs beside them. `tasks` are the names
    that own parameters, where a method that is on keeps some for each task; `library` is what the
    adapters library has put into the stock model.
    """

    def __init__(
        self,
        model: nn.Module,
        anatomy: Anatomy,
        args: Any,
        tasks: tuple[str, ...],
        library: LibraryAdapter | None = None,
    ) -> None:
        self.library = library
        if library is not None:
            library.settle(anatomy.root, anatomy.encoder)
        self.switch = Switch(tasks, args.track_z)
        if args.use_adapter:
            bottleneck.attach(anatomy, args, self.switch)
        if args.use_compacter:
            compacter.attach(anatomy, args, self.switch, model)
        if args.use_lradapter:
            lowrank.attach(anatomy, args, self.switch)
        self.hyperformer = Hyperformer(anatomy, args, self.switch) if args.use_hyperformer else None
        if args.use_lora:
            lora.attach(anatomy, args, self.switch)
        self.prompts: dict[Stack, Prompts] = {}
        self.prefixes: dict[Stack, AttentionPrefix] = {}
        lengths: dict[Stack, int] = {
            "encoder": args.encoder_prompt_len,
            "decoder": args.decoder_prompt_len,
        }
        for stack in [stack for stack, length in lengths.items() if length]:
            if args.use_attn_prefix:
                self.prefixes[stack] = prefix.attach(anatomy, args, stack)
            else:
                self.prompts[stack] = prompts.attach(anatomy, args, self.switch, stack)
        adapters = args.use_adapter or args.use_compacter or args.use_lradapter
        self.by_task = bool(adapters or self.hyperformer or args.use_lora or self.prompts)

    def begin(self, task: str) -> None:
        """Before each pass: turn to the parameters of a task. UserError where it has none."""
        if self.by_task:
            self.switch.turn(task)
        self.switch.z.clear()
        if self.library is not None:
            self.library.begin()
        if self.hyperformer is not None:
            self.hyperformer.generate()

    def active(self, rows: int) -> AbstractContextManager[None]:
        """Around layers of the model that read so many rows."""
        return nullcontext() if self.library is None else self.library.active(rows)

    def z(self) -> Tensor:
        """The mean of bottleneck activations squared, over the adapters of the last pass."""
        return torch.stack(list(self.switch.z.values())).mean()

    def prompt(self, stack: Stack, rows: int) -> Tensor | None:
        """Vectors in front of what a stack reads, (rows, P, D)."""
        found = self.prompts.get(stack)
        return None if found is None else found(rows)

    def prefix(self, stack: Stack, rows: int) -> Pairs | None:
        """Keys and values in front of those of every self-attention of a stack."""
        found = self.prefixes.get(stack)
        return None if found is None else found(rows)
