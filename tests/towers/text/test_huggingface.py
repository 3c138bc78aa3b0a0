"""Text towers of transformers: poolers against plain maths and the recorded original."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, BertTokenizerFast, RobertaConfig, RobertaModel

from vlcli.spec.problem import UserError
from vlcli.towers.text.huggingface import (
    HuggingFaceTower,
    PromptTower,
    learned_tokenizer,
    load_tokenizer,
    model,
    tokenize,
    tower,
)

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "itra"
needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings in {FOLDER}")
TEXTS = ["a red circle", "one can see two blue squares and a circle", "a circle"]


def made(name: str, pooler: str, held: Any) -> Any:
    return tower(name, model(name, False, held, dropout=0.0), pooler).eval()


def of(name: str, pooler: str) -> tuple[Any, Any]:
    torch.manual_seed(0)
    held = learned_tokenizer(TEXTS * 2)
    return tokenize(held, 12, pooler), made(name, pooler, held)


@pytest.mark.parametrize("name", ["bert-tiny", "gpt2-tiny", "t5-tiny"])
@pytest.mark.parametrize("pooler", ["cls_before_pooler", "mean", "last"])
def test_a_text_alone_has_the_vector_that_it_has_among_longer_ones(name: str, pooler: str) -> None:
    read, built = of(name, pooler)
    together = built(read(TEXTS))
    alone = torch.cat([built(read([text])) for text in TEXTS])
    assert together.shape == (3, 128)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_poolers_are_what_they_say() -> None:
    read, built = of("bert-tiny", "mean")
    tokens = read(TEXTS)
    states = built.model(input_ids=tokens["ids"], attention_mask=tokens["mask"]).last_hidden_state
    long = [states[row, : int(tokens["mask"][row].sum())] for row in range(3)]
    for pooler, wanted in (
        ("mean", [each.mean(0) for each in long]),
        ("last", [each[-1] for each in long]),
        ("cls_before_pooler", [each[0] for each in long]),
    ):
        built.pooler = pooler
        torch.testing.assert_close(built(tokens), torch.stack(wanted), atol=1e-6, rtol=1e-5)


def test_every_parameter_that_is_there_learns() -> None:
    for pooler in ("cls", "cls_before_pooler", "mean", "last", "PromptBERT"):
        read, built = of("bert-tiny", pooler)
        built.train()
        built(read(TEXTS)).pow(2).sum().backward()
        assert [name for name, p in built.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", ["bert-tiny", "gpt2-tiny", "t5-tiny"])
def test_dropout_is_that_of_the_run_in_every_layer(name: str) -> None:
    read, without = of(name, "mean")
    without.train()
    assert torch.equal(without(read(TEXTS)), without(read(TEXTS)))
    held = read.tokenizer
    dropping = tower(name, model(name, False, held, dropout=0.5), "mean").train()
    assert not torch.equal(dropping(read(TEXTS)), dropping(read(TEXTS)))


def test_a_model_without_a_pooler_of_its_own_says_so() -> None:
    with pytest.raises(UserError, match='Set text_pooler: "mean"'):
        of("gpt2-tiny", "cls")


def test_a_tokenizer_is_learned_kept_and_taken_up(tmp_path: Path) -> None:
    read, _ = of("bert-tiny", "mean")
    read.save(tmp_path)
    again = tokenize(load_tokenizer(str(tmp_path)), 12, "mean")
    assert torch.equal(read(TEXTS)["ids"], again(TEXTS)["ids"])
    assert read(["a circle " * 40])["ids"].shape == (1, 12)


def test_what_is_quoted_may_hold_braces() -> None:
    read, built = of("bert-tiny", "PromptBERT")
    assert built(read(["a {red} circle", "{"])).isfinite().all()


RUNS = [
    f"{kind}.{pooler}"
    for kind in ("bert", "roberta")
    for pooler in ("cls", "cls_before_pooler", "mean", "PromptBERT")
]


@needs_recordings
@pytest.mark.parametrize("run", RUNS)
def test_recorded_poolers(run: str) -> None:
    facts = json.loads((FOLDER / "poolers.json").read_text())
    held = load_file(FOLDER / "poolers.safetensors")
    kind, _, pooler = run.partition(".")
    words = BertTokenizerFast(str(FOLDER / "wordpiece_vocab.txt"), do_lower_case=True)
    more = {"vocab_size": len(words), "pad_token_id": 0}
    model: Any = (
        BertModel(BertConfig(**facts["config"], **more))
        if kind == "bert"
        else RobertaModel(RobertaConfig(**facts["config"], **more, type_vocab_size=1))
    )
    start = f"w.{kind}."
    model.double().load_state_dict(
        {k.removeprefix(start): v for k, v in held.items() if k.startswith(start)}
    )
    if kind == "roberta":
        words.mask_token = "[MASK]"
    built = (PromptTower if pooler == "PromptBERT" else HuggingFaceTower)(kind, model, pooler)
    read = tokenize(words, facts["runs"][run]["max_seq_length"], pooler)
    if pooler == "PromptBERT" and kind == "roberta":
        read.wordings = ("This sentence : '{}' means [MASK].", "The sentence : '{}' means [MASK].")
    found = built.eval()(read(facts["texts"]))
    torch.testing.assert_close(found, held[f"out.{run}"], atol=1e-9, rtol=0)
