"""What the doctor makes of a camera that its own service holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeemo.config import Config
from edgeemo.doctor import Finding, Verdict, examine
from otherpython import shell_python

CAMERA = "/dev/video99"
"""One that can't be opened, as one that is held."""

Says = Callable[[str, str], None]


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Let systemctl give an active unit's state and its line; of any other unit it knows nothing."""

    def write(unit: str, line: str) -> None:
        answer = rf'[ "$2" = {unit} ] && printf "ActiveState=active\nStatusText=%s\n" "{line}"'
        shell_python(tmp_path / "systemctl", answer)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return write


def camera_finding(tmp_path: Path) -> Finding:
    """What is found of the camera."""
    settings = {"camera": {"source": CAMERA}, "state_dir": tmp_path}
    found = examine(Config.model_validate(settings))
    return next(finding for finding in found if finding.subject == "camera")


@pytest.mark.parametrize(
    ("state", "unit"),
    [
        ("/var/lib/edgeemo", "edgeemo.service"),
        ("/var/lib/edgeemo/front-door", "edgeemo@front-door.service"),
    ],
)
def test_doctor_finds_a_camera_good_that_its_service_sees_through(
    tmp_path: Path, says: Says, monkeypatch: pytest.MonkeyPatch, state: str, unit: str
) -> None:
    """Held by the unit that reads these settings it can't be opened twice, and nothing is wrong."""
    monkeypatch.setenv("STATE_DIRECTORY", state)
    says(unit, f"{CAMERA}: 2 faces")
    told = f'{CAMERA}: held by {unit}, which says "{CAMERA}: 2 faces"'
    assert camera_finding(tmp_path) == Finding(Verdict.GOOD, "camera", told)


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("/var/lib/edgeemo", f"waiting for {CAMERA}"),
        ("/var/lib/edgeemo", "paused"),
        ("/var/lib/edgeemo", "/dev/video0: 2 faces"),
        ("/var/lib/edgeemo/hall", f"{CAMERA}: 2 faces"),
        ("/home/me/.local/state/edgeemo", f"{CAMERA}: 2 faces"),
    ],
    ids=["lost", "paused", "another camera", "another unit's settings", "no unit's settings"],
)
def test_doctor_finds_a_camera_wrong_that_its_service_does_not_see_through(
    tmp_path: Path, says: Says, monkeypatch: pytest.MonkeyPatch, state: str, line: str
) -> None:
    """A service that waits for it, or has another one, is no proof that it works."""
    monkeypatch.setenv("STATE_DIRECTORY", state)
    says("edgeemo.service", line)
    finding = camera_finding(tmp_path)
    assert (finding.verdict, finding.exit_code) == (Verdict.BAD, 5)
    assert "is not there" in finding.what


def test_doctor_without_systemd_finds_the_camera_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can be asked, what was seen counts."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edgeemo")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert camera_finding(tmp_path).verdict is Verdict.BAD
