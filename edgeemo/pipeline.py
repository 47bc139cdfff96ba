"""From a frame to what is worth telling: the order of work. No I/O, no thread; clocks come in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from edgeemo.cadence import Cadence, Skip
from edgeemo.config import Config, DetectConfig
from edgeemo.detector import HOPELESS, HaarDetector, Proposal
from edgeemo.events import EventDiff
from edgeemo.flow import follow
from edgeemo.mood import Mood
from edgeemo.motion import Motion, MotionGate
from edgeemo.search import Search
from edgeemo.tracker import BELIEVABLE, Place, Probe, Tracker, same_place
from edgeemo.types import Box, Detection, EmotionEvent, Face, Frame, Picture, Scores, Track
from edgeemo.verifier import FaceVerifier
from edgeemo.view import View


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
        detect: DetectConfig,
        gate: MotionGate,
        quest: Search,
        cadence: Cadence,
        detector: HaarDetector,
        tracker: Tracker,
        classifier: Classifier,
        mood: Callable[[Scores, float], Mood],
        events: EventDiff,
        clock: Callable[[], float],
    ) -> None:
        self._detect = detect
        self._gate = gate
        self._quest = quest
        self._before: View | None = None
        self._cadence = cadence
        self._detector = detector
        self._tracker = tracker
        self._classifier = classifier
        self._mood = mood
        self._events = events
        self._clock = clock
        self._moods: dict[int, Mood] = {}
        self._size = (0, 0)
        self._stages: dict[str, float] = {}
        self._refused: Counter[str] = Counter()

    @property
    def cadence(self) -> Cadence:
        """The policy in use, whose `limit_fps` may be turned down."""
        return self._cadence

    def step(self, frame: Frame) -> Look:
        """Look at the next frame, or don't: what is in it then, and what is to be told of it."""
        self._stages, self._refused, self._size = {}, Counter(), frame.size
        if not self._cadence.is_due(frame.at):
            return self._tell(frame, Skip.RATE)
        with self._stage("grey"):
            view = View(frame)
            motion = self._gate.compare(view.glance, frame.size)
        tracks, is_caught_up = self._tracker.tracks, self._quest.is_caught_up
        is_settled = self._tracker.is_settled and (bool(tracks) or is_caught_up)
        plan = self._cadence.plan(
            frame.at, motion, tracks, is_settled=is_settled, is_caught_up=is_caught_up
        )
        if plan.skip:
            return self._tell(frame, plan.skip)
        with self._stage("follow"):
            self._follow(view, motion, frame.at)
        with self._stage("probe"):
            found, others = self._probe(view, frame.at)
        with self._stage("search"):
            others += self._search(view, motion, frame.at, plan.budget)
        with self._stage("track"):
            self._tracker.update(found, others, frame.at, frame.size)
        with self._stage("classify"):
            classified = self._classify(frame)
        self._gate.accept(view.glance)
        self._before = view
        return self._tell(frame, None, classified)

    def reset(self, at: float) -> tuple[EmotionEvent, ...]:
        """Forget everything, the camera being lost, paused or another: every face leaves at `at`."""
        self._gate.clear()
        self._cadence.clear()
        self._tracker.clear()
        self._quest.clear()
        self._before = None
        self._moods.clear()
        return self._events.advance((), self._size, at)

    def _follow(self, view: View, motion: Motion, at: float) -> None:
        """Carry the faces in whose boxes something moved to where they went."""
        if self._before is None:
            return
        places: dict[int, Place | None] = {}
        for track in self._tracker.tracks:
            if not motion.touches(track.box):
                places[track.id] = Place(track.box, track.angle)
            else:
                places[track.id] = follow(self._before, view, track.box, track.angle)
        self._tracker.carry(places, at)

    def _probe(self, view: View, at: float) -> tuple[dict[int, Detection | None], list[Detection]]:
        """Look closely where the tracker wants it: what became of tracks by id, and of candidates."""
        found: dict[int, Detection | None] = {}
        others: list[Detection] = []
        for probe in self._tracker.probes(at):
            detection = self._look_at(view, probe)
            if probe.face is not None:
                found[probe.face] = detection
            elif detection:
                others.append(detection)
        return found, others

    def _look_at(self, view: View, probe: Probe) -> Detection | None:
        detector = self._detector
        if probe.is_lost:
            return detector.refind(view, probe.box, probe.angle)
        look = detector.examine if probe.has_moved else detector.recognise
        return look(view, probe.box, probe.angle)

    def _search(self, view: View, motion: Motion, at: float, budget: float) -> list[Detection]:
        """Look for new faces in a share of the picture, where something moved first."""
        known = [track.box for track in self._tracker.tracks]
        self._quest.note(motion, known)
        # A candidate that is not plain yet may be one seen at the wrong tilt or size.
        known += [c.box for c in self._tracker.candidates if c.score >= BELIEVABLE]
        found: list[Detection] = []
        shares = self._quest.take(at, self._smallest(), budget)
        proposals = [p for share in shares for p in self._detector.propose(view, share)]
        # The likeliest first: what only looks like a face often lies across one.
        for proposal in sorted(proposals, key=lambda p: -p.likelihood):
            if any(same_place(proposal.box, other) for other in known):
                continue
            if detection := self._consider(view, proposal):
                found.append(detection)
                known.append(detection.box)
        return found

    def _consider(self, view: View, proposal: Proposal) -> Detection | None:
        """The face in a proposal; None, and counted why, if it is none or does not count."""
        if self._is_excluded(proposal.box):
            self._refused["zone"] += 1
            return None
        box, angle, likelihood = proposal
        found = self._detector.examine(view, box, angle) if likelihood >= HOPELESS else None
        self._refused["unlikely"] += found is None
        return found

    def _smallest(self) -> float:
        return max(self._detect.min_face_px, self._detect.min_face_share * self._size[1])

    def _is_excluded(self, box: Box) -> bool:
        x, y = box.center[0] / self._size[0], box.center[1] / self._size[1]
        zones = self._detect.exclude
        return any(a <= x <= a + w and b <= y <= b + h for a, b, w, h in zones)

    def _classify(self, frame: Frame) -> int:
        """Feed the moods of the faces that it is time for; returns how many those are."""
        tracks = self._tracker.tracks
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
            faces = tuple(self._face(track, frame.at) for track in self._tracker.tracks)
            events = self._events.advance(faces, frame.size, frame.at)
        refused = Counter() if skipped else self._tracker.refused + self._refused
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
        exhaustive: for comparison: every frame scanned in full, every face classified.
        ids: where faces get their ids from, for a pipeline that takes over from another.
        clock: seconds, for the times of the stages; `time.process_time` measures CPU.

    Raises:
        ModelError: the model can't be used.
        RuntimeMissingError: no TFLite runtime or no cascade files.
    """
    if thorough or exhaustive:
        config = _changed(config, "cadence", LOOK_AT_EVERYTHING)
        config = _changed(config, "track", {"probe_s": 1e-3})
    if thorough:
        config = _changed(config, "track", {"confirm_hits": 1, "confirm_within": 1})
    return Pipeline(
        detect=config.detect,
        gate=MotionGate(),
        quest=Search(config.cadence.full_scan_s),
        cadence=Cadence(config.cadence),
        detector=HaarDetector(verifier or _load_verifier(config)),
        tracker=Tracker(
            config.track, 1 if config.detect.largest_only else config.detect.max_faces, ids
        ),
        classifier=classifier or _load_classifier(config),
        mood=lambda scores, at: Mood(config.mood, scores, at),
        events=EventDiff(config.publish),
        clock=clock,
    )


def _load_classifier(config: Config) -> Classifier:
    from edgeemo.classifier import TFLiteClassifier  # late: tests inject one without a runtime

    return TFLiteClassifier(config.model)


def _load_verifier(config: Config) -> FaceVerifier:
    from edgeemo.classifier import TFLiteClassifier  # late, as above

    model = config.model.model_copy(update={"path": config.detect.model})
    return FaceVerifier(TFLiteClassifier(model))


def _changed(config: Config, section: str, values: Mapping[str, float]) -> Config:
    changed = getattr(config, section).model_copy(update=dict(values))
    return config.model_copy(update={section: changed})
