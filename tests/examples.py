"""Values that several tests begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeemo.config import Config
from edgeemo.types import Box, EmotionEvent, EventKind, Face, Scores, Track

LABELS = ("happy", "neutral", "sad")


def an_event(face: int = 1, kind: EventKind = EventKind.APPEARED) -> EmotionEvent:
    """Something that happened to a happy face."""
    is_first = kind is EventKind.APPEARED
    return EmotionEvent(
        kind=kind,
        face=face,
        label="happy",
        previous=None if is_first else "sad",
        confidence=0.75,
        scores=Scores(LABELS, (0.75, 0.2, 0.05)),
        box=Box(10.4, 20.6, 100, 110),
        frame_size=(640, 480),
        at=12.5,
        duration_s=None if is_first else 3.25,
    )


def a_face(face: int, label: str = "happy", confidence: float = 0.75) -> Face:
    """A tracked face in a mood."""
    rest = 1 - confidence
    scores = Scores(LABELS, (confidence, rest, 0.0))
    return Face(Track(face, Box(0, 0, 50, 50), 0.0, 0.0), label, confidence, scores)


def a_config(state_dir: Path, port: int = 1883, **sections: Any) -> Config:
    """Settings of a device `porch` with a broker on loopback; `sections` are merged in."""
    settings: dict[str, Any] = {
        "device": "porch",
        "state_dir": str(state_dir),
        "mqtt": {"host": "127.0.0.1", "port": port},
    }
    for name, value in sections.items():
        settings[name] = settings.get(name, {}) | value if isinstance(value, dict) else value
    return Config.model_validate(settings)
