"""What published runners make of their flags where keys of the same name mean something else."""

from __future__ import annotations

from typing import Any

from .lists import names_list
from .rules import listed

MIXED, MIXED_VIDEO, VCR = "multitask.py", "multitask_video.py", "vcr.py"

# Flags that the runners of several tasks do not read: each task has its own.
UNREAD = ("train", "valid", "test", "valid_batch_size", "max_text_length")

CHOICES = 8  # of a question of VCR: the published batches count questions, ours choices
BATCH_SIZE = 256  # where --batch_size is not given
_SIXTIETHS = {"gqa": 100, "nlvr": 20, "caption": 50}  # of --batch_size
_FIXED_SIZES = {"refcoco": 80, "vcr": 3 * CHOICES, "mmt": 20}
_GREEDY = ("vqa", "gqa", "cls")
_SEARCHED = ("caption", "mmt")
_CHOOSING = ("nlvr", "refcoco", "vcr")  # they write nothing

Values = dict[str, Any]


def as_run(runner: str | None, values: Values) -> tuple[Values, list[str]]:
    """The values that a run of ours needs to do what `runner` does by its flags, and what there is
    to say of it."""
    if runner == VCR:
        return _questions(values)
    if runner not in (MIXED, MIXED_VIDEO):
        return values, []
    kept, notes = _read(runner, values)
    tasks = names_list(values.get("tasks"))
    if runner == MIXED and isinstance(tasks, tuple):
        known = [each for each in tasks if each in (*_GREEDY, *_SEARCHED, *_CHOOSING)]
        asked = kept.get("batch_size", BATCH_SIZE)
        sizes = {task: _size(task, asked) for task in known}
        if set(sizes.values()) - {asked}:
            kept["batch_size"] = sizes
            notes.append(f"the batch sizes are what {runner} makes of {asked} for each task.")
        beams = _beams(known, kept.get("num_beams", 1))
        if beams:
            kept["num_beams"] = beams
    return kept, notes


def _questions(values: Values) -> tuple[Values, list[str]]:
    """Batches of VCR with their choices counted."""
    sizes = {k: CHOICES * values[k] for k in ("batch_size", "valid_batch_size") if k in values}
    told = listed(f"{key} is {size}" for key, size in sizes.items())
    why = f"a batch of {VCR} holds questions, and here their choices, {CHOICES} each: {told}."
    return values | sizes, [why] if sizes else []


def _read(runner: str, values: Values) -> tuple[Values, list[str]]:
    """What a runner of several tasks reads."""
    unread = [f"--{key}" for key in UNREAD if key in values]
    kept = {key: value for key, value in values.items() if key not in UNREAD}
    several = len(unread) > 1
    told = (
        f"{listed(unread)} {'are' if several else 'is'} left out, as {runner} does not read "
        f"{'them' if several else 'it'}: each task has its own."
    )
    return kept, [told] if unread else []


def _size(task: str, asked: int) -> int:
    if task in _FIXED_SIZES:
        return _FIXED_SIZES[task]
    return max(min(1, asked), asked * _SIXTIETHS.get(task, 60) // 60)


def _beams(tasks: list[str], asked: int) -> dict[str, int]:
    """{} where one number is right for all."""
    if asked == 1 or not any(task in _GREEDY for task in tasks):
        return {}
    greedy = {task: 1 for task in tasks if task in _GREEDY}
    return greedy | {task: asked for task in tasks if task in _SEARCHED}
