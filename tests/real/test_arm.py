"""The Pi's processors under emulation: what is seen there is what is seen here.

Their speed can't be told this way, but everything that is computed can: the packages are those
that install.sh puts on a Pi, run by qemu on a Debian 12 of that processor.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import pytest

from edgeemo.sources.demo import Stage
from real.machine import ROOT
from real.userland import Userland, bootstrap, emulate, unpack_wheelhouse

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1800)]

SIZE = (640, 360)
FPS = 10
CLIP_S = 18
STILLS_AT_S = (3.5, 8.0, 11.5, 24.0)
"""Instants of the demo with one face or two that stand still."""

BOX_PX, SCORE = 4, 8 / 256
"""Tolerances on a still: int8 outputs of two processors differ by up to 7/256."""

SAME_SHARE = 0.97
"""Of a clip's frames: a decision that lies on a threshold may fall a frame earlier or later."""

Analysis = list[dict[str, Any]]


class Processor(NamedTuple):
    """How one of the Pi's processors is brought up."""

    emulated: str
    """qemu's name of it."""
    architecture: str
    packages: tuple[str, ...]
    environment: tuple[str, ...]


BASE = ("python3", "bash", "coreutils", "base-files", "libstdc++6", "zlib1g")
SITE = "PYTHONPATH=/opt/site"
ARM_LIBRARIES = "/usr/lib/arm-linux-gnueabihf"

PROCESSORS = {
    # qemu's default processor makes XNNPACK compute wrong outputs; a real Pi 4's does not.
    "arm64": Processor("aarch64", "arm64", BASE, (SITE, "QEMU_CPU=cortex-a72")),
    "armhf": Processor(
        "arm",
        "armhf",
        (*BASE, "python3-numpy", "python3-opencv", "opencv-data", "python3-yaml"),
        # Packages that are only unpacked have no link to the one of several libraries in use.
        (SITE, f"LD_LIBRARY_PATH={ARM_LIBRARIES}/blas:{ARM_LIBRARIES}/lapack"),
    ),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip of the demo and some stills."""
    folder = tmp_path_factory.mktemp("demo")
    stage = Stage(SIZE)
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    clip = cv2.VideoWriter(str(folder / "clip.avi"), codec, FPS, SIZE)
    for index in range(CLIP_S * FPS):
        clip.write(stage.draw(index / FPS))
    clip.release()
    (folder / "stills").mkdir()
    for at in STILLS_AT_S:
        cv2.imwrite(str(folder / "stills" / f"{at:04.1f}.png"), stage.draw(at))
    return folder


@pytest.fixture(scope="module", params=list(PROCESSORS))
def pi(
    request: pytest.FixtureRequest, demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> Userland:
    """A userland of one of the processors, with what install.sh installs there."""
    processor = PROCESSORS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    root = folder / "root"
    emulate(processor.emulated)
    bootstrap(root, "bookworm", processor.architecture, "extract", processor.packages)
    unpack_wheelhouse(f"bookworm-{request.param}", folder / "wheels", root / "opt/site")
    # In place of this machine's /sys, which describes another processor and makes LiteRT crash.
    described = root / "sys/devices/system/cpu"
    described.mkdir(parents=True)
    for name in ("possible", "present"):
        (described / name).write_text("0-3\n", encoding="ascii")
    subprocess.run(["cp", "-r", str(demo), str(root / "opt/demo")], check=True)
    return Userland(root, processor.environment)


def analyzed_there(pi: Userland, path: str) -> Analysis:
    """What `edgeemo analyze` sees on the emulated processor."""
    with pi.with_proc() as ready:
        lines = ready.run("python3", "-m", "edgeemo", "analyze", f"/opt/demo/{path}", "--json")
    return [json.loads(line) for line in lines.splitlines()]


def analyzed_here(path: Path) -> Analysis:
    """What it sees on this machine."""
    command = [sys.executable, "-m", "edgeemo", "analyze", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def seen(frame: dict[str, Any]) -> list[tuple[int, str]]:
    """The faces of a frame and their emotions."""
    return [(face["face"], face["emotion"]) for face in frame["faces"]]


def test_arm_sees_the_same_faces_and_labels_in_the_clip(pi: Userland, demo: Path) -> None:
    """Frame by frame the tracks have the same ids and emotions."""
    here, there = analyzed_here(demo / "clip.avi"), analyzed_there(pi, "clip.avi")
    assert len(there) == len(here) == CLIP_S * FPS
    same = [a["frame"] for a, b in zip(here, there, strict=True) if seen(a) == seen(b)]
    assert len(same) >= SAME_SHARE * len(here)
    assert sum(len(frame["faces"]) for frame in there) > len(here)


def test_arm_computes_the_same_scores_of_stills(pi: Userland, demo: Path) -> None:
    """On pictures without loss, boxes and scores agree within the runtimes' tolerance."""
    here, there = analyzed_here(demo / "stills"), analyzed_there(pi, "stills")
    for a, b in zip(here, there, strict=True):
        assert a["faces"]
        for mine, other in zip(a["faces"], b["faces"], strict=True):
            assert other["emotion"] == mine["emotion"]
            assert other["box"] == pytest.approx(mine["box"], abs=BOX_PX)
            assert other["scores"] == pytest.approx(mine["scores"], abs=SCORE)
