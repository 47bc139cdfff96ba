"""The units, as systemd itself reads and judges them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from realparts import require

FOLDER = Path(__file__).resolve().parent.parent / "systemd"
ONE, EACH = FOLDER / "edgeemo.service", FOLDER / "edgeemo@.service"

GREATEST_EXPOSURE = 1.5
"""On the scale of `systemd-analyze security`, from 0 to 10."""

SINCE_254 = {"RestartSteps", "RestartMaxDelaySec"}
"""Keys that Bookworm's systemd 252 ignores, saying so."""


def settings(unit: Path) -> list[str]:
    """A unit's lines without its comments."""
    return [line for line in unit.read_text("utf-8").splitlines() if line and line[0] != "#"]


def analyze(*arguments: str) -> str:
    """What systemd-analyze writes, errors included."""
    require("systemd-analyze", "systemd")
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    ).stdout


@pytest.mark.real
@pytest.mark.parametrize("unit", [ONE, EACH], ids=lambda unit: unit.name)
def test_unit_exposes_little(unit: Path) -> None:
    """The sandbox is judged at 1.5 or better."""
    judged = analyze("security", "--offline=true", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged)
    assert found, judged
    assert float(found[1]) <= GREATEST_EXPOSURE


@pytest.mark.real
@pytest.mark.parametrize("unit", [ONE, EACH], ids=lambda unit: unit.name)
def test_unit_has_no_key_that_systemd_does_not_know(unit: Path) -> None:
    """A misspelt key would be ignored; only two that older versions lack may be."""
    said = analyze("verify", "--recursive-errors=yes", str(unit)).splitlines()
    ours = [line for line in said if str(FOLDER) in line]
    unknown = {found[1] for line in ours if (found := re.search(r"Unknown key '(\w+)'", line))}
    assert unknown <= SINCE_254
    assert [line for line in ours if "Unknown key" not in line] == []


def test_template_differs_from_the_unit_in_the_instance_alone() -> None:
    """What is mended in one of the two is mended in both."""
    of_instances = [line.replace(" %i,", ",") for line in settings(EACH)]
    assert set(of_instances) - set(settings(ONE)) == {
        "ExecStart=/opt/edgeemo/current/bin/edgeemo run /etc/edgeemo/%i.yaml",
        "Environment=EDGEEMO_DEVICE=%l-%i",
        "StateDirectory=edgeemo/%i",
        "SyslogIdentifier=edgeemo@%i",
    }
    assert set(settings(ONE)) - set(of_instances) == {
        "ExecStart=/opt/edgeemo/current/bin/edgeemo run /etc/edgeemo/config.yaml",
        "StateDirectory=edgeemo",
        "SyslogIdentifier=edgeemo",
    }
