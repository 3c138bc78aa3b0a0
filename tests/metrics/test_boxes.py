"""Intersection over union, in pixels as published and in shares."""

from __future__ import annotations

import numpy as np
import pytest

from vlcli.metrics.boxes import iou


def test_a_box_agrees_wholly_with_itself_and_not_with_one_beside_it() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]])
    assert iou((0, 0, 0.5, 0.5), boxes).tolist() == [1.0, 0.0]


def test_a_quarter_of_overlap() -> None:
    (found,) = iou((0, 0, 2, 2), np.array([[1, 1, 3, 3]]))
    assert found == pytest.approx(1 / 7)


def test_whole_pixels_count_both_ends_as_published() -> None:
    """Two boxes of 2 x 2 pixels that share one pixel: 1 of 7, written as 0..1 and 1..2."""
    (found,) = iou((0, 0, 1, 1), np.array([[1, 1, 2, 2]]), pixel=1)
    assert found == pytest.approx(1 / 7)


def test_a_box_without_area_agrees_with_nothing() -> None:
    assert iou((0.5, 0.5, 0.5, 0.5), np.array([[0.5, 0.5, 0.5, 0.5], [0, 0, 1, 1]])).tolist() == [
        0.0,
        0.0,
    ]
