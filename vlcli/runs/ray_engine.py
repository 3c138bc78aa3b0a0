"""Shards filled by the tasks of a Ray cluster, each by one task, wherever it runs.

All machines must see the pictures and the store under the same paths.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.data.shards import Plan, ShardWriter, whole
from vlcli.data.store_writer import StoreWriter
from vlcli.data.visual import Pictures
from vlcli.disk import Busy
from vlcli.runs.extractor import Extractor, Wish
from vlcli.runs.filling import AnyExtractor, fill
from vlcli.runs.progress import Asked, Progress
from vlcli.spec.problem import UserError
from vlcli.spec.stores import Index, Shard

AGAIN = 5  # times that a shard is tried anew where its process or machine is lost
EVERY = 0.5  # seconds between two looks at whether a stop was asked for
READY = 2  # tasks handed over for each that can run
PATIENCE = 60.0  # seconds that a task waits for a shard that another process is writing
USAGE = 2


class Filled(NamedTuple):
    """What came of a shard: what it holds, how many pictures are bad and how many have more regions
    than are wanted; or the sentence and exit code of an error that the user can mend."""

    shard: Shard
    bad: int = 0
    cut: int = 0
    error: tuple[str, int] | None = None


def fill_on_ray(
    extractor: AnyExtractor, writer: StoreWriter, progress: Progress, asked: Asked
) -> bool:
    """The engine that hands each shard to a task. One whose process is killed is run again, and
    goes on behind what it had forced to the disk."""
    assert isinstance(extractor, Extractor)  # a run's is filled here alone
    ray = library()
    with _cluster(ray):
        kind, many = _room(ray, extractor.wish)
        shards = sum(1 for _ in writer.todo())
        if shards < many:
            progress.say(
                f"{shards} of the {many} {kind}s of the Ray cluster have work, a shard each. A "
                "smaller --shard-size gives more of them some."
            )
        task = ray.remote(max_retries=AGAIN, **{f"num_{kind.lower()}s": 1})(fill_one)
        wish = extractor.wish._replace(
            threads=extractor.wish.threads or (1 if kind == "CPU" else None)
        )
        known = ray.put((wish, extractor.pictures, extractor.folder))
        place = (Path.cwd(), writer.folder.absolute())
        left, running = writer.todo(), dict[Any, tuple[Plan, int]]()
        try:
            while not asked():
                while len(running) < many * READY and (plan := next(left, None)):
                    job = task.remote(known, *place, plan, writer.index)
                    running[job] = plan, writer.begun(plan)
                if not running:
                    return True
                for job in ray.wait(list(running), timeout=EVERY)[0]:
                    plan, begun = running.pop(job)
                    filled = _result(ray, job)
                    writer.take(plan, filled.shard)
                    progress.add(filled.shard.records - begun, filled.bad)
                    if extractor.chooser:
                        extractor.chooser.cut += filled.cut
            return False
        finally:
            for job in running:
                ray.cancel(job, force=True)


def fill_one(
    known: tuple[Wish, Pictures, str], here: Path, folder: Path, plan: Plan, index: Index
) -> Filled:
    """What a task does: fill one shard in a folder, or find that it is whole. Paths are relative to
    where the command was given (`here`)."""
    progress = Progress(0, len(plan.wanted))
    try:
        _go_to(here)
        extractor = _extractor(*known)
        before = extractor.chooser.cut if extractor.chooser else 0
        shard = whole(folder, plan, index) or _fill(extractor, folder, plan, index, progress)
    except UserError as error:
        return Filled(Shard(0, 0), error=(str(error), error.exit_code))
    cut = extractor.chooser.cut - before if extractor.chooser else 0
    return Filled(shard, progress.bad, cut)


def _fill(
    extractor: Extractor, folder: Path, plan: Plan, index: Index, progress: Progress
) -> Shard:
    """Waits where a process that Ray has given up is still writing the shard."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with ShardWriter(folder, plan, index) as writer:
                fill(extractor, writer, progress, lambda: False)
                return writer.finish()
        except Busy:
            if time.monotonic() > until:
                raise
            time.sleep(EVERY)


_made: dict[Wish, Extractor] = {}  # by a process, which fills many shards


def _extractor(wish: Wish, pictures: Pictures, folder: str) -> Extractor:
    if wish not in _made:
        _made[wish] = Extractor(wish, pictures, folder)
    return _made[wish]


def _go_to(here: Path) -> None:
    try:
        os.chdir(here)
    except OSError as error:
        raise UserError(
            f"{here} is not to be seen on a machine of the Ray cluster ({error.strerror}). Give "
            "the command in a folder that all of them share."
        ) from error


def library() -> Any:
    try:
        import ray
    except ImportError:
        raise UserError(
            "--engine ray needs Ray, which is not installed. Run: pip install 'vlcli[ray]'", USAGE
        ) from None
    return ray


@contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """The cluster that RAY_ADDRESS names or that this process is in already, or one of this machine
    that ends here."""
    if ray.is_initialized():
        yield
        return
    local = {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **local)
    except Exception as error:  # of no kind of its own where a machine is too slow
        raise UserError(f"Ray cannot be used: {str(error).splitlines()[0]}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _room(ray: Any, wish: Wish) -> tuple[str, int]:
    """Whether a task takes a GPU or a CPU, and how many of them there are."""
    held = ray.cluster_resources()
    kind = "GPU" if wish.device in ("auto", "cuda") and held.get("GPU", 0) >= 1 else "CPU"
    return kind, max(1, int(held.get(kind, 0)))


def _result(ray: Any, job: Any) -> Filled:
    """UserError where a shard cannot be filled at all."""
    try:
        filled: Filled = ray.get(job)
    except ray.exceptions.RaySystemError as error:
        raise UserError(f"Ray lost a task: {str(error).splitlines()[0]}") from error
    except ray.exceptions.WorkerCrashedError as error:
        raise UserError(
            f"A shard was tried {AGAIN + 1} times, and each time its process was killed, as it is "
            "where memory runs out. What is done is kept; the same command goes on."
        ) from error
    if filled.error is not None:
        raise UserError(*filled.error)
    return filled
