"""An adapter beside the output layer, which adds what it reads in the last state to the logits.

D model width, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from vlcli.peft.freezing import Tuned
from vlcli.spec.groups.adapters import AdapterArgs

REDUCTION = 16  # as published


class OutputAdapter(Tuned):
    """(..., D) -> (..., V), 0 at first."""

    method = "lm_head_adapter"

    def __init__(self, width: int, vocabulary: int, args: AdapterArgs) -> None:
        super().__init__()
        narrow = max(width // REDUCTION, 1)
        before, after = args.add_layer_norm_before_adapter, args.add_layer_norm_after_adapter
        self.pre_layer_norm = nn.LayerNorm(width) if before else None
        self.down_sampler = nn.Linear(width, narrow)
        self.up_sampler = nn.Linear(narrow, vocabulary)
        self.post_layer_norm = nn.LayerNorm(vocabulary) if after else None
        nn.init.zeros_(self.up_sampler.weight)
        nn.init.zeros_(self.up_sampler.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        normed = hidden if self.pre_layer_norm is None else self.pre_layer_norm(hidden)
        z = functional.gelu(self.down_sampler(normed), approximate="tanh")
        added: Tensor = self.up_sampler(z)
        return added if self.post_layer_norm is None else self.post_layer_norm(added)
