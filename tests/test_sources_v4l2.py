"""V4L2: what can be told without a camera, and what a real kernel does with its own test driver.

The tests that need a camera need vivid, the kernel's virtual video driver, since they unplug it:
`modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0`, and v4l2-ctl. Where neither a
machine nor a container has it, tests/real/test_v4l2.py runs them in an emulated one.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeemo.capture import Capture
from edgeemo.config import CameraConfig
from edgeemo.errors import SourceError
from edgeemo.mailbox import Mailbox
from edgeemo.sources.devices import CAPABILITY, VideoDevice, describe, list_cameras
from edgeemo.sources.v4l2 import V4L2Source

LONG_S = 60.0
QUICK = CameraConfig(width=640, height=360, stall_s=2.0, retry_max_s=0.2)

CAPTURE, OUTPUT, MEMORY_TO_MEMORY, METADATA = 0x1, 0x2, 0x8000, 0x800000
HAS_DEVICE_CAPS = 0x80000000


def described(driver: str, of_all: int, of_this: int) -> VideoDevice:
    """What a driver's answer to VIDIOC_QUERYCAP reads as."""
    fields = (driver.encode(), b"A camera", b"usb-1", 0x060100, of_all, of_this, 0, 0, 0)
    return VideoDevice.parse(Path("/dev/video0"), CAPABILITY.pack(*fields))


@pytest.mark.parametrize(
    ("device", "is_camera"),
    [
        (described("uvcvideo", CAPTURE | METADATA | HAS_DEVICE_CAPS, CAPTURE), True),
        (described("uvcvideo", CAPTURE | METADATA | HAS_DEVICE_CAPS, METADATA), False),
        (described("old", CAPTURE, 0), True),
        (described("vivid", OUTPUT | HAS_DEVICE_CAPS, OUTPUT), False),
        (described("any", HAS_DEVICE_CAPS, MEMORY_TO_MEMORY | CAPTURE), False),
        (described("unicam", HAS_DEVICE_CAPS, CAPTURE), False),
        (described("bcm2835-isp", HAS_DEVICE_CAPS, CAPTURE), False),
    ],
)
def test_video_device_is_a_camera_if_pictures_can_be_had(
    device: VideoDevice, is_camera: bool
) -> None:
    """Metadata nodes, outputs, converters and a Pi's raw sensors are no cameras."""
    assert device.is_camera == is_camera
    assert device.card == "A camera"


def test_describe_of_what_is_no_video_device_is_none(tmp_path: Path) -> None:
    """Neither a plain file nor an absent one is a camera."""
    (tmp_path / "video0").write_bytes(b"")
    assert describe(tmp_path / "video0") is None
    assert describe(tmp_path / "video1") is None
    assert list_cameras(tmp_path) == []


class Vivid:
    """The kernel's virtual camera, which can be unplugged and hindered."""

    def __init__(self) -> None:
        (self.device,) = [d.path for d in list_cameras() if d.driver == "vivid"]

    def control(self, setting: str) -> None:
        """Set one of the driver's own controls, `name=value`."""
        subprocess.run(["v4l2-ctl", "-d", str(self.device), "-c", setting], check=True)

    def unplug(self) -> None:
        """Disconnect it under whoever uses it; it is back once everybody has let go of it."""
        self.control("disconnect=1")

    def source(self, **settings: object) -> V4L2Source:
        """A source of it, not yet open."""
        config = CameraConfig.model_validate(QUICK.model_dump() | settings)
        return V4L2Source(str(self.device), config)


@pytest.fixture
def vivid() -> Iterator[Vivid]:
    """A virtual camera, unhindered."""
    if shutil.which("v4l2-ctl") is None or not any(d.driver == "vivid" for d in list_cameras()):
        pytest.skip("no virtual camera: vivid is not loaded, or v4l2-ctl is missing")
    camera = Vivid()
    yield camera
    camera.control("percentage_of_dropped_buffers=0")


def test_v4l2_says_which_format_and_size_it_gives_instead(
    vivid: Vivid, caplog: pytest.LogCaptureFixture
) -> None:
    """A format and a size that are refused are told once, and pictures come all the same."""
    source = vivid.source(format="MJPG", width=600, height=340)
    for _ in range(2):
        source.open()
        size = source.read().size
        source.close()
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"{size[0]} x {size[1]}" in said
    assert said.endswith("instead of MJPG 600 x 340 at 15 fps")


def test_v4l2_stamps_frames_when_they_were_taken(vivid: Vivid) -> None:
    """The stamp is the driver's: before the frame was handed over, and not long ago."""
    source = vivid.source()
    source.open()
    stamps = []
    for _ in range(5):
        frame = source.read()
        assert 0.0 <= time.monotonic() - frame.at <= 1.0
        stamps.append(frame.at)
    source.close()
    assert stamps == sorted(set(stamps))


def test_v4l2_that_is_in_use_says_so(vivid: Vivid) -> None:
    """Two can't have one camera; once it is free again, it opens."""
    first, second = vivid.source(), vivid.source()
    first.open()
    first.read()
    with pytest.raises(SourceError, match="another program uses it"):
        second.open()
    first.close()
    second.open()
    assert second.read().image.size > 0
    second.close()


def test_v4l2_that_stops_delivering_is_lost_within_the_time_out(vivid: Vivid) -> None:
    """A camera that is there but sends nothing is given up."""
    source = vivid.source()
    source.open()
    source.read()
    vivid.control("percentage_of_dropped_buffers=100")
    with pytest.raises(SourceError, match="is lost"):
        read_often(source)
    source.close()


def test_v4l2_unplugged_and_plugged_in_again_comes_back(
    vivid: Vivid, caplog: pytest.LogCaptureFixture
) -> None:
    """One loss and one return in the log, the device let go of in between."""
    caplog.set_level(logging.INFO, logger="edgeemo")
    mailbox = Mailbox()
    capture = Capture(vivid.source(), mailbox, QUICK)
    capture.start()
    try:
        assert mailbox.take(LONG_S) is not None
        vivid.unplug()
        wait_for_loss(capture, mailbox)
        assert mailbox.take(LONG_S) is not None
    finally:
        capture.stop(LONG_S)
    levels = [record.levelname for record in caplog.records if "instead of" not in record.message]
    assert levels == ["INFO", "WARNING", "INFO"]


def test_v4l2_paused_gives_the_camera_to_others(vivid: Vivid) -> None:
    """While paused the device is free."""
    mailbox = Mailbox()
    source = vivid.source()
    capture = Capture(source, mailbox, QUICK)
    capture.start()
    try:
        assert mailbox.take(LONG_S) is not None
        capture.pause()
        while source._capture is not None:
            mailbox.take(0.05)
        other = vivid.source()
        other.open()
        assert other.read().image.size > 0
        other.close()
        capture.resume()
        assert mailbox.take(LONG_S) is not None
    finally:
        capture.stop(LONG_S)


def read_often(source: V4L2Source) -> None:
    """Read more frames than can still be on their way."""
    for _ in range(100):
        source.read()


def wait_for_loss(capture: Capture, mailbox: Mailbox) -> None:
    """Take what still comes until the camera counts as lost."""
    deadline = time.monotonic() + LONG_S
    while capture.losses == 0:
        assert time.monotonic() < deadline, "the loss was not noticed"
        mailbox.take(0.05)
