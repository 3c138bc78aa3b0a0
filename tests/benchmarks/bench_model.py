"""How fast VL-T5 trains and writes, beside the plain transformers T5 that is handed the same joint
sequence as `inputs_embeds`; both in turn, in one run.

    python tests/benchmarks/bench_model.py [--batch 64] [--steps 5] [--threads 2] [--only memory]

T5-small shape, 36 visual tokens of width 2048, texts of 8 to 20 tokens (mean 14), targets of 1 to
10 (mean about 3.6). `train` pads both alike (20 and 10 tokens), `buckets` gives ours batches of
like lengths, padded to the batch. Prints examples per second (median step) and the median ratio.

`memory` is the peak of two training steps of each, in a fresh process: the largest resident size
less that with model and batch in place. Gradients, the optimizer's moments and activations count,
the weights do not.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import psutil
import torch
from transformers import GenerationConfig, T5ForConditionalGeneration

from vlcli.archs.vlt5.backbones import known_config
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.archs.vlt5.t5 import VLT5
from vlcli.archs.vlt5.visual_embedding import VisualTokens

WIDTH, BOXES, TEXT, TARGET, VOCABULARY = 2048, 36, 20, 10, 32200
Step = Callable[[], object]


def lengths(count: int, low: int, high: int, mean: float) -> torch.Tensor:
    """Drawn so that they reach from low to high and have about this mean."""
    share = (mean - low) / (high - low)
    drawn = torch.distributions.Beta(2 * share, 2 * (1 - share)).sample((count,))
    return (low + drawn * (high - low)).round().long()


def rows(sizes: torch.Tensor, width: int, pad: int) -> torch.Tensor:
    """Random token rows of these sizes, each ending in the end token, padded to `width`."""
    ids = torch.randint(3, 32000, (len(sizes), width))
    at = torch.arange(width)
    ids[at == sizes[:, None] - 1] = 1
    return ids.masked_fill(at >= sizes[:, None], pad)


def batches(batch: int, count: int, buckets: bool) -> Iterator[VLBatch]:
    texts, targets = lengths(batch * count, 8, TEXT, 14), lengths(batch * count, 1, TARGET, 3.6)
    order = torch.arange(batch * count)
    if buckets:
        order = torch.argsort(texts * 100 + targets)
    for part in order.split(batch):
        wide, long = (texts[part].max(), targets[part].max()) if buckets else (TEXT, TARGET)
        yield VLBatch(
            ids=tuple(str(n) for n in range(batch)),
            task="vqa",
            input_ids=rows(texts[part], int(wide), 0),
            labels=rows(targets[part], int(long), -100),
            weights=torch.ones(batch),
            visual=VisualTokens(torch.rand(batch, BOXES, WIDTH), torch.rand(batch, BOXES, 4)),
        )


def config(dropout: float = 0.1) -> object:
    found = known_config("t5-small")
    found.vocab_size, found.dropout_rate = VOCABULARY, dropout
    return found


def joint(model: VLT5, batch: VLBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The sequence that the plain model is handed ready-made, and its mask."""
    with torch.no_grad():
        seen, mask = model.encoder.see(batch.visual)
        states = torch.cat([model.shared(batch.input_ids), seen], dim=1)
    return states, torch.cat([batch.input_ids != 0, mask], dim=1).long()


def our_training() -> tuple[VLT5, Callable[[VLBatch], None]]:
    """Our model, and one training step of it."""
    model = VLT5(T5ForConditionalGeneration(config()), VLSpec(), WIDTH).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

    def step(batch: VLBatch) -> None:
        optimizer.zero_grad()
        losses = model(batch)
        (losses.sum / losses.count).backward()
        optimizer.step()

    return model, step


def plain_training() -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]:
    """One training step of the plain model, on states, mask and labels."""
    model = T5ForConditionalGeneration(config()).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def step(states: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad()
        model(inputs_embeds=states, attention_mask=mask, labels=labels).loss.backward()
        optimizer.step()

    return step


def training(batch_size: int, steps: int, buckets: bool) -> tuple[list[Step], list[Step]]:
    ours, our_step = our_training()
    plain_step = plain_training()
    mine = [lambda b=b: our_step(b) for b in batches(batch_size, steps, buckets)]
    even = [(*joint(ours, b), b.labels) for b in batches(batch_size, steps, False)]
    return mine, [lambda each=each: plain_step(*each) for each in even]


def peak(which: str, batch_size: int) -> float:
    """MiB that two training steps take beside model and batch, in a process that did nothing
    else. The plain model's states are drawn: to make them would need our model."""
    batch = next(batches(batch_size, 1, False))
    if which == "ours":
        step = partial(our_training()[1], batch)
    else:
        states = torch.rand(batch_size, TEXT + BOXES, config().d_model)
        seen = torch.ones(batch_size, BOXES, dtype=torch.bool)
        mask = torch.cat([batch.input_ids != 0, seen], dim=1).long()
        step = partial(plain_training(), states, mask, batch.labels)
    before = psutil.Process().memory_info().rss / 2**20
    step()
    step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 - before


def compare_memory(batch: int, threads: int) -> None:
    """Both in processes of their own. To be called first: a child's largest size counts from its
    parent's."""
    command = [sys.executable, __file__, "--batch", str(batch), "--threads", str(threads)]
    ours, plain = (
        float(subprocess.check_output([*command, "--peak", which], text=True))
        for which in ("ours", "plain")
    )
    print(
        f"{'memory':<9} ours {ours:7.0f} MiB, plain {plain:7.0f} MiB, ratio {ours / plain:.2f}",
        flush=True,
    )


def writing(batch_size: int, steps: int, beams: int) -> tuple[list[Step], list[Step]]:
    torch.manual_seed(0)
    ours = VLT5(T5ForConditionalGeneration(config()), VLSpec(), WIDTH).eval()
    plain = T5ForConditionalGeneration(config()).eval()
    plain.load_state_dict(
        {name: w for name, w in ours.state_dict().items() if "visual" not in name}
    )
    search = GenerationConfig(
        max_new_tokens=TARGET,
        num_beams=beams,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    made = list(batches(batch_size, steps, False))
    handed = [joint(ours, batch) for batch in made]

    def our_words(batch: VLBatch) -> torch.Tensor:
        with torch.no_grad():
            return ours.writer.write(ours.encode(batch), TARGET, beams)

    def plain_words(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return plain.generate(inputs_embeds=states, attention_mask=mask, generation_config=search)

    mine = [lambda b=b: our_words(b) for b in made]
    return mine, [lambda each=each: plain_words(*each) for each in handed]


def seconds(step: Step) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def compare(name: str, batch: int, mine: list[Step], theirs: list[Step]) -> None:
    """One step of each in turn; the first of each is not counted."""
    pairs = [(seconds(a), seconds(b)) for a, b in zip(mine, theirs, strict=True)][1:]
    ours, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(
        f"{name:<9} ours {batch / ours:7.2f} examples/s, plain {batch / plain:7.2f}, "
        f"ratio {ratio:.2f}",
        flush=True,
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--batch", type=int, default=64)
    asked.add_argument("--steps", type=int, default=5)
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--beams", type=int, default=5)
    asked.add_argument("--only", choices=["memory", "train", "buckets", "greedy", "beams"])
    asked.add_argument("--peak", choices=["ours", "plain"], help=argparse.SUPPRESS)
    args = asked.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    if args.peak:
        print(peak(args.peak, args.batch))
        return
    if args.only in (None, "memory"):
        compare_memory(args.batch, args.threads)
    makers: dict[str, Callable[[int], tuple[list[Step], list[Step]]]] = {
        "train": lambda n: training(args.batch, n, buckets=False),
        "buckets": lambda n: training(args.batch, n, buckets=True),
        "greedy": lambda n: writing(args.batch, n, 1),
        "beams": lambda n: writing(args.batch, n, args.beams),
    }
    for name, make in makers.items():
        if args.only in (None, name):
            compare(name, args.batch, *make(args.steps + 1))


if __name__ == "__main__":
    main()
