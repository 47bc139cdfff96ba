"""From a frame to what is worth telling: the order of work. No I/O, no thread; clocks come in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from edgeemo.config import Config, PublishConfig
from edgeemo.sight.cadence import Cadence, Plan, Skip
from edgeemo.sight.detector import HaarDetector
from edgeemo.sight.events import EventDiff
from edgeemo.sight.eye import Eye
from edgeemo.sight.mood import Mood
from edgeemo.sight.motion import Motion, MotionGate, OpenGate
from edgeemo.sight.search import Search
from edgeemo.sight.tracker import Tracker
from edgeemo.sight.verifier import FaceVerifier
from edgeemo.sight.view import View
from edgeemo.types import Box, EmotionEvent, Face, Frame, Picture, Scores, Track


class Classifier(Protocol):
    """What the pipeline needs of a network."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What it can tell apart."""
        ...

    def classify(self, picture: Picture, faces: Iterable[tuple[Box, float]]) -> Sequence[Scores]:
        """The scores of each face of a picture (height, width[, 3]), given as box and tilt."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame came to.

    `size` is (width, height) of the frame, `skipped` why it was not analysed (None if it was),
    `classified` how many faces went through the network, `refused` how many candidates came to
    nothing, by cause, `stages` seconds by stage.
    """

    index: int
    at: float
    size: tuple[int, int]
    skipped: Skip | None
    faces: tuple[Face, ...]
    events: tuple[EmotionEvent, ...]
    classified: int
    refused: Mapping[str, int]
    stages: Mapping[str, float]

    @property
    def analysed(self) -> bool:
        """Whether the picture was looked at; else its faces are those of the frame before."""
        return self.skipped is None


class Pipeline:
    """One camera's frames, in order, to faces and events. Built by `build_pipeline`."""

    def __init__(
        self,
        gate: MotionGate,
        cadence: Cadence,
        eye: Eye,
        classifier: Classifier,
        mood: Callable[[Scores, float], Mood],
        events: EventDiff,
        clock: Callable[[], float],
    ) -> None:
        self._gate = gate
        self._cadence = cadence
        self._eye = eye
        self._classifier = classifier
        self._mood = mood
        self._events = events
        self._clock = clock
        self._moods: dict[int, Mood] = {}
        self._size = (0, 0)
        self._stages: dict[str, float] = {}

    @property
    def cadence(self) -> Cadence:
        """The policy in use, whose `limit_fps` may be turned down."""
        return self._cadence

    def step(self, frame: Frame) -> Look:
        """Look at the next frame, or don't: what is in it then, and what is to be told of it.

        With a frame of another size than those before everybody leaves, and all begins anew.
        """
        if frame.size != self._size:
            return self._begin(frame)
        self._stages = {}
        if not self._cadence.is_due(frame.at):
            return self._tell(frame, Skip.RATE)
        with self._stage("grey"):
            view = View(frame)
            motion = self._gate.compare(view.glance, frame.size)
            plan = self._plan(frame.at, motion)
        if plan.skip:
            return self._tell(frame, plan.skip)
        with self._stage("follow"):
            self._eye.follow(view, motion, frame.at)
        with self._stage("probe"):
            self._eye.probe(view, frame.at)
        with self._stage("search"):
            self._eye.search(view, motion, frame.at, plan.budget)
        with self._stage("track"):
            self._eye.conclude(view, frame.at)
        with self._stage("classify"):
            classified = self._classify(frame)
        self._gate.accept(view.glance)
        return self._tell(frame, None, classified)

    def reset(self, at: float) -> tuple[EmotionEvent, ...]:
        """Forget everything, the camera being lost, paused or another: every face leaves at `at`."""
        self._gate.clear()
        self._cadence.clear()
        self._eye.clear()
        self._moods.clear()
        return self._events.advance((), self._size, at)

    def adopt(self, publish: PublishConfig) -> None:
        """Tell as often as these settings say, from now on."""
        self._events.adopt(publish)

    def _begin(self, frame: Frame) -> Look:
        """Look at the first frame of its size: what is known is in pixels of another picture."""
        left = self.reset(frame.at)
        self._size = frame.size
        look = self.step(frame)
        return replace(look, events=left + look.events)

    def _plan(self, at: float, motion: Motion) -> Plan:
        eye = self._eye
        return self._cadence.plan(
            at, motion, eye.tracks, is_settled=eye.is_settled, is_caught_up=eye.is_caught_up
        )

    def _classify(self, frame: Frame) -> int:
        """Feed the moods of the faces that it is time for; returns how many those are."""
        tracks = self._eye.tracks
        self._moods = {t.id: self._moods[t.id] for t in tracks if t.id in self._moods}
        settled = {face for face, mood in self._moods.items() if mood.is_settled}
        chosen = self._cadence.to_classify(tracks, settled, frame.at)
        faces = [(track.box, track.angle) for track in chosen]
        scores = self._classifier.classify(frame.image, faces) if faces else ()
        for track, score in zip(chosen, scores, strict=True):
            if track.id in self._moods:
                self._moods[track.id].feed(score, frame.at)
            else:
                self._moods[track.id] = self._mood(score, frame.at)
        return len(chosen)

    def _tell(self, frame: Frame, skipped: Skip | None, classified: int = 0) -> Look:
        """Bring the moods up to date and say what is new."""
        with self._stage("tell"):
            faces = tuple(self._face(track, frame.at) for track in self._eye.tracks)
            events = self._events.advance(faces, frame.size, frame.at)
        refused = {} if skipped else dict(self._eye.refused)
        return Look(
            index=frame.index,
            at=frame.at,
            size=frame.size,
            skipped=skipped,
            faces=faces,
            events=events,
            classified=classified,
            refused=refused,
            stages=self._stages,
        )

    def _face(self, track: Track, at: float) -> Face:
        mood = self._moods[track.id]
        mood.advance(at)
        return Face(track, mood.label, mood.confidence, mood.scores)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = self._clock()
        yield
        self._stages[name] = self._clock() - start


LOOK_AT_EVERYTHING: Mapping[str, float] = {
    "max_fps": 120.0,
    "motion_threshold": 0.0,
    "classify_s": 1e-3,
    "full_scan_s": 1e-3,
    "search_share": 1000.0,
}
"""Settings of the cadence under which every frame is analysed and searched in every way."""


def build_pipeline(
    config: Config,
    classifier: Classifier | None = None,
    verifier: FaceVerifier | None = None,
    *,
    thorough: bool = False,
    exhaustive: bool = False,
    ids: Iterator[int] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Pipeline:
    """Put a pipeline together.

    Args:
        config: the settings.
        classifier: the network; None for the one that `config.model` names.
        verifier: what tells faces from the rest; None for the one that `config.detect` names.
        thorough: for stills, each of them seen once: looked at from all sides, nothing skipped,
            every face believed at once. `reset` stands between two pictures.
        exhaustive: for comparison: every frame scanned in full in every way, every face followed,
            probed and classified in every frame, whether anything has moved or not.
        ids: where faces get their ids from, for a pipeline that takes over from another.
        clock: seconds, for the times of the stages; `time.process_time` measures CPU.

    Raises:
        ModelError: the model can't be used.
        RuntimeMissingError: no TFLite runtime or no cascade files.
    """
    if thorough or exhaustive:
        config = config.changed({"cadence": LOOK_AT_EVERYTHING, "track": {"probe_s": 1e-3}})
    if thorough:
        config = config.changed({"track": {"confirm_hits": 1, "confirm_within": 1}})
    most = 1 if config.detect.largest_only else config.detect.max_faces
    return Pipeline(
        gate=OpenGate() if exhaustive else MotionGate(),
        cadence=Cadence(config.cadence),
        eye=Eye(
            config.detect,
            build_detector(config, verifier),
            Search(config.cadence.full_scan_s),
            Tracker(config.track, most, ids),
        ),
        classifier=classifier or _load_classifier(config),
        mood=lambda scores, at: Mood(config.mood, scores, at),
        events=EventDiff(config.publish),
        clock=clock,
    )


def build_detector(config: Config, verifier: FaceVerifier | None = None) -> HaarDetector:
    """Put a detector together; `verifier` and errors as of `build_pipeline`."""
    return HaarDetector(verifier or _load_verifier(config))


def _load_classifier(config: Config) -> Classifier:
    from edgeemo.classifier import TFLiteClassifier  # late: tests inject one without a runtime

    return TFLiteClassifier(config.model)


def _load_verifier(config: Config) -> FaceVerifier:
    from edgeemo.classifier import TFLiteClassifier  # late, as above

    model = config.model.model_copy(update={"path": config.detect.model})
    return FaceVerifier(TFLiteClassifier(model))
