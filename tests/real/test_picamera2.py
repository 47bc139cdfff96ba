"""The real picamera2 on libcamera's virtual cameras, in a Debian 13 of its own.

    .venv/bin/pytest -m slow tests/real/test_picamera2.py

Needs root, mmdebstrap and gcc. libcamera is that of trixie-backports: the 0.4.0 of plain trixie
hangs in its virtual pipeline.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from real.machine import ROOT
from real.userland import MIRROR, Userland
from real.wheels import install_wheels
from realparts import missing, require

pytestmark = [pytest.mark.real, pytest.mark.slow]

HERE = Path(__file__).resolve().parent / "virtual_camera"
PYTHON = "3.13"
DEBIAN = (
    *("python3", "python3-pil", "python3-prctl", "python3-libarchive-c", "python3-jsonschema"),
    *("python3-av", "python3-piexif", "python3-yaml", "libstdc++6", "coreutils", "base-files"),
    *("python3-libcamera/trixie-backports", "libcamera-ipa/trixie-backports"),
)
WHEELS = (
    *("simplejpeg", "videodev2", "tqdm", "numpy", "opencv-python-headless==4.14.0.94"),
    *("ai-edge-litert", "pydantic", "paho-mqtt", "click", "pytest", "pytest-timeout"),
)
SITE, SOURCE = "/opt/site", "/srv/edgeemo"


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Userland:
    """A Debian 13 with picamera2, two virtual cameras and a copy of the checkout."""
    require("mmdebstrap")
    require("gcc")
    if os.geteuid() != 0:
        missing("a userland needs root")
    root = tmp_path_factory.mktemp("pi") / "root"
    install_debian(root)
    site = root / SITE.lstrip("/")
    install_wheels(site, PYTHON, *WHEELS)
    # Without what its raw files and windows need.
    install_wheels(site, PYTHON, "picamera2", alone=True)
    cameras = root / "usr/share/libcamera/pipeline/virtual"
    cameras.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "cameras.yaml", cameras / "virtual.yaml")
    library = root / "opt/dmabuf.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", str(library), str(HERE / "dmabuf.c")], check=True
    )
    for part in ("edgeemo", "tests", "models", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        (root / SOURCE.lstrip("/")).mkdir(parents=True, exist_ok=True)
        copy(ROOT / part, root / SOURCE.lstrip("/") / part)
    paths = ":".join((SITE, SOURCE, f"{SOURCE}/tests"))
    return Userland(root, (f"PYTHONPATH={paths}", "LD_PRELOAD=/opt/dmabuf.so"))


def install_debian(root: Path) -> None:
    """Unpack Debian 13 and libcamera into a folder."""
    suites = [f"deb {MIRROR} {suite} main" for suite in ("trixie", "trixie-backports")]
    options = ["--variant=extract", '--aptopt=APT::Default-Release "trixie"']
    command = ["mmdebstrap", "--quiet", *options, f"--include={','.join(DEBIAN)}"]
    subprocess.run([*command, "trixie", str(root), *suites], check=True, timeout=1200)


def test_picamera2_keeps_the_contract_of_sources(pi: Userland) -> None:
    """The contract suite and picamera2's own tests pass in it, none of them skipped."""
    with pi.with_proc():
        told = pi.run(
            *("python3", "-m", "pytest", "--noconftest", "-p", "no:cacheprovider"),
            *("-p", "real.virtual_camera"),
            *("-q", "--rootdir", SOURCE, "-k", "picamera2 or auto"),
            *(f"{SOURCE}/tests/test_sources.py", f"{SOURCE}/tests/test_sources_picamera2.py"),
        )
    passed = re.search(r"(\d+) passed", told)
    assert passed is not None, told
    assert int(passed.group(1)) > 30, told
