"""Methods of the adapters library: equal to its own models on text, and trained, saved and written
with as our own methods are."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from typing import Any

import adapters  # type: ignore[import-untyped]
import pytest
import torch
from adapters import ConfigUnion
from adapters.configuration.adapter_config import (  # type: ignore[import-untyped]
    ADAPTER_CONFIG_MAP,
    BnConfig,
    LoRAConfig,
)
from torch import Tensor
from transformers import BartForConditionalGeneration, T5ForConditionalGeneration
from transformers.modeling_utils import no_init_weights

from tests.archs.vlt5.tiny import model, question, spec
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.peft.freezing import freeze
from vlcli.peft.library import restart_magnitudes
from vlcli.spec.library import ADAPTER, NAMES, UNIONS, read

FAMILIES = ("t5", "bart")
OPTIONS = (
    "bottleneck_adapter",
    "lora_adapter",
    "seq_bn|lora[r=2]",
    "prefix_tuning[bottleneck_size=16] | par_bn[mh_adapter=True] | ia3",
    "prefix_tuning[encoder_prefix=False]",
    "prefix_tuning_flat[cross_prefix=False, prefix_length=3]",
    "compacter++[shared_phm_rule=False, factorized_phm_rule=True]",
    "compacter[shared_W_phm=True]",
    "seq_bn[cross_adapter=True, scaling='channel', ln_before=True, ln_after=True]",
    "seq_bn[leave_out=[0, 1]]|double_seq_bn[leave_out=[2, 3]]",
    "lora[intermediate_lora=True, output_lora=True, attn_matrices=['q', 'k', 'v']]",
)
TEXTS = (*NAMES, *UNIONS, *OPTIONS)
GATED = ("unipelt",)  # R169
RANDOM = [f"{at}shared_parameters.{ADAPTER}.lora_{x}" for at in ("", "model.") for x in "AB"]

both = pytest.mark.parametrize("family", FAMILIES)
kinds = pytest.mark.parametrize("text", [*NAMES, *UNIONS])
every = pytest.mark.parametrize("text", TEXTS)


def built(family: str, *answers: Any, **arguments: Any) -> VLArchitecture:
    return model(family, *answers, task="vqa", **arguments)


@cache
def tuned(family: str, text: str) -> VLArchitecture:
    """A model with an adapter that has learned something; not to be changed."""
    made = built(family, adapter=text)
    freeze(made, spec(family), ["library"])
    drawn = torch.Generator().manual_seed(3)
    with torch.no_grad():  # adapters begin as what changes nothing
        for name, each in made.named_parameters():
            if f".{ADAPTER}." in name:
                each.add_(torch.randn(each.shape, generator=drawn), alpha=0.1)
    return made.eval()


def batch(made: VLArchitecture, visual: bool = True) -> VLBatch:
    asked = made.collator()([question(0), question(3, text="vqa: left?"), question(2)])
    return asked if visual else replace(asked, visual=None)


def twin(made: VLArchitecture, family: str, text: str) -> Any:
    """The library's own model with the same weights, by its own means."""
    kind = T5ForConditionalGeneration if family == "t5" else BartForConditionalGeneration
    with no_init_weights():
        stock: Any = kind(copy.deepcopy(made.config))
    adapters.init(stock)
    stock.add_adapter(ADAPTER, config=library_config(text))
    stock.train_adapter(ADAPTER)
    if family == "bart":  # its fused attention hides a prefix from the decoder
        stock.set_attn_implementation("eager")
    missing, extra = stock.load_state_dict(made.state_dict(), strict=False)
    assert [name for name in extra if "visual_embedding" not in name] == []
    assert [name for name in missing if ".prefix_tuning.pool." not in name] == []
    return stock.eval()


def library_config(text: str) -> Any:
    published = {
        "bottleneck_adapter": BnConfig(True, True, reduction_factor=16, non_linearity="relu"),
        "lora_adapter": LoRAConfig(r=8, alpha=16),
    }
    return published.get(text, text)


def logits(made: VLArchitecture, asked: VLBatch) -> tuple[Tensor, Tensor]:
    encoded = made.encode(asked)
    return encoded.states, made.scores(made.decode_all(made.shifted(asked.labels), encoded))


def of_twin(stock: Any, made: VLArchitecture, asked: VLBatch) -> tuple[Tensor, Tensor]:
    out = stock(
        input_ids=asked.input_ids,
        attention_mask=(asked.input_ids != made.config.pad_token_id).long(),
        decoder_input_ids=made.shifted(asked.labels),
        use_cache=False,
    )
    return out.encoder_last_hidden_state, out.logits


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@both
@every
def test_states_logits_and_gradients_are_the_librarys_own(family, text):
    made = tuned(family, text)
    stock, asked = twin(made, family, text), batch(made, visual=False)
    seen = asked.input_ids != made.config.pad_token_id
    (states, scores), (known, wanted) = logits(made, asked), of_twin(stock, made, asked)
    close(states[seen], known[seen])
    close(scores, wanted)
    theirs = dict(stock.named_parameters(remove_duplicate=False))
    mine = {n: p for n, p in made.named_parameters() if p.requires_grad and n in theirs}
    assert mine
    assert all(theirs[name].requires_grad for name in mine)
    of_mine = torch.autograd.grad(scores.logsumexp(-1).mean(), list(mine.values()))
    of_theirs = torch.autograd.grad(wanted.logsumexp(-1).mean(), [theirs[name] for name in mine])
    for name, one, other in zip(mine, of_mine, of_theirs, strict=True):
        scale = float(other.abs().max())
        assert scale > 0, f"no gradient reaches {name}"
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * scale)


@both
@kinds
def test_one_step_changes_the_adapter_and_the_visual_embedding_alone(family, text):
    made = copy.deepcopy(tuned(family, text))
    before = {name: each.detach().clone() for name, each in made.named_parameters()}
    optimizer = torch.optim.Adam([p for p in made.parameters() if p.requires_grad], lr=0.1)
    losses = made.train()(batch(made))
    (losses.sum / losses.count).backward()
    optimizer.step()
    changed = {
        name for name, each in made.named_parameters() if not torch.equal(each, before[name])
    }
    mine = {name for name in before if f".{ADAPTER}." in name} - set(RANDOM)
    assert {name for name in changed if "visual_embedding" not in name} == mine
    assert any("visual_embedding" in name for name in changed)


@both
@kinds
def test_saved_and_loaded_it_computes_the_same_bitwise(family, text):
    made = tuned(family, text)
    asked = batch(made)
    again = copy.deepcopy(made)
    with torch.no_grad():
        for each in again.parameters():
            each.fill_(7.0)
    again.load_state_dict(made.state_dict(), strict=True)
    with torch.no_grad():
        for one, other in zip(logits(made, asked), logits(again, asked), strict=True):
            assert torch.equal(one, other)
    saved = {name for name in made.state_dict() if f".{ADAPTER}." in name}
    assert saved == {n for n, _ in made.named_parameters(remove_duplicate=False) if n in saved}
    assert not any(".pool." in name for name in saved)


@both
@kinds
def test_what_is_written_token_by_token_is_what_all_at_once_would_be(family, text):
    made = tuned(family, text)
    search = {"min_new_tokens": 5, "forced_bos_token_id": None}
    with torch.no_grad():
        encoded = made.encode(batch(made))
        ids = made.writer.write(encoded, 5, **search)
        scores = made.scores(made.decode_all(ids[:, :-1], encoded))
    assert ids.shape == (3, 6)
    scores[..., made.config.eos_token_id] = -torch.inf
    assert torch.equal(scores.argmax(-1), ids[:, 1:]) or text in GATED


@both
def test_gates_write_as_the_librarys_own_do(family):
    made = tuned(family, "unipelt")
    stock, asked = twin(made, family, "unipelt"), batch(made, visual=False)
    search = {"min_new_tokens": 8, "forced_bos_token_id": None}
    with torch.no_grad():
        ids = made.writer.write(made.encode(asked), 8, **search)
        known = stock.generate(
            input_ids=asked.input_ids,
            attention_mask=(asked.input_ids != made.config.pad_token_id).long(),
            max_new_tokens=8,
            do_sample=False,
            num_beams=1,
            forced_eos_token_id=None,
            **search,
        )
    assert torch.equal(ids, known)


@both
@pytest.mark.parametrize("text", ["prefix_tuning", "lora", "vera", "mam"])
def test_a_single_beam_among_beams_scores_as_all_at_once(family, text):
    made = tuned(family, text)
    asked = batch(made)
    with torch.no_grad():
        encoded = made.encode(asked)
        out = made.writer.write(
            encoded,
            6,
            beams=3,
            output_scores=True,
            return_dict_in_generate=True,
            length_penalty=0.0,
            min_new_tokens=6,
            forced_bos_token_id=None,
        )
        ids = out.sequences
        scores = made.scores(made.decode_all(ids[:, :-1], encoded))
    picked = scores.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    free = picked if family == "t5" else picked[:, :-1]  # BART is made to close the text
    close(free.sum(1), out.sequences_scores)


@both
@pytest.mark.parametrize("text", ["prefix_tuning", "mam", "seq_bn_inv", "compacter", "ia3"])
def test_a_row_alone_gives_what_it_gives_in_a_batch(family, text):
    """Masks and positions count the prefix, the text and the pictures."""
    made = tuned(family, text)
    one, many = made.collator()([question(3, text="vqa: left?")]), batch(made)
    with torch.no_grad():
        alone, among = made.encode(one), made.encode(many)
        states, mask = among.states[1][among.mask[1]], among.mask[1]
        assert int(mask.sum()) == alone.states.shape[1]
        close(alone.states[0], states)


@both
def test_the_answer_head_and_the_library_work_together(family):
    made = built(family, ("red", "blue"), adapter="mam", classifier=True)
    names = freeze(made, spec(family), ["library"])
    losses = made(made.collator()([question(0, target="red"), question(1, target="blue")]))
    losses.sum.backward()
    assert "answer_head.0.weight" in names
    assert all(p.grad is not None for n, p in made.named_parameters() if f".{ADAPTER}." in n)


@both
@pytest.mark.parametrize("text", ["mam", "unipelt", "compacter", "dvora", "seq_bn_inv"])
def test_it_is_counted_on_the_meta_device(family, text):
    from vlcli.archs.vlt5.bart import VLBart
    from vlcli.archs.vlt5.t5 import VLT5

    here = tuned(family, text)
    kind = T5ForConditionalGeneration if family == "t5" else BartForConditionalGeneration
    with torch.device("meta"):
        asked = spec(family, adapter=text)
        ours = VLT5 if family == "t5" else VLBart
        there = ours(kind(copy.deepcopy(here.config)), asked, 8, tuning=asked, tasks=("vqa",))
    counts = [
        {name: tuple(each.shape) for name, each in made.named_parameters()}
        for made in (here, there)
    ]
    assert counts[0] == counts[1]
    freeze(there, asked, ["library"])
    trained = [{n for n, p in made.named_parameters() if p.requires_grad} for made in (here, there)]
    assert trained[0] == trained[1]


@both
def test_magnitudes_can_be_taken_again_from_loaded_weights(family):
    made = built(family, adapter="dora", use_vision=False)
    asked = batch(made)
    with torch.no_grad():
        for name, each in made.named_parameters():
            if name.endswith(("q.weight", "q_proj.weight")):
                each *= 3
        restart_magnitudes(made)
        plain = built(family, use_vision=False)
        plain.load_state_dict({k: v for k, v in made.state_dict().items() if ADAPTER not in k})
        close(logits(made, asked)[1], logits(plain, asked)[1])


@pytest.mark.parametrize("text", [*TEXTS, *UNIONS, "mam[leave_out=[0]]", "unipelt[dropout=0.1]"])
def test_the_settings_of_the_spec_are_those_of_the_library(text):
    found = read(text)
    library = library_config(text)
    if isinstance(library, str):
        library = adapters.AdapterConfig.load(library)
    parts = library.configs if isinstance(library, ConfigUnion) else [library]
    assert len(parts) == len(found.parts)
    for ours, theirs in zip(found.parts, parts, strict=True):
        known = theirs.to_dict()
        assert {key: known[key] for key in ours.settings} == dict(ours.settings)
        left = {"learn_phm", "init_weights_seed", "dtype", "architecture"}
        assert set(known) - set(ours.settings) <= left


def test_every_name_of_the_library_is_known_or_has_a_reason():
    from vlcli.spec.library import ALIASES, UNSUPPORTED

    assert set(ADAPTER_CONFIG_MAP) <= {*NAMES, *UNIONS, *ALIASES, *UNSUPPORTED}
