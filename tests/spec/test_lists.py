"""Comma texts and lists say the same."""

from __future__ import annotations

from typing import Any

import pytest

from vlcli.spec.lists import height_and_width, names_list


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("vqa", ("vqa",)),
        ("vqa,gqa", ("vqa", "gqa")),
        (" vqa , gqa ", ("vqa", "gqa")),
        ("vqa gqa", ("vqa", "gqa")),
        ("vqa,,gqa", ("vqa", "", "gqa")),
        ("", ()),
        ("  ", ()),
        (["vqa", "gqa"], ("vqa", "gqa")),
        ([], ()),
        (["a b"], ("a b",)),
        (5, 5),
        (None, None),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_names(written: Any, names: Any):
    assert names_list(written) == names


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("448,448", (448, 448)),
        ("(384, 640)", (384, 640)),
        ("[384,640,]", (384, 640)),
        (448, (448, 448)),
        ([384, 640], (384, 640)),
        ("448", "448"),
        ("448x448", "448x448"),
        ("1,2,3", "1,2,3"),
        (True, True),
        (4.5, 4.5),
        ([1, 2, 3], (1, 2, 3)),
    ],
)
def test_height_and_width(written: Any, size: Any):
    assert height_and_width(written) == size


@pytest.mark.parametrize("written", [0, -3, "0,5", [5, 0], [-1, 5]])
def test_a_picture_without_pixels_is_refused(written):
    with pytest.raises(ValueError, match="at least 1 pixel high and wide"):
        height_and_width(written)
