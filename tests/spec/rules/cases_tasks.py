"""Bad specs for the rules on boxes, answers and multitask runs."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R67",
        severity="error",
        spec="""{
    task: "vqa",
    n_boxes: 50,
}""",
        message="n_boxes is 50 and the butd features of vqa hold 36 boxes per picture.",
        fix="Set n_boxes: 36.",
        at=(3, 5),
        path="n_boxes",
        mended="""{
    task: "vqa",
    n_boxes: 36,
}""",
    ),
    Case(
        code="R68",
        severity="error",
        spec="""{
    task: "caption",
    max_n_boxes: 100,
}""",
        message="max_n_boxes is 100 and the butd features of caption hold 36 boxes per picture.",
        fix="Set max_n_boxes: 36.",
        at=(3, 5),
        path="max_n_boxes",
        mended="""{
    task: "caption",
    max_n_boxes: 36,
}""",
    ),
    Case(
        code="R68",
        severity="error",
        spec="""{
    task: "mmt",
    max_n_boxes: 100,
}""",
        message="max_n_boxes is 100 and the butd features of mmt hold 36 boxes per picture.",
        fix="Set max_n_boxes: 36.",
        at=(3, 5),
        path="max_n_boxes",
        mended="""{
    task: "mmt",
    max_n_boxes: 36,
}""",
    ),
    Case(
        code="R69",
        severity="error",
        spec="""{
    task: "caption",
    n_boxes: 100,
}""",
        message="n_boxes is 100 and the butd features of caption hold only 36 boxes per picture.",
        fix="Set n_boxes: 36.",
        at=(3, 5),
        path="n_boxes",
        mended="""{
    task: "caption",
    n_boxes: 36,
}""",
    ),
    Case(
        code="R92",
        severity="error",
        spec="""{
    task: "refcoco",
    RefCOCO_GT: true,
    RefCOCO_BUTD: true,
}""",
        message="RefCOCO_GT asks for annotated boxes and RefCOCO_BUTD for detected ones.",
        fix="Keep RefCOCO_GT: true for annotated boxes, or remove both for detected ones.",
        at=(3, 5),
        path="RefCOCO_GT",
        places=("RefCOCO_BUTD",),
        mended="""{
    task: "refcoco",
    RefCOCO_GT: true,
}""",
    ),
    Case(
        code="R92",
        severity="warning",
        spec="""{
    task: "refcoco",
    RefCOCO_BUTD: true,
}""",
        message=(
            "RefCOCO_BUTD has no effect: it is read by no code; detected boxes (mattnet) are "
            "used where RefCOCO_GT is false."
        ),
        fix="Use RefCOCO_GT alone.",
        at=(3, 5),
        path="RefCOCO_BUTD",
        mended="""{
    task: "refcoco",
}""",
    ),
    Case(
        code="R93",
        severity="error",
        spec="""{
    task: "refcoco",
    vis_pointer: true,
}""",
        message=(
            "vis_pointer empties the answers of refcoco, and there is no pointing head to "
            "learn them instead."
        ),
        fix="Remove vis_pointer: the model writes the number of the box.",
        at=(3, 5),
        path="vis_pointer",
        mended="""{
    task: "refcoco",
}""",
    ),
    Case(
        code="R94",
        severity="warning",
        spec="""{
    task: "vqa",
    RefCOCO_GT: true,
    shuffle_boxes: true,
}""",
        message=(
            "RefCOCO_GT and shuffle_boxes have no effect: they are read only by RefCOCOg (refcoco)."
        ),
        fix="Remove them, or train on refcoco.",
        at=(3, 5),
        path="RefCOCO_GT",
        places=("shuffle_boxes",),
        mended="""{
    task: "refcoco",
    RefCOCO_GT: true,
    shuffle_boxes: true,
}""",
    ),
    Case(
        code="R95",
        severity="error",
        spec="""{
    task: "refcoco",
    n_boxes: 150,
}""",
        message="n_boxes is 150 and refcoco has names for 100 boxes only.",
        fix="Set n_boxes: 100 or less.",
        at=(3, 5),
        path="n_boxes",
        mended="""{
    task: "refcoco",
    n_boxes: 100,
}""",
    ),
    Case(
        code="R97",
        severity="warning",
        spec="""{
    task: "vqa",
    classifier: true,
    raw_label: true,
}""",
        message=(
            "raw_label has no effect: classifier learns the scores of all answers and writes none."
        ),
        fix="Remove raw_label, or set classifier: false.",
        at=(3, 5),
        path="classifier",
        places=("raw_label",),
        mended="""{
    task: "vqa",
    classifier: true,
}""",
    ),
    Case(
        code="R98",
        severity="warning",
        spec="""{
    task: "vqa",
    answer_normalize: true,
}""",
        message="answer_normalize has no effect: it is read only with raw_label: true.",
        fix="Set raw_label: true, or remove it.",
        at=(3, 5),
        path="answer_normalize",
        mended="""{
    task: "vqa",
    raw_label: true,
    answer_normalize: true,
}""",
    ),
    Case(
        code="R99",
        severity="warning",
        spec="""{
    task: "gqa",
    raw_label: true,
    answer_normalize: true,
}""",
        message=(
            "raw_label and answer_normalize have no effect: they are read only by visual "
            "question answering (vqa)."
        ),
        fix="Remove them, or train on vqa.",
        at=(3, 5),
        path="raw_label",
        places=("answer_normalize",),
        mended="""{
    task: "vqa",
    raw_label: true,
    answer_normalize: true,
}""",
    ),
    Case(
        code="R99",
        severity="warning",
        spec="""{
    task: "vqa",
    test_answerable: true,
}""",
        message=(
            "test_answerable has no effect: it is read by no code, here or in the published tool."
        ),
        fix="Remove it.",
        at=(3, 5),
        path="test_answerable",
        mended="""{
    task: "vqa",
}""",
    ),
    Case(
        code="R103",
        severity="warning",
        spec="""{
    task: "vqa",
    use_tasks_prompt: true,
}""",
        message="use_tasks_prompts has no effect: it is read only by multitask runs.",
        fix='Remove it, or set task: "multitask".',
        at=(3, 5),
        path="use_tasks_prompts",
        mended="""{
    task: "vqa",
}""",
    ),
    Case(
        code="R104",
        severity="error",
        spec="""{
    task: "multitask",
    tasks: "vqa,gqa",
    multitask_sampling: "round_robin",
}""",
        message=(
            'multitask_sampling is "round_robin"; it must be "roundrobin", "alternate", '
            '"balanced" or "temperature".'
        ),
        fix='Did you mean "roundrobin"?',
        at=(4, 5),
        path="multitask_sampling",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    multitask_sampling: "roundrobin",
}""",
    ),
    Case(
        code="R107",
        severity="error",
        spec="""{
    task: "multitask",
    lr: 1e-4,
}""",
        message="The run is multitask and tasks names none.",
        fix='Set tasks, for example tasks: "vqa,gqa,nlvr,caption".',
        at=(2, 5),
        path="task",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    lr: 1e-4,
}""",
    ),
    Case(
        code="R107",
        severity="error",
        spec="""{
    tasks: ["vqa", "captoin"],
    gen_max_length: 40,
}""",
        message='tasks names "captoin", and there is no such task.',
        fix="Did you mean caption?",
        at=(2, 5),
        path="tasks",
        mended="""{
    tasks: ["vqa", "caption"],
    gen_max_length: 40,
}""",
    ),
    Case(
        code="R107",
        severity="error",
        spec="""{
    tasks: "vqa,translation",
    gen_max_length: 40,
}""",
        message='tasks names "translation", and there is no such task.',
        fix="Did you mean mmt?",
        at=(2, 5),
        path="tasks",
        mended="""{
    tasks: "vqa,mmt",
    gen_max_length: 40,
}""",
    ),
    Case(
        code="R107",
        severity="error",
        spec="""{
    task: "multitask",
    tasks: "vqa,multitask",
}""",
        message="tasks names multitask, which is no task of its own.",
        fix="Remove it from tasks.",
        at=(3, 5),
        path="tasks",
        mended="""{
    task: "multitask",
    tasks: "vqa",
}""",
    ),
    Case(
        code="R107",
        severity="error",
        spec="""{
    task: "multitask",
    tasks: "vqa,zebra",
}""",
        message='tasks names "zebra", and there is no such task.',
        fix=(
            "There are pretrain, pretrain_vcr, vqa, gqa, nlvr, vcr, caption, refcoco, mmt, "
            "cls, tvqa, how2qa, tvc, yc2c and activitynet."
        ),
        at=(3, 5),
        path="tasks",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
}""",
    ),
    Case(
        code="R128",
        severity="warning",
        spec="""{
    task: "multitask",
    tasks: "vqa,caption,mmt",
    gen_max_length: 20,
}""",
        message=(
            "Captions and translations end after gen_max_length 20 tokens; the published "
            "multitask runs learn up to 40."
        ),
        fix="Remove gen_max_length: these tasks bring 40 of their own.",
        at=(4, 5),
        path="gen_max_length",
        mended="""{
    task: "multitask",
    tasks: "vqa,caption,mmt",
    gen_max_length: {vqa: 10},
}""",
    ),
    Case(
        code="R173",
        severity="warning",
        spec="""{
    task: "cls",
    test: "test",
    submit: true,
}""",
        message="submit writes no file for cls: it has no test server.",
        fix="Remove submit.",
        at=(4, 5),
        path="submit",
        mended="""{
    task: "cls",
    test: "test",
}""",
    ),
    Case(
        code="R172",
        severity="error",
        spec="""{
    tasks: "vqa,caption",
    batch_size: {vqa: 80, captions: 50},
}""",
        message="batch_size has values for captions, and the run trains on vqa and caption.",
        fix="Remove it from batch_size, or name the tasks of the run.",
        at=(3, 5),
        path="batch_size",
        mended="""{
    tasks: "vqa,caption",
    batch_size: {vqa: 80, caption: 50},
}""",
    ),
    Case(
        code="R129",
        severity="error",
        spec="""{
    task: "cls",
    cls_task: "cifar100",
}""",
        message='cls_task is "cifar100"; it must be "tinyimagenet" or "cifar10".',
        fix='Did you mean "cifar10"?',
        at=(3, 5),
        path="cls_task",
        mended="""{
    task: "cls",
    cls_task: "cifar10",
}""",
    ),
    Case(
        code="R151",
        severity="error",
        spec="""{
    task: "caption",
    dataset: "shapes",
    feature_type: "RN50",
}""",
        message="dataset shapes draws pixels, and feature_type RN50 reads stored features.",
        fix='Set feature_type: "patch", or a raw_* one.',
        at=(3, 5),
        path="dataset",
        places=("feature_type",),
        mended="""{
    task: "caption",
    dataset: "shapes",
    feature_type: "patch",
}""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R96": "A classifier is sized by the answer table, which is copied into the run folder.",
    "R105": "Under balanced sampling a task that runs out of batches begins again.",
    "R106": "Multitask batches are drawn by one sampler, with one process or several.",
    "R122": "Every task with a test server writes its file; the others say that they have none.",
    "R127": "valid_batch_size holds for every task of a multitask run.",
}
