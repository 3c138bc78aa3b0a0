"""The machine of a run: device, arithmetic and processes; accelerate behind one small face."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.state import AcceleratorState  # type: ignore[import-untyped]
from accelerate.utils import (  # type: ignore[import-untyped]
    DistributedDataParallelKwargs,
    DistributedType,
)
from torch import Tensor, nn
from torch.optim import Optimizer

from vlcli.contracts import Architecture
from vlcli.runtime import distributed
from vlcli.runtime.deepspeed import deepspeed_plugin
from vlcli.runtime.device import choose_device, choose_precision, memory_in_use
from vlcli.runtime.shards import whole
from vlcli.spec.groups.compute import ComputeArgs
from vlcli.spec.groups.training import TrainingArgs
from vlcli.spec.problem import UserError


class Engine:
    """One device per process, in fp32 or automatic mixed precision; data parallel where a launcher
    started several processes, DeepSpeed where `deepspeed` names its file, and FSDP where
    `accelerate launch --use_fsdp --fsdp_version 2` asks for it.

    As a context it parts the processes in order when the run ends. `training` is needed for
    DeepSpeed only, which wants to know batch size, accumulation and clipping beforehand.
    """

    def __init__(self, compute: ComputeArgs, training: TrainingArgs | None = None) -> None:
        device = choose_device(compute.device)
        self.precision = choose_precision(compute, device)
        fsdp = _wants_fsdp()
        # One process may make several runs: accelerate keeps the first one's settings otherwise.
        AcceleratorState._reset_state(reset_partial_state=True)
        plugin = None
        if compute.deepspeed is not None and training is not None:
            plugin = deepspeed_plugin(compute.deepspeed, training, self.precision)
        self.accelerator = Accelerator(
            cpu=device == "cpu",
            mixed_precision="no" if self.precision == "fp32" else self.precision,
            deepspeed_plugin=plugin,
            # Another task's adapters get no gradient in a step, so DDP has to look for them.
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        self.device: torch.device = self.accelerator.device
        self.rank, self.world = distributed.rank(), distributed.world()
        kind = self.accelerator.distributed_type
        self.deepspeed = kind == DistributedType.DEEPSPEED
        self.sharded = kind == DistributedType.FSDP
        if fsdp and not self.sharded:
            raise UserError(
                "FSDP is asked for, and accelerate shards on several GPUs only: here each process "
                "would hold a whole copy. Launch without it (torchrun), or on GPUs.",
                exit_code=3,
            )

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            distributed.leave()

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    @property
    def memory(self) -> int:
        """Bytes in use on the device."""
        return memory_in_use(self.device)

    @property
    def scale(self) -> float | None:
        """fp16's loss scale; None in the other precisions."""
        scaler = self.accelerator.scaler
        return None if scaler is None else float(scaler.get_scale())

    def prepare(self, model: Architecture, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The wrapper whose forward is to be called, and the optimizer to step."""
        wrapped, stepped = self.accelerator.prepare(model, optimizer)
        if self.sharded:
            from torch.distributed.fsdp import register_fsdp_forward_method

            register_fsdp_forward_method(wrapped, "predict")
        return wrapped, stepped

    @contextmanager
    def micro_batch(self, model: nn.Module, last: bool) -> Iterator[None]:
        """Around forward and backward: gradients are exchanged in the last micro-batch only."""
        if self.deepspeed:
            self.accelerator.gradient_state._set_sync_gradients(last)
            yield
        elif last:
            yield
        else:
            with self.accelerator.no_sync(model):
                yield

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss that is already divided for the whole step."""
        if self.deepspeed:
            # DeepSpeed divides by its accumulation steps once more.
            loss = (
                loss
                * self.accelerator.deepspeed_engine_wrapped.engine.gradient_accumulation_steps()
            )
        self.accelerator.backward(loss)

    def clip(self, model: nn.Module, largest: float) -> Tensor:
        """The gradients' global norm; they are scaled down to `largest` where that is > 0."""
        if largest > 0 or self.sharded or self.deepspeed:
            limit = largest if largest > 0 else float("inf")
            norm = self.accelerator.clip_grad_norm_(model.parameters(), limit)
            norm = torch.as_tensor(0.0 if norm is None else norm, device=self.device)
            return whole(norm)
        self.accelerator.unscale_gradients()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        return torch.nn.utils.get_total_norm(gradients).to(self.device)

    @contextmanager
    def evaluating(self, *modules: nn.Module) -> Iterator[None]:
        """Around predictions: eval mode, no gradients, the run's precision; then as before."""
        before = [module.training for module in modules]
        for module in modules:
            module.eval()
        try:
            with torch.no_grad(), self.accelerator.autocast():
                yield
        finally:
            for module, training in zip(modules, before, strict=True):
                module.train(training)

    def weights(self, model: nn.Module, bare: Architecture) -> dict[str, Tensor]:
        """The whole state dict under the bare module's names; a call for all processes."""
        if self.deepspeed:
            return dict(self.accelerator.get_state_dict(model))
        return {name: whole(value) for name, value in bare.state_dict().items()}


def _wants_fsdp() -> bool:
    """Whether the launcher asks for FSDP; UserError for its first version."""
    wanted = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    if wanted and os.environ.get("FSDP_VERSION", "1") != "2":
        raise UserError(
            "FSDP is asked for in its first version, whose state cannot be kept without pickle. "
            "Launch with `accelerate launch --use_fsdp --fsdp_version 2`.",
            exit_code=3,
        )
    return wanted
