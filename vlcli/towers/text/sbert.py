"""Text encoders of sentence-transformers, as their folders lay them out: a transformer or word
embeddings (GloVe), then whatever pools, weighs, projects and normalises.

B texts, T tokens, W width.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel

from vlcli.hush import hushed
from vlcli.spec.problem import UserError
from vlcli.towers.fetching import fetched, located

from .huggingface import HuggingFaceTokenize, dropouts
from .tower import TextTower, Tokenize, Tokens

LAYOUT = "modules.json"  # in a model's folder: which modules, in which order
WORDS = "words.json"  # in a run's tokenizer folder: of which class its tokenizer of words is
PACKAGE = "sentence_transformers"
TOKENIZERS = f"{PACKAGE}.sentence_transformer.modules.tokenizer"


class WordTokenize:
    """Texts as the words that a vocabulary has; the others are left out."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """`ids` and `mask` (B, T)."""
        found = [self.tokenizer.tokenize(text) for text in texts]
        longest = max(1, *map(len, found)) if found else 1
        ids = [each + [0] * (longest - len(each)) for each in found]
        mask = [[1] * len(each) + [0] * (longest - len(each)) for each in found]
        return {"ids": torch.tensor(ids), "mask": torch.tensor(mask)}

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(str(folder))
        facts = {"class": type(self.tokenizer).__name__}
        (folder / WORDS).write_text(json.dumps(facts) + "\n", encoding="utf-8")


class SentenceTower(TextTower):
    """A whole model of sentence-transformers."""

    def __init__(self, name: str, model: Any) -> None:
        super().__init__()
        self.name, self.model = name, model
        self.width = model.get_embedding_dimension()
        first = model.transformers_model
        if getattr(first, "pooler", None) is not None:
            first.pooler = None  # else it would be left without a gradient

    def forward(self, tokens: Tokens) -> Tensor:
        model: Any = self.model
        ids, mask = tokens["ids"], tokens["mask"]
        if hasattr(model[0], "get_sentence_features"):  # a bag of words has no states
            words = [row[kept.bool()].tolist() for row, kept in zip(ids, mask, strict=True)]
            features = model[0].get_sentence_features(words)
            features = {name: each.to(ids.device) for name, each in features.items()}
        else:
            features = {"input_ids": ids, "attention_mask": mask, "sentence_lengths": mask.sum(1)}
        found: Tensor = model(features)["sentence_embedding"]
        return found


def model(name: str, pretrained: bool, dropout: float) -> Any:
    """The model of a hub name, a folder or a package, with its weights or new ones."""
    path = _path(name)
    config = Path(path) / "config.json"
    told = dropouts(json.loads(config.read_text()), dropout) if config.is_file() else {}
    with hushed("transformers"), hushed(PACKAGE):
        made = fetched(
            _library().SentenceTransformer,
            path,
            "sentence-transformers model",
            (LAYOUT,),
            device="cpu",
            config_kwargs=told,
        )
    for parameter in made.parameters():
        parameter.requires_grad_(True)  # word embeddings say they are fixed; a spec decides here
    return made if pretrained else _anew(made)


def tower(name: str, model: Any) -> SentenceTower:
    return SentenceTower(name, model)


def load_tokenizer(name: str) -> Tokenize:
    """The tokenizer of a model's first module."""
    first = model(name, True, 0.0)[0]
    if hasattr(first.tokenizer, "save_pretrained"):
        return HuggingFaceTokenize(first.tokenizer, first.max_seq_length)
    return WordTokenize(first.tokenizer)


def saved_words(folder: Path) -> WordTokenize:
    """A tokenizer of words that a run kept."""
    facts = json.loads((folder / WORDS).read_text(encoding="utf-8"))
    kinds = _library(TOKENIZERS)
    return WordTokenize(getattr(kinds, facts["class"]).load(str(folder)))


def _path(name: str) -> str:
    """A folder; hub names without an owner are those of the library."""
    found = located(name)
    return found if Path(found).is_dir() or "/" in found else f"sentence-transformers/{found}"


def _anew(model: Any) -> Any:
    """The same modules with new weights; what a word counts stays."""
    held = model.transformers_model
    for module in model.modules():
        for name, child in list(module.named_children()):
            if child is held and held is not None:
                setattr(module, name, AutoModel.from_config(held.config))
    kept = [each for each in model.modules() if type(each).__name__ == "WordWeights"]
    kept += [] if held is None else [model.transformers_model]
    fresh = {inner for each in kept for inner in each.modules()}
    kinds = (nn.Linear, nn.Embedding, nn.LSTM, nn.Conv1d, nn.LayerNorm)
    for module in model.modules():
        if isinstance(module, kinds) and module not in fresh:
            module.reset_parameters()
    return model


def _library(name: str = PACKAGE) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise UserError(
            'text_model_builder: "sbert" needs the library sentence-transformers. Run: '
            "pip install 'vlcli[sbert]', or read the model by huggingface with text_pooler: "
            '"mean".'
        ) from error
