"""A Debian machine with a real systemd for tests: this machine's own root, overlaid and booted.

Nothing is written back: what happens in it goes to a temporary file system and is thrown away. The
network is shared, so that a broker on loopback is reachable. Not enforced in such a container:
MemoryMax, DevicePolicy, IPAddressDeny.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from realparts import missing, require
from waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = "/srv/edgeemo"
"""Where a copy of the checkout lies in the machine."""

SIZE = "6g"
BOOT_S = 30.0
POWEROFF = signal.SIGRTMIN + 4
"""What systemd(1) takes as the order to power off."""

HOST_STATE = ("etc/systemd/system", "opt/edgeemo", "etc/edgeemo", "var/lib/edgeemo")
"""What the machine must not inherit from this one."""


class Machine:
    """A booted container; commands are run in it by entering its name spaces."""

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        """Its root folder, seen from outside."""
        self._leader = leader

    def run(self, *command: str, check: bool = True, timeout_s: float = 300) -> str:
        """Run a command as root in the machine; returns what it wrote, errors included.

        Raises:
            AssertionError: it failed and `check` is set.
        """
        code, output = self.call(*command, timeout_s=timeout_s)
        assert code == 0 or not check, f"{' '.join(command)}: exit code {code}\n{output}"
        return output

    def call(self, *command: str, timeout_s: float = 300) -> tuple[int, str]:
        """Run a command as root in the machine; returns its exit code and what it wrote."""
        enter = ["nsenter", "--target", str(self._leader), "--all", "--wdns=/"]
        done = subprocess.run(
            [*enter, "/usr/bin/env", *command],
            env={
                **_pip_settings(),
                "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return done.returncode, done.stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit, as `systemctl show` has it."""
        return self.run("systemctl", "show", unit, "--property", name, "--value").strip()

    def journal(self, unit: str, *options: str) -> str:
        """What a unit wrote and what systemd said of it."""
        return self.run("journalctl", "--no-pager", "--unit", unit, "--output", "cat", *options)

    def write(self, path: str, content: str) -> None:
        """Put a file into the machine."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")


def until(is_true: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Wait for something of another process or machine, with the patience that these need.

    Raises:
        AssertionError: it is not so after `timeout_s` seconds.
    """
    wait_until(is_true, timeout_s, what)


@contextlib.contextmanager
def booted_machine(work: Path) -> Iterator[Machine]:
    """Boot one below the empty folder `work`; it is off and gone at the end."""
    require("systemd-nspawn", "systemd-container")
    if os.geteuid() != 0:
        missing("a container needs root")
    with _mounted(["tmpfs", "-o", f"size={SIZE}", "none"], work), _overlay(work) as root:
        _make_bare(root)
        with booted_root(root, work / "console.log") as machine:
            yield machine


@contextlib.contextmanager
def booted_root(root: Path, console: Path) -> Iterator[Machine]:
    """Boot a folder with a Debian in it, the checkout's copy at SOURCE; it is off at the end."""
    _copy_checkout(root)
    with _running(root, console) as leader:
        yield Machine(root, leader)


@contextlib.contextmanager
def _overlay(work: Path) -> Iterator[Path]:
    upper, scratch, root = (work / name for name in ("upper", "scratch", "root"))
    for folder in (upper, scratch, root):
        folder.mkdir()
    layers = f"lowerdir=/,upperdir={upper},workdir={scratch}"
    with _mounted(["overlay", "-o", layers, "overlay"], root):
        yield root


@contextlib.contextmanager
def _mounted(arguments: list[str], place: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", *arguments, str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _make_bare(root: Path) -> None:
    for name in HOST_STATE:
        subprocess.run(["rm", "-rf", str(root / name)], check=True)
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "usr/local/bin/edgeemo").unlink(missing_ok=True)


def _copy_checkout(root: Path) -> None:
    """What git would clone, with changes that are not committed yet."""
    listing = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        target = root / SOURCE.lstrip("/") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # A file that was removed and is still listed is no part of it.
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, target)


@contextlib.contextmanager
def _running(root: Path, console: Path) -> Iterator[int]:
    """The process id, outside, of the machine's systemd once it has booted."""
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot"]
    with (
        console.open("wb") as log,
        subprocess.Popen(
            [*command, "--console=pipe", f"--directory={root}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as nspawn,
    ):
        leader = 0
        try:
            leader = _leader_of(nspawn.pid, console)
            yield leader
        finally:
            os.kill(leader or nspawn.pid, POWEROFF if leader else signal.SIGTERM)
            nspawn.wait(timeout=60)


def _leader_of(nspawn: int, console: Path) -> int:
    leader = 0

    def is_up() -> bool:
        nonlocal leader
        children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text("ascii").split()
        leader = int(children[0]) if children else 0
        return bool(leader) and _state(leader) in ("running", "degraded")

    try:
        until(is_up, "systemd has booted", BOOT_S)
    except AssertionError:
        missing(
            f"systemd-nspawn does not boot here: {console.read_text('utf-8', 'replace')[-2000:]}"
        )
    return leader


def _state(leader: int) -> str:
    command = [
        "nsenter",
        "--target",
        str(leader),
        "--all",
        "/usr/bin/systemctl",
        "is-system-running",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _pip_settings() -> dict[str, str]:
    """How this machine reaches its package index is not known in the other one."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
