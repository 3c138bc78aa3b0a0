"""Which key a written name is: our spelling of it, the nearest known one, or whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from .choose import Chosen
from .entries import Broken, all_of, nearest, part
from .fields import Argument, arguments
from .rules import Finding, listed

# What other tools call our keys, where the names are not alike.
CALLED = {
    "learning_rate": "lr",
    "bs": "batch_size",
    "per_device_train_batch_size": "batch_size",
    "per_device_eval_batch_size": "valid_batch_size",
    "eval_batch_size": "valid_batch_size",
    "max_epochs": "epochs",
    "num_train_epochs": "epochs",
    "optimizer": "optim",
    "scheduler": "lr_schedule",
    "lr_scheduler_type": "lr_schedule",
    "warmup": "warmup_ratio",
    "warmup_steps": "warmup_ratio",
    "max_grad_norm": "clip_grad_norm",
    "grad_clip": "clip_grad_norm",
    "bf16": "precision",
    "amp": "precision",
    "dtype": "precision",
    "model": "backbone",
    "model_name": "backbone",
    "model_name_or_path": "backbone",
    "checkpoint": "load",
    "resume_from_checkpoint": "resume",
    "output_dir": "output",
    "lora_r": "lora_dim",
    "lora_rank": "lora_dim",
    "rank": "lora_dim",
    "r": "lora_dim",
    "beam_size": "num_beams",
    "beams": "num_beams",
    "max_new_tokens": "gen_max_length",
    "report_to": "trackers",
    "workers": "num_workers",
    "data_dir": "data_root",
    "data_path": "data_root",
}


def spellings_of(fields: Mapping[str, Argument]) -> dict[str, str]:
    """Our key for each further spelling of a field (`use_tasks_prompt`, `wordMaskRate`)."""
    return {also: key for key, field in fields.items() for also in field.also}


def near_keys(word: str, fields: Mapping[str, Argument]) -> list[str]:
    """The keys that `word` may mean: what another tool calls so, else those spelled like it."""
    from difflib import SequenceMatcher  # slow to load

    called = CALLED.get(word.lower())
    if called and called in fields:
        return [called]
    if f"use_{word}" in fields:
        return [f"use_{word}"]
    near = nearest(word, [*fields, *spellings_of(fields)])
    alike = {key: SequenceMatcher(None, word.lower(), key.lower()).ratio() for key in near}
    return [key for key in near if alike[key] > max(alike.values()) - 0.06]


def unknown_key(key: str, fields: Mapping[str, Argument], chosen: Chosen) -> tuple[str, Finding]:
    """The code and finding for a key that this run's spec class does not have."""
    owners = _owners(key)
    if owners:
        kinds = listed(f"the {kind} {name}" for kind, name in owners)
        mine = f"{chosen.arch} does not read it" if chosen.arch else "this run does not read it"
        finding = Finding((key,), f"{_quoted(key)} belongs to {kinds}; {mine}.", "Remove it.")
        return "K2", finding
    near = near_keys(key, fields)
    if near:
        words = listed(near, "or")
        return "K1", Finding((key,), f"There is no key {_quoted(key)}.", f"Did you mean {words}?")
    fix = "Remove it; `vlcli explain` lists every key."
    return "K1", Finding((key,), f"There is no key {_quoted(key)}.", fix)


def _quoted(key: str) -> str:
    from .values import shown

    return shown(key)


@cache
def _owners(key: str) -> tuple[tuple[str, str], ...]:
    """The other architectures and tasks whose arguments hold `key`."""
    found: list[tuple[str, str]] = []
    for kind in ("arch", "task"):
        for name, each in all_of(kind).items():
            if each.entry is None or each.fault:
                continue
            try:
                spec = part(each, "spec")
            except Broken:
                continue
            if spec is not None and key in arguments(spec):
                found.append((kind, name))
    return tuple(found)
