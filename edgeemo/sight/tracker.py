"""Faces followed over frames: who is who, who is believed, who is held, who is let go. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edgeemo.config import TrackConfig
from edgeemo.types import Box, Detection, Track

MIN_IOU = 0.2
"""Least overlap between a track's box and a detection of the same face. Haar's boxes of one face
differ by up to a quarter in side between looks: concentric squares of 1 and 1.25 overlap by 0.64,
and a shift of a third of a side on top of it leaves 0.3."""

SAME_PLACE = 0.5
"""Share of the smaller box within the other from which both can only be of one face: a forehead or a
chin that looks like a small face lies wholly within a large one."""

BELIEVABLE = 0.9
"""Score of a detection that counts towards believing in a new face: searching 810 frames without a
face exhaustively, nothing passed for one; runtimes differ by up to 0.03."""

BLEND = 0.5
"""Weight of a new detection against the place that the face was followed to: half of Haar's jitter.
A face that was lost was not followed, so that where it is found again is where it is."""

TRUST = 4.0
"""Seconds that a face is followed unseen for every second that it was seen before..."""
FIRST_TRUST_S = 1.5
"""... and to begin with, so that something taken for a face by mistake does not stay."""

TRIES = (0.0, 25.0, -25.0)
"""Degrees beside a face's last known tilt at which it is looked for, one after the other, when it
was not found there."""

CLEARLY_LARGER = 1.5
"""Times the area of the smallest face held from which a newcomer takes its place at once..."""
LARGER = 1.2
LARGER_S = 2.0
"""... and from which it does so when it was that much larger in every look of so many seconds. The
areas found waver by a tenth, and some faces are framed a tenth wider than others: of two people of
nearly the same size at most one is that much larger for so long, so that they don't alternate."""


class Place(NamedTuple):
    """Where a face was followed to: its box, its tilt in degrees clockwise."""

    box: Box
    angle: float


class Probe(NamedTuple):
    """A place where a close look for a face is wanted: of a track, or (`face` None) a candidate.

    One that is lost may be anywhere around.
    """

    face: int | None
    box: Box
    angle: float
    is_lost: bool = False


@dataclass(slots=True)
class _Candidate:
    """A face that was seen, but not often enough yet, or that waits for a place since `larger_since`."""

    detection: Detection
    since: float
    looks: list[bool]
    larger_since: float | None = None


@dataclass(slots=True)
class _Held:
    """A face that is believed; how often it was missed, and since when it can't be followed."""

    track: Track
    misses: int = 0
    lost_at: float | None = None


class Tracker:
    """Keeps one id per face.

    A face gets its id when `confirm_hits` of its first `confirm_within` looks found it plainly. It loses it when it was not found for `hold_s`
    after it could not be followed any more, or for `follow_s` at all. `refused` counts, by cause, the
    candidates that came to nothing in the last `update`.
    """

    def __init__(
        self, config: TrackConfig, max_faces: int = 8, ids: Iterator[int] | None = None
    ) -> None:
        """Hold at most `max_faces`, the larger ones; `ids` go on where an earlier tracker has ended.

        A newcomer takes the place of the smallest when it is CLEARLY_LARGER, or LARGER for LARGER_S.
        """
        self._config = config
        self._max_faces = max_faces
        self._ids = ids or itertools.count(1)
        self._held: dict[int, _Held] = {}
        self._candidates: list[_Candidate] = []
        self.refused: Counter[str] = Counter()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The faces that are believed, oldest first."""
        return tuple(held.track for held in self._held.values())

    @property
    def candidates(self) -> tuple[Detection, ...]:
        """What was seen but is not believed yet."""
        return tuple(candidate.detection for candidate in self._candidates)

    @property
    def is_settled(self) -> bool:
        """Whether every face in view was found at its last probe, and none waits to be believed."""
        return not self._candidates and not any(held.misses for held in self._held.values())

    def clear(self) -> None:
        """Forget everyone; ids are not used again."""
        self._held.clear()
        self._candidates.clear()

    def probes(self, at: float) -> Iterator[Probe]:
        """Where to look closely in a look at `at`: at candidates, and at tracks that are due."""
        for candidate in self._candidates:
            yield Probe(None, candidate.detection.box, candidate.detection.angle)
        for face, held in self._held.items():
            if held.misses or at - held.track.seen_at >= self._config.probe_s:
                offset = TRIES[held.misses % len(TRIES)]
                yield Probe(
                    face, held.track.box, held.track.angle + offset, held.lost_at is not None
                )

    def carry(self, places: Mapping[int, Place | None], at: float) -> None:
        """Move tracks, by id, to where they were followed; None for those that were lost there.

        What is followed after that is what stood behind the face, so only a detection ends it.
        """
        for face, place in places.items():
            held = self._held[face]
            if held.lost_at is not None:
                continue
            if place is None:
                held.lost_at = at
            elif place.box != held.track.box:
                held.track = replace(held.track, box=place.box, angle=place.angle)

    def update(
        self,
        found: Mapping[int, Detection | None],
        others: Sequence[Detection],
        at: float,
        size: tuple[int, int],
    ) -> None:
        """Take in one look.

        Args:
            found: what the probes of tracks found, by id; None for a miss.
            others: what was found elsewhere.
            at: when, in monotonic seconds.
            size: (width, height) of the picture in pixels; a face that is followed out of it is gone.
        """
        self.refused.clear()
        for face, detection in found.items():
            self._see(self._held[face], detection, at)
        rest = self._recognise(_best(others), at)
        self._recall(rest, at)
        self._promote(at)
        self._release(at, size)

    def let_go(self, is_excluded: Callable[[Box], bool]) -> None:
        """Forget the faces that were followed or found to where nobody counts."""
        for face in [f for f, held in self._held.items() if is_excluded(held.track.box)]:
            del self._held[face]

    def _see(self, held: _Held, detection: Detection | None, at: float) -> None:
        if detection is None:
            held.misses += 1
            return
        box = detection.box if held.lost_at is not None else _blend(held.track.box, detection.box)
        held.misses, held.lost_at = 0, None
        held.track = replace(held.track, box=box, angle=detection.angle, seen_at=at)

    def _recognise(self, detections: Sequence[Detection], at: float) -> list[Detection]:
        """Give tracks the detections that are theirs; returns the others."""
        boxes = {face: held.track.box for face, held in self._held.items()}
        pairs, rest = _match(boxes, detections)
        for face, detection in pairs.items():
            self._see(self._held[face], detection, at)
        return [d for d in rest if not any(same_place(box, d.box) for box in boxes.values())]

    def _recall(self, detections: Sequence[Detection], at: float) -> None:
        """Count a look for every candidate; what belongs to none becomes a new one."""
        boxes = {i: c.detection.box for i, c in enumerate(self._candidates)}
        pairs, rest = _match(boxes, detections)
        for i, candidate in enumerate(self._candidates):
            candidate.detection = pairs.get(i, candidate.detection)
            candidate.looks.append(i in pairs and pairs[i].score >= BELIEVABLE)
        self._candidates += [_Candidate(found, at, [found.score >= BELIEVABLE]) for found in rest]

    def _promote(self, at: float) -> None:
        """Make tracks of the candidates seen often enough; drop those that can't be any more."""
        ready: list[_Candidate] = []
        waiting: list[_Candidate] = []
        for candidate in self._candidates:
            looks = candidate.looks[-self._config.confirm_within :]
            if sum(looks) >= self._config.confirm_hits:
                ready.append(candidate)
            elif len(looks) < self._config.confirm_within:
                waiting.append(candidate)
            else:
                self.refused["unconfirmed"] += 1
        self._candidates = waiting
        for candidate in sorted(ready, key=lambda c: -c.detection.box.area):
            self._admit(candidate, at)

    def _admit(self, candidate: _Candidate, at: float) -> None:
        if len(self._held) >= self._max_faces and not self._make_room(candidate, at):
            if candidate.larger_since is None:
                self.refused["crowd"] += 1
            else:
                self._candidates.append(candidate)
            return
        face, found = next(self._ids), candidate.detection
        self._held[face] = _Held(Track(face, found.box, candidate.since, at, found.angle))

    def _make_room(self, newcomer: _Candidate, at: float) -> bool:
        """Let the smallest track go for a newcomer that is clearly larger, or larger for LARGER_S.

        Equals must not alternate. While a newcomer is larger it has `larger_since` set, and waits;
        in the first look in which it is not it is refused.
        """
        smallest = min((held.track for held in self._held.values()), key=lambda t: t.box.area)
        times = newcomer.detection.box.area / smallest.box.area
        if times < LARGER:
            newcomer.larger_since = None
            return False
        if newcomer.larger_since is None:
            newcomer.larger_since = at
        if times < CLEARLY_LARGER and at - newcomer.larger_since < LARGER_S:
            return False
        del self._held[smallest.id]
        return True

    def _release(self, at: float, size: tuple[int, int]) -> None:
        for face in [f for f, held in self._held.items() if self._is_gone(held, at, size)]:
            del self._held[face]
        for face in set(_doubles([held.track for held in self._held.values()])):
            del self._held[face]

    def _is_gone(self, held: _Held, at: float, size: tuple[int, int]) -> bool:
        track = held.track
        trust_s = FIRST_TRUST_S + TRUST * (track.seen_at - track.since)
        if at - track.seen_at > min(self._config.follow_s, trust_s):
            return True
        if held.lost_at is not None and at - held.lost_at > self._config.hold_s:
            return True
        return track.box.clip(*size).area < 0.5 * track.box.area


def same_place(one: Box, other: Box) -> bool:
    """Whether two boxes can't be of two faces: one lies on the other for the most part."""
    width = min(one.right, other.right) - max(one.x, other.x)
    height = min(one.bottom, other.bottom) - max(one.y, other.y)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared > SAME_PLACE * min(one.area, other.area)


def _blend(old: Box, new: Box) -> Box:
    return Box(*(a + BLEND * (b - a) for a, b in zip(old, new, strict=True)))


def _doubles(tracks: Sequence[Track]) -> Iterator[int]:
    """Of tracks that lie on one face, the ids of those not seen as lately, or younger."""
    for one, other in itertools.combinations(tracks, 2):
        if same_place(one.box, other.box):
            yield min(one, other, key=lambda track: (track.seen_at, -track.id)).id


def _best(detections: Sequence[Detection]) -> list[Detection]:
    """Of detections that can only be of one face, the one with the highest score."""
    kept: list[Detection] = []
    for found in sorted(detections, key=lambda d: -d.score):
        if not any(same_place(found.box, other.box) for other in kept):
            kept.append(found)
    return kept


def _match(
    boxes: Mapping[int, Box], detections: Sequence[Detection]
) -> tuple[dict[int, Detection], list[Detection]]:
    """Pair boxes with detections, the best overlap first; returns pairs by key, and the unpaired."""
    overlaps = [
        (-box.iou(found.box), key, index)
        for key, box in boxes.items()
        for index, found in enumerate(detections)
    ]
    pairs: dict[int, Detection] = {}
    taken: set[int] = set()
    for overlap, key, index in sorted(overlaps):
        if -overlap >= MIN_IOU and key not in pairs and index not in taken:
            pairs[key] = detections[index]
            taken.add(index)
    return pairs, [found for index, found in enumerate(detections) if index not in taken]
