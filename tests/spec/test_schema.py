"""The JSON Schema accepts what vlcli accepts, and refuses what its types refuse."""

from __future__ import annotations

from pathlib import Path

import json5
import jsonschema
import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec.entries import ARCHS
from vlcli.spec.fields import arguments
from vlcli.spec.read import read_spec_text
from vlcli.spec.schema import schema_of

SCHEMA = schema_of(["vlt5", "vlbart"])
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
OF_ALL = jsonschema.Draft202012Validator(schema_of(list(ARCHS)))
SPECS = sorted(Path(__file__).parents[2].joinpath("specs").rglob("*.json5"))


def test_it_is_a_schema_of_the_2020_dialect():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_passes_that_of_all_architectures(path):
    OF_ALL.validate(json5.loads(path.read_text()))


def test_every_key_has_a_description_and_a_default():
    for key in arguments(VLSpec):
        assert SCHEMA["properties"][key]["description"]
        assert "default" in SCHEMA["properties"][key]


@pytest.mark.parametrize(
    "text",
    [
        '{ task: "vqa", tasks: ["vqa", "gqa"], unfreeze_lm_head: true, image_size: [448, 448] }',
        '{ task: "pretrain", losses: "lm,qa", wordMaskRate: 0.3, unfreeze_lm_head: true }',
        '{ "$schema": "./vlcli.schema.json", task: "vqa", lr: 1, unfreeze_lm_head: true }',
        '{ task: "vqa", epochs: 1e1, unfreeze_lm_head: true, load: null }',
    ],
)
def test_what_vlcli_accepts_passes(text):
    errors = [each for each in read_spec_text(text).problems if each.severity == "error"]
    assert errors == []
    VALIDATOR.validate(json5.loads(text))


@pytest.mark.parametrize(
    "values",
    [
        {"lora_dim": 0},
        {"lora_dim": "4"},
        {"optim": "adamW"},
        {"use_adapter": "true"},
        {"dropout": 1.0},
        {"no_such_key": 1},
        {"task": "no such task"},
        {"arch": "no such arch"},
        {"image_size": "large"},
        {"epochs": None},
    ],
    ids=str,
)
def test_what_vlcli_refuses_by_type_or_range_fails(values):
    import json

    assert any(each.severity == "error" for each in read_spec_text(json.dumps(values)).problems)
    assert list(VALIDATOR.iter_errors({"task": "vqa", **values}))
