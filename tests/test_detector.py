"""Detector, verifier, view and flow on painted faces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig, bundled_model, bundled_verifier
from edgeemo.errors import ModelError, RuntimeMissingError
from edgeemo.sight.detector import HaarDetector, load_cascade
from edgeemo.sight.flow import follow
from edgeemo.sight.search import Share
from edgeemo.sight.verifier import FaceVerifier
from edgeemo.sight.view import DIM, View, turned
from edgeemo.types import Box, Frame, Picture
from scenery import SIZE, Actor, paint

WHOLE = Box(0.0, 0.0, *SIZE)


@pytest.fixture(scope="module")
def verifier() -> FaceVerifier:
    """The network that ships."""
    return FaceVerifier(TFLiteClassifier(ModelConfig(path=bundled_verifier())))


@pytest.fixture(scope="module")
def detector(verifier: FaceVerifier) -> HaarDetector:
    """The detector with the network that ships."""
    return HaarDetector(verifier)


def view(*actors: Actor, light: float = 1.0) -> View:
    """A view of painted faces."""
    return View(Frame(paint(actors, light=light), 0.0, 0))


def textured(seed: int = 3) -> Picture:
    """A grey picture in which every place is unlike its neighbours."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    waves = sum(
        np.sin((columns * np.cos(a) + rows * np.sin(a)) * f + p)
        for a, f, p in zip(
            random.uniform(0, 6, 12),
            random.uniform(0.05, 0.5, 12),
            random.uniform(0, 6, 12),
            strict=True,
        )
    )
    return np.asarray(128 + 18 * waves, np.float32).clip(0, 255).astype(np.uint8)


def test_load_cascade_names_what_to_install() -> None:
    """An OpenCV without the cascade is said in one line, with the package to install."""
    with pytest.raises(
        RuntimeMissingError, match=r"install 'opencv-python-headless<5'.*opencv-data"
    ):
        load_cascade("no_such_thing")


def test_propose_finds_a_face_of_the_size_sought(detector: HaarDetector) -> None:
    """One proposal, where the face is."""
    actor = Actor(300, 120, 96)
    share = Share(WHOLE, actor.box.w, 0.0)
    best = max(detector.propose(view(actor), share), key=lambda proposal: proposal.likelihood)
    assert best.box.iou(actor.box) > 0.5
    assert best.likelihood > 0.9


@pytest.mark.parametrize("tilt", [30.0, -30.0])
def test_propose_finds_a_tilted_face_near_the_edge(detector: HaarDetector, tilt: float) -> None:
    """Turning the picture loses none of its corners."""
    for x, y in ((60, 60), (420, 60), (60, 210), (420, 210)):
        actor = Actor(x, y, 96, tilt=tilt)
        proposals = [
            proposal
            for side in (75, 85, 95)
            for proposal in detector.propose(view(actor), Share(WHOLE, side, tilt))
        ]
        assert any(p.box.iou(actor.box) > 0.5 for p in proposals), (x, y)
        assert {p.angle for p in proposals} == {tilt}


def test_propose_looks_only_in_its_region(detector: HaarDetector) -> None:
    """A face outside of the region is another share's."""
    share = Share(Box(0, 0, 240, 270), 86.0, 0.0)
    assert detector.propose(view(Actor(400, 130, 96)), share) == []


def test_propose_skips_a_region_smaller_than_the_face(detector: HaarDetector) -> None:
    """There is no room for one."""
    share = Share(Box(0, 0, 60, 60), 86.0, 0.0)
    assert detector.propose(view(), share) == []


def test_examine_centres_a_face(detector: HaarDetector) -> None:
    """A box that is off by a fifth is put right."""
    actor = Actor(240, 130, 110)
    found = detector.examine(view(actor), actor.box.shift(18, -12), 0.0)
    assert found is not None
    assert found.box.iou(actor.box) > 0.6
    assert found.score > 0.9


def test_examine_finds_nothing_on_a_wall(detector: HaarDetector) -> None:
    """Neither cascade nor network see a face in it."""
    assert detector.examine(view(), Box(200, 100, 80, 80), 0.0) is None


def test_examine_finds_a_tilted_face_at_its_tilt(detector: HaarDetector) -> None:
    """Told the tilt, a head on its shoulder is plain."""
    actor = Actor(240, 130, 110, tilt=40.0)
    found = detector.examine(view(actor), actor.box, 40.0)
    assert found is not None
    assert (found.angle, found.score > 0.9) == (40.0, True)


def test_refind_finds_a_face_that_jumped(detector: HaarDetector) -> None:
    """A face lost by the flow is looked for around the place where it was."""
    actor = Actor(280, 150, 96)
    found = detector.refind(view(actor), actor.box.shift(-60, 30), 0.0)
    assert found is not None
    assert found.box.iou(actor.box) > 0.5


@pytest.mark.parametrize("light", [1.0, 0.4, 0.12])
def test_verifier_knows_a_face_by_day_and_night(verifier: FaceVerifier, light: float) -> None:
    """A face is likely, what is beside it is not."""
    actor = Actor(240, 130, 100)
    scene = view(actor, light=light)
    assert verifier.likelihood(scene, actor.box, 0.0) > 0.9
    assert verifier.likelihood(scene, actor.box.shift(120, 0), 0.0) < 0.1
    assert verifier.likelihood(scene, actor.box, 180.0) < 0.5


def test_verifier_refuses_a_network_of_another_kind() -> None:
    """The network of expressions has no label for faces."""
    with pytest.raises(ModelError, match="needs one with the label face"):
        FaceVerifier(TFLiteClassifier(ModelConfig(path=bundled_model())))


def test_follow_goes_along_with_a_face() -> None:
    """Shifted, grown and tilted a little, it is followed to within a tenth of its side."""
    before, after = Actor(240, 130, 96), Actor(252, 124, 102, tilt=8.0)
    place = follow(view(before), view(after), before.box, 0.0)
    assert place is not None
    assert place.box.iou(after.box) > 0.85
    assert place.angle == pytest.approx(8.0, abs=3.0)


def test_follow_says_when_it_lost_a_face() -> None:
    """Another picture altogether: nothing comes back to where it started."""
    before, after = (View(Frame(textured(seed), 0.0, 0)) for seed in (3, 4))
    assert follow(before, after, Box(200, 100, 80, 80), 0.0) is None


def test_follow_drifts_little_over_many_steps() -> None:
    """Over 40 steps of a sway the box stays on the face."""
    box, angle = Actor(240, 130, 96).box, 0.0
    views = [view(Actor(240 + 40 * np.sin(i / 6), 130, 96)) for i in range(40)]
    for before, after in itertools.pairwise(views):
        place = follow(before, after, box, angle)
        assert place is not None
        box, angle = place
    assert box.iou(Actor(240 + 40 * np.sin(39 / 6), 130, 96).box) > 0.75
    assert abs(angle) < 6


def test_view_patch_is_the_box_in_the_picture() -> None:
    """Cut at its own size, without a turn, pixels are the picture's own."""
    picture = textured()
    patch = View(Frame(picture, 0.0, 0)).patch(Box(100, 50, 64, 48), (64, 48))
    assert np.abs(patch.astype(int) - picture[50:98, 100:164]).max() <= 1


def test_view_patch_of_a_large_box_does_not_alias() -> None:
    """Shrunk sixteen times, stripes of one pixel become even grey."""
    stripes = np.zeros((270, 480), np.uint8)
    stripes[:, ::2] = 200
    patch = View(Frame(stripes, 0.0, 0)).patch(Box(0, 0, 480, 270), (30, 17))
    assert patch[1:-1, 1:-1].std() < 3


def test_view_brightens_the_dark_and_nothing_else() -> None:
    """A night picture's patches reach what the cascades need; a bright one is left as it is."""
    actor = Actor(240, 130, 100)
    day, night = view(actor), view(actor, light=0.2)
    assert float(night.glance.max()) < DIM
    size = (40, 40)
    assert night.patch(actor.box, size).std() > 0.6 * day.patch(actor.box, size).std()
    assert day.patch(WHOLE, SIZE).max() == pytest.approx(paint([actor]).max(), abs=20)


def test_view_glance_has_the_aspect_of_the_picture() -> None:
    """Sixty cells across, whatever the size."""
    assert view().glance.shape == (34, 60)
    assert View(Frame(paint([], (1280, 720)), 0.0, 0)).glance.shape == (34, 60)


def test_turned_is_black_outside() -> None:
    """What lies beyond the picture looks like nothing."""
    patch = turned(np.full((50, 50), 200, np.uint8), Box(-25, 0, 50, 50), (50, 50), 0.0)
    assert (patch[:, :24] == 0).all()
    assert (patch[:, 26:] == 200).all()


def test_view_gives_a_patch_of_any_box_of_a_tiny_picture() -> None:
    """There are no octaves below a single pixel; all that is outside is black."""
    tiny = View(Frame(np.full((1, 3), 255, np.uint8), 0.0, 0))
    patch = tiny.patch(Box(-300.0, -300.0, 600.0, 600.0), (20, 20))
    assert patch.shape == (20, 20)
    assert not patch[0].any()
