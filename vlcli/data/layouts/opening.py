"""Which layout a path is of, and the writer of one by name."""

from __future__ import annotations

import os
from pathlib import Path

from vlcli.spec.problem import UserError
from vlcli.spec.stores import INDEX

from . import h5, npz_files
from .h5 import H5Grid, H5Split
from .npz_files import NpzFolder, NpzTar
from .record import ABOUT, Features
from .stored import Stored, StoredWriter
from .writer import Plan, Writer

TAR = ".tar"
USAGE = 2
WRITERS: dict[str, type[Writer]] = {
    "store": StoredWriter,
    "h5-split": h5.H5SplitWriter,
    "h5-grid": h5.H5GridWriter,
    "tar": npz_files.NpzTarWriter,
    "npz": npz_files.NpzFolderWriter,
}
WORDS = {each.layout: each.words for each in (Stored, H5Split, H5Grid, NpzTar, NpzFolder)}
ENDINGS = {h5.ENDING: "h5-split", TAR: "tar"}  # of files; the rest are folders


def layout_of(path: Path) -> str:
    """The layout that a path to be written asks for by its ending: a store without one."""
    return ENDINGS.get(path.suffix, "store")


def writer(layout: str, path: Path, plan: Plan) -> Writer:
    """UserError where the path has the ending of another kind."""
    ending = next((end for end, name in ENDINGS.items() if name == layout), None)
    if (ending or path.suffix in ENDINGS) and path.suffix != ending:
        what = f"ends in {ending}" if ending else "is a folder, without such an ending"
        raise UserError(f"{path} cannot be {WORDS[layout]}, which {what}.", USAGE)
    return WRITERS[layout](path, plan)


def opened(path: Path) -> Features:
    """The features at a path, in whichever layout. UserError where there are none."""
    if path.is_dir():
        return _folder(path)
    if path.suffix == TAR:
        return NpzTar(path)
    if path.suffix == npz_files.ENDING:
        raise UserError(f"{path} can hold the features of one picture. Name the folder of them.")
    if path.is_file() or path.suffix == h5.ENDING:
        return H5Split(path)
    return Stored(path)  # which says what is not there


def _folder(path: Path) -> Features:
    try:
        if (path / INDEX).exists():
            return Stored(path)
        names = os.listdir(path)
        grids = any(map(h5.is_h5, names))
        # below it only where we say so: a folder named by mistake may hold a whole disk
        others = any(each.endswith(npz_files.ENDING) for each in names) or (
            ABOUT in names and any(npz_files.npz_below(path))
        )
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if grids and others:
        raise UserError(f"{path} holds both .h5 and .npz files. Keep one kind of them there.")
    if not grids and not others:
        raise UserError(
            f"{path} holds no features: no {INDEX} of a store, no .h5 and no .npz files."
        )
    return H5Grid(path) if grids else NpzFolder(path)
