"""Backbones of known shapes need no download; pretrained ones come from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, T5ForConditionalGeneration

from tests.archs.vlt5.tiny import F, question, spec, tokenizer
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.backbones import known_config, load_backbone
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import BACKBONES


@pytest.mark.parametrize("name", [name for name, size in BACKBONES.items() if size.tied])
def test_known_shapes_are_those_that_rules_reckon_with(name: str) -> None:
    size, config = BACKBONES[name], known_config(name)
    assert config is not None
    assert (config.d_model, config.num_hidden_layers) == (size.width, size.layers)
    assert (config.num_attention_heads, config.vocab_size) == (size.heads, size.vocabulary)


@pytest.mark.parametrize(
    ("name", "parameters"), [("t5-small", 60_506_624), ("bart-base", 139_420_416)]
)
def test_known_shapes_have_the_size_of_the_published_models(name: str, parameters: int) -> None:
    with torch.device("meta"):
        model = AutoModelForSeq2SeqLM.from_config(known_config(name))
    assert model.num_parameters() == parameters


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_a_new_model_has_the_tokenizers_vocabulary_and_special_tokens(family: str) -> None:
    words = tokenizer(family)
    model, _ = load_backbone(f"{family}-tiny", words, 0.25, from_scratch=True)
    assert model.config.vocab_size == len(words) == len(model.get_input_embeddings().weight)
    assert model.config.pad_token_id == words.pad_token_id
    start = words.pad_token_id if family == "t5" else words.eos_token_id
    assert model.config.decoder_start_token_id == start
    dropout = model.config.dropout_rate if family == "t5" else model.config.attention_dropout
    assert dropout == 0.25


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_a_pretrained_vocabulary_grows_to_the_tokenizers(family: str, tmp_path: Path) -> None:
    words, small = tokenizer(family), known_config(f"{family}-tiny")
    assert small is not None
    small.vocab_size = len(words) - 100
    AutoModelForSeq2SeqLM.from_config(small).save_pretrained(tmp_path)
    model, _ = load_backbone(str(tmp_path), words, 0.0, from_scratch=False)
    rows = model.get_input_embeddings().weight
    assert len(rows) == len(words)
    assert model.get_output_embeddings().weight is rows
    assert rows[-100:].std().item() == pytest.approx(1.0 if family == "t5" else 0.02, rel=0.1)


def test_a_shape_without_weights_says_so() -> None:
    with pytest.raises(UserError, match="set from_scratch: true"):
        load_backbone("t5-tiny", tokenizer("t5"), 0.0, from_scratch=False)


@pytest.mark.parametrize("family", ["t5", "bart"])
@pytest.mark.parametrize("said", ["nothing", "null"])
def test_files_that_do_not_say_where_texts_begin_mean_the_token_of_the_family(
    family: str, said: str, tmp_path: Path
) -> None:
    """T5's texts begin with the pad token, BART's with the end token."""
    small = known_config(f"{family}-tiny")
    assert small is not None
    small.vocab_size = 300
    AutoModelForSeq2SeqLM.from_config(small).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config.pop("decoder_start_token_id", None)
    if said == "null":
        config["decoder_start_token_id"] = None
    path.write_text(json.dumps(config))
    model, _ = load_backbone(str(tmp_path), tokenizer(family), 0.0, from_scratch=False)
    first = model.config.pad_token_id if family == "t5" else model.config.eos_token_id
    assert model.config.decoder_start_token_id == first


def test_a_t5_folder_without_a_start_token_learns_and_writes(tmp_path: Path) -> None:
    small = known_config("t5-tiny")
    assert small is not None
    small.vocab_size, small.decoder_start_token_id = 300, None
    T5ForConditionalGeneration(small).save_pretrained(tmp_path)
    stock, _ = load_backbone(str(tmp_path), tokenizer("t5"), 0.0, from_scratch=False)
    built = VLArchitecture.on(stock, spec("t5"), F, tokenizer("t5"))
    batch = built.collator()([question(1), question(2)])
    assert torch.isfinite(built(batch).sum)
    assert len(built.predict(batch)) == 2


def test_a_missing_backbone_says_what_to_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"hf download no-such/t5 --local-dir DIR") as caught:
        load_backbone("no-such/t5", tokenizer("t5"), 0.0, from_scratch=False)
    assert caught.value.exit_code == 4


def test_damaged_weights_are_one_sentence(tmp_path: Path) -> None:
    config = known_config("t5-tiny")
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not a tensor in here")
    with pytest.raises(UserError, match=r"weights of .* are damaged"):
        load_backbone(str(tmp_path), tokenizer("t5"), 0.0, from_scratch=False)


def test_an_untied_model_is_refused(tmp_path: Path) -> None:
    config = known_config("t5-tiny")
    assert config is not None
    config.tie_word_embeddings = False
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="output layer of its own"):
        load_backbone(str(tmp_path), tokenizer("t5"), 0.0, from_scratch=False)
