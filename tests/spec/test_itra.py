"""Commands of ITRA become specs; every argument of it has a key, or a reason why it has none."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import json5
import pytest

from vlcli.archs.dual_encoder.spec import DualSpec
from vlcli.spec.convert import ConvertError, convert_script, convert_words, render
from vlcli.spec.fields import arguments
from vlcli.spec.itra import DEFAULTS, FATES, ITRA, OLD, REMOVED
from vlcli.spec.read import read_spec, read_spec_text

LATE = {"BYOL", "nori-dataset", "retrieval-nori-dataset", "skip-scheduler"}

COCO = r"""
torchrun --nproc_per_node 8 -m training.main \
    --train-data 'mscoco_captions' --retrieval-data 'mscoco_captions' \
    --retrieval-frequency 1 --eval-data-dir '/data/Datasets' \
    --epochs 10 --save-frequency 0 --batch-size 32 --workers 2 \
    --lr 1e-5 --warmup 100 --weight_decay 0.5 --max-grad-norm 5 \
    --image-model 'RN50' --image-model-builder 'openclip' --text-model 'RN50' \
    --text-model-builder 'openclip' --pretrained-image-model --pretrained-text-model \
    --loss 'InfoNCE' \
    --report-to tensorboard --logs 'logs/MSCOCO-RN50'  --name '10ep-bs256-lr1e-5-wd0.5'
"""
SCRATCH = r"""
torchrun --nproc_per_node 8 -m training.main \
    --dataset-size 14000000 --episode-size 14000000 --train-data 'cache/yfcc.csv' --nori-dataset\
    --epochs 8 --save-frequency 8 --batch-size 64 --workers 8 \
    --lr 5e-4 --warmup 2000 --wd 0.5 --max-grad-norm 5 \
    --image-model 'RN50' --image-model-builder 'openclip' --text-model 'RN50' \
    --text-model-builder 'openclip' --loss 'InfoNCE' \
    --report-to tensorboard --logs 'logs/clip-pretraining/YFCC14M-8_epoch-RN50'
"""
CLASSES = r"""
python itra/training/main.py \
    --train-data 'CIFAR10' \
    --linear-frequency 20  --zeroshot-frequency 20 --datasets-dir '/data/Datasets' \
    --epochs 200 --save-frequency 0 --batch-size 128 --workers 4 \
    --opt 'sgd' --lr 0.1 --warmup 100 --weight_decay 0.0001 \
    --image-model 'resnet18' --image-model-builder 'torchvision' --image-resolution 32 \
    --image-head-n-layers 1 --pretrained-text-model \
    --text-model 'RN50' --text-model-builder 'openclip' --lock-text-model \
    --text-head-n-layers 1 --loss 'CrossEntropy' --joint-projection-dim 10 \
    --report-to tensorboard --logs 'logs/UniCL-Classification'  --name 'resnet18-CIFAR10'
"""
JUDGED = r"""
python src/training/main.py \
    --linear-frequency 0  --zeroshot-frequency 0 --retrieval-frequency 1 \
    --nlp-eval-frequency 0 --eval-data-dir '/data/Datasets' \
    --retrieval-data 'mscoco_captions' \
    --image-model 'RN50x4' --image-model-builder 'openclip'  \
    --text-model 'RN50x4' --text-model-builder 'openclip'  \
    --pretrained-image-model --pretrained-text-model \
    --logs 'logs/MSCOCO-zeroshot'  --name 'RN50x4-openclip-zeroshot-retrieval'
"""
TABLE = r"""
torchrun --nproc_per_node 8 -m training.main \
    --train-data '/data/rsicd_train.csv' --images-dir '/data/RSICD_images' \
    --csv-separator '\t' --csv-img-key 'filename' --csv-caption-key 'title' \
    --retrieval-data '/data/rsicd_test.csv' --retrieval-images-dir '/data/RSICD_images' \
    --retrieval-csv-separator '\t' --retrieval-csv-img-key 'filename' \
    --retrieval-csv-caption-key 'title' --linear-frequency 0  --zeroshot-frequency 0 \
    --retrieval-frequency 1  --nlp-eval-frequency 0  --datasets-dir '/data/Datasets' \
    --epochs 10 --save-frequency 10 --batch-size 64 --workers 4 \
    --lr 5e-5 --warmup 100 --wd 0.5 --max-grad-norm 5 \
    --image-model 'ViT-B-32' --image-model-builder 'openclip' --text-model 'ViT-B-32' \
    --text-model-builder 'openclip' --pretrained-image-model --pretrained-text-model \
    --loss 'InfoNCE' --report-to tensorboard --logs 'logs/RSICD'  --name 'ViT-B-32-finetune'
"""
TRICKS = r"""
python src/training/main.py \
    --train-data 'mscoco_captions' --retrieval-data 'mscoco_captions' \
    --retrieval-frequency 1 --eval-data-dir '/data/Datasets' \
    --epochs 10 --save-frequency 0 --batch-size 100 --workers 8 \
    --lr 5e-6 --warmup 100 --weight_decay 0.5 --max-grad-norm 5 \
    --image-model 'RN50' --image-model-builder 'openclip' --text-model 'RN50' \
    --text-model-builder 'openclip' --pretrained-image-model --pretrained-text-model \
    --loss 'InfoNCE' --lock-image-partial 'layer1,layer2' \
    --lock-text-partial 'resblocks.0,resblocks.1,resblocks.2' \
    --layer_decay_image 0.8 --layer_decay_text 0.8 --model_ema --model_ema_decay 0.998 \
    --report-to tensorboard --logs 'logs/MSCOCO'  --name 'LLRD-EMA'
"""
ADAPTED = r"""
torchrun --nproc_per_node 8 -m training.main \
    --epochs 28 --save-frequency 28 --batch-size 32 \
    --dataset-size 1000000 --episode-size 500000 --train-data 'cache/yfcc.csv'  --nori-dataset \
    --zeroshot-frequency 1 --retrieval-frequency 1  --nlp-eval-frequency 1 \
    --eval-data-dir '/data/Datasets' --lr 5e-4 --warmup 2000 --wd 0.5 --max-grad-norm 5 \
    --pretrained-image-model --image-model-builder 'openclip' --image-model 'RN50' \
    --image-model-tag 'openai' --image-head-n-layers 0 --pretrained-text-model \
    --text-model-builder 'huggingface' --text-model 'bert-base-uncased' \
    --adapter 'prefix_tuning' --text-head-n-layers 2 --distiller 'InfoNCE' --lock-image-model \
    --report-to tensorboard --logs 'logs/Adapter' --cache-dir 'cache/weights' --name 'prefix'
"""
DOCUMENTED = {
    "coco": COCO,
    "scratch": SCRATCH,
    "classes": CLASSES,
    "judged": JUDGED,
    "table": TABLE,
    "tricks": TRICKS,
    "adapted": ADAPTED,
}
CODES_OF_FILES = ("F3",)


def converted(command: str) -> Any:
    (found,) = convert_script(command, "run.sh", (), "itra")
    return found


def by_words(**flags: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    words = []
    for flag, value in flags.items():
        words += [f"--{flag.replace('_', '-')}", *([] if value is True else [str(value)])]
    found = convert_words(words, "itra")
    return found.values, found.notes


def test_every_argument_is_known() -> None:
    names = {name for names in ITRA.names.values() for name in names.split()}
    assert len(names - set(OLD) - {"distiller", "teacher"}) == 101
    assert LATE | {"teacher"} <= names


def test_every_argument_has_a_key_or_a_reason() -> None:
    keys = set(arguments(DualSpec))
    for name, fate in FATES.items():
        if fate.key is None:
            assert len(fate.why.split()) > 2, name
        else:
            assert fate.key in keys, name
    assert set(REMOVED) <= {argument.key for argument in ITRA.arguments.values()}
    assert DEFAULTS.keys() <= keys


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_documented_commands_become_specs(name: str) -> None:
    """Nothing is wrong with them but that files of another machine are not here."""
    reading = read_spec_text(render(converted(DOCUMENTED[name]), name), name)
    assert [p for p in reading.problems if p.code not in CODES_OF_FILES] == []
    files = [str(p.path) for p in reading.problems]
    assert {*files} <= {"train", "valid", "test", "images"}


def test_a_command_is_read_as_it_ran() -> None:
    found = converted(COCO)
    assert found.nproc == "8"
    assert found.values == {
        **{"task": "alignment", "train": "karpathy_train", "valid": "karpathy_test"},
        **{"test": "karpathy_test", "data_root": "/data/Datasets", "epochs": 10},
        **{"batch_size": 32, "num_workers": 2, "lr": 1e-5, "warmup": 100, "weight_decay": 0.5},
        **{"clip_grad_norm": 5.0, "image_model": "RN50", "image_model_builder": "open_clip"},
        **{"text_model": "RN50", "text_model_builder": "open_clip", "loss": "InfoNCE"},
        **{"pretrained_image_model": True, "pretrained_text_model": True},
        **{"image_model_tag": "openai", "text_model_tag": "openai", "trackers": "tensorboard"},
        **{"output": "logs/MSCOCO-RN50/10ep-bs256-lr1e-5-wd0.5"},
        **{"run_name": "10ep-bs256-lr1e-5-wd0.5", "lr_schedule": "cosine"},
        **{"adam_eps": 1e-8, "seed": 0},
    }
    assert any("Karpathy's split" in note for note in found.notes)


def test_a_command_on_one_line_is_the_same() -> None:
    line = shlex.split(COCO.replace("\\\n", " "))
    assert convert_words(line, "itra").values == converted(COCO).values


def test_what_is_not_carried_over_is_told_and_what_asked_for_nothing_is_not() -> None:
    notes = " ".join(converted(CLASSES).notes)
    assert "classes are judged on CIFAR-10" in notes
    assert converted(CLASSES).values["zeroshot_frequency"] == 20
    assert "momentum of 0.9" in notes
    assert "save-frequency" not in notes
    quiet = " ".join(converted(TABLE).notes)
    assert "retrieval-csv" not in quiet
    assert "zeroshot" not in quiet
    _, told = by_words(image_model="RN50", text_model="RN50", retrieval_csv_img_key="name")
    assert not any("retrieval-csv-img-key" in note for note in told)
    _, told = by_words(csv_img_key="file", retrieval_csv_img_key="name", image_model="RN50")
    assert any("retrieval-csv-img-key is left out" in note for note in told)
    assert any("demands --text-model, which is not given" in note for note in told)


def test_evaluation_alone_tests_and_trains_nothing() -> None:
    values = converted(JUDGED).values
    assert values["test_only"]
    assert values["test"] == "karpathy_test"
    assert not values.keys() & {"train", "valid", "lr", "epochs", "warmup"}


def test_what_the_original_takes_for_granted_is_written() -> None:
    values, _ = by_words(image_model="RN50", text_model="RN50", train_data="pairs.csv")
    assert values.items() >= DEFAULTS.items()
    assert values["csv_separator"] == "\t"


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"prompt": True}, {"n_prompt": 4}),
        ({"prompt": True, "n_prompt": 8}, {"n_prompt": 8}),
        ({"dataset_size": 100}, {"train_topk": 100}),
        ({"resume": "runs/one", "restart": True}, {"load": "runs/one"}),
        ({"resume": "runs/one"}, {"resume": "runs/one"}),
        ({"eval_first": True}, {"dry": True}),
        ({"report_to": "all"}, {"trackers": "tensorboard,wandb"}),
        ({"precision": "amp"}, {"precision": "fp16"}),
        ({"opt": "rmsprop"}, {"optim": "rms"}),
        ({"local_loss": True, "gather_with_grad": True}, {"local_loss": True}),
        ({"teacher": "image"}, {"teacher": "image"}),
        (
            {"text_model_builder": "huggingface", "text_pooler": "mean"},
            {"text_pooler": "mean", "pretrained_text_model": True},
        ),
        (
            {"text_model_builder": "chineseclip", "text_model": "ViT-B-16"},
            {"text_model": "OFA-Sys/chinese-clip-vit-base-patch16", "text_pooler": "cls"}
            | {"text_model_builder": "huggingface"},
        ),
        ({"image_model_builder": "torchhub"}, {"image_model_builder": "timm"}),
    ],
)
def test_what_is_written_otherwise_here(flags: dict[str, Any], wanted: dict[str, Any]) -> None:
    values, _ = by_words(train_data="pairs.csv", **flags)
    assert values.items() >= wanted.items()


@pytest.mark.parametrize(
    "flags",
    [
        {"n_prompt": 8},  # without --prompt, the original learns none
        {"local_loss": True},
        {"eval_with_wise_ft": 1},
        {"max_grad_norm": 1e16},
    ],
)
def test_what_changes_nothing_is_not_written(flags: dict[str, Any]) -> None:
    values, _ = by_words(train_data="pairs.csv", **flags)
    assert values == by_words(train_data="pairs.csv")[0]


def test_betas_are_two_keys() -> None:
    words = ["--opt_betas", "0.9", "0.98", "--train-data", "pairs.csv"]
    values = convert_words(words, "itra").values
    assert (values["adam_beta1"], values["adam_beta2"]) == (0.9, 0.98)


@pytest.mark.parametrize(
    ("asked", "taken", "note"),
    [
        ("adam", "adam", "The original's adam has weight decay"),
        ("sgd", "sgd", "The original's sgd has a momentum of 0.9"),
        ("rmsprop", "rms", "--opt rmsprop becomes rms."),
        ("lamb", "adamw", "--opt lamb becomes adamw."),
        ("adamw", "adamw", None),
    ],
)
def test_optimizers_are_told_where_they_differ(asked: str, taken: str, note: str | None) -> None:
    words = ["--opt", asked, "--weight_decay", "0.1", "--train-data", "pairs.csv"]
    found = convert_words(words, "itra")
    assert found.values["optim"] == taken
    assert found.values.get("weight_decay") == (0.1 if taken == "adamw" else None)
    told = [each for each in found.notes if "--opt" in each or "original's" in each]
    assert len(told) == (note is not None)
    assert note is None or told[0].startswith(note)


def test_flags_of_one_tool_are_strays_of_the_other() -> None:
    notes = " ".join(convert_words(["--feature", "RN50"], "itra").notes)
    assert "Not carried over: --feature RN50" in notes
    with pytest.raises(ConvertError, match="holds no training command"):
        convert_script("python src/vqa.py --lr 1e-3", "run.sh", (), "itra")


def test_a_removed_argument_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from vlcli.cli.explain import explain

    explain("--cache-teacher")
    said = capsys.readouterr().out
    assert "(argument of ITRA)" in said
    assert "the original writes it and cannot read it" in " ".join(said.split())
    explain("retrieval_data")
    assert "Here it is valid" in capsys.readouterr().out
    explain("cache-dir", json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["argument"] == "cache_dir"
    assert told["key"] is None


LOCKED = ("lock_text_partial",)  # shortened in the command above
RECIPES = sorted(Path(__file__).parents[2].joinpath("specs/published").glob("itra_*.json5"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_has_nothing_to_be_warned_of(path: Path) -> None:
    """But for files of the user's own, which are elsewhere."""
    reading = read_spec(path)
    assert [p for p in reading.problems if p.code not in CODES_OF_FILES] == []
    assert len(RECIPES) == 10


@pytest.mark.parametrize(
    ("recipe", "command"),
    [
        *(("coco", "coco"), ("scratch", "scratch"), ("cifar10", "classes")),
        *(("zeroshot_retrieval", "judged"), ("rsicd", "table"), ("coco_tricks", "tricks")),
        ("adapter", "adapted"),
    ],
)
def test_a_recipe_asks_for_what_its_command_does(recipe: str, command: str) -> None:
    """The files, and what is judged beside retrieval, apart."""
    mine = json5.loads((RECIPES[0].parent / f"itra_{recipe}.json5").read_text())
    theirs = converted(DOCUMENTED[command]).values
    same = mine.keys() & theirs.keys() - {"train", "valid", "test", "images", *LOCKED}
    assert {key: mine[key] for key in same} == {key: theirs[key] for key in same}
    written = {"loss", "lr", "epochs", "image_model", "text_model", "batch_size"} & theirs.keys()
    assert written <= same | {"loss"}
