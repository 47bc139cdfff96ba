"""What is worth telling: the difference between the faces that were told of and those that are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeemo.config import PublishConfig
from edgeemo.types import EmotionEvent, EventKind, Face

ROUNDING_S = 1e-6
"""Instants are floats: two of them an interval apart may seem to be a hair closer."""


@dataclass(slots=True)
class _Told:
    """One face as the world knows it: the label it was told, since when, and the last look at it.

    While a change is held back, `label_until` is when the label that was told came to its end;
    `present_since` is when the one of the last look began.
    """

    label: str
    label_since: float
    face: Face
    seen_at: float
    present_since: float
    label_until: float | None = None
    changed_at: float = float("-inf")

    def see(self, face: Face, at: float) -> None:
        """Take in a look at the face."""
        if face.label != self.face.label:
            self.present_since = at
        if face.label == self.label:
            self.label_until = None
        elif self.label_until is None:
            self.label_until = at
        self.face, self.seen_at = face, at


class EventDiff:
    """Turns the faces of successive frames into events: appeared, changed, left.

    A face's `changed` events keep `change_interval_s` between them. A change that comes too soon is
    told when the interval is over, if it still holds then; when the face leaves first, just before
    its `left`. So the last label told is always the last one that was true. However late a
    change is told, its duration is how long the label before lasted.
    """

    def __init__(self, config: PublishConfig) -> None:
        self._interval_s = config.change_interval_s
        self._told: dict[int, _Told] = {}

    def adopt(self, config: PublishConfig) -> None:
        """Keep the interval of these settings from now on."""
        self._interval_s = config.change_interval_s

    def advance(
        self, faces: Sequence[Face], frame_size: tuple[int, int], at: float
    ) -> tuple[EmotionEvent, ...]:
        """The events between the faces last given and these, seen at `at` (monotonic seconds).

        `frame_size` is (width, height) in pixels of the picture that the faces' boxes refer to.
        Those who left come first, so that a reader's count never exceeds the truth.
        """
        present = {face.track.id for face in faces}
        events: list[EmotionEvent] = []
        for face_id in [i for i in self._told if i not in present]:
            events += self._left(self._told.pop(face_id), frame_size, at)
        for face in faces:
            events += self._met(face, frame_size, at)
        return tuple(events)

    def _met(self, face: Face, size: tuple[int, int], at: float) -> Iterator[EmotionEvent]:
        told = self._told.get(face.track.id)
        if told is None:
            self._told[face.track.id] = _Told(face.label, at, face, at, at)
            yield _event(EventKind.APPEARED, face, size, at)
            return
        told.see(face, at)
        if at - told.changed_at >= self._interval_s - ROUNDING_S:
            yield from self._changed(told, size, at)

    def _left(self, told: _Told, size: tuple[int, int], at: float) -> Iterator[EmotionEvent]:
        yield from self._changed(told, size, at)
        seen_s = told.seen_at - told.face.track.since
        yield _event(EventKind.LEFT, told.face, size, at, told.label, seen_s)

    def _changed(self, told: _Told, size: tuple[int, int], at: float) -> Iterator[EmotionEvent]:
        """The change that is to be told, if there is one."""
        if told.label_until is None:
            return
        duration_s = told.label_until - told.label_since
        previous, told.label, told.label_since = told.label, told.face.label, told.present_since
        told.label_until, told.changed_at = None, at
        yield _event(EventKind.CHANGED, told.face, size, at, previous, duration_s)


def _event(
    kind: EventKind,
    face: Face,
    frame_size: tuple[int, int],
    at: float,
    previous: str | None = None,
    duration_s: float | None = None,
) -> EmotionEvent:
    return EmotionEvent(
        kind=kind,
        face=face.track.id,
        label=face.label,
        previous=previous,
        confidence=face.confidence,
        scores=face.scores,
        box=face.track.box,
        frame_size=frame_size,
        at=at,
        duration_s=duration_s,
    )
