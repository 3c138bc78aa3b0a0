"""What tasks ask of boxes, answers and each other."""

from __future__ import annotations

from collections.abc import Iterator

from .. import entries, facts
from ..run import ByTask, Run
from ..sizes import BUTD_BOXES, VISUAL_TOKENS
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

ALL_BOXES = ("vqa", "gqa", "nlvr", "pretrain")
FIRST_BOXES = ("caption", "mmt")
LONG_TEXTS = {"caption": "captions", "mmt": "translations"}
SERVED = ("vqa", "gqa", "nlvr", "vcr", "mmt", "tvqa", "how2qa", "tvc", "yc2c")  # by a test server
LONG_TEXT = 40  # tokens that the published multitask runs give these targets


def _boxes(run: Run, *names: str) -> list[str]:
    """Those of the tasks `names` that the run trains on stored butd boxes, all of them kept."""
    if run.feature_type != "butd" or not facts.sees(run) or facts.reduction(run):
        return []
    return [name for name in names if facts.trains(run, name)]


@rule(RULES, "R67", "error", "stored boxes are read whole", "n_boxes feature_type task tasks")
def all_stored_boxes(run: Run) -> Iterator[Finding]:
    """The butd files of vqa, gqa, nlvr and pretraining hold 36 boxes per picture, and these tasks
    read all of them: n_boxes must be 36. The published code stops with a shape error."""
    tasks = _boxes(run, *ALL_BOXES)
    if tasks and run.n_boxes != BUTD_BOXES:
        yield Finding(
            ("n_boxes", "feature_type"),
            f"n_boxes is {run.n_boxes} and the butd features of {listed(tasks)} hold {BUTD_BOXES} "
            "boxes per picture.",
            f"Set n_boxes: {BUTD_BOXES}.",
        )


@rule(RULES, "R68", "error", "boxes in caption files", "max_n_boxes feature_type task tasks")
def caption_files(run: Run) -> Iterator[Finding]:
    """Captions and translations have butd files with 36 boxes per picture and no others, so
    max_n_boxes must be 36. The published code finds no caption file for any other number, and stops
    with an assertion for translations."""
    tasks = _boxes(run, *FIRST_BOXES)
    if tasks and run.max_n_boxes != BUTD_BOXES:
        yield Finding(
            ("max_n_boxes", "feature_type"),
            f"max_n_boxes is {run.max_n_boxes} and the butd features of {listed(tasks)} hold "
            f"{BUTD_BOXES} boxes per picture.",
            f"Set max_n_boxes: {BUTD_BOXES}.",
        )


@rule(RULES, "R69", "error", "more boxes than are stored", "n_boxes feature_type task tasks")
def more_boxes_than_stored(run: Run) -> Iterator[Finding]:
    """The butd files of caption and mmt hold 36 boxes per picture. A run can read fewer, never
    more; the published code has a branch for 100 boxes that stops with an assertion on these
    files."""
    tasks = _boxes(run, *FIRST_BOXES)
    if tasks and run.n_boxes > BUTD_BOXES:
        yield Finding(
            ("n_boxes", "feature_type"),
            f"n_boxes is {run.n_boxes} and the butd features of {listed(tasks)} hold only "
            f"{BUTD_BOXES} boxes per picture.",
            f"Set n_boxes: {BUTD_BOXES}.",
        )


@rule(RULES, "R92", "error", "one source of boxes", "RefCOCO_GT RefCOCO_BUTD")
def one_source_of_boxes(run: Run) -> Iterator[Finding]:
    """Validation and test of refcoco choose among annotated boxes (RefCOCO_GT) or detected ones
    (without it). RefCOCO_BUTD is a published flag that no code reads, and beside RefCOCO_GT it says
    the opposite."""
    if run.RefCOCO_GT and run.RefCOCO_BUTD:
        yield Finding(
            ("RefCOCO_BUTD", "RefCOCO_GT"),
            "RefCOCO_GT asks for annotated boxes and RefCOCO_BUTD for detected ones.",
            "Keep RefCOCO_GT: true for annotated boxes, or remove both for detected ones.",
        )


@rule(RULES, "R93", "error", "there is no pointing head", "vis_pointer")
def no_pointing_head(run: Run) -> Iterator[Finding]:
    """vis_pointer empties the answer text of refcoco for a head that would point at a box. Nobody
    published such a head, so the model learns to write nothing and scores 0."""
    if run.vis_pointer and facts.trains(run, "refcoco"):
        yield Finding(
            ("vis_pointer",),
            "vis_pointer empties the answers of refcoco, and there is no pointing head to learn "
            "them instead.",
            "Remove vis_pointer: the model writes the number of the box.",
        )


@rule(RULES, "R95", "error", "a hundred names for boxes", "n_boxes task tasks")
def names_of_boxes(run: Run) -> Iterator[Finding]:
    """refcoco answers with the name of a box, <vis_extra_id_0> to <vis_extra_id_99>; a box beyond
    the hundredth has none."""
    if facts.sees(run) and facts.trains(run, "refcoco") and run.n_boxes > VISUAL_TOKENS:
        yield Finding(
            ("n_boxes",),
            f"n_boxes is {run.n_boxes} and refcoco has names for {VISUAL_TOKENS} boxes only.",
            f"Set n_boxes: {VISUAL_TOKENS} or less.",
        )


@rule(RULES, "R97", "warning", "a classifier learns all answers", "raw_label classifier")
def classifier_takes_all_answers(run: Run) -> Iterator[Finding]:
    """classifier learns the soft scores of all answers of a question; raw_label draws one of its
    ten raw answers as a text to write, which nothing then uses."""
    if run.classifier and run.raw_label and facts.trains(run, "vqa"):
        yield Finding(
            ("raw_label", "classifier"),
            "raw_label has no effect: classifier learns the scores of all answers and writes none.",
            "Remove raw_label, or set classifier: false.",
        )


@rule(RULES, "R107", "error", "the tasks of a multitask run", "tasks task")
def tasks_to_mix(run: Run) -> Iterator[Finding]:
    """A multitask run mixes the tasks that `tasks` names, each by its exact name (`vlcli list
    tasks`). The published code looks for names inside the text, so "tvqa" also meant "vqa", and a
    misspelt task was left out in silence."""
    if run.task not in (None, "multitask"):
        return
    if not run.tasks:
        yield Finding(
            ("tasks", "task"),
            "The run is multitask and tasks names none.",
            'Set tasks, for example tasks: "vqa,gqa,nlvr,caption".',
        )
    for name in dict.fromkeys(run.tasks):
        if name.strip() and "." not in name:  # R46 speaks of these
            yield from _unknown_task(name)


def _unknown_task(name: str) -> Iterator[Finding]:
    known = {each: entry for each, entry in entries.all_of("task").items() if each != "multitask"}
    if name == "multitask":
        message, fix = (
            "tasks names multitask, which is no task of its own.",
            "Remove it from tasks.",
        )
    elif name not in known:
        also = entries.known_as("task", name)
        mixed = [each for each in known if not entries.compares(each)]
        near = [also] if also else entries.nearest(name, mixed)
        message = f'tasks names "{name}", and there is no such task.'
        fix = f"Did you mean {listed(near, 'or')}?" if near else f"There are {listed(mixed)}."
    elif known[name].fault:
        message = f'tasks names "{name}", which cannot be used: {known[name].fault}.'
        fix = "Mend or uninstall the plug-in, or remove the task."
    else:
        return
    yield Finding(("tasks",), message, fix)


@rule(RULES, "R128", "warning", "captions cut short", "gen_max_length task tasks")
def captions_cut_short(run: Run) -> Iterator[Finding]:
    """gen_max_length ends what is written, and targets of captions and translations are cut there
    too. The published multitask runs learn targets of up to 40 tokens and, with gen_max_length at
    20, write half of that. Here 40 is the default of multitask."""
    if run.task != "multitask":
        return
    lengths = {task: run.of(task, "gen_max_length") for task in LONG_TEXTS}
    short = [task for task in lengths if facts.trains(run, task) and lengths[task] < LONG_TEXT]
    if short:
        yield Finding(
            ("gen_max_length",),
            f"{listed([LONG_TEXTS[task] for task in short]).capitalize()} end after gen_max_length "
            f"{min(lengths[task] for task in short)} tokens; the published multitask runs learn up "
            f"to {LONG_TEXT}.",
            f"Remove gen_max_length: these tasks bring {LONG_TEXT} of their own.",
        )


@rule(
    RULES,
    "R172",
    "error",
    "values of tasks that do not run",
    "train valid test train_topk valid_topk images prompt post_prompt max_text_length "
    "gen_max_length num_beams batch_size valid_batch_size task_weight task tasks",
)
def values_of_tasks(run: Run) -> Iterator[Finding]:
    """Some keys take an object with a value for each task, such as batch_size: {vqa: 80, caption:
    50}. It may name the tasks of the run and those that judge it (zeroshot, ...), and no others: a
    misspelt one would be left out in silence. A task that it does not name gets what it would get
    without the key."""
    trained = facts.trained_tasks(run)
    known = (*trained, *(t for t in entries.all_of("task") if {*trained} & {*entries.judged_by(t)}))
    for key in run.written:
        value = run.values.get(key)
        others = [task for task in value if task not in known] if isinstance(value, ByTask) else []
        if others and key not in run.in_doubt:
            yield Finding(
                (key,),
                f"{key} has values for {listed(others)}, and the run trains on "
                f"{listed([each for each in trained if each])}.",
                f"Remove {'them' if len(others) > 1 else 'it'} from {key}, or name the tasks of "
                "the run.",
            )


@rule(RULES, "R173", "warning", "nothing to submit", "submit task tasks")
def nothing_to_submit(run: Run) -> Iterator[Finding]:
    """submit writes the file that a task's official test server takes. Some tasks have no such
    server: their test answers are public, or they are for pretraining."""
    known = [task for task in facts.trained_tasks(run) if task in facts.SHAPES_TASKS]
    others = [task for task in known if task not in SERVED]
    if run.submit and others:
        who = "they have" if len(others) > 1 else "it has"
        yield Finding(
            ("submit",),
            f"submit writes no file for {listed(others)}: {who} no test server.",
            "Remove submit."
            if others == known
            else f"Nothing is lost: files of {listed([t for t in known if t in SERVED])} are made.",
        )


@rule(RULES, "R151", "error", "what the built-in data set draws", "dataset task tasks feature_type")
def drawn_tasks(run: Run) -> Iterator[Finding]:
    """dataset: "shapes" draws examples of every built-in task on the spot, and pixels alone: stored
    features (butd, RN50, ...) do not exist for it. Patches and image towers see pixels."""
    if run.dataset != "shapes":
        return
    others = [task for task in facts.trained_tasks(run) if task not in facts.SHAPES_TASKS]
    if others and all(others):
        yield Finding(
            ("dataset", "task" if run.task != "multitask" else "tasks"),
            f"dataset shapes draws examples of the built-in tasks, and the run trains on "
            f"{listed(others)}.",
            "Choose a built-in task, or remove dataset to read files.",
        )
    if facts.sees(run) and not facts.is_raw(run) and run.feature_type != "patch":
        yield Finding(
            ("dataset", "feature_type"),
            f"dataset shapes draws pixels, and feature_type {run.feature_type} reads stored "
            "features.",
            'Set feature_type: "patch", or a raw_* one.',
        )
