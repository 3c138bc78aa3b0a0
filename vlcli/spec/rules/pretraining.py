"""Objectives of pretraining: which exist, and which need each other."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..groups.pretraining import LXMERT_OBJECTIVES, OBJECTIVES
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

USUAL = {
    "pretrain": "lm,qa,itm,ground_caption,refer",
    "pretrain_vcr": "lm,caption,ground_caption,refer",
}


@rule(RULES, "R115", "error", "questions as plain sentences", "losses caption_only coco_only")
def questions_as_sentences(run: Run) -> Iterator[Finding]:
    """Pretraining texts are captions and questions. Without the objective qa, the questions of VQA
    and GQA have no use and would be masked like captions under lm, which the published code refuses
    with an assertion. Either learn the questions, or leave them out: caption_only keeps the texts
    of COCO and Visual Genome, coco_only those of COCO."""
    if "lm" not in run.losses or "qa" in run.losses or not facts.trains(run, "pretrain"):
        return
    if not run.caption_only and not run.coco_only:
        yield Finding(
            ("losses", "caption_only", "coco_only"),
            "losses names lm without qa, so lm would mask questions as if they were captions.",
            "Add qa to losses, or set caption_only: true.",
        )


@rule(RULES, "R116", "error", "objectives of LXMERT", "losses")
def objectives_of_lxmert(run: Run) -> Iterator[Finding]:
    """obj, attr and feat are objectives of LXMERT: predict the class, the attribute and the feature
    of a masked region. VL-T5 masks no regions and never implemented them, though its published
    default names them; they counted zero examples in silence. What VL-T5 learns about regions are
    ground_caption and refer."""
    names = [name for name in LXMERT_OBJECTIVES if name in run.losses]
    if not names:
        return
    several = len(names) > 1
    task = next((task for task in USUAL if facts.trains(run, task)), None)
    fix = "Remove losses: only pretraining reads it."
    if task:
        fix = f'Choose from {listed(OBJECTIVES)}, for example losses: "{USUAL[task]}".'
    yield Finding(
        ("losses",),
        f"losses names {listed(names)}, {'objectives' if several else 'an objective'} of LXMERT "
        f"that VL-T5 does not have: {'they predict' if several else 'it predicts'} masked regions.",
        fix,
    )


@rule(RULES, "R132", "warning", "each objective is named once", "losses")
def objectives_named_once(run: Run) -> Iterator[Finding]:
    """An objective that losses names twice would make twice as many examples. To weigh objectives
    against each other there are ground_upsample and ground_weight."""
    once = list(dict.fromkeys(run.losses))
    twice = [name for name in once if run.losses.count(name) > 1]
    if twice and facts.trains(run, *facts.PRETRAINING):
        yield Finding(
            ("losses",),
            f"losses names {listed(twice)} more than once.",
            f'Name each objective once: losses: "{",".join(once)}".',
        )
