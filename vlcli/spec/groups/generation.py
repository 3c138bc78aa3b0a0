"""How answers and captions are written."""

from .. import needs
from ..fields import Group, arg


class GenerationArgs(Group):
    """Generation"""

    num_beams: int = arg(
        1,
        "Beams of the search; 1 is greedy.",
        ge=1,
        code="R130",
        by_task=True,
        needs=(needs.WRITTEN, needs.WRITTEN_ANSWERS),
    )
    gen_max_length: int = arg(
        20,
        "Longest generated text in tokens; also where captions, translations and pretraining "
        "targets are cut.",
        ge=1,
        by_task=True,
        needs=(needs.WRITTEN, needs.WRITTEN_ANSWERS, needs.FREE_ANSWERS),
    )
    answer_vocab: str | None = arg(
        None,
        "Only write answers of a list: the path of a JSON list or a text file with one a line, or "
        '"train" for those of the training data.',
        needs=needs.CLASSIFIED,
        new=True,
    )
