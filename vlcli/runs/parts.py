"""The parts of a run, put together in order: data, tokenizer, answers, architecture, freezing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from vlcli.contracts import Architecture, Building, Example
from vlcli.data.batching import TrainBatches, TrainOrder, groups
from vlcli.data.dataset import TrainSet
from vlcli.data.faults import Skips
from vlcli.data.mixing import MixedOrder
from vlcli.runs.folder import RunFolder
from vlcli.runs.jobs import (
    Handling,
    Job,
    jobs_of,
    judges_of,
    served_split,
    train_batch_size,
)
from vlcli.runs.weights import left_out, load_into, names_of, tokenizer_of_run
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.runtime.engine import Engine
from vlcli.spec.entries import all_of, part
from vlcli.spec.problem import UserError

TOKENIZER = "tokenizer"
ANSWERS = "answers.json"
PRIOR = "prior.json"


@dataclass
class Parts:
    """What a run works with. `judges` are what validations tell more by, `skips` holds the training
    examples that are left out, `remarks` what there is to say of the weights."""

    spec: Any
    jobs: dict[str, Job]
    tokenizer: Any
    architecture: Architecture
    answers: list[str] | None = None
    judges: dict[str, Job] = field(default_factory=dict)
    skips: Skips = field(default_factory=Skips)
    remarks: list[str] = field(default_factory=list)

    @property
    def train(self) -> list[Example]:
        """The training examples of all tasks."""
        return list(chain.from_iterable(job.train for job in self.jobs.values()))

    def amount(self, role: str) -> int:
        return sum(len(getattr(job, role)) for job in self.jobs.values())

    def batches(self, engine: Engine) -> TrainBatches:
        """The training batches of this process."""
        spec, examples = self.spec, self.train
        held = groups(examples, train_batch_size(spec))
        order: TrainOrder | MixedOrder
        if len(held) == 1:
            (one,) = held.values()
            order = TrainOrder(
                one.lengths,
                one.batch_size,
                spec.seed,
                engine.rank,
                engine.world,
                getattr(spec, "episode_size", 0),
            )
        else:
            order = MixedOrder(
                held,
                spec.seed,
                spec.multitask_sampling,
                spec.sampling_temperature,
                engine.rank,
                engine.world,
            )
        weights = {n: spec.of_task(n).task_weight for n in self.jobs} if len(self.jobs) > 1 else {}
        handling = Handling(self.jobs, weights)
        data = TrainSet(
            examples, handling.readers, handling.look, handling.redraw, handling.augment
        )
        pin = engine.device.type == "cuda"
        collate = self.architecture.collator()
        return TrainBatches(data, order, collate, spec.num_workers, pin, self.skips)


def without_effect(parts: Parts, written: Collection[str]) -> list[str]:
    """What there is to say of written keys that do nothing with this data: whether records of the
    user's own name boxes is known once they are read."""
    held = chain.from_iterable(j.train + j.valid + j.test for j in parts.jobs.values())
    own, patches = parts.spec.dataset is None, parts.spec.feature_type == "patch"
    if own and patches and "image_size" in written and all(each.regions for each in held):
        return [
            "image_size has no effect: every example names the boxes that it is about, and each is "
            "seen for itself, as one patch."
        ]
    return []


def building_of(spec: Any) -> Building:
    """How the architecture of a spec is put together."""
    found = all_of("arch")[spec.arch]
    make: Callable[[], Building] | None = part(found, "impl")
    if make is None:
        raise UserError(f"This version checks specs of {spec.arch} and cannot run them.")
    return make()


def build(
    spec: Any, run: RunFolder | None = None, learning: bool = True, only: str | None = None
) -> Parts:
    """Everything that a spec names. `run` gives tokenizer, answers and priors where it has them
    already, and the weights are those of its checkpoint where it has one; `learning` reads the
    splits that training needs; `only` leaves the other tasks of a run out."""
    building = building_of(spec)
    jobs, skips = jobs_of(spec, building, only), Skips(spec.on_bad_example)
    for job in jobs.values() if learning else ():
        job.train = job.read(job.spec.train, "train", training=True)
        job.valid = job.read(job.spec.valid, "valid")
        job.test = job.read(job.spec.test, "test")
        job.served = job.read(served_split(spec, job.name), "test")
        job.train = skips.readable(job.train, job.reader)
    judges = judges_of(spec, building) if learning else {}
    if run is not None:
        put_back_priors(jobs, run)
    train = [each for job in jobs.values() for each in job.train]
    tokenizer = tokenizer_at_hand(spec, building, run) or building.tokenizer(spec, texts_of(train))
    answers = answers_of(spec, run, train)
    trained = run is not None and Checkpoints(run.path / "checkpoints").any()
    shape = spec
    if trained:
        shape = building.bare(spec, left_out(None, run))
    elif spec.load:
        shape = building.bare(spec, left_out(spec.load, None), names_of(spec.load))
    architecture = building.architecture(shape, tokenizer, spec.feat_dim, answers)
    remarks = list(architecture.remarks)
    if spec.load and not trained:
        remarks += load_into(architecture, spec.load)
    building.freeze(architecture, spec)
    return Parts(spec, jobs, tokenizer, architecture, answers, judges, skips, remarks)


def put_back_priors(jobs: dict[str, Job], run: RunFolder) -> None:
    """What training found to be the best constants, where it is known and not found anew."""
    if not (run.path / PRIOR).is_file():
        return
    held = run.read_json(PRIOR)
    for name, job in jobs.items():
        if not job.task.prior:
            job.task.prior = dict(held.get(name, {}) if run.mixed else held)


def restored(spec: Any, run: RunFolder) -> Architecture:
    """The architecture of a finished run, ready for its weights and frozen as it trained; no data
    is read."""
    building = building_of(spec)
    tokenizer = building.saved_tokenizer(run.path / TOKENIZER)
    shape = building.bare(spec, left_out(None, run))
    architecture = building.architecture(shape, tokenizer, spec.feat_dim, answers_of(spec, run, []))
    building.freeze(architecture, spec)
    return architecture


def keep(parts: Parts, run: RunFolder) -> None:
    """Copy tokenizer, answers and prior into the run folder."""
    aside = run.path / f".{TOKENIZER}"
    building_of(parts.spec).save_tokenizer(parts.tokenizer, aside)
    aside.replace(run.path / TOKENIZER)
    if parts.answers is not None:
        run.write_json(ANSWERS, parts.answers)
    priors = {name: job.task.prior for name, job in parts.jobs.items() if job.task.prior}
    if priors:
        run.write_json(PRIOR, priors if run.mixed else next(iter(priors.values())))


def tokenizer_at_hand(spec: Any, building: Building, run: RunFolder | None = None) -> Any:
    """The tokenizer of a run, or of the run whose weights a spec loads; None without such a run."""
    if run is not None and (run.path / TOKENIZER).is_dir():
        return building.saved_tokenizer(run.path / TOKENIZER)
    if spec.tokenizer is None and spec.load and (folder := tokenizer_of_run(spec.load)):
        return building.saved_tokenizer(folder)
    return None


def texts_of(examples: Iterable[Example]) -> list[str]:
    """What a tokenizer learns from: inputs, and everything that counts as right."""
    texts: list[str] = []
    for each in examples:
        texts += [each.text, *([each.target] if each.target else [])]
        texts += [*each.references, *each.labels, *(each.candidates or ()), *each.names]
    return texts


def answers_of(spec: Any, run: RunFolder | None, train: Sequence[Example]) -> list[str] | None:
    """The answer list that a spec asks for: the run's, a file's, or the training answers, most
    frequent first."""
    asked = spec.answer_list
    if asked is None:
        return None
    if run is not None and (run.path / ANSWERS).is_file():
        return list(run.read_json(ANSWERS))
    if asked == "train":
        counts = Counter(answer for each in train for answer in each.labels)
        if train and not counts:
            raise UserError(
                "This run learns to choose among the labels or answers of its training records, "
                'and none has any. Write "label" into them, or choose a loss or a task that needs '
                "none.",
                exit_code=3,
            )
        return sorted(counts, key=lambda answer: (-counts[answer], answer))
    return read_answers(Path(asked))


def read_answers(path: Path) -> list[str]:
    """An answer list: a JSON list of texts, or a text file with one answer a line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The answer list {path} cannot be read: {error}.") from error
    if path.suffix == ".json":
        try:
            answers = json.loads(text)
        except ValueError as error:
            raise UserError(f"The answer list {path} is not JSON: {error}.", 3) from error
        if not isinstance(answers, list) or not all(isinstance(each, str) for each in answers):
            raise UserError(f"The answer list {path} must be a JSON list of texts.", 3)
    else:
        answers = [line.strip() for line in text.splitlines()]
    answers = list(dict.fromkeys(each for each in answers if each))
    if not answers:
        raise UserError(f"The answer list {path} holds no answer.", 3)
    return answers
