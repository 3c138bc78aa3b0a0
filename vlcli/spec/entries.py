"""The architectures and tasks there are, built in or from plug-ins, found without importing them.

A built-in one is a row of a table below. Another distribution adds its own through the entry-point
groups `vlcli.archs` and `vlcli.tasks`; the object it names is an `Entry` (or a function that
returns one). A broken plug-in, or a name that two distributions claim, is a fault of that name
alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN = "built in"
Kind = Literal["arch", "task"]


class Entry(NamedTuple):
    """An architecture or task that can be named in a spec.

    `spec`, `impl` and `rules` are "module:name" texts, imported when needed: the pydantic class
    with its arguments, the class that does the work (None: this version can check the spec but
    not run it), and a tuple of rules. `presets` (architectures) are named sets of defaults,
    `defaults` (tasks) what the task puts in place of class defaults, `mixed` (tasks) what it brings
    to a run of several tasks, `families` (architectures)
    the backbones that choose this architecture, and `also` other words that people use for it.
    `judges` (tasks) are those whose runs a task that trains nothing itself can evaluate.
    `answers` says what an architecture gives, and what a task asks for: texts, or vectors of
    pictures and texts; "" is not known, and goes with everything.
    """

    summary: str
    spec: str | None = None
    impl: str | None = None
    rules: str | None = None
    presets: str | None = None
    families: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = MappingProxyType({})
    mixed: Mapping[str, Any] = MappingProxyType({})
    also: tuple[str, ...] = ()
    answers: Literal["text", "vectors", ""] = ""
    judges: tuple[str, ...] = ()


class Found(NamedTuple):
    """An entry with where it comes from; `fault` says why it cannot be used."""

    name: str
    source: str
    entry: Entry | None = None
    fault: str = ""


def _vl(summary: str, family: str) -> Entry:
    return Entry(
        summary,
        spec="vlcli.archs.vlt5.spec:VLSpec",
        impl="vlcli.archs.vlt5.building:VLBuilding",
        rules="vlcli.archs.vlt5.rules:RULES",
        presets="vlcli.archs.vlt5.presets:PRESETS",
        families=(family,),
        answers="text",
    )


ARCHS: dict[str, Entry] = {
    "vlt5": _vl("VL-T5: one encoder for text and visual tokens on T5 (Cho et al. 2021)", "t5"),
    "vlbart": _vl("VL-BART: the same on BART", "bart"),
    "dual_encoder": Entry(
        "Two encoders, of pictures and of texts, aligned by a loss (ITRA, CLIP)",
        spec="vlcli.archs.dual_encoder.spec:DualSpec",
        impl="vlcli.archs.dual_encoder.building:DualBuilding",
        rules="vlcli.archs.dual_encoder.rules:RULES",
        also=("itra", "clip", "siglip"),
        answers="vectors",
    ),
}


def _task(
    summary: str,
    impl: str | None,
    prompt: str | None = None,
    also: tuple[str, ...] = (),
    splits: str = "train valid test",
    answers: Literal["text", "vectors"] = "text",
    **defaults: Any,
) -> Entry:
    """`splits` are the published training, validation and test splits ("-": none); a run of several
    tasks takes them, and the lengths among the defaults, as the task's own."""
    defaults |= {} if prompt is None else {"prompt": prompt}
    mixed: dict[str, Any] = dict(zip(("train", "valid", "test"), splits.split(), strict=True))
    mixed |= {key: value for key, value in defaults.items() if key.endswith("_length")}
    mixed["test"] = None if mixed["test"] == "-" else mixed["test"]
    return Entry(
        summary,
        impl=impl and f"vlcli.tasks.{impl}",
        defaults=MappingProxyType(defaults),
        mixed=MappingProxyType(mixed),
        also=also,
        answers=answers,
    )


def _judge(summary: str, impl: str, also: tuple[str, ...] = ()) -> Entry:
    """A task that judges runs of alignment."""
    return Entry(
        summary,
        impl=f"vlcli.tasks.{impl}",
        also=also,
        answers="vectors",
        judges=("alignment",),
    )


_WATCHED = 600  # tokens of subtitles, question and choices that video tasks read
_RELEASED = "train_release val_release"

TASKS: dict[str, Entry] = {
    "pretrain": _task(
        "Pretraining on COCO and Visual Genome texts: lm, qa, itm, grounding",
        "pretrain:Pretrain",
        also=("pretraining",),
        splits="mscoco_resplit_train,vgnococo mscoco_resplit_val -",
    ),
    "pretrain_vcr": _task(
        "Pretraining on VCR: lm, caption and grounding",
        "pretrain_vcr:PretrainVcr",
        splits="train val -",
        max_text_length=100,
    ),
    "vqa": _task(
        "Questions about pictures (VQA v2)",
        "vqa:Vqa",
        also=("vqav2", "vqa2", "okvqa"),
        splits="karpathy_train karpathy_val karpathy_test",
    ),
    "gqa": _task(
        "Compositional questions about pictures (GQA)",
        "gqa:Gqa",
        "gqa: ",
        splits="train,valid testdev -",
    ),
    "nlvr": _task("Is a sentence true of two pictures (NLVR2)", "nlvr:Nlvr", "nlvr: ", ("nlvr2",)),
    "vcr": _task(
        "Answers and their reasons, chosen of four (VCR)",
        "vcr:Vcr",
        "",
        splits="train val -",
        max_text_length=100,
    ),
    "caption": _task(
        "Describe a picture (COCO captions)",
        "caption:Caption",
        "caption: ",
        ("captioning", "coco", "coco_caption"),
        "karpathy_train karpathy_val karpathy_test",
    ),
    "refcoco": _task(
        "Find the box that a phrase means (RefCOCOg)",
        "refcoco:Refcoco",
        "visual grounding: ",
        ("refcocog", "grounding", "refcoco+"),
        "train val test",
        max_text_length=30,
    ),
    "mmt": _task(
        "Translate a caption with its picture (Multi30k, English to German)",
        "mmt:Mmt",
        "translate English to German: ",
        ("translation", "multi30k"),
        "train val test_2016_flickr",
        max_text_length=40,  # both as in its published scripts
        gen_max_length=40,
    ),
    "cls": _task(
        "Name the class of a picture (tiny-imagenet, cifar10)",
        "cls:Cls",
        "cls: ",
        ("classification", "imagenet", "tinyimagenet", "cifar10"),
        "train val -",
    ),
    "tvqa": _task(
        "Questions about TV clips with subtitles (TVQA)",
        "video:Tvqa",
        "",
        splits="train val -",
        max_text_length=_WATCHED,
    ),
    "how2qa": _task(
        "Questions about how-to clips with subtitles (How2QA)",
        "video:How2qa",
        "",
        splits=f"{_RELEASED} -",
        max_text_length=_WATCHED,
    ),
    "tvc": _task(
        "Describe TV clips with subtitles (TVC)",
        "video:Tvc",
        "",
        splits=f"{_RELEASED} -",
        max_text_length=_WATCHED,
    ),
    "yc2c": _task(
        "Describe cooking clips with subtitles (YouCook2)",
        "video:Yc2c",
        "",
        ("youcook", "youcook2"),
        f"{_RELEASED} -",
        max_text_length=_WATCHED,
    ),
    "activitynet": _task(
        "Questions about long clips (ActivityNet-QA)",
        "activitynet:ActivityNet",
        "",
        ("activitynetqa",),
        "train val test",
    ),
    "alignment": _task(
        "Which text belongs to which picture: contrastive training, retrieval",
        "alignment:Alignment",
        also=("retrieval", "contrastive", "itc"),
        splits="karpathy_train karpathy_val karpathy_test",
        answers="vectors",
    ),
    "zeroshot": _judge(
        "Judges alignment: which class a picture is of, by texts of the classes",
        "zeroshot:ZeroShot",
        ("zero_shot", "zeroshot_classification"),
    ),
    "linear_probe": _judge(
        "Judges alignment: classes by a linear probe of the image tower",
        "probes:LinearProbe",
        ("linear", "probe"),
    ),
    "knn": _judge(
        "Judges alignment: classes by nearest neighbours in the image tower", "probes:Knn"
    ),
    "sts": _judge(
        "Judges alignment: how alike two texts are (STS-b)", "sts:Sts", ("stsb", "nlp_eval")
    ),
    "multitask": Entry(
        "Several tasks in turn, those of `tasks`",
        also=("multitask_video", "multi_task"),
        answers="text",
    ),
}
# The published runs of several tasks learn longer captions than those of captions alone.
TASKS["caption"] = TASKS["caption"]._replace(
    mixed=MappingProxyType({**TASKS["caption"].mixed, "max_text_length": 40, "gen_max_length": 40})
)

_TABLES: dict[Kind, dict[str, Entry]] = {"arch": ARCHS, "task": TASKS}


@cache
def all_of(kind: Kind) -> dict[str, Found]:
    """Every architecture or task by name, built-in ones first, plug-ins in order of their names."""
    found = {name: Found(name, BUILT_IN, entry) for name, entry in _TABLES[kind].items()}
    for point in _plugins(f"vlcli.{kind}s"):
        earlier, mine = found.get(point.name), _distribution(point)
        if earlier:
            found[point.name] = Found(
                point.name,
                f"{earlier.source}, {mine}",
                fault=f"{_who(earlier.source)} and {_who(mine)} both bring a {kind} of this name; "
                f"uninstall one of them",
            )
        else:
            found[point.name] = _load(point, mine)
    return found


def _plugins(group: str) -> list[EntryPoint]:
    """The entry points of a group, by name. The metadata library reads every distribution there is;
    a look for the bytes of a group in their files is twenty times faster, and mostly enough."""
    if not _some_plugin():
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group), key=lambda each: each.name)


@cache
def _some_plugin() -> bool:
    """Whether any distribution on the path may have an entry point of ours."""
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except NotADirectoryError:
            return True  # an archive: the metadata library knows how to look inside
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(place, name, "entry_points.txt"), "rb") as file:
                        if b"[vlcli." in file.read().replace(b" ", b""):
                            return True
                except OSError:
                    continue
            elif name.endswith(".egg"):
                return True
    return False


def _who(source: str) -> str:
    return "vlcli itself" if source == BUILT_IN else f"the distribution {source}"


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def _load(point: EntryPoint, source: str) -> Found:
    try:
        entry = point.load()
        entry = entry() if callable(entry) else entry
    except (Exception, SystemExit) as error:  # whatever a stranger raises is the plug-in's fault
        return Found(point.name, source, fault=f"it cannot be imported ({_short(error)})")
    if not isinstance(entry, Entry):
        what = type(entry).__name__
        return Found(point.name, source, fault=f"it names a value of type {what}, not an Entry")
    return Found(point.name, source, entry)


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__


class Broken(Exception):
    """A plug-in whose spec, rules or presets cannot be had; the message says why."""


def part(found: Found, which: Literal["spec", "impl", "rules", "presets"]) -> Any:
    """The object that an entry names for `which`, or None; raises Broken where it cannot be had."""
    text = getattr(found.entry, which)
    if text is None:
        return None
    module, _, name = text.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        raise Broken(f"its {which} {text} cannot be imported ({_short(error)})") from error


def arch_of_family(family: str | None) -> str | None:
    """The architecture that a backbone of this family chooses."""
    for name, found in all_of("arch").items():
        if found.entry and family in found.entry.families:
            return name
    return None


def compares(task: str) -> bool:
    """Whether a task is answered by vectors that are compared."""
    found = all_of("task").get(task)
    return bool(found and found.entry and found.entry.answers == "vectors")


def judges(task: str, trained: str) -> bool:
    """Whether a task evaluates runs that were trained on another."""
    return trained in judged_by(task)


def judged_by(task: str) -> tuple[str, ...]:
    """The tasks whose runs this one evaluates; () for one that is trained on."""
    found = all_of("task").get(task)
    return found.entry.judges if found and found.entry else ()


def known_as(kind: Kind, word: str) -> str | None:
    """The name of what people also call `word` ("translation" -> "mmt")."""
    lower = word.lower()
    for name, found in all_of(kind).items():
        if found.entry and (lower == name.lower() or lower in found.entry.also):
            return name
    return None


def nearest(word: str, names: Iterable[str], at_most: int = 3) -> list[str]:
    """The names most like `word`, best first; spelling, case, dashes and prefixes count as near."""
    import difflib  # a fifth of the start-up time of `--help`

    plain = {name: name.lower().replace("-", "_") for name in names}
    asked = word.lower().replace("-", "_")
    same = [name for name, each in plain.items() if each == asked]
    starts = [name for name, each in plain.items() if len(asked) > 3 and each.startswith(asked)]
    close = difflib.get_close_matches(asked, list(plain.values()), n=at_most, cutoff=0.7)
    like = [name for each in close for name, text in plain.items() if text == each]
    return list(dict.fromkeys([*same, *like, *starts]))[:at_most]
