"""The language model that everything is built on."""

from .. import needs
from ..fields import Group, arg


class BackboneArgs(Group):
    """Backbone"""

    backbone: str = arg(
        "t5-base",
        "T5 or BART model: a hub name (t5-base, facebook/bart-base), a folder, or with "
        "from_scratch a known shape (t5-tiny, t5-small, bart-tiny, ...).",
        code="R125",
    )
    tokenizer: str | None = arg(
        None,
        'Tokenizer by name or folder, or "train" to learn one from the training text; null takes '
        "the backbone's.",
    )
    load_lxmert_qa: str | None = arg(
        None,
        "Kept for published command lines.",
        needs=needs.never("N3", "by no code, here or in the published tool"),
    )
    from_scratch: bool = arg(
        False, "Random weights in the shape of `backbone`, in place of its pretrained ones."
    )
