"""Caption scores as pycocoevalcap computes them: BLEU-1..4, ROUGE-L, CIDEr, and with Java METEOR.

CIDEr stands as it comes from there (a human reaches about 0.8 on Flickr8k), not times 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pycocoevalcap.bleu.bleu import Bleu  # type: ignore[import-untyped]
from pycocoevalcap.cider.cider import Cider  # type: ignore[import-untyped]
from pycocoevalcap.rouge.rouge import Rouge  # type: ignore[import-untyped]

from .constant import Constants
from .java import JavaError, has_java, meteor
from .words import PYTHON, Tokenizer, chosen

NO_JAVA = "not computed: it needs Java"
NO_SPICE = "not computed: it needs Java and models that pycocoevalcap would download"
LEFT_OUT = "not computed: left out of this evaluation"


@dataclass(frozen=True, slots=True)
class CaptionScores:
    """`values` by name; `tokenizer` is the one that cut captions into words; `missing` says of
    each score that was not computed why."""

    values: dict[str, float]
    tokenizer: str
    missing: dict[str, str]


def caption_scores(
    captions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    tokenizer: str = PYTHON,
    with_meteor: bool = False,
) -> CaptionScores:
    """Scores of one caption per picture against at least one reference each, by picture id.

    `tokenizer` is a name of `words.TOKENIZERS`. CIDEr weighs words by how few pictures have them,
    so it is 0 for a single picture.
    """
    ids = list(captions)
    cut = chosen(tokenizer)
    said = _cut(cut, {each: [captions[each]] for each in ids})
    right = _cut(cut, {each: list(references[each]) for each in ids})
    values = _plain(right, said)
    missing = {"SPICE": NO_SPICE}
    if not (ids and with_meteor and has_java()):
        missing["METEOR"] = NO_JAVA if not has_java() else LEFT_OUT
        return CaptionScores(values, cut.name, missing)
    try:
        values["METEOR"] = meteor([(said[each][0], right[each]) for each in ids])
    except JavaError as error:
        missing["METEOR"] = f"not computed: {error}"
    return CaptionScores(values, cut.name, missing)


def best_constant(
    candidates: Sequence[str], references: Mapping[str, Sequence[str]], tokenizer: str = PYTHON
) -> str:
    """That of the candidates which, as the caption of every picture, reaches the highest CIDEr."""
    cut = chosen(tokenizer)
    right = _cut(cut, {each: list(texts) for each, texts in references.items()})
    constants = Constants(list(right.values()))
    reached = dict(zip(candidates, map(constants.cider, cut.cut(candidates)), strict=True))
    return max(reached, key=lambda text: reached[text])


def _plain(right: dict[str, list[str]], said: dict[str, list[str]]) -> dict[str, float]:
    """What needs no Java, of captions that are words joined by spaces."""
    if not said:
        return {}
    bleu, _ = Bleu(4).compute_score(right, said, verbose=0)
    rouge, _ = Rouge().compute_score(right, said)
    cider, _ = Cider().compute_score(right, said)
    values = {f"Bleu_{n + 1}": float(value) for n, value in enumerate(bleu)}
    return {**values, "ROUGE_L": float(rouge), "CIDEr": float(cider)}


def _cut(tokenizer: Tokenizer, texts: dict[str, list[str]]) -> dict[str, list[str]]:
    """All texts through the tokenizer in one go, words joined by spaces."""
    lines = iter(tokenizer.cut([text for each in texts.values() for text in each]))
    return {key: [next(lines) for _ in each] for key, each in texts.items()}
