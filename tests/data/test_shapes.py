"""The built-in data set: what it shows, what it asks, and what the words alone give away."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlcli.data import shapes
from vlcli.data.shapes.questions import KINDS
from vlcli.data.shapes.scene import COLOURS, JITTER, SHAPES, SIDE, SIZES, Scene, Thing, draw
from vlcli.spec.problem import UserError

NUMBERS = {"train": 2400, "valid": 60, "test": 800}
Record = dict[str, Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> shapes.Shapes:
    return shapes.load(shapes.SEED, NUMBERS, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def drawn() -> dict[str, Scene]:
    """Every scene by the number of its picture."""
    all_scenes = (
        scene
        for split, many in NUMBERS.items()
        for scene in shapes.scenes(shapes.SEED, split, many)
    )
    return {str(number): scene for number, scene in enumerate(all_scenes)}


# An oracle: it reads question and scene with code of its own.
SINGULAR = {"circles": "circle", "squares": "square", "triangles": "triangle", "crosses": "cross"}


def described(words: str, scene: Scene) -> list[Thing]:
    named = {SINGULAR.get(word, word) for word in words.split()}
    return [
        thing
        for thing in scene.things
        if all(
            not named & set(options) or look in named
            for look, options in zip(thing.looks, (SIZES, COLOURS, SHAPES), strict=True)
        )
    ]


def oracle(question: str, scene: Scene) -> str:
    if match := re.match(r"how many (.*) (are there|do you see)\?", question):
        return str(len(described(match[1], scene)))
    if match := re.match(r"(?:is there|do you see) an? (.*)\?", question):
        return "yes" if described(match[1], scene) else "no"
    if match := re.match(r"what (?:is the )?(color|shape) (?:of|is) the (.*)\?", question):
        (thing,) = described(match[2], scene)
        return thing.colour if match[1] == "color" else thing.shape
    match = re.match(r"where is the (.*) from the (.*)\?", question)
    names = (match[1], match[2]) if match else None
    if names is None:
        match = re.match(r"from the (.*), where is the (.*)\?", question)
        assert match, question
        names = (match[2], match[1])
    (one,), (other,) = described(names[0], scene), described(names[1], scene)
    across, down = one.x - other.x, one.y - other.y
    if abs(across) > abs(down):
        return "left" if across < 0 else "right"
    return "above" if down < 0 else "below"


def test_every_answer_follows_from_the_picture(
    data: shapes.Shapes, drawn: dict[str, Scene]
) -> None:
    for split in shapes.SPLITS:
        for record in data.records(split):
            assert [oracle(record["text"], drawn[record["image"]])] == record["answers"]


def test_the_stored_pictures_show_their_scenes(
    data: shapes.Shapes, drawn: dict[str, Scene]
) -> None:
    for number in ("0", "7", "2405", "3259"):
        assert np.array_equal(data.pictures.open(number), np.asarray(draw(drawn[number])))
        for thing in drawn[number].things:
            seen = data.pictures.open(number)[int(thing.y), int(thing.x)].astype(int)
            assert np.abs(seen - COLOURS[thing.colour]).max() <= JITTER


def lookup(
    train: list[Record], test: list[Record], key: Callable[[Record], Any]
) -> dict[str, float]:
    """Accuracy per kind of the most frequent training answer to the same key."""
    table: dict[Any, Counter[str]] = defaultdict(Counter)
    for record in train:
        for known in (key(record), record["kind"]):
            table[known][record["answers"][0]] += 1
    right: dict[str, list[bool]] = defaultdict(list)
    for record in test:
        seen = table.get(key(record)) or table[record["kind"]]
        right[record["kind"]].append(seen.most_common(1)[0][0] == record["answers"][0])
        right["overall"].append(right[record["kind"]][-1])
    return {kind: sum(values) / len(values) for kind, values in right.items()}


@pytest.mark.parametrize(
    "key",
    [lambda r: r["text"], lambda r: tuple(sorted(r["text"].split()))],
    ids=["the question word for word", "its words in any order"],
)
def test_the_text_alone_gives_nothing_away(
    data: shapes.Shapes, key: Callable[[Record], Any]
) -> None:
    train, test = data.records("train"), data.records("test")
    prior = lookup(train, test, lambda record: record["kind"])
    from_text = lookup(train, test, key)
    assert set(prior) == {*KINDS, "overall"}
    assert prior["overall"] < 0.33
    for kind in prior:
        assert from_text[kind] < prior[kind] + 0.06, kind


def test_no_answer_of_a_kind_is_much_more_likely_than_the_others(data: shapes.Shapes) -> None:
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for record in data.records("train"):
        answers[record["kind"]][record["answers"][0]] += 1
    most = {kind: max(seen.values()) / seen.total() for kind, seen in answers.items()}
    assert most["color"] < 0.2
    assert most["existence"] < 0.54
    assert max(most["shape"], most["count"], most["relation"]) < 0.29


def test_every_kind_is_asked_often(data: shapes.Shapes) -> None:
    asked = Counter(record["kind"] for record in data.records("train"))
    assert min(asked.values()) > 0.14 * asked.total()


def test_no_two_splits_show_the_same_objects(drawn: dict[str, Scene]) -> None:
    held: dict[str, set[Any]] = defaultdict(set)
    for scene in drawn.values():
        held[shapes.split_of(scene)].add(scene.composition)
    first, second, third = held.values()
    assert not (first & second)
    assert not (first & third)
    assert not (second & third)


def test_objects_do_not_hide_each_other_and_stay_inside(drawn: dict[str, Scene]) -> None:
    for scene in drawn.values():
        assert 2 <= len(scene.things) <= 5
        for i, one in enumerate(scene.things):
            assert one.radius < min(one.x, one.y)
            assert max(one.x, one.y) < SIDE - one.radius
            for other in scene.things[:i]:
                apart = max(abs(one.x - other.x), abs(one.y - other.y))
                assert apart > one.radius + other.radius


def test_positions_follow_no_patch_grid(drawn: dict[str, Scene]) -> None:
    x = np.array([thing.x for scene in drawn.values() for thing in scene.things])
    for side in (4, 8, 16):
        shares, _ = np.histogram(x[(x > 16) & (x < 48)] % side, bins=8, range=(0, side))
        assert shares.max() < 1.15 * shares.mean()


# Captions, read with code of its own again.
WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}


def caption_is_true(caption: str, scene: Scene) -> bool:
    things = scene.things
    counts = Counter(thing.colour for thing in things) + Counter(thing.shape for thing in things)
    sizes = Counter(thing.size for thing in things)
    text = re.sub(r"^(there is|a picture of|one can see) ", "", caption)
    if match := re.match(r"(.*) and (\w+) more objects$", text):
        rest = WORDS[match[2]]
        return all(described(part, scene) for part in match[1].split(" and ")) and (
            len(things) == rest + 2
        )
    if match := re.match(r"the only (\w+) object is an? (.*)$", text):
        return sizes[match[1]] == 1 and bool(described(f"{match[1]} {match[2]}", scene))
    if match := re.match(r"(both|all \w+) objects are (\w+)$", text):
        return sizes[match[2]] == len(things)
    if match := re.match(r"(\w+) (small|large) and (\w+) (small|large) objects$", text):
        return sizes[match[2]] == WORDS[match[1]] and sizes[match[4]] == WORDS[match[3]]
    if match := re.match(r"(\w+) objects, all (\w+)$", text):
        return counts[match[2]] == WORDS[match[1]] == len(things)
    if match := re.match(r"(\w+) objects[:,] (.*)$", text):
        parts = [part.split() for part in re.split(", | and ", match[2])]
        return WORDS[match[1]] == len(things) == sum(WORDS[n] for n, _ in parts) and all(
            counts[colour] == WORDS[n] for n, colour in parts
        )
    if match := re.match(r"the object farthest to the left is an? (.*)$", text):
        return min(things, key=lambda thing: thing.x) in described(match[1], scene)
    if match := re.match(
        r"(.*) (?:is|stands) (to the left of|to the right of|above|below) (.*)", text
    ):
        where = match[2].removeprefix("to the ").removesuffix(" of")
        pairs = [(a, b) for a in described(match[1], scene) for b in described(match[3], scene)]
        return any(
            {"left": a.x < b.x, "right": a.x > b.x, "above": a.y < b.y, "below": a.y > b.y}[where]
            for a, b in pairs
            if a is not b
        )
    parts = [part.split() for part in re.split(", | and ", text)]
    return all(
        described(" ".join(words), scene)
        and (len(words) == 3 or counts[SINGULAR.get(words[1], words[1])] == WORDS[words[0]])
        for words in parts
    )


def test_every_caption_is_true_and_short(data: shapes.Shapes, drawn: dict[str, Scene]) -> None:
    for split in shapes.SPLITS:
        for record in data.records(split, "caption"):
            assert len(record["captions"]) == 5
            for caption in record["captions"]:
                assert caption_is_true(caption, drawn[record["image"]]), caption
                assert len(re.findall(r"\w+|,|:", caption)) <= 18


def test_captions_are_worded_in_many_ways(data: shapes.Shapes) -> None:
    captions = [text for record in data.records("train", "caption") for text in record["captions"]]
    assert max(Counter(captions).values()) < 0.02 * len(captions)


def test_the_same_seed_draws_the_same_data(tmp_path: Path) -> None:
    few = {"train": 8, "valid": 2, "test": 2}
    folders = [shapes.load(7, few, tmp_path / name).folder for name in "ab"]
    for name in ("pictures.npy", "questions.jsonl", "captions.jsonl"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_the_cache_follows_the_users_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shapes.cache_folder() == tmp_path / "vlcli"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert shapes.cache_folder() == Path.home() / ".cache" / "vlcli"


def load_few(folder: str) -> str:
    return str(shapes.load(3, {"train": 40, "valid": 2, "test": 2}, Path(folder)).folder)


def test_several_processes_may_draw_at_once(tmp_path: Path) -> None:
    with get_context("spawn").Pool(3) as pool:
        folders = pool.map(load_few, [str(tmp_path)] * 3)
    assert len(set(folders)) == 1
    assert [each.name for each in tmp_path.iterdir()] == [Path(folders[0]).name]


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="XDG_CACHE_HOME"):
        load_few(str(tmp_path / "file"))


def test_an_unknown_split_is_answered_with_the_known_ones(data: shapes.Shapes) -> None:
    with pytest.raises(UserError, match='no split "karpathy_val"; it has train, valid, test'):
        data.records("karpathy_val")
