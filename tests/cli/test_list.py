"""`vlcli list towers`: libraries at once, and the towers of one with their weights."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer

from vlcli.cli.list_ import list_
from vlcli.spec.encoders import TOWERS


def shown(capsys: pytest.CaptureFixture[str], *words: str, **options: str | bool) -> str:
    list_(*words, **{"library": None, "find": None, "json": False, **options})  # type: ignore[arg-type]
    told = capsys.readouterr()
    return told.out + told.err


def test_the_libraries_are_told_without_importing_one() -> None:
    code = (
        "import sys; from vlcli.cli.list_ import list_\n"
        "list_('towers', None, None, False)\n"
        "assert not {'torch', 'timm', 'open_clip', 'transformers'} & sys.modules.keys()"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in told.stdout for name in TOWERS)


def test_architectures_come_with_their_weights(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown(capsys, "towers", library="open_clip", json=True))
    by_name = {each["name"]: each for each in found}
    assert by_name["RN50"]["weights"][:1] == ["openai"]
    assert by_name["RN50"]["sides"] == ["image", "text"]
    assert sum(len(each["weights"]) for each in found) >= 196
    found = json.loads(shown(capsys, "towers", library="torchvision", json=True))
    assert len(found) == 80
    assert {"name": "resnet50", "sides": ["image"]}.items() <= next(
        each for each in found if each["name"] == "resnet50"
    ).items()
    found = json.loads(shown(capsys, "towers", library="timm", json=True))
    assert next(e for e in found if e["name"] == "vit_base_patch16_224")["weights"][:1] == [
        "augreg2_in21k_ft_in1k"
    ]


def test_names_and_weights_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys, "towers", library="open_clip", find="datacomp_xl")
    assert "ViT-L-14" in said
    assert "RN50" not in said
    assert '3 towers of open_clip with "datacomp_xl"' in said
    said = shown(capsys, "towers", library="huggingface", find="bert-tiny")
    assert "1 tower of huggingface" in said
    assert "any folder" in said


@pytest.mark.parametrize(
    ("words", "options", "said"),
    [
        (("towers",), {"library": "opencv"}, 'no library of towers "opencv"'),
        (("tasks",), {"library": "timm"}, "belong to `vlcli list towers LIBRARY`"),
        (("towers",), {"find": "RN50"}, "belong to `vlcli list towers LIBRARY`"),
    ],
)
def test_what_cannot_be_listed_is_told(
    words: tuple[str],
    options: dict[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as stopped:
        shown(capsys, *words, **options)
    assert stopped.value.exit_code == 2
    assert said in capsys.readouterr().err


def test_arguments_of_itra_have_a_key_or_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {each["name"]: each for each in json.loads(shown(capsys, "itra", json=True))}
    assert rows["train_data"]["summary"] == "train"
    assert rows["torchscript"]["summary"] == "no key"
    assert rows["torchscript"]["source"]
