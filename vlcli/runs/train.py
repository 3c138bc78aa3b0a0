"""A training run from its spec to its results."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.data.faults import in_results, told
from vlcli.runs import evaluate
from vlcli.runs.evaluate import Evaluation
from vlcli.runs.folder import SPEC, RunFolder
from vlcli.runs.jobs import served_split, split_name
from vlcli.runs.kept import keep_features
from vlcli.runs.lock import held
from vlcli.runs.log import Logged
from vlcli.runs.params import count
from vlcli.runs.parts import Parts, build, keep, without_effect
from vlcli.runs.samples import draw_samples
from vlcli.runs.shortage import shortages
from vlcli.runs.trackers import check_trackers, tracking
from vlcli.runs.weights import keep_begun, with_begun
from vlcli.runtime import distributed, seeds
from vlcli.runtime.average import exchange, wearing
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.runtime.distributed import check_launch
from vlcli.runtime.engine import Engine
from vlcli.runtime.interrupt import terminable
from vlcli.runtime.progress import Screen
from vlcli.runtime.telling import Logging
from vlcli.runtime.trainer import Result, Saving, Trainer
from vlcli.spec.problem import UserError

SCORE = "score"  # of several tasks: the mean of their best scores, in percent
KEPT = 2  # checkpoints beside the best: one that has rotted on the disk leaves one to resume from


class Plan(NamedTuple):
    """A spec that is to be run: its class instance, its resolved text, its name, and the keys that
    the user wrote; `resume` is a run to be continued."""

    spec: Any
    text: str
    name: str
    written: Collection[str]
    method: str
    resume: RunFolder | None = None


class Outcome(NamedTuple):
    """How a run ended; `evaluations` are of each task's test split, else of its validation split;
    `written` are pictures with predictions, `submitted` the files for test servers."""

    run: RunFolder
    result: Result | None
    evaluations: list[Evaluation]
    written: list[Path]
    submitted: list[Path]
    seconds: float
    main: bool


def train(plan: Plan, screen: Screen) -> Outcome:
    """Train, keep the best, test it, and leave everything in the run folder."""
    began = time.monotonic()
    spec = plan.spec
    check_launch(spec, plan.written)
    check_trackers(spec.trackers)
    with ExitStack() as until_the_end:
        until_the_end.enter_context(terminable())
        until_the_end.enter_context(shortages(spec))
        engine = until_the_end.enter_context(Engine(spec, spec))
        seeds.seed_everything(spec.seed)
        remarks = _hold(plan.resume, engine, until_the_end) if plan.resume else []
        parts = build(spec, plan.resume)
        run = plan.resume
        if run is None:
            run = distributed.on_first(lambda: RunFolder.choose(spec.output, plan.name))
            remarks = _hold(run, engine, until_the_end)
            distributed.on_first(lambda: _begin(run, plan, parts))
        said = until_the_end.enter_context(
            Logged(screen if engine.main else None, run.path / "log.txt")
        )
        until_the_end.enter_context(_ending(run, engine, said))
        until_the_end.enter_context(shortages(spec, run))
        for remark in (*remarks, *parts.remarks, *without_effect(parts, plan.written)):
            said.say(remark)
        said.say(_opening(parts, engine, run))
        if not spec.test_only and spec.epochs:
            keep_features(parts, engine, said.say)
        result = _learn(plan, parts, engine, run, said)
        stopped = result is not None and result.stopped
        found = [] if stopped else _last(parts, engine)
        served = [] if stopped else _served(parts, engine)
        samples: list[Path] = []
        submitted: list[Path] = []
        for evaluation in found if engine.main else ():
            submitted += evaluate.keep(run, evaluation)
            folder = run.path / "samples" / (evaluation.task if run.mixed else "")
            samples += draw_samples(evaluation, parts.jobs[evaluation.task].reader, folder)
        for evaluation in served if engine.main else ():
            submitted += evaluate.keep(run, evaluation)
        if engine.main:
            status = "stopped" if stopped else "finished"
            run.note(status=status, **_score(parts, result, found))
        seconds = time.monotonic() - began
        return Outcome(run, result, found, samples, submitted, seconds, engine.main)


def _hold(run: RunFolder, engine: Engine, until_the_end: ExitStack) -> list[str]:
    """Let no other launch work on a run; the first process holds it for all. What there is to say
    of it."""
    return distributed.on_first(lambda: until_the_end.enter_context(held(run.path)))


@contextmanager
def _ending(run: RunFolder, engine: Engine, screen: Screen) -> Iterator[None]:
    """Around the work: run.json says how it ended, and an interruption says how to go on."""
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        if interrupted:
            screen.say(f"Interrupted. Continue with: vlcli train --resume {run.path}")
        if engine.main:
            with suppress(UserError):  # a full disk: what is under way says so
                run.note(status="stopped" if interrupted else "failed")
        raise


def dry_run(plan: Plan) -> str:
    """Build everything and say what would train, without a folder or a step."""
    check_trackers(plan.spec.trackers)
    with shortages(plan.spec), Engine(plan.spec, plan.spec) as engine:
        parts = build(plan.spec, plan.resume)
        batches = len(parts.batches(engine))
        return f"{_parameters(parts)} {batches} batches per epoch on {engine.device}."


def _begin(run: RunFolder, plan: Plan, parts: Parts) -> None:
    """Fill a new run's folder; its spec comes last, so that where it is the others are."""
    run.begin(
        {
            "arch": plan.spec.arch,
            "task": plan.spec.task,
            "tasks": list(parts.jobs),
            "method": plan.method,
            "spec": plan.name,
            "name": plan.spec.run_name or plan.name,
            "comment": plan.spec.comment,
        }
    )
    keep(parts, run)
    run.write_text(SPEC, plan.text)


def _opening(parts: Parts, engine: Engine, run: RunFolder) -> str:
    amounts = [f"{parts.amount('train')} training", f"{parts.amount('valid')} validation"]
    tested = parts.amount("test")
    amounts += [f"{tested} test examples"] if tested else ["no test examples"]
    where = f"{engine.device} ({engine.precision})"
    where += f", {engine.world} processes" if engine.world > 1 else ""
    return f"{_parameters(parts)} {', '.join(amounts)}; {where}; {run.path}"


def _parameters(parts: Parts) -> str:
    return count(parts.architecture, parts.spec.optim).line


def _learn(
    plan: Plan, parts: Parts, engine: Engine, run: RunFolder, screen: Screen
) -> Result | None:
    """Train, and leave the best weights in the architecture; nothing where a run only tests."""
    spec = plan.spec
    if spec.test_only or not spec.epochs:
        parts.architecture.to(engine.device)
        return None

    total = parts.amount("train") + len(parts.skips.found)

    def validate() -> dict[str, float]:
        _tell_skipped(parts, total, screen)
        if spec.eval_with_wise_ft == 1:
            return scored()
        with wearing(parts.architecture, with_begun(*mixture)):
            return scored()

    def scored() -> dict[str, float]:
        found = []
        for job in parts.jobs.values():
            split = split_name(job.spec.valid, "valid")
            found.append(evaluate.evaluate(parts.architecture, job, split, job.valid, engine))
            if "skipped" in found[-1].notes:
                whose = f"{job.name}: " if len(parts.jobs) > 1 else ""
                screen.say(whose + found[-1].notes["skipped"])
        more = _judged(parts, engine, trainer.position.epoch)
        if len(found) == 1:
            return _brief(found[0].scores) | more
        return {SCORE: mixed_score(parts, found), **_bests(parts, found), **more}

    again = plan.resume is not None
    mixture = (parts.architecture, run, spec.eval_with_wise_ft)
    if spec.eval_with_wise_ft < 1 and not again:
        distributed.on_first(lambda: keep_begun(parts.architecture, run))
    trained = distributed.on_first(Checkpoints(run.path / "checkpoints").any)
    with tracking(spec, engine, run, spec.run_name or run.path.name) as listeners:
        trainer = Trainer(
            parts.architecture,
            parts.batches(engine),
            engine,
            spec,
            folder=run.path,
            seed=spec.seed,
            validate=validate,
            best=_best(parts),
            logging=Logging(every=spec.log_every, screen=screen, listeners=listeners),
            saving=Saving(keep=KEPT, whole=spec.save_frozen),
        )
        if again and engine.main:
            run.note(status="running")
        if again and trained:
            trainer.resume()
        elif again:
            trainer.start_again()
        result = trainer.train()
    if not result.stopped:
        trainer.load_best()
        if spec.eval_with_wise_ft < 1:
            exchange(parts.architecture, with_begun(*mixture))
    return result


def _judged(parts: Parts, engine: Engine, epoch: int) -> dict[str, float]:
    """What the tasks that judge a run say after an epoch, as "zeroshot accuracy"."""
    found: dict[str, float] = {}
    for name, job in parts.judges.items():
        every = parts.spec.judged_every[name]
        if epoch % every == 0 or epoch == parts.spec.epochs:
            split = split_name(job.spec.valid, "valid")
            told = evaluate.evaluate(parts.architecture, job, split, job.valid, engine)
            found |= {f"{name} {key}": value for key, value in _brief(told.scores).items()}
    return found


def _tell_skipped(parts: Parts, total: int, screen: Screen) -> None:
    """Say which training examples could not be read so far, on any process."""
    parts.skips.found = evaluate.merged(parts.skips.found)
    if parts.skips.found:
        screen.say(told(parts.skips.found, total, "training"))


def _brief(scores: dict[str, float]) -> dict[str, float]:
    """What a validation tells while training: no priors, no parts, no counts."""
    return {
        name: value
        for name, value in scores.items()
        if "/" not in name and name not in ("prior", "examples")
    }


def _best(parts: Parts) -> str:
    """The score that chooses the best checkpoint."""
    if len(parts.jobs) > 1:
        return SCORE
    (job,) = parts.jobs.values()
    return job.task.best


def mixed_score(parts: Parts, found: Sequence[Evaluation]) -> float:
    """The score of several tasks: the mean of the score by which each would choose its own best
    checkpoint, in percent (CIDEr times 100)."""
    tasks = [parts.jobs[each.task].task for each in found]
    values = [task.percent * e.scores[task.best] for task, e in zip(tasks, found, strict=True)]
    return sum(values) / len(values)


def _bests(parts: Parts, found: Sequence[Evaluation]) -> dict[str, float]:
    """The leading score of each task, as "vqa accuracy"."""
    names = [(each, parts.jobs[each.task].task.best) for each in found]
    return {f"{each.task} {name}": each.scores[name] for each, name in names}


def _last(parts: Parts, engine: Engine) -> list[Evaluation]:
    """The best weights on the test split of each task, else on its validation split."""
    found = []
    for job in parts.jobs.values():
        role, _, split = evaluate.split_of(job.spec, None)
        each = evaluate.evaluate(parts.architecture, job, split, job.of(role), engine, last=True)
        found.append(each)
    return found


def _served(parts: Parts, engine: Engine) -> list[Evaluation]:
    """The best weights on the splits of test servers that `testing` asks for, with what is to be
    submitted."""
    found = []
    for job in parts.jobs.values():
        split = served_split(parts.spec, job.name)
        if split is not None:
            sent = replace(job, spec=job.spec.but(submit=True))
            model = parts.architecture
            found.append(evaluate.evaluate(model, sent, split, job.served, engine, last=True))
    return found


def _score(parts: Parts, result: Result | None, found: Sequence[Evaluation]) -> dict[str, Any]:
    """The score that listings show: of the last evaluation, with the split it is on."""
    facts: dict[str, Any] = {"ended": time.time(), "skipped": in_results(parts.skips.found)}
    if result is not None:
        facts |= {
            "data_wait_percent": 100 * result.waited,
            "steps": result.steps,
            "best_step": result.best_step,
            "seconds": result.seconds,
        }
    if found and all(each.scores for each in found):
        name = _best(parts)
        value = found[0].scores[name] if len(found) == 1 else mixed_score(parts, found)
        splits = ", ".join(dict.fromkeys(each.split for each in found))
        facts["score"] = {"name": name, "value": value, "split": splits}
    return facts
