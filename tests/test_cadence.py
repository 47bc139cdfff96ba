"""The cadence: which frames are looked at, how much is searched, which faces are classified."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from edgeemo.config import CadenceConfig
from edgeemo.sight.cadence import ACCOMPANIED, CATCH_UP, FIRST, Cadence, Plan, Skip
from edgeemo.sight.motion import Motion
from edgeemo.types import Box, Track

SIZE = (600, 340)
CONFIG = CadenceConfig(max_fps=10, min_fps=1, classify_s=0.5, search_share=0.25)
TRACK = Track(1, Box(100, 100, 60, 60), 0.0, 0.0)


def motion(*boxes: Box) -> Motion:
    """A picture in which everything inside some boxes has changed."""
    cells = np.zeros((34, 60), np.bool_)
    for x, y, w, h in boxes:
        cells[int(y / 10) : int((y + h) / 10), int(x / 10) : int((x + w) / 10)] = True
    return Motion(cells, SIZE)


STILL = motion()
BUSY = motion(Box(0, 0, 600, 170))
CALM = {"is_settled": True, "is_caught_up": True}


def looks(cadence: Cadence, fps: float, seconds: float, what: Motion, jitter_s: float = 0.0) -> int:
    """How many frames of a stream are analysed; each comes up to `jitter_s` too early or too late."""
    chance = random.Random(1)
    times = [i / fps + chance.uniform(-jitter_s, jitter_s) for i in range(round(fps * seconds))]
    return sum(
        cadence.is_due(at) and cadence.plan(at, what, (), **CALM).skip is None for at in times
    )


@pytest.mark.parametrize(
    ("fps", "analysed"), [(5, 50), (10, 100), (12.5, 100), (30, 100), (60, 100)]
)
def test_cadence_analyses_at_most_max_fps(fps: float, analysed: int) -> None:
    """Of any stream of ten seconds, ten a second or all of them."""
    assert abs(looks(Cadence(CONFIG), fps, 10, BUSY) - analysed) <= 1


@pytest.mark.parametrize("jitter_s", [0.0, 0.003])
@pytest.mark.parametrize("floor", [1, 3, 8, 10])
@pytest.mark.parametrize("fps", [10, 12.5, 15, 30])
def test_cadence_looks_at_a_still_picture_min_fps_times_a_second(
    fps: float, floor: float, jitter_s: float
) -> None:
    """Nothing moves: it is looked at as often as the floor says, be the camera's times exact or not."""
    cadence = Cadence(CadenceConfig(max_fps=10, min_fps=floor))
    assert abs(looks(cadence, fps, 60, STILL, jitter_s) - 60 * floor) <= 2


def test_cadence_waits_from_the_last_look_on_when_nothing_moves_any_more() -> None:
    """Looks at what moved count: the next one is not made sooner than if nothing ever had."""
    cadence = Cadence(CONFIG)
    looks(cadence, 8, 5, BUSY)
    still = [cadence.plan(4.875 + i / 8, STILL, (), **CALM).skip for i in range(1, 9)]
    assert still == [Skip.STILL] * 7 + [None]


def test_cadence_tells_too_soon_from_nothing_new() -> None:
    """A frame that comes too soon is not due at all; of one that is due, nothing may have moved."""
    cadence = Cadence(CONFIG)
    cadence.plan(0.0, BUSY, (), **CALM)
    assert not cadence.is_due(0.05)
    assert cadence.plan(0.1, STILL, (), **CALM) == Plan(Skip.STILL)


def test_cadence_looks_when_little_moves_in_a_face() -> None:
    """A smile is a thousandth of the picture, and what all this is for."""
    smile = motion(Box(120, 130, 20, 10))
    assert looks(Cadence(CONFIG), 10, 5, smile) < 10
    cadence = Cadence(CONFIG)
    plans = [cadence.plan(i / 10, smile, (TRACK,), **CALM) for i in range(50)]
    assert all(plan.skip is None for plan in plans)


def test_cadence_looks_again_at_a_face_that_changed_just_after_it_was_classified() -> None:
    """A smile that began too soon for another run of the network, and then kept still, is not missed."""
    cadence = Cadence(CONFIG)
    cadence.plan(0.0, BUSY, (TRACK,), **CALM)
    cadence.to_classify([TRACK], (), 0.0)
    cadence.plan(0.1, motion(Box(120, 130, 20, 10)), (TRACK,), **CALM)
    assert cadence.to_classify([TRACK], {1}, 0.1) == ()
    looks_at = [
        i / 10 for i in range(2, 20) if not cadence.plan(i / 10, STILL, (TRACK,), **CALM).skip
    ]
    assert looks_at[0] == CONFIG.classify_s


def test_cadence_looks_while_a_question_is_open() -> None:
    """A candidate or a missed face is looked at though nothing moves."""
    cadence = Cadence(CONFIG)
    plans = [
        cadence.plan(i / 10, STILL, (), is_settled=False, is_caught_up=True) for i in range(20)
    ]
    assert all(plan.skip is None for plan in plans)


def test_cadence_searches_everything_first_and_little_later() -> None:
    """The first look, while the search catches up, later, with a face in view, when all is still."""
    cadence = Cadence(CONFIG)
    budgets = [
        cadence.plan(0.0, BUSY, (), is_settled=True, is_caught_up=False).budget,
        cadence.plan(0.1, BUSY, (), is_settled=True, is_caught_up=False).budget,
        cadence.plan(0.2, BUSY, (), **CALM).budget,
        cadence.plan(0.3, BUSY, (TRACK,), **CALM).budget,
        cadence.plan(2.0, STILL, (), **CALM).budget,
    ]
    assert budgets == [FIRST, 0.25 * CATCH_UP, 0.25, 0.25 * ACCOMPANIED, 0.25]


def test_cadence_analyses_less_when_told_so_but_never_less_than_the_floor() -> None:
    """limit_fps is what a hot board lowers; the user's min_fps stays."""
    cadence = Cadence(CONFIG)
    cadence.limit_fps = 4.0
    assert looks(cadence, 30, 10, BUSY) in (40, 41)
    cadence.limit_fps = 0.1
    cadence.clear()
    assert looks(cadence, 30, 10, BUSY) in (10, 11)


def test_cadence_earns_no_burst_by_a_gap() -> None:
    """After a pause of a minute frames are skipped for their rate as before."""
    cadence = Cadence(CONFIG)
    cadence.plan(0.0, BUSY, (), **CALM)
    cadence.plan(60.0, BUSY, (), **CALM)
    assert not cadence.is_due(60.05)


def test_cadence_looks_at_once_after_clear() -> None:
    """The first frame of a camera that came back is analysed."""
    cadence = Cadence(CONFIG)
    cadence.plan(0.0, BUSY, (), **CALM)
    cadence.clear()
    assert cadence.plan(0.01, STILL, (), **CALM) == Plan(budget=FIRST)


def test_cadence_keeps_nothing_of_faces_that_have_left() -> None:
    """A thousand faces, one after the other, in a picture that is never empty: no table grows."""
    cadence = Cadence(CONFIG)
    for face in range(1000):
        track = replace(TRACK, id=face)
        cadence.plan(float(face), BUSY, (track,), **CALM)
        cadence.to_classify([track], (), float(face))
    tables = [v for v in vars(cadence).values() if isinstance(v, (dict, set))]
    assert max(len(table) for table in tables) <= 1


def test_cadence_classifies_new_faces_open_ones_and_those_that_changed() -> None:
    """A settled face is left alone for classify_s, and for ever while nothing moves in it."""
    cadence = Cadence(CONFIG)
    cadence.plan(0.0, BUSY, (TRACK,), **CALM)
    assert cadence.to_classify([TRACK], (), 0.0) == (TRACK,)
    assert cadence.to_classify([TRACK], {1}, 0.1) == ()
    assert cadence.to_classify([TRACK], set(), 0.2) == (TRACK,)
    assert cadence.to_classify([TRACK], {1}, 9.0) == ()
    cadence.plan(9.1, BUSY, (TRACK,), **CALM)
    assert cadence.to_classify([TRACK], {1}, 9.1) == (TRACK,)
