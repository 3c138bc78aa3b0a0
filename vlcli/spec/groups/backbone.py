"""The language model that everything is built on."""

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
