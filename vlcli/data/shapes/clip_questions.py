"""Questions about clips: with choices (tvqa, how2qa) and without (activitynet)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from .clips import EVENTS, WAYS, Clip, introduced
from .scene import COLOURS, SHAPES
from .sets import Shown

Record = dict[str, Any]
Posed = tuple[str, str, str, Sequence[str]]  # kind, question, right choice, wrong ones
WHOLE = "0.0-4.0"  # a frame lasts a second
DOES = {
    "moves": "moves",
    "appears": "appears",
    "leaves": "goes away",
    "turns": "changes color",
    "stays": "stays still",
}
_CHATTER = (
    "and now the next step.",
    "look at this.",
    "it is easy.",
    "take your time.",
    "that is all for today.",
    "welcome back.",
)


def tvqa(rng: random.Random, shown: Sequence[Shown]) -> Iterator[Record]:
    """Five choices. Subtitles say which shape a person is; the clip shows the rest."""
    for each in shown:
        subtitles = introduced(rng, each.scene)
        for number, posed in enumerate(_about_people(rng, each.scene)):
            yield {**_chosen(each, number, posed), "subtitles": subtitles, "time": WHOLE}


def how2qa(rng: random.Random, shown: Sequence[Shown]) -> Iterator[Record]:
    """Four choices. Subtitles are talk that tells nothing."""
    for each in shown:
        subtitles = " ".join(rng.sample(_CHATTER, 2))
        for number, posed in enumerate(_about_shapes(rng, each.scene)):
            yield {**_chosen(each, number, posed), "subtitles": subtitles, "time": WHOLE}


def activitynet(rng: random.Random, shown: Sequence[Shown]) -> Iterator[Record]:
    """Questions that are answered in a word or two."""
    for each in shown:
        for number, (kind, text, right, _) in enumerate(_open(rng, each.scene)):
            yield {**each.about(number), "text": text, "answers": [right], "kind": kind}


def _about_people(rng: random.Random, clip: Clip) -> Iterator[Posed]:
    person = clip.people[0]
    wrong = [DOES[event] for event in EVENTS if event != clip.event]
    yield "action", f"what does {person} do?", DOES[clip.event], wrong
    if clip.event == "moves" or (clip.event == "stays" and rng.random() < 0.25):
        way = clip.way or "nowhere"  # as often as each of the four ways
        wrong = [each for each in (*WAYS, "nowhere") if each != way]
        yield "motion", f"where does {person} go?", way, wrong
    if clip.event != "turns":
        number = rng.randrange(len(clip.things))
        colours = _wrong_colours(rng, clip, clip.things[number].colour, 4)
        asked = f"what color is {clip.people[number]}?"
        yield "color", asked, clip.things[number].colour, colours


def _about_shapes(rng: random.Random, clip: Clip) -> Iterator[Posed]:
    actor = clip.actor
    if clip.event == "moves":
        wrong = [way for way in WAYS if way != clip.way]
        yield "motion", f"where does the {actor.shape} go?", clip.way, wrong
    if clip.event == "turns":
        colours = _wrong_colours(rng, clip, clip.turned, 3)
        yield "turning", f"what color does the {actor.shape} turn?", clip.turned, colours
    if clip.event == "stays":
        thing = rng.choice(clip.things)
        colours = _wrong_colours(rng, clip, thing.colour, 3)
        yield "color", f"what color is the {thing.shape}?", thing.colour, colours
    else:
        wrong = [shape for shape in SHAPES if shape != actor.shape]
        yield "shape", f"what {DOES[clip.event]}?", actor.shape, wrong


def _open(rng: random.Random, clip: Clip) -> Iterator[Posed]:
    """Yes and no fall before anything else does, and either names what may happen evenly."""
    there = rng.random() < 0.5
    happens = clip.event if there else rng.choice([e for e in EVENTS if e != clip.event])
    if happens == "stays":
        text = "does everything stay still?"
    else:
        text = f"is there an object that {DOES[happens]}?"
    yield "existence", text, "yes" if there else "no", ()
    yield from _about_shapes(rng, clip)


def _wrong_colours(rng: random.Random, clip: Clip, right: str, many: int) -> list[str]:
    """Other colours of the clip first, then any: whichever of all is right looks the same."""
    seen = {thing.colour for thing in clip.things} | {clip.turned} - {""}
    near = sorted(seen - {right})[:many]
    far = [colour for colour in COLOURS if colour != right and colour not in near]
    return near + rng.sample(far, many - len(near))


def _chosen(each: Shown, number: int, posed: Posed) -> Record:
    """Choices stand in the order of the alphabet, so that a tiny model soon knows its way."""
    kind, text, right, wrong = posed
    choices = sorted([right, *wrong])
    return {
        **each.about(number),
        "text": text,
        "choices": choices,
        "label": choices.index(right),
        "kind": kind,
    }
