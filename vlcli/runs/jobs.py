"""The tasks of a run: each with its own arguments, data and reader of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vlcli.contracts import Building, Example, Task
from vlcli.data import sources
from vlcli.data.batching import BatchSize
from vlcli.data.dataset import Augment, Draw
from vlcli.data.faults import Skips, known_faults
from vlcli.data.visual import Reader
from vlcli.spec.encoders import encoder_of
from vlcli.spec.entries import all_of, part
from vlcli.spec.facts import MULTITASK, OWN_DATA
from vlcli.spec.problem import UserError

SERVED = {"vqa": "test", "gqa": "submit"}  # splits whose answers a test server keeps


@dataclass
class Job:
    """One task of a run: `spec` has the values that hold for it. The lists are empty where a run
    only tests or predicts; `served` are the examples of the test server's split (`testing`)."""

    spec: Any
    task: Task
    reader: Reader | None
    train: list[Example] = field(default_factory=list)
    valid: list[Example] = field(default_factory=list)
    test: list[Example] = field(default_factory=list)
    served: list[Example] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.task.name

    def read(self, names: str | None, role: sources.Role, training: bool = False) -> list[Example]:
        """The examples of a split, as many as topk asks for; none where no split is named. With
        on_bad_example: "error", those of an evaluation that are known to be unreadable stop the run
        here; with "skip" all stay, to be reported beside the scores."""
        if not names:
            return []
        spec = self.spec
        records = sources.records(spec, names, role, self.name, training)
        amount = spec.train_topk if training else spec.valid_topk
        examples = self.task.examples(sources.topk(records, amount, spec.seed), training)
        if not training and spec.on_bad_example == "error":
            Skips().take(known_faults(examples, self.reader))
        return examples

    def of(self, role: sources.Role) -> list[Example]:
        """The examples that were read for a role."""
        held: list[Example] = getattr(self, role)
        return held


class Handling:
    """Routes an example to its own task, reader and augmentation; small, for loading processes."""

    def __init__(self, jobs: Mapping[str, Job], weights: Mapping[str, float]) -> None:
        self.tasks = {name: job.task for name, job in jobs.items()}
        self.readers = {name: job.reader for name, job in jobs.items()}
        self.augments = {name: augment_of(job.spec) for name, job in jobs.items()}
        self.weights = dict(weights)

    def look(self, example: Example) -> Example:
        return self.tasks[example.task].look(example)

    def redraw(self, example: Example, epoch: int) -> Example:
        """With the weight of its task in the loss."""
        drawn = self.tasks[example.task].redraw(example, epoch)
        weight = self.weights.get(example.task, 1.0)
        return drawn if weight == 1 else replace(drawn, weight=drawn.weight * weight)

    def augment(self, example: Example, draw: Draw) -> Example:
        change = self.augments[example.task]
        return example if change is None else change(example, draw)


def task_names(spec: Any) -> tuple[str, ...]:
    """The tasks that a run works on."""
    return tuple(dict.fromkeys(spec.tasks)) if spec.task == MULTITASK else (spec.task,)


def jobs_of(spec: Any, building: Building, only: str | None = None) -> dict[str, Job]:
    """The tasks of a spec (or one of them) with their readers, without data."""
    names = task_names(spec) if only is None else (only,)
    return {name: _job(spec.of_task(name), building) for name in names}


def judges_of(spec: Any, building: Building) -> dict[str, Job]:
    """The tasks that judge a run in its validations, with their validation splits."""
    found = {}
    for name, every in spec.judged_every.items():
        if every and not spec.test_only:
            job = _job(spec.of_task(name), building)
            job.train = job.read(job.spec.train, "train", training=True) if job.task.fitted else []
            job.valid = job.read(job.spec.valid, "valid")
            found[name] = job
    return found


def _job(spec: Any, building: Building) -> Job:
    reader = reader_of(spec, sources.pictures(spec)) if spec.use_vision else None
    return Job(spec, task_of(spec, building), reader)


def task_of(spec: Any, building: Building) -> Task:
    """The task of a spec; UserError where this version cannot run it."""
    found = all_of("task").get(spec.task)
    make: Callable[..., Task] | None = part(found, "impl") if found and found.entry else None
    if make is None:
        raise UserError(f'This version checks specs of the task "{spec.task}" and cannot run them.')
    return make(spec, building.wording(spec))


def reader_of(spec: Any, pictures: Any) -> Reader:
    """What reads pictures for a run, stretched as its image tower wants them, if it has one."""
    encoder = encoder_of(spec.feature_type)
    if encoder is None:
        return sources.reader(spec, pictures)
    from vlcli.towers.build import look  # the libraries of towers take seconds to import

    return sources.reader(spec, pictures, look(encoder).interpolation)


def augment_of(spec: Any) -> Augment | None:
    """What changes the training pictures of a task; those of clips hold frames in a row, which a
    mirror would show in another order."""
    if not (spec.use_data_augmentation and spec.use_vision):
        return None
    from vlcli.data.augment import Augmentation  # torchvision takes a second to import

    return Augmentation(spec.seed, spec.task not in sources.CLIPS, spec.image_size)


def split_name(names: str, role: sources.Role) -> str:
    """What results call a split: your own file or folder is named by its role."""
    return role if names.endswith(OWN_DATA) or "/" in names else names


def served_split(spec: Any, task: str) -> str | None:
    """The split that `testing` adds for a task of a multitask run; None where there is none, or
    where it is tested anyway. The built-in data has one test split for all tasks."""
    if not spec.testing or spec.task != MULTITASK or task not in SERVED:
        return None
    split = "test" if spec.dataset else SERVED[task]
    return None if split == spec.of_task(task).test else split


def train_batch_size(spec: Any) -> BatchSize:
    """Examples of a training batch, by task."""
    return {name: spec.of_task(name).batch_size for name in task_names(spec)}
