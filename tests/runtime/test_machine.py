"""Devices, launch keys and DeepSpeed files: what does not fit is one sentence."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from vlcli.runtime.deepspeed import completed, read_config
from vlcli.runtime.device import OWN_WORDS, choose_device, choose_precision, memory_in_use
from vlcli.runtime.distributed import check_launch, launched
from vlcli.runtime.engine import Engine
from vlcli.spec.problem import UserError

from .tiny import spec

ABSENT = [
    name
    for name, there in (
        ("cuda", torch.cuda.is_available()),
        ("mps", torch.backends.mps.is_available()),
    )
    if not there
]


def test_a_named_device_that_is_absent_is_one_sentence() -> None:
    for name in ABSENT:
        with pytest.raises(UserError, match=f'device is "{name}" and this machine has none'):
            choose_device(name)
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") not in ABSENT


def test_precision_follows_either_spelling() -> None:
    assert choose_precision(spec(), "cpu") == "fp32"
    assert choose_precision(spec(precision="bf16"), "cpu") == "bf16"
    assert choose_precision(spec(fp16=True), "mps") == "fp16"
    with pytest.raises(UserError, match="Keep one of them"):
        choose_precision(spec(fp16=True, precision="bf16"), "mps")


PAGES = """
import resource, torch
from vlcli.runtime.device import choose_device
choose_device("cpu")
def cleared():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.zeros(16, 2**20).add(1)  # 64 MiB, twice
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
cleared()
print(cleared())
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or bool(OWN_WORDS & os.environ.keys()),
    reason="another malloc, or one that the environment has set",
)
def test_the_kernel_clears_no_page_twice_for_large_blocks() -> None:
    def cleared(**more: str) -> int:
        command = [sys.executable, "-c", PAGES]
        env = {**os.environ, **more}
        return int(subprocess.run(command, env=env, check=True, capture_output=True).stdout)

    asked_otherwise = cleared(MALLOC_TRIM_THRESHOLD_="131072")
    assert asked_otherwise > 100_000  # ten blocks of 16,384 pages
    assert cleared() < asked_otherwise / 4  # what the machine itself takes back, at most


def test_memory_is_a_number_of_bytes() -> None:
    assert memory_in_use(torch.device("cpu")) > 10**7


LAUNCHED = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}


@pytest.mark.parametrize(
    ("keys", "env", "sentence"),
    [
        ({"distributed": True}, {}, "distributed is true and one process runs alone"),
        ({"multiGPU": True}, {}, "multiGPU is true and one process runs alone"),
        ({"distributed": False}, LAUNCHED, "the launcher started 2 processes"),
        ({"local_rank": 0}, {}, "no launcher runs"),
        ({"local_rank": 0}, LAUNCHED, "the launcher numbered this process 1"),
        ({"distributed": True, "local_rank": 1}, LAUNCHED, ""),
        ({"distributed": False, "local_rank": -1}, {}, ""),
    ],
)
def test_launch_keys_must_agree_with_the_launcher(
    keys: dict[str, Any], env: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    args = spec(**keys)
    if sentence:
        with pytest.raises(UserError, match=sentence):
            check_launch(args, keys)
    else:
        check_launch(args, keys)
    check_launch(args, ())
    assert launched().world == (2 if env else 1)


def test_a_deepspeed_file_takes_what_the_spec_says() -> None:
    args = spec(batch_size=8, gradient_accumulation_steps=2, clip_grad_norm=5.0)
    file = {"zero_optimization": {"stage": 3}, "gradient_clipping": "auto", "fp16": {"x": 1}}
    config = completed(file, "ds.json", args, "bf16")
    assert config["zero_optimization"] == {"stage": 3}
    assert config["train_micro_batch_size_per_gpu"] == 8
    assert config["gradient_accumulation_steps"] == 2
    assert config["gradient_clipping"] == 5.0
    assert (config["fp16"]["enabled"], config["bf16"]["enabled"]) == (False, True)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ({"gradient_accumulation_steps": 4}, "says gradient_accumulation_steps 4 and the spec"),
        ({"optimizer": {"type": "Adam"}}, "has its own optimizer"),
    ],
)
def test_a_deepspeed_file_that_contradicts_the_spec_is_one_sentence(
    file: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        completed(file, "ds.json", spec(), "fp32")


def test_unreadable_deepspeed_files_are_sentences(tmp_path: Path) -> None:
    path = tmp_path / "ds.json"
    with pytest.raises(UserError, match="does not exist"):
        read_config(path)
    path.write_text("{,}")
    with pytest.raises(UserError, match="cannot be read"):
        read_config(path)
    path.write_text(json.dumps([1]))
    with pytest.raises(UserError, match="does not hold a JSON object"):
        read_config(path)


def test_the_first_fsdp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(UserError, match="--fsdp_version 2"):
        Engine(spec())


def test_fsdp_on_the_cpu_is_not_silently_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "2")
    with pytest.raises(UserError, match="on several GPUs only"):
        Engine(spec(device="cpu"))
