"""Faces followed over frames: who is who, who is believed, who is held, who is let go. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgeemo.config import TrackConfig
from edgeemo.types import Box, Detection, Track

MIN_IOU = 0.2
"""Least overlap between a track's box and a detection of the same face. Haar's boxes of one face
differ by up to a quarter in side between looks: concentric squares of 1 and 1.25 overlap by 0.64,
and a shift of a third of a side on top of it leaves 0.3."""


@dataclass(slots=True)
class _Candidate:
    """A face that was seen, but not often enough yet."""

    detection: Detection
    since: float
    looks: list[bool] = field(default_factory=lambda: [True])


class Tracker:
    """Keeps one id per face.

    A face gets its id when `confirm_hits` of its last `confirm_within` looks found it; it loses it
    when none has found it for `hold_s`. Between them its box goes where it is carried to.
    `refused` counts, by cause, the candidates that came to nothing since the last `update`.
    """

    def __init__(self, config: TrackConfig, max_faces: int = 8) -> None:
        self._config = config
        self._max_faces = max_faces
        self._ids = itertools.count(1)
        self._tracks: dict[int, Track] = {}
        self._candidates: list[_Candidate] = []
        self.refused: Counter[str] = Counter()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The faces that are believed, oldest first."""
        return tuple(self._tracks.values())

    @property
    def candidates(self) -> tuple[Detection, ...]:
        """Where something was seen that is not believed yet."""
        return tuple(candidate.detection for candidate in self._candidates)

    def clear(self) -> None:
        """Forget everyone; ids are not used again."""
        self._tracks.clear()
        self._candidates.clear()

    def carry(self, places: Mapping[int, tuple[Box, float]]) -> None:
        """Move tracks, by id, to the (box, angle) that they were followed to; nobody is seen by it."""
        for face, (box, angle) in places.items():
            self._tracks[face] = replace(self._tracks[face], box=box, angle=angle)

    def update(self, detections: Sequence[Detection], at: float) -> None:
        """Take in all faces found by one look at `at` (monotonic seconds)."""
        self.refused.clear()
        rest = self._recognise(detections, at)
        rest = self._recall(rest)
        self._candidates += [_Candidate(detection, at) for detection in rest]
        self._promote(at)
        self._release(at)

    def _recognise(self, detections: Sequence[Detection], at: float) -> list[Detection]:
        """Give tracks the detections that are theirs; returns the others."""
        boxes = {face: track.box for face, track in self._tracks.items()}
        pairs, rest = _match(boxes, detections)
        for face, found in pairs.items():
            track = self._tracks[face]
            self._tracks[face] = replace(track, box=found.box, angle=found.angle, seen_at=at)
        return rest

    def _recall(self, detections: Sequence[Detection]) -> list[Detection]:
        """Count a look for every candidate; returns the detections of none of them."""
        boxes = {i: c.detection.box for i, c in enumerate(self._candidates)}
        pairs, rest = _match(boxes, detections)
        for i, candidate in enumerate(self._candidates):
            candidate.looks.append(i in pairs)
            candidate.detection = pairs.get(i, candidate.detection)
        return rest

    def _promote(self, at: float) -> None:
        """Make tracks of the candidates seen often enough; drop those that can't be any more."""
        waiting = []
        for candidate in self._candidates:
            recent = candidate.looks[-self._config.confirm_within :]
            if sum(recent) >= self._config.confirm_hits:
                self._admit(candidate, at)
            elif any(recent[1:]) or len(recent) < self._config.confirm_within:
                waiting.append(candidate)
            else:
                self.refused["unconfirmed"] += 1
        self._candidates = waiting

    def _admit(self, candidate: _Candidate, at: float) -> None:
        if len(self._tracks) >= self._max_faces and not self._make_room(candidate.detection.box):
            self.refused["crowd"] += 1
            return
        face, found = next(self._ids), candidate.detection
        self._tracks[face] = Track(face, found.box, candidate.since, at, found.angle)

    def _make_room(self, box: Box) -> bool:
        """Let the smallest track go if the newcomer is clearly larger, so that equals don't alternate."""
        smallest = min(self._tracks.values(), key=lambda track: track.box.area)
        if box.area < 1.5 * smallest.box.area:
            return False
        del self._tracks[smallest.id]
        return True

    def _release(self, at: float) -> None:
        hold_s = self._config.hold_s
        kept = {i: t for i, t in self._tracks.items() if at - t.seen_at <= hold_s}
        self._tracks = kept


def _match(
    boxes: Mapping[int, Box], detections: Sequence[Detection]
) -> tuple[dict[int, Detection], list[Detection]]:
    """Pair boxes with detections, the best overlap first; returns pairs by key, and the unpaired."""
    overlaps = (
        (box.iou(found.box), key, index)
        for key, box in boxes.items()
        for index, found in enumerate(detections)
    )
    pairs: dict[int, Detection] = {}
    taken: set[int] = set()
    for overlap, key, index in sorted(overlaps, key=_by_overlap):
        if overlap >= MIN_IOU and key not in pairs and index not in taken:
            pairs[key] = detections[index]
            taken.add(index)
    return pairs, _without(detections, taken)


def _by_overlap(pair: tuple[float, int, int]) -> tuple[float, int, int]:
    overlap, key, index = pair
    return -overlap, key, index


def _without(detections: Sequence[Detection], taken: Iterable[int]) -> list[Detection]:
    gone = set(taken)
    return [found for index, found in enumerate(detections) if index not in gone]
