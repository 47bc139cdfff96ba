"""picamera2: what can be told without a camera, and what a real picamera2 does when there is one."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from edgeemo.capture import Capture
from edgeemo.config import CameraConfig
from edgeemo.errors import ConfigError, SourceError
from edgeemo.mailbox import Mailbox
from edgeemo.sources.picamera2 import (
    BUFFERS,
    Picamera2Source,
    list_pi_cameras,
    luma_size,
    to_bgr,
    to_luma,
)

LONG_S = 30.0
QUICK = CameraConfig(width=640, height=480, stall_s=1.0, retry_max_s=0.1)

needs_camera = pytest.mark.skipif(
    not list_pi_cameras(), reason="no Pi camera: picamera2 is missing, or lists none"
)


@pytest.mark.parametrize(
    ("size", "luma"),
    [
        ((1280, 720), (640, 360)),
        ((1920, 1080), (640, 360)),
        ((640, 480), (640, 480)),
        ((320, 240), (320, 240)),
        ((1296, 972), (640, 480)),
    ],
)
def test_luma_size_keeps_the_aspect(size: tuple[int, int], luma: tuple[int, int]) -> None:
    """At most 640 wide, never larger than the picture, and even, as 4:2:0 needs."""
    assert luma_size(size) == luma


def test_to_luma_takes_the_y_plane_without_its_padding() -> None:
    """Rows are longer in memory than in the picture, and colour follows below."""
    plane = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
    grey = to_luma(plane, {"size": (10, 8), "format": "YUV420"})
    assert grey.tolist() == plane[:8, :10].tolist()
    assert grey.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("format_", ["RGB888", "YUV420"])
def test_to_bgr_gives_blue_green_red(format_: str) -> None:
    """Whatever the stream's format, what comes out has blue first and the stream's size."""
    picture = np.full((8, 16, 3), (200, 90, 30), np.uint8)
    array = picture if format_ == "RGB888" else cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    bgr = to_bgr(np.asarray(array, np.uint8), {"size": (16, 8), "format": format_})
    assert bgr.shape == (8, 16, 3)
    assert np.abs(bgr.astype(int) - picture).max() <= 3


def test_to_bgr_refuses_a_format_that_it_does_not_know() -> None:
    """Raw sensor data is not taken for a picture."""
    with pytest.raises(SourceError, match="SBGGR10"):
        to_bgr(np.zeros((8, 16), np.uint8), {"size": (16, 8), "format": "SBGGR10"})


@contextlib.contextmanager
def all_buffers_held(source: Picamera2Source) -> Iterator[None]:
    """Keep every buffer of an open camera, so that it has nothing to deliver pictures in."""
    camera: Any = source._camera
    held = [camera.capture_request() for _ in range(BUFFERS)]
    yield
    for request in held:
        request.release()


@needs_camera
def test_picamera2_that_stops_delivering_is_lost_within_the_time_out() -> None:
    """Without a picture for `stall_s` it is given up; closed and opened again, it works."""
    source = Picamera2Source(0, QUICK)
    source.open()
    source.read()
    with all_buffers_held(source):
        with pytest.raises(SourceError, match="no picture for 1 s"):
            source.read()
        source.close()
        source.open()
        assert source.read().size == (640, 480)
    source.close()


@needs_camera
def test_picamera2_comes_back_on_the_capture_thread(caplog: pytest.LogCaptureFixture) -> None:
    """A freeze is one loss and one return in the log, and pictures of after it."""
    caplog.set_level(logging.INFO, logger="edgeemo")
    source = Picamera2Source(0, QUICK)
    mailbox = Mailbox()
    capture = Capture(source, mailbox, QUICK)
    capture.start()
    assert mailbox.take(LONG_S) is not None
    with all_buffers_held(source):
        deadline = time.monotonic() + LONG_S
        while capture.losses == 0 and time.monotonic() < deadline:
            mailbox.take(0.05)
        lost_at = time.monotonic()
        back = mailbox.take(LONG_S)
    capture.stop(LONG_S)
    assert back is not None
    assert back.at > lost_at - 1.0
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]


@needs_camera
def test_picamera2_is_free_for_others_while_paused() -> None:
    """In use it can't be opened twice, which is said; paused, somebody else can have it."""
    source, other = Picamera2Source(0, QUICK), Picamera2Source(0, QUICK)
    capture = Capture(source, mailbox := Mailbox(), QUICK)
    capture.start()
    assert mailbox.take(LONG_S) is not None
    with pytest.raises(SourceError, match="can't be started"):
        other.open()
    capture.pause()
    pause = threading.Event()
    while source._camera is not None:
        pause.wait(0.01)
    other.open()
    assert other.read().size == (640, 480)
    other.close()
    mailbox.clear()
    capture.resume()
    assert mailbox.take(LONG_S) is not None
    capture.stop(LONG_S)


@needs_camera
def test_picamera2_stamps_frames_when_they_were_exposed() -> None:
    """The stamp is the sensor's, before the frame was handed over and not long ago."""
    source = Picamera2Source(0, QUICK)
    source.open()
    for _ in range(5):
        frame = source.read()
        assert 0.0 < time.monotonic() - frame.at < 1.0
    source.close()


@needs_camera
def test_picamera2_says_what_size_it_gives_instead(caplog: pytest.LogCaptureFixture) -> None:
    """A size that the camera does not have is told once, not at each opening."""
    source = Picamera2Source(0, CameraConfig(width=1234, height=700))
    for _ in range(2):
        source.open()
        size = source.read().size
        source.close()
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"picamera2:0 gives {size[0]} x {size[1]} instead of 1234 x 700"]


@needs_camera
@pytest.mark.parametrize("controls", [{"Sharpnes": 1.0}, {"FaceDetectMode": "Maybe"}])
def test_picamera2_refuses_controls_that_it_does_not_have(controls: dict[str, object]) -> None:
    """A misspelt control or value is a mistake in the settings, not a lost camera."""
    source = Picamera2Source(0, CameraConfig(controls=controls))
    with pytest.raises(ConfigError, match=r"camera\.controls"):
        source.open()
    source.close()


@needs_camera
def test_picamera2_takes_a_control_by_the_name_of_its_value() -> None:
    """`AfMode: Continuous` is easier to write than its number; drafts of controls count too."""
    source = Picamera2Source(0, QUICK)
    source.open()
    known = source._camera.camera_controls
    source.close()
    named = {"AfMode": "Continuous", "FaceDetectMode": "Off"}
    controls = {name: value for name, value in named.items() if name in known}
    assert controls
    with_controls = Picamera2Source(0, QUICK.model_copy(update={"controls": controls}))
    with_controls.open()
    assert with_controls.read().size == (640, 480)
    with_controls.close()


@needs_camera
def test_picamera2_number_that_does_not_exist_is_an_error() -> None:
    """The message says so, and how to list what there is."""
    with pytest.raises(SourceError, match="No camera number 9 found"):
        Picamera2Source(9, QUICK).open()


class ScriptedRequest:
    """A filled buffer of a camera that stands in for the real one."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        self._metadata = metadata

    def get_metadata(self) -> dict[str, Any]:
        """What the camera says of the frame."""
        return dict(self._metadata)

    def make_array(self, stream: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Black pictures."""
        return np.zeros((480, 640, 3) if stream == "main" else (720, 640), np.uint8)

    def release(self) -> None:
        """Nothing is held."""


class ScriptedCamera:
    """As much of a Picamera2 as the source calls, with the metadata that `granted` has."""

    granted: dict[str, Any] = {}  # noqa: RUF012 - replaced by each test
    camera_controls = dict.fromkeys(
        ["FrameDurationLimits", "ExposureTime", "AnalogueGain", "ColourGains", "LensPosition"]
    )

    def __init__(self, _number: int) -> None:
        self._streams: dict[str, Any] = {}

    def create_video_configuration(self, **streams: Any) -> dict[str, Any]:
        """As asked."""
        return streams

    def configure(self, streams: dict[str, Any]) -> None:
        """Take the streams."""
        self._streams = streams

    def camera_configuration(self) -> dict[str, Any]:
        """The streams taken."""
        return self._streams

    def set_controls(self, controls: dict[str, Any]) -> None:
        """Do as `granted` says, whatever is asked."""

    def start(self) -> None:
        """Nothing to start."""

    def capture_request(self, **_: float) -> ScriptedRequest:
        """A frame at once."""
        return ScriptedRequest(self.granted)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("controls", "granted", "said"),
    [
        ({}, {"FrameDuration": 66_651}, []),
        ({}, {}, []),
        ({}, {"FrameDuration": 100_000}, ["FrameRate 10.0 instead of 15.0"]),
        ({"FrameRate": 10}, {"FrameDuration": 100_000}, []),
        ({"FrameDurationLimits": [33_333, 200_000]}, {"FrameDuration": 100_000}, []),
        ({"ExposureTime": 10_000}, {"ExposureTime": 9_985}, []),
        (
            {"ExposureTime": 90_000, "AnalogueGain": 64.0},
            {"ExposureTime": 66_000, "AnalogueGain": 16.0},
            ["AnalogueGain 16.0 instead of 64.0", "ExposureTime 66000 instead of 90000"],
        ),
        ({"ExposureTime": 0}, {"ExposureTime": 20_000}, []),
        (
            {"ColourGains": [2.0, 9.0]},
            {"ColourGains": (2.0, 7.99)},
            ["ColourGains (2.0, 7.99) instead of [2.0, 9.0]"],
        ),
        ({"LensPosition": 4.0}, {"LensPosition": 1.0}, []),
    ],
)
def test_picamera2_says_once_which_values_it_gives_instead(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    controls: dict[str, object],
    granted: dict[str, object],
    said: list[str],
) -> None:
    """A rate or a control that the first frame does not have as asked is told, not at each opening."""
    monkeypatch.setattr(ScriptedCamera, "granted", granted)
    module = types.ModuleType("picamera2")
    module.__dict__["Picamera2"] = ScriptedCamera
    monkeypatch.setitem(sys.modules, "picamera2", module)
    source = Picamera2Source(0, QUICK.model_copy(update={"controls": controls}))
    for _ in range(2):
        source.open()
        assert [source.read().size for _ in range(2)] == [(640, 480)] * 2
        source.close()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [f"picamera2:0 gives {line}" for line in said]
