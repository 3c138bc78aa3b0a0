"""Answers that are chosen by their first token: losses, probabilities, boxes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from tests.archs.vlt5.tiny import model, picture, question
from vlcli.spec.problem import UserError

FAMILIES = ("t5", "bart")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def first_logits(built, batch):
    """(B, V): by the whole targets, read where their first text token is written."""
    place = len(built.first_ids()) - 1
    hidden = built.decode_all(built.shifted(batch.labels), built.encode(batch))
    return built.scores(hidden[:, place])


def ids_of(built, *texts: str) -> list[int]:
    place = len(built.first_ids()) - 1
    return [built.tokenizer(text)["input_ids"][place] for text in texts]


@torch.no_grad()
def test_the_likelier_candidate_is_chosen_with_its_probability(family: str) -> None:
    built = model(family)
    batch = built.collator()([question(n, candidates=("red", "blue")) for n in range(3)])
    logits = first_logits(built, batch)[:, ids_of(built, "red", "blue")]
    for said, row in zip(built.predict(batch), logits.softmax(-1), strict=True):
        assert_close(torch.tensor(said.scores), row, atol=1e-5, rtol=0)
        assert said.text == ("red", "blue")[int(row.argmax())]
        assert said.box is None


@torch.no_grad()
def test_no_candidates_are_the_whole_vocabulary(family: str) -> None:
    built = model(family)
    batch = built.collator()([question(n, candidates=()) for n in range(2)])
    best = first_logits(built, batch).argmax(-1).tolist()
    assert [said.text for said in built.predict(batch)] == [built.spelling.token(b) for b in best]


@torch.no_grad()
def test_a_region_that_is_chosen_comes_with_its_box(family: str) -> None:
    built = model(family)
    held = question(0, candidates=("<vis_extra_id_1>",), visuals=(picture(3),))
    small = question(1, candidates=("<vis_extra_id_1>",), visuals=(picture(1),))
    first, second = built.predict(built.collator()([held, small]))
    assert (first.text, first.scores) == ("<vis_extra_id_1>", (1.0,))
    assert_close(torch.tensor(first.box), held.visuals[0].boxes[1])
    assert second.box is None  # its picture has one box


@torch.no_grad()
def test_examples_may_have_different_numbers_of_candidates(family: str) -> None:
    built = model(family)
    several = question(0, candidates=("red", "blue", "what"))
    batch = built.collator()([several, question(1, candidates=("red", "blue"))])
    three, two = built.predict(batch)
    assert (len(three.scores), len(two.scores)) == (3, 2)
    assert sum(two.scores) == pytest.approx(1, abs=1e-5)
    (alone,) = built.predict(built.collator()([question(1, candidates=("red", "blue"))]))
    assert alone.text == two.text
    assert_close(torch.tensor(alone.scores), torch.tensor(two.scores), atol=1e-5, rtol=0)


def test_learning_the_first_token_is_its_cross_entropy(family: str) -> None:
    built = model(family)
    held = [question(n, target=("red", "blue")[n % 2], learned="first") for n in range(4)]
    held[3] = replace(held[3], target=None)
    held[1] = replace(held[1], weight=2.0)
    batch = built.collator()(held)
    losses = built(batch)
    logits = first_logits(built, built.collator()([replace(e, learned="text") for e in held]))
    right = torch.tensor(ids_of(built, "red", "blue", "red"))
    each = functional.cross_entropy(logits[:3], right, reduction="none")
    assert losses.count == built.count(batch) == 3
    assert_close(losses.sum, (each * torch.tensor([1.0, 2.0, 1.0])).sum())
    losses.sum.backward()
    assert built.encoder is not None if family == "t5" else built.model is not None


def test_examples_without_a_target_count_in_no_loss(family: str) -> None:
    built = model(family)
    both = built.collator()([question(0), question(1, target=None)])
    alone = built.collator()([question(0)])
    assert built(both).count == built.count(both) == 1
    assert_close(built(both).sum, built(alone).sum, atol=1e-5, rtol=0)


def test_candidates_that_begin_alike_are_refused(family: str) -> None:
    collate = model(family).collator()
    with pytest.raises(UserError, match="cannot be told apart"):
        collate([question(0, candidates=("red circle", "red"))])


@torch.no_grad()
def test_texts_keep_regions_and_sentinels_where_they_belong_to_them(family: str) -> None:
    built = model(family)
    text = "<extra_id_0> red <extra_id_1> blue circle <vis_extra_id_3>"
    start = torch.tensor([[built.config.decoder_start_token_id]])
    ids = torch.cat([start, torch.tensor([built.tokenizer(text)["input_ids"]])], 1)
    assert built.spelling.marked(ids) == [text]
    assert " ".join(built.spelling.texts(ids)[0].split()) == "red blue circle"
    assert built.collator()([question(0, target=text)]).marked
    assert not built.collator()([question(0)]).marked


def test_objectives_are_logged_apart(family: str) -> None:
    built = model(family)
    held = [question(n, objective=("lm", "qa")[n % 2]) for n in range(4)]
    losses = built(built.collator()(held))
    assert set(losses.logged) == {"lm_loss", "qa_loss"}
    mean = (losses.logged["lm_loss"] + losses.logged["qa_loss"]) / 2
    assert_close(mean, losses.sum.detach(), atol=1e-4, rtol=0)
