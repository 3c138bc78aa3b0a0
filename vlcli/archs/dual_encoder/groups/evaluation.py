"""How a trained pair of encoders is judged, beside retrieval."""

from typing import Literal

from vlcli.spec import needs as shared
from vlcli.spec.fields import Group, Need, arg

from .needs import has_head

_RAW_TEXTS = Need(
    "N1",
    "without a projection head of texts, which gives vectors of length 1",
    ("text_head_n_layers", "loss"),
    lambda run: not has_head(run, "text"),
)


def _every(task: str, what: str) -> str:
    return (
        f"Epochs after which validation also says {what} on the valid split of {task}, and after "
        "the last; 0 never."
    )


class EvaluationArgs(Group):
    """Evaluation by vectors"""

    cls_task: Literal["tinyimagenet", "cifar10"] = arg(
        "tinyimagenet",
        "Which published pictures the splits of zeroshot, linear_probe and knn are.",
        code="R129",
        new=True,
    )
    zeroshot_frequency: int = arg(
        0,
        _every("zeroshot", "the zero-shot accuracy"),
        ge=0,
        needs=shared.TRAINING,
        new=True,
    )
    linear_frequency: int = arg(
        0,
        _every("linear_probe and knn", "what probes of the image tower reach"),
        ge=0,
        needs=shared.TRAINING,
        new=True,
    )
    nlp_eval_frequency: int = arg(
        0,
        _every("sts", "how far cosines of texts go with people's judgement"),
        ge=0,
        needs=shared.TRAINING,
        new=True,
    )
    legacy_zeroshot: bool = arg(
        False,
        "Take the mean of a class's texts as they are, not of length 1, as the published tool "
        "does.",
        needs=_RAW_TEXTS,
        new=True,
    )
    C: float | None = arg(
        None,
        "Cost of errors against large weights in linear_probe. Null chooses on a fifth of the "
        "training pictures.",
        gt=0,
        new=True,
    )
    knn_k: int = arg(
        0,
        "Neighbours that vote in knn. 0 chooses on a fifth of the training pictures.",
        ge=0,
        new=True,
    )
