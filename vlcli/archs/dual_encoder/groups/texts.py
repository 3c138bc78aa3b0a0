"""Which texts belong to a picture."""

from typing import Literal

from vlcli.spec.fields import Group, arg


class CaptionChoiceArgs(Group):
    """Captions of a picture"""

    caption_choice: Literal["random", "all"] = arg(
        "random",
        "Which of a picture's captions an epoch learns: one of them at random, or all, each as a "
        "pair of its own.",
        new=True,
    )
