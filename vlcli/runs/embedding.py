"""Embeddings by a trained run: vectors of pictures or texts in its common space, for a store.

D width of the common space.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from vlcli.contracts import Example
from vlcli.data.gathering import Gathered, gather
from vlcli.data.listing import Listing
from vlcli.data.records import read_records
from vlcli.data.visual import PictureFiles
from vlcli.runs.extractor import THREADS, Rows, Wish, cores
from vlcli.runs.folder import SPEC, RunFolder
from vlcli.runs.jobs import reader_of
from vlcli.runs.parts import restored
from vlcli.runs.weights import best_of, load_best
from vlcli.runtime.device import choose_device
from vlcli.spec.encoders import OF_RUN
from vlcli.spec.entries import all_of
from vlcli.spec.problem import UserError
from vlcli.spec.read import read_spec

USAGE = 2


def texts_of(source: Path) -> dict[str, str]:
    """The captions of a .jsonl file by `id#number`; UserError where there are none."""
    found = {
        f"{record['id']}#{number}": caption
        for record in read_records(source)
        for number, caption in enumerate(record.get("captions", ()))
        if caption.strip()
    }
    if not found:
        raise UserError(f"{source} has no captions.", exit_code=3)
    return found


class RunExtractor:
    """Vectors of length 1 by the best checkpoint of the run that `wish.encoder` names. What is
    gathered are pictures, or with `wish.texts` captions."""

    chooser = None
    tokens = 1

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.run = RunFolder.find(wish.encoder.removeprefix(OF_RUN))
        spec = read_spec(self.run.path / SPEC).spec
        found = all_of("arch").get(getattr(spec, "arch", "") or "")
        if spec is None or not (found and found.entry and found.entry.answers == "vectors"):
            raise UserError(
                f"{self.run.path} is no run of two encoders, which give vectors.", USAGE
            )
        self.device = choose_device(wish.device)
        self.model = restored(spec, self.run)
        load_best(self.model, self.run)
        self.model.to(self.device).eval()
        self.collate = self.model.collator()
        self.texts = texts_of(wish.source) if wish.texts else {}
        if wish.texts:
            sizes = Listing((name, len(text.encode())) for name, text in self.texts.items())
            self.gathered = Gathered(PictureFiles(), sizes)
        else:
            self.gathered = gather(wish.source, wish.images)
        self.reader: Any = reader_of(spec, self.gathered.pictures)
        if not (wish.texts or hasattr(self.reader, "see")):
            raise UserError(
                f"{self.run.path} reads stored features and has no tower for pictures. Name the "
                "encoder that made them.",
                USAGE,
            )
        self.side = int(spec.image_size[0])  # type: ignore[attr-defined]
        probe = Example(id="", task="", text="a") if wish.texts else self._blank()
        self.width = len(self._vectors([probe])[0])

    def facts(self) -> dict[str, Any]:
        """What an index says of the vectors before there are any."""
        return {
            "tokens": 1,
            "width": self.width,
            "dtype": self.wish.dtype,
            "grid": [1, 1],
            "columns": [],
            "encoder": {
                "encoder": f"{OF_RUN}{self.run.path}",
                "size": self.side,
                "pool": "texts" if self.wish.texts else "pooled",
                "weights": best_of(self.run).name,
            },
        }

    def rows(self, batches: Iterator[Sequence[str]]) -> Iterator[Rows]:
        with ThreadPoolExecutor(self.wish.threads or min(THREADS, cores())) as pool:
            for names in batches:
                seen = list(pool.map(self._example, names))
                held = [each for each in seen if isinstance(each, Example)]
                pairs = zip(names, seen, strict=True)
                bad = {name: each for name, each in pairs if isinstance(each, UserError)}
                ids = [name for name in names if name not in bad]
                yield Rows(ids, self._vectors(held)[:, None] if held else [], None, bad)

    def _example(self, name: str) -> Example | UserError:
        if self.wish.texts:
            return Example(id=name, task="", text=self.texts[name])
        try:
            return Example(id=name, task="", text="", visuals=(self.reader.read(name),))
        except UserError as error:
            return error

    def _blank(self) -> Example:
        blank = self.reader.see(Image.new("RGB", (self.side, self.side)))
        return Example(id="", task="", text="", visuals=(blank,))

    @torch.no_grad()
    def _vectors(self, examples: Sequence[Example]) -> torch.Tensor:
        """(B, D)."""
        said = self.model.predict(self.collate(examples).to(self.device))
        side = "text" if self.wish.texts else "image"
        return torch.stack([each.vectors[side] for each in said])
