"""What is true of a camera now, and how often that is worth saying. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgeemo.types import NO_FACE, UNCERTAIN, Face

CONFIDENCE_STEP = 0.1
"""A confidence that moved less than this is no news: it is never quite still."""


class FaceState(NamedTuple):
    """One face in the state."""

    face: int
    emotion: str
    confidence: float


@dataclass(frozen=True, slots=True)
class CameraState:
    """Who is there and in which mood; nobody is a state too."""

    faces: tuple[FaceState, ...] = ()

    @classmethod
    def of(cls, faces: Sequence[Face]) -> CameraState:
        """The state of a camera that sees these faces."""
        return cls(tuple(FaceState(f.track.id, f.label, f.confidence) for f in faces))

    @property
    def dominant(self) -> tuple[str, float]:
        """The emotion of most faces, of equals that of the face that is there longest; its mean confidence.

        Not weighed by confidence, which is never still: between two faces it would flicker.
        `uncertain` is dominant only where no face is sure; nobody is `no_face`, with confidence 1.
        """
        if not self.faces:
            return NO_FACE, 1.0
        sure = [f for f in self.faces if f.emotion != UNCERTAIN] or list(self.faces)
        oldest_first = [f.emotion for f in sorted(sure, key=lambda f: f.face)]
        emotion = max(oldest_first, key=oldest_first.count)
        confidences = [f.confidence for f in sure if f.emotion == emotion]
        return emotion, sum(confidences) / len(confidences)

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of the state topic."""
        emotion, confidence = self.dominant
        return {
            "emotion": emotion,
            "confidence": round(confidence, 2),
            "count": len(self.faces),
            "occupied": bool(self.faces),
            "faces": [f._asdict() | {"confidence": round(f.confidence, 2)} for f in self.faces],
        }

    def is_news(self, told: CameraState) -> bool:
        """Whether this says something that `told` did not: who, how many, which mood, or how sure."""
        if [f[:2] for f in self.faces] != [f[:2] for f in told.faces]:
            return True
        pairs = zip(self.faces, told.faces, strict=True)
        return any(abs(mine.confidence - old.confidence) >= CONFIDENCE_STEP for mine, old in pairs)


class StateThrottle:
    """Lets states through at most once in `interval_s`, and the last one always.

    Times are monotonic seconds.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._told = CameraState()
        self._told_at = float("-inf")
        self._latest = self._told

    def pace(self, interval_s: float) -> None:
        """Let them through at most so often from now on."""
        self._interval_s = interval_s

    def offer(self, state: CameraState) -> None:
        """The state is this from now on."""
        self._latest = state

    def take(self, now: float) -> CameraState | None:
        """The state that is to be said now, if one is."""
        if now < self.due_at or not self._latest.is_news(self._told):
            return None
        self._told, self._told_at = self._latest, now
        return self._latest

    @property
    def due_at(self) -> float:
        """When the next may be said."""
        return self._told_at + self._interval_s

    @property
    def is_waiting(self) -> bool:
        """Whether there is something left to say."""
        return self._latest.is_news(self._told)
