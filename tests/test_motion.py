"""Motion: what differs from the picture last looked at."""

from __future__ import annotations

import numpy as np

from edgeemo.sight.motion import Motion, MotionGate
from edgeemo.types import Box, Picture

SIZE = (480, 272)


def glance(level: int = 120) -> Picture:
    """A plain tiny picture, a cell for eight pixels."""
    return np.full((34, 60), level, np.uint8)


def test_gate_takes_the_first_picture_for_all_new() -> None:
    """Without anything to compare with, everything has moved."""
    assert MotionGate().compare(glance(), SIZE).share == 1.0


def test_gate_compares_with_what_was_accepted_not_with_the_frame_before() -> None:
    """A slow change adds up until it is looked at."""
    gate = MotionGate()
    gate.accept(glance(200))
    shares = [gate.compare(glance(level), SIZE).share for level in (203, 206, 209)]
    assert shares == [0.0, 0.0, 1.0]


def test_gate_does_not_mind_noise() -> None:
    """Noise of two levels a cell is none of its business."""
    random = np.random.default_rng(1)
    gate = MotionGate()
    gate.accept(glance(200))
    noisy = np.asarray(np.clip(glance(200) + random.normal(0, 2, (34, 60)), 0, 255), np.uint8)
    assert gate.compare(noisy, SIZE).share < 0.005


def test_gate_sees_half_as_large_a_change_in_the_dark() -> None:
    """At night everything differs less."""
    gate = MotionGate()
    gate.accept(glance(20))
    assert gate.compare(glance(26), SIZE).share == 1.0


def test_gate_starts_anew_with_another_size() -> None:
    """A camera that changes its size is a new picture."""
    gate = MotionGate()
    gate.accept(glance())
    assert gate.compare(np.full((20, 60), 120, np.uint8), (480, 160)).share == 1.0


def test_motion_touches_a_box_by_two_cells() -> None:
    """One odd cell is noise, two are a smile."""
    cells = np.zeros((34, 60), np.bool_)
    cells[10, 10] = True
    face = Box(60, 60, 80, 80)
    assert not Motion(cells, SIZE).touches(face)
    cells[11, 12] = True
    assert Motion(cells, SIZE).touches(face)
    assert not Motion(cells, SIZE).touches(Box(300, 60, 80, 80))


def test_motion_region_is_the_smallest_box_around_it() -> None:
    """In pixels of the picture."""
    cells = np.zeros((34, 60), np.bool_)
    assert Motion(cells, SIZE).region() is None
    cells[5, 10] = cells[7, 20] = True
    assert Motion(cells, SIZE).region() == Box(80, 40, 88, 24)


def test_motion_without_boxes_leaves_them_out() -> None:
    """Also where they reach out of the picture."""
    cells = np.ones((34, 60), np.bool_)
    rest = Motion(cells, SIZE).without([Box(-50, -50, 290, 500)])
    assert rest.region() == Box(240, 0, 240, 272)
    assert cells.all()
