"""The two programs of pycocoevalcap that run in Java: its PTB tokenizer and METEOR."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pycocoevalcap  # type: ignore[import-untyped]

from vlcli.spec.problem import UserError

_FOLDER = Path(next(iter(pycocoevalcap.__path__)))
_TOKENIZER = "edu.stanford.nlp.process.PTBTokenizer"


class JavaError(UserError):
    """A Java program that did not do its work."""

    def __init__(self, program: str, words: str) -> None:
        first = words.strip().splitlines()[0] if words.strip() else "it said nothing"
        super().__init__(
            f"Java is there and {program} failed in it ({first}). Mend Java, or take it off the "
            "PATH to do without."
        )


@cache
def has_java() -> bool:
    """Whether a `java` is there and starts."""
    java = shutil.which("java")
    return bool(java and not subprocess.run([java, "-version"], capture_output=True).returncode)


def ptb_lines(texts: Sequence[str]) -> list[str]:
    """Each text (one line, not empty) cut into lower-case words by the Stanford tokenizer.
    Raises JavaError.

    The text goes through standard input, so the folder of the package is not written to.
    """
    jar = _FOLDER / "tokenizer" / "stanford-corenlp-3.4.1.jar"
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", str(jar), _TOKENIZER]
    held = [text for text in texts if text]
    if not held:
        return list(texts)
    ran = subprocess.run(
        [*command, "-preserveLines", "-lowerCase"],
        input="\n".join(held),
        capture_output=True,
        encoding="utf-8",
    )
    made = ran.stdout.split("\n")
    if ran.returncode or len(made) < len(held):
        raise JavaError("the PTB tokenizer", ran.stderr)
    lines = iter(made)
    return [next(lines) if text else "" for text in texts]


def meteor(pairs: Sequence[tuple[str, Sequence[str]]]) -> float:
    """METEOR 1.5 of (caption, references) pairs that are cut into words already. Raises
    JavaError."""
    try:
        return _meteor(pairs)
    except (OSError, ValueError) as error:  # it ended early: a broken pipe, or no number
        raise JavaError("METEOR", str(error)) from error


def _meteor(pairs: Sequence[tuple[str, Sequence[str]]]) -> float:
    jar = str(_FOLDER / "meteor" / "meteor-1.5.jar")
    command = ["java", "-jar", "-Xmx2G", jar, "-", "-", "-stdio", "-l", "en", "-norm"]
    with subprocess.Popen(
        command,
        cwd=_FOLDER / "meteor",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as program:
        if program.stdin is None or program.stdout is None:
            raise RuntimeError("METEOR has no pipes")

        def tell(line: str) -> str:
            program.stdin.write(line + "\n")  # type: ignore[union-attr]
            program.stdin.flush()  # type: ignore[union-attr]
            return program.stdout.readline().strip()  # type: ignore[union-attr]

        facts = [tell(_score_line(said, right)) for said, right in pairs]
        first = tell("EVAL ||| " + " ||| ".join(facts))
        scores = [first, *(program.stdout.readline().strip() for _ in pairs)]
        program.stdin.close()
    return float(scores[-1])  # one for each pair, then the corpus


def _score_line(said: str, right: Sequence[str]) -> str:
    return " ||| ".join(("SCORE", *right, said.replace("|||", "").replace("  ", " ")))
