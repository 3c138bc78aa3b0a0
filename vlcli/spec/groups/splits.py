"""Which data a run reads, and how much of it."""

from typing import Any, Literal

from .. import needs
from ..fields import Group, arg


def _separator(text: Any) -> Any:
    text = "\t" if text == "\\t" else text
    if isinstance(text, str) and len(text) != 1:
        raise ValueError(f"csv_separator is {text!r}; it must be one character.")
    return text


class SplitArgs(Group):
    """Data and splits"""

    train: str = arg(
        "train",
        "Training split, several joined by commas, or your own data: a .jsonl, .csv or .tsv file, "
        "a .tar of pictures with their texts (shards/{000..041}.tar is many), and where pictures "
        "have classes a folder of class folders.",
        by_task=True,
    )
    valid: str = arg(
        "valid",
        "Split that chooses the best checkpoint, several joined by commas, or a file of your own.",
        by_task=True,
    )
    test: str | None = arg(
        None,
        "Split tested at the end with the best checkpoint, or a file of your own; null tests none.",
        by_task=True,
    )
    test_only: bool = arg(False, "Train nothing; evaluate on `test`.")
    submit: bool = arg(
        False, "Write the file that the task's official test server takes, after testing."
    )
    train_topk: float = arg(
        -1,
        "How much training data: a share for 0 < x <= 1, the first x examples above 1, all for 0 "
        "or below.",
        needs=needs.TRAINING,
        by_task=True,
    )
    valid_topk: float = arg(
        -1, "How much validation and test data, counted like train_topk.", by_task=True
    )
    testing: bool = arg(
        False,
        "In multitask runs, also predict the splits of the test servers (VQA test, GQA submit) and "
        "write what is to be submitted.",
        needs=needs.MULTITASK,
    )
    dataset: Literal["shapes"] | None = arg(
        None,
        "A built-in data set: shapes draws pictures, questions and captions on the spot. Null "
        "reads files: the task's published ones under data_root, or your own.",
        new=True,
    )
    data_root: str = arg(
        "datasets",
        "Folder of the published data sets (vqa/, GQA/, COCO/, ...).",
        needs=(needs.FILES, needs.PUBLISHED),
        new=True,
    )
    images: str | None = arg(
        None,
        "Folder or tar of the pictures that your own files name; null: beside the file.",
        needs=(needs.FILES, needs.OWN_FILES),
        new=True,
        also=("images_dir",),
        by_task=True,
    )
    csv_img_key: str = arg(
        "filepath",
        "Column of your own .csv or .tsv that names a picture; rows of one picture are its "
        "captions. Columns label, split and kind count as in a .jsonl file.",
        needs=(needs.FILES, needs.OWN_TABLES),
        new=True,
        by_task=True,
    )
    csv_caption_key: str = arg(
        "title",
        "Column of your own .csv or .tsv that holds a caption; it may lack where pictures have a "
        "label.",
        needs=(needs.FILES, needs.OWN_TABLES),
        new=True,
        by_task=True,
    )
    csv_separator: str | None = arg(
        None,
        "What parts the columns of your own .csv or .tsv; null: a comma in .csv, a tab in .tsv.",
        read=_separator,
        expects="one character, or null",
        needs=(needs.FILES, needs.OWN_TABLES),
        new=True,
        by_task=True,
    )
    on_bad_example: Literal["error", "skip"] = arg(
        "error",
        "What becomes of an example whose picture or features cannot be read: error stops the run "
        "and names it, skip leaves it out and reports how many were.",
        needs=(needs.FILES, needs.VISION),
        new=True,
    )
