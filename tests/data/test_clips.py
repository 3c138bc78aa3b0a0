"""Stored features of clips, and a sentence for each way they can be wrong."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from vlcli.data.clips import ClipReader, resized
from vlcli.spec.problem import UserError

CLIP, BUNDLE = "video/vis_features/tv/clip-vit/clip_1.npz", "video/ActivityNet-QA/s3d.pth"


def store(root: Path, values: Any, name: str = "features", reference: str = CLIP) -> Path:
    path = root / reference
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{name: values})
    return path


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 512)).astype(np.float32)


def test_a_short_clip_is_filled_up_with_zeros(tmp_path: Path) -> None:
    held = frames(5)
    store(tmp_path, held.astype(np.float16))
    features, boxes, names, _ = ClipReader(tmp_path, 8).read(CLIP)
    assert (features.shape, features.dtype) == ((8, 512), torch.float32)
    assert torch.equal(features[:5], torch.from_numpy(held.astype(np.float16)).float())
    assert not features[5:].any()
    assert torch.equal(boxes, torch.zeros(8, 4))
    assert names == ()


def test_a_long_clip_keeps_the_greatest_of_each_stretch(tmp_path: Path) -> None:
    """Stretch i of T frames runs from floor(i T / N) to ceil((i + 1) T / N)."""
    held = frames(11)
    store(tmp_path, held)
    features = ClipReader(tmp_path, 4).read(CLIP).features
    stretches = [(0, 3), (2, 6), (5, 9), (8, 11)]
    wanted = np.stack([held[a:b].max(axis=0) for a, b in stretches])
    assert np.array_equal(features.numpy(), wanted)
    same = torch.from_numpy(held)
    assert torch.equal(resized(same, 11), same)


def test_a_clip_has_no_regions(tmp_path: Path) -> None:
    store(tmp_path, frames(3))
    with pytest.raises(UserError, match="features of a clip, which has no regions"):
        ClipReader(tmp_path, 4).read_regions(CLIP, [(0, 0, 1, 1)])


def test_a_reader_leaves_no_file_open(tmp_path: Path) -> None:
    store(tmp_path, frames(3))
    reader = ClipReader(tmp_path, 4)
    before = psutil.Process().num_fds()
    for _ in range(3):
        pickle.loads(pickle.dumps(reader)).read(CLIP)
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize(
    ("values", "name", "words"),
    [
        (frames(3)[:, :100], "features", "the features are 3 x 100, not frames x 512"),
        (frames(3)[0], "features", "the features are 512, not"),
        (frames(3)[:0], "features", "the features are 0 x 512, not"),
        (frames(3), "feature", 'there is no "features"'),
        (np.array(["a"]), "features", '"features" holds no numbers'),
        (np.full((2, 512), np.nan), "features", "not all features are finite"),
    ],
)
def test_what_is_wrong_in_a_clip_is_a_sentence(
    tmp_path: Path, values: Any, name: str, words: str
) -> None:
    path = store(tmp_path, values, name)
    with pytest.raises(UserError, match=words) as raised:
        ClipReader(tmp_path, 4).read(CLIP)
    assert str(raised.value).startswith(str(path))


class Runs:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def test_objects_in_a_clip_are_refused_and_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    store(tmp_path, np.array([Runs(f"touch {ran}")], dtype=object))
    with pytest.raises(UserError, match='"features" holds no numbers'):
        ClipReader(tmp_path, 4).read(CLIP)
    (tmp_path / CLIP).write_bytes(pickle.dumps(Runs(f"touch {ran}")))
    with pytest.raises(UserError, match="cannot be read as NPZ"):
        ClipReader(tmp_path, 4).read(CLIP)
    assert not ran.exists()


def test_a_truncated_clip_is_a_sentence(tmp_path: Path) -> None:
    path = store(tmp_path, frames(9))
    held = path.read_bytes()
    for share in (0.0, 0.01, 0.4, 0.8, 0.999):
        path.write_bytes(held[: int(share * len(held))])
        with pytest.raises(UserError, match=f"{path} cannot be read as NPZ"):
            ClipReader(tmp_path, 4).read(CLIP)


def test_damage_within_a_clip_is_a_sentence(tmp_path: Path) -> None:
    path = store(tmp_path, frames(3))
    held = path.read_bytes()
    caught = 0
    for at in range(0, len(held), 41):
        path.write_bytes(held[:at] + b"\xff\xfe\x00" + held[at + 3 :])
        try:
            ClipReader(tmp_path, 4).read(CLIP)
        except UserError as error:  # any other error fails the test
            caught += str(path) in str(error)
    assert caught > 20


def test_missing_clips_are_known_before_reading(tmp_path: Path) -> None:
    store(tmp_path, frames(3))
    gone = CLIP.replace("clip_1", "clip_2")
    faults = ClipReader(tmp_path, 4).faults([CLIP, gone, "../x.npz", "clip_1"])
    assert set(faults) == {gone, "../x.npz", "clip_1"}
    assert faults[gone].startswith(f"There is no file {tmp_path}/{gone}: stored CLIP features")
    assert f"or set data_root (now {tmp_path})" in faults[gone]
    assert faults["clip_1"] == '"clip_1" is no reference of a clip.'
    with pytest.raises(UserError, match="There is no file"):
        ClipReader(tmp_path, 4).read(gone)


def test_clips_of_one_file_of_tensors_are_read(tmp_path: Path) -> None:
    path = tmp_path / BUNDLE
    path.parent.mkdir(parents=True)
    torch.save({"v_a": torch.ones(3, 1024), "v_b": 3}, path)
    reader = ClipReader(tmp_path, 4, width=1024)
    assert reader.read(f"{BUNDLE}#v_a").features.sum() == 3 * 1024
    assert reader.faults([f"{BUNDLE}#v_a", f"{BUNDLE}#v_b", f"{BUNDLE}#v_c"]) == {
        f"{BUNDLE}#{each}": f"{path} has no clip {each}." for each in ("v_b", "v_c")
    }
    with pytest.raises(UserError, match="clip v_a: the features are 3 x 1024, not frames x 512"):
        ClipReader(tmp_path, 4).read(f"{BUNDLE}#v_a")
    assert pickle.loads(pickle.dumps(reader))._bundles == {}


def test_a_bad_file_of_tensors_is_a_sentence(tmp_path: Path) -> None:
    path, ran = tmp_path / BUNDLE, tmp_path / "ran"
    with pytest.raises(UserError, match=r"stored S3D features of all clips, .*, or set data_root"):
        ClipReader(tmp_path, 4).read(f"{BUNDLE}#v_a")
    path.parent.mkdir(parents=True)
    torch.save({"v_a": Runs(f"touch {ran}")}, path)
    with pytest.raises(UserError, match="is refused: it holds more than tensors"):
        ClipReader(tmp_path, 4).read(f"{BUNDLE}#v_a")
    assert not ran.exists()
    torch.save([torch.ones(3)], path)
    with pytest.raises(UserError, match="it holds no features by clip"):
        ClipReader(tmp_path, 4).read(f"{BUNDLE}#v_a")
    torch.save({"v_a": torch.ones(99, 1024)}, path)
    held = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.95):
        path.write_bytes(held[: int(share * len(held))])
        with pytest.raises(UserError, match=f"{path} "):
            ClipReader(tmp_path, 4).read(f"{BUNDLE}#v_a")
