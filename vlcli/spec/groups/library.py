"""Tuning methods of the `adapters` library."""

from ..fields import Group, arg


class LibraryArgs(Group):
    """The adapters library"""

    adapter: str | None = arg(
        None,
        "A tuning method of the adapters library in its own words: seq_bn, double_seq_bn, par_bn, "
        "prefix_tuning, lora, ia3, mam, unipelt, compacter, ..., with options as in "
        "seq_bn[reduction_factor=8], or several joined by |. All tasks share it; it stands alone, "
        "without a use_* method.",
        new=True,
        expects="a configuration of the adapters library, such as seq_bn or lora[r=4], or null",
    )
