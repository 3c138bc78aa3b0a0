"""Pretraining: what each objective asks, and what is right."""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from vlcli.contracts import Example, Prediction, Wording
from vlcli.spec.problem import UserError
from vlcli.tasks.pretrain import Pretrain
from vlcli.tasks.pretrain_vcr import PretrainVcr

SPAN, DENOISE = Wording("span", None), Wording("denoise", "<mask>")


def args(losses: str, **values: Any) -> Any:
    base = {
        "losses": tuple(losses.split(",")),
        "word_mask_rate": 0.3,
        "n_ground": 1,
        "ground_upsample": 1,
        "ground_weight": 1,
        "single_vqa_prefix": False,
        "caption_only": False,
        "coco_only": False,
        "caption_cocoonly": True,
        "itm_cocoonly": True,
        "oscar_tags": False,
        "max_text_length": 20,
        "gen_max_length": 20,
        "num_beams": 1,
        "n_boxes": 36,
        "seed": 1,
    }
    return SimpleNamespace(**{**base, **values})


def record(number: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "image": f"{number}.png",
        "captions": [f"caption {number} says a few words"],
        "source": "mscoco",
        "questions": [{"text": "what is it?", "label": {"cat": 1.0, "dog": 0.0}, "kind": "gqa"}],
        "boxes": [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]],
        "names": ["red circle", "blue square"],
        **values,
    }


def made(losses: str, records: list[dict[str, Any]] | None = None, **values: Any) -> list[Example]:
    task = Pretrain(args(losses, **values))
    held = task.examples(records or [record(1), record(2)], training=True)
    return [task.redraw(each, 0) for each in held]


def test_masked_text_is_written_in_the_words_of_the_family() -> None:
    (one, _) = made("lm")
    assert one.text.startswith("span prediction: ")
    assert one.target.startswith("<extra_id_0> ")
    task = Pretrain(args("lm,itm"), DENOISE)
    drawn = task.redraw(task.examples([record(1), record(2)], training=True)[0], 0)
    assert (drawn.text[:14], drawn.target) == ("denoise text: ", "caption 1 says a few words")
    alone = Pretrain(args("lm"), DENOISE)
    drawn = alone.redraw(alone.examples([record()], training=True)[0], 0)
    assert not drawn.text.startswith("denoise")


def test_what_is_masked_changes_with_the_epoch_and_repeats_itself() -> None:
    task = Pretrain(args("lm"))
    (held,) = task.examples([record()], training=True)
    texts = [task.redraw(held, epoch).text for epoch in range(8)]
    assert len(set(texts)) > 3
    assert texts == [task.redraw(held, epoch).text for epoch in range(8)]


def test_questions_have_the_prefix_of_their_data_set_or_one_for_all() -> None:
    assert {each.text for each in made("qa")} == {"gqa: what is it?"}
    assert {each.text for each in made("qa", single_vqa_prefix=True)} == {"vqa: what is it?"}
    assert {each.target for each in made("qa")} == {"cat"}


def test_itm_shows_the_caption_of_another_picture_half_of_the_time() -> None:
    records = [record(number) for number in range(300)]
    found = Counter()
    for each in made("itm", records):
        own = f"caption {each.record['id']} " in each.text
        assert each.target == ("true" if own else "false")
        found[each.target] += 1
    assert 110 < found["true"] < 190


def test_itm_of_one_picture_alone_is_told() -> None:
    task = Pretrain(args("itm"))
    with pytest.raises(UserError, match="itm has no wrong ones"):
        [task.redraw(each, n) for each in task.examples([record()], False) for n in range(30)]


def test_regions_and_what_they_show_go_both_ways() -> None:
    for each in made("ground_caption"):
        at = int(each.text.removeprefix("caption region: <vis_extra_id_").removesuffix(">"))
        assert each.target == each.names[at]
    for each in made("refer"):
        at = each.names.index(each.text.removeprefix("visual grounding: "))
        assert each.target == f"<vis_extra_id_{at}>"
    (several, _) = made("refer", n_ground=2)
    assert several.text.startswith("visual grounding: <extra_id_0> ")
    assert len(several.target.split()) == 2


def test_grounding_counts_and_weighs_as_asked() -> None:
    held = made("refer", ground_upsample=3, ground_weight=2)
    assert len(held) == 6
    assert {each.weight for each in held} == {2.0}


def test_sources_of_texts_follow_the_keys() -> None:
    records = [record(1), record(2, source="vg")]

    def number(losses: str, **values: Any) -> int:
        return len(made(losses, records, **values))

    assert (number("lm"), number("lm", coco_only=True)) == (2, 1)
    assert (number("caption"), number("caption", caption_cocoonly=False)) == (1, 2)
    assert (number("qa"), number("qa,lm", caption_only=True)) == (2, 2)
    task = Pretrain(args("itm", itm_cocoonly=False))
    assert len(task.examples(records, training=True)) == 2


def test_a_second_record_of_a_picture_grounds_nothing_again() -> None:
    further = record(2)
    for field in ("questions", "boxes", "names"):
        del further[field]
    assert len(made("refer", [record(1), further])) == 1


def test_scores_are_means_over_objectives() -> None:
    task = Pretrain(args("qa,refer"))
    task.examples([record(1), record(2)], training=True)
    held = [task.look(each) for each in task.examples([record(1), record(2)], training=False)]
    said = {e.id: Prediction(e.id, e.target or "") for e in held if e.objective == "qa"}
    said |= {e.id: Prediction(e.id, "nothing") for e in held if e.objective == "refer"}
    scores = task.score(held, said)
    assert (scores["accuracy/qa"], scores["accuracy/refer"], scores["accuracy"]) == (100, 0, 50)
    assert scores["prior/qa"] == 100
    assert scores["examples"] == 4


@pytest.mark.parametrize("wording", [SPAN, DENOISE])
def test_left_out_words_are_judged_place_by_place(wording: Wording) -> None:
    task = Pretrain(args("lm", word_mask_rate=0.5), wording)
    task.examples([record(1)], training=True)
    held = [task.look(each) for each in task.examples([record(1)], training=False)]
    perfect = {each.id: Prediction(each.id, each.target or "") for each in held}
    assert task.score(held, perfect)["words/lm"] == 100
    first = (held[0].target or "").replace("a few", "one few")
    spoilt = task.score(held, {held[0].id: Prediction("x", first)})
    assert spoilt["accuracy"] <= 100


def test_pictures_without_anything_to_learn_are_told() -> None:
    with pytest.raises(UserError, match="None of the 1 pictures has texts"):
        made("qa", [record(questions=[])])
    (bare,) = Pretrain(args("refer")).examples([record(names=[])], training=True)
    with pytest.raises(UserError, match="nothing says what its regions show"):
        Pretrain(args("refer")).redraw(bare, 0)


VCR = {
    "id": "7",
    "image": "7.png",
    "questions": [
        {
            "text": "why is it so?",
            "choices": ["no", "because"],
            "label": 1,
            "rationales": ["it is", "it was"],
            "rationale_label": 0,
        }
    ],
}


def test_vcr_gives_every_objective_with_and_without_the_reason() -> None:
    task = PretrainVcr(args("caption,lm", max_text_length=100))
    held = [task.redraw(each, 0) for each in task.examples([VCR], training=True)]
    told = [(each.text, each.target) for each in held if each.objective == "caption"]
    assert told == [
        ("answer prediction: question: why is it so?", "because"),
        ("rationale prediction: question: why is it so? answer: because", "it is"),
    ]
    assert sum(each.objective == "lm" for each in held) == 2


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"label": 0}, 'Record "1" has no "choices"'),
        ({"label": 2, "choices": ["a", "b"], "text": "?"}, '"label" is 2; it must be the number'),
        ({"label": 0, "choices": ["a", "b"]}, 'Record "1" has no "text"'),
        (
            {"label": 0, "choices": ["a", "b"], "text": "?", "rationales": ["c", "d"]},
            'Record "1" has no "rationale_label" to learn from',
        ),
    ],
)
def test_a_wrong_question_of_vcr_is_a_sentence(question: dict[str, Any], sentence: str) -> None:
    task = PretrainVcr(args("lm"), SPAN)
    with pytest.raises(UserError, match=re.escape(sentence)):
        task.examples([{"id": "1", "image": "1", "questions": [question]}], training=True)


def test_a_question_without_a_text_is_a_sentence() -> None:
    with pytest.raises(UserError, match='has no "text"'):
        made("qa", [record(questions=[{"label": {"cat": 1.0}}])])
