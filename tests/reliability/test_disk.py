"""Disks that are full, read-only or gone while a real device runs.

python -m pytest -n0 -s tests/reliability/test_disk.py        (as root: it mounts a small file system)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker import Listener, Mosquitto, listening
from realparts import missing
from reliability.device import Device
from waiting import wait_until

EVENT = "edgeemo/porch/camera/event"
RATE = 40.0
TAKES_NONE = "the disk takes none"

pytestmark = pytest.mark.real


def mount(*arguments: str) -> None:
    """Mount as said, or skip where that is not allowed."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"no right to mount a file system here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    if os.geteuid() != 0:
        missing("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=512k", "edgeemo-test", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def numbers(listener: Listener) -> list[int]:
    """The numbers of the events that came, each once, in the order of their first arrival."""
    ids = [json.loads(p)["id"] for p in listener.payloads(EVENT)]
    return [int(i.rpartition("-")[2]) for i in dict.fromkeys(ids)]


def said(device: Device, text: str) -> int:
    """How often the device's log says something."""
    return sum(text in line for line in device.log)


def test_device_goes_on_when_the_disk_is_full(small_disk: Path, tmp_path: Path) -> None:
    """Said once; what no longer fits stays in memory, and all of it is delivered in order."""
    with Mosquitto(tmp_path) as broker:
        broker.stop()
        with Device(small_disk, broker.port, 400.0) as device:
            wait_until(lambda: said(device, TAKES_NONE), 60.0, "a word about the full disk")
            on_disk = len(device.accepted)
            broker.start()
            with listening(broker.port, EVENT) as listener:
                wait_until(lambda: len(numbers(listener)) > on_disk + 500, 60.0, "the events")
                assert device.end() == 0
                came = numbers(listener)
    assert on_disk > 100
    assert came == list(range(1, len(came) + 1))
    assert said(device, TAKES_NONE) == 1


def test_device_goes_on_when_the_disk_is_read_only(small_disk: Path, tmp_path: Path) -> None:
    """As a worn-out SD card makes itself; when it takes writes again, so does the outbox."""
    mount("-o", "remount,ro", str(small_disk))
    with Mosquitto(tmp_path) as broker:
        broker.stop()
        # So slow that the disk does not become full.
        with Device(small_disk, broker.port, RATE / 8) as device:
            wait_until(lambda: said(device, TAKES_NONE), 20.0, "a word about it")
            assert device.accepted == []
            mount("-o", "remount,rw", str(small_disk))
            wait_until(lambda: said(device, "takes events again"), 30.0, "a word about its return")
            broker.start()
            with listening(broker.port, EVENT) as listener:
                wait_until(lambda: len(numbers(listener)) > 60, 60.0, "the events")
                assert device.end() == 0
                came = numbers(listener)
    assert came == list(range(1, len(came) + 1))
    assert said(device, TAKES_NONE) == 1


def zero_header(outbox: Path) -> None:
    """The first bytes of the file are gone."""
    with outbox.open("r+b") as file:
        file.write(bytes(100))


def tear_log(outbox: Path) -> None:
    """The last page that was written is half there: the last commit is damaged."""
    log = Path(f"{outbox}-wal")
    os.truncate(log, log.stat().st_size - 2000)


def garble(outbox: Path) -> None:
    """Nothing of it is left."""
    for part in (outbox, Path(f"{outbox}-wal")):
        part.write_bytes(os.urandom(part.stat().st_size))


@pytest.mark.parametrize(
    ("damage", "lost", "words"),
    [(zero_header, 0, 0), (tear_log, 2 * RATE, 0), (garble, 10_000, 1)],
)
def test_device_goes_on_with_a_damaged_outbox(
    tmp_path: Path, damage: Callable[[Path], None], lost: float, words: int
) -> None:
    """Killed, its outbox damaged, started again: it says so once, loses what was damaged, and goes on."""
    state_dir = tmp_path / "state"
    with Mosquitto(tmp_path) as broker:
        broker.stop()
        with Device(state_dir, broker.port, RATE) as killed:
            wait_until(lambda: len(killed.accepted) > 120, 20.0, "events on disk")
            killed.end(signal.SIGKILL)
        damage(state_dir / "outbox.sqlite3")
        with Device(state_dir, broker.port, RATE) as device:
            wait_until(lambda: device.accepted, 20.0, "more events on disk")
            broker.start()
            with listening(broker.port, EVENT) as listener:
                new = device.accepted[0]["id"]
                wait_until(lambda: new in "".join(listener.payloads(EVENT)), 30.0, "the new events")
                assert device.end() == 0
                came = {json.loads(p)["id"] for p in listener.payloads(EVENT)}
    assert len([e for e in killed.accepted if e["id"] not in came]) <= lost
    assert said(device, "put aside") == words
    assert len(list(state_dir.glob("*.damaged-1"))) == words
