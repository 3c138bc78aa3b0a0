"""The architecture as the trainer meets it: losses, counts, predictions, what learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.archs.vlt5.tiny import ANSWERS, model, picture, question, spec, tokenizer
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.bart import VLBart
from vlcli.archs.vlt5.t5 import VLT5
from vlcli.contracts import Example
from vlcli.peft.freezing import freeze
from vlcli.spec.problem import UserError

both = pytest.mark.parametrize("family", ["t5", "bart"])


def mean_loss(built: VLArchitecture, *examples: Example) -> float:
    losses = built(built.collator()(examples))
    return (losses.sum / losses.count).item()


@both
def test_the_backbone_chooses_the_family(family: str) -> None:
    assert type(model(family)) is {"t5": VLT5, "bart": VLBart}[family]


def test_a_family_refuses_the_others_backbone() -> None:
    with pytest.raises(UserError, match="bart-tiny is no t5 backbone"):
        VLT5.build(spec("bart"), tokenizer("bart"), 8)


@both
def test_padding_changes_no_loss(family: str) -> None:
    built = model(family)
    short, long = question(0), question(2, text="vqa: what " * 5, visuals=(picture(5),))
    alone = (mean_loss(built, short) + mean_loss(built, long)) / 2
    assert mean_loss(built, short, long) == pytest.approx(alone, abs=1e-5)


@both
def test_losses_by_example_weigh_examples_and_by_token_weigh_tokens(family: str) -> None:
    built = model(family)
    one, two = question(0), question(2)
    losses = [mean_loss(built, each) for each in (one, two)]
    lengths = [len(tokenizer(family)(each.target)["input_ids"]) for each in (one, two)]
    assert mean_loss(built, replace(one, weight=0.3), two) == pytest.approx(
        (0.3 * losses[0] + losses[1]) / 2, abs=1e-5
    )
    by_token = [replace(each, averaged="token") for each in (one, two)]
    assert mean_loss(built, *by_token) == pytest.approx(
        sum(loss * length for loss, length in zip(losses, lengths, strict=True)) / sum(lengths),
        abs=1e-5,
    )


@both
@pytest.mark.parametrize("averaged", ["example", "token"])
def test_the_count_is_known_from_the_batch(family: str, averaged: str) -> None:
    built = model(family)
    batch = built.collator()([question(0, averaged=averaged), question(2, averaged=averaged)])
    assert built.count(batch) == built(batch).count


@both
def test_an_example_without_a_target_costs_nothing(family: str) -> None:
    built = model(family)
    losses = built(built.collator()([question(target=None)]))
    assert losses.sum.item() == 0.0
    losses.sum.backward()


@both
def test_a_blind_model_has_no_visual_embedding_and_reads_text_alone(family: str) -> None:
    built = model(family, use_vision=False)
    assert not [name for name, _ in built.named_parameters() if "visual" in name]
    assert mean_loss(built, question()) == mean_loss(built, question(visuals=(picture(seed=9),)))


@both
def test_a_seeing_model_also_reads_text_alone(family: str) -> None:
    built = model(family)
    assert mean_loss(built, question(visuals=())) != mean_loss(built, question())


@both
def test_the_picture_matters_and_so_does_its_order(family: str) -> None:
    built = model(family)
    one, two = picture(seed=1), picture(seed=2)
    assert mean_loss(built, question(visuals=(one, two))) != mean_loss(
        built, question(visuals=(two, one))
    )


@both
def test_the_classifier_learns_soft_labels_and_answers_from_its_list(family: str) -> None:
    built = model(family, ANSWERS, classifier=True)
    examples = [question(n, labels={ANSWERS[n]: 1.0}) for n in range(3)]
    assert mean_loss(built, *examples) == pytest.approx(0.69, abs=0.1)
    freeze(built, spec(family, unfreeze_language_model=True))
    optimizer = torch.optim.AdamW([p for p in built.parameters() if p.requires_grad], 1e-3)
    batch = built.collator()(examples)
    for _ in range(30):
        optimizer.zero_grad()
        built(batch).sum.backward()
        optimizer.step()
    assert [each.text for each in built.predict(batch)] == list(ANSWERS[:3])


@both
def test_a_few_steps_learn_a_few_answers_by_heart(family: str) -> None:
    built = model(family, log_train_accuracy=True)
    freeze(built, spec(family, unfreeze_language_model=True))
    optimizer = torch.optim.AdamW(built.parameters(), 2e-3)
    batch = built.collator()([question(n) for n in range(4)])
    for _ in range(60):
        optimizer.zero_grad()
        built(batch).sum.backward()
        optimizer.step()
    losses = built(batch)
    assert losses.logged["accuracy"] == losses.count == 4
    assert [each.text for each in built.predict(batch)] == list(ANSWERS)


@both
def test_a_saved_model_gives_the_same_loss(family: str) -> None:
    built, again = model(family), model(family)
    for parameter in built.parameters():
        parameter.data += 0.01
    assert mean_loss(again, question()) != mean_loss(built, question())
    again.load_state_dict(built.state_dict())
    assert mean_loss(again, question()) == mean_loss(built, question())


def test_a_list_is_needed_where_answers_are_held_to_one() -> None:
    with pytest.raises(UserError, match="need a list of answers"):
        model("t5", classifier=True)


@both
@pytest.mark.parametrize("precision", [torch.bfloat16])
def test_mixed_precision_gives_about_the_same_loss(family: str, precision: torch.dtype) -> None:
    built = model(family)
    batch = built.collator()([question(0), question(2, visuals=(picture(2),))])
    with torch.autocast("cpu", precision):
        mixed = built(batch)
    assert mixed.sum.item() == pytest.approx(built(batch).sum.item(), rel=0.02)
    mixed.sum.backward()
