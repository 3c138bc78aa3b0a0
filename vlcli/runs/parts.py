"""The parts of a run, put together in order: data, tokenizer, answers, architecture, freezing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlcli.contracts import Architecture, Building, Example, Task
from vlcli.data import sources
from vlcli.data.batching import TrainBatches, TrainOrder, lengths
from vlcli.data.dataset import TrainSet
from vlcli.data.faults import Skips, known_faults
from vlcli.data.visual import Reader
from vlcli.peft.freezing import freeze
from vlcli.runs.folder import RunFolder
from vlcli.runs.unbuilt import refuse_unbuilt
from vlcli.runs.weights import load_into, needs_backbone, tokenizer_of_run
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.runtime.engine import Engine
from vlcli.spec.entries import all_of, part
from vlcli.spec.files import OWN_DATA
from vlcli.spec.methods import methods_on
from vlcli.spec.problem import UserError

TOKENIZER = "tokenizer"
ANSWERS = "answers.json"
PRIOR = "prior.json"


@dataclass
class Parts:
    """What a run works with; `train` is empty where a run only tests or predicts. `skips` holds the
    training examples that are left out, `remarks` what there is to say of the weights."""

    spec: Any
    task: Task
    reader: Reader | None
    tokenizer: Any
    architecture: Architecture
    answers: list[str] | None = None
    train: list[Example] = field(default_factory=list)
    valid: list[Example] = field(default_factory=list)
    test: list[Example] = field(default_factory=list)
    skips: Skips = field(default_factory=Skips)
    remarks: list[str] = field(default_factory=list)

    def batches(self, engine: Engine) -> TrainBatches:
        """The training batches of this process."""
        spec = self.spec
        order = TrainOrder(
            lengths(self.train), spec.batch_size, spec.seed, engine.rank, engine.world
        )
        examples = TrainSet(self.train, self.reader, self.task.redraw)
        pin = engine.device.type == "cuda"
        collate = self.architecture.collator()
        return TrainBatches(examples, order, collate, spec.num_workers, pin, self.skips)


def task_of(spec: Any) -> Task:
    """The task of a spec; UserError where this version cannot run it."""
    found = all_of("task").get(spec.task)
    make: Callable[[Any], Task] | None = part(found, "impl") if found and found.entry else None
    if make is None:
        raise UserError(f'This version checks specs of the task "{spec.task}" and cannot run them.')
    return make(spec)


def building_of(spec: Any) -> Building:
    """How the architecture of a spec is put together."""
    found = all_of("arch")[spec.arch]
    make: Callable[[], Building] | None = part(found, "impl")
    if make is None:
        raise UserError(f"This version checks specs of {spec.arch} and cannot run them.")
    return make()


def examples_of(
    spec: Any, task: Task, names: str | None, role: sources.Role, training: bool = False
) -> list[Example]:
    """The examples of a split, as many as topk asks for; none where no split is named."""
    if not names:
        return []
    records = sources.records(spec, names, role, task.field, training)  # type: ignore[arg-type]
    amount = spec.train_topk if training else spec.valid_topk
    return task.examples(sources.topk(records, amount, spec.seed), training)


def split_name(names: str, role: sources.Role) -> str:
    """What results call a split: your own file may hold several, so it is named by its role."""
    return role if names.endswith(OWN_DATA) else names


def evaluated(spec: Any, reader: Reader | None, examples: list[Example]) -> list[Example]:
    """Examples of a split that is evaluated. With on_bad_example: "error", those that are known to
    be unreadable stop the run here; with "skip" all stay, to be reported beside the scores."""
    if spec.on_bad_example == "error":
        Skips().take(known_faults(examples, reader))
    return examples


def build(spec: Any, run: RunFolder | None = None, learning: bool = True) -> Parts:
    """Everything that a spec names. `run` gives tokenizer, answers and prior where it has them
    already, and the weights are those of its checkpoint where it has one; `learning` reads the
    splits that training needs."""
    refuse_unbuilt(spec)
    task = task_of(spec)
    reader = reader_of(spec, sources.pictures(spec)) if spec.use_vision else None
    train = examples_of(spec, task, spec.train, "train", training=True) if learning else []
    valid = examples_of(spec, task, spec.valid, "valid") if learning else []
    test = examples_of(spec, task, spec.test, "test") if learning else []
    if run is not None and not task.prior and (run.path / PRIOR).is_file():
        task.prior = dict(run.read_json(PRIOR))
    skips = Skips(spec.on_bad_example)
    train = skips.readable(train, reader)
    valid, test = evaluated(spec, reader, valid), evaluated(spec, reader, test)
    building = building_of(spec)
    tokenizer = tokenizer_at_hand(spec, building, run) or building.tokenizer(spec, _texts(train))
    answers = _answers(spec, run, train)
    trained = run is not None and Checkpoints(run.path / "checkpoints").any()
    alone = (spec.load or trained) and not needs_backbone(spec.load, run if trained else None)
    shape = spec.but(from_scratch=True) if alone else spec
    architecture = building.architecture(shape, tokenizer, spec.feat_dim, answers)
    remarks = load_into(architecture, spec.load) if spec.load and not trained else []
    freeze_by(architecture, spec)
    return Parts(
        spec, task, reader, tokenizer, architecture, answers, train, valid, test, skips, remarks
    )


def restored(spec: Any, run: RunFolder) -> Architecture:
    """The architecture of a finished run, ready for its weights and frozen as it trained; no data
    is read."""
    building = building_of(spec)
    tokenizer = building.saved_tokenizer(run.path / TOKENIZER)
    shape = spec if needs_backbone(None, run) else spec.but(from_scratch=True)
    architecture = building.architecture(shape, tokenizer, spec.feat_dim, _answers(spec, run, []))
    freeze_by(architecture, spec)
    return architecture


def freeze_by(architecture: Architecture, spec: Any) -> None:
    """Let train what the spec says, and nothing else."""
    freeze(architecture, spec, methods_on(spec))


def reader_of(spec: Any, pictures: Any) -> Reader:
    return sources.reader(spec, pictures)


def keep(parts: Parts, run: RunFolder) -> None:
    """Copy tokenizer, answers and prior into the run folder."""
    aside = run.path / f".{TOKENIZER}"
    building_of(parts.spec).save_tokenizer(parts.tokenizer, aside)
    aside.replace(run.path / TOKENIZER)
    if parts.answers is not None:
        run.write_json(ANSWERS, parts.answers)
    if parts.task.prior:
        run.write_json(PRIOR, parts.task.prior)


def tokenizer_at_hand(spec: Any, building: Building, run: RunFolder | None = None) -> Any:
    """The tokenizer of a run, or of the run whose weights a spec loads; None without such a run."""
    if run is not None and (run.path / TOKENIZER).is_dir():
        return building.saved_tokenizer(run.path / TOKENIZER)
    if spec.tokenizer is None and spec.load and (folder := tokenizer_of_run(spec.load)):
        return building.saved_tokenizer(folder)
    return None


def _texts(examples: Sequence[Example]) -> list[str]:
    """What a tokenizer learns from: inputs, and everything that counts as right."""
    texts = [each.text for each in examples]
    for each in examples:
        texts += [each.target] if each.target else []
        texts += [*each.references, *each.labels]
    return texts


def _answers(spec: Any, run: RunFolder | None, train: Sequence[Example]) -> list[str] | None:
    """The answer list of `classifier` and `answer_vocab`: the run's, a file's, or the training
    answers, most frequent first."""
    if not (spec.classifier or spec.answer_vocab):
        return None
    if run is not None and (run.path / ANSWERS).is_file():
        return list(run.read_json(ANSWERS))
    if spec.answer_vocab in (None, "train"):
        counts = Counter(answer for each in train for answer in each.labels)
        return sorted(counts, key=lambda answer: (-counts[answer], answer))
    return read_answers(Path(spec.answer_vocab))


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
