"""What stands around the text of an example."""

from .. import needs
from ..fields import Group, arg


class TextArgs(Group):
    """Text"""

    prompt: str = arg(
        "vqa: ",
        "Put in front of the text (behind it in video tasks). The default is that of vqa; other "
        "tasks bring their own.",
        needs=needs.PROMPTED,
        by_task=True,
    )
    post_prompt: str = arg("", "Put behind the text.", needs=needs.QUESTIONS, by_task=True)
    use_tasks_prompts: bool = arg(
        False,
        "In multitask runs, put each task's own prompt in front of its text.",
        also=("use_tasks_prompt",),
        needs=needs.MULTITASK,
    )
    max_text_length: int = arg(
        20, "Longest input text, in tokens.", ge=1, needs=needs.CUT_TEXTS, by_task=True
    )
    oscar_tags: bool = arg(
        False, "Add the names of detected objects to the text.", needs=(needs.VISION, needs.OSCAR)
    )
    do_lower_case: bool = arg(
        False,
        "Kept for published command lines.",
        needs=needs.never("N3", "by none of the tokenizers in use"),
    )
