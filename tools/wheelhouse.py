r"""Fill a folder with the wheels that ./install.sh --offline needs on another machine.

\b
    make wheelhouse TARGET=bookworm-arm64         into wheelhouse/bookworm-arm64
    .venv/bin/python tools/wheelhouse.py trixie-arm64 --into /media/stick/wheels

Targets: bookworm or trixie (Debian 12, 13 and the Raspberry Pi OS of the same name), each with
amd64 or arm64, and bookworm-armhf. Debian packages are not in it: install.sh names those it needs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from command import PATH, command
from edgeemo.errors import EdgeemoError
from networks.refusal import writing

ROOT = Path(__file__).resolve().parent.parent
OLDEST_MANYLINUX = 17
"""Wheels for glibc 2.17 and newer have tags of this form (PEP 600)."""


class Target(NamedTuple):
    """A kind of machine: its Python, processor, glibc 2.`glibc`, and the set that fits them."""

    python: str
    machine: str
    glibc: int
    requirements: str

    def platforms(self) -> Iterator[str]:
        """The platform tags that run there, the newest first."""
        for minor in range(self.glibc, OLDEST_MANYLINUX - 1, -1):
            yield f"manylinux_2_{minor}_{self.machine}"
        yield f"manylinux2014_{self.machine}"

    def pip_options(self) -> Iterator[str]:
        """What makes pip choose for that machine instead of for this one."""
        for platform in self.platforms():
            yield from ("--platform", platform)
        yield from ("--python-version", self.python, "--implementation", "cp")
        for abi in (f"cp{self.python.replace('.', '')}", "abi3", "none"):
            yield from ("--abi", abi)


TARGETS = {
    "bookworm-amd64": Target("3.11", "x86_64", 36, "litert-numpy1"),
    "bookworm-arm64": Target("3.11", "aarch64", 36, "litert-numpy1"),
    "bookworm-armhf": Target("3.11", "armv7l", 36, "tflite-debian"),
    "trixie-amd64": Target("3.13", "x86_64", 41, "litert-numpy2"),
    "trixie-arm64": Target("3.13", "aarch64", 41, "litert-numpy2"),
}


@command(__doc__)
@click.argument("target", type=click.Choice(sorted(TARGETS)))
@click.option("--into", type=PATH, help="The folder; else wheelhouse/TARGET.")
def main(target: str, into: Path | None) -> None:  # noqa: D103 - click takes the help from the module
    into = into or ROOT / "wheelhouse" / target
    click.echo(f"wheels for {target} (Python {TARGETS[target].python}) into {into}")
    with writing(into):
        into.mkdir(parents=True, exist_ok=True)
        # Of two versions of edgeemo in one folder, install.sh could take the wrong one.
        for old in into.glob("edgeemo-*.whl"):
            old.unlink()
    fill(into, TARGETS[target])
    wheels = list(into.glob("*.whl"))
    size_mb = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    click.echo(f"{len(wheels)} wheels, {size_mb:.0f} MB. There: sudo ./install.sh --offline {into}")


def fill(into: Path, target: Target) -> None:
    """Download what edgeemo needs on a target, and build edgeemo itself.

    Raises:
        EdgeemoError: pip failed; it has said why.
    """
    requirements = ROOT / "tools" / "requirements" / f"{target.requirements}.txt"
    # Without what packages ask for in turn: the sets are complete, and pip would judge by this machine.
    download = ("download", "--no-deps", *target.pip_options(), "--only-binary=:all:")
    try:
        pip(*download, "-r", str(requirements), "--dest", str(into))
        pip("wheel", "--no-deps", "--wheel-dir", str(into), str(ROOT))
    except subprocess.CalledProcessError as error:
        raise EdgeemoError(f"pip failed; {into} is not complete") from error


def pip(*arguments: str) -> None:
    """Run this interpreter's pip; what it says goes to the terminal."""
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
