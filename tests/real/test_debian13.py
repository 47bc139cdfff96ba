"""Debian 13: Python 3.13, numpy 2, and a systemd that knows growing pauses.

Raspberry Pi OS Trixie has the same Python, the same systemd and the same dependency set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import Mosquitto, listening
from real.machine import ROOT, SOURCE, Machine, booted_root, until
from real.userland import bootstrap
from realparts import require

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1800)]

PACKAGES = ("systemd-sysv", "python3", "python3-venv", "ca-certificates", "libnss-myhostname")
UNIT = "edgeemo.service"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted Debian 13 with the wheels that `make wheelhouse` prepares for it."""
    require("systemd-nspawn", "systemd-container")
    folder = tmp_path_factory.mktemp("debian13")
    root = folder / "root"
    bootstrap(root, "trixie", "amd64", "minbase", PACKAGES)
    # The package index may be reached through an authority that only this machine knows.
    shutil.copy(AUTHORITIES, root / AUTHORITIES.lstrip("/"))
    filler = [sys.executable, str(ROOT / "tools/wheelhouse.py"), "trixie-amd64"]
    subprocess.run([*filler, "--into", str(root / "srv/wheels")], check=True, timeout=600)
    with booted_root(root, folder / "console.log") as running:
        yield running


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker on loopback, which the machine shares."""
    with Mosquitto(tmp_path) as running:
        yield running


def test_debian13_installs_from_a_wheelhouse(machine: Machine) -> None:
    """Without a package index the environment is built, checked and switched to."""
    install = ["bash", f"{SOURCE}/install.sh", "--offline", "/srv/wheels"]
    output = machine.run(*install, timeout_s=600)
    assert "Debian GNU/Linux 13 (trixie), amd64, Python 3.13" in output
    assert "a face was found in the demo" in output
    assert "==> installed. Next:" in output


def test_debian13_runs_the_service(machine: Machine, broker: Mosquitto) -> None:
    """The unit's every key is known, and events reach the broker."""
    mqtt = f"mqtt:\n  host: 127.0.0.1\n  port: {broker.port}\n"
    machine.write("/etc/edgeemo/config.yaml", f"device: attic\ncamera:\n  source: demo\n{mqtt}")
    with listening(broker.port) as listener:
        machine.run("systemctl", "start", UNIT)
        until(lambda: listener.payloads("edgeemo/attic/camera/event"), "an event")
    assert "Unknown key" not in machine.journal(UNIT)


def test_debian13_pauses_longer_after_each_failure(machine: Machine) -> None:
    """RestartSteps is in force there, so that a broken device is not restarted every two seconds."""
    assert machine.show(UNIT, "RestartSteps") == "8"
    assert machine.show(UNIT, "RestartMaxDelayUSec") == "2min"


def test_debian13_passes_the_suite(machine: Machine) -> None:
    """All tests that need no real part and no TensorFlow pass on Python 3.13."""
    # The commands would find an installation's settings otherwise.
    machine.run("bash", f"{SOURCE}/uninstall.sh", "--purge")
    machine.run("python3", "-m", "venv", "/srv/suite")
    pip = ["/srv/suite/bin/python", "-m", "pip", "install", "--quiet"]
    machine.run(*pip, "--editable", f"{SOURCE}[dev,demo]", timeout_s=900)
    tests = ["-m", "pytest", "-q", "-n", str(os.cpu_count()), "-m", "not slow and not real"]
    suite = ["sh", "-c", f'cd {SOURCE} && exec /srv/suite/bin/python "$@"', "sh"]
    assert " passed" in machine.run(*suite, *tests, timeout_s=1500)
