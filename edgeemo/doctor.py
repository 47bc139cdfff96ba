"""What is on this machine, what is wrong with it, and how to mend it: from the board to the broker.

Each examination yields findings, good and bad; the later ones run whatever the earlier ones found.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edgeemo import __version__, clock
from edgeemo.address import Address, Kind, mask_url
from edgeemo.board import board_model, os_name
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import Config
from edgeemo.delivery.brokerprobe import probe
from edgeemo.errors import BrokerError, ConfigError, EdgeemoError, SourceError
from edgeemo.pipeline import build_pipeline
from edgeemo.sight.detector import load_cascade
from edgeemo.sources import make_source
from edgeemo.systemd import STATE_DIR
from edgeemo.thermal import Thermometer
from edgeemo.types import Box

CPUINFO = Path("/proc/cpuinfo")
ASK_S = 10.0
"""For so long systemd may take for an answer."""
PICAMERA2_MEND = "sudo apt install python3-picamera2, and a venv made with --system-site-packages"


class Verdict(StrEnum):
    """How good a finding is."""

    GOOD = "ok"
    DOUBTFUL = "warning"
    BAD = "wrong"


class Finding(NamedTuple):
    """One thing that was looked at."""

    verdict: Verdict
    subject: str
    what: str
    mend: str = ""
    exit_code: int = 1
    """What the doctor ends with if this is the worst."""


def examine(config: Config) -> Iterator[Finding]:
    """Look at everything that these settings need, in the order in which it is needed."""
    examinations: tuple[Callable[[Config], Iterator[Finding]], ...] = (
        _machine,
        _heat,
        _clock,
        _state_dir,
        _opencv,
        _model,
        _camera,
        _broker,
    )
    for examination in examinations:
        try:
            yield from examination(config)
        except EdgeemoError as error:
            subject = examination.__name__.lstrip("_")
            yield Finding(Verdict.BAD, subject, str(error), exit_code=error.exit_code)


def _machine(_: Config) -> Iterator[Finding]:
    board = board_model() or "no Raspberry Pi"
    yield Finding(Verdict.GOOD, "board", f"{board}, {platform.machine()}, {os_name()}")
    yield Finding(
        Verdict.GOOD,
        "software",
        f"edgeemo {__version__}, Python {platform.python_version()} ({sys.executable})",
    )
    if not CPUINFO.exists():
        yield Finding(
            Verdict.DOUBTFUL,
            "processor",
            f"{CPUINFO} is hidden: the network runs without its fast kernels, many times slower",
            "take ProcSubset=pid out of the service's unit",
        )


def _heat(config: Config) -> Iterator[Finding]:
    health = Thermometer().read()
    if health.temperature_c is None:
        yield Finding(Verdict.GOOD, "heat", "this board does not tell its temperature")
        return
    is_hot = health.temperature_c >= config.power.hot_c or health.is_throttled_for_heat
    yield Finding(
        Verdict.DOUBTFUL if is_hot else Verdict.GOOD,
        "heat",
        f"{health.temperature_c:.0f} °C",
        "a heat sink or a fan: fewer frames are analysed while it is hot" if is_hot else "",
    )


def _clock(_: Config) -> Iterator[Finding]:
    now = clock.wall_time()
    yield Finding(
        Verdict.GOOD if now.is_synced else Verdict.DOUBTFUL,
        "clock",
        f"{now.rfc3339}, {'' if now.is_synced else 'not '}set by a time server",
        ""
        if now.is_synced
        else "timedatectl set-ntp true; until then events say time_synced false",
    )


def _state_dir(config: Config) -> Iterator[Finding]:
    folder = config.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        yield Finding(
            Verdict.BAD,
            "state",
            f"can't write to {folder}: {error.strerror}",
            f"chown it to the user that runs edgeemo ({os.getuid()}), or set state_dir",
        )
        return
    free_mb = shutil.disk_usage(folder).free / 1e6
    is_short = free_mb < 2 * config.outbox.max_mb
    yield Finding(
        Verdict.DOUBTFUL if is_short else Verdict.GOOD,
        "state",
        f"{folder}, {free_mb:.0f} MB free",
        "waiting events may need more: free some, or lower outbox.max_mb" if is_short else "",
    )


def _opencv(_: Config) -> Iterator[Finding]:
    load_cascade("frontalface_default")
    yield Finding(
        Verdict.GOOD, "opencv", f"{cv2.__version__} with its cascades, numpy {np.__version__}"
    )


def _model(config: Config) -> Iterator[Finding]:
    classifier = TFLiteClassifier(config.model)
    blank = np.full((96, 96, 3), 128, np.uint8)
    classifier.classify(blank, [(Box(16, 16, 64, 64), 0.0)])
    yield Finding(
        Verdict.GOOD,
        "model",
        f"{config.model.path} on {classifier.runtime}: {', '.join(classifier.labels)}",
    )
    build_pipeline(config, classifier)
    yield Finding(Verdict.GOOD, "model", f"{config.detect.model} tells faces from the rest")


def _camera(config: Config) -> Iterator[Finding]:
    has_picamera2 = importlib.util.find_spec("picamera2") is not None
    wants_picamera2 = Address.parse(config.camera.source).kind in (Kind.AUTO, Kind.PICAMERA2)
    if wants_picamera2 and not has_picamera2 and board_model():
        yield Finding(Verdict.DOUBTFUL, "picamera2", "is not installed", PICAMERA2_MEND)
    source = make_source(config.camera)
    try:
        source.open()
        width, height = source.read().size
    except SourceError:
        if (holder := _holder(source.name)) is None:
            raise
        found = f"held by {holder}"
    else:
        found = f"{width} x {height} pixels"
    finally:
        source.close()
    yield Finding(Verdict.GOOD, "camera", f"{mask_url(config.camera.source)}: {found}")


def _holder(camera: str) -> str | None:
    """The service of these settings and what it says, if it gets pictures from this very camera."""
    # As the command line and the installer set it: what the unit of these settings gives its service.
    state = Path(os.environ.get("STATE_DIRECTORY", os.curdir))
    if state == STATE_DIR:
        unit = "edgeemo.service"
    elif state.parent == STATE_DIR:
        unit = f"edgeemo@{state.name}.service"
    else:
        return None
    # The daemon begins its status with the camera's name only while pictures come.
    said = _status_of(unit)
    return f'{unit}, which says "{said}"' if said.startswith(f"{camera}: ") else None


def _status_of(unit: str) -> str:
    """The line that an active unit shows in `systemctl status`; empty if there is none."""
    ask = ["systemctl", "show", unit, "--property=ActiveState", "--property=StatusText"]
    try:
        told = subprocess.run(ask, capture_output=True, text=True, timeout=ASK_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    shown = dict(line.partition("=")[::2] for line in told.stdout.splitlines())
    return shown.get("StatusText", "") if shown.get("ActiveState") == "active" else ""


def _broker(config: Config) -> Iterator[Finding]:
    if config.mqtt.host is None:
        yield Finding(
            Verdict.BAD,
            "broker",
            "none is named: nobody would hear of the events",
            "set mqtt.host, or try `edgeemo run --demo`",
            ConfigError.exit_code,
        )
        return
    for step in probe(config):
        verdict = Verdict.GOOD if step.is_good else Verdict.BAD
        exit_code = BrokerError.exit_code
        yield Finding(verdict, f"broker {step.name}", step.text, step.mend, exit_code)
