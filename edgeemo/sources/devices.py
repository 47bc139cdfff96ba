"""The V4L2 devices of this machine, by asking their drivers."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

DEV = Path("/dev")

# struct v4l2_capability and its flags, from <linux/videodev2.h>
CAPABILITY = struct.Struct("16s 32s 32s I I I 3I")
VIDIOC_QUERYCAP = 0x80000000 | CAPABILITY.size << 16 | ord("V") << 8 | 0
CAPTURE, CAPTURE_MPLANE = 0x1, 0x1000
MEMORY_TO_MEMORY = 0x4000 | 0x8000
HAS_DEVICE_CAPS = 0x80000000

# On a Pi these give raw sensor data or work on memory; the ribbon camera behind them is
# libcamera's, hence picamera2's.
NOT_CAMERAS = ("unicam", "rp1-cfe", "bcm2835-isp", "bcm2835-codec", "pispbe", "rpi-hevc-dec")


class VideoDevice(NamedTuple):
    """A /dev/video* as its driver describes it."""

    path: Path
    card: str
    driver: str
    capabilities: int

    @property
    def is_camera(self) -> bool:
        """Whether pictures can be had from it, and in colours."""
        captures = self.capabilities & (CAPTURE | CAPTURE_MPLANE)
        converts = self.capabilities & MEMORY_TO_MEMORY
        return bool(captures) and not converts and self.driver not in NOT_CAMERAS

    @classmethod
    def parse(cls, path: Path, raw: bytes) -> VideoDevice:
        """Read a `struct v4l2_capability`."""
        driver, card, _, _, of_all, of_this, *_ = CAPABILITY.unpack(raw)
        capabilities = of_this if of_all & HAS_DEVICE_CAPS else of_all
        return cls(path, _text(card), _text(driver), capabilities)


def list_cameras(dev: Path = DEV) -> list[VideoDevice]:
    """The usable video devices, the lowest number first; those we may not open are left out."""
    paths = [p for p in dev.glob("video*") if re.fullmatch(r"video\d+", p.name)]
    described = [describe(p) for p in sorted(paths, key=lambda p: int(p.name[5:]))]
    return [device for device in described if device is not None and device.is_camera]


def describe(path: Path) -> VideoDevice | None:
    """What the driver says of a device; None if it can't be opened or is no video device."""
    try:
        # Not blocking, and only asked: does not disturb a program that is capturing from it.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        raw = fcntl.ioctl(descriptor, VIDIOC_QUERYCAP, bytes(CAPABILITY.size))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return VideoDevice.parse(path, raw)


def _text(padded: bytes) -> str:
    return padded.split(b"\0", 1)[0].decode(errors="replace")
