"""One contract, held against every backend; those that need hardware are skipped without it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from clips import plain, write_clip, write_gif
from edgeemo.config import CameraConfig
from edgeemo.errors import ConfigError, EndOfSource, SourceError
from edgeemo.sources import Source, frames, make_source
from edgeemo.sources.devices import list_cameras
from edgeemo.sources.picamera2 import list_pi_cameras
from netcamera import NetCamera

LONG_S = 30.0
COUNT = 4
"""Frames looked at of each source."""

Settings = dict[str, object]
Maker = Callable[[Path], Settings]


def _clip(folder: Path) -> Settings:
    return {"source": str(write_clip(folder / "clip.avi", range(0, 200, 20), fps=20))}


def _realtime(folder: Path) -> Settings:
    return _clip(folder) | {"realtime": True}


def _gif(folder: Path) -> Settings:
    return {"source": str(write_gif(folder / "clip.gif", range(0, 200, 20), [0.05] * 10))}


def _folder(folder: Path) -> Settings:
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), plain(index * 30))
    return {"source": str(folder)}


def _demo(folder: Path) -> Settings:
    return {"source": "demo", "fps": 60, "width": 320, "height": 240}


def _usb(folder: Path) -> Settings:
    if not (cameras := list_cameras()):
        pytest.skip("no USB camera: /dev/video* is missing or no camera")
    return {"source": str(cameras[0].path), "width": 640, "height": 480}


def _pi(folder: Path) -> Settings:
    if not list_pi_cameras():
        pytest.skip("no Pi camera: picamera2 is missing, or lists none")
    return {"source": "picamera2", "width": 640, "height": 480}


def _auto(folder: Path) -> Settings:
    if not (list_pi_cameras() or list_cameras()):
        pytest.skip("no camera of any kind")
    return {"source": "auto", "width": 640, "height": 480}


BACKENDS: dict[str, Maker] = {
    "clip": _clip,
    "realtime clip": _realtime,
    "gif": _gif,
    "folder": _folder,
    "demo": _demo,
    "v4l2": _usb,
    "picamera2": _pi,
    "auto": _auto,
}


@pytest.fixture(scope="module")
def camera() -> Iterator[NetCamera]:
    """A network camera, running."""
    camera = NetCamera()
    camera.start()
    yield camera
    camera.stop()


@pytest.fixture(
    params=[*BACKENDS, pytest.param("stream", marks=pytest.mark.real)],
)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """The camera's section for one backend, whose camera, file or server is there."""
    if request.param != "stream":
        return BACKENDS[request.param](tmp_path)
    camera: NetCamera = request.getfixturevalue("camera")
    return {"source": camera.url()}


@pytest.fixture
def source(settings: Settings) -> Iterator[Source]:
    """One backend, not yet open."""
    source = make_source(CameraConfig.model_validate(settings))
    yield source
    source.close()


def test_source_gives_colour_pictures_of_one_size(source: Source) -> None:
    """Every image is uint8, (height, width, 3), and of the size of the first."""
    source.open()
    images = [source.read().image for _ in range(COUNT)]
    assert {(image.dtype, image.ndim, image.shape[2]) for image in images} == {
        (np.dtype(np.uint8), 3, 3)
    }
    assert len({image.shape for image in images}) == 1


def test_source_numbers_and_stamps_its_frames_upwards(source: Source) -> None:
    """Index and time of each frame are greater than those of the frame before."""
    source.open()
    seen = [source.read() for _ in range(COUNT)]
    assert all(a.index < b.index and a.at < b.at for a, b in itertools.pairwise(seen))


def test_source_stamps_by_the_clock_if_live_and_from_zero_if_not(source: Source) -> None:
    """A camera's frames are of now; a file begins at its own beginning."""
    before = time.monotonic()
    source.open()
    frame = source.read()
    if source.live:
        assert before - 1.0 <= frame.at <= time.monotonic() + 1.0
    else:
        assert (frame.at, frame.index) == (0.0, 0)


def test_source_luma_shows_the_same_view(source: Source) -> None:
    """A grey picture, where there is one, is (height, width) uint8 of the image's aspect."""
    source.open()
    frame = source.read()
    if frame.luma is not None:
        assert (frame.luma.ndim, frame.luma.dtype) == (2, np.dtype(np.uint8))
        height, width = frame.luma.shape
        assert width / height == pytest.approx(frame.size[0] / frame.size[1], rel=0.02)


def test_source_can_be_closed_twice_and_opened_again(source: Source) -> None:
    """Pause and resume: after closing, opening gives pictures again."""
    source.open()
    source.read()
    source.close()
    source.close()
    source.open()
    assert source.read().image.size > 0


def test_source_can_be_opened_while_open(source: Source) -> None:
    """Opening anew lets go of what was open."""
    source.open()
    source.read()
    source.open()
    assert source.read().image.size > 0


def test_source_close_before_open_is_harmless(source: Source) -> None:
    """There is nothing to close."""
    source.close()


@pytest.mark.parametrize("opened_before", [False, True])
def test_source_read_while_closed_is_an_error(source: Source, opened_before: bool) -> None:
    """Neither before the first opening nor after closing are there pictures."""
    if opened_before:
        source.open()
        source.close()
    with pytest.raises(SourceError):
        source.read()


def test_source_leaves_no_file_open(source: Source) -> None:
    """Opened and closed many times, it holds no more descriptors than after the first time."""
    counts = []
    for _ in range(4):
        source.open()
        source.read()
        source.close()
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    assert counts[-1] <= counts[0]


def test_source_has_an_end_only_if_it_is_not_a_camera(source: Source, settings: Settings) -> None:
    """`frames` yields all of a file and then stops; a camera goes on."""
    count = 0
    for _ in frames(source):
        count += 1
        if count == 3 * COUNT:
            break
    ends = (
        str(settings["source"]).endswith((".avi", ".gif")) or Path(str(settings["source"])).is_dir()
    )
    assert (count < 3 * COUNT) == ends


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_source_turns_and_mirrors(settings: Settings, rotate: int) -> None:
    """A quarter turn exchanges the sides; half a turn keeps them."""
    straight = _first_size(settings)
    turned = _first_size(settings | {"rotate": rotate, "mirror": True})
    assert turned == (straight if rotate == 180 else straight[::-1])


def _first_size(settings: Settings) -> tuple[int, int]:
    stream = frames(make_source(CameraConfig.model_validate(settings)))
    return next(stream).size


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("/dev/video97", "/dev/video97 is not there"),
        ("v4l2:98", "/dev/video98 is not there"),
        ("/dev/null", "/dev/null can't be opened"),
        ("rtsp://127.0.0.1:1/x", "rtsp://127.0.0.1:1/x can't be opened"),
        ("http://me:secret@127.0.0.1:1/x", "http://***@127.0.0.1:1/x can't be opened"),
    ],
)
def test_source_that_is_not_there_says_so_in_one_line(
    source: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The device or address is named, without a log-in, and the libraries keep quiet."""
    with pytest.raises(SourceError) as caught:
        make_source(CameraConfig(source=source, open_timeout_s=2.0)).open()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_source_picamera2_names_the_package_that_is_missing() -> None:
    """Without picamera2 the message tells how to install it, and how to let it be seen."""
    if list_pi_cameras():
        pytest.skip("picamera2 is here")
    with pytest.raises(SourceError, match=r"apt install python3-picamera2.*--system-site-packages"):
        make_source(CameraConfig(source="picamera2")).open()


def test_source_auto_without_any_camera_says_what_to_do() -> None:
    """The message says what was looked for, and how to name a camera."""
    if list_pi_cameras() or list_cameras():
        pytest.skip("there is a camera")
    with pytest.raises(SourceError, match=r"no camera found.*camera\.source"):
        make_source(CameraConfig(source="auto")).open()


def test_make_source_refuses_a_form_it_does_not_know() -> None:
    """A scheme that no backend has is a mistake in the settings."""
    with pytest.raises(ConfigError, match=r"camera\.source: a URL starts with one of"):
        make_source(CameraConfig.model_construct(source="ftp://cam/x"))


def test_frames_closes_a_source_that_is_left_early(tmp_path: Path) -> None:
    """Who stops looking need not think of closing."""
    source = make_source(CameraConfig.model_validate(_clip(tmp_path)))
    stream = frames(source)
    next(stream)
    stream.close()
    with pytest.raises(SourceError):
        source.read()


def test_source_file_ends_again_and_again(tmp_path: Path) -> None:
    """A file that has ended stays so until it is opened again."""
    source = make_source(CameraConfig.model_validate(_clip(tmp_path)))
    assert len(list(frames(source))) == 10
    source.open()
    for _ in range(10):
        source.read()
    with pytest.raises(EndOfSource):
        source.read()
