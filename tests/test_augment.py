"""Random changes to faces: in bounds, repeatable, and none when none are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    """A rectangle of any area and shape fits into the picture."""
    erase = Augmentation(erase=1.0, erase_area=(0.001, 1.0))
    assert erase(FACES[:1], np.random.default_rng(seed)).shape[0] == 1


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
