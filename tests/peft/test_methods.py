"""What holds for every tuning method on both families: what learns, is kept, written, refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.peft.tried import (
    FAMILIES,
    METHODS,
    SHARED,
    TASKS,
    Trained,
    batch_of,
    fresh,
    outputs,
    train,
)
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.runtime.weights import load_weights, read_weights, save_weights
from vlcli.spec.problem import UserError

STEPS = 7  # tokens written

# A key bias adds the same to all scores of a query, which softmax takes away again.
KEY_BIAS = r"\.k_proj\.bias$"
# Published generators that nothing reads, by the method that has them.
UNREAD = {
    "hyper_unique_norms": r"encoder\.adapter_layers_hyper_net\.cross_attention_p\w+_layernorm",
    "hyper_no_cross": r"decoder\.adapter_layers_hyper_net\.cross_attention_",
}


@pytest.fixture(
    scope="module",
    params=[(family, method) for method in METHODS for family in FAMILIES],
    ids=lambda pair: "-".join(pair),
)
def trained(request: pytest.FixtureRequest) -> Trained:
    return train(*request.param)


def test_only_the_method_and_the_visual_embedding_train(trained: Trained) -> None:
    assert trained.trainable == trained.own
    moved = set.union(*trained.moved.values())
    assert moved <= trained.own
    for name, parameter in trained.model.named_parameters():
        assert torch.equal(parameter, trained.first[name]) == (name not in moved), name


def test_every_parameter_of_the_method_learns(trained: Trained) -> None:
    assert trained.finite
    unread = re.compile(UNREAD.get(trained.method, "$^"))
    left = {name for name in trained.own - trained.reached if not re.search(KEY_BIAS, name)}
    assert left == {name for name in trained.own if unread.search(name)}


def test_the_step_of_one_task_leaves_what_others_own(trained: Trained) -> None:
    owned = owned_by_task(trained.model)
    one, two = TASKS
    assert not trained.moved[one] & owned[two]
    assert not trained.moved[two] & owned[one]
    by_task = trained.model.tuning is not None and trained.model.tuning.by_task
    for task in TASKS:
        assert bool(trained.moved[task] & owned[task]) == (by_task and trained.method not in SHARED)


def owned_by_task(built: VLArchitecture) -> dict[str, set[str]]:
    """The parameters that bear the name of one task alone."""
    bearing: dict[nn.Parameter, set[str]] = {}
    for name, parameter in built.named_parameters(remove_duplicate=False):
        bearing.setdefault(parameter, set()).update(set(TASKS) & set(name.split(".")))
    first = {parameter: name for name, parameter in built.named_parameters()}
    return {task: {first[p] for p, names in bearing.items() if names == {task}} for task in TASKS}


def test_outputs_are_the_same_every_time_and_after_saving(trained: Trained, tmp_path: Path) -> None:
    batch = trained.batches[TASKS[1]]
    wanted = outputs(trained.model, batch)
    assert all(map(torch.equal, outputs(trained.model, batch), wanted))

    path = tmp_path / "weights.safetensors"
    save_weights(trained.model.state_dict(), path)
    again = fresh(trained.family, **METHODS[trained.method])
    assert not torch.equal(outputs(again, batch)[1], wanted[1])
    load_weights(again, read_weights(path), path)
    assert all(map(torch.equal, outputs(again, batch), wanted))


def test_rows_of_a_batch_do_not_mix(trained: Trained) -> None:
    batch = batch_of(trained.model)
    states, logits = outputs(trained.model, batch)
    turned = outputs(trained.model, batch_of(trained.model, backwards=True))
    torch.testing.assert_close(turned[0].flip(0), states, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(turned[1].flip(0), logits, atol=1e-5, rtol=1e-5)


def test_steps_with_a_cache_write_what_whole_passes_find_likeliest(trained: Trained) -> None:
    built = trained.model
    end = built.config.eos_token_id
    with torch.no_grad():
        encoded = built.encode(trained.batches[TASKS[1]])
        ids = built.writer.write(encoded, STEPS, min_new_tokens=STEPS)
        assert ids.shape[1] == 1 + STEPS
        logits = built.scores(built.decode_all(ids[:, :-1], encoded))
    logits[..., end] = -torch.inf
    chosen = logits.gather(2, ids[:, 1:, None])[..., 0]
    assert (logits.amax(-1) - chosen).max() < 1e-4


def test_beams_have_the_scores_of_whole_passes_in_any_order(trained: Trained) -> None:
    built = trained.model
    texts, scores = beams(built, batch_of(built))
    turned, _ = beams(built, batch_of(built, backwards=True))
    assert turned[::-1] == texts
    assert scores == pytest.approx(by_hand(built, batch_of(built), texts), abs=1e-4)


@torch.no_grad()
def beams(built: VLArchitecture, batch: VLBatch) -> tuple[list[list[int]], list[float]]:
    """Written texts up to their end, and their mean scores as the search gives them."""
    end = built.config.eos_token_id
    found: Any = built.writer.write(
        built.encode(batch), STEPS, 3, return_dict_in_generate=True, output_scores=True
    )
    rows = found.sequences[:, 1:].tolist()
    texts = [row[: row.index(end) + 1] if end in row else row for row in rows]
    return texts, found.sequences_scores.tolist()


@torch.no_grad()
def by_hand(built: VLArchitecture, batch: VLBatch, texts: list[list[int]]) -> list[float]:
    """The mean log probability of each text, as beams are compared: BART's last token is forced
    at the limit and costs nothing, and T5 counts a token more for a text that is cut off."""
    encoded, found = built.encode(batch), []
    longest = max(map(len, texts))
    ids = torch.full((len(texts), 1 + longest), built.config.pad_token_id)
    ids[:, 0] = built.config.decoder_start_token_id
    for row, text in enumerate(texts):
        ids[row, 1 : 1 + len(text)] = torch.tensor(text)
    logs = built.scores(built.decode_all(ids[:, :-1], encoded)).log_softmax(-1)
    for row, text in enumerate(texts):
        forced = built.family == "bart" and len(text) == STEPS
        each = logs[row].gather(1, ids[row, 1:, None])[: len(text) - forced, 0]
        cut = text[-1] != built.config.eos_token_id
        found.append(each.sum().item() / (len(text) + cut))
    return found


def test_a_batch_of_an_unknown_task_is_refused_where_tasks_own_parameters(
    trained: Trained,
) -> None:
    batch = replace(trained.batches[TASKS[0]], task="nlvr")
    if trained.method.startswith(("prefix", "output")):
        assert trained.model(batch).sum.isfinite()
        return
    with pytest.raises(UserError, match="vqa, gqa") as caught:
        trained.model(batch)
    assert '"nlvr"' in str(caught.value)
