"""What the image tower alone knows of classes: a linear probe, and nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from vlcli.contracts import Example, Prediction
from vlcli.metrics import classifying

from .base import Record
from .class_texts import in_order
from .classified import Classified, label_of, numbers, rows

HELD_OUT = 5  # one training picture in so many chooses
COSTS = tuple(10.0**power for power in range(-3, 4))
NEIGHBOURS = (1, 5, 10, 20, 50, 100, 200)


class Probe(Classified):
    """Fitted on the pictures of `train`, as the tower sees them before any head.

    A setting that the spec leaves open is chosen on a fifth of the training pictures, drawn by the
    seed and held out; the probe is then fitted on all of them. `learned` are the training pictures.
    """

    fitted = True
    settings: tuple[float, ...] = ()
    word = ""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.learned: list[Example] = []

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        found = self.pictures(records, "tower", "train: " if training else "")
        if training:
            self.learned = found
        return found

    def beside(self, examples: Sequence[Example]) -> list[Example]:
        return self.learned

    def judge(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> tuple[Tensor, tuple[str, ...]]:
        known = [each for each in self.learned if each.id in predictions]
        classes = tuple(in_order({label_of(each) for each in known}))
        learned, labels = rows(known, predictions, "image"), numbers(known, classes)
        setting = self.setting or self._chosen(learned, labels, len(classes))
        self.told = (
            f"{self.word} {setting:g}{self.told}, fitted on {len(known)} training pictures. "
        )
        self.told += "The prior draws a class at random"
        asked = rows(examples, predictions, "image")
        return self.scores(learned, labels, asked, setting, len(classes)), classes

    @property
    def setting(self) -> float:
        """What the spec says; 0 chooses."""
        raise NotImplementedError

    def scores(
        self, learned: Tensor, labels: Tensor, asked: Tensor, setting: float, many: int
    ) -> Tensor:
        """(M, C)."""
        raise NotImplementedError

    def _chosen(self, learned: Tensor, labels: Tensor, many: int) -> float:
        """The setting that is best on pictures held out; the first of equals."""
        generator = torch.Generator().manual_seed(self.args.seed)
        order = torch.randperm(len(learned), generator=generator)
        out, kept = order[: len(order) // HELD_OUT], order[len(order) // HELD_OUT :]
        reached = {
            setting: classifying.accuracy(
                self.scores(learned[kept], labels[kept], learned[out], setting, many), labels[out]
            )
            for setting in self.settings
        }
        best = max(reached, key=reached.__getitem__)
        self.told = f" ({reached[best]:.1f} % right of {len(out)} held out)"
        return best


class LinearProbe(Probe):
    """Logistic regression on the tower's features, with the cost `C`."""

    name = "linear_probe"
    settings = COSTS
    word = "C"

    @property
    def setting(self) -> float:
        return float(self.args.C or 0)

    def scores(
        self, learned: Tensor, labels: Tensor, asked: Tensor, setting: float, many: int
    ) -> Tensor:
        return classifying.Linear(learned, labels, setting, many)(asked)


class Knn(Probe):
    """Votes of the `knn_k` nearest training pictures."""

    name = "knn"
    settings = tuple(map(float, NEIGHBOURS))
    word = "k"

    @property
    def setting(self) -> float:
        return float(self.args.knn_k)

    def scores(
        self, learned: Tensor, labels: Tensor, asked: Tensor, setting: float, many: int
    ) -> Tensor:
        return classifying.neighbours(learned, labels, asked, int(setting), many)
