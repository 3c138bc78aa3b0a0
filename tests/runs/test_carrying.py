"""What a run learned beside a pretrained backbone: kept small, exported, and taken up elsewhere."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import AutoModelForSeq2SeqLM

from tests.archs.vlt5 import tiny
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.backbones import known_config
from vlcli.archs.vlt5.building import VLBuilding
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.archs.vlt5.tokenizer import save_tokenizer
from vlcli.runs.export import export
from vlcli.runs.folder import RunFolder
from vlcli.runs.weights import load_best, load_into
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.runtime.engine import Engine
from vlcli.runtime.keeper import Keeper
from vlcli.runtime.optimizer import build_optimizer
from vlcli.runtime.snapshot import WEIGHTS, Position
from vlcli.runtime.sources import ROWS, SOURCES
from vlcli.runtime.weights import read_weights
from vlcli.spec.problem import UserError

ADAPTERS = {"use_adapter": True, "tasks": ("vqa", "caption"), "unfreeze_layer_norms": True}
LORA = {"use_lora": True, "tasks": ("vqa", "caption")}


@pytest.fixture(params=["t5", "bart"])
def backbone(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A "pretrained" model in a folder, its vocabulary smaller than the tokenizer's."""
    config = known_config(f"{request.param}-tiny")
    assert config is not None
    config.vocab_size = len(tiny.tokenizer(request.param)) - 150
    torch.manual_seed(5)
    folder = tmp_path / request.param
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    return folder


def spec(backbone: Path, **arguments: Any) -> VLSpec:
    arch = "vlbart" if backbone.name == "bart" else "vlt5"
    plain = {"backbone": str(backbone), "task": "vqa", "feat_dim": tiny.F, "device": "cpu"}
    return VLSpec(**{**plain, "arch": arch, **arguments})


def built(spec: VLSpec, seed: int = 1) -> VLArchitecture:
    torch.manual_seed(seed)
    words = tiny.tokenizer("bart" if "bart" in Path(spec.backbone).name else "t5")
    model = VLArchitecture.build(spec, words, tiny.F, tiny.ANSWERS)
    VLBuilding().freeze(model, spec)
    return model.eval()


def learned(folder: Path, spec: VLSpec) -> tuple[RunFolder, VLArchitecture]:
    """A run with one checkpoint of a model whose trained parameters are all drawn anew."""
    model = built(spec)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    run = RunFolder(folder)
    save_tokenizer(model.tokenizer, folder / "tokenizer")
    with Engine(spec) as engine:
        optimizer = build_optimizer(spec, model.param_groups(0.0))
        checkpoints = Checkpoints(folder / "checkpoints")
        keeper = Keeper(checkpoints, engine, model, model, optimizer, {}, 1, whole=spec.save_frozen)
        keeper.save(Position(step=1), best=True)
    return run, model


@torch.no_grad()
def losses(model: VLArchitecture, task: str = "vqa") -> torch.Tensor:
    batch = model.collator()([tiny.question(n, task=task) for n in range(4)])
    return model.written(batch).losses


def held(run: RunFolder) -> Path:
    return Checkpoints(run.path / "checkpoints").best()


def test_a_checkpoint_holds_what_was_trained_and_names_the_rest(backbone, tmp_path) -> None:
    given = spec(backbone, **ADAPTERS)
    run, model = learned(tmp_path / "run", given)
    (left,) = json.loads((held(run) / SOURCES).read_text())
    assert (left["name"], left["revision"]) == (str(backbone), None)
    names = set(load_file(held(run) / WEIGHTS))
    shared = "model.shared.weight" if backbone.name == "bart" else "shared.weight"
    old = len(model.tokenizer) - 150  # type: ignore[arg-type]
    assert {each for each in names if ROWS in each} == {f"{shared}{ROWS}{old}"}
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert {name for name in names if ROWS not in name} == trained

    again = built(given, seed=2)
    assert not torch.equal(losses(again), losses(model))
    load_best(again, run)
    assert torch.equal(losses(again), losses(model))
    assert torch.equal(losses(again, "caption"), losses(model, "caption"))


@pytest.mark.parametrize("adapter", ["double_seq_bn", "lora", "prefix_tuning", "compacter"])
def test_the_librarys_adapters_are_kept_and_taken_up_too(backbone, tmp_path, adapter) -> None:
    given = spec(backbone, adapter=adapter)
    run, model = learned(tmp_path / "run", given)
    assert (held(run) / SOURCES).exists()
    again = built(given, seed=2)
    load_best(again, run)
    assert torch.equal(losses(again), losses(model))
    plain, _ = learned(tmp_path / "plain", spec(backbone))
    (remark,) = load_into(built(given), str(held(plain)))
    assert "gives no weights for" in remark


def test_save_frozen_keeps_everything(backbone, tmp_path) -> None:
    given = spec(backbone, **ADAPTERS)
    small, _ = learned(tmp_path / "small", given)
    whole, model = learned(tmp_path / "whole", given.but(save_frozen=True))
    assert not (held(whole) / SOURCES).exists()
    assert set(read_weights(held(whole) / WEIGHTS)) == set(model.state_dict())
    sizes = [(held(run) / WEIGHTS).stat().st_size for run in (small, whole)]
    assert sizes[1] > 2 * sizes[0]


def test_another_backbone_in_the_same_place_is_refused(backbone, tmp_path) -> None:
    given = spec(backbone, **ADAPTERS)
    run, _ = learned(tmp_path / "run", given)
    stock = AutoModelForSeq2SeqLM.from_pretrained(backbone)
    with torch.no_grad():
        next(iter(stock.get_encoder().parameters()))[0, 0] += 1
    stock.save_pretrained(backbone)
    with pytest.raises(UserError, match="this model has other weights in its place"):
        load_best(built(given), run)


def test_full_fine_tuning_is_kept_whole(backbone, tmp_path) -> None:
    run, model = learned(tmp_path / "run", spec(backbone, unfreeze_language_model=True))
    buffers = {name for name, _ in model.named_buffers()}
    names = set(read_weights(held(run) / WEIGHTS))
    assert names >= set(model.state_dict()) - buffers


def test_one_task_is_exported_and_taken_up_by_a_model_of_that_task(backbone, tmp_path) -> None:
    for number, method in enumerate((ADAPTERS, LORA, {**ADAPTERS, "use_single_adapter": True})):
        given = spec(backbone, **method)
        run, model = learned(tmp_path / f"run{number}", given)
        place, size = export(run, given, None, "caption", merged=False)
        assert size < (held(run) / WEIGHTS).stat().st_size or given.use_single_adapter
        names = set(read_weights(place / WEIGHTS))
        assert not any("vqa" in name.split(".") for name in names)
        alone = built(given.but(tasks=("caption",)), seed=3)
        assert load_into(alone, str(place)) == []
        assert torch.equal(losses(alone, "caption"), losses(model, "caption"))
        with pytest.raises(UserError, match="an export never writes over another"):
            export(run, given, None, "caption", merged=False)


def test_lora_is_folded_and_taken_up_by_a_plain_model(backbone, tmp_path) -> None:
    given = spec(backbone, **LORA)
    run, model = learned(tmp_path / "run", given)
    with pytest.raises(UserError, match="Choose it: --merged --task vqa"):
        export(run, given, None, None, merged=True)
    place, _ = export(run, given, None, "vqa", merged=True)
    plain = built(spec(backbone, from_scratch=True), seed=4)
    assert not any("lora" in name for name in plain.state_dict())
    assert load_into(plain, str(place)) == []
    assert_close(losses(plain), losses(model), atol=2e-5, rtol=1e-5)


def test_what_cannot_be_folded_or_found_says_why(backbone, tmp_path) -> None:
    given = spec(backbone, **ADAPTERS)
    run, _ = learned(tmp_path / "run", given)
    with pytest.raises(UserError, match="between its two projections stands a GELU"):
        export(run, given, None, None, merged=True)
    with pytest.raises(UserError, match='no parameters of "gqa"; it has those of vqa, caption'):
        export(run, given, None, "gqa", merged=False)
    with pytest.raises(UserError, match="has no LoRA"):
        export(run, given.but(use_adapter=False), None, None, merged=True)
    assert not (run.path / "exports").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tasks": ("vqa",)}, r"has \d+ weights .*\.caption\."),
        ({"reduction_factor": 4}, r"down_sampler\.\w+ is"),
        ({"add_layer_norm_before_adapter": True}, r"lacks \d+ weights .*pre_layer_norm"),
        ({"use_adapter": False, "use_lradapter": True}, r"has \d+ weights .*_adapter\.adapters"),
        ({"use_adapter": False}, r"has \d+ weights"),
    ],
)
def test_weights_of_another_method_rank_or_task_list_are_refused(
    backbone, tmp_path, change, said
) -> None:
    given = spec(backbone, **ADAPTERS)
    run, _ = learned(tmp_path / "run", given)
    with pytest.raises(UserError, match=said) as caught:
        load_into(built(given.but(**change)), str(held(run)))
    assert "is of another model" in str(caught.value)
    assert caught.value.exit_code == 4


def test_weights_without_the_method_begin_it_anew_and_say_so(backbone, tmp_path) -> None:
    run, model = learned(tmp_path / "run", spec(backbone, unfreeze_layer_norms=True))
    with_method = built(spec(backbone, **LORA))
    (remark,) = load_into(with_method, str(held(run)))
    assert "gives no weights for" in remark
    assert "lora_As" in remark
    assert torch.equal(losses(with_method), losses(model))  # fresh LoRA changes nothing


def test_a_flipped_bit_and_a_cut_file_are_found(backbone, tmp_path) -> None:
    given = spec(backbone, **ADAPTERS)
    run, _ = learned(tmp_path / "run", given)
    place, size = export(run, given, None, "vqa", merged=False)
    raw = bytearray((place / WEIGHTS).read_bytes())
    raw[size // 2] ^= 1
    model = built(given.but(tasks=("vqa",)))
    for damaged in (bytes(raw), bytes(raw[: size // 2])):
        (place / WEIGHTS).write_bytes(damaged)
        with pytest.raises(UserError, match="is corrupt"):
            load_into(model, str(place))


def test_a_published_pth_loads_by_name_and_runs_no_code(backbone, tmp_path) -> None:
    given = spec(backbone, unfreeze_language_model=True)
    _, model = learned(tmp_path / "run", given)
    root = "model." if backbone.name == "bart" else ""
    published = {}
    for name, value in model.state_dict().items():
        old = name.replace(f"{root}encoder.", f"{root}vis_encoder.", 1)
        published[f"module.{old}"] = value.clone()  # data parallel's prefix; ties written out
    torch.save(published, tmp_path / "Epoch30.pth")
    again = built(given, seed=2)
    assert load_into(again, str(tmp_path / "Epoch30")) == []
    assert torch.equal(losses(again), losses(model))

    (tmp_path / "bad.pth").write_bytes(pickle.dumps({"shared.weight": _Code(tmp_path / "ran")}))
    with pytest.raises(UserError, match="cannot be read"):
        load_into(again, str(tmp_path / "bad.pth"))
    assert not (tmp_path / "ran").exists()


class _Code:
    """What a pickle may do when it is read: here it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (shutil.copyfile, ("/dev/null", str(self.path)))
