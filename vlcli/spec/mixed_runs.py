"""What the published runners of several tasks make of their flags for each task."""

from __future__ import annotations

from typing import Any

from .lists import names_list
from .rules import listed

IMAGE_RUNNER = "multitask.py"
RUNNERS = (IMAGE_RUNNER, "multitask_video.py")

# Flags that these runners do not read: each of their tasks has its own.
UNREAD = ("train", "valid", "test", "valid_batch_size", "max_text_length")

BATCH_SIZE = 256  # where --batch_size is not given
_SIXTIETHS = {"gqa": 100, "nlvr": 20, "caption": 50}  # of --batch_size
_FIXED_SIZES = {"refcoco": 80, "vcr": 3, "mmt": 20}
_GREEDY = ("vqa", "gqa", "cls")
_SEARCHED = ("caption", "mmt")
_CHOOSING = ("nlvr", "refcoco", "vcr")  # they write nothing


def by_task(runner: str | None, values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The spec's values with the batch sizes and beams that `runner` gives each task, in training
    and evaluation alike, without what it does not read; and what is to be said of it."""
    if runner not in RUNNERS:
        return values, []
    notes = []
    unread = [key for key in UNREAD if key in values]
    if unread:
        flags = listed(f"--{key}" for key in unread)
        several = len(unread) > 1
        notes.append(
            f"{flags} {'are' if several else 'is'} left out, as {runner} does not read "
            f"{'them' if several else 'it'}: each task has its own."
        )
    values = {key: value for key, value in values.items() if key not in UNREAD}
    tasks = names_list(values.get("tasks"))
    if runner == IMAGE_RUNNER and isinstance(tasks, tuple):
        tasks = tuple(each for each in tasks if each in (*_GREEDY, *_SEARCHED, *_CHOOSING))
        asked = values.get("batch_size", BATCH_SIZE)
        sizes = {task: _size(task, asked) for task in tasks}
        if set(sizes.values()) - {asked}:
            values["batch_size"] = sizes
            notes.append(f"the batch sizes are what {runner} makes of {asked} for each task.")
        beams = _beams(tasks, values.get("num_beams", 1))
        if beams:
            values["num_beams"] = beams
    return values, notes


def _size(task: str, asked: int) -> int:
    if task in _FIXED_SIZES:
        return _FIXED_SIZES[task]
    return max(min(1, asked), asked * _SIXTIETHS.get(task, 60) // 60)


def _beams(tasks: tuple[str, ...], asked: int) -> dict[str, int]:
    """{} where one number is right for all."""
    if asked == 1 or not any(task in _GREEDY for task in tasks):
        return {}
    greedy = {task: 1 for task in tasks if task in _GREEDY}
    return greedy | {task: asked for task in tasks if task in _SEARCHED}
