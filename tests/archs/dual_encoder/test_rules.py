"""Rules against what they are about: the tables they read, and that they are all tried (B11)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import open_clip
import pytest

from tests.archs.dual_encoder.recorded import needs_recordings, numbers
from tests.archs.dual_encoder.small import PLAIN, reading
from tests.spec.rules.test_rules import CASES
from vlcli.archs.dual_encoder import known
from vlcli.archs.dual_encoder.adapter_rules import _misplaced, configuration
from vlcli.archs.dual_encoder.rules import OWN, RULES
from vlcli.archs.dual_encoder.spec import DualSpec
from vlcli.data import shapes
from vlcli.spec.fields import arguments
from vlcli.spec.run import Run
from vlcli.towers.text.huggingface import SHAPES


def test_every_rule_has_a_bad_spec_a_story_and_keys_that_exist() -> None:
    own = [each for each in RULES if each.code.startswith("I")]
    assert len(own) > len(OWN)
    tried = {case.code for case in CASES}
    assert [each.code for each in own if each.code not in tried] == []
    for each in own:
        assert len(each.story.split()) >= 8
        assert set(each.keys) <= set(arguments(DualSpec)), each.code


def test_known_shapes_are_those_that_are_built() -> None:
    for name, facts in known.SHAPES.items():
        config = SHAPES[name]()
        assert facts == known.Known(config.model_type, config.hidden_size), name


@needs_recordings
def test_known_widths_of_torchvision_are_the_recorded_ones() -> None:
    dims = numbers("torchvision_dims")["dims"]
    spec = {"image_model_builder": "torchvision", "image_head_n_layers": 0, "loss": "InfoNCE"}
    found = {name: known.width(Run({**spec, "image_model": name}), "image") for name in dims}
    told = {name: wide for name, wide in found.items() if wide is not None}
    assert told == {name: dims[name]["dim"] for name in told}
    assert len(told) > 40


def test_known_widths_of_open_clip_are_its_own() -> None:
    shipped = Path(open_clip.__file__).parent / "model_configs"  # others are those of other tests
    names = [name for name in open_clip.list_models() if (shipped / f"{name}.json").exists()]
    assert len(names) > 100
    assert {name: known.open_clip_width(name) for name in names} == {
        name: open_clip.get_model_config(name)["embed_dim"] for name in names
    }
    assert known.open_clip_width("RN51") is None


def test_a_folder_says_its_family_and_width(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_embd": 12}')
    assert known.transformers_model(str(tmp_path)) == known.Known("gpt2", 12)


def test_invertible_adapters_are_not_for_pictures() -> None:
    run = Run({"adapter": "lang_adapter", "image_adapter": "lang_adapter"})
    for side, many in (("image", 1), ("text", 0)):
        found = configuration(run, side)
        assert found is not None
        (part,) = found.parts
        assert len(list(_misplaced(part, side, "vit"))) == many


def test_files_with_fewer_lines_than_a_batch_are_told(tmp_path: Path) -> None:
    rows = tmp_path / "few.csv"
    rows.write_text("filepath\ttitle\na.png\ta cat\nb.png\ta dog\n")
    found = reading(dataset=None, train=str(rows), valid=str(rows), train_topk=-1, batch_size=4)
    said = [each.message for each in found.problems if each.code == "I26"]
    assert said == ["batch_size is 4 and there are 2 training examples."]
    fine = reading(dataset=None, train=str(rows), valid=str(rows), train_topk=-1, batch_size=2)
    assert [each for each in fine.problems if each.code == "I26"] == []


def test_fewer_drawn_pictures_than_a_batch_are_told(cache: Path) -> None:
    for rows, train in ((6000, "train"), (500, "valid")):
        found = reading(train=train, train_topk=-1, batch_size=rows + 1)
        said = [each.message for each in found.problems if each.code == "I26"]
        assert said == [f"batch_size is {rows + 1} and there are {rows} training examples."]
        fine = reading(train=train, train_topk=-1, batch_size=rows)
        assert [each for each in fine.problems if each.code == "I26"] == []
        assert len(shapes.load(cache=cache / "vlcli").records(train, "caption")) == rows


@pytest.mark.parametrize("wrong", [{"teacher": None}, {"adaptor": "lora"}])
def test_a_missing_teacher_and_an_unknown_key_are_refused(wrong: dict[str, object]) -> None:
    found = reading(loss="DINO", **wrong)
    assert [each.code for each in found.problems if each.severity == "error"] in (["V2"], ["K1"])


def test_checking_imports_nothing_heavy() -> None:
    values = {**PLAIN, "adapter": "lora", "image_adapter": "peft:lora"}
    code = (
        "import json, sys; from vlcli.spec.read import read_spec_text;"
        f"found = read_spec_text(json.dumps({values!r}), 'x'); assert found.spec is not None;"
        "print([m for m in ('torch', 'open_clip', 'peft', 'adapters') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


LOCKED = {"lock_image_model": True, "lock_text_model": True}
CLIP = {"text_model_builder": "open_clip", "text_model": "RN50", "text_pooler": "cls"}
SEED = {"loss": "SEED", "queue_size": 16}


@pytest.mark.parametrize(
    ("written", "idle", "live"),
    [
        ({"grad_cache_size": 2}, LOCKED, {"lock_image_model": True}),
        ({"dropout": 0.2}, {"lock_text_model": True}, {}),
        ({"dropout": 0.2}, CLIP, {}),
        ({"logit_scale": 0.5}, {**CLIP, "pretrained_text_model": True}, CLIP),
        ({"teacher": "image"}, {"loss": "RKD"}, {"loss": "CompRess-2q", "queue_size": 16}),
        ({"layer_decay_text": 0.5}, SEED, {**SEED, "teacher": "image"}),
        ({"adapter": "lora_adapter"}, SEED, {**SEED, "teacher": "image"}),
        ({"image_adapter": "peft:lora"}, {**SEED, "teacher": "image"}, SEED),
        ({"weight_decay": 0.1}, {"optim": "adam"}, {}),
        ({"max_logit_scale": 50.0}, {"test_only": True, "test": "test"}, {}),
        ({"freeze_bn_statistics": True}, {"lock_image_model": True}, {}),
    ],
)
def test_a_key_without_effect_is_told(
    written: dict[str, object], idle: dict[str, object], live: dict[str, object]
) -> None:
    (key,) = written

    def told(more: dict[str, object]) -> list[str]:
        plain = {name: None for name in ("tokenizer",) if "text_model_builder" in more}
        problems = reading(**{**more, **plain, **written}).problems
        said = rf"\b{key}\b.* (has|have) no effect"
        return [each.message for each in problems if re.search(said, each.message)]

    assert len(told(idle)) == 1
    assert told(live) == []
