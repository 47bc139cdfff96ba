"""The search: in shares, where something moved, in every way sooner or later."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from edgeemo.sight.motion import Motion
from edgeemo.sight.search import KINDS, PASSES, Search, Share
from edgeemo.types import Box

SIZE = (480, 270)
WHOLE = Box(0, 0, 480, 270)
SMALLEST = 45.0


def moved(*boxes: Box) -> Motion:
    """Cells of ten pixels that have changed."""
    cells = np.zeros((27, 48), np.bool_)
    for x, y, w, h in boxes:
        cells[int(y / 10) : int((y + h) / 10), int(x / 10) : int((x + w) / 10)] = True
    return Motion(cells, SIZE)


def searched(search: Search, looks: int, budget: float) -> list[Share]:
    """What so many looks, ten a second, scan."""
    return [share for i in range(looks) for share in search.take(i / 10, SMALLEST, budget)]


def test_search_covers_all_sizes_of_the_picture_in_the_first_pass() -> None:
    """From the smallest wanted to the picture's height, upright, everywhere."""
    search = Search(full_scan_s=5.0)
    search.note(moved(WHOLE), (), 0.0)
    shares = search.take(0.0, SMALLEST, budget=0.9)
    assert [share.region for share in shares] == [WHOLE] * len(shares)
    sides = [share.side for share in shares]
    assert sides[-1] == pytest.approx(SMALLEST)
    assert sides[0] * 1.25 > 270 >= sides[0]
    assert {share.angle for share in shares} == {0.0}


def test_search_spends_its_budget_on_average() -> None:
    """A dear share is paid for by the looks that follow."""
    search = Search(full_scan_s=1e9)
    pixels = 0.0
    for i in range(400):
        search.note(moved(WHOLE), (), 0.0)
        pixels += sum(s.windows for s in search.take(i / 10, SMALLEST, budget=0.05))
    whole_pass = 480 * 270 / SMALLEST**2 / (1 - 1.25**-2)
    assert pixels / 400 == pytest.approx(0.05 * whole_pass, rel=0.1)


def test_search_rests_when_nothing_has_moved() -> None:
    """Everything seen in every way: no share."""
    search = Search(full_scan_s=5.0)
    search.note(moved(WHOLE), (), 0.0)
    searched(search, 100, budget=10.0)
    search.note(moved(), (), 0.0)
    assert searched(search, 10, budget=10.0) == []


def test_search_looks_where_something_moved() -> None:
    """Later passes cover the moved region and a face's side around it."""
    search = Search(full_scan_s=1e9)
    search.note(moved(WHOLE), (), 0.0)
    searched(search, 100, budget=10.0)
    search.note(moved(Box(200, 100, 60, 60)), (), 0.0)
    shares = searched(search, 100, budget=10.0)
    assert {share.angle for share in shares} == {kind.angle for kind in PASSES}
    for share in shares:
        pad = share.side
        assert share.region == Box(200 - pad, 100 - pad, 60 + 2 * pad, 60 + 2 * pad).clip(480, 270)


def test_search_ignores_what_moves_in_known_faces_and_their_bodies() -> None:
    """A person who gestures is no reason to look for another."""
    search = Search(full_scan_s=1e9)
    search.note(moved(WHOLE), (), 0.0)
    searched(search, 100, budget=10.0)
    search.note(moved(Box(200, 60, 60, 200)), [Box(200, 50, 60, 60)], 0.0)
    assert searched(search, 100, budget=10.0) == []


def test_search_goes_over_everything_though_only_known_faces_move() -> None:
    """Somebody may stand beside them: one pass in full_scan_s, each time the next in turn."""
    search, known = Search(full_scan_s=5.0), Box(200, 50, 60, 60)
    search.note(moved(WHOLE), (), 0.0)
    once = searched(search, 1, budget=10.0)
    again: list[Share] = []
    for at in range(1, 5 * len(PASSES) + 5):
        search.note(moved(known), [known], float(at))
        again += search.take(float(at), SMALLEST, budget=2.0)
    assert Counter(again) == Counter(once)


def test_search_goes_over_everything_again_after_a_while() -> None:
    """full_scan_s after the last one, when anything has moved, all of the picture is scanned."""
    search = Search(full_scan_s=5.0)
    search.note(moved(WHOLE), (), 0.0)
    searched(search, 20, budget=10.0)
    search.note(moved(Box(10, 10, 20, 20)), (), 0.0)
    assert {share.region for share in search.take(9.0, SMALLEST, 0.9)} == {WHOLE}


def test_search_leaves_out_passes_that_have_no_size_in_the_picture() -> None:
    """Where the smallest face wanted hardly fits, only the pass that begins with it is made."""
    search = Search(full_scan_s=5.0)
    search.note(moved(WHOLE), (), 0.0)
    shares = search.take(0.0, 0.9 * WHOLE.h, budget=100.0)
    assert {(share.side, share.angle) for share in shares} == {(0.9 * WHOLE.h, 0.0)}


def test_search_goes_over_everything_in_the_passes_that_have_a_size() -> None:
    """One pass in full_scan_s beside known people, though others in turn have no size."""
    search, known = Search(full_scan_s=5.0), Box(200, 50, 60, 60)
    regions: list[list[Box]] = []
    for at in range(0, 31, 5):
        search.note(moved(known), [known], float(at))
        shares = search.take(float(at), 0.9 * WHOLE.h, budget=1.0)
        regions.append([share.region for share in shares])
    assert regions == [[WHOLE]] * 7


def test_search_of_a_picture_smaller_than_the_smallest_face_is_over_at_once() -> None:
    """There is nothing to scan, and nothing left to catch up with."""
    search = Search(full_scan_s=5.0)
    search.note(moved(WHOLE), (), 0.0)
    assert search.take(0.0, 1.1 * WHOLE.h, budget=100.0) == []
    assert search.is_caught_up


def test_search_is_caught_up_when_it_has_made_every_pass() -> None:
    """Then less has to be spent."""
    search = Search(full_scan_s=1e9)
    looks = 0
    while not search.is_caught_up:
        search.note(moved(WHOLE), (), 0.0)
        search.take(looks / 10, SMALLEST, budget=1.0)
        looks += 1
        assert looks < 40
    assert looks >= KINDS


def test_search_serves_every_kind_of_pass_alike() -> None:
    """None starves, however little is spent."""
    search = Search(full_scan_s=1e9)
    kinds: Counter[float] = Counter()
    for i in range(2000):
        search.note(moved(Box(100, 100, 80, 80)), (), 0.0)
        kinds.update(s.angle for s in search.take(i / 10, SMALLEST, budget=0.05))
    assert set(kinds) == {kind.angle for kind in PASSES}
    assert 4.0 < kinds[0.0] / kinds[30.0] < 5.0
    assert kinds[-30.0] == pytest.approx(kinds[30.0], rel=0.1)
