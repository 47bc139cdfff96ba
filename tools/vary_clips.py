#!/usr/bin/env python3
r"""Make harder clips of a clip with one face in each frame, with a faces.json of what became of it.

\b
    python tools/vary_clips.py ../shared/data/clips/head-pose-face-detection-male.gif varied/
    python tools/bench_sight.py varied/

Heads are tilted, turned and nodded by warping a disc around the face, two of them are put side by
side, the picture is darkened, moved, enlarged. That is not life, but its truth is known exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from command import PATH, command
from edgeemo.errors import InputError
from edgeemo.types import Box, Picture
from labelled.clips import FILE, truths, watched
from networks.refusal import writing

FPS = 12.5
SECONDS = 6.0
RADIUS = 0.66
"""Of the cylinder that a head is taken for when it turns, as a share of the face's side."""


class Shot(NamedTuple):
    """A picture and the faces in it."""

    picture: Picture
    faces: list[Box]


class Pose(NamedTuple):
    """How a head is held, in degrees: on its shoulder (clockwise), to the side, down."""

    tilt: float = 0.0
    turn: float = 0.0
    nod: float = 0.0


def posed(shot: Shot, pose: Pose) -> Shot:
    """The head of a shot in another pose."""
    (face,) = shot.faces
    height, width = shot.picture.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = face.center
    across, down = columns - x, rows - y
    cos, sin = np.cos(np.radians(pose.tilt)), np.sin(np.radians(pose.tilt))
    upright_x = _rolled(cos * across + sin * down, pose.turn, face.w * RADIUS)
    upright_y = _rolled(cos * down - sin * across, pose.nod, face.w * RADIUS)
    map_x, map_y = (np.asarray(m, np.float32) for m in (x + upright_x, y + upright_y))
    warped = cv2.remap(
        shot.picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # A disc around the head, soft at its edge, so that the shoulders stay where they are.
    share = np.clip((1.09 * face.w - np.hypot(across, down)) / (0.3 * face.w), 0, 1)[
        ..., np.newaxis
    ]
    picture = shot.picture * (1 - share) + warped * share
    # Half of what the middle of the face moves, its outline moves too.
    aside = 0.5 * RADIUS * face.w * float(np.sin(np.radians(pose.turn)))
    return Shot(np.asarray(picture, np.uint8), [face.shift(aside, 0)])


def _rolled(offset: NDArray[np.float32], degrees: float, radius: float) -> NDArray[np.float32]:
    """Where on a cylinder seen from the front a place was before it rolled by some degrees."""
    if degrees == 0:
        return offset
    angle = np.arcsin(np.clip(offset / radius, -0.999, 0.999)) - np.radians(degrees)
    rolled = radius * np.sin(np.clip(angle, -1.35, 1.35))
    return np.asarray(np.where(np.abs(offset) < radius, rolled, offset), np.float32)


def moved(shot: Shot, dx: float, dy: float) -> Shot:
    """The whole picture shifted, its edges drawn out."""
    size = shot.picture.shape[1::-1]
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    picture = cv2.warpAffine(shot.picture, shift, size, borderMode=cv2.BORDER_REPLICATE)
    return Shot(np.asarray(picture, np.uint8), [face.shift(dx, dy) for face in shot.faces])


def dark(shot: Shot, light: float, random: np.random.Generator) -> Shot:
    """With a share of the light, and a sensor's noise."""
    noise = random.normal(0, 3, shot.picture.shape)
    return shot._replace(
        picture=np.asarray(np.clip(shot.picture * light + noise, 0, 255), np.uint8)
    )


def side_by_side(left: Shot, right: Shot) -> Shot:
    """Two people, each in the middle of a half."""
    height, width = left.picture.shape[:2]
    left = moved(left, width / 4 - left.faces[0].center[0], 0)
    right = moved(right, 3 * width / 4 - right.faces[0].center[0], height / 10)
    picture = np.hstack([left.picture[:, : width // 2], right.picture[:, width // 2 :]])
    return Shot(picture, left.faces + right.faces)


def scale(shot: Shot, factor: float) -> Shot:
    """Enlarged."""
    picture = cv2.resize(shot.picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return Shot(np.asarray(picture, np.uint8), [face.scale(factor) for face in shot.faces])


def swing(at: float, degrees: float, period_s: float) -> float:
    """To and fro."""
    return degrees * float(np.sin(2 * np.pi * at / period_s))


def variations(random: np.random.Generator) -> dict[str, Callable[[Shot, float], Shot]]:
    """By name, what to do with a shot at an instant."""
    return {
        "tilted": lambda s, t: posed(s, Pose(tilt=swing(t, 35, 4))),
        "tilted-from-the-start": lambda s, t: posed(s, Pose(tilt=32 + swing(t, 8, 3))),
        "turned": lambda s, t: posed(s, Pose(turn=swing(t, 50, 5))),
        "turned-slowly-far": lambda s, t: posed(s, Pose(turn=swing(t, 65, 12))),
        "night": lambda s, _: dark(s, 0.12, random),
        "down-at-night": lambda s, t: dark(
            posed(s, Pose(nod=max(0, swing(t, 40, 6)))), 0.2, random
        ),
        "moved": lambda s, t: moved(s, swing(t, 90, 3), swing(t, 20, 2.2)),
        "two": lambda s, t: side_by_side(
            posed(s, Pose(tilt=swing(t, 38, 3.3))), posed(s, Pose(tilt=swing(t + 1, 38, 4.1)))
        ),
        "two-turning": lambda s, t: side_by_side(
            posed(s, Pose(swing(t, 32, 3.3), swing(t, 45, 2.9))),
            posed(s, Pose(swing(t + 1.2, 32, 4.1), swing(t, 45, 3.7))),
        ),
        "large": lambda s, t: scale(posed(s, Pose(swing(t, 25, 4), swing(t, 20, 3))), 1.6),
    }


def read(clip: Path) -> list[Shot]:
    """The shots of a clip, from the faces.json beside it.

    Raises:
        InputError: they can't be read, or not each of them has one face.
    """
    seen, truth = watched(clip.parent, clip.name, truths(clip.parent))
    for index, faces in enumerate(truth):
        if len(faces) != 1:
            raise InputError(f"{clip}: frame {index} has {len(faces)} faces: needed is one in each")
    return [Shot(frame.image, list(faces)) for frame, faces in zip(seen, truth, strict=True)]


def write(path: Path, shots: list[Shot]) -> list[list[Box]]:
    """A clip of MJPEG; returns its faces."""
    size = shots[0].picture.shape[1::-1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, size)
    for shot in shots:
        writer.write(shot.picture)
    writer.release()
    return [shot.faces for shot in shots]


@command(__doc__)
@click.argument("clip", type=PATH)
@click.argument("out", type=PATH)
def main(clip: Path, out: Path) -> None:  # noqa: D103 - click takes the help from the module
    shots = read(clip)
    # To the end and back again, so that the face never jumps.
    loop = shots + shots[-2:0:-1]
    truth = {}
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, change in variations(np.random.default_rng(1)).items():
            varied = [change(loop[i % len(loop)], i / FPS) for i in range(round(SECONDS * FPS))]
            truth[f"{name}.avi"] = write(out / f"{name}.avi", varied)
            click.echo(f"wrote {name}.avi")
        (out / FILE).write_text(json.dumps(truth), "utf-8")


if __name__ == "__main__":
    main()
