"""What tuning methods cost: the step time and peak memory of each, beside full fine-tuning of the
plain transformers model, the `adapters` library's own methods, and LoRA of the `peft` library.

    python tests/benchmarks/bench_methods.py [--rounds 3] [--steps 3] [--threads 2] [--batch 16]

T5-base cut to 4 + 4 layers, float32, dropout 0.1; the batches of `bench_model.py`: texts of 8 to 20
tokens, 36 visual tokens of width 2048, targets of 1 to 10, all padded alike. Every measurement is a
process of its own that takes a few steps (forward, backward, AdamW); the rounds go through all
variants in turn, and a ratio is the median over the rounds of the variant's median step by that of
`plain` in the same round. Memory is the process's largest resident size less that with model and
batch in place.
`peft` is no dependency of vlcli:
its row is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import psutil
import torch
from bench_model import VOCABULARY, WIDTH, batches
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration

REDUCTION, RANK, PROMPT = 8, 128, 40
ADAPTER = {"use_adapter": True, "use_single_adapter": True, "reduction_factor": REDUCTION}
OURS: dict[str, dict[str, Any]] = {
    "full": {"unfreeze_language_model": True},
    "adapter": ADAPTER,
    "compacter": {
        "use_compacter": True,
        "use_single_adapter": True,
        "reduction_factor": REDUCTION,
        "hypercomplex_division": 2,
        "shared_phm_rule": False,
        "factorized_phm": False,
    },
    "low-rank": {"use_lradapter": True, "use_single_adapter": True, "reduction_factor": REDUCTION},
    "hyperformer": {
        "use_hyperformer": True,
        "unique_hyper_net": True,
        "projected_task_embedding_dim": 8,
        "reduction_factor": REDUCTION,
    },
    "lora": {"use_lora": True, "use_single_lora": True, "lora_dim": RANK},
    "prompt": {"encoder_prompt_len": PROMPT, "mid_dim": 800},
    "prefix": {"use_attn_prefix": True, "encoder_prompt_len": PROMPT, "mid_dim": 800},
}
LIBRARIES = {
    "adapters double_seq_bn": f"double_seq_bn[reduction_factor={REDUCTION}]",
    "adapters compacter++": f"compacter[reduction_factor={REDUCTION}]",
    "adapters lora": f"lora[r={RANK},alpha=32]",
}
VARIANTS = ["plain", *OURS, *LIBRARIES, "peft lora"]


def config() -> T5Config:
    return T5Config(
        vocab_size=VOCABULARY,
        d_model=768,
        d_kv=64,
        d_ff=3072,
        num_layers=4,
        num_heads=12,
        dropout_rate=0.1,
        decoder_start_token_id=0,
    )


class Plain(nn.Module):
    """The stock model behind a linear layer for visual features, handed both as one sequence."""

    def __init__(self, stock: nn.Module) -> None:
        super().__init__()
        self.stock, self.seen = stock, nn.Linear(WIDTH, 768)

    def forward(self, batch: Any) -> Any:
        base: Any = self.stock
        words = base.get_input_embeddings()(batch.input_ids)
        seen = self.seen(batch.visual.features)
        mask = torch.cat([batch.input_ids != 0, torch.ones(seen.shape[:2], dtype=bool)], dim=1)
        states = torch.cat([words, seen], dim=1)
        return base(inputs_embeds=states, attention_mask=mask.long(), labels=batch.labels).loss


def plain(variant: str) -> nn.Module:
    """A library's way, on the stock model."""
    stock: Any = T5ForConditionalGeneration(config())
    if variant in LIBRARIES:
        import adapters

        adapters.init(stock)
        stock.add_adapter("one", config=LIBRARIES[variant])
        stock.train_adapter("one")
    if variant == "peft lora":
        import peft

        targets = ["q", "v"]
        chosen = peft.LoraConfig(r=RANK, lora_alpha=32, lora_dropout=0.1, target_modules=targets)
        stock = peft.get_peft_model(stock, chosen)
    return Plain(stock)


def step_of(variant: str, size: int) -> tuple[nn.Module, Callable[[], Any]]:
    """The model of a variant, and the loss of a batch of `size`."""
    torch.manual_seed(0)
    batch = next(batches(size, 1, False))
    if variant not in OURS:
        model = plain(variant).train()
        return model, lambda: model(batch)

    from vlcli.archs.vlt5.spec import VLSpec
    from vlcli.archs.vlt5.t5 import VLT5
    from vlcli.peft.freezing import freeze

    spec = VLSpec(task="vqa", tasks=("vqa",), **OURS[variant])
    stock = T5ForConditionalGeneration(config())
    ours = VLT5(stock, spec, WIDTH, tuning=spec, tasks=spec.tasks)
    freeze(ours, spec, ["lora"] if spec.use_lora else [])
    ours.train()

    def loss() -> Any:
        found = ours(batch)
        return found.sum / found.count

    return ours, loss


def measure(variant: str, size: int, steps: int, threads: int) -> dict[str, float]:
    """In this process: seconds of the median step, MiB beside model and batch, what trains."""
    torch.set_num_threads(threads)
    model, loss = step_of(variant, size)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, 1e-4)
    before = psutil.Process().memory_info().rss / 2**20
    seconds = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    moments = sum(
        value.numel() * value.element_size()
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )
    return {
        "seconds": statistics.median(seconds[1:]),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 - before,
        "optimizer": moments / 2**20,
        "trained": sum(p.numel() for p in trained),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--only", help="one variant, measured here, as JSON")
    args = parser.parse_args()
    if args.only:
        print(json.dumps(measure(args.only, args.batch, args.steps, args.threads)))
        return
    variants = [v for v in VARIANTS if v != "peft lora" or importlib.util.find_spec("peft")]
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(args.rounds):
        for variant in variants:
            command = [sys.executable, __file__, "--only", variant, "--steps", str(args.steps)]
            command += ["--threads", str(args.threads), "--batch", str(args.batch)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[variant].append(json.loads(done.stdout.strip().splitlines()[-1]))
    print(f"{'':24}{'trained':>12}{'s/step':>8}{'of plain':>10}{'MiB':>8}{'optimizer MiB':>15}")
    for variant, rounds in found.items():
        ratio = statistics.median(
            each["seconds"] / base["seconds"]
            for each, base in zip(rounds, found["plain"], strict=True)
        )
        middle = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        print(
            f"{variant:24}{middle['trained']:12,.0f}{middle['seconds']:8.3f}{ratio:10.2f}"
            f"{middle['memory']:8,.0f}{middle['optimizer']:15,.1f}"
        )


if __name__ == "__main__":
    main()
