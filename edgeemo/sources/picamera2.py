"""The Raspberry Pi's camera, through libcamera and picamera2.

picamera2 comes with Raspberry Pi OS and can't be had from PyPI alone, so it is imported late.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import time
from types import ModuleType
from typing import Any, cast

import cv2
import numpy as np

from edgeemo.config import CameraConfig
from edgeemo.errors import ConfigError, SourceError
from edgeemo.sources.source import Clock
from edgeemo.types import Frame, Picture

log = logging.getLogger(__name__)

MISSING = (
    "picamera2 is not here: apt install python3-picamera2, and let the environment see it "
    "(python3 -m venv --system-site-packages)"
)
BUFFERS = 4
"""One being shown, one being filled, and two so that a slow reader costs no frames."""
LUMA_WIDTH = 640
"""Width of the small grey stream for detection; as the main one where that is smaller."""
NS_PER_S = 1e9
US_PER_S = 1e6
TOLERANCE = 0.05
"""A sensor has steps: so far a value may lie from what was asked, as a share of it."""
AUTO_AT_ZERO = {"ExposureTime", "AnalogueGain"}
"""Asked as 0 the camera chooses them itself."""
SLOW = {"LensPosition"}
"""What the first frame can't tell: the lens is still on its way."""
BGR_FORMATS = {"RGB888": None, "NV12": cv2.COLOR_YUV2BGR_NV12, "YUV420": cv2.COLOR_YUV2BGR_I420}
"""How to get blue-green-red from a main stream; libcamera's RGB888 has blue first in memory."""


class Picamera2Source:
    """A camera by its number, with two streams: a large one for crops, a small grey one to search."""

    live = True

    def __init__(self, number: int, config: CameraConfig, clock: Clock = time.monotonic) -> None:
        self.name = f"picamera2:{number}"
        self._number = number
        self._config = config
        self._clock = clock
        self._camera: Any = None
        self._wanted: dict[str, Any] = {}
        self._is_compared = False
        self._said: set[str] = set()
        self._index = 0

    def open(self) -> None:
        """Start the camera. Raises SourceError without picamera2, ConfigError for bad controls."""
        self.close()
        module = import_picamera2()
        try:
            self._camera = module.Picamera2(self._number)
            self._camera.configure(self._streams(self._camera))
            self._set_controls()
            self._camera.start()
        # picamera2 says RuntimeError for anything from "no such camera" to "in use"; IndexError
        # where there is none at all.
        except (RuntimeError, IndexError, OSError) as error:
            self.close()
            # "Camera __init__ sequence did not complete" helps nobody: the cause behind it does.
            raise SourceError(
                f"{self.name} can't be started: {error.__cause__ or error}"
            ) from error
        self._say_granted()

    def read(self) -> Frame:
        """The next frame, stamped when the sensor exposed it, with the grey stream as `luma`."""
        if self._camera is None:
            raise SourceError(f"{self.name} is not open")
        try:
            request = self._camera.capture_request(wait=self._config.stall_s)
        except (TimeoutError, RuntimeError) as error:
            raise SourceError(
                f"{self.name} is lost: no picture for {self._config.stall_s:g} s"
            ) from error
        try:
            frame = self._to_frame(request)
        finally:
            request.release()
        self._index += 1
        return frame

    def close(self) -> None:
        """Stop the camera and give it back."""
        if self._camera is None:
            return
        try:
            self._camera.close()
        except RuntimeError as error:  # a camera that is gone can't be given back properly
            log.debug("%s did not close cleanly: %s", self.name, error)
        # picamera2's objects hold each other, three descriptors and the camera's memory: those are
        # scarce on a Pi and wanted again by the next opening, so they are freed now.
        self._camera = None
        gc.collect()

    def _streams(self, camera: Any) -> dict[str, Any]:
        size = (self._config.width, self._config.height)
        configuration: dict[str, Any] = camera.create_video_configuration(
            main={"size": size, "format": "RGB888"},
            lores={"size": luma_size(size), "format": "YUV420"},
            buffer_count=BUFFERS,
            queue=False,  # a request is of a frame to come, never of one that lay waiting
        )
        return configuration

    def _set_controls(self) -> None:
        known = self._camera.camera_controls
        wanted = {"FrameRate": self._config.fps} if "FrameDurationLimits" in known else {}
        given = self._config.controls
        if unknown := sorted(set(given) - set(known) - {"FrameRate"}):
            raise ConfigError(
                "the settings",
                [
                    f"camera.controls: this camera has no {n}; it has {', '.join(known)}"
                    for n in unknown
                ],
            )
        self._wanted = wanted | {n: control_value(n, v) for n, v in given.items()}
        self._is_compared = False
        self._camera.set_controls(self._wanted)

    def _to_frame(self, request: Any) -> Frame:
        streams = self._camera.camera_configuration()
        metadata = request.get_metadata()
        self._compare(metadata)
        stamp = metadata.get("SensorTimestamp")
        # libcamera stamps with the clock that counts from boot, as time.monotonic() does.
        at = self._clock() if stamp is None else stamp / NS_PER_S
        image = to_bgr(request.make_array("main"), streams["main"])
        luma = to_luma(request.make_array("lores"), streams["lores"]) if streams["lores"] else None
        return Frame(image=image, at=at, index=self._index, luma=luma)

    def _say_granted(self) -> None:
        main = self._camera.camera_configuration()["main"]
        granted = "{} x {}".format(*main["size"])
        wanted = f"{self._config.width} x {self._config.height}"
        if granted != wanted and granted not in self._said:
            log.warning("%s gives %s instead of %s", self.name, granted, wanted)
            self._said.add(granted)

    def _compare(self, metadata: dict[str, Any]) -> None:
        """Say once of each control, the rate among them, that the first frame has another value."""
        if self._is_compared:
            return
        self._is_compared = True
        for name, granted in differences(self._wanted, metadata).items():
            if name not in self._said:
                told = (self.name, name, granted, self._wanted[name])
                log.warning("%s gives %s %s instead of %s", *told)
                self._said.add(name)


def import_picamera2() -> ModuleType:
    """The module. Raises SourceError, naming the package to install, where it is missing."""
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")
    # It tells of every start and repeats what it raises, on each attempt.
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        return importlib.import_module("picamera2")
    except ImportError as error:
        raise SourceError(f"{MISSING} ({error})") from error


def list_pi_cameras() -> list[int]:
    """The numbers of the cameras that picamera2 lists, without USB ones, which V4L2 does better."""
    try:
        listed = import_picamera2().Picamera2.global_camera_info()
    except SourceError:
        return []
    return [number for number, camera in enumerate(listed) if "usb" not in camera["Id"].lower()]


def luma_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the grey stream: the same aspect, even, at most LUMA_WIDTH wide."""
    width, height = size
    small = min(width, LUMA_WIDTH) // 2 * 2
    return small, round(height * small / width / 2) * 2


def to_bgr(array: Picture, stream: dict[str, Any]) -> Picture:
    """A main stream's array as (height, width, 3), blue first. Raises SourceError if unknown."""
    if stream["format"] not in BGR_FORMATS:
        raise SourceError(f"the camera gives {stream['format']}, which is not understood")
    code = BGR_FORMATS[stream["format"]]
    width, height = stream["size"]
    colour = array if code is None else cv2.cvtColor(array, code)
    return np.ascontiguousarray(colour[:height, :width], np.uint8)


def to_luma(array: Picture, stream: dict[str, Any]) -> Picture:
    """The Y plane of a planar YUV stream, its rows cut to width: grey without any conversion."""
    width, height = stream["size"]
    return np.ascontiguousarray(array[:height, :width], np.uint8)


def control_value(name: str, value: object) -> object:
    """A control's value as libcamera takes it: names of an enumeration become their numbers.

    Raises:
        ConfigError: the enumeration has no such name.
    """
    if not isinstance(value, str):
        return value
    controls = importlib.import_module("libcamera").controls
    for group in (controls, controls.draft):
        choices = getattr(group, f"{name}Enum", None)
        if hasattr(choices, value):
            return cast(object, getattr(choices, value))
    raise ConfigError("the settings", [f"camera.controls.{name}: there is no {value!r}"])


def differences(wanted: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The controls that a frame's metadata name with another value than was asked for, and that value."""
    granted = dict(metadata)
    # The two ask for the same, and the limits leave the rate open.
    if "FrameDurationLimits" not in wanted and metadata.get("FrameDuration"):
        granted["FrameRate"] = round(US_PER_S / metadata["FrameDuration"], 2)
    told = (wanted.keys() & granted.keys()) - SLOW
    left_open = {name for name in AUTO_AT_ZERO & told if not wanted[name]}
    return {n: granted[n] for n in sorted(told - left_open) if not agrees(wanted[n], granted[n])}


def agrees(wanted: object, granted: object) -> bool:
    """Whether two values are the same but for a sensor's steps; true of what is no number or numbers."""
    try:
        asked, got = (np.asarray(value, np.float64) for value in (wanted, granted))
    except (TypeError, ValueError):
        return True
    return asked.shape == got.shape and np.allclose(got, asked, rtol=TOLERANCE, atol=0.0)
