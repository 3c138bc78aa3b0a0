"""VL-T5 and VL-BART give the numbers of the published code, recorded on tiny random models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch.testing import assert_close

from tests.archs.vlt5.recorded import FOLDER, Case, case, model_of, names, needs_recordings
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.peft.freezing import freeze

pytestmark = needs_recordings


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_parity_was_recorded_for_both_families() -> None:
    assert {name.split("_")[0] for name in names()} == {"t5", "bart"}


@pytest.mark.parametrize("name", names())
def test_parity_of_encoder_states_logits_and_token_losses(name: str) -> None:
    recorded = case(name)
    model, batch = model_of(recorded), recorded.batch()
    with torch.no_grad():
        torch.manual_seed(7)  # sparse_train draws its tokens after this seed
        encoded = model.encode(batch)
        hidden = model.decode_all(model.shifted(batch.labels), encoded)
        close(encoded.states, recorded.outputs["encoder_last_hidden_state"])
        close(model.scores(hidden), recorded.outputs["logits"])

        torch.manual_seed(7)
        text = model.written(batch)
    all_tokens = torch.zeros(batch.labels.numel())
    all_tokens[batch.labels.flatten() != -100] = text.losses
    close(all_tokens, recorded.outputs["loss"])
    close(text.losses.mean(), torch.tensor(recorded.facts["loss_mean"]))

    assert model.tuning is not None
    theirs = recorded.facts.get("reg_z")
    if theirs is not None:
        assert len(model.tuning.switch.z) == recorded.facts["reg_z_modules"]
        close(model.tuning.z(), torch.tensor(theirs))
    else:
        assert not model.tuning.switch.z


@pytest.mark.parametrize("name", names())
def test_parity_of_what_trains(name: str) -> None:
    """Names, shapes and order of all parameters, and which of them train."""
    recorded = case(name)
    listed = dict(model_of(recorded).named_parameters())
    if recorded.without_lora:
        listed = {n: p for n, p in listed.items() if ".lora_" not in n}
    ours = [[n, list(p.shape), p.requires_grad] for n, p in listed.items()]
    assert ours == recorded.facts["params"]
    trainable = sum(p.numel() for p in listed.values() if p.requires_grad)
    total = sum(p.numel() for p in listed.values())
    assert (trainable, total) == (recorded.facts["trainable"], recorded.facts["total"])
    assert 100 * trainable / total == pytest.approx(recorded.facts["percent"], rel=1e-12)


@pytest.mark.parametrize("name", names())
def test_parity_of_state_dict_names(name: str) -> None:
    recorded = case(name)
    ours = set(model_of(recorded).state_dict())
    if recorded.without_lora:
        ours = {n for n in ours if ".lora_" not in n}
    assert ours == {n for n in recorded.weights if not n.endswith("position_ids")}


@pytest.mark.parametrize("name", [n for n in names() if case(n).args.unfreeze_layer_norms])
def test_every_layer_norm_trains_where_t5_does_not_follow_the_published_code(name: str) -> None:
    recorded = case(name)
    model = model_of(recorded)
    freeze(model, recorded.args.but(legacy_t5_norms=False))
    norms = [p for n, p in model.named_parameters() if "norm" in n.lower()]
    assert norms
    assert all(p.requires_grad for p in norms)


@pytest.mark.parametrize("name", names("grad_norms"))
def test_parity_of_gradients(name: str) -> None:
    recorded = case(name)
    model = model_of(recorded)
    torch.manual_seed(7)
    model.written(recorded.batch()).losses.mean().backward()
    for parameter, norm in recorded.facts["grad_norms"].items():
        grad = model.get_parameter(parameter).grad
        if norm is None:
            assert grad is None, parameter
        else:
            assert grad is not None, parameter
            assert grad.norm().item() == pytest.approx(norm, rel=1e-4, abs=1e-6), parameter


def generating() -> list[tuple[str, str]]:
    return [(n, fact) for n in names() for fact in case(n).facts if fact.startswith("gen_")]


# Recorded under a forced end that contradicts the ban on repeats: only its beginning counts.
ARTEFACT = ("bart", "gen_beam4_norepeat1")


@pytest.mark.parametrize(("name", "search"), generating())
def test_parity_of_generated_ids(name: str, search: str) -> None:
    recorded = case(name)
    settings = dict(json.loads((FOLDER / "generation.json").read_text())[search])
    length, beams = settings.pop("max_length"), settings.pop("num_beams")
    model = model_of(recorded)
    with torch.no_grad():
        ids = model.writer.write(model.encode(recorded.batch()), length - 1, beams, **settings)
    columns = length // 2 if (recorded.facts["backbone"], search) == ARTEFACT else length
    end = model.config.eos_token_id

    def texts(rows: list[list[int]]) -> list[list[int]]:
        """Up to their end: what fills a batch behind it differs."""
        cut = [row[1:columns] for row in rows]
        return [row[: row.index(end) + 1] if end in row else row for row in cut]

    assert texts(ids.tolist()) == texts(recorded.facts[search])


STEPS = names("train_loss")
BY_TOKEN = ("caption", "mmt")
CHOSEN = ("nlvr", "refcoco")  # by the logits at the first place of the text, without writing
TRUTH = {"true": 11, "false": 12}  # the ids that stood for the words when nlvr was recorded


def step_batch(recorded: Case) -> VLBatch:
    """The recorded batch as the collator would make it."""
    batch = recorded.batch()
    averaged: Literal["token", "example"] = "example"
    if recorded.name.endswith(BY_TOKEN) or recorded.name == "step_bart_refcoco":
        averaged = "token"
    if (there := recorded.inputs.get("exists_target")) is not None and recorded.name.endswith(
        "refcoco"
    ):
        labels = batch.labels.masked_fill(there[:, None] == 0, -100)
        batch = replace(batch, labels=labels)
    weights = recorded.inputs.get("loss_weights", batch.weights)
    return replace(batch, averaged=averaged, weights=weights)


@pytest.mark.parametrize("name", STEPS)
def test_parity_of_task_steps(name: str) -> None:
    recorded = case(name)
    batch, model = step_batch(recorded), model_of(recorded, **_head(recorded))
    losses = model(batch)
    assert model.count(batch) == losses.count
    assert (losses.sum / losses.count).item() == pytest.approx(
        recorded.facts["train_loss"], abs=1e-5
    )


@pytest.mark.parametrize("name", [n for n in STEPS if "test_step" in case(n).facts])
def test_parity_of_task_answers(name: str) -> None:
    recorded = case(name)
    batch, model = recorded.batch(), model_of(recorded)
    theirs = recorded.facts["test_step"]
    with torch.no_grad():
        if name.endswith(CHOSEN):
            logits = model.scores(model.first_states(batch))
        else:
            ids = model.writer.write(model.encode(batch), model.new_tokens).tolist()
    if name.endswith("nlvr"):
        truer = logits[:, TRUTH["true"]] >= logits[:, TRUTH["false"]]
        assert truer.long().tolist() == theirs["pred_ans_id"]
    elif name.endswith("refcoco"):
        best = logits.argmax(-1).tolist()
        # BART's were recorded as numbers of boxes, counted from the end of the vocabulary.
        boxes = [logits.shape[-1] - 1 - token for token in best]
        assert (boxes if "bart" in name else best) == theirs["pred"]
    else:
        texts = [" ".join(map(str, row)) for row in ids]
        assert texts == theirs.get("pred_ans", theirs.get("pred", theirs.get("qa_pred")))


@pytest.mark.parametrize("name", STEPS)
def test_parity_of_what_trains_in_task_steps(name: str) -> None:
    """Apart from a classifier's new head, which the published code leaves frozen."""
    recorded = case(name)
    model = model_of(recorded, **_head(recorded))
    ours = [[n, list(p.shape), p.requires_grad] for n, p in model.named_parameters()]
    theirs = [[n, s, on or n.startswith("answer_head.")] for n, s, on in recorded.facts["params"]]
    assert ours == theirs


def _head(recorded: Case) -> dict[str, Any]:
    if not recorded.args.classifier:
        return {}
    count = recorded.inputs["targets"].shape[1]
    return {"answers": [str(answer) for answer in range(count)], "classifier": True}
