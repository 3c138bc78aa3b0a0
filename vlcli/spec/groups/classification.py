"""Image classification by writing the class name."""

from typing import Literal

from .. import needs
from ..fields import Group, arg


class ClassificationArgs(Group):
    """Classification"""

    cls_task: Literal["tinyimagenet", "cifar10"] = arg(
        "tinyimagenet", "Data set of the task cls.", code="R129", needs=needs.CLS
    )
