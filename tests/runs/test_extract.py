"""From pictures to a store that a run trains on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlcli.data.gathering import gather
from vlcli.data.shards import HEADER
from vlcli.data.sources import pictures as held_pictures
from vlcli.data.sources import reader
from vlcli.data.store import FeatureStore
from vlcli.data.store_writer import StoreWriter
from vlcli.runs.extract import Extracted, extract, per_shard
from vlcli.runs.extractor import Extractor, Wish
from vlcli.runs.filling import fill_here
from vlcli.runs.parts import build
from vlcli.runs.progress import Progress
from vlcli.spec.problem import UserError
from vlcli.spec.read import read_spec_text
from vlcli.spec.stores import ARRAY


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(8):
        pixels = draw.integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def run(source: Path, out: Path, **more: object) -> tuple[Extracted, str]:
    """What came of it, and what was said."""
    said: list[str] = []
    wish = Wish(source, out, "timm:test_resnet", random=True, size=64, batch_size=2, device="cpu")
    return extract(wish._replace(**more), said.append, lambda done, total: None), "\n".join(said)  # type: ignore[arg-type]


def test_pictures_become_a_store_once(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "feats"
    found, said = run(pictures, out)
    assert (found.whole, found.new, found.before, found.bad) == (True, 8, 0, {})
    assert said == "8 pictures, 4 x 96 float16 features each (timm:test_resnet, 64 x 64 pixels)."
    store = FeatureStore(out)
    assert store.ids == [f"{number}.png" for number in range(8)]
    assert list(store.damaged()) == []
    assert run(pictures, out)[0][:3] == (True, 0, 8)
    with pytest.raises(UserError, match=r"other features: tokens 4 \(here 1\), grid .* pool grid"):
        run(pictures, out, pool="pooled")
    (pictures / "0.png").unlink()
    with pytest.raises(UserError, match="holds features of other pictures"):
        run(pictures, out)


def test_a_bad_picture_is_an_error_or_is_skipped_and_listed(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "feats"
    (pictures / "5.png").write_text("no picture")
    with pytest.raises(UserError, match=r"5\.png is not a picture that can be read\. Mend it and"):
        run(pictures, out)
    found, said = run(pictures, out, on_bad="skip")
    assert (found.new, found.before) == (3, 4)
    assert "4 of them were extracted before." in said
    store = FeatureStore(out)
    assert len(store) == 7
    assert "its picture could not be read" in store.faults(["5.png"])["5.png"]


def test_an_interrupted_extraction_ends_as_one_that_was_not(pictures: Path, tmp_path: Path) -> None:
    run(pictures, tmp_path / "whole")
    broken = (pictures / "4.png").read_bytes()
    (pictures / "4.png").write_bytes(b"")
    with pytest.raises(UserError):
        run(pictures, tmp_path / "feats")
    (pictures / "4.png").write_bytes(broken)
    run(pictures, tmp_path / "feats")
    one, other = ((tmp_path / name / ARRAY).read_bytes() for name in ("whole", "feats"))
    assert one == other
    assert len(one) == HEADER + 8 * 4 * 96 * 2


def test_a_full_disk_is_a_sentence_and_what_was_written_stays(
    pictures: Path, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER + 5 * 4 * 96 * 2, before[1]))
    try:
        with pytest.raises(UserError, match="cannot be written: File too large"):
            run(pictures, tmp_path / "feats")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert run(pictures, tmp_path / "feats")[0].before == 4


@pytest.mark.parametrize(
    ("size", "most", "pictures"),
    [("4GB", 125_440, 31_887), ("500MB", 1000, 500_000), ("1 kb", 4000, 1), ("70", 1000, 70)],
)
def test_a_shard_is_of_so_many_bytes_or_pictures(size: str, most: int, pictures: int) -> None:
    assert per_shard(size, most) == pictures


@pytest.mark.parametrize("size", ["", "GB", "-1", "0", "1.5", "4 gigabytes"])
def test_a_size_that_is_none_is_told(size: str) -> None:
    with pytest.raises(UserError, match="Write bytes, such as 4GB or 500MB, or a whole number"):
        per_shard(size, 1000)


def test_a_sharded_store_holds_what_one_array_would(pictures: Path, tmp_path: Path) -> None:
    run(pictures, tmp_path / "one")
    found, said = run(pictures, tmp_path / "many", shard_size="4")
    assert "in 2 shards." in said
    one, many = FeatureStore(tmp_path / "one"), FeatureStore(tmp_path / "many")
    assert found.size == sum(path.stat().st_size for path in many.path.iterdir())
    assert all(np.array_equal(one.read(name), many.read(name)) for name in one)


def test_more_threads_and_smaller_types_change_nothing_else(pictures: Path, tmp_path: Path) -> None:
    run(pictures, tmp_path / "one", threads=1, dtype="float32")
    run(pictures, tmp_path / "other", threads=4, dtype="bfloat16")
    one, other = FeatureStore(tmp_path / "one"), FeatureStore(tmp_path / "other")
    for name in one:
        assert other.tensor(name).equal(one.tensor(name).bfloat16())


def test_the_rest_of_a_batch_is_extracted_where_a_stop_left_it(
    pictures: Path, tmp_path: Path
) -> None:
    asked = iter([False, True])
    found = gather(pictures)
    wish = Wish(pictures, tmp_path / "feats", "timm:test_resnet", random=True, size=64)
    extractor = Extractor(wish._replace(batch_size=3, device="cpu"), found.pictures, found.folder)
    with StoreWriter(wish.out, extractor.facts(), found.sizes) as writer:
        assert not fill_here(extractor, writer, Progress(0, 8), lambda: next(asked))
    done, _ = run(pictures, tmp_path / "feats", batch_size=3)
    assert (done.before, done.new) == (6, 2)
    assert list(FeatureStore(wish.out).damaged()) == []


def test_without_ray_its_engine_is_refused_in_a_sentence(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"needs Ray, which is not installed\. Run: pip install"):
        run(pictures, tmp_path / "feats", engine="ray")


SPEC = """{{
    task: "vqa", backbone: "t5-tiny", from_scratch: true, batch_size: 4, num_workers: 0,
    tokenizer: "train", unfreeze_language_model: true, images: "{images}",
    train: "{own}", valid: "{own}", feature_type: "stored:{store}",
}}"""


def test_a_run_reads_a_store_and_names_a_missing_id_before_the_first_step(
    pictures: Path, tmp_path: Path
) -> None:
    store, own = tmp_path / "feats", tmp_path / "own.jsonl"
    lines = [{"image": f"{n}.png", "text": "what?", "answers": ["cat"]} for n in range(8)]
    own.write_text("\n".join(map(json.dumps, lines)))
    run(pictures, store, dtype="float32")
    reading = read_spec_text(SPEC.format(own=own, store=store, images=pictures))
    spec = reading.spec
    assert reading.problems == ()
    assert spec is not None
    seen = reader(spec, held_pictures(spec)).read("3.png")  # type: ignore[arg-type]
    assert (seen.features.shape, seen.boxes.shape) == ((4, 96), (4, 4))
    parts = build(spec)
    assert parts.train[3].images == ("3.png",)
    held = parts.jobs["vqa"].reader
    assert held is not None
    assert held.pictures.open("3.png").size == (50, 40)  # type: ignore[attr-defined]
    own.write_text("\n".join(map(json.dumps, [*lines, {**lines[0], "image": "gone.png"}])))
    said = rf'Example "own-9": The feature store {store} has no features of "gone.png"; it has 8'
    with pytest.raises(UserError, match=said):
        build(spec)
