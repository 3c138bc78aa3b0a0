"""A feature store in the making: shard by shard beside its place, then an index, then renamed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from vlcli.disk import file_digest, lock, sync
from vlcli.spec.problem import UserError
from vlcli.spec.stores import BAD, IDS, INDEX, Index, Shard, numbered, part_of, written

from .ids import lines
from .listing import Listing
from .shards import (
    HEADER,
    Features,
    Plan,
    Regions,
    ShardWriter,
    read_bad,
    told,
    whole,
    write_bad,
)

PLAN, LOCK = "plan.json", "lock"


class StoreWriter:
    """A store in the making, for one process at a time, in `.NAME.part` beside the store's place.

    `wanted` are ids with the size of each picture in bytes, in the order in which they are to be
    written. A shard takes `per_shard` of them (None: one shard takes all). The next writer with the
    same `facts` goes on behind what a kill left whole; `finish` renames the folder.

    `facts` are all fields of the index that are known before; `words` are lists that explain
    numbers of regions, by file. UserError where the disk refuses, another process writes, or
    features of other facts lie there already.
    """

    def __init__(
        self,
        path: str | Path,
        facts: Mapping[str, Any],
        wanted: Mapping[str, int] | Listing,
        per_shard: int | None = None,
        words: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.path = Path(path)
        self.folder = part_of(self.path)
        self.wanted = wanted if isinstance(wanted, Listing) else Listing(wanted.items())
        self.words = words or {}
        self.per_shard = per_shard or max(1, len(wanted))
        self.many = max(1, -(-len(wanted) // self.per_shard))
        self.index = Index(**facts, records=0, skipped=0, digests={}, source={})
        self._shards: dict[int, Shard] = {}  # those that are whole
        self._open: ShardWriter | None = None

    def __enter__(self) -> Self:
        with told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / LOCK).open("wb")
        try:
            lock(self._lock, self.path)
            self._keep_to_the_plan()
            for plan in map(self.plan, range(self.many)):
                if shard := whole(self.folder, plan, self.index):
                    self._shards[plan.number] = shard
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._turn_away()
        self._lock.close()

    def plan(self, number: int) -> Plan:
        begin = number * self.per_shard
        return Plan(number, self.many, self.wanted.part(begin, begin + self.per_shard))

    def todo(self) -> Iterator[Plan]:
        """The shards that are not whole."""
        return (self.plan(each) for each in range(self.many) if each not in self._shards)

    def shard(self, plan: Plan) -> ShardWriter:
        """One shard, to be written by this process or another; `take` it when it is whole."""
        return ShardWriter(self.folder, plan, self.index)

    def take(self, plan: Plan, shard: Shard) -> None:
        self._shards[plan.number] = shard

    @property
    def before(self) -> int:
        """Pictures that lie there already, whole as it seems."""
        whole = sum(shard.records for shard in self._shards.values())
        return whole + sum(map(self.begun, self.todo()))

    def begun(self, plan: Plan) -> int:
        """Those of a shard that is not whole."""
        path = self.folder / plan.file(IDS)
        return path.read_bytes().count(b"\n") if path.exists() else 0

    @property
    def done(self) -> set[str]:
        """The ids that need not be written any more."""
        held: set[str] = set()
        for plan in map(self.plan, range(self.many)):
            if plan.number in self._shards:
                held |= {each.id for each in lines(self.folder / plan.file(IDS))}
            elif (self.folder / plan.file(IDS)).exists():
                held |= set(self._turn_to(plan).done)
        return held

    def add(
        self, names: Sequence[str], features: Features, regions: Sequence[Regions] | None = None
    ) -> None:
        """Append pictures, in the order in which they are wanted: the features (N, F) of each, and
        its N regions where the store is one of regions."""
        at = 0
        while at < len(names):
            shard = self._shard_of(names[at])
            end = at + 1
            while end < len(names) and names[end] in shard.plan.wanted:
                end += 1
            shard.add(names[at:end], features[at:end], regions[at:end] if regions else None)
            at = end

    def finish(self, source: str, skipped: Mapping[str, str] | None = None) -> Index:
        """Make the store whole and put it into its place; `skipped` are pictures that are not in
        it, beside those that its shards know of."""
        for plan in self.todo():
            self.take(plan, self._turn_to(plan).finish())
        self._turn_away()
        bad = {**(skipped or {})}
        for number in range(self.many):
            bad |= read_bad(self.folder / numbered(BAD, number, self.many))
        index = self.index._replace(
            records=sum(shard.records for shard in self._shards.values()),
            skipped=len(bad),
            source={
                "path": source,
                "pictures": len(self.wanted),
                "digest": source_digest(self.wanted),
            },
            shards=tuple(self._shards[number] for number in range(self.many)),
        )
        if not index.records:
            raise UserError(f"{source} has no picture that can be read; {self.path} is not made.")
        with told(self.folder):
            return self._put_in_place(index, bad)

    def _put_in_place(self, index: Index, bad: Mapping[str, str]) -> Index:
        """What the shards have left beside the store's own files goes last: a kill before leaves
        everything as it was."""
        if self.many > 1:
            _join([self.folder / numbered(IDS, each, self.many) for each in range(self.many)])
        if bad:
            write_bad(self.folder / BAD, bad)
        for name, words in self.words.items():
            (self.folder / name).write_text("".join(f"{word}\n" for word in words), "utf-8")
        digests = {name: _header_digest(self.folder / name) for name in index.arrays}
        for name in (IDS, *self.words, *([BAD] if bad else [])):
            digests[name] = file_digest(self.folder / name)
        index = index._replace(digests=digests)
        (self.folder / INDEX).write_bytes(written(index))
        for name in (INDEX, *digests):
            sync(self.folder / name)
        sync(self.folder)
        self.folder.rename(self.path)
        sync(self.path.parent)
        for file in self.path.iterdir():
            if file.name not in (INDEX, *digests):
                file.unlink()
        return index

    def _shard_of(self, name: str) -> ShardWriter:
        """The shard that a picture belongs to; the one before it is whole then."""
        if self._open is not None and name in self._open.plan.wanted:
            return self._open
        if self._open is not None:
            self.take(self._open.plan, self._open.finish())
        return self._turn_to(next(plan for plan in self.todo() if name in plan.wanted))

    def _turn_to(self, plan: Plan) -> ShardWriter:
        if self._open is None or self._open.plan.number != plan.number:
            self._turn_away()
            self._open = self.shard(plan).__enter__()
        return self._open

    def _turn_away(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _keep_to_the_plan(self) -> None:
        """What lies there must be of the same facts."""
        path = self.folder / PLAN
        ours = {**json.loads(written(self.index)), "shard": self.per_shard if self.many > 1 else 0}
        with told(self.folder):
            if not path.exists():
                aside = path.with_suffix(".aside")
                aside.write_text(json.dumps(ours))
                aside.replace(path)
        theirs = _plan(path)
        differ = [key for key in ours if key != "sha256" and ours[key] != theirs.get(key)]
        if differ:
            raise UserError(
                f"{self.path} was begun with other features: {differences(theirs, ours)}. Repeat "
                f"that command to go on with it, name another place, or remove {self.folder}."
            )


def source_digest(wanted: Listing) -> str:
    """sha256 of the pictures' ids and sizes, as JSON."""
    found = hashlib.sha256(b"[")
    for number, pair in enumerate(wanted.by_name()):
        found.update((", " if number else "").encode() + json.dumps(pair).encode())
    found.update(b"]")
    return found.hexdigest()


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """The facts of a store that are not those asked for: `size 224 (here 288)`."""
    flat, asked = ({**each, **dict(each.get("encoder") or {})} for each in (theirs, ours))
    skip = ("encoder", "sha256", "source", "digests", "records", "skipped", "shards")
    keys = [key for key in {**flat, **asked} if key not in skip]
    return ", ".join(
        f"{key} {flat.get(key)} (here {asked.get(key)})"
        for key in keys
        if flat.get(key) != asked.get(key)
    )


def _join(parts: Sequence[Path]) -> None:
    """The lists of the shards, one behind the other."""
    with (parts[0].parent / IDS).open("wb") as joined:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, joined)


def _header_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(HEADER)).hexdigest()


def _plan(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read. Remove {path.parent} to begin anew.") from error
    return held if isinstance(held, dict) else {}
