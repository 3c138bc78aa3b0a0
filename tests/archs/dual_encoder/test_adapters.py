"""Adapters in the text tower: their sizes, what they leave alone, and that they alone can learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoModel, BertConfig

from tests.archs.dual_encoder.recorded import needs_recordings, numbers
from vlcli.archs.dual_encoder.towers import Side
from vlcli.peft.freezing import of_library
from vlcli.peft.library import put_into
from vlcli.towers.text.huggingface import tower

PUBLISHED = {
    "bottleneck_adapter": 8736,
    "lang_adapter": 12752,
    "prefix_tuning": 332544,
    "dummy": 1648,
    "lora_adapter": 8192,
    "ia3_adapter": 1024,
    "mam_adapter": 550304,
    "unipelt": 343576,
}
BASE = {
    "dummy": 57_088,
    "ia3_adapter": 55_296,
    "lora_adapter": 294_912,
    "bottleneck_adapter": 1_789_056,
    "lang_adapter": 1_190_592,
    "prefix_tuning": 9_872_384,
    "unipelt": 11_083_376,
    "mam_adapter": 22_493_984,
}
SMALL = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
SMALL |= {"intermediate_size": 256, "vocab_size": 120}


def side(adapter: str | None, config: BertConfig | None = None) -> Side:
    """A text side on a new BERT, mean pooled, without dropout: locked but for its adapter."""
    torch.manual_seed(0)
    drop = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = AutoModel.from_config(config or BertConfig(**SMALL, **drop))
    if adapter:
        put_into(model, adapter)
    made = Side(tower("bert", model, "mean"), None)
    made.lock(True, "")
    return made


def trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def captions() -> dict[str, Tensor]:
    ids = torch.randint(4, 120, (32, 8), generator=torch.Generator().manual_seed(1))
    return {"ids": ids, "mask": torch.ones_like(ids)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_librarys(name: str) -> None:
    assert trainable(side(name)) == PUBLISHED[name]


@pytest.mark.parametrize("name", BASE)
def test_sizes_in_bert_base_are_the_published_ones(name: str) -> None:
    from accelerate import init_empty_weights

    with init_empty_weights():
        assert trainable(side(name, BertConfig())) == BASE[name]


@needs_recordings
def test_the_recorded_sizes() -> None:
    facts = numbers("adapters")
    assert {name: facts["tiny"]["bert"][name] for name in PUBLISHED} == PUBLISHED
    assert facts["real"]["bert-base-uncased"] | BASE == facts["real"]["bert-base-uncased"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_step_changes_the_adapter_and_nothing_else(name: str) -> None:
    made = side(name).train()
    before = {key: value.clone() for key, value in made.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], lr=0.1)
    (made(captions()) * torch.linspace(-1, 1, 128)).sum().backward()
    lost = [n for n, p in made.named_parameters() if of_library(n) and p.grad is None]
    assert lost == []
    assert all(p.grad.isfinite().all() for p in made.parameters() if p.grad is not None)
    optimizer.step()
    after = made.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    assert all(of_library(key) for key in changed)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_kept_adapter_gives_the_same_vectors(name: str) -> None:
    one, other = side(name), side(name)
    for p in one.parameters():
        if p.requires_grad:
            nn.init.normal_(p, std=0.05)
    other.load_state_dict(one.state_dict())
    with torch.no_grad():
        found, again = (each.eval()(captions()) for each in (one, other))
    assert torch.equal(found, again)


def aligned(name: str | None, steps: int) -> tuple[float, float]:
    """Loss and R@1 after learning to find 32 fixed vectors from 32 captions, without a head."""
    made, words = side(name).train(), captions()
    wanted = normalize(torch.randn(32, 128, generator=torch.Generator().manual_seed(2)), dim=1)
    learning: list[Any] = [p for p in made.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning or [nn.Parameter(torch.zeros(1))], lr=2e-3)
    right = torch.arange(32)
    for _ in range(steps if learning else 1):
        scores = normalize(made(words), dim=1) @ wanted.T / 0.07
        loss = (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2
        if learning:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return loss.item(), 100 * (scores.argmax(1) == right).double().mean().item()


def test_a_frozen_tower_alone_aligns_nothing() -> None:
    assert aligned(None, 1)[1] <= 10


def test_lora_alone_aligns_a_frozen_tower() -> None:
    loss, recall = aligned("lora_adapter", 300)
    assert recall == 100
    assert loss < 0.15


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["bottleneck_adapter", "lang_adapter", "prefix_tuning", "mam_adapter", "unipelt"]
)
def test_each_adapter_alone_aligns_a_frozen_tower(name: str) -> None:
    loss, recall = aligned(name, 300)
    assert recall == 100
    assert loss < 0.15


@pytest.mark.slow
def test_compacter_alone_aligns_most_of_it() -> None:
    assert aligned("dummy", 300)[1] >= 80
