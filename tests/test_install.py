"""The installer's refusals and plans, and that what it pins is what the package asks for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from otherpython import shell_python
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


PLACES = (
    *("/opt/edgeemo", "/etc/edgeemo", "/var/lib/edgeemo", "/etc/systemd/system"),
    *("/usr/local/bin/edgeemo", "/run/edgeemo-install.lock", "/usr/bin/python3"),
)


def play(script: str, place: Path, steps: str, folder: Path = ROOT) -> tuple[int, list[str]]:
    """Exit code and lines of some steps among a script's own functions, its every place below `place`."""
    text = (ROOT / script).read_text("utf-8").replace('\nmain "$@"\n', "\n")
    for outside in PLACES:
        text = text.replace(f"={outside}\n", f"={place / outside[1:].replace('/', '-')}\n")
    done = subprocess.run(
        ["bash", "-c", f"{text}\n{steps}", str(ROOT / script)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


@pytest.mark.real
def test_installer_called_from_elsewhere_looks_for_the_wheels_there(tmp_path: Path) -> None:
    """A folder that is not named from the root is one of the caller's, and the usage can be read."""
    require("dpkg")
    (tmp_path / "wheels").mkdir()
    script = os.path.relpath(ROOT / "install.sh", tmp_path)
    for arguments, code, said in (
        (["--help"], 0, "sudo ./install.sh --offline wheelhouse/bookworm-arm64"),
        (["--offline", "wheels", "--dry-run"], 1, f"{tmp_path}/wheels holds no edgeemo "),
    ):
        done = subprocess.run(
            ["bash", script, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert said in done.stdout + done.stderr


def test_installer_takes_the_wheel_of_its_own_version(tmp_path: Path) -> None:
    """Of several in a folder neither the first nor the last."""
    for version in ("0.9.0", "0.10.0", "0.10.1"):
        (tmp_path / f"edgeemo-{version}-py3-none-any.whl").touch()
    steps = f'offline={tmp_path} version=0.10.0; find_wheel; echo "$(basename "$wheel")"'
    assert play("install.sh", tmp_path, steps) == (0, ["edgeemo-0.10.0-py3-none-any.whl"])
    code, said = play("install.sh", tmp_path, f"offline={tmp_path} version=0.1.0; find_wheel")
    assert code == 1
    assert "holds no edgeemo 0.1.0" in said[-1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("true", None),
        ("echo >> new/edgeemo/daemon.py", "Files edgeemo/daemon.py and "),
        ("rm new/edgeemo/sight/eye.py", "Only in edgeemo/sight: eye.py"),
        ("echo >> new/edgeemo/models/emotion.json", "Files models/emotion.json and "),
        ("echo >> new/edgeemo/config.yaml", "Files config.yaml and "),
    ],
)
def test_installer_notices_a_wheel_of_other_sources(
    tmp_path: Path, change: str, told: str | None
) -> None:
    """One of the same version, made before `git pull`, would be installed as if it were this one."""
    site = tmp_path / "new" / "edgeemo"
    shutil.copytree(ROOT / "edgeemo", site, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "models", site / "models")
    shutil.copy(ROOT / "config.yaml", site)
    (tmp_path / "bin").mkdir()
    shell_python(tmp_path / "bin" / "python", f"echo {tmp_path}/new")
    subprocess.run(["bash", "-c", change], cwd=tmp_path, check=True)
    steps = f"pip_install() {{ :; }}; new={tmp_path} wheel=old.whl; install_itself"
    code, said = play("install.sh", tmp_path, steps)
    if told is None:
        assert (code, said) == (0, [])
    else:
        assert code == 1
        assert said[0].startswith(told)
        assert "old.whl was made of other sources" in said[-1]


@pytest.mark.real
def test_installer_gets_a_python_where_there_is_none(tmp_path: Path) -> None:
    """A Debian without it is not taken for one of the wrong version; a dry run ends there."""
    require("dpkg")
    require("systemctl", "systemd")
    python = tmp_path / "usr-bin-python3"
    apt = f"apt_get() {{ printf '#!/bin/sh\\necho 3.11\\n' > {python}; chmod +x {python}; echo \"got $*\"; }}"
    code, said = play("install.sh", tmp_path, f"{apt}; dry_run=1; look_around; echo on")
    assert code == 0
    assert said[-1] == "    the rest depends on its version"
    code, said = play("install.sh", tmp_path, f"{apt}; look_around")
    assert code == 0
    assert "got python3" in said
    assert "Python 3.11" in said[-1]


def passwd(home: str) -> str:
    """Shell that stands for a machine with an account edgeemo."""
    entry = f"edgeemo:x:900:900::{home}:/usr/sbin/nologin"
    return f"getent() {{ [[ $1 != passwd ]] || echo {entry}; }}; "


def test_scripts_leave_a_persons_account_alone(tmp_path: Path) -> None:
    """An account that happens to have the name is neither made the service's nor deleted."""
    commands = 'userdel() { echo "userdel $*"; }; groupdel() { echo "groupdel $*"; }; '
    somebody, service = passwd("/home/edgeemo"), passwd("/nonexistent")
    code, said = play("install.sh", tmp_path, f"{somebody}refuse_what_is_not_ours")
    assert (code, len(said)) == (1, 1)
    assert "there is an account edgeemo that is not the service's" in said[0]
    assert play("install.sh", tmp_path, f"{service}refuse_what_is_not_ours") == (0, [])
    code, said = play("uninstall.sh", tmp_path, f"{somebody}{commands}remove_user")
    assert (code, len(said)) == (0, 1)
    assert "it stays" in said[0]
    assert play("uninstall.sh", tmp_path, f"{service}{commands}remove_user") == (
        0,
        ["userdel edgeemo", "groupdel edgeemo"],
    )


def test_uninstaller_removes_all_else_when_the_account_is_in_use(tmp_path: Path) -> None:
    """A process of that user keeps the account, and only that; the exit code says so."""
    environment = tmp_path / "opt-edgeemo" / "1"
    environment.mkdir(parents=True)
    stubs = "userdel() { return 8; }; id() { echo 0; }; find() { :; }; systemctl() { :; }; "
    code, said = play("uninstall.sh", tmp_path, f"{passwd('/nonexistent')}{stubs}main --purge")
    assert code == 1
    assert said[-1] == "uninstall.sh: the user edgeemo stays, all else is done"
    assert list(tmp_path.iterdir()) == []


def test_uninstaller_waits_for_no_installation(tmp_path: Path) -> None:
    """While the installer works it does nothing; nor where the lock was removed under its hands."""
    lock = tmp_path / "run-edgeemo-install.lock"
    for steps in (f"exec 8>{lock}; flock 8; take_lock", f"flock() {{ rm {lock}; }}; take_lock"):
        assert play("uninstall.sh", tmp_path, steps) == (
            1,
            ["uninstall.sh: an installation is running"],
        )


def test_installer_lets_the_service_read_settings_that_were_there_before(tmp_path: Path) -> None:
    """Copied by root with a mode of 0600 they would lock it out; other files keep theirs."""
    if os.geteuid() != 0:
        pytest.skip("giving files to a group needs root")
    etc = tmp_path / "etc-edgeemo"
    (etc / "secrets").mkdir(parents=True)
    for name in ("config.yaml", "hall.yaml", "key.pem", "secrets/mqtt_password"):
        (etc / name).touch(mode=0o600)
    # Here there is no such group; any other that is not root's stands for it.
    stubs = 'chgrp() { :; }; find() { command find "${@/#edgeemo/daemon}"; }; install() { :; }; '
    given = f"chgrp -R daemon {etc}/*.yaml {etc}/key.pem; "
    code, said = play("install.sh", tmp_path, f"{given}{stubs}make_folders")
    assert (code, said) == (0, [])
    modes = {p.name: p.stat().st_mode & 0o777 for p in etc.rglob("*") if p.is_file()}
    assert modes == {
        "config.yaml": 0o640,
        "hall.yaml": 0o640,
        "key.pem": 0o600,
        "mqtt_password": 0o600,
    }


def test_first_installation_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Up to the check it has made no user, no settings and no folder of environments."""
    stubs = (
        "id() { echo 0; }; look_around() { :; }; choose_set() { requirements=; packages=(); };"
        "choose_picamera2() { :; }; getent() { return 2; };"
        'useradd() { echo useradd; }; pip_install() { mkdir -p "$new"; };'
        "copy_extras() { :; }; check_environment() { fail 'no face'; }; "
    )
    python = tmp_path / "usr-bin-python3"
    shell_python(python, 'mkdir -p "$4"')
    code, said = play("install.sh", tmp_path, f"{stubs}main", tmp_path)
    assert code == 1
    assert said[-1].endswith("was removed again")
    assert "useradd" not in "".join(said)
    assert {p.name for p in tmp_path.iterdir()} == {python.name, "run-edgeemo-install.lock"}
