"""The codes that are not rules: what `vlcli explain CODE` tells of them."""

from __future__ import annotations

CODES: dict[str, tuple[str, str]] = {
    "F1": (
        "the spec file does not exist",
        "The path given on the command line leads nowhere. Relative paths start in the current "
        "folder.",
    ),
    "F2": (
        "the spec file cannot be read",
        "The path is a folder, or the operating system refuses to read it.",
    ),
    "F3": (
        "a file that the spec names is missing",
        "Keys such as load, resume, deepspeed, images, answer_vocab, your own .jsonl files and a "
        "feature store (stored:PATH) are looked for before a run starts, from the current folder. "
        "A missing one ends with exit code 4, so that a script can tell it from a wrong spec (3).",
    ),
    "S0": ("the file is not UTF-8", "A spec is a text in UTF-8."),
    "S1": (
        "the text is not JSON5",
        "A comma, colon, quote or brace is missing, or something stands where it cannot. JSON5 "
        "allows comments (//, /* */), trailing commas and keys without quotes. Reading goes on "
        "behind the mistake, so that one run shows all of them.",
    ),
    "S2": (
        "a key is written twice",
        "JSON5 would silently keep the last one, and a reader the first. The first is used for "
        "all further checks.",
    ),
    "S3": (
        "a number that is no number, or too large",
        "NaN, Infinity, whole numbers beyond 64 bits and numbers that overflow are refused.",
    ),
    "S4": (
        "the file is too large",
        "A spec has at most 64 KiB. Data belongs into files of its own.",
    ),
    "S5": ("the file is nested too deeply", "Lists and objects may stand in each other 64 deep."),
    "S6": ("the file is empty", 'A spec is at least an object with a task: { task: "vqa" }.'),
    "S7": ("the file is not an object", "A spec is one object: it begins with { and ends with }."),
    "K1": (
        "an unknown key",
        "Nothing reads a key of this name, so the run would go on without what you wanted. "
        "`vlcli explain` lists every key.",
    ),
    "K2": (
        "a key of another architecture or task",
        "The key exists, but what this spec runs does not read it.",
    ),
    "K3": (
        "one key under two spellings",
        "Some keys have a second, published spelling. Both name the same value.",
    ),
    "K4": (
        "a --set that is not key=value",
        "Write --set lr=3e-4; the value is JSON5 or a bare word.",
    ),
    "V1": (
        "a value of the wrong type",
        'Types are strict: "16" is a text, 16 a number. Whole numbers may be written 1e3.',
    ),
    "V2": ("a value out of range", "The message says which values the key takes."),
    "A1": ("an unknown architecture", "`vlcli list archs` shows those there are."),
    "A2": (
        "an architecture or task that cannot be used",
        "A plug-in brings it, and that plug-in cannot be imported, or two distributions bring the "
        "same name. Everything else keeps working.",
    ),
    "A3": (
        "architecture and backbone do not fit",
        "vlt5 is built on T5, vlbart on BART. Without arch, the backbone decides.",
    ),
    "A4": ("an unknown preset", "A preset is a named set of defaults of an architecture."),
    "A5": (
        "architecture and task do not fit",
        "vlt5 and vlbart write texts; dual_encoder gives vectors of pictures and texts, which are "
        "compared. A task asks for one or the other.",
    ),
    "T1": (
        "no task",
        "A spec says what to train on: task, or tasks with one name (that task) or several "
        "(multitask).",
    ),
    "T2": ("an unknown task", "`vlcli list tasks` shows those there are."),
    "N1": (
        "a key without effect in this run",
        "The key is known, but other values of this spec mean that nothing reads it. A switch in "
        "its off position is not reported.",
    ),
    "N2": (
        "a key about pictures in a text-only run",
        "use_vision: false leaves pictures out, so nothing reads the key.",
    ),
    "N3": (
        "a key that nothing reads",
        "The published tool accepts it and reads it nowhere; it is known here so that published "
        "command lines convert.",
    ),
}
