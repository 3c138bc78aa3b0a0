"""Written answers: in steps with a cache as at once, and held to a list where there is one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.archs.vlt5.tiny import ANSWERS, model, question, tokenizer
from vlcli.archs.vlt5.architecture import VLArchitecture, answer_trie
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.archs.vlt5.decoding import AnswerTrie

FAMILIES = ("t5", "bart")


def batch_for(built: VLArchitecture, count: int = 3) -> VLBatch:
    batch = built.collator()([question(number) for number in range(count)])
    assert isinstance(batch, VLBatch)
    return batch


@torch.no_grad()
def greedy_by_hand(built: VLArchitecture, batch: VLBatch, steps: int) -> torch.Tensor:
    """Without a cache: every step reads all that was written."""
    encoded = built.encode(batch)
    ids = torch.full((len(batch.ids), 1), built.config.decoder_start_token_id)
    for _ in range(steps):
        hidden = built.decode(ids, encoded).last_hidden_state
        ids = torch.cat([ids, built.logits(hidden[:, -1]).argmax(-1, keepdim=True)], dim=1)
    return ids


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_steps_with_a_cache_write_what_whole_passes_write(family: str) -> None:
    built = model(family)
    batch = batch_for(built)
    with torch.no_grad():
        ids = built.writer.write(built.encode(batch), 6)
    by_hand = greedy_by_hand(built, batch, 6)
    for ours, theirs in zip(ids.tolist(), by_hand.tolist(), strict=True):
        end = (
            ours.index(built.config.eos_token_id, 1) if built.config.eos_token_id in ours[1:] else 6
        )
        assert ours[: end + 1] == theirs[: end + 1]


def score(built: VLArchitecture, batch: VLBatch, ids: torch.Tensor) -> list[float]:
    """The log probability of each text up to its end."""
    with torch.no_grad():
        hidden = built.decode(ids[:, :-1], built.encode(batch)).last_hidden_state
        logs = built.logits(hidden).log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    return [
        sum(row[: len(text)]) for row, text in zip(logs.tolist(), texts(built, ids), strict=True)
    ]


def texts(built: VLArchitecture, ids: torch.Tensor) -> list[list[int]]:
    end = built.config.eos_token_id
    return [row[: row.index(end) + 1] if end in row else row for row in ids[:, 1:].tolist()]


@pytest.mark.parametrize("family", FAMILIES)
def test_with_an_answer_list_only_its_answers_are_written(family: str) -> None:
    built = model(family, ANSWERS, answer_vocab="answers.txt", gen_max_length=2)
    found = built.predict(batch_for(built, 5))
    assert [each.id for each in found] == [f"q{n}" for n in range(5)]
    assert {each.text for each in found} <= set(ANSWERS)


@pytest.mark.parametrize("family", FAMILIES)
def test_beams_over_an_answer_list_find_the_best_answer(family: str) -> None:
    """As many beams as answers search them all: the best mean log probability wins."""
    built = model(family, ANSWERS, answer_vocab="answers.txt", num_beams=len(ANSWERS))
    batch = batch_for(built, 2)
    found = [each.text for each in built.predict(batch)]
    assert set(found) <= set(ANSWERS)
    trie = built.trie
    assert trie is not None
    rated = []
    for tokens, answer in trie.answers.items():
        start = built.config.decoder_start_token_id
        ids = torch.tensor([[start, *tokens]]).expand(2, -1)
        rated.append((answer, [each / len(tokens) for each in score(built, batch, ids)]))
    for row, answer in enumerate(found):
        assert answer == max(rated, key=lambda pair: pair[1][row])[0]


def test_the_beams_of_a_batch_come_before_those_of_the_model(monkeypatch) -> None:
    built = model("t5", num_beams=2)
    searched: list[int] = []
    write = built.writer.write

    def watched(encoded, longest, beams, trie):
        searched.append(beams)
        return write(encoded, longest, beams, trie)

    monkeypatch.setattr(built.writer, "write", watched)
    for beams in (None, 3):
        built.predict(built.collator()([replace(question(1), beams=beams)]))
    assert searched == [2, 3]


def test_a_trie_knows_what_may_follow() -> None:
    trie = AnswerTrie(["a", "ab", "c"], [(5, 1), (5, 6, 1), (7, 1)], pad=0)
    allowed = {
        tuple(rows): follow(trie, rows) for rows in ([], [5], [5, 6], [7, 1], [7, 1, 0], [9])
    }
    assert allowed == {
        (): {5, 7},
        (5,): {1, 6},
        (5, 6): {1},
        (7, 1): {0},
        (7, 1, 0): {0},
        (9,): {0},
    }
    assert trie.depth == 3


def follow(trie: AnswerTrie, row: list[int]) -> set[int]:
    _, tokens = trie.allowed(torch.tensor([row], dtype=torch.long))
    return set(tokens.tolist())


def test_a_trie_answers_rows_of_a_batch_apart() -> None:
    trie = AnswerTrie(["a", "ab", "c"], [(5, 1), (5, 6, 1), (7, 1)], pad=0)
    rows, tokens = trie.allowed(torch.tensor([[5], [7], [5]]))
    assert list(zip(rows.tolist(), tokens.tolist(), strict=True)) == [
        (0, 1),
        (0, 6),
        (1, 1),
        (2, 1),
        (2, 6),
    ]


def test_a_trie_reads_answers_in_their_own_spelling() -> None:
    trie = answer_trie(["A Red  circle", "2"], tokenizer("t5"))
    ids = tokenizer("t5")("A Red  circle")["input_ids"]
    assert trie.text([*ids, 0, 0]) == "A Red  circle"
    assert trie.text(ids[:1]) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_written_text_is_as_long_as_allowed(family: str) -> None:
    built = model(family, gen_max_length=4)
    with torch.no_grad():
        ids = built.writer.write(built.encode(batch_for(built)), built.new_tokens)
    assert ids.shape[1] <= 4
