"""The tracker in small worlds made of boxes: no picture, no detector, no clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from edgeemo.config import TrackConfig
from edgeemo.sight.tracker import BELIEVABLE, Place, Tracker, same_place
from edgeemo.types import Box, Detection, Track

SIZE = (640, 360)
CONFIG = TrackConfig(confirm_hits=2, confirm_within=4, probe_s=0.3, hold_s=0.5, follow_s=5.0)

World = Callable[[float], Sequence[Box]]
"""The faces that are to be seen at an instant, in the order of the people."""


def found(box: Box, score: float = 1.0, angle: float = 0.0) -> Detection:
    """A face as the detector reports it."""
    return Detection(box, score, angle)


def square(x: float, y: float, side: float = 60.0) -> Box:
    """A face around a point."""
    return Box(x - side / 2, y - side / 2, side, side)


def look(
    tracker: Tracker,
    at: float,
    faces: Sequence[Box],
    *,
    missed: bool = False,
) -> tuple[Track, ...]:
    """One look: tracks are carried to their true places, then probed; what is new is found."""
    places: dict[int, Place | None] = {}
    for track in tracker.tracks:
        near = max(faces, key=track.box.iou, default=None)
        seen = near is not None and track.box.iou(near) > 0
        places[track.id] = Place(near, 0.0) if near and seen else None
    tracker.carry(places, at)
    probed: dict[int, Detection | None] = {}
    for probe in tracker.probes(at):
        if probe.face is not None:
            hit = next((b for b in faces if b.iou(probe.box) > 0.4), None)
            probed[probe.face] = None if hit is None or missed else found(hit)
    others = [found(b) for b in faces if all(b.iou(t.box) < 0.2 for t in tracker.tracks)]
    tracker.update(probed, others, at, SIZE)
    return tracker.tracks


def run(world: World, seconds: float, fps: float = 10.0) -> list[tuple[Track, ...]]:
    """The tracks of every look at a world."""
    tracker = Tracker(CONFIG, max_faces=64)
    return [look(tracker, i / fps, world(i / fps)) for i in range(round(seconds * fps))]


def ids(looks: Sequence[Sequence[Track]]) -> set[int]:
    """Every id that was given."""
    return {track.id for tracks in looks for track in tracks}


def test_tracker_believes_a_face_after_n_hits() -> None:
    """One detection is not enough, two are; the track began with the first."""
    tracker = Tracker(CONFIG)
    tracker.update({}, [found(square(100, 100))], 1.0, SIZE)
    assert len(tracker.tracks) == 0
    tracker.update({}, [found(square(101, 100))], 1.1, SIZE)
    assert list(tracker.tracks) == [Track(1, square(101, 100), since=1.0, seen_at=1.1)]


def test_tracker_refuses_what_is_not_found_again() -> None:
    """A candidate not confirmed within M looks is dropped and counted."""
    tracker = Tracker(CONFIG)
    refused = 0
    for look_number in range(CONFIG.confirm_within):
        faces = [found(square(100, 100))] if look_number == 0 else []
        tracker.update({}, faces, look_number / 10, SIZE)
        refused += tracker.refused["unconfirmed"]
    assert (tracker.tracks, tracker.candidates, refused) == ((), (), 1)


def test_tracker_does_not_believe_in_what_is_never_plain() -> None:
    """Detections below BELIEVABLE keep a face that is known, but make no new one."""
    tracker = Tracker(CONFIG)
    for i in range(20):
        tracker.update({}, [found(square(100, 100), BELIEVABLE - 0.1)], i / 10, SIZE)
    assert tracker.tracks == ()


def test_tracker_asks_for_a_probe_of_a_candidate_at_every_look() -> None:
    """What may be a face is looked at again at once."""
    tracker = Tracker(CONFIG)
    tracker.update({}, [found(square(100, 100), angle=30.0)], 0.0, SIZE)
    (probe,) = tracker.probes(0.1)
    assert (probe.face, probe.box, probe.angle) == (None, square(100, 100), 30.0)


def test_tracker_leaves_a_face_alone_that_was_just_seen() -> None:
    """A known face is probed again only after probe_s."""
    tracker = Tracker(CONFIG)
    look(tracker, 0.0, [square(100, 100)])
    look(tracker, 0.1, [square(100, 100)])
    assert list(tracker.probes(0.3)) == []
    assert [probe.face for probe in tracker.probes(0.5)] == [1]


def test_tracker_tries_other_tilts_while_a_face_is_missed() -> None:
    """As it was, then to either side, one a look."""
    tracker = Tracker(CONFIG)
    tried = []
    for i in range(6):
        look(tracker, i, [square(100, 100)], missed=True)
        tried += [probe.angle for probe in tracker.probes(i + 0.9) if probe.face]
    assert tried == [0.0, 25.0, -25.0, 0.0, 25.0]


def test_tracker_holds_a_face_that_is_followed_but_not_found() -> None:
    """A turned head is held for as long as it was trusted to be, and not for ever."""
    tracker = Tracker(CONFIG)
    seen_s = 2.0
    lived = 0.0
    for i in range(200):
        at = i / 10
        tracks = look(tracker, at, [square(100, 100)], missed=at > seen_s)
        # The world shows the face to the follower only: as a new face it is not found either.
        lived = at if any(track.id == 1 for track in tracks) else lived
    assert seen_s + 4.0 < lived < seen_s + CONFIG.follow_s + 0.3


def test_tracker_lets_go_sooner_of_a_face_that_it_hardly_saw() -> None:
    """What was taken for a face by mistake does not stay as long as one that is known."""
    tracker = Tracker(CONFIG)
    lived = 0.0
    for i in range(100):
        tracks = look(tracker, i / 10, [square(100, 100)], missed=True)
        lived = i / 10 if any(track.id == 1 for track in tracks) else lived
    assert lived < 2.5


def test_tracker_lets_go_of_a_face_that_is_gone() -> None:
    """Neither found nor followed, it is held for hold_s; time counts, not looks."""
    for fps in (5, 10, 60):
        looks = run(lambda t: [square(100, 100)] if t < 1 else [], 3, fps)
        last = max(i for i, tracks in enumerate(looks) if tracks) / fps
        assert 1 + CONFIG.hold_s - 2 / fps <= last <= 1 + CONFIG.hold_s + 2 / fps


def test_tracker_does_not_follow_the_background_after_a_loss() -> None:
    """A face that was lost stays where it was until it is found, whatever is followed there."""
    tracker = Tracker(CONFIG)
    for i in range(4):
        look(tracker, i / 10, [square(100, 100)])
    tracker.carry({1: None}, 0.4)
    tracker.carry({1: Place(square(300, 100), 0.0)}, 0.5)
    assert tracker.tracks[0].box.center[0] == pytest.approx(100)
    assert [probe.is_lost for probe in tracker.probes(1.0)] == [True]


def test_tracker_keeps_the_id_of_a_face_found_again() -> None:
    """A short occlusion does not make a new person."""
    looks = run(lambda t: [] if 1.0 < t < 1.4 else [square(100, 100)], 3)
    assert ids(looks) == {1}
    assert len(looks[-1]) == 1


def test_tracker_takes_a_face_found_again_to_be_where_it_was_found() -> None:
    """The place where it was lost has no say in it: nobody was followed from there."""
    tracker = Tracker(CONFIG)
    for i in range(2):
        look(tracker, i / 10, [square(100, 100)])
    tracker.carry({1: None}, 0.2)
    tracker.update({1: found(square(190, 100))}, [], 0.2, SIZE)
    assert [(track.id, track.box) for track in tracker.tracks] == [(1, square(190, 100))]


def test_tracker_lets_go_of_a_face_where_nobody_counts() -> None:
    """Those elsewhere are kept."""
    tracker = Tracker(CONFIG)
    for i in range(2):
        look(tracker, i / 10, [square(100, 100), square(400, 100)])
    tracker.let_go(lambda box: box.x > 200)
    assert [track.box for track in tracker.tracks] == [square(100, 100)]


def test_tracker_forgets_a_face_that_walks_out() -> None:
    """Half out of the picture it is gone."""
    looks = run(lambda t: [square(600 + 60 * t, 100)], 2)
    assert looks[5] != ()
    assert looks[-1] == ()


def test_tracker_tells_two_apart_that_cross() -> None:
    """Passing at different heights, both keep their ids and end on the other's side."""
    looks = run(lambda t: [square(100 + 100 * t, 120), square(500 - 100 * t, 220)], 4)
    assert ids(looks) == {1, 2}
    first, second = sorted(looks[-1], key=lambda track: track.id)
    assert first.box.center[0] > 400 > 200 > second.box.center[0]


def test_tracker_holds_twenty_faces() -> None:
    """A crowd, all of it moving a little."""

    def crowd(t: float) -> list[Box]:
        sway = 4 * math.sin(3 * t)
        return [square(60 + 130 * c + sway, 40 + 90 * r, 50) for r in range(4) for c in range(5)]

    looks = run(crowd, 3)
    assert ids(looks) == set(range(1, 21))
    assert all(len(tracks) == 20 for tracks in looks[2:])


def test_tracker_smooths_jitter() -> None:
    """Boxes that jump to and fro by a fifth of their side give one track that jumps at most half as far."""
    tracker, jump, looks = Tracker(CONFIG), 12, []
    for i in range(30):
        tracker.carry({track.id: Place(track.box, track.angle) for track in tracker.tracks}, i / 10)
        tracker.update({}, [found(square(100 + jump * (i % 2), 100))], i / 10, SIZE)
        looks.append(tracker.tracks)
    assert ids(looks) == {1}
    settled = [track.box.x for tracks in looks[10:] for track in tracks]
    assert len(settled) == 20
    assert max(settled) - min(settled) <= jump / 2


@pytest.mark.parametrize("fps", [5.0, 12.5, 60.0])
def test_tracker_tells_the_same_story_at_any_rate(fps: float) -> None:
    """One comes, a second comes, the first goes: two ids, whatever the rate of looks."""

    def world(t: float) -> list[Box]:
        first = [square(150, 100)] if 0.5 <= t < 4 else []
        return first + ([square(400, 150)] if t >= 2 else [])

    looks = run(world, 6, fps)
    assert ids(looks) == {1, 2}
    assert [track.id for track in looks[round(1.5 * fps)]] == [1]
    assert [track.id for track in looks[round(3.5 * fps)]] == [1, 2]
    assert [track.id for track in looks[-1]] == [2]


def test_tracker_takes_the_larger_of_two_boxes_on_one_face_for_one() -> None:
    """A forehead that looks like a face is no second person."""
    tracker = Tracker(CONFIG)
    for i in range(6):
        large = [found(square(100, 100, 100))] if i < 2 else []
        tracker.update({}, [*large, found(square(100, 70, 40))], i / 10, SIZE)
    assert [track.box.w for track in tracker.tracks] == [100.0]


def test_tracker_prefers_the_better_of_two_detections_of_one_face() -> None:
    """Seen upright and tilted, the tilt at which it is plainer is believed."""
    tracker = Tracker(CONFIG)
    for i in range(2):
        seen = [found(square(98, 100), 0.7), found(square(100, 100), 1.0, 30.0)]
        tracker.update({}, seen, i / 10, SIZE)
    assert [(track.id, track.angle) for track in tracker.tracks] == [(1, 30.0)]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (square(100, 70, 40), True),
        (square(100, 100, 110), True),
        (square(100, 160, 100), False),
        (square(180, 100, 100), False),
    ],
)
def test_same_place_is_where_only_one_face_can_be(other: Box, same: bool) -> None:
    """The smaller box lying mostly on the other decides, not their overlap as a whole."""
    assert same_place(square(100, 100, 100), other) is same


def test_tracker_counts_at_most_max_faces() -> None:
    """A newcomer that is not clearly larger is refused."""
    tracker = Tracker(CONFIG, max_faces=1)
    for i in range(3):
        tracker.update({}, [found(square(100, 100))], i / 10, SIZE)
    refused = 0
    for i in range(3, 6):
        tracker.update({}, [found(square(400, 100, 65))], i / 10, SIZE)
        refused += tracker.refused["crowd"]
    assert [track.id for track in tracker.tracks] == [1]
    assert refused == 1


def test_tracker_takes_the_largest_of_those_it_believes_at_once() -> None:
    """However plainly the others are seen."""
    tracker = Tracker(CONFIG, max_faces=2)
    crowd = [
        found(square(100, 100, 60), 1.0),
        found(square(300, 100, 70), 0.95),
        found(square(500, 100, 80), 0.92),
    ]
    for i in range(2):
        tracker.update({}, crowd, i / 10, SIZE)
    assert sorted(track.box.w for track in tracker.tracks) == [70.0, 80.0]


def test_tracker_leaves_out_the_smallest_of_those_it_believes_at_once() -> None:
    """Also when it is seen most plainly, and hardly smaller than the next."""
    tracker = Tracker(CONFIG, max_faces=2)
    crowd = [
        found(square(100, 100, 60), 1.0),
        found(square(300, 100, 90), 0.95),
        found(square(500, 100, 62), 0.92),
    ]
    for i in range(2):
        tracker.update({}, crowd, i / 10, SIZE)
    assert sorted(track.box.w for track in tracker.tracks) == [62.0, 90.0]


def test_tracker_makes_room_for_a_face_that_is_clearly_larger() -> None:
    """With largest_only, who comes close takes over."""
    tracker = Tracker(CONFIG, max_faces=1)
    for i in range(6):
        faces = [found(square(100, 100))] if i < 3 else [found(square(400, 100, 120))]
        tracker.update({}, faces, i / 10, SIZE)
    assert [track.box.w for track in tracker.tracks] == [120.0]


def test_tracker_never_uses_an_id_again() -> None:
    """After a reset people are new."""
    tracker = Tracker(CONFIG)
    for i in range(2):
        look(tracker, i / 10, [square(100, 100)])
    tracker.clear()
    for i in range(2, 4):
        look(tracker, i / 10, [square(100, 100)])
    assert [track.id for track in tracker.tracks] == [2]


def takeover(*sides: float) -> list[int]:
    """Who is held, look by look: one face of side 60, and a newcomer of these sides beside it."""
    tracker = Tracker(CONFIG, max_faces=1)
    for i in range(2):
        look(tracker, i / 10, [square(100, 100)])
    held: list[int] = []
    for i, side in enumerate(sides, 2):
        (track,) = look(tracker, i / 10, [square(100, 100), square(400, 100, side)])
        held.append(track.id)
    return held


def test_tracker_takes_the_larger_face_in_the_end() -> None:
    """A third larger in area: not at once, but after two seconds in which it was."""
    held = takeover(*[69.0] * 30)
    assert held == [1] * held.index(2) + [2] * (30 - held.index(2))
    assert 20 <= held.index(2) <= 22


@pytest.mark.parametrize("sides", [[62.0] * 100, [69.0, 69.0, 69.0, 69.0, 64.0] * 20])
def test_tracker_keeps_a_face_beside_one_of_nearly_its_size(sides: list[float]) -> None:
    """A newcomer that is hardly larger, or only now and then."""
    assert set(takeover(*sides)) == {1}


def test_tracker_does_not_let_equals_alternate() -> None:
    """Two whose sizes waver, each the larger one for a second at a time."""
    tracker = Tracker(CONFIG, max_faces=1)
    seen: list[tuple[Track, ...]] = []
    for i in range(300):
        sway = 4 * math.sin(math.pi * i / 10)
        faces = [square(100, 100, 60 + sway), square(400, 100, 60 - sway)]
        seen.append(look(tracker, i / 10, faces))
    assert len(ids(seen)) == 1


def test_tracker_refuses_who_waits_for_a_place_and_goes() -> None:
    """A larger newcomer that is not found any more is given up as one that was never plain."""
    tracker = Tracker(CONFIG, max_faces=1)
    refused = 0
    for i in range(20):
        newcomer = [square(400, 100, 69)] if 4 <= i < 8 else []
        look(tracker, i / 10, [square(100, 100), *newcomer])
        refused += tracker.refused["unconfirmed"]
    assert ([track.id for track in tracker.tracks], tracker.candidates, refused) == ([1], (), 1)
