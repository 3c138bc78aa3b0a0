"""Published command lines and scripts become the spec that they ask for, or a clear error."""

from __future__ import annotations

from typing import Any

import json5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcli.spec.convert import (
    Converted,
    ConvertError,
    convert_script,
    convert_words,
    render,
)
from vlcli.spec.published import ARGUMENTS, TASK_OF_SCRIPT
from vlcli.spec.read import read_spec_text

IMAGE = """
# several image tasks at once, one adapter for all
task=multitask
model="bart"   # or t5
echo $model

if [ $model == "t5" ]
then
    folder="T5"
    backbone="t5-small"
    batch_size=30
elif [ $model == "bart" ]
then
    folder="Bart"
    backbone="facebook/bart-base"
    batch_size=50
fi

feature=RN50
lr=2e-3
name=mix_${feature}_adapter_bs${batch_size}_lr${lr}
output=snap/${folder}_${task}/$name

TOKENIZERS_PARALLELISM=True PYTHONPATH=$PYTHONPATH:./src \\
python -m torch.distributed.launch \\
    --nproc_per_node=$1 \\
    --master_port=29501 \\
    src/${task}.py \\
    --distributed --multiGPU \\
    --optim adamw --warmup_ratio 0.1 --clip_grad_norm 5 \\
    --lr ${lr} \\
    --backbone ${backbone} \\
    --output $output ${@:2} \\
    --batch_size ${batch_size} \\
    --use_adapter --use_single_adapter --reduction_factor 4 \\
    --use_tasks_prompts \\
    --tasks "vqa,caption" \\
    --feature ${feature} --n_boxes 36 --downsample \\
    --image_size "(224,224)" \\
    --run_name $name
"""

IMAGE_VALUES = {
    "task": "multitask",
    "optim": "adamw",
    "warmup_ratio": 0.1,
    "clip_grad_norm": 5.0,
    "lr": 2e-3,
    "backbone": "facebook/bart-base",
    "output": "snap/Bart_multitask/mix_RN50_adapter_bs50_lr2e-3",
    "batch_size": {"vqa": 50, "caption": 41},
    "use_adapter": True,
    "use_single_adapter": True,
    "reduction_factor": 4,
    "use_tasks_prompts": True,
    "tasks": "vqa,caption",
    "feature_type": "RN50",
    "n_boxes": 36,
    "downsample": True,
    "image_size": "(224,224)",
    "run_name": "mix_RN50_adapter_bs50_lr2e-3",
}

VIDEO = """
export CUDA_VISIBLE_DEVICES=0
lr=3e-4
PYTHONPATH=$PYTHONPATH:./src torchrun --nproc_per_node ${1:-2} src/multitask_video.py \\
    --distributed --multiGPU --fp16 \\
    --epochs 7 --lr $lr --use_lora --lora_dim 64 --unfreeze_layer_norms \\
    --tasks "tvqa,yc2c" --feature ViT --n_boxes 64 --downsample \\
    --output snap/video/lora_$lr
"""

SINGLE = """
name=small

output=snap/vqa/$name

PYTHONPATH=$PYTHONPATH:./src \\
python -m torch.distributed.launch --nproc_per_node=$1 src/vqa.py \\
        --distributed --multiGPU \\
        --train karpathy_train --valid karpathy_val --test karpathy_test \\
        --lr 5e-5 \\
        --backbone 'facebook/bart-base' \\
        --individual_vis_layer_norm False \\
        --output $output ${@:2} \\
        --load snap/pretrain/small/Epoch30 \\
        --wordMaskRate 0.30 --feat_dim 2048 \\
        --batch_size 80 \\"""

SINGLE_VALUES = {
    "task": "vqa",
    "train": "karpathy_train",
    "valid": "karpathy_val",
    "test": "karpathy_test",
    "lr": 5e-5,
    "backbone": "facebook/bart-base",
    "individual_vis_layer_norm": False,
    "output": "snap/vqa/small",
    "load": "snap/pretrain/small/Epoch30",
    "word_mask_rate": 0.3,
    "feat_dim": 2048,
    "batch_size": 80,
}


def only(text: str, *arguments: str) -> Converted:
    (converted,) = convert_script(text, "run.sh", arguments)
    return converted


def test_an_image_script_of_several_tasks() -> None:
    converted = only(IMAGE, "4")
    assert list(converted.values.items()) == list(IMAGE_VALUES.items())
    assert converted.nproc == "4"
    assert converted.notes == (
        "Line 25: start it with `torchrun --nproc_per_node 4 -m vlcli train SPEC`; "
        "--distributed and --multiGPU are left out.",
        "Line 25: the batch sizes are what multitask.py makes of 50 for each task.",
    )


PUBLISHED_MIX = (
    "python src/multitask.py --tasks vqa,gqa,nlvr,caption --batch_size 500 --num_beams 5"
)


def test_tasks_of_a_mixed_run_have_the_published_batch_sizes_and_beams() -> None:
    converted = convert_words(PUBLISHED_MIX.split())
    assert converted.values["batch_size"] == {"vqa": 500, "gqa": 833, "nlvr": 166, "caption": 416}
    assert converted.values["num_beams"] == {"vqa": 1, "gqa": 1, "caption": 5}
    assert converted.notes == ("The batch sizes are what multitask.py makes of 500 for each task.",)
    reading = read_spec_text(render(converted, "mixed"))
    assert not reading.errors


def test_a_mixed_run_without_a_batch_size_has_those_of_the_published_default() -> None:
    converted = convert_words(["src/multitask.py", "--tasks", "nlvr,refcoco,vcr,mmt,cls"])
    sizes = {"nlvr": 85, "refcoco": 80, "vcr": 24, "mmt": 20, "cls": 256}
    assert converted.values["batch_size"] == sizes
    assert "num_beams" not in converted.values


def test_batches_of_vcr_count_choices() -> None:
    flags = "src/vcr.py --batch_size 4 --valid_batch_size 20"
    converted = convert_words(flags.split())
    assert converted.values == {"task": "vcr", "batch_size": 32, "valid_batch_size": 160}
    assert converted.notes == (
        "A batch of vcr.py holds questions, and here their choices, 8 each: batch_size is 32 and "
        "valid_batch_size is 160.",
    )


def test_what_the_runners_of_several_tasks_do_not_read_is_left_out() -> None:
    flags = "--tasks tvqa --batch_size 50 --num_beams 5 --train train --valid_batch_size 9"
    converted = convert_words(["src/multitask_video.py", *flags.split()])
    assert converted.values == {
        "task": "multitask",
        "tasks": "tvqa",
        "batch_size": 50,
        "num_beams": 5,
    }
    assert converted.notes == (
        "--train and --valid_batch_size are left out, as multitask_video.py does not read them: "
        "each task has its own.",
    )


def test_the_other_model_takes_the_other_arm() -> None:
    converted = only(IMAGE.replace('model="bart"', "model=t5"), "1")
    assert converted.values["backbone"] == "t5-small"
    assert converted.values["run_name"] == "mix_RN50_adapter_bs30_lr2e-3"
    assert converted.notes == (
        "Line 25: --distributed and --multiGPU are left out, as one process is the default here.",
        "Line 25: the batch sizes are what multitask.py makes of 30 for each task.",
    )


def test_a_video_script() -> None:
    converted = only(VIDEO)
    assert converted.values == {
        "task": "multitask",
        "fp16": True,
        "epochs": 7,
        "lr": 3e-4,
        "use_lora": True,
        "lora_dim": 64,
        "unfreeze_layer_norms": True,
        "tasks": "tvqa,yc2c",
        "feature_type": "ViT",
        "n_boxes": 64,
        "downsample": True,
        "output": "snap/video/lora_3e-4",
    }
    assert converted.nproc == "2"


def test_a_script_of_one_task_and_what_is_added_behind_its_name() -> None:
    assert only(SINGLE, "1").values == SINGLE_VALUES
    converted = only(SINGLE, "2", "--lr", "1e-5", "--submit")
    assert converted.values == SINGLE_VALUES | {"lr": 1e-5, "submit": True}
    assert "Line 7: --lr is written 2 times; the last one counts." in converted.notes
    assert isinstance(converted.values["feat_dim"], int)


def test_a_missing_argument_leaves_the_processes_open() -> None:
    converted = only(SINGLE)
    assert converted.values == SINGLE_VALUES
    assert converted.nproc is None
    assert converted.notes == (
        "Line 7: start it with `torchrun --nproc_per_node N -m vlcli train SPEC` (N is not known, "
        "as it needs $1: give it after the file name); --distributed and --multiGPU are left out.",
    )


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--lr $2", "--lr is left out, as it needs $2: give it after the file name."),
        ("--lr=$2", "--lr is left out, as it needs $2: give it after the file name."),
        ("--lr $rate", "--lr is left out, as it needs $rate, which the script does not set."),
        (
            "--run_name run_$(date +%s)",
            "--run_name is left out, as it needs $(date +%s), which only running the script can "
            "tell.",
        ),
        ("--use_adapter $2", "a word is left out, as it needs $2: give it after the file name."),
    ],
)
def test_a_flag_whose_value_is_not_known_is_left_out_and_named(flag: str, reason: str) -> None:
    converted = only(f"python src/vqa.py \\\n --epochs 3 {flag} --fp16", "4")
    expected: dict[str, Any] = {"task": "vqa", "epochs": 3, "fp16": True}
    if flag.startswith("--use_adapter"):
        expected["use_adapter"] = True
    assert converted.values == expected
    assert converted.notes == (f"Line 2: {reason}",)


def test_several_training_commands_become_several_specs() -> None:
    text = "python src/pretrain.py --lr 1\nnvidia-smi\nwandb sync\npython src/nlvr.py --lr 2\n"
    first, second = convert_script(text, "run.sh", [])
    assert (first.values, second.values) == (
        {"task": "pretrain", "lr": 1.0},
        {"task": "nlvr", "lr": 2.0},
    )
    left = "Line 3: `wandb` starts none of the published runners and is left out."
    assert second.notes == (left,)
    assert left in first.notes
    assert "Line 1: --losses is not given; the published default" in first.notes[0]


@pytest.mark.parametrize("script", sorted(TASK_OF_SCRIPT))
def test_the_task_is_that_of_the_script(script: str) -> None:
    assert convert_words(["python", f"VL-T5/src/{script}"]).values == {
        "task": TASK_OF_SCRIPT[script]
    }


def test_flags_without_a_script_and_with_a_launcher() -> None:
    flags = "--backbone t5-base --use_adapter --valid_topk -1 --multiGPU"
    bare = convert_words(flags.split())
    assert bare.values == {"backbone": "t5-base", "use_adapter": True, "valid_topk": -1.0}
    assert bare.notes == (
        "--multiGPU is left out, as one process is the default here.",
        "No runner is named, so the task is not known: add `task`.",
    )
    start = "CUDA_VISIBLE_DEVICES=0,1 python -m torch.distributed.launch --nproc_per_node 2"
    launched = convert_words([*start.split(), "src/gqa.py", "--distributed", "--prompt", "gqa: "])
    assert launched.values == {"task": "gqa", "prompt": "gqa: "}
    assert launched.nproc == "2"


def test_a_multitask_run_without_tasks_is_told_so() -> None:
    notes = convert_words(["src/multitask.py", "--lr", "1"]).notes
    assert notes == ("The published multitask trains nothing without --tasks: add `tasks`.",)


def test_words_that_are_no_published_argument_are_named() -> None:
    flags = "--vis_width 3 --lr 1 stray"
    converted = convert_words(["src/vqa.py", *flags.split()])
    assert converted.values == {"task": "vqa", "lr": 1.0}
    assert converted.notes == ("Not carried over: --vis_width 3 stray; there is no such argument.",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo hello", "run.sh holds no training command that can be read."),
        ("python tools/export.py", "`python tools/export.py` starts none of the published"),
        ("python src/$1.py --lr 1", "what this line starts is left out, as it needs $1: give"),
        ("for x in 1; do python src/vqa.py; done", "Line 1: the `for` is left out"),
        ("\npython src/vqa.py --lr x", "Line 2: The published parser refuses these flags: argum"),
        ("\npython src/vqa.py --use_ad", "--use_adam_for_visual, --use_adapter"),
        ("python src/vqa.py\n" * 101, "run.sh holds over 100 training commands."),
        ("python src/vqa.py --lr", "argument --lr: expected one argument"),
    ],
)
def test_what_cannot_become_a_spec_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ConvertError) as error:
        convert_script(text, "run.sh", [])
    assert message in str(error.value)


def test_a_command_line_of_nothing_or_of_too_much_is_an_error() -> None:
    with pytest.raises(ConvertError, match="nothing to convert"):
        convert_words([])
    with pytest.raises(ConvertError, match="at most 4096 count"):
        convert_words(["--fp16"] * 5000)


def test_the_rendered_spec() -> None:
    converted = Converted(
        {"task": "vqa", "lr": 1e-4, "fp16": True, "output": 'a "b"\u2028'},
        ("Line 3: something\nis left out.", "x" * 30 + " y" * 40),
        None,
    )
    assert render(converted, "From run.sh") == (
        "// From run.sh\n"
        "// Line 3: something is left out.\n"
        f"// {'x' * 30}{' y' * 33}\n"
        f"//  {' y' * 7}\n"
        "{\n"
        '    "task": "vqa",\n'
        '    "lr": 0.0001,\n'
        '    "fp16": true,\n'
        '    "output": "a \\"b\\"\\u2028",\n'
        "}\n"
    )


VALUES = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=10),
    st.sampled_from(["\ud800", "\u2029\ufeff\x85", "*/ // '"]),
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from([one.key for one in ARGUMENTS.values()]), VALUES), st.text())
def test_a_rendered_spec_reads_back(values: dict[str, Any], note: str) -> None:
    text = render(Converted(values, (note,), None), note)
    assert json5.loads(text.encode().decode()) == values


PIECES = [
    *(
        "python src/vqa.py ",
        "torchrun --nproc_per_node $1 src/multitask.py ",
        "--lr 1",
        "--lr",
        " x ",
    ),
    *("--tasks ", "--feat ", "$1", "$a", "${a:-", "}", "${@:2}", "$@", "a=", "a+=$a$a", "export "),
    *("if [ $a == x ]", "[[ ", " ]]", "[ ", " ]", "; then ", "else\n", "elif ", "fi\n", " && "),
    *(
        "for x in ",
        "; do ",
        "done\n",
        "case $a in ",
        "esac",
        "f() {",
        "}",
        "(",
        ")",
        "$(",
        "`",
        " | ",
    ),
    *('"', "'", "\\", "\\\n", "\n", " ", "<<EOF\n", "EOF\n", "> log", "((", "))", "#", "! ", ";;"),
    *("shift", "set -- ", "exit 1", "\0", "é", "\ud800", "--", "-1", "--help ", "=", "-c "),
]


@settings(max_examples=200, deadline=2000)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.lists(st.text(), max_size=3))
def test_shell_like_text_gives_specs_or_a_clear_error(text: str, arguments: list[str]) -> None:
    gives_specs_or_a_clear_error(text, arguments)


@settings(max_examples=200, deadline=2000)
@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_gives_specs_or_a_clear_error(text: str, arguments: list[str]) -> None:
    gives_specs_or_a_clear_error(text, arguments)
    gives_specs_or_a_clear_error(f"python src/vqa.py {text}", arguments)


@settings(max_examples=200, deadline=2000)
@given(st.lists(st.one_of(st.sampled_from([*ARGUMENTS, "src/vqa.py", "-1", "x"]), st.text())))
def test_any_words_give_a_spec_or_a_clear_error(words: list[str]) -> None:
    message = ""
    try:
        render(convert_words(words), "title").encode()
    except ConvertError as error:
        message = str(error)
    assert message.isprintable()


def gives_specs_or_a_clear_error(text: str, arguments: list[str]) -> None:
    specs, message = [], ""
    try:
        specs = convert_script(text, "run.sh", arguments)
    except ConvertError as error:
        message = str(error)
    assert bool(specs) != bool(message)
    assert message.isprintable()
    for converted in specs:
        assert all(note.isprintable() for note in converted.notes)
        render(converted, "title").encode()
