"""A script is followed as a shell would, without being run."""

from __future__ import annotations

import pytest

from vlcli.spec.published import ConvertError
from vlcli.spec.shell import read_script


def words_of(text: str, *arguments: str) -> list[list[str]]:
    """The words of every command that remains."""
    return [
        [field.text for field in command.fields]
        for command in read_script(text, arguments).commands
    ]


def notes_of(text: str, *arguments: str) -> list[str]:
    return [f"{note.line}: {note.text}" for note in read_script(text, arguments).notes]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python a.py --x 1 # done\n", [["python", "a.py", "--x", "1"]]),
        ("python \\\n  a.py \\\n  --x 1 \\", [["python", "a.py", "--x", "1"]]),
        ("python a.py \\\r\n  --x 1\r\n", [["python", "a.py", "--x", "1"]]),
        ("A=1 PYTHONPATH=$PYTHONPATH:./src python a.py", [["python", "a.py"]]),
        ("python a.py > log.txt 2>&1 &\npython b.py", [["python", "a.py"], ["python", "b.py"]]),
        ("cd src; mkdir -p out && python a.py; echo done", [["python", "a.py"]]),
        (
            "python a.py \"two words\" 'one $x' \\$y",
            [["python", "a.py", "two words", "one $x", "$y"]],
        ),
        ("python a.py ''", [["python", "a.py", ""]]),
        ("\ufeffcd src\npython a.py", [["python", "a.py"]]),
    ],
)
def test_commands_are_cut_into_words(text: str, expected: list[list[str]]) -> None:
    assert words_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr=1e-3; name=run_${lr}_$lr\npython $name", "run_1e-3_1e-3"),
        ("export a='x y'\npython \"$a\"", "x y"),
        ("a=x\na+=y\npython $a", "xy"),
        ("python ${7:-none}", "none"),
        ("python ${9:-$1}", "4"),
        ("n=${unset:=7}\npython $unset", "7"),
        ("shift\npython $1", "--lr"),
        ("set -- z\npython $1", "z"),
        ("python $#", "3"),
        ("(a=1)\na=${a:-2}\npython $a", "2"),
    ],
)
def test_variables_are_put_in(text: str, expected: str) -> None:
    assert words_of(text, "4", "--lr", "5e-5")[-1][1] == expected


def test_unquoted_values_are_split_and_quoted_ones_are_not() -> None:
    text = 'more="--lr 1"\npython $more "$more" pre"$@"post ${@:2} "${*}"'
    assert words_of(text, "a", "b c") == [
        ["python", "--lr", "1", "--lr 1", "prea", "b cpost", "b", "c", "a b c"]
    ]
    assert words_of('python "$@" ${@:2}') == [["python"]]


MODEL = """
if [ $model == "t5" ]
then
    backbone=t5-base
elif [[ "$model" = bart ]]; then
    backbone=facebook/bart-base
else
    backbone=other
fi
python $backbone
"""


@pytest.mark.parametrize(
    ("model", "backbone"),
    [("t5", "t5-base"), ("bart", "facebook/bart-base"), ("lstm", "other"), ("", "other")],
)
def test_the_arm_that_fits_is_taken(model: str, backbone: str) -> None:
    assert words_of(f"model={model}{MODEL}") == [["python", backbone]]


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ('[ -z "$1" ]', False),
        ("[ -n $1 ]", True),
        ("[ ! -z $9 ]", False),
        ("[ $# -ge 2 ]", True),
        ("[ $1 != 4 ]", False),
        ("[[ $1 == 4 && $2 == x ]]", True),
        ("[[ $1 == 5 || -z $9 ]]", True),
        ("! [ $1 = 4 ]", False),
        ("true", True),
    ],
)
def test_conditions_are_decided_where_reading_can(test: str, holds: bool) -> None:
    text = f"if {test}; then python yes; else python no; fi"
    assert words_of(text, "4", "x") == [["python", "yes" if holds else "no"]]
    assert words_of(f"{test} && python yes || python no", "4", "x") == [
        ["python", "yes" if holds else "no"]
    ]


@pytest.mark.parametrize(
    "test", ["[ -f x.json ]", "grep -q a b", "[[ $1 == *4* ]]", "[ $? -eq 0 ]"]
)
def test_an_arm_that_only_running_can_decide_is_left_out_and_its_variables_are_unknown(
    test: str,
) -> None:
    script = read_script(f"a=1\nif {test}\nthen\n  a=2\nfi\npython $a", ["4"])
    command = script.commands[-1]
    assert "line 4 may set" in command.fields[1].unknown
    assert [note.line for note in script.notes] == [3]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("\nfor x in 1 2; do python $x; done", "2: the `for` is left out, with all"),
        ("while read x\ndo\n python a\ndone < list", "1: the `while` is left out"),
        ("case $1 in\n a) python b ;;\n *) python c ;;\nesac", "1: the `case` is left out"),
        ("run() {\n python a\n}", "1: the function `run` is left out"),
        ("function run {\n python a\n}", "1: the function `run` is left out"),
        ("cat <<EOF\npython a\nEOF", "1: the text handed over with `<<` is left out"),
        ("ls | python a", "1: what stands after `|` is left out"),
        ("source env.sh", "1: what `source` brings in is left out"),
        ("exit 1\npython a", "1: the script ends here, at `exit`"),
    ],
)
def test_what_is_not_followed_is_named_with_its_line(text: str, note: str) -> None:
    assert words_of(text) == []
    assert notes_of(text)[0].startswith(note)


def test_a_loop_leaves_its_variables_unknown() -> None:
    fields = read_script("for lr in 1 2; do x=$lr; done\npython $lr $x", []).commands[0].fields
    assert [bool(field.unknown) for field in fields] == [False, True, True]


def test_a_training_command_with_a_pipe_stays() -> None:
    assert words_of("python a.py --x 1 2>&1 | tee log.txt") == [["python", "a.py", "--x", "1"]]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("python $2", ("", "$2", False)),
        ("python $rate", ("", "$rate", False)),
        ("a=snap/$2\npython $a", ("snap/", "$2", False)),
        ("python $(date)", ("", "", True)),
        ("python `date`", ("", "", True)),
        ("a=run_$(date '+%s )')\npython \"$a\"", ("run_", "", True)),
        ("a=(x y)\npython ${a[0]}", ("", "", True)),
        ("python $((1 + 2))", ("", "", True)),
    ],
)
def test_a_word_says_what_it_lacks(text: str, field: tuple[str, str, bool]) -> None:
    found = read_script(text, ["4"]).commands[0].fields[1]
    assert (found.text, found.missing, bool(found.unknown)) == field


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python 'a", "Line 1: ' is opened and never closed."),
        ("\npython $(a", "Line 2: $( is opened and never closed."),
        ("if true; then\n", "Line 1: `if` is never closed."),
        ("\nfi", "Line 2: `fi` closes nothing."),
        ("else", "Line 1: `else` belongs to no `if`."),
        ("a )", "Line 1: `)` closes nothing."),
        ("python a.py --image_size (224,224)", "Line 1: `(` cannot be read here"),
        ("a;;", "Line 1: `;;` stands outside a `case`."),
        ("[[ a", "Line 1: `[[` is never closed."),
        ("function", "Line 1: `function` needs a name."),
        ("( " * 200, "Line 1: more than 100 blocks"),
        ("a=12345678\n" + "a=$a$a\n" * 60, "grows past 65536 characters."),
        ("a=1234\n" + "a=${a:-$a}$a$a\n" * 60, "grows past 65536 characters."),
        (f"a='{'x ' * 4000}'\n" + "b=$a\n" * 400, "come to more than 524288 characters."),
        (f"a='{'x ' * 5000}'\npython $a", "Line 2: a command of over 4096 words."),
        ("x" * 70_000, "The script has 70000 characters"),
    ],
)
def test_what_no_shell_would_take_or_grows_without_end_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ConvertError) as error:
        read_script(text, [])
    assert message in str(error.value)
