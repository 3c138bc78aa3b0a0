"""What cannot be combined when two encoders are aligned, beside what holds for every run."""

from __future__ import annotations

from collections.abc import Iterator

from vlcli.spec.entries import judged_by
from vlcli.spec.facts import PICTURES
from vlcli.spec.rules import Finding, Rule, checkpoint, compute, listed, rule, tasks, training
from vlcli.spec.run import Run

from . import adapter_rules, known
from .groups.needs import has_head
from .objectives import OBJECTIVES

OWN: list[Rule] = []


@rule(OWN, "I1", "error", "a loss of its own pairs alone", "local_loss gather_with_grad loss")
def local_without_gradients(run: Run) -> Iterator[Finding]:
    """With several processes, local_loss computes the loss of this process's pairs against the
    features of all. Without gradients through the exchange (gather_with_grad: false) the other
    processes' share is lost, and the gradient points elsewhere (its cosine with the right one is
    0.45 on two processes). The published tool stops there with an error of autograd."""
    if OBJECTIVES[run.loss].gathers and run.local_loss and not run.gather_with_grad:
        yield Finding(
            ("gather_with_grad", "local_loss"),
            "gather_with_grad is false and local_loss is true: the gradient would be a wrong one.",
            "Remove gather_with_grad, or set local_loss: false to have the published gradient.",
        )


@rule(
    OWN,
    "I2",
    "error",
    "two heads, one width",
    "joint_projection_dim image_head_n_layers text_head_n_layers",
)
def two_heads(run: Run) -> Iterator[Finding]:
    """A head projects to the width of the other tower, if that has none. Where both have one, their
    common width is joint_projection_dim. The published tool crashes without it."""
    if has_head(run, "image") and has_head(run, "text") and run.joint_projection_dim is None:
        yield Finding(
            ("joint_projection_dim", "image_head_n_layers", "text_head_n_layers"),
            "Both towers have a head and joint_projection_dim does not say how wide the common "
            "space is.",
            "Set joint_projection_dim: 512, or another width.",
        )


@rule(OWN, "I3", "error", "classes that nobody tells", "loss dataset")
def classes_are_told(run: Run) -> Iterator[Finding]:
    """UniCL and CrossEntropy learn from the classes of pictures. The captions of the built-in data
    have none."""
    if OBJECTIVES[run.loss].labels and run.dataset is not None:
        yield Finding(
            ("loss", "dataset"),
            f"{run.loss} learns from classes, and the captions of dataset {run.dataset} have none.",
            'Set loss: "InfoNCE", or name files whose records have a label.',
        )


@rule(OWN, "I5", "error", "one source of weights", "image_weights pretrained_image_model")
def one_source_of_weights(run: Run) -> Iterator[Finding]:
    """image_weights names a file or package, pretrained_image_model takes the library's own
    weights."""
    if run.image_weights and run.pretrained_image_model:
        yield Finding(
            ("image_weights", "pretrained_image_model"),
            f"image_weights asks for the weights of {run.image_weights} and pretrained_image_model "
            "for those of the library.",
            "Remove one of them.",
        )


@rule(OWN, "I6", "error", "pretrained words", "tokenizer pretrained_text_model")
def pretrained_words(run: Run) -> Iterator[Finding]:
    """The word embeddings of pretrained weights belong to the words of their own tokenizer."""
    if run.tokenizer and run.pretrained_text_model and run.text_model_builder == "huggingface":
        yield Finding(
            ("tokenizer", "pretrained_text_model"),
            f"The pretrained weights of {run.text_model} know the words of their own tokenizer, "
            "and tokenizer asks for another.",
            "Remove tokenizer, or set pretrained_text_model: false.",
        )


@rule(
    OWN,
    "I24",
    "error",
    "towers of one width",
    "image_model image_model_builder text_model text_model_builder image_head_n_layers "
    "text_head_n_layers joint_projection_dim",
)
def one_width(run: Run) -> Iterator[Finding]:
    """Vectors of pictures and texts are compared number by number, so both sides have one width:
    that of the towers, or of the heads behind them. Where the width of a tower is known without
    building it, it is looked at here, else when the run begins."""
    image, text = (known.width(run, side) for side in ("image", "text"))
    if image and text and image != text:
        ends = [f"{side}_head_n_layers" for side in ("image", "text") if has_head(run, side)]
        yield Finding(
            ("image_model", "text_model", *(("joint_projection_dim",) if ends else ())),
            f"The image side is {image} wide and the text side {text}, so they cannot be compared.",
            "Set image_head_n_layers: 1, text_head_n_layers: 1 and joint_projection_dim: 512."
            if not ends
            else f"Set joint_projection_dim: {text if has_head(run, 'image') else image}, or give "
            "both sides a head.",
        )


@rule(OWN, "I27", "error", "a model to learn from", "distill_model loss image_model_builder")
def model_to_learn_from(run: Run) -> Iterator[Finding]:
    """distill_model adds the cross-entropy between the similarities of this model and those of a
    frozen CLIP to InfoNCE. That model sees the pictures of a batch themselves, so stored features
    are not enough."""
    if run.distill_model is None:
        return
    if run.loss != "InfoNCE":
        yield Finding(
            ("distill_model", "loss"),
            f"distill_model is learned from beside InfoNCE, and loss is {run.loss}.",
            'Remove distill_model, or set loss: "InfoNCE".',
        )
    if run.image_model_builder == "stored":
        yield Finding(
            ("distill_model", "image_model_builder"),
            "distill_model sees pictures, and this run reads stored features.",
            "Remove distill_model, or name an image tower.",
        )


@rule(OWN, "I25", "error", "a queue of whole batches", "queue_size batch_size loss")
def queue_of_whole_batches(run: Run) -> Iterator[Finding]:
    """SEED keeps the features of the last queue_size examples. Where a batch does not divide it,
    the published tool stops in its first epoch; in a batch of several processes all of theirs
    count."""
    if run.loss == "SEED" and run.queue_size % run.batch_size:
        fits = max(run.queue_size // run.batch_size, 1) * run.batch_size
        yield Finding(
            ("queue_size", "batch_size"),
            f"queue_size {run.queue_size} is no multiple of batch_size {run.batch_size}.",
            f"Set queue_size: {fits}.",
        )


@rule(
    OWN, "I26", "error", "a batch that can be filled", "batch_size train_topk train caption_choice"
)
def batch_can_be_filled(run: Run) -> Iterator[Finding]:
    """The pairs of a batch are each other's wrong answers. With fewer examples than a batch takes
    every step has all of them, and the published tool, which drops the last batch that is not
    full, trains nothing and says nothing."""
    most = int(run.train_topk) if run.train_topk >= 1 else None
    files = [name for name in str(run.train or "").split(",") if name]
    if run.caption_choice == "random" and len(files) == 1:
        drawn = run.dataset is not None
        rows = PICTURES.get(files[0]) if drawn else known.rows_of(files[0], run.batch_size)
        most = rows if most is None or (rows is not None and rows < most) else most
    if most is not None and most < run.batch_size and run.epochs and not run.test_only:
        yield Finding(
            ("batch_size", "train_topk" if most == run.train_topk else "train"),
            f"batch_size is {run.batch_size} and there are {most} training examples.",
            f"Set batch_size: {max(most, 1)} or less.",
        )


@rule(OWN, "I4", "error", "everything is frozen", "lock_image_model lock_text_model")
def everything_frozen(run: Run) -> Iterator[Finding]:
    """With both towers locked and no head, only the scale of similarities would learn, and it
    changes no ranking."""
    image = run.lock_image_model or run.image_model_builder == "stored"
    freed = "!" in f"{run.lock_image_partial}{run.lock_text_partial}" or run.on(
        "adapter", "image_adapter", "n_prompt"
    )
    heads = has_head(run, "image") or has_head(run, "text")
    if image and run.lock_text_model and not (freed or heads) and run.epochs and not run.test_only:
        yield Finding(
            ("lock_text_model", "lock_image_model"),
            "Both towers are locked and there is no head, so nothing is left to train.",
            "Set image_head_n_layers: 1 and text_head_n_layers: 1, or unlock a tower.",
        )


@rule(OWN, "I20", "error", "a task that judges", "task")
def trains_something(run: Run) -> Iterator[Finding]:
    """zeroshot, linear_probe, knn and sts judge what a run of alignment has learned; there is
    nothing in them to train on."""
    if judged := judged_by(run.task or ""):
        yield Finding(
            ("task",),
            f"{run.task} judges runs of {listed(judged)} and trains none.",
            f'Set task: "{judged[0]}", and judge its run by vlcli eval --task {run.task}.',
        )


SHARED = [each for each in tasks.RULES if each.code in ("R172", "R173")]
RULES = (
    *(*OWN, *SHARED),
    *(*adapter_rules.RULES, *training.RULES, *checkpoint.RULES, *compute.RULES),
)
