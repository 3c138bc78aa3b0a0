"""The contractions that the official VQA evaluation mends: `dont` -> `don't`.

Its entries that begin with a capital I are left out: the text is in lower case by then.
"""

from __future__ import annotations

# Written without any apostrophe, these become what stands here.
_REGULAR = """
ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd
how'll how's isn't it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock
oughtn't shan't should've shouldn't somebody'll somebody's someone'd someone'll someone's
something'd something'll that's there'd there're there's they'd they'll they're they've 'twas
wasn't we've weren't what'll what're what's what've when's where'd where's where've who'd who'll
who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
"""

# Of these with two apostrophes, either one may be missing.
_DOUBLE = """
couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've
something'd've there'd've they'd've we'd've who'd've wouldn't've you'd've y'all'll
"""

_SINGLE = {
    "ow's'at": "'ow's'at",
    "'ows'at": "'ow's'at",
    "'ow'sat": "'ow's'at",
    "somebody'd": "somebodyd",
    "yall'd've": "y'all'd've",
    "y'alld've": "y'all'd've",
    "y'all'dve": "y'all'd've",
}


def _half_written(word: str) -> tuple[str, str]:
    """A word with two apostrophes, without its first and without its second."""
    first, second, third = word.split("'")
    return f"{first}{second}'{third}", f"{first}'{second}{third}"


CONTRACTIONS: dict[str, str] = {
    **{word.replace("'", ""): word for word in _REGULAR.split()},
    **{half: word for word in _DOUBLE.split() for half in _half_written(word)},
    **_SINGLE,
}
