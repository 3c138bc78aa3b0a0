"""Tokenizers end in the visual tokens, and what they write can be read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from vlcli.archs.vlt5.tokenizer import (
    load_tokenizer,
    save_tokenizer,
    tokenizer_for,
    train_tokenizer,
)
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import Family

TEXTS = [
    "vqa: what colour is the small circle? red",
    "vqa: how many circles are there? 2",
    "caption: a red circle left of 2 small squares.",
] * 3
STOCK = Path(__file__).resolve().parents[4] / "shared/data/tokenizers"


@pytest.fixture(scope="module", params=["t5", "bart"])
def trained(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    return train_tokenizer(TEXTS, request.param)


def test_the_last_tokens_are_the_boxes_and_before_them_the_sentinels(
    trained: PreTrainedTokenizerBase,
) -> None:
    v = len(trained)
    ids = trained.convert_tokens_to_ids
    assert [ids(f"<vis_extra_id_{i}>") for i in range(100)] == [v - 1 - i for i in range(100)]
    assert [ids(f"<extra_id_{i}>") for i in range(100)] == [v - 101 - i for i in range(100)]


def test_special_tokens_have_the_published_ids() -> None:
    t5, bart = train_tokenizer(TEXTS, "t5"), train_tokenizer(TEXTS, "bart")
    assert (t5.pad_token_id, t5.eos_token_id) == (0, 1)
    assert (bart.bos_token_id, bart.pad_token_id, bart.eos_token_id) == (0, 1, 2)
    assert t5("red")["input_ids"][-1] == 1
    assert bart("red")["input_ids"][0] == 0
    assert bart("red")["input_ids"][-1] == 2


def test_words_seen_twice_are_one_token_wherever_they_stand(
    trained: PreTrainedTokenizerBase,
) -> None:
    alone = trained("red", add_special_tokens=False)["input_ids"]
    assert len(alone) == 1
    assert trained("a red circle", add_special_tokens=False)["input_ids"][1:2] == alone


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_every_text_comes_back(text: str) -> None:
    tokenizer = train_once()
    assume(not any(token in text for token in tokenizer.all_special_tokens))
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text.removeprefix(" ")


@pytest.mark.parametrize("token", ["</s>", "<pad>", "<extra_id_0>", "<vis_extra_id_7>"])
def test_a_special_token_that_a_text_spells_is_that_token(token: str) -> None:
    tokenizer = train_once()
    assert tokenizer.convert_tokens_to_ids(token) in tokenizer(token)["input_ids"][:-1]


def train_once(found: list[PreTrainedTokenizerBase] = []) -> PreTrainedTokenizerBase:  # noqa: B006
    if not found:
        found.append(train_tokenizer(TEXTS, "t5"))
    return found[0]


def test_a_saved_tokenizer_is_the_same(trained: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    save_tokenizer(trained, tmp_path)
    again = load_tokenizer(str(tmp_path))
    text = "caption region: <vis_extra_id_3> zebra \N{SNOWMAN} <extra_id_0>"
    assert again(text)["input_ids"] == trained(text)["input_ids"]
    assert len(again) == len(trained)
    assert again.convert_tokens_to_ids("<vis_extra_id_3>") in again(text)["input_ids"]


def test_training_twice_gives_the_same_tokens() -> None:
    assert train_tokenizer(TEXTS, "t5").get_vocab() == train_tokenizer(TEXTS, "t5").get_vocab()


@pytest.mark.parametrize(("name", "size"), [("t5_fast", 32200), ("bart", 50465)])
def test_published_tokenizers_get_the_published_size(name: str, size: int) -> None:
    if not (STOCK / name).is_dir():
        pytest.skip(f"no tokenizer in {STOCK / name}")
    tokenizer = load_tokenizer(str(STOCK / name))
    ids = tokenizer.convert_tokens_to_ids
    assert len(tokenizer) == size
    assert [ids("<vis_extra_id_0>"), ids("<vis_extra_id_99>")] == [size - 1, size - 100]
    assert [ids("<extra_id_0>"), ids("<extra_id_99>")] == [size - 101, size - 200]
    assert tokenizer.decode(tokenizer("a red bus")["input_ids"], skip_special_tokens=True) == (
        "a red bus"
    )


def test_a_missing_tokenizer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="hf download no-such/tokenizer --local-dir"):
        tokenizer_for(None, "no-such/tokenizer", "t5", [])


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_a_shape_without_a_tokenizer_says_what_to_set(family: Family) -> None:
    with pytest.raises(
        UserError, match=r'without a tokenizer of its own\. Set tokenizer: "train"'
    ) as raised:
        tokenizer_for(None, f"{family}-tiny", family, [])
    assert raised.value.exit_code == 3
    assert "download" not in str(raised.value)


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no tokenizer"):
        load_tokenizer(str(tmp_path))
