"""What the further tasks of the built-in data set say is true of what their pictures show, read
with code of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vlcli.data import shapes
from vlcli.data.shapes import clips
from vlcli.data.shapes.scene import COLOURS, JITTER, SHAPES, SIZES, Scene, Thing
from vlcli.data.shapes.sets import Shown

VIVID = 70  # spread of the channels from which a pixel counts as coloured
NUMBERS = {"train": 400, "valid": 40, "test": 40}
Record = dict[str, Any]
BEYOND: dict[str, Callable[[Thing, Thing], bool]] = {
    "left": lambda one, other: one.x < other.x,
    "right": lambda one, other: one.x > other.x,
    "above": lambda one, other: one.y < other.y,
    "below": lambda one, other: one.y > other.y,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> shapes.Shapes:
    return shapes.load(shapes.SEED, NUMBERS, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def shown(data: shapes.Shapes) -> dict[str, Any]:
    """Every scene and clip by the reference of its picture."""
    found: list[Shown] = []
    for name in ("", "plain", "classes", "clips"):
        found += [each for split in NUMBERS for each in data.shown(name, split)]
    return {each.image: each.scene for each in found}


def every(data: shapes.Shapes, task: str) -> list[Record]:
    return [record for split in NUMBERS for record in data.records(split, task)]


def described(words: str, scene: Scene) -> list[Thing]:
    """The objects that have every look named in the words."""
    named = set(words.split())
    kinds = (SIZES, tuple(COLOURS), SHAPES)
    return [
        thing
        for thing in scene.things
        if all(
            look in named or not named & set(kind)
            for look, kind in zip(thing.looks, kinds, strict=True)
        )
    ]


def the_one(words: str, scene: Scene) -> Thing:
    (thing,) = described(words, scene)
    return thing


def beside(where: str, words: str, scene: Scene) -> Thing:
    """The one object to that side of the other."""
    other = the_one(words, scene)
    (thing,) = (each for each in scene.things if BEYOND[where](each, other))
    return thing


def gqa(text: str, scene: Scene) -> str:
    if match := re.fullmatch(r"what color is the object (\w+)(?: of)? the (\w+)\?", text):
        return beside(match[1], match[2], scene).colour
    if match := re.fullmatch(r"what shape is (\w+)(?: of)? the (\w+) object\?", text):
        return beside(match[1], match[2], scene).shape
    if match := re.fullmatch(r"is the object (\w+)(?: of)? the (\w+) (\w+)\?", text):
        return "yes" if beside(match[1], match[2], scene).colour == match[3] else "no"
    if match := re.fullmatch(r"are the (.*) and the (.*) the same size\?", text):
        return "yes" if the_one(match[1], scene).size == the_one(match[2], scene).size else "no"
    match = re.fullmatch(r"is there both a (\w+) and another object that is (\w+)\?", text)
    assert match, text
    pairs = [(a, b) for a in scene.things for b in scene.things if a is not b]
    return "yes" if any(a.shape == match[1] and b.colour == match[2] for a, b in pairs) else "no"


def test_answers_of_gqa_follow_from_the_picture(data: shapes.Shapes, shown: dict[str, Any]) -> None:
    records = every(data, "gqa")
    for record in records:
        answer = gqa(record["text"], shown[record["image"]])
        assert record["answers"] == [answer]
        assert record["label"] == {answer: 1.0}
    assert {r["kind"] for r in records} == {"color", "shape", "verify", "compare", "logical"}


def nlvr(text: str, left: Scene, right: Scene) -> bool:
    large = [the_one("large", scene) for scene in (left, right)]
    if match := re.search(r"have the same (\w+)$", text):
        looks = [thing.colour if match[1] == "color" else thing.shape for thing in large]
        return looks[0] == looks[1]
    has = [bool(described(text, scene)) for scene in (left, right)]
    for words, holds in (
        ("exactly one|only one", has[0] != has[1]),
        ("both pictures", has[0] and has[1]),
        ("neither|either picture", not has[0] and not has[1]),
        ("at least one|in one picture or in both", has[0] or has[1]),
        ("left picture", has[0]),
        ("right picture", has[1]),
    ):
        if re.search(words, text):
            return holds
    raise AssertionError(text)


def test_sentences_of_nlvr_are_true_or_false_of_their_pair(
    data: shapes.Shapes, shown: dict[str, Any]
) -> None:
    for record in every(data, "nlvr"):
        left, right = (shown[image] for image in record["image"])
        text = re.sub(r"there is (an?|no)|shows? an?", "", record["text"])
        assert record["label"] == str(nlvr(text, left, right)).lower(), record


def holds(thing: Thing, text: str) -> bool:
    """Whether a text that names colour, shape or corner is true of an object."""
    kinds = (tuple(COLOURS), SHAPES, ("top", "bottom"), ("left", "right"))
    row, column = "top" if thing.y < 32 else "bottom", "left" if thing.x < 32 else "right"
    looks = (thing.colour, thing.shape, row, column)
    words = set(text.split())
    return all(
        look in words or not words & set(kind) for look, kind in zip(looks, kinds, strict=True)
    )


def test_one_answer_and_one_reason_of_vcr_are_true(
    data: shapes.Shapes, shown: dict[str, Any]
) -> None:
    for record in every(data, "vcr"):
        scene = shown[record["image"]]
        thing = the_one("large", scene)
        assert [holds(thing, text) for text in record["choices"]].index(True) == record["label"]
        true = [holds(thing, text) for text in record["rationales"]]
        assert true.index(True) == record["rationale_label"]
        for held in (record["choices"], record["rationales"]):
            assert len(set(held)) == 4
            assert sum(holds(thing, text) for text in held) == 1


def overlap(one: list[float], other: list[float]) -> float:
    """IoU on a grid of tenths of pixels."""
    grid = np.zeros((2, 641, 641), bool)
    for layer, (x1, y1, x2, y2) in zip(grid, (one, other), strict=True):
        layer[round(10 * y1) : round(10 * y2), round(10 * x1) : round(10 * x2)] = True
    return float((grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum())


def test_expressions_of_refcoco_mean_one_object(data: shapes.Shapes, shown: dict[str, Any]) -> None:
    sides = {"on the left": "left", "on the right": "right", "at the top": "above"}
    sides["at the bottom"] = "below"
    for record in every(data, "refcoco"):
        scene = shown[record["image"]]
        match = re.fullmatch(r"the (.*?)( on the \w+| at the \w+)?", record["text"])
        assert match
        meant = described(match[1], scene)
        if match[2]:
            beyond = BEYOND[sides[match[2].strip()]]
            meant = [t for t in meant if not any(beyond(o, t) for o in meant)]
        assert [thing.box for thing in meant] == [record["box"]]


def test_regions_of_refcoco_are_the_objects_and_others_inside_the_picture(
    data: shapes.Shapes, shown: dict[str, Any]
) -> None:
    for record in data.records("test", "refcoco"):
        objects = [thing.box for thing in shown[record["image"]].things]
        others = [box for box in record["boxes"] if box not in objects]
        assert len(record["boxes"]) == 7 == len(others) + len(objects)
        assert np.min(record["boxes"]) >= 0
        assert np.max(record["boxes"]) <= record["width"] == record["height"] == 64
        assert max(overlap(a, b) for a in others for b in objects) < 0.35


GERMAN = {"Kreis": "circle", "Quadrat": "square", "Dreieck": "triangle", "Kreuz": "cross"}
WORDS = {"rot": "red", "grün": "green", "blau": "blue", "gelb": "yellow", "lila": "purple"}
WORDS |= {"orange": "orange", "klein": "small", "groß": "large"}
PLACES = {"links": "left", "rechts": "right", "oben": "above", "unten": "below"}
FORMS = {  # what stands before a masculine and a neuter noun, and how an adjective ends there
    True: ("der", "e", "ein", "er", "einen", "en", "dem"),
    False: ("das", "e", "ein", "es", "ein", "es", "dem"),
}


def look_of(word: str, ending: str) -> str:
    stem = word if word in ("lila", "orange") else word.removesuffix(ending)
    return WORDS[stem]


def test_german_sentences_are_true_of_the_picture_and_well_formed(
    data: shapes.Shapes, shown: dict[str, Any]
) -> None:
    for record in every(data, "mmt"):
        scene = shown[record["image"]]
        (german,) = record["answers"]
        words = german.split()
        noun = next(word for word in words if word in GERMAN)
        the, weak, a, subject, a_whom, object_, _ = FORMS[noun == "Kreis"]
        if match := re.fullmatch(r"(\w+) (\w+) (\w+) ist (\w+)", german):
            if match[3] in PLACES:  # der Kreis links ist rot
                article, place, look = match[1], PLACES[match[3]], look_of(match[4], "")
                assert article == the
            else:  # ein roter Kreis ist links
                assert match[1] == a
                place, look = PLACES[match[4]], look_of(match[2], subject)
            (thing,) = described(GERMAN[noun], scene)
            assert look in thing.looks
            assert not any(BEYOND[place](other, thing) for other in scene.things)
        elif match := re.fullmatch(r"es gibt (\w+) (\w+) (\w+)", german):
            assert match[1] == a_whom
            (thing,) = described(f"{look_of(match[2], object_)} {GERMAN[noun]}", scene)
        else:
            match = re.fullmatch(r"(\w+) (\w+) (\w+) ist (\w+)(?: von)? dem (\w+)", german)
            assert match, german
            assert match[1] == the
            place = {"über": "above", "unter": "below"}.get(match[4]) or PLACES[match[4]]
            thing = beside(place, GERMAN[match[5]], scene)
            assert (thing.colour, thing.shape) == (look_of(match[2], weak), GERMAN[noun])
        english = record["text"].split()
        assert thing.shape in english
        stem = next(german for german, look in WORDS.items() if look == thing.colour)
        told = any(word.startswith(stem) for word in words)
        assert told == (("colored" in english) != (thing.colour in english))


def test_the_class_is_the_one_large_object(data: shapes.Shapes, shown: dict[str, Any]) -> None:
    for record in every(data, "cls"):
        large = max(shown[record["image"]].things, key=lambda thing: thing.radius)
        assert record["label"] == f"{large.colour} {large.shape}"
        assert [t.name for t in shown[record["image"]].things].count(large.name) == 1


# Clips, read from their frames.
def story(clip: clips.Clip) -> tuple[str, str, Thing, Thing]:
    """What happens, where to, and who in the first and in the last frame in which it is there."""
    frames = [{t.shape: t for t in clips.frame(clip, number)} for number in range(clips.FRAMES)]
    changed = [
        shape
        for shape in {shape for frame in frames for shape in frame}
        if len({(f[shape].colour, f[shape].x, f[shape].y) if shape in f else () for f in frames})
        > 1
    ]
    if not changed:
        return "stays", "nowhere", clip.things[0], clip.things[0]
    (shape,) = changed
    there = [shape in frame for frame in frames]
    first, last = (next(f[shape] for f in row if shape in f) for row in (frames, frames[::-1]))
    if not all(there):
        assert there == sorted(there, reverse=there[0])
        return ("leaves" if there[0] else "appears"), "", first, last
    if first.colour != last.colour:
        return "turns", "", first, last
    dx, dy = last.x - first.x, last.y - first.y
    assert (abs(dx) < 1e-9) != (abs(dy) < 1e-9)
    across = "right" if dx > 0 else "left"
    return "moves", across if dx else ("down" if dy > 0 else "up"), first, last


DOES = {"moves": "moves", "goes away": "leaves", "appears": "appears", "stays still": "stays"}
DOES["changes color"] = "turns"


def clip_answer(text: str, clip: clips.Clip, subtitles: str = "") -> str:
    who = dict(re.findall(r"(\w+): i am the (\w+)\.", subtitles))
    event, way, first, last = story(clip)
    there = {thing.shape: thing for thing in clip.things}
    text = re.sub("|".join(who) or "$^", lambda match: f"the {who[match[0]]}", text)
    if match := re.fullmatch(r"what does the (\w+) do\?", text):
        assert match[1] == first.shape
        return next(words for words, what in DOES.items() if what == event)
    if match := re.fullmatch(r"where does the (\w+) go\?", text):
        assert match[1] == first.shape
        return way
    if match := re.fullmatch(r"what color does the (\w+) turn\?", text):
        assert (match[1], event) == (first.shape, "turns")
        return last.colour
    if match := re.fullmatch(r"what color is the (\w+)\?", text):
        return there[match[1]].colour
    if text == "does everything stay still?":
        return "yes" if event == "stays" else "no"
    if match := re.fullmatch(r"is there an object that (.*)\?", text):
        return "yes" if DOES[match[1]] == event else "no"
    match = re.fullmatch(r"what (.*)\?", text)
    assert match, text
    assert DOES[match[1]] == event
    return first.shape


@pytest.mark.parametrize(("task", "many"), [("tvqa", 5), ("how2qa", 4)])
def test_one_choice_is_right_of_a_clip(
    data: shapes.Shapes, shown: dict[str, Any], task: str, many: int
) -> None:
    for record in every(data, task):
        answer = clip_answer(record["text"], shown[record["image"]], record["subtitles"])
        assert record["choices"].index(answer) == record["label"]
        assert len(set(record["choices"])) == many
        words = " ".join([record["text"], record["subtitles"], *record["choices"]])
        assert len(words.split()) <= 40


def test_answers_of_activitynet_follow_from_the_clip(
    data: shapes.Shapes, shown: dict[str, Any]
) -> None:
    for record in every(data, "activitynet"):
        assert record["answers"] == [clip_answer(record["text"], shown[record["image"]])]


SAID = {
    "moves": r"moves|goes from|move|push",
    "appears": r"appears|add|put in",
    "leaves": r"goes away|take .* away|remove",
    "turns": r"turns|paint|make",
    "stays": r"stays still|leave|do not touch",
}


@pytest.mark.parametrize("task", ["tvc", "yc2c"])
def test_captions_of_clips_are_true(data: shapes.Shapes, shown: dict[str, Any], task: str) -> None:
    ends = {"left": "left", "right": "right", "up": "up|top", "down": "down|bottom"}
    for record in every(data, task):
        clip = shown[record["image"]]
        event, way, first, last = story(clip)
        person = clip.people[0]
        if task == "tvc":
            assert f"{person}: i am the {first.shape}." in record["subtitles"]
        for caption in record["captions"]:
            assert re.search(rf"\b({SAID[event]})\b", caption)
            assert person in caption or task == "yc2c"
            named = caption.split(" near ")[0]
            assert not set(SHAPES) & set(re.findall(r"\w+", named)) - {first.shape}
            if event == "moves":
                assert re.search(rf"({ends[way]})$", caption)
            colours = {first.colour, last.colour}
            assert not set(COLOURS) & set(re.findall(r"\w+", named)) - colours
            if event == "turns":
                assert re.search(rf"\b{last.colour}\b", caption)


def test_records_of_pretraining_say_what_the_tasks_say(data: shapes.Shapes) -> None:
    captions = {r["image"]: r["captions"] for r in every(data, "caption")}
    answers = {(r["image"], r["text"]): r["answers"] for r in every(data, "vqa")}
    held = every(data, "pretrain")
    assert {record["image"] for record in held} == set(captions)
    assert sum(len(record["questions"]) for record in held) == len(answers)
    for record in held:
        assert record["captions"] == captions[record["image"]]
        for asked in record["questions"]:
            assert asked["answers"] == answers[record["image"], asked["text"]]
    reasons = {(r["image"], r["text"]): r["rationales"] for r in every(data, "vcr")}
    found = {
        (record["image"], asked["text"]): asked["rationales"]
        for record in every(data, "pretrain_vcr")
        for asked in record["questions"]
    }
    assert found == reasons


@pytest.mark.parametrize("task", ["pretrain", "pretrain_vcr"])
def test_boxes_hold_what_their_names_say(data: shapes.Shapes, task: str) -> None:
    for record in data.records("test", task):
        pixels = data.pictures.open(record["image"]).astype(int)
        coloured = np.ptp(pixels, axis=2) > VIVID
        assert len(record["boxes"]) == len(record["names"]) > 1
        for (x1, y1, x2, y2), name in zip(record["boxes"], record["names"], strict=True):
            rows, columns = slice(int(y1), int(y2) + 1), slice(int(x1), int(x2) + 1)
            apart = np.abs(pixels[rows, columns] - COLOURS[name.split()[0]]).max(axis=2)
            assert (apart <= JITTER).mean() > 0.25
            held = coloured[rows, columns]
            down, across = (np.flatnonzero(held.any(axis=axis)) for axis in (1, 0))
            assert len(down) > y2 - y1 - 2.5
            assert len(across) > x2 - x1 - 2.5
            coloured[max(rows.start - 1, 0) : rows.stop + 1, columns] = False
            coloured[rows, max(columns.start - 1, 0) : columns.stop + 1] = False
        assert not coloured.any()


@pytest.mark.parametrize("name", ["plain", "classes", "clips"])
def test_pictures_show_what_is_told(data: shapes.Shapes, name: str) -> None:
    for each in data.shown(name, "test"):
        pixels = data.pictures.open(each.image).astype(int)
        if isinstance(each.scene, Scene):
            seen = list(each.scene.things)
        else:
            seen = [
                thing._replace(x=thing.x + 32 * (number % 2), y=thing.y + 32 * (number // 2))
                for number in range(4)
                for thing in clips.frame(each.scene, number)
            ]
        for thing in seen:
            apart = np.abs(pixels[int(thing.y), int(thing.x)] - COLOURS[thing.colour])
            assert apart.max() <= JITTER
        standing = (np.ptp(pixels, axis=2) > VIVID).sum()
        assert standing == pytest.approx(sum(area(thing) for thing in seen), rel=0.3)


def area(thing: Thing) -> float:
    """In pixels: nothing but the objects is coloured."""
    share = {"circle": np.pi, "square": 4 * 0.88**2, "triangle": 1.85, "cross": 4 * 0.36 * 1.64}
    return float(share[thing.shape] * thing.radius**2)
