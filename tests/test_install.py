"""The installer's refusals and plans, and that what it pins is what the package asks for."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from realparts import require
from wheelhouse import TARGETS

ROOT = Path(__file__).resolve().parent.parent
SETS = ROOT / "tools" / "requirements"
NOBODY = 65534

DEBIAN_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf"}


def call(script: str, *arguments: str, user: int | None = None) -> tuple[int, str]:
    """Exit code and output of one of the two scripts."""
    require("dpkg")
    done = subprocess.run(
        ["bash", str(ROOT / script), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=user,
        check=False,
    )
    return done.returncode, done.stdout


def functions() -> str:
    """The installer's functions, without the line that begins the work."""
    return (ROOT / "install.sh").read_text("utf-8").replace('\nmain "$@"\n', "\n")


def pins(name: str) -> dict[str, str]:
    """Package -> exact version of one dependency set."""
    lines = [line.strip() for line in (SETS / name).read_text("utf-8").splitlines()]
    found: dict[str, str] = {}
    for line in lines:
        if line.startswith("-r "):
            found |= pins(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            package, _, version = line.partition("==")
            found[package.lower()] = version
    return found


def wanted() -> dict[str, Requirement]:
    """What pyproject.toml asks for, by package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {Requirement(line).name.lower(): Requirement(line) for line in project["dependencies"]}


@pytest.mark.parametrize("path", sorted(SETS.glob("*-*.txt")), ids=lambda path: path.stem)
def test_set_pins_versions_that_the_package_allows(path: Path) -> None:
    """Each dependency set lies within the ranges of pyproject.toml."""
    asked = wanted()
    outside = {
        package: version
        for package, version in pins(path.name).items()
        if package in asked and not asked[package].specifier.contains(version)
    }
    assert outside == {}


@pytest.mark.parametrize("path", sorted(SETS.glob("*-*.txt")), ids=lambda path: path.stem)
def test_set_has_one_runtime_and_all_that_debian_does_not_give(path: Path) -> None:
    """What a set leaves out is the other runtime, or comes from Debian on 32-bit."""
    missing = set(wanted()) - set(pins(path.name))
    assert len(missing & {"ai-edge-litert", "tflite-runtime"}) == 1
    by_debian = {"numpy", "opencv-python-headless", "pyyaml"}
    assert missing - {"ai-edge-litert", "tflite-runtime"} == (
        by_debian if path.stem == "tflite-debian" else set()
    )


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_wheelhouse_targets_have_a_set_and_a_debian_name(target: str) -> None:
    """A target's name says which machine it is, and its set is there."""
    system, architecture = target.split("-")
    made_for = TARGETS[target]
    assert (SETS / f"{made_for.requirements}.txt").is_file()
    assert DEBIAN_ARCHITECTURES[made_for.machine] == architecture
    assert made_for.python == {"bookworm": "3.11", "trixie": "3.13"}[system]


@pytest.mark.real
def test_installer_only_says_what_it_would_do() -> None:
    """A dry run names each step, changes nothing and needs no root."""
    before = sorted(Path("/opt").iterdir()), Path("/etc/edgeemo").exists()
    code, output = call("install.sh", "--dry-run", user=NOBODY if os.geteuid() == 0 else None)
    assert code == 0, output
    for step in ("dependencies", "a face found in the demo", "config.yaml", "current ->", "units"):
        assert step in output
    assert before == (sorted(Path("/opt").iterdir()), Path("/etc/edgeemo").exists())


@pytest.mark.real
@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_script_asks_for_root_in_one_line(script: str) -> None:
    """Without root nothing is begun."""
    code, output = call(script, user=NOBODY if os.geteuid() == 0 else None)
    assert (code, output) == (
        1,
        f"{script}: has to be run as root: sudo ./{script} (or --dry-run)\n",
    )


@pytest.mark.real
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--offline", "/nonexistent"], "there is no such folder"),
        (["--runtime", "torch"], "allowed are litert and tflite-runtime"),
        (["--what"], "unknown argument --what"),
    ],
)
def test_installer_refuses_what_it_does_not_understand(arguments: list[str], said: str) -> None:
    """A wrong argument is named before anything is done."""
    code, output = call("install.sh", "--dry-run", *arguments)
    assert code == 1
    assert said in output.splitlines()[-1]
    assert "==>" not in output


@pytest.mark.parametrize(
    ("unit", "config"),
    [
        ("edgeemo.service", "/etc/edgeemo/config.yaml"),
        ("edgeemo@hall.service", "/etc/edgeemo/hall.yaml"),
        ("edgeemo@front-door.service", "/etc/edgeemo/front-door.yaml"),
    ],
)
def test_installer_checks_the_settings_that_a_unit_reads(unit: str, config: str) -> None:
    """The name of an instance is taken as it stands, as %i is."""
    asked = ["bash", "-c", f'{functions()}\nconfig_of "{unit}"']
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{config}\n"


def test_installer_copies_all_that_its_pages_link_to(tmp_path: Path) -> None:
    """A page of the documentation leads as far on the device as in the checkout."""
    copy = ["bash", "-c", f'{functions()}\nnew="{tmp_path}"\ncopy_extras']
    subprocess.run(copy, cwd=ROOT, check=True)
    pages = sorted((tmp_path / "share" / "edgeemo").glob("*.md"))
    assert [page.name for page in pages] == sorted(p.name for p in (ROOT / "docs").glob("*.md"))
    links = [
        page.parent / link
        for page in pages
        for link in re.findall(r"\]\(([^):#]+)\)", page.read_text("utf-8"))
    ]
    assert links
    assert [link for link in links if not link.exists()] == []


UPGRADE = """
old=1-old new=$ROOT/2-new
mkdir -p "$ROOT"/{1-old,2-new}/share/edgeemo "$UNITS"
touch "$ROOT"/{1-old,2-new}/share/edgeemo/edgeemo.service
switch_to "$old"
active_units() { printf '%s\\n' edgeemo.service edgeemo@hall.service; }
systemctl() { echo "$* in $(readlink "$ROOT/current")"; [[ $* != *hall* || -d $ROOT/1-old && $(readlink "$ROOT/current") == 1-old ]]; }
trap abandon EXIT
"""
"""An upgrade from where the old environment is in use, with a service that does not start in the new one."""


def upgrade(place: Path, steps: str) -> str:
    """What the installer's own functions say of some of its steps, with all its places below `place`."""
    script = functions()
    for outside in ("/opt/edgeemo", "/etc/systemd/system", "/usr/local/bin/edgeemo"):
        script = script.replace(f"={outside}\n", f"={place / Path(outside).name}\n")
    done = subprocess.run(
        ["bash", "-c", f"{script}{UPGRADE}{steps}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert not (place / "edgeemo" / "2-new").exists()
    assert (place / "edgeemo" / "current").readlink() == Path("1-old")
    return done.stdout


def test_installer_takes_every_unit_back_when_one_does_not_start(tmp_path: Path) -> None:
    """A unit that was restarted already would else run on in an environment that is deleted."""
    said = upgrade(tmp_path, "switch; install_units; restart_units").splitlines()
    assert "restart edgeemo.service in 2-new" in said
    assert "restart edgeemo.service edgeemo@hall.service in 1-old" in said
    assert said[-1] == "install.sh: failed; 1-old is in use again"


@pytest.mark.parametrize(
    ("steps", "told"),
    [("kill -TERM $$", "1-old stays in use"), ("switch; kill -TERM $$", "1-old is in use again")],
)
def test_installer_that_is_interrupted_leaves_the_old_environment(
    tmp_path: Path, steps: str, told: str
) -> None:
    """Before the switch and after it, and it says so."""
    assert upgrade(tmp_path, f"trap 'exit 130' INT TERM HUP; {steps}").endswith(
        f"install.sh: failed; {told}\n"
    )


@pytest.mark.real
def test_uninstaller_only_says_what_it_would_do() -> None:
    """A dry run of the uninstaller needs no root and names what would go and what would stay."""
    code, output = call("uninstall.sh", "--dry-run", user=NOBODY if os.geteuid() == 0 else None)
    assert code == 0
    assert "keeping /etc/edgeemo" in output
    assert "removing /opt/edgeemo" in output
