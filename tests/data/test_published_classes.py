"""Pictures of classes become records: tiny-imagenet, CIFAR-10, and folders of class folders."""

from __future__ import annotations

import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data.hdf5 import GridReader
from vlcli.data.published import PublishedPictures, class_folders, picture_path, read
from vlcli.spec.problem import UserError

BUTD, GRIDS, PIXELS = (VLSpec(feature_type=kind) for kind in ("butd", "RN101", "patch"))
CIFAR = VLSpec(feature_type="patch", cls_task="cifar10")
CLASSES = {"n02124075": "Egyptian cat", "n07734744": "mushroom"}


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (255, 0, 0)).save(path, "JPEG")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny-imagenet-200"
    for wnid in CLASSES:
        for number in (0, 1):
            picture(folder / f"train/{wnid}/images/{wnid}_{number}.JPEG")
        features = folder / f"clip_features/train/data_clip_RN101_att/{wnid}_3.h5"
        features.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(features, "w") as file:
            file[f"{wnid}_3/features"] = np.ones((49, 2048), np.float16)
    picture(folder / "val/images/val_0.JPEG")
    (folder / "val/val_annotations.txt").write_text("val_0.JPEG\tn07734744\t0\t32\t44\t62\n")
    words = [f"{wnid}\t{name}, another name" for wnid, name in CLASSES.items()]
    (folder / "words.txt").write_text("\n".join(words) + "\n")
    return tmp_path


def test_pixels_of_tiny_imagenet_have_the_first_name_of_their_class(tiny: Path) -> None:
    first, _, third, _ = read("cls", tiny, "train", args=PIXELS)
    assert first["image"] == "tiny-imagenet-200/train/n02124075/images/n02124075_0.JPEG"
    assert (first["label"], third["label"]) == ("Egyptian cat", "mushroom")
    (record,) = read("cls", tiny, "val", args=PIXELS)
    assert (record["id"], record["label"]) == ("images/val_0.JPEG", "mushroom")
    path = str(picture_path(tiny, record["image"]))
    assert PublishedPictures().open(path).size == (4, 4)
    gone = str(picture_path(tiny, "tiny-imagenet-200/val/images/none.JPEG"))
    assert PublishedPictures().faults([path, gone]) == {gone: f"There is no picture {gone}."}


def test_stored_features_of_tiny_imagenet_are_named_by_their_class(tiny: Path) -> None:
    first, second = read("cls", tiny, "train", args=GRIDS)
    folder = "tiny-imagenet-200/clip_features/train/data_clip_RN101_att"
    assert first["image"] == f"{folder}/n02124075_3.h5#n02124075_3"
    assert (first["id"], second["label"]) == ("n02124075_3", "mushroom")


def test_what_tiny_imagenet_lacks_is_a_sentence(tiny: Path) -> None:
    with pytest.raises(UserError, match="Nobody published butd features of tiny-imagenet-200"):
        read("cls", tiny, "train", args=BUTD)
    with pytest.raises(UserError, match=r'split "test" of .*; splits there: train, val') as raised:
        read("cls", tiny, "test", args=PIXELS)
    assert raised.value.exit_code == 3
    with pytest.raises(UserError, match=r'RN101 features of the split "val" .*there: train'):
        read("cls", tiny, "val", args=GRIDS)
    with pytest.raises(UserError, match="or set data_root") as raised:
        read("cls", tiny / "nowhere", "val", args=GRIDS)
    assert raised.value.exit_code == 4
    folder = tiny / "tiny-imagenet-200"
    (folder / "words.txt").write_text("n02124075\tcat\nn07734744 mushroom\n")
    with pytest.raises(UserError, match=r"words\.txt, line 2: a wnid, a tab and names"):
        read("cls", tiny, "train", args=PIXELS)
    (folder / "words.txt").write_text("n02124075\tcat\n")
    with pytest.raises(UserError, match=r"words\.txt does not know the class n07734744"):
        read("cls", tiny, "train", args=GRIDS)
    (folder / "words.txt").write_bytes(b"n02124075\tcat\nn1\tcaf\xe9\n")
    with pytest.raises(UserError, match=r"words\.txt, line 2: the text is not UTF-8"):
        read("cls", tiny, "train", args=GRIDS)
    (folder / "words.txt").unlink()
    for args in (GRIDS, PIXELS):
        with pytest.raises(UserError, match=r"words\.txt\. Names of the classes; unpack tiny"):
            read("cls", tiny, "train", args=args)


def test_a_bad_line_of_annotations_is_named(tiny: Path) -> None:
    listed = tiny / "tiny-imagenet-200/val/val_annotations.txt"
    for line in ("val_0.JPEG", "../x.JPEG\tn1"):
        listed.write_text(f"val_0.JPEG\tn1\n{line}\n")
        with pytest.raises(UserError, match=r"val_annotations\.txt, line 2: the name of a pict"):
            read("cls", tiny, "val", args=PIXELS)
    listed.write_text("")
    with pytest.raises(UserError, match="that split of cls holds no record"):
        read("cls", tiny, "val", args=PIXELS)


def test_an_empty_folder_of_features_holds_no_record(tiny: Path) -> None:
    (tiny / "tiny-imagenet-200/clip_features/val/data_clip_RN101_att").mkdir(parents=True)
    with pytest.raises(UserError, match="that split of cls holds no record"):
        read("cls", tiny, "val", args=GRIDS)


def test_a_truncated_file_of_a_class_is_told(tiny: Path) -> None:
    first, second = (each["image"] for each in read("cls", tiny, "train", args=GRIDS))
    reader = GridReader(tiny, "RN101")
    assert reader.faults([first, second]) == {}
    path, _ = reader.path(first)
    os.truncate(path, path.stat().st_size // 2)
    (told,) = reader.faults([first, second]).values()
    assert f"{path} cannot be read as HDF5" in told
    with pytest.raises(UserError, match="cannot be read as HDF5"):
        reader.read(first)


def test_any_folder_of_class_folders_is_read(tmp_path: Path) -> None:
    for name in ("dog/b.jpg", "dog/a.JPG", "cat/deep/c.png", "cat/notes.txt", "stray.jpg"):
        picture(tmp_path / "mine" / name)
    (tmp_path / "mine/empty").mkdir()
    found = class_folders(tmp_path / "mine")
    assert [(each["id"], each["label"]) for each in found] == [
        ("cat/deep/c.png", "cat"), ("dog/a.JPG", "dog"), ("dog/b.jpg", "dog"),
    ]  # fmt: skip
    assert found[0]["image"] == str(tmp_path / "mine/cat/deep/c.png")
    assert class_folders(tmp_path, "mine") == found


def test_class_folders_may_be_wnids(tiny: Path) -> None:
    found = class_folders(tiny / "tiny-imagenet-200/train")
    assert {each["label"] for each in found} == set(CLASSES.values())
    assert found == class_folders(tiny / "tiny-imagenet-200", "train")


def test_a_folder_without_classes_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no folder .*one folder a class"):
        class_folders(tmp_path / "none")
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match=r"has 1 folders and no picture \(\.jpg, \.jpeg, \.png\)"):
        class_folders(tmp_path)


def write_cifar(root: Path, name: str, value: Any) -> Path:
    path = root / "cifar-10-batches-py" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=3))
    return path


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    write_cifar(tmp_path, "batches.meta", {"label_names": ["airplane", "automobile"]})
    rows = np.arange(2 * 3072, dtype=np.uint32).astype(np.uint8).reshape(2, 3072)
    for name in [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]:
        write_cifar(tmp_path, name, {"labels": [1, 0], "data": rows})
    return tmp_path


def test_cifar_is_read_from_its_batches(cifar: Path) -> None:
    found = read("cls", cifar, "train", args=CIFAR)
    assert (len(found), found[0]["label"], found[1]["label"]) == (10, "automobile", "airplane")
    assert found[3]["image"] == "cifar-10-batches-py/data_batch_2#1"
    assert [each["id"] for each in read("cls", cifar, "val", args=CIFAR)] == [
        "test_batch-0", "test_batch-1",
    ]  # fmt: skip
    pictures = PublishedPictures()
    path = str(picture_path(cifar, found[3]["image"]))
    shown = np.asarray(pictures.open(path))
    assert (shown.shape, shown.dtype) == ((32, 32, 3), np.uint8)
    reds, greens = 3072 % 256, (3072 + 1024 + 33) % 256  # channel by channel, row by row
    assert (shown[0, 0, 0], shown[1, 1, 1]) == (reds, greens)
    beyond = str(picture_path(cifar, "cifar-10-batches-py/test_batch#2"))
    assert pictures.faults([path, beyond]) == {
        beyond: f"{beyond.partition('#')[0]} has no picture number 2."
    }
    assert not pickle.loads(pickle.dumps(pictures))._batches._read


def test_a_batch_as_python_2_wrote_it_is_read(cifar: Path) -> None:
    """The official archive: protocol 2, texts and array bytes as str, numpy.core."""
    rows = bytes(range(256)) * 12
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x01M\x00\x0ct"
        b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T\x00\x0c\x00\x00" + rows + b"tb"
    )
    held = b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x01eu."
    path = write_cifar(cifar, "test_batch", held)
    (record,) = read("cls", cifar, "test", args=CIFAR)
    assert record["label"] == "automobile"
    shown = PublishedPictures().open(f"{path}#0")
    assert np.asarray(shown)[0, :3, 0].tolist() == [0, 1, 2]


def test_cifar_is_never_downloaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"never downloaded on its own; unpack cifar-10-python"):
        read("cls", tmp_path, "train", args=CIFAR)
    with pytest.raises(UserError, match="no split "):
        read("cls", tmp_path, "dev", args=CIFAR)
    with pytest.raises(UserError, match="Nobody published RN101 features of CIFAR-10"):
        read("cls", tmp_path, "train", args=VLSpec(feature_type="RN101", cls_task="cifar10"))


class Runs:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("test_batch", b"\x80\x02]", "test_batch cannot be read as a pickle"),
        ("test_batch", {"data": 1}, 'test_batch has no "labels"'),
        ("test_batch", {"labels": [2]}, '"labels" must be a list of numbers from 0 to 1'),
        ("test_batch", {"labels": [np.float32(1)]}, "this pickle wants to run numpy"),
        ("batches.meta", {"label_names": []}, '"label_names" must be a list of texts'),
        ("batches.meta", {"label_names": np.zeros(2, "f4")}, "holds numbers of the kind 'f4'"),
    ],
)
def test_a_wrong_batch_is_a_sentence(cifar: Path, name: str, value: Any, words: str) -> None:
    write_cifar(cifar, name, value)
    with pytest.raises(UserError, match=words):
        read("cls", cifar, "test", args=CIFAR)


def test_a_batch_that_would_run_something_is_refused_and_not_run(cifar: Path) -> None:
    ran = cifar / "ran"
    path = write_cifar(cifar, "test_batch", {"labels": Runs(f"touch {ran}")})
    with pytest.raises(UserError, match=r"refused: this pickle wants to run posix\.system"):
        read("cls", cifar, "test", args=CIFAR)
    with pytest.raises(UserError, match="refused"):
        PublishedPictures().open(f"{path}#0")
    assert not ran.exists()


def test_rows_of_another_length_are_a_sentence(cifar: Path) -> None:
    path = write_cifar(cifar, "test_batch", {"data": np.zeros((2, 3), np.uint8)})
    with pytest.raises(UserError, match='"data" must be rows of 3,072 bytes'):
        PublishedPictures().open(f"{path}#0")


def test_the_real_tiny_imagenet_is_read_as_it_is(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("VLCLI_DATA_DIR", root / "../shared/data"))
    archive = data / "tiny_imagenet/tiny-imagenet-200_25train_25val_per_class.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no {archive} (VLCLI_DATA_DIR names its root)")
    with tarfile.open(archive) as held:
        wanted = [m for m in held if not m.name.endswith(".JPEG")]
        held.extractall(tmp_path / "tiny-imagenet-200", wanted, filter="data")
    found = read("cls", tmp_path, "val", args=PIXELS)
    assert len(found) == 5000
    assert len({each["label"] for each in found}) > 190
