"""A Debian 12 with a kernel of its own, in an emulator: for drivers that this kernel lacks.

Everything is in the initial RAM file system, so that no disk and no network are needed. The
processor is emulated too: KVM inside of other virtual machines may be there and yet not work.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from real.machine import ROOT
from real.userland import bootstrap
from real.wheels import install_wheels
from realparts import require

PACKAGES = (
    *("python3", "libpython3.11-stdlib", "linux-image-amd64", "kmod", "v4l-utils", "bash"),
    *("coreutils", "mount", "base-files", "libstdc++6", "zlib1g"),
)
WASTE = ("usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/perl", "usr/lib/gcc")
WHEELS = (
    *("numpy", "opencv-python-headless>=4.11,<5", "ai-edge-litert", "pydantic", "PyYAML"),
    *("paho-mqtt", "click", "pytest", "pytest-timeout"),
)
SITE, SOURCE = "opt/site", "srv/edgeemo"
PYTHON = "3.11"
CPU = "Nehalem"
"""The oldest that numpy runs on: the less there is, the less is emulated."""
MEMORY_MB = 3072
DONE = "ended with"
"""What `init` prints last, with the exit code."""

INIT = f"""#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/{SITE}:/{SOURCE}:/{SOURCE}/tests HOME=/root
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
mkdir -p /tmp; cd /{SOURCE}
bash /command
echo "{DONE} $?"
echo o > /proc/sysrq-trigger
sleep 60
"""


def build(folder: Path, modules: tuple[str, ...]) -> None:
    """Make kernel and RAM file system in a folder: `vmlinuz` and `initrd`, `root` unpacked."""
    require("qemu-system-x86_64", "qemu-system-x86")
    require("cpio")
    root = folder / "root"
    bootstrap(root, "bookworm", "amd64", "extract", PACKAGES)
    for waste in WASTE:
        shutil.rmtree(root / waste, ignore_errors=True)
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    keep_modules(root, kernel.name.removeprefix("vmlinuz-"), modules)
    kernel.rename(folder / "vmlinuz")
    shutil.rmtree(root / "boot")
    install_wheels(root / SITE, PYTHON, *WHEELS)
    for part in ("edgeemo", "tests", "models"):
        shutil.copytree(ROOT / part, root / SOURCE / part)
    shutil.copy(ROOT / "pyproject.toml", root / SOURCE)
    (root / "init").write_text(INIT, encoding="utf-8")
    (root / "init").chmod(0o755)


def keep_modules(root: Path, version: str, names: tuple[str, ...]) -> None:
    """Leave only these modules, and what they need, of the two thousand that a kernel comes with."""
    inside = ["chroot", str(root)]  # the kernel's tools are in there
    depend = [*inside, "/sbin/depmod", version]
    subprocess.run(depend, check=True)
    show = [*inside, "/sbin/modprobe", "-S", version, "--show-depends"]
    needed = {
        line.split()[1]
        for name in names
        for line in subprocess.check_output([*show, name], text=True).splitlines()
    }
    for module in (root / "lib/modules" / version).rglob("*.ko*"):
        if f"/{module.relative_to(root)}" not in needed:
            module.unlink()
    subprocess.run(depend, check=True)


def run(folder: Path, command: str, timeout_s: float) -> tuple[int, str]:
    """Boot, run a shell command as root, switch off; returns its exit code and what was printed."""
    root, image = folder / "root", folder / "initrd"
    (root / "command").write_text(command, encoding="utf-8")
    with image.open("wb") as file:
        # Not compressed: an emulated processor unpacks slower than memory is copied.
        pack = "find . -print0 | cpio --null --create --format=newc --quiet"
        subprocess.run(["bash", "-c", pack], cwd=root, stdout=file, check=True)
    emulator = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", CPU, "-smp", "2"]
    boot = ["-kernel", str(folder / "vmlinuz"), "-initrd", str(image), "-m", str(MEMORY_MB)]
    quiet = ["-append", "console=ttyS0 quiet panic=-1", "-nographic", "-no-reboot", "-nic", "none"]
    done = subprocess.run(
        [*emulator, *boot, *quiet], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    told, _, code = done.stdout.rpartition(DONE)
    assert told, f"it did not come to its end:\n{done.stdout}{done.stderr}"
    return int(code.split()[0]), told
