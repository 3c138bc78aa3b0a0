"""Where a run begins and what it leaves behind."""

from .. import needs
from ..fields import Group, arg


class CheckpointArgs(Group):
    """Checkpoints and logs"""

    output: str | None = arg(
        None, "Run folder; absent, it is snap/<name of the spec>, numbered when taken."
    )
    load: str | None = arg(
        None,
        "Weights to begin with: a run or its name, a checkpoint or export folder, a .safetensors "
        "or a published .pth file, with or without its suffix.",
    )
    save_frozen: bool = arg(
        False,
        "Keep frozen weights in checkpoints, too, although their name gives them again.",
        needs=needs.NAMED_WEIGHTS,
        new=True,
    )
    resume: str | None = arg(
        None,
        "Run folder whose last checkpoint, optimizer and data position the run continues.",
        new=True,
    )
    run_name: str = arg("", "Name of the run in trackers and listings; empty takes the spec's.")
    comment: str = arg("", "A remark kept with the run and shown by `vlcli runs`.")
    trackers: str = arg(
        "",
        "Where metrics go beside the run folder, joined by commas, such as tensorboard or wandb.",
        new=True,
    )
    log_every: int = arg(50, "Steps between two log lines.", ge=1, needs=needs.TRAINING, new=True)
