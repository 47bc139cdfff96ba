"""What skipping costs in truth: the demo seen as the daemon sees it, and with nothing skipped."""

from __future__ import annotations

from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import Config
from edgeemo.pipeline import build_pipeline
from edgeemo.sources.demo import LOOP_S, Stage
from edgeemo.types import EmotionEvent, EventKind, Frame

FPS = 15
FACES = {1, 2, 3, 4}
"""Ids of those who come in one loop of the play."""
LATE_S = 0.3
FOUND_LATE_S = 2.5
"""How much later somebody may be met who comes while another one is already in view."""


def told(*, exhaustive: bool) -> list[EmotionEvent]:
    """The events of the demo's play, by the shipped models with default settings."""
    config, stage = Config(), Stage((640, 360))
    pipeline = build_pipeline(config, TFLiteClassifier(config.model), exhaustive=exhaustive)
    times = [index / FPS for index in range(int(LOOP_S * FPS))]
    frames = (Frame(stage.draw(at), at, index) for index, at in enumerate(times))
    return [event for frame in frames for event in pipeline.step(frame).events]


def test_skipping_changes_neither_who_is_told_of_nor_what() -> None:
    """The same faces, each with the same first and later labels; the first face's within 0.3 s."""
    skipping, everything = told(exhaustive=False), told(exhaustive=True)
    assert {e.face for e in skipping} == {e.face for e in everything} == FACES
    for face in FACES:
        mine, theirs = ([e for e in run if e.face == face] for run in (skipping, everything))
        assert [(e.kind, e.label) for e in mine] == [(e.kind, e.label) for e in theirs]
        assert 0 <= mine[0].at - theirs[0].at <= FOUND_LATE_S
    firsts = ([e for e in run if e.face == 1] for run in (skipping, everything))
    changes = [[e.at for e in run if e.kind is EventKind.CHANGED] for run in firsts]
    assert len(changes[0]) >= 3
    assert all(abs(a - b) <= LATE_S for a, b in zip(*changes, strict=True))
