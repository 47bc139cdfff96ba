"""The values that travel through edgeemo: frozen, small, and able to check themselves.

Floor 0: imports nothing of the project. Instants (`at`) are monotonic seconds stamped at capture;
wall time is added only when a `Message` is formed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""uint8 pixels: (height, width) grey or (height, width, 3) in OpenCV's order, blue first."""

UNCERTAIN = "uncertain"
"""The mood of a face whose scores favour no label enough."""

NO_FACE = "no_face"
"""The state of a camera that sees nobody."""


class Box(NamedTuple):
    """An upright rectangle in pixels, its origin at the picture's top left; any float values."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """First column to the right of the box."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """First row below the box."""
        return self.y + self.h

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def area(self) -> float:
        """Square pixels; 0 for a box without width or height."""
        return max(self.w, 0.0) * max(self.h, 0.0)

    def iou(self, other: Box) -> float:
        """Intersection over union with `other`, 0..1."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)

    def grow(self, margin: float) -> Box:
        """The box with `margin` times its width (height) added on the left and right (top and bottom)."""
        dx, dy = self.w * margin, self.h * margin
        return Box(self.x - dx, self.y - dy, self.w + 2 * dx, self.h + 2 * dy)

    def clip(self, width: float, height: float) -> Box:
        """The part of the box that lies in a picture of `width` x `height`; may be empty."""
        x, y = min(max(self.x, 0.0), width), min(max(self.y, 0.0), height)
        right, bottom = min(max(self.right, x), width), min(max(self.bottom, y), height)
        return Box(x, y, right - x, bottom - y)

    def scale(self, factor_x: float, factor_y: float | None = None) -> Box:
        """The same place in a picture whose sides are `factor` times as long."""
        fy = factor_x if factor_y is None else factor_y
        return Box(self.x * factor_x, self.y * fy, self.w * factor_x, self.h * fy)

    def shift(self, dx: float, dy: float) -> Box:
        """The box moved by (dx, dy) pixels."""
        return self._replace(x=self.x + dx, y=self.y + dy)

    def rounded(self) -> tuple[int, int, int, int]:
        """(x, y, w, h) in whole pixels."""
        return round(self.x), round(self.y), round(self.w), round(self.h)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source.

    `image` is what crops are cut from and what every box refers to. `luma` is a grey picture of
    the same view, of any size with the same aspect, when the source had one at no cost (the Y
    plane of a camera's low-resolution stream); detection prefers it.
    """

    image: Picture
    at: float
    index: int
    luma: Picture | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of `image` in pixels."""
        height, width = self.image.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found in one frame.

    `box` is in pixels of the frame's image; `score` is the detector's own, higher is surer;
    `angle` is the head's tilt in degrees, clockwise in the picture, 0 upright.
    """

    box: Box
    score: float = 0.0
    angle: float = 0.0


@dataclass(frozen=True, slots=True)
class Track:
    """A face followed over frames. `id` is unique within the run and never used again.

    `seen_at` is when a detection last backed the box; between detections the box is carried on.
    """

    id: int
    box: Box
    since: float
    seen_at: float
    angle: float = 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities by label: `values` are 0..1 and sum to 1, in the order of `labels`."""

    labels: tuple[str, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.values):
            raise ValueError(f"{len(self.labels)} labels but {len(self.values)} values")
        if not math.isclose(sum(self.values), 1.0, abs_tol=1e-3):
            raise ValueError(f"scores sum to {sum(self.values):.4f}, not 1")

    @property
    def best(self) -> tuple[str, float]:
        """The label of the greatest value, and that value; the first of equals."""
        index = max(range(len(self.values)), key=self.values.__getitem__)
        return self.labels[index], self.values[index]

    def as_dict(self) -> dict[str, float]:
        """Label -> probability."""
        return dict(zip(self.labels, self.values, strict=True))


class EventKind(StrEnum):
    """What can happen to a face: a closed list, part of the event contract."""

    APPEARED = "appeared"
    CHANGED = "changed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class EmotionEvent:
    """Something that happened to one face at `at` (monotonic seconds).

    `confidence` is the smoothed probability (0..1) of the strongest label. `duration_s` is the
    time in the `previous` label for `changed`, the time seen for `left`, None for `appeared`.
    `box` is in pixels of a frame of `frame_size` (width, height).
    """

    kind: EventKind
    face: int
    label: str
    previous: str | None
    confidence: float
    scores: Scores
    box: Box
    frame_size: tuple[int, int]
    at: float
    duration_s: float | None = None

    def __str__(self) -> str:
        """One line for people, without the time."""
        match self.kind:
            case EventKind.APPEARED:
                return f"face {self.face} appeared: {self.label} ({self.confidence:.0%})"
            case EventKind.CHANGED:
                change = f"{self.previous} -> {self.label} ({self.confidence:.0%})"
                return f"face {self.face} changed: {change} after {self.duration_s:.1f} s"
            case EventKind.LEFT:
                return f"face {self.face} left: {self.label}, seen for {self.duration_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Face:
    """A tracked face with the mood it is in: what `analyze` prints and what the state is made of."""

    track: Track
    label: str
    confidence: float
    scores: Scores


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publish: `payload` is UTF-8 JSON or a bare word."""

    topic: str
    payload: str
    qos: int = 0
    retain: bool = False
