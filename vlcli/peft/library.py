"""Tuning methods of the `adapters` library, put into a stock T5 or BART model that our own passes
run.

The library changes the classes of a stock model's layers, and its layers look things up in a
`ForwardContext`, which its own models make and ours make here. Names of parameters are the
library's; all tasks share the one adapter.

B batch, L text tokens, P vectors of a prefix, H heads, h head width, D model width.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vlcli.hush import hushed
from vlcli.spec.library import ADAPTER, Configuration, read, read_for_encoder
from vlcli.spec.problem import UserError

SHARED = ("prefix_tuning", "shared_parameters")  # what the library's model holds for all layers


def put_into(stock: Any, text: str, encoder: bool = False) -> Configuration:
    """Put an adapter into a stock model, whose own passes go through it from now on; what it is.
    An `encoder` has some methods more. UserError where the library cannot put it into this one."""
    import adapters  # type: ignore[import-untyped]  # seconds: only runs that ask for it pay

    warnings.filterwarnings("ignore", "`past_key_value` is deprecated", FutureWarning)
    asked = read_for_encoder(text) if encoder else read(text)
    with hushed("adapters"):
        try:
            adapters.init(stock, interface=_interface(stock.config.model_type))
            stock.add_adapter(ADAPTER, config=_config(asked), set_active=True)
            if asked.has("prompt"):
                _hide_padding()
        except (ValueError, AssertionError) as error:
            first = (str(error) or "its widths do not divide").splitlines()[0].rstrip(".")
            raise UserError(
                f"The adapters library cannot put {text} into a {stock.config.model_type}: "
                f"{first[:160]}. Choose another adapter, or one of peft, such as peft:lora.",
                exit_code=3,
            ) from error
    return asked


def _hide_padding() -> None:
    """Let prompts of the library not read what the mask hides: it extends a mask (B, 1, T, T) by
    rows of prompts that see everything, and this by rows that see what the texts see."""
    import sys

    from adapters.context import ForwardContext  # type: ignore[import-untyped]

    def extended(mask: Any, dim: int | list[int] = 3, prefix_value: int = 0) -> Any:
        many = getattr(ForwardContext.get_context(), "prompt_tokens_length", None)
        if mask is None or many is None:
            return mask
        for d in [dim] if isinstance(dim, int) else dim:
            row = mask.narrow(d, 0, 1)
            row = row if d == 2 else torch.full_like(row, prefix_value)
            mask = torch.cat([row.repeat_interleave(many, d), mask], dim=d)
        return mask

    for name, module in list(sys.modules.items()):
        if name.startswith("adapters.models.") and hasattr(module, "prefix_attention_mask"):
            vars(module)["prefix_attention_mask"] = extended


def _interface(kind: str) -> Any:
    """Where the layers of a model stand that the library does not know; None for the others."""
    if kind != "mpnet":
        return None
    from adapters import AdapterModelInterface

    return AdapterModelInterface(
        adapter_methods=["bottleneck", "lora", "reft", "invertible"],
        model_embeddings="embeddings",
        model_layers="encoder.layer",
        layer_self_attn="attention",
        layer_cross_attn=None,
        attn_q_proj="attn.q",
        attn_k_proj="attn.k",
        attn_v_proj="attn.v",
        attn_o_proj="attn.o",
        layer_intermediate_proj="intermediate.dense",
        layer_output_proj="output.dense",
        layer_pre_ffn="intermediate",
        layer_ln_1="attention.LayerNorm",
        layer_ln_2="output.LayerNorm",
    )


class LibraryAdapter:
    """The library's adapter in a model: made on a stock model, before that is taken apart.

    The parameters are the model's; this holds what a pass needs beside them.
    """

    def __init__(self, stock: Any, text: str) -> None:
        self.asked = put_into(stock, text)
        base = stock.base_model
        self.pool: Any = base.prefix_tuning
        self.shared: Any = base.shared_parameters
        self.embeddings: Any = base.encoder.invertible_adapters
        self.made: dict[str, Tensor] = {}
        for module in stock.modules():
            if isinstance(module._modules.get("pool"), type(self.pool)):
                module.__dict__["pool"] = module._modules.pop("pool")  # its owner is the root
        if self.asked.has("prefix") and stock.config.model_type == "bart":
            # torch's fused attention takes keys of a prefix for a decoder's own when it hides
            # what comes later.
            stock.set_attn_implementation("eager")
        norm = getattr(base.encoder, "layernorm_embedding", None)
        if norm is not None:
            norm._forward_hooks.clear()  # `embedded` does what the library's hook on BART's did

    def settle(self, root: nn.Module, encoder: nn.Module) -> None:
        """Give what is no layer's own to the model that holds the layers now, under the library's
        names."""
        for name, module in zip(SHARED, (self.pool, self.shared), strict=True):
            if any(True for _ in module.parameters()):
                root.add_module(name, module)
        if len(self.embeddings):
            encoder.add_module("invertible_adapters", self.embeddings)

    @property
    def encoder_keys(self) -> int:
        """P, the keys that a prefix puts in front of those of every encoder layer."""
        prefixes = [part.settings for part in self.asked.parts if part.family == "prefix"]
        return sum(each["prefix_length"] for each in prefixes if each["encoder_prefix"])

    def embedded(self, states: Tensor, text: int) -> Tensor:
        """States (B, S, D) with the first `text` of them through the invertible adapter, if any."""
        if ADAPTER not in self.embeddings:
            return states
        changed = self.embeddings[ADAPTER](states[:, :text])
        return torch.cat([changed, states[:, text:]], dim=1)

    def begin(self) -> None:
        """Before each pass: forget the prefixes of the text that was written last."""
        self.made.clear()

    @contextmanager
    def active(self, rows: int) -> Iterator[None]:
        """The library's context around layers that read so many rows."""
        from adapters.context import ForwardContext

        with ForwardContext(None) as context:
            context.adapters_parallelized = False
            context.shared_parameters = dict(self.shared.items())
            context.prefix_states = {ADAPTER: _Prefixes(self, rows)}
            yield


class _Prefixes:
    """What the library's layers ask for as prefix_states[adapter][place][layer].

    A prefix is made once for all rows, unless dropout gives each row its own, and once for a pass;
    while a text is written, that is all its steps.
    """

    def __init__(self, adapter: LibraryAdapter, rows: int) -> None:
        self.group = adapter.pool.prefix_tunings
        self.rows = rows
        self.made: dict[str, Tensor] = {} if torch.is_grad_enabled() else adapter.made

    def __getitem__(self, place: str) -> Tensor:
        """Keys and values of every layer at a place, (layers, 2, B, H, P, h)."""
        if place not in self.made:
            prefix: Any = self.group[ADAPTER][place]
            own = prefix.training and prefix.dropout.p > 0
            self.made[place] = torch.stack(tuple(prefix(self.rows if own else 1)))
        return self.made[place].expand(-1, -1, self.rows, -1, -1, -1)


def restart_magnitudes(model: nn.Module) -> None:
    """Take DoRA's magnitudes from the weights as they are now: after weights were loaded that came
    without an adapter."""
    for module in model.modules():
        loras: Any = getattr(module, "loras", ())
        if ADAPTER in loras and loras[ADAPTER].use_dora:
            weight: Any = module.weight
            with torch.no_grad():
                loras[ADAPTER].m.weight.copy_(weight.norm(dim=1, keepdim=True))


def _config(asked: Configuration) -> Any:
    from adapters import ConfigUnion
    from adapters.configuration.adapter_config import (  # type: ignore[import-untyped]
        ADAPTER_CONFIG_MAP,
        AdapterPlusConfig,
    )

    known = {**ADAPTER_CONFIG_MAP, "adapter_plus": AdapterPlusConfig()}
    configs = [known[name].replace(**options) for name, options in asked.pieces]
    return configs[0] if len(configs) == 1 else ConfigUnion(*configs)
