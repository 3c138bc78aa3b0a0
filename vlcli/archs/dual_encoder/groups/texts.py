"""Which texts belong to a picture."""

from typing import Literal

from vlcli.spec import needs
from vlcli.spec.fields import Group, arg
from vlcli.spec.templates import class_names, prompt_templates


class CaptionChoiceArgs(Group):
    """Captions and classes of a picture"""

    caption_choice: Literal["random", "all"] = arg(
        "random",
        "Which of a picture's captions an epoch learns: one of them at random, or all, each as a "
        "pair of its own.",
        needs=needs.TRAINING,
        new=True,
    )
    episode_size: int = arg(
        0,
        "Training examples of an epoch, drawn anew each time, none again before all have come (the "
        "published tool draws with replacement); 0 takes each once.",
        ge=0,
        needs=needs.TRAINING,
        new=True,
    )
    prompt_templates: str = arg(
        "a photo of a {}.",
        "What says in words that a picture is of a class: a text with {} for its name, a .txt file "
        "with one a line, or the published ones: imagenet (80), simple (7), cifar (18). A picture "
        "without captions gets one in each epoch; zeroshot takes the mean of all.",
        read=prompt_templates,
        expects="a text with {}, a .txt file, imagenet, simple or cifar",
        new=True,
    )
    class_names: str | None = arg(
        None,
        "What classes are called: a .txt file with a line for each in their order (or lines of a "
        "label, a tab and a name), or imagenet, the published names. Null: by their labels or "
        "folders.",
        read=class_names,
        expects="a .txt file, imagenet, or null",
        new=True,
    )
