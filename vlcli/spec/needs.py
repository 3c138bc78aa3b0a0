"""Where keys matter: each need says, in one place, what a written key needs to have an effect."""

from __future__ import annotations

from collections.abc import Callable

from . import facts
from .fields import Need
from .rules import listed
from .run import ByTask, Run
from .sizes import STORED_TYPES


def _flag(code: str, key: str) -> Need:
    """The need of a switch: the key is read only where the flag `key` is on."""
    return Need(
        code,
        f"with {key}: true",
        (key,),
        lambda run: bool(getattr(run, key)),
        f"Set {key}: true, or remove {{it}}.",
    )


def _tasks(code: str, what: str, *names: str) -> Need:
    return Need(
        code,
        f"by {what}",
        ("task", "tasks"),
        lambda run: facts.trains(run, *names),
        "Remove {it}, or train on " + (" or ".join(names)) + ".",
        reads=names.__contains__,
    )


def _but(code: str, when: str, *names: str) -> Need:
    """The need of a key that all tasks read but these."""
    return Need(
        code,
        when,
        ("task", "tasks"),
        lambda run: any(task not in names for task in facts.trained_tasks(run)),
        "Remove {it}.",
        reads=lambda task: task not in names,
    )


def never(code: str, why: str, fix: str = "Remove {it}.") -> Need:
    """A key that nothing reads, with the reason."""
    return Need(code, why, (), lambda run: False, fix)


def _when(
    code: str, when: str, keys: str, holds: Callable[[Run], bool], fix: str = "Remove {it}."
) -> Need:
    return Need(code, when, tuple(keys.split()), holds, fix)


KINDS = " ".join(facts.ADAPTER_KINDS)

# Tuning methods
ADAPTERS = _when(
    "R15",
    "with an adapter kind (use_adapter, use_hyperformer, use_compacter or use_lradapter)",
    KINDS,
    lambda run: bool(facts.adapter_kinds(run)),
    "Switch an adapter kind on, or remove {it}.",
)
CONTROLLERS = _when(
    "R7",
    "by use_adapter, use_compacter and use_lradapter; the hyperformer owns no modules per task",
    KINDS,
    facts.has_controllers,
)
SEVERAL_TASKS = _when(
    "R7",
    "with several tasks: one task shares with itself",
    "tasks",
    lambda run: len(run.tasks) > 1,
    "Name several tasks, or remove {it}.",
)
NOT_SINGLE = _when(
    "R6",
    "with one adapter per task: with use_single_adapter: true every task has the same one",
    "use_single_adapter",
    lambda run: not run.use_single_adapter,
    "Remove {it}, or set use_single_adapter: false.",
)
HYPERFORMER = _flag("R4", "use_hyperformer")
COMPACTER = _flag("R11", "use_compacter")
LRADAPTER = _flag("R11", "use_lradapter")
FACTORIZED = _flag("R10", "factorized_phm")
OWN_RULES = _when(
    "R9",
    "with shared_phm_rule: false: otherwise one rule serves the whole model already",
    "shared_phm_rule",
    lambda run: not run.shared_phm_rule,
    "Set shared_phm_rule: false, or remove {it}.",
)
LORA = _flag("R21", "use_lora")
PROMPTS = _when(
    "R29",
    "with prompts (encoder_prompt_len or decoder_prompt_len above 0)",
    "encoder_prompt_len decoder_prompt_len",
    facts.has_prompts,
    "Set a prompt length, or remove {it}.",
)
PROMPT_MLP = _when(
    "R29",
    "with prompts or with use_attn_prefix: true",
    "encoder_prompt_len decoder_prompt_len use_attn_prefix",
    lambda run: facts.has_prompts(run) or run.use_attn_prefix,
    "Set a prompt length or use_attn_prefix: true, or remove {it}.",
)
TRACK_Z = _flag("R36", "track_z")
MULTITASK_Z = _when(
    "R35",
    "by multitask runs: only they add the z term to the loss",
    "task tasks",
    lambda run: run.task == "multitask",
    'Remove {it}, or set task: "multitask".',
)

NAMED_WEIGHTS = _when(
    "R171",
    "with weights that a name gives: those of from_scratch, of load and of two encoders are kept "
    "whole anyway",
    "from_scratch load task",
    lambda run: (
        not (run.load or facts.trains(run, "alignment"))
        and (not run.on("from_scratch") or facts.has_named_tower(run))
    ),
)
UNFROZEN_NORMS = _flag("R165", "unfreeze_layer_norms")

# The joint encoder
BART = _when(
    "R58",
    "by BART; on T5 nothing reads it",
    "backbone arch",
    lambda run: facts.family(run) != "t5",
    "Remove {it}, or choose a BART backbone.",
)
T5 = _when(
    "R61",
    "by T5; on BART nothing reads it",
    "backbone arch",
    lambda run: facts.family(run) != "bart",
    "Remove {it}, or choose a T5 backbone.",
)
VISION = _when(
    "N2",
    "when pictures are used, and use_vision is false",
    "use_vision",
    facts.sees,
    "Remove {it}, or set use_vision: true.",
)
VIS_LAYER_NORM = _flag("R62", "use_vis_layer_norm")
WIDTH = _when(
    "N1",
    "where a tower of raw:* does not say it itself",
    "feature_type",
    lambda run: not facts.is_any_tower(run),
)
EXPAND = _flag("R58", "expand_vis_embedding")
NOT_EXPANDED = _when(
    "R59",
    "with expand_vis_embedding: false: the expanded embedding takes the place of the transformer",
    "expand_vis_embedding",
    lambda run: not run.expand_vis_embedding,
)
FEWER_TOKENS = _when(
    "N1",
    "with butd features, downsample, oneddownsample or sparse_sample, and by refcoco and video",
    "feature_type downsample oneddownsample sparse_sample task tasks",
    lambda run: (
        run.feature_type == "butd"
        or run.downsample
        or run.oneddownsample
        or run.sparse_sample
        or run.expand_vis_embedding
        or facts.trains(run, "refcoco", *facts.VIDEO_TASKS)
    ),
)

BOX_FILES = _when(
    "N1",
    "by captioning and translation from butd features",
    "feature_type task tasks",
    lambda run: run.feature_type == "butd" and facts.trains(run, "caption", "mmt"),
)

# Pixels
RAW = _when(
    "R77",
    "when pictures pass through an image tower (feature_type raw_* or raw:*)",
    "feature_type",
    facts.is_raw,
    "Remove {it}, or choose a raw feature_type.",
)
PIXELS = _when(
    "R77",
    "when pictures are read as pixels (feature_type raw_*, raw:* or patch)",
    "feature_type",
    lambda run: facts.is_raw(run) or run.feature_type == "patch",
    "Remove {it}, or choose a raw or patch feature_type.",
)
WHOLE = _when(
    "N1",
    "where whole pictures are seen, and here each box is seen for itself, as one patch",
    "task tasks losses feature_type",
    facts.sees_whole,
)
PATCH = _when(
    "N1",
    'with feature_type: "patch"',
    "feature_type",
    lambda run: run.feature_type == "patch",
    'Remove {it}, or set feature_type: "patch".',
)
BATCH_NORMS = _when(
    "R77",
    "when pictures pass through a tower with batch norms (raw_RN*, or one of raw:*)",
    "feature_type",
    lambda run: facts.is_raw(run) and run.feature_type != "raw_ViT",
    "Remove {it}, or choose a raw_RN* feature_type.",
)
ATTENTION_POOL = _when(
    "N1",
    "with the pooled feature of a CLIP ResNet (vis_pooling_output with raw_RN* or raw:open_clip:*)",
    "vis_pooling_output feature_type",
    lambda run: (
        bool(run.vis_pooling_output)
        and str(run.feature_type).startswith(("raw_RN", "raw:open_clip:"))
    ),
)
VIS_ADAPTER = _flag("N1", "use_vis_adapter")
VIS_BOTTLENECK = _when(
    "R82",
    "by visual adapters of kind bottleneck",
    "vis_adapter_type",
    lambda run: not str(run.vis_adapter_type).endswith("-basic"),
)
VIS_NORMS = _when(
    "N1",
    "by visual adapters in a ResNet: those in a transformer have no norms",
    "feature_type",
    lambda run: run.feature_type != "raw_ViT",
)
NO_VIS_NORMS = _flag("N1", "remove_bn_vis_adapter")
SEPARATE_OPTIMIZER = _flag("R79", "use_separate_optimizer_for_visual")
ADAMW = _when(
    "R79",
    'with optim: "adamw": the other optimizers keep one set of settings for all parameters',
    "optim",
    lambda run: run.optim == "adamw",
    'Set optim: "adamw", or remove {it}.',
)

# Tasks
MULTITASK = _when(
    "R103",
    "by multitask runs",
    "task tasks",
    lambda run: run.task == "multitask",
    'Remove {it}, or set task: "multitask".',
)
BY_TEMPERATURE = _when(
    "N1",
    'with multitask_sampling: "temperature"',
    "multitask_sampling",
    lambda run: run.multitask_sampling == "temperature",
    'Remove {it}, or set multitask_sampling: "temperature".',
)
REFCOCO = _tasks("R94", "RefCOCOg (refcoco)", "refcoco")
DETECTED = _when(
    "N1",
    "by published splits with butd features: all others say which boxes there are",
    "feature_type dataset valid test",
    facts.detects,
)
VQA = _tasks("R99", "visual question answering (vqa)", "vqa")
CAPTION = _tasks("N1", "captioning", "caption")
CLS = _tasks("N1", "classification (cls)", "cls")
PRETRAIN = _tasks("R121", "pretraining", *facts.PRETRAINING)
CLASSIFIED = _tasks("N1", "tasks with an answer list", "vqa", "gqa", "cls", "tvqa", "how2qa")
OSCAR = _tasks("N1", "captioning, translation and pretraining", "caption", "mmt", "pretrain")
QUESTIONS = _tasks(
    "N1",
    "vqa, gqa, nlvr, cls and the video tasks",
    "vqa",
    "gqa",
    "nlvr",
    "cls",
    "activitynet",
    *facts.VIDEO_TASKS,
)
RAW_LABEL = _flag("R98", "raw_label")
GROUNDED = _when(
    "R121",
    "by the objectives ground_caption and refer",
    "losses",
    lambda run: bool(facts.GROUNDED & set(run.losses)),
    "Remove {it}, or add ground_caption or refer to losses.",
)
MASKED = _when(
    "R121",
    "by the objective lm",
    "losses",
    lambda run: "lm" in run.losses,
    "Remove {it}, or add lm to losses.",
)
QA_LOSS = _when(
    "R121",
    "by the objective qa",
    "losses",
    lambda run: "qa" in run.losses,
    "Remove {it}, or add qa to losses.",
)
ITM_LOSS = _when(
    "R121",
    "by the objective itm",
    "losses",
    lambda run: "itm" in run.losses,
    "Remove {it}, or add itm to losses.",
)
CAPTION_LOSS = _when(
    "R121",
    "by the objective caption",
    "losses",
    lambda run: "caption" in run.losses,
    "Remove {it}, or add caption to losses.",
)

# Training
OWN_SETTINGS = _when(
    "N1",
    'with optim: "adamw": the others have settings of their own and no weight decay, as published',
    "optim",
    lambda run: run.optim == "adamw",
    'Remove {it}, or set optim: "adamw".',
)
TRAINING = _when(
    "N1",
    "while training, and this run only tests (test_only: true, or epochs: 0)",
    "test_only epochs",
    lambda run: not run.test_only and run.epochs > 0,
    "Remove {it}, or set test_only: false and epochs above 0.",
)
NOT_TEST_ONLY = _when(
    "N1",
    "while training, and this run only tests (test_only: true)",
    "test_only",
    lambda run: not run.test_only,
    "Remove {it}, or set test_only: false.",
)
ANSWERED = _but("N1", "where answers are written, and pairs have none", "alignment")
AVERAGE = _flag("N1", "model_ema")
WARMUP_BY_SHARE = _when(
    "N1",
    "where warmup does not say the number of updates",
    "warmup",
    lambda run: run.warmup is None,
    "Remove {it}, or remove warmup.",
)
OWN_FILES = _when(
    "N1",
    "with your own data: train, valid or test name a .jsonl, .csv or .tsv file",
    "train valid test",
    facts.own_files,
)
OWN_TABLES = _when(
    "N1",
    "with a table of your own: train, valid or test name a .csv or .tsv file",
    "train valid test",
    facts.own_tables,
)
FILES = _when(
    "N1",
    "when data comes from files, and dataset names a built-in one",
    "dataset",
    lambda run: run.dataset is None,
    "Remove {it}, or remove dataset.",
)
PUBLISHED = _when(
    "N1",
    "when a split or a feature file is a published one",
    "train valid test feature_type use_vision",
    lambda run: (
        not facts.only_own_files(run)
        or run.testing
        or (facts.sees(run) and getattr(run, "feature_type", None) in STORED_TYPES)
    ),
)
TASK_OWNERS = _when(
    "N1",
    "by multitask runs and by parts that each task owns (adapters, LoRA, prompts)",
    "task",
    lambda run: (
        run.task == "multitask"
        or tuple(run.tasks) == (run.task,)
        or bool(facts.has_parts_per_task(run))
    ),
    "Remove {it}, or switch on what a task can own.",
)
PROMPTED = _when(
    "N1",
    "by runs of one task whose text has a prompt (not by multitask, pretraining and vcr)",
    "task tasks",
    lambda run: (
        (run.task != "multitask" or isinstance(run.values["prompt"], ByTask))
        and not all(task in (*facts.PRETRAINING, "vcr") for task in facts.trained_tasks(run))
    ),
    "Remove {it}; in multitask runs, use_tasks_prompts: true gives each task its own, and an "
    "object by task says others.",
)._replace(reads=lambda task: task not in (*facts.PRETRAINING, "vcr"))
WRITTEN = _but(
    "N1",
    f"where answers are written, and {listed(facts.CHOOSING)} choose theirs",
    *facts.CHOOSING,
)
CUT_TEXTS = _but("N1", "where texts are cut, and those of nlvr are read whole", "nlvr")
FREE_ANSWERS = _when(
    "N1",
    "where texts end anywhere, and answers of answer_vocab are written to their own end",
    "answer_vocab task tasks",
    lambda run: not run.answer_vocab or facts.trains(run, "caption", "mmt", *facts.PRETRAINING),
)
WRITTEN_ANSWERS = _when(
    "N1",
    "where answers are written, and classifier: true chooses them from a list",
    "classifier",
    lambda run: not run.classifier,
    "Remove {it}, or set classifier: false.",
)
