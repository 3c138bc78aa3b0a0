"""What runs: architecture, preset, task and seed."""

from .. import needs
from ..fields import Group, arg
from ..lists import names_list


class RunArgs(Group):
    """What runs"""

    arch: str | None = arg(
        None,
        "Architecture to run (`vlcli list archs`). Absent, it follows from `backbone`: "
        "t5 gives vlt5, bart gives vlbart.",
        new=True,
        expects="the name of an architecture (`vlcli list archs`), or null",
    )
    preset: str | None = arg(
        None,
        "Name of a set of defaults of the architecture. Order: defaults < preset < file < --set.",
        also=("model_type",),
        new=True,
    )
    task: str | None = arg(
        None,
        "What the run trains on (`vlcli list tasks`), multitask included. Absent, it is the one "
        "name in `tasks`, or multitask for several.",
        new=True,
        expects="the name of a task (`vlcli list tasks`), or null",
    )
    tasks: tuple[str, ...] = arg(
        (),
        "The owners of per-task parameters (adapters, LoRA, prompts) and, in a multitask run, the "
        "tasks it mixes. A comma text or a list; absent, it is [`task`].",
        read=names_list,
        needs=needs.TASK_OWNERS,
        expects="task names, as a comma text or a list",
    )
    seed: int = arg(
        9595,
        "Seed of every random choice: weights, data order, dropout, sampled answers.",
        ge=0,
        le=2**32 - 1,
        expects="a whole number from 0 to 4294967295",
    )
