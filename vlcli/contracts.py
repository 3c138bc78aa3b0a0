"""The few shapes in which data, tasks, architectures and the trainer meet.

B batch, N visual tokens of a picture, F feature width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 as shares of width and height


class Visual(NamedTuple):
    """What an architecture sees of one picture: features (N, F), float32 or as they are stored, and
    boxes (N, 4) float32, each x1, y1, x2, y2 as shares of width and height in [0, 1]; `names` say
    in words what the N boxes show, where a detector or a record does.

    Where the architecture's own image tower is to make the features, there are `pixels` (H, W, 3)
    in bytes, and features is empty, (0, 0); boxes are the regions to look at then, or empty (0, 4)
    for the whole grid of the tower.
    """

    features: Tensor
    boxes: Tensor
    names: tuple[str, ...] = ()
    pixels: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to learn from or to answer.

    `images` name pictures by reference; `visuals` hold what was read of them, in the same order.
    `regions` are the boxes of the first picture to look at, in place of what its features show by
    themselves; `names` say what they are. `target` is the text to write (None where nothing is
    known: the example then counts in no loss), `labels` soft labels by answer (VQA: answer -> score
    in [0, 1]), `references` every text that counts as right, `weight` scales the example's loss,
    `averaged` says whether a batch averages over examples or over tokens.

    `candidates` says how it is answered: None writes a text; else one token is chosen at the first
    place of the text, among the first tokens of these candidates, or of the whole vocabulary where
    they are (). `learned` says whether the whole target is learned, or only that first token.
    `max_text` and `max_target` cut input and target, and `max_written` what is written, in tokens;
    `beams` search for it (None: both as the spec says); `kind` groups results (a question kind);
    `objective` names the loss that is logged for itself where one task has several; `vector` says
    which one an architecture of vectors gives: of the common space, of length 1 or as it is, or
    what a tower alone makes; `record` is the untouched record, for predictions that are shown or
    submitted.
    """

    id: str
    task: str
    text: str
    target: str | None = None
    images: tuple[str, ...] = ()
    visuals: tuple[Visual, ...] = ()
    regions: tuple[Box, ...] = ()
    names: tuple[str, ...] = ()
    labels: Mapping[str, float] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    weight: float = 1.0
    averaged: Literal["example", "token"] = "example"
    candidates: tuple[str, ...] | None = None
    learned: Literal["text", "first"] = "text"
    max_text: int = 20
    max_target: int = 20
    max_written: int | None = None
    beams: int | None = None
    kind: str = ""
    objective: str = ""
    vector: Literal["unit", "joint", "tower"] = "unit"
    record: Mapping[str, Any] = field(default_factory=dict)


class Prediction(NamedTuple):
    """What an architecture answers to one example: a text; where it chose among candidates, the
    probability of each among them; where the text names a region, its box. One that compares gives
    `vectors` (D) instead, of the example's "image" and its "text", float32 on the CPU, as
    `Example.vector` asks; the task says what follows from all of them (`settle`)."""

    id: str
    text: str
    scores: tuple[float, ...] = ()
    box: Box | None = None
    vectors: Mapping[str, Tensor] = {}


class Losses(NamedTuple):
    """Sums and counts, not means: the trainer divides by the count of the whole step, over
    micro-batches and processes, so that accumulation and data parallelism are exact.

    `sum` and `count` are scalars (`sum` with gradient); `logged` are further detached sums by name,
    to be divided by the same count.
    """

    sum: Tensor
    count: Tensor  # type: ignore[assignment]
    logged: dict[str, Tensor]


class Batch(Protocol):
    """What a collator makes of examples: it moves between devices, and says its examples' ids."""

    ids: tuple[str, ...]

    def to(self, device: Any) -> Batch: ...


class Source(NamedTuple):
    """Where first weights of a model came from and can be had again: a hub name, a file or a
    folder, its revision where it has one, and the names of the state dict that it gives, with the
    rows of each. `drifting` are those of them that change without being trained."""

    name: str
    revision: str | None
    rows: Mapping[str, int]
    drifting: frozenset[str] = frozenset()


class Part(NamedTuple):
    """A part of a model in words ("encoder") or by the name of its tuning method ("adapter"), and
    the one task that it works for, if any."""

    name: str
    task: str | None = None


class Lasting(NamedTuple):
    """What stays the same of a picture while a run trains: N vectors of width F, which `compute`
    makes of pictures (B, H, W, 3) in bytes. They are the cells of a `grid` of rows and columns, or
    (None) what the part of the tower that learns goes on from. `facts` are what they depend on, as
    JSON values."""

    facts: dict[str, Any]
    tokens: int
    width: int
    grid: tuple[int, int] | None
    compute: Callable[[Tensor], Tensor]


class ImageTower(Protocol):
    """The image encoder inside an architecture. `placed` says whether the cells of its grid have
    boxes of their own (else zeros)."""

    placed: bool

    def lasting(self) -> Lasting | str:
        """What stays the same of a picture while training; why there is nothing such, in words."""
        ...


class LastingTexts(NamedTuple):
    """What stays the same of a text while a run trains: a vector of width W, which `compute` makes
    of the tokens of B texts, (B, W). `facts` are what it depends on beside the tokens."""

    facts: dict[str, Any]
    width: int
    tokenize: Callable[[Sequence[str]], dict[str, Tensor]]
    compute: Callable[[dict[str, Tensor]], Tensor]


class Architecture(nn.Module):
    """A model as the trainer knows it: batches in, losses or predictions out.

    `forward` is called through the parallel wrapper only (calling anything else on the wrapped
    module would skip the exchange of gradients); `predict` is called on the bare module in eval
    mode without gradients. It acts on the types in an Example, never on a task's name, except to
    select parameters registered under that name. `sources` are those of weights that a name gives
    again; new ones, and those of a run, have none. `remarks` say what its spec means for it, where
    that was not known before it was built. `last_stage` begins the names of the parameters of its
    image tower's last stage, where it has one; `tower_prefix` begins those of the whole tower.
    `texts` is a store of vectors that its collator may put in place of texts, by `text_key`.
    """

    sources: tuple[Source, ...] = ()
    remarks: tuple[str, ...] = ()
    last_stage: str = ""
    tower_prefix: ClassVar[str] = "tower."
    texts: Path | None = None

    @classmethod
    def of_tower(cls, names: Iterable[str]) -> set[str]:
        """Which of these names of weights are the image tower's."""
        return {name for name in names if name.startswith(cls.tower_prefix)}

    def collator(self) -> Callable[[Sequence[Example]], Batch]:
        """A small picklable function from examples to a batch; it does not carry the model."""
        raise NotImplementedError

    def forward(self, batch: Any) -> Losses:
        raise NotImplementedError

    def count(self, batch: Any) -> Tensor:
        """The `count` that forward's Losses will carry, a scalar, from the batch alone: the trainer
        adds it up over micro-batches and processes before the first backward pass. By default an
        example counts one."""
        return torch.tensor(float(len(batch.ids)))

    def predict(self, batch: Any) -> list[Prediction]:
        raise NotImplementedError

    def image_tower(self) -> ImageTower | None:
        """The encoder that pixels pass through, if there is one."""
        return None

    def lasting_texts(self) -> LastingTexts | None:
        """What stays the same of texts while training; None where that is nothing."""
        return None

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """The optimizer's groups over trainable parameters. A group may carry a peak rate of its
        own as "lr", and "sgd": true for plain steps down its gradient."""
        return decay_groups(self.named_parameters(), weight_decay)

    def parts(self) -> dict[str, Part]:
        """The part that each parameter counts to, by the parameter's name."""
        return {name: Part(name.partition(".")[0]) for name, _ in self.named_parameters()}

    def after_step(self) -> None:
        """Called after every optimizer step."""

    def extra_state(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the weights, as JSON values."""
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `extra_state` gave."""


def text_key(text: str) -> str:
    """The id of a text in a store."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def undecayed(name: str) -> bool:
    """Whether a parameter is what an orthogonal weight of torch is made from (LoReFT): there are
    signs in it that decay would turn into zeros, and the weight with them."""
    return ".parametrizations." in name and name.endswith(".original")


def decay_groups(
    parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float, **more: Any
) -> list[dict[str, Any]]:
    """Groups of named parameters that train; no decay for names that hold `bias` or
    `LayerNorm.weight`, as published, nor where decay would break the weight."""
    groups: list[dict[str, Any]] = [
        {"params": [], "weight_decay": weight_decay, **more},
        {"params": [], "weight_decay": 0.0, **more},
    ]
    for name, parameter in parameters:
        if parameter.requires_grad:
            bare = undecayed(name) or any(part in name for part in ("bias", "LayerNorm.weight"))
            groups[bare]["params"].append(parameter)
    return [group for group in groups if group["params"]]


class Outline(NamedTuple):
    """An architecture in its full shape on the meta device, and in sentences what is not counted
    or not sure about it."""

    architecture: Architecture
    remarks: tuple[str, ...]


class Building(Protocol):
    """How an architecture is put together, in this order: the tokenizer (loaded, or trained from
    the training texts), then the model, told the width of a visual feature and the answer list."""

    def wording(self, spec: Any) -> Wording: ...

    def tokenizer(self, spec: Any, texts: Iterable[str]) -> Any: ...

    def saved_tokenizer(self, folder: Path) -> Any: ...

    def save_tokenizer(self, tokenizer: Any, folder: Path) -> None: ...

    def architecture(
        self, spec: Any, tokenizer: Any, feature_width: int, answers: Sequence[str] | None
    ) -> Architecture: ...

    def freeze(self, architecture: Architecture, spec: Any) -> None:
        """Let train what the spec says, and nothing else."""
        ...

    def bare(self, spec: Any, sources: Collection[str], held: Collection[str] | None = None) -> Any:
        """The spec of the same model with new weights for what a checkpoint holds, which leaves
        these sources out; `held` names its weights where it may be of another model."""
        ...

    def outline(self, spec: Any, tokenizer: Any, answers: Sequence[str] | None) -> Outline:
        """The same without weights and data; tokenizer and answers are None where they are not at
        hand."""
        ...


@dataclass(frozen=True, slots=True)
class Wording:
    """How an architecture writes what is left out (numbered spans, or a mask and the whole text
    again) and the regions of a picture; tasks render their texts through it."""

    style: Literal["span", "denoise"]
    mask: str | None

    def sentinel(self, number: int) -> str:
        return f"<extra_id_{number}>"

    def region(self, number: int) -> str:
        """The token of a picture's box."""
        return f"<vis_extra_id_{number}>"


class Task(Protocol):
    """Turns records into examples and predictions into scores; knows no architecture by name.

    `field` names what a record must hold to be learned from, `best` the score that chooses the best
    checkpoint (larger is better) and `percent` what makes it one of at most about 100. `prior` is
    the best constant text of each kind of example ("" for all others), found by `examples` in
    training: what a model that does not look can say. A run keeps it and puts it back, and `score`
    shows beside a score what the prior reaches. `fitted` says whether it judges a trained model by
    something of its own, which its `examples` in training are for.
    """

    name: str
    field: str
    best: str
    percent: float
    prior: dict[str, Any]
    fitted: bool

    def examples(self, records: Iterable[Mapping[str, Any]], training: bool) -> list[Example]: ...

    def beside(self, examples: Sequence[Example]) -> Sequence[Example]:
        """What is to be predicted beside the examples of a split, for `score` to compare them
        with."""
        ...

    def look(self, example: Example) -> Example:
        """The example with what follows from its `visuals`, which are read by now: which regions
        are right, say. In training before `redraw`; in evaluation `score` gets what it returns
        (without visuals)."""
        ...

    def redraw(self, example: Example, epoch: int) -> Example:
        """The example with the random choices of one epoch made."""
        ...

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]: ...

    def settle(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, Prediction]:
        """The predictions as they are kept and shown: with what follows from all of a split
        together, such as the text that fits a picture best."""
        ...

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """What the task's official test server takes: file names and their texts. UserError where
        there is no such server."""
        ...

    def final(self) -> Task:
        """This task as the last evaluation of a run scores it: with what takes too long for every
        validation."""
        ...

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """In words, what a score is or why one is missing."""
        ...
