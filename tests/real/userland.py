"""Debian userlands in a folder: another release, or another processor's under emulation."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from real.machine import ROOT
from realparts import missing, require

MIRROR = "http://deb.debian.org/debian"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
FORMATS = Path("/usr/lib/binfmt.d")
"""Where Debian's qemu-user-static says by which bytes the kernel knows another processor's programs."""


@dataclass(frozen=True)
class Userland:
    """A folder that programs can be run in with chroot."""

    root: Path
    environment: tuple[str, ...] = ()
    """`NAME=value` for every program that runs in it."""

    def run(self, *command: str, timeout_s: float = 1200) -> str:
        """Run a command as root in it; returns its standard output.

        Raises:
            AssertionError: it failed.
        """
        environment = ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        enter = ["chroot", str(self.root), "/usr/bin/env", "-i", *environment, *self.environment]
        done = subprocess.run(
            [*enter, *command], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def with_proc(self) -> Iterator[Userland]:
        """Mount /proc in it: LiteRT reads the processor's abilities there."""
        place = self.root / "proc"
        place.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "proc", "proc", str(place)], check=True)
        try:
            yield self
        finally:
            subprocess.run(["umount", str(place)], check=True)


def bootstrap(
    root: Path, release: str, architecture: str, variant: str, packages: tuple[str, ...]
) -> None:
    """Fill a folder with a Debian release and packages of it.

    Args:
        root: the folder, which does not exist yet.
        release: bookworm or trixie.
        architecture: amd64, or one whose programs `emulate` lets run.
        variant: mmdebstrap's: `extract` unpacks only, which suffices to run programs.
        packages: what else is in it.
    """
    require("mmdebstrap")
    if os.geteuid() != 0:
        missing("a userland needs root")
    options = [f"--variant={variant}", f"--architectures={architecture}"]
    command = ["mmdebstrap", "--quiet", *options, f"--include={','.join(packages)}"]
    subprocess.run([*command, release, str(root), MIRROR], check=True, timeout=1200)


def emulate(processor: str) -> None:
    """Have the kernel run programs of another processor through qemu: aarch64 or arm."""
    require(f"qemu-{processor}-static", "qemu-user-static")
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], check=True)
    if not (BINFMT / f"qemu-{processor}").exists():
        rule = (FORMATS / f"qemu-{processor}.conf").read_text("ascii")
        (BINFMT / "register").write_text(rule, encoding="ascii")


def unpack_wheelhouse(target: str, folder: Path, site: Path) -> None:
    """Make the wheelhouse of a target and unpack all of its wheels into one folder."""
    filler = [sys.executable, str(ROOT / "tools/wheelhouse.py"), target, "--into", str(folder)]
    subprocess.run(filler, check=True, timeout=600)
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(site)
