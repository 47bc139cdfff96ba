"""Random changes to faces: in bounds, repeatable, and none when none are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

from edgeemo.types import Picture
from learning.augment import Augmentation, mix
from learning.recipes import RECIPES

FACES: Picture = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1), dtype=np.uint8)


def test_augmentation_without_ranges_changes_nothing() -> None:
    """The default gives the same pixels back."""
    same = Augmentation()(FACES, np.random.default_rng(1))
    assert np.array_equal(same.reshape(FACES.shape), FACES)


@pytest.mark.parametrize("size", [(32, 32), (20, 24)])
def test_augmentation_resizes_about_the_middle(size: tuple[int, int]) -> None:
    """A smaller size shows the whole face: a ramp stays the same ramp, sampled less often."""
    ramp: Picture = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (1, 48, 1))
    small = Augmentation()(ramp, np.random.default_rng(1), size)
    width, height = size
    assert small.shape == (1, height, width)
    expected = ((np.arange(width) + 0.5) * 48 / width - 0.5) * 5
    assert small[0, 0].astype(float) == pytest.approx(expected, abs=1)


def test_augmentation_flips_left_and_right() -> None:
    """A sure flip is the mirrored picture, to the pixel."""
    flipped = Augmentation(flip=1.0)(FACES, np.random.default_rng(1))
    assert np.array_equal(flipped.reshape(FACES.shape), FACES[:, :, ::-1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_augmentation_of_every_recipe_keeps_the_shape(name: str, channels: int) -> None:
    """Grey and colour come out as they went in, changed, and the same for a seed."""
    faces = np.repeat(FACES, channels, axis=3)
    augmentation = RECIPES[name].augmentation
    first, second = (augmentation(faces, np.random.default_rng(3)) for _ in range(2))
    assert first.reshape(faces.shape).dtype == np.uint8
    assert np.array_equal(first, second)
    changed = not np.array_equal(first.reshape(faces.shape), faces)
    assert changed == (augmentation != Augmentation())


@given(st.integers(0, 10_000))
def test_augmentation_erases_any_rectangle(seed: int) -> None:
    """One rectangle of any area and shape is painted over, and nothing else."""
    erase = Augmentation(erase=1.0, erase_area=(0.001, 1.0))
    # The same noise on black and on white: what is neither as it was in both was painted.
    black, white = (
        erase(np.full((1, 48, 48), level, np.uint8), np.random.default_rng(seed))[0]
        for level in (0, 255)
    )
    painted = (black != 0) | (white != 255)
    _, _, width, height = cv2.boundingRect(painted.astype(np.uint8))
    assert painted.sum() == width * height > 0


class Look(NamedTuple):
    """What can be measured of a bright bar on a dark ground."""

    area: float
    x: float
    y: float
    slant: float
    """How much further right each row of pixels lies than the one above."""
    lean: float
    """How much lower each column of pixels lies than the one on its left."""
    deviation: float
    steepest: float
    """The largest difference between neighbours."""

    @classmethod
    def of(cls, picture: Picture) -> Look:
        """Measured in pixels and grey levels."""
        m = cv2.moments(np.where(picture > 128, 255, 0).astype(np.uint8), binaryImage=True)
        return cls(
            area=m["m00"],
            x=m["m10"] / m["m00"],
            y=m["m01"] / m["m00"],
            slant=m["mu11"] / m["mu02"],
            lean=m["mu11"] / m["mu20"],
            deviation=float(picture.std()),
            steepest=float(np.abs(np.diff(picture.astype(int), axis=1)).max()),
        )


@pytest.mark.parametrize(
    ("augmentation", "happened"),
    [
        (Augmentation(zoom=(0.5, 0.5)), lambda was, now: now.area == pytest.approx(4 * was.area, rel=0.1)),
        (Augmentation(shift=0.2), lambda was, now: abs(now.x - was.x) > 1 < abs(now.y - was.y)),
        (Augmentation(rotation=40), lambda was, now: abs(now.lean - was.lean) > 0.1),
        (Augmentation(shear=0.5), lambda was, now: abs(now.slant - was.slant) > 0.1),
        (Augmentation(stretch=0.5), lambda was, now: abs(now.area / was.area - 1) > 0.1),
        (Augmentation(contrast=(0.5, 0.5)), lambda was, now: now.deviation == pytest.approx(was.deviation / 2, rel=0.02)),
        (Augmentation(blur=1.0), lambda was, now: now.steepest < 0.9 * was.steepest),
    ],
    ids=["zoom", "shift", "rotation", "shear", "stretch", "contrast", "blur"],
)  # fmt: skip
def test_augmentation_changes_what_its_range_is_of(
    augmentation: Augmentation, happened: Callable[[Look, Look], bool]
) -> None:
    """Each change by itself shows in the measure of a bar that it is about."""
    bar = np.full((48, 48), 40, np.uint8)
    bar[21:28, 17:32] = 220
    changed = augmentation(bar[np.newaxis], np.random.default_rng(0))[0]
    assert happened(Look.of(bar), Look.of(changed))


def test_augmentation_brightens_without_wrapping_round() -> None:
    """White stays white when light is added."""
    white = np.full((20, 16, 16), 255, np.uint8)
    lit = Augmentation(brightness=0.2)(white, np.random.default_rng(0))
    assert lit.min() >= 200


def test_mix_blends_pictures_and_targets_alike() -> None:
    """Inputs and targets are blended with the same share and partner; an unknown adds nothing."""
    inputs = np.eye(4, dtype=np.float32)
    shares = {"a": np.eye(4, dtype=np.float32)}
    known = {"a": np.ones(4, np.float32)}
    blended, mixed, mass = mix(inputs, shares, known, 0.4, np.random.default_rng(1))
    assert blended == pytest.approx(mixed["a"])
    assert mass["a"] == pytest.approx(np.ones(4))
    nothing = {"a": np.zeros(4, np.float32)}
    _, _, mass = mix(inputs, shares, nothing, 0.4, np.random.default_rng(1))
    assert mass["a"].tolist() == [0, 0, 0, 0]
