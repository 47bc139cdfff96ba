"""What a frame costs, beside the plain loop that this program replaces, on the same frames in one run.

CPU is the processor time of the whole process, all threads; reading and decoding a frame is the
input's cost and stands by itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from edgeemo.address import Address, Kind
from edgeemo.config import CameraConfig, Config
from edgeemo.pipeline import Classifier, build_pipeline
from edgeemo.preprocess import to_grey
from edgeemo.sight.detector import load_cascade
from edgeemo.sources import Source, make_source
from edgeemo.types import Box, Frame

MS_PER_S = 1000.0
KIB_PER_MIB = 1024

BASELINE_SCALE = 1.1
BASELINE_NEIGHBORS = 5
"""The articles' loop: Haar over the full frame, every frame, and one classification a face."""

Frames = Callable[[], Iterable[Frame]]


@dataclass(slots=True)
class Stopwatch:
    """Adds up processor and wall seconds over the times that it is entered."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    _started: tuple[float, float] = (0.0, 0.0)

    def __enter__(self) -> Stopwatch:
        self._started = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        cpu, wall = self._started
        self.cpu_s += time.process_time() - cpu
        self.wall_s += time.perf_counter() - wall

    def per_frame(self, frames: int) -> dict[str, float]:
        """Milliseconds a frame."""
        share = MS_PER_S / max(frames, 1)
        return {"cpu_ms": round(self.cpu_s * share, 3), "wall_ms": round(self.wall_s * share, 3)}


def repeatable_source(config: CameraConfig) -> Source:
    """The source, whose frames are the same in each pass, however fast they are taken.

    The demo goes by a clock that stands still: by a real one it leaves out what comes too late.
    """
    if Address.parse(config.source).kind is Kind.DEMO:
        return make_source(config, clock=lambda: 0.0)
    return make_source(config)


def bench(
    config: Config, classifier: Classifier, frames: Frames, *, limit: int, with_baseline: bool
) -> dict[str, Any]:
    """Measure the pipeline, and if asked for the plain loop, over the same frames.

    Args:
        config: the settings to look with.
        classifier: the network of both.
        frames: opens the input and gives its frames; called once a pass.
        limit: at most so many frames.
        with_baseline: whether the plain loop runs too.

    Returns:
        The object that `bench --json` prints; times are milliseconds a frame over all frames,
        `peak_rss_mb` is that of the process up to the end of the pipeline's pass.
    """
    report = _measure_pipeline(config, classifier, islice(frames(), limit))
    if with_baseline:
        baseline = _measure_baseline(classifier, islice(frames(), limit))
        report["baseline"] = baseline
        own = max(report["cpu_ms"], 1e-3)
        report["ratio"] = round(baseline["cpu_ms"] / own, 1)
        report["ratio_haar"] = round(baseline["haar"]["cpu_ms"] / own, 1)
    return report


def _measure_pipeline(
    config: Config, classifier: Classifier, frames: Iterator[Frame]
) -> dict[str, Any]:
    pipeline = build_pipeline(config, classifier, clock=time.process_time)
    step, reading = Stopwatch(), Stopwatch()
    skipped: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    faces: set[int] = set()
    count = 0
    for frame in _timed(frames, reading):
        with step:
            look = pipeline.step(frame)
        count += 1
        skipped.update([str(look.skipped)] if look.skipped else [])
        refused.update(look.refused)
        stages.update(look.stages)
        faces |= {face.track.id for face in look.faces}
    return {
        "frames": count,
        "analysed": count - skipped.total(),
        "skipped": dict(skipped),
        "refused": dict(refused),
        "faces": len(faces),
        **step.per_frame(count),
        "stages_cpu_ms": {k: round(v * MS_PER_S / max(count, 1), 3) for k, v in stages.items()},
        "read": reading.per_frame(count),
        "peak_rss_mb": peak_rss_mb(),
    }


def peak_rss_mb(status: Path = Path("/proc/self/status")) -> float:
    """The most memory that this program has held so far, in MiB.

    Not getrusage's ru_maxrss: that begins with what the parent held when it started us.
    """
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return round(int(fields["VmHWM"].split()[0]) / KIB_PER_MIB, 1)


def _measure_baseline(classifier: Classifier, frames: Iterator[Frame]) -> dict[str, Any]:
    cascade = load_cascade("frontalface_default")
    haar, classify = Stopwatch(), Stopwatch()
    count = found = 0
    for frame in frames:
        with haar:
            boxes = _plain_haar(cascade, frame)
        with classify:
            for box in boxes:
                classifier.classify(frame.image, [(box, 0.0)])
        count += 1
        found += len(boxes)
    total = Stopwatch(haar.cpu_s + classify.cpu_s, haar.wall_s + classify.wall_s)
    return {
        **total.per_frame(count),
        "haar": haar.per_frame(count),
        "classify": classify.per_frame(count),
        "faces_found": found,
    }


def _plain_haar(cascade: cv2.CascadeClassifier, frame: Frame) -> list[Box]:
    found = cascade.detectMultiScale(to_grey(frame.image), BASELINE_SCALE, BASELINE_NEIGHBORS)
    return [Box(*map(float, box)) for box in found]


def _timed(frames: Iterator[Frame], watch: Stopwatch) -> Iterator[Frame]:
    """The same frames, the time until each of them taken."""
    while True:
        with watch:
            frame = next(frames, None)
        if frame is None:
            return
        yield frame
