"""A working folder: a few records of each kind, models of one layer, stored features."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

from tests.towers.tiny_clip import tiny_clip
from vlcli.archs.vlt5.tokenizer import save_tokenizer, tokenizer_for
from vlcli.spec.encoders import RANDOM
from vlcli.towers.build import build
from vlcli.towers.text.huggingface import learned_tokenizer

PICTURES = [f"p{number}" for number in range(8)]
COLORS = ("red", "blue", "green", "white")
T5 = {
    **{"model_type": "t5", "d_model": 48, "d_kv": 12, "d_ff": 48, "num_layers": 1, "num_heads": 4},
    "decoder_start_token_id": 0,
}
BART = {
    **{"model_type": "bart", "d_model": 48, "max_position_embeddings": 64},
    **{f"{stack}_layers": 1 for stack in ("encoder", "decoder")},
    **{f"{stack}_attention_heads": 4 for stack in ("encoder", "decoder")},
    **{f"{stack}_ffn_dim": 48 for stack in ("encoder", "decoder")},
}
BERT = {
    **{"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2},
    **{"num_attention_heads": 2, "intermediate_size": 32},
}
VIT = {
    **{"model_type": "vit", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    **{"intermediate_size": 16, "image_size": 32, "patch_size": 16},
}
PAIR: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 12, "width": 16, "heads": 2, "layers": 1},
}
TOWER = "tower.safetensors"
PATHS = {"t5": T5, "bart": BART}


def fill(folder: Path) -> None:
    """Everything that the specs of the table name, below `folder`."""
    for seed, name in enumerate(("data", "other")):
        pictures(folder / name, seed)
    for name, rows in records().items():
        lines(folder / "data" / f"{name}.jsonl", rows)
    rows = [f"{n}.png,{o}.png,a {n} by {o},only {n}" for n, o in pairwise(PICTURES)]
    (folder / "data" / "caption.csv").write_text(
        "\n".join(["filepath,other,title,said", *rows[:4]])
    )
    (folder / "data" / "broken.png").write_bytes(b"no picture")
    for name, config in PATHS.items():
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps({**config, "vocab_size": 300}))
    T5ForConditionalGeneration(T5Config(**T5, vocab_size=300)).save_pretrained(folder / "trained")
    save_tokenizer(
        tokenizer_for("train", "t5", "t5", ["quite other words", "that are learned here"]),
        folder / "words",
    )
    for seed, name in enumerate(("datasets", "elsewhere")):
        box_features(folder / name / "VG/features/vg_gqa_obj36.h5", PICTURES, seed)
        (folder / name / "VG/objects_vocab.txt").write_text("circle\nsquare\n")
        (folder / name / "VG/attributes_vocab.txt").write_text("red\nblue\n")
        classes(folder / name / "tiny-imagenet-200", ("cat", "ship")[seed])
    served(folder / "datasets")
    cifar(folder / "datasets/cifar-10-batches-py")
    expressions(folder / "datasets/RefCOCO/refcocog")
    pair(folder / "clip")
    for name, config in {"tiny-text": BERT, "tiny-pair": VIT}.items():
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    learned_tokenizer(["a circle by squares"]).save_pretrained(folder / "tiny-text")
    (folder / "data/names.txt").write_text("ship\nwave\nsnow\ntree\n")
    pairs = [f"-\t-\t-\t{n}\t{n}\ta red circle\t{n} green squares" for n in range(5)]
    (folder / "data/alike.tsv").write_text("\n".join(pairs))
    tower = build("timm:test_resnet", RANDOM)
    save_file({n: 0.9 * v for n, v in tower.visual.state_dict().items()}, folder / TOWER)
    (folder / "deepspeed.json").write_text('{"zero_optimization": {"stage": 1}}')


def pictures(folder: Path, seed: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for name in PICTURES:
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")


def lines(path: Path, rows: Iterable[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def records() -> dict[str, list[dict[str, Any]]]:
    """By the name of the file."""
    shown = [{"id": name, "image": f"{name}.png"} for name in PICTURES]
    asked = [
        {
            **each,
            "text": f"what is the color of the {('circle', 'small square')[n % 2]} ?",
            "answers": [COLORS[n % 4]] * 6 + ["A, " + COLORS[(n + 1) % 4]] * 4,
            "captions": [f"a {COLORS[n % 4]} circle", f"one circle by {n} squares"],
        }
        for n, each in enumerate(shown)
    ]
    boxes = [[n, 0, n + 10, 12] for n in range(0, 20, 5)]
    regions = {"boxes": boxes, "width": 32, "height": 32}
    names = [f"{color} circle" for color in COLORS]
    told = [
        {**each, "captions": [f"a {COLORS[n % 4]} circle by a square", "one circle"]}
        for n, each in enumerate(shown)
    ]
    pretrain = [
        {
            **each,
            "id": f"t{n}",
            "source": ("mscoco", "vg")[n % 2],
            "questions": [{"text": "is it red ?", "answers": ["no"], "kind": "gqa"}],
            **regions,
            "names": names,
        }
        for n, each in enumerate(told[:4])
    ]
    refcoco = [
        {**each, "text": f"the {names[n % 4]}", "box": boxes[n % 4], **regions}
        for n, each in enumerate(shown)
    ]
    return {
        "vqa": asked,
        "valid": asked[:3],
        "fewer": asked[2:7],
        "broken": [*asked[:5], {**asked[5], "image": "broken.png"}],
        "gqa": [{**each, "label": each["answers"][0]} for each in asked[:2]],
        "caption": told[:4],
        "classes": [{**each, "label": COLORS[n % 4]} for n, each in enumerate(shown)],
        "refcoco": refcoco,
        "pretrain": pretrain,
    }


def box_features(path: Path, names: Iterable[str], seed: int, many: int = 36) -> None:
    """As the published feature extraction writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for name in names:
            group = file.create_group(name)
            group["features"] = rng.random((many, 2048), np.float32)
            group["boxes"] = np.tile(np.array([0, 0, 20, 20], np.float32), (many, 1))
            group["obj_id"], group["attr_id"] = np.arange(many) % 2, np.zeros(many, np.int64)
            group["img_w"], group["img_h"] = 32, 32


def served(folder: Path) -> None:
    """A question of each split that a test server keeps the answers of."""
    for file, name in (("vqa/test", "COCO_test2015_000000000001"), ("GQA/submit", "n1")):
        question = {"sent": "what is it ?", "question_id": 1, "img_id": name}
        path = folder / f"{file}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([question]))
    for picture in ("COCO/images/test2015/COCO_test2015_000000000001", "GQA/images/n1"):
        path = folder / f"{picture}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32)).save(path)


def classes(folder: Path, first: str) -> None:
    """tiny-imagenet of two pictures, and what the class of the first is called."""
    for name in ("n1", "n2"):
        (folder / f"train/{name}/images").mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(folder / f"train/{name}/images/{name}_0.JPEG")
    (folder / "val/images").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "val/images/val_0.JPEG")
    (folder / "val/val_annotations.txt").write_text("val_0.JPEG\tn1\t0\t9\t9\t9\n")
    (folder / "words.txt").write_text(f"n1\t{first}\nn2\tdog\n")


def cifar(folder: Path) -> None:
    """CIFAR-10 of two pictures."""
    folder.mkdir()
    held = {"labels": [0, 1], "data": np.eye(2, 3 * 32 * 32, dtype=np.uint8)}
    for name, value in (("batches.meta", {"label_names": ["cat", "dog"]}), ("test_batch", held)):
        (folder / name).write_bytes(pickle.dumps(value, protocol=3))


def pair(folder: Path) -> None:
    """Two encoders that open_clip knows by names, of one of them weights `one` and `two`."""
    folder.mkdir()
    for name in ("tiny-pair", "tiny-text"):
        (folder / f"{name}.json").write_text(json.dumps(PAIR))
    tiny_clip(folder)
    tags = open_clip.pretrained._PRETRAINED["tiny-pair"] = {}
    for seed, tag in enumerate(("one", "two")):
        torch.manual_seed(seed)
        model = open_clip.create_model("tiny-pair")
        torch.save(model.state_dict(), folder / f"{tag}.pt")
        tags[tag] = {"file": str(folder / f"{tag}.pt")}


def forget() -> None:
    """Other tests ask open_clip for all that it knows."""
    del open_clip.pretrained._PRETRAINED["tiny-pair"]


def expressions(folder: Path) -> None:
    """RefCOCOg of two pictures, with annotated and with detected boxes."""
    folder.mkdir(parents=True)
    referred = [
        {
            **{"image_id": n, "ann_id": n, "ref_id": n, "split": split},
            "sentences": [{"raw": "the circle", "sent_id": n}],
        }
        for n, split in ((1, "train"), (2, "val"))
    ]
    (folder / "refs(umd).p").write_bytes(pickle.dumps(referred, protocol=2))
    sides = {"width": 32, "height": 32}
    held = {
        "images": [{"id": n, "file_name": f"COCO_train2014_{n:012}.jpg", **sides} for n in (1, 2)],
        "annotations": [{"id": n, "image_id": n, "bbox": [0, 0, 20, 20]} for n in (1, 2)],
    }
    (folder / "instances.json").write_text(json.dumps(held))
    features = folder / "features"
    box_features(features / "train_boxes_GT.h5", ["1"], 0, many=2)
    box_features(features / "val_boxes_GT.h5", ["2"], 1, many=2)
    box_features(features / "val_boxes_mattnet.h5", ["2"], 2, many=3)
