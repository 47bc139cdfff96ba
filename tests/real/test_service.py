"""edgeemo as people use it: installed from nothing, run by a real systemd, upgraded, taken away.

The tests of this file are one story of one machine, told in order: each begins where the one
before it ended.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker import Listener, Mosquitto, listening
from real.machine import SOURCE, Machine, booted_machine, until
from realparts import require

pytestmark = pytest.mark.real

UNIT = "edgeemo.service"
CONFIG = "/etc/edgeemo/config.yaml"
BASE = "edgeemo/attic/camera"

TEMPORARY = {"/tmp", "/var/tmp", "/dev/shm"}
"""The first two are the service's own; all are gone with it or at the next boot."""

PROBE = """
from ai_edge_litert.interpreter import Interpreter
from edgeemo.config import bundled_model

interpreter = Interpreter(str(bundled_model()), num_threads=1)
interpreter.allocate_tensors()
print("delegated:", "DELEGATE" in [op["op_name"] for op in interpreter._get_ops_details()])
"""
"""Says whether a delegate, XNNPACK, took over the network."""

CLOCK_PROBE = """
import subprocess
from edgeemo.clock import TIMEDATECTL, Timex, _adjtimex

print("kernel:", _adjtimex(Timex(modes=0)) != -1)
print("service:", subprocess.run(TIMEDATECTL, stdout=subprocess.PIPE, text=True).stdout.strip())
"""
"""Asks both whether the clock is set, and says whether they answer."""

WATCHDOG_S = 3
QUICK_WATCHDOG = f"[Service]\nWatchdogSec={WATCHDOG_S}\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A Debian machine without edgeemo, but with its sources."""
    with booted_machine(tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker on loopback, which the machine shares."""
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def listener(broker: Mosquitto) -> Iterator[Listener]:
    """Who hears all that the service says."""
    with listening(broker.port) as hearing:
        yield hearing


@pytest.fixture(scope="module")
def settings(broker: Mosquitto) -> str:
    """A configuration with the demo as camera and the broker."""
    mqtt = f"mqtt:\n  host: 127.0.0.1\n  port: {broker.port}\n"
    return f"device: attic\ncamera:\n  source: demo\n{mqtt}"


def events(listener: Listener) -> list[dict[str, Any]]:
    """Every event so far."""
    return [json.loads(payload) for payload in listener.payloads(f"{BASE}/event")]


def await_more_events(listener: Listener) -> None:
    """Wait for the next event: the service works."""
    before = len(events(listener))
    until(lambda: len(events(listener)) > before, "another event")


def latest(listener: Listener, topic: str) -> str | None:
    """The last payload of a topic; None if there was none."""
    return next(reversed(listener.payloads(topic)), None)


def command(listener: Listener, payload: str) -> None:
    """Switch the camera, as Home Assistant would."""
    listener.client.publish(f"{BASE}/enabled/set", payload, qos=1).wait_for_publish(10)


def main_pid(machine: Machine) -> str:
    """The process that systemd watches."""
    return machine.show(UNIT, "MainPID")


def unaligned(table: str) -> str:
    """A table's text with single blanks between its columns, however wide they are."""
    return re.sub(" +", " ", table)


def environment_in_use(machine: Machine) -> str:
    """The folder that `current` leads to."""
    return machine.run("readlink", "/opt/edgeemo/current").strip()


def test_installer_installs_from_nothing(machine: Machine) -> None:
    """A bare Debian gets an environment that found a face, settings, units and a command."""
    output = machine.run("bash", f"{SOURCE}/install.sh", timeout_s=600)
    assert "a face was found in the demo" in output
    assert "==> installed. Next:" in output
    assert machine.run("edgeemo", "--version").startswith("edgeemo")
    assert machine.run("systemctl", "is-enabled", UNIT).strip() == "enabled"


def test_installer_keeps_settings_from_others(machine: Machine) -> None:
    """A password in the settings can be read by root and the service alone."""
    listing = machine.run("stat", "-c", "%A %U:%G", CONFIG, "/etc/edgeemo", "/etc/edgeemo/secrets")
    assert listing.split("\n")[:3] == [
        "-rw-r----- root:edgeemo",
        "drwxr-s--- root:edgeemo",
        "drwx--S--- root:root",
    ]


def test_service_starts_and_publishes_events(
    machine: Machine, listener: Listener, settings: str
) -> None:
    """`systemctl start` comes back when the pipeline turns, and events reach the broker."""
    machine.write(CONFIG, settings)
    machine.run("systemctl", "start", UNIT)
    assert machine.show(UNIT, "ActiveState") == "active"
    until(lambda: len(events(listener)) >= 2, "two events")
    assert events(listener)[0]["event_type"] == "appeared"
    assert latest(listener, "edgeemo/attic/status") == "online"
    assert latest(listener, f"{BASE}/availability") == "online"


def test_service_shows_what_it_sees(machine: Machine) -> None:
    """`systemctl status` has a line of the daemon's own."""
    assert machine.show(UNIT, "StatusText") != ""


def in_sandbox(machine: Machine, program: str, *settings: str) -> str:
    """What a Python program says that runs in the unit's sandbox, with further settings of it."""
    unit = machine.run("cat", f"/etc/systemd/system/{UNIT}").split("\n")
    kept = [line for line in unit if not line.startswith(("Type=", "ExecStart=", "Restart="))]
    call = ["Type=oneshot", "ExecStart=/opt/edgeemo/current/bin/python /srv/probe.py", *settings]
    at = kept.index("[Service]") + 1
    machine.write("/srv/probe.py", program)
    machine.write("/etc/systemd/system/probe.service", "\n".join([*kept[:at], *call, *kept[at:]]))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "probe.service")
    machine.run("journalctl", "--sync")
    return machine.journal("probe.service", "-n", "5")


@pytest.mark.parametrize(("added", "is_fast"), [("", True), ("ProcSubset=pid", False)])
def test_sandbox_leaves_xnnpack_on(machine: Machine, added: str, is_fast: bool) -> None:
    """In the unit's sandbox the network runs on XNNPACK; with the setting that is left out it would not."""
    assert f"delegated: {is_fast}" in in_sandbox(machine, PROBE, added)


def test_sandbox_lets_the_time_service_be_asked(machine: Machine) -> None:
    """Where the kernel may not be asked whether the clock is set, systemd's service answers for it."""
    said = in_sandbox(machine, CLOCK_PROBE)
    assert "kernel: False" in said
    assert "service: yes" in said or "service: no" in said


def test_sandbox_lets_the_group_of_cameras_through(machine: Machine) -> None:
    """What root and group video may open, as a camera's device is, the service may too."""
    machine.write("/srv/camera", "a picture")
    machine.run("chown", "root:video", "/srv/camera")
    machine.run("chmod", "660", "/srv/camera")
    assert "a picture" in in_sandbox(machine, "print(open('/srv/camera').read())")


def test_service_writes_to_the_journal_as_it_wants(machine: Machine) -> None:
    """Lines have priorities of their own, no time stamps, and are not one a frame."""
    said = machine.run(
        *("journalctl", "--no-pager", "-u", UNIT, "-o", "json", "--output-fields=PRIORITY,MESSAGE")
    )
    assert '"PRIORITY":"6"' in said
    lines = machine.journal(UNIT).splitlines()
    assert not [line for line in lines if line.startswith("<") or line[2:3] == line[5:6] == ":"]
    assert len(lines) < 60


def test_service_can_write_to_its_state_alone(machine: Machine) -> None:
    """In its sandbox the service's user can write to its state, to temporary folders, and to nothing else."""
    inside = ["nsenter", "-t", main_pid(machine), "-m", "--wdns=/"]
    as_service = ["setpriv", "--reuid=edgeemo", "--regid=edgeemo", "--init-groups"]
    places = "/etc /home /media /mnt /opt /root /run /srv /tmp /usr/local /var /dev/shm"
    search = f"find {places} ( -type f -o -type d ) -writable 2>/dev/null".replace("(", r"\(")
    command = ["sh", "-c", search.replace(" )", r" \)")]
    found = set(machine.run(*inside, *as_service, *command, check=False).split())
    assert {path for path in found if not path.startswith("/var/lib/edgeemo")} <= TEMPORARY
    assert "/var/lib/edgeemo" in found


def test_service_reads_its_settings_again(
    machine: Machine, listener: Listener, settings: str
) -> None:
    """`systemctl reload` takes up what can change, in the same process."""
    pid = main_pid(machine)
    machine.write(CONFIG, settings + "publish:\n  telemetry_s: 1\n")
    before = len(listener.payloads("edgeemo/attic/telemetry"))
    machine.run("systemctl", "reload", UNIT)
    until(
        lambda: len(listener.payloads("edgeemo/attic/telemetry")) >= before + 3,
        "telemetry a second",
    )
    assert main_pid(machine) == pid


def test_service_keeps_its_settings_when_the_new_ones_are_bad(
    machine: Machine, listener: Listener
) -> None:
    """A bad file is named in the journal and changes nothing."""
    pid = main_pid(machine)
    machine.write(CONFIG, "camera:\n  sauce: demo\n")
    machine.run("systemctl", "reload", UNIT)
    until(lambda: "did you mean source" in machine.journal(UNIT), "the mistake is named")
    before = len(listener.payloads("edgeemo/attic/telemetry"))
    until(lambda: len(listener.payloads("edgeemo/attic/telemetry")) > before, "it goes on")
    assert main_pid(machine) == pid


def test_service_stays_paused_over_a_restart(
    machine: Machine, listener: Listener, settings: str
) -> None:
    """A pause closes the camera, clears the state and outlives a restart; then it looks again."""
    machine.write(CONFIG, settings)
    command(listener, "OFF")
    until(lambda: latest(listener, f"{BASE}/enabled") == "OFF", "the pause is confirmed")
    machine.run("systemctl", "restart", UNIT)
    assert machine.show(UNIT, "ActiveState") == "active"
    assert json.loads(latest(listener, f"{BASE}/state") or "")["count"] == 0
    assert latest(listener, f"{BASE}/enabled") == "OFF"
    command(listener, "ON")
    await_more_events(listener)
    assert latest(listener, f"{BASE}/enabled") == "ON"


def test_service_is_restarted_when_it_hangs(machine: Machine, listener: Listener) -> None:
    """A stopped process feeds no watchdog: systemd kills it and starts another, which works."""
    machine.write(f"/etc/systemd/system/{UNIT}.d/watchdog.conf", QUICK_WATCHDOG)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    pid = main_pid(machine)
    machine.run("systemctl", "kill", "--signal=STOP", UNIT)
    until(lambda: machine.show(UNIT, "NRestarts") == "1", "the restart")
    until(lambda: machine.show(UNIT, "ActiveState") == "active", "it is active again")
    assert main_pid(machine) != pid
    assert f"Watchdog timeout (limit {WATCHDOG_S}s)!" in machine.journal(UNIT)
    await_more_events(listener)


def test_service_is_fed_by_work_alone(machine: Machine) -> None:
    """Left alone for twice the watchdog's patience, it is not restarted."""
    pid = main_pid(machine)
    assert machine.show(UNIT, "ActiveState") == "active"
    machine.run("sleep", str(2 * WATCHDOG_S))
    assert main_pid(machine) == pid


def test_service_waits_for_a_camera_that_is_not_there(
    machine: Machine, listener: Listener, settings: str
) -> None:
    """Without its camera it is ready, says so, stays alive and looks again."""
    machine.write(CONFIG, settings.replace("demo", "/dev/video99"))
    machine.run("systemctl", "restart", UNIT)
    pid = main_pid(machine)
    until(lambda: latest(listener, f"{BASE}/availability") == "offline", "the camera is away")
    machine.run("sleep", str(2 * WATCHDOG_S))
    assert (machine.show(UNIT, "ActiveState"), main_pid(machine)) == ("active", pid)
    assert "video99" in machine.show(UNIT, "StatusText") + machine.journal(UNIT, "-n", "20")


def test_service_is_not_restarted_for_a_bad_configuration(machine: Machine) -> None:
    """Exit code 2 is for a person to mend: systemd leaves it at that."""
    machine.write(CONFIG, "mqtt:\n  prot: 1883\n")
    machine.call("systemctl", "restart", UNIT)
    assert machine.show(UNIT, "ActiveState") == "failed"
    assert machine.show(UNIT, "ExecMainStatus") == "2"
    machine.run("sleep", "3")
    assert machine.show(UNIT, "NRestarts") == "0"
    assert "did you mean port" in machine.journal(UNIT)


def test_service_is_not_restarted_for_a_missing_model(machine: Machine, settings: str) -> None:
    """Exit code 3 neither."""
    machine.write(CONFIG, settings + "model:\n  path: /nonexistent/model.tflite\n")
    machine.call("systemctl", "restart", UNIT)
    assert machine.show(UNIT, "ActiveState") == "failed"
    assert machine.show(UNIT, "ExecMainStatus") == "3"
    assert machine.show(UNIT, "NRestarts") == "0"


def test_service_logs_in_with_a_secret_that_only_root_can_read(
    machine: Machine, tmp_path: Path
) -> None:
    """A password in the folder of secrets reaches the service as systemd's credential, and root's doctor."""
    passwords = tmp_path / "passwords"
    maker = [require("mosquitto_passwd", "mosquitto"), "-b", "-c", str(passwords), "attic", "hush"]
    subprocess.run(maker, check=True, capture_output=True)
    login = ("allow_anonymous false", f"password_file {passwords}")
    with Mosquitto(tmp_path, login) as locked:
        mqtt = f"mqtt:\n  host: 127.0.0.1\n  port: {locked.port}\n  user: attic\n"
        machine.write(CONFIG, f"device: attic\ncamera:\n  source: demo\n{mqtt}")
        machine.write("/etc/edgeemo/secrets/mqtt_password", "hush\n")
        machine.run("chmod", "600", "/etc/edgeemo/secrets/mqtt_password")
        machine.run("systemctl", "restart", UNIT)
        with listening(locked.port, username="attic", password="hush") as listener:
            until(lambda: events(listener), "an event")
        examined = machine.run("edgeemo", "doctor")
    assert "ok state /var/lib/edgeemo," in unaligned(examined)
    assert "ok broker publish" in unaligned(examined)
    assert "hush" not in machine.journal(UNIT) + examined
    machine.run("rm", "/etc/edgeemo/secrets/mqtt_password")


def test_template_runs_a_second_camera(machine: Machine, listener: Listener, settings: str) -> None:
    """An instance has its own file, its own state and its own name at the broker."""
    machine.write("/etc/edgeemo/hall.yaml", settings.replace("attic", "ignored"))
    machine.run("systemctl", "start", "edgeemo@hall.service")
    device = machine.run("hostname", "-s").strip() + "-hall"
    until(lambda: latest(listener, f"edgeemo/{device}/status") == "online", "the instance")
    assert machine.run("ls", "/var/lib/edgeemo").split().count("hall") == 1
    machine.run("systemctl", "stop", "edgeemo@hall.service")
    assert latest(listener, f"edgeemo/{device}/status") == "offline"


def test_doctor_believes_the_service_that_holds_the_camera(machine: Machine, settings: str) -> None:
    """A camera that can't be opened twice is well if systemd says that its service sees through it."""
    told = "systemd-notify --ready --status='/dev/video99: 2 faces'; exec sleep 100"
    unit = f'[Service]\nType=notify\nNotifyAccess=all\nExecStart=sh -c "{told}"\n'
    place = "/etc/systemd/system/edgeemo@gate.service"
    machine.write("/etc/edgeemo/gate.yaml", settings.replace("demo", "/dev/video99"))
    machine.write(place, unit)
    machine.run("systemctl", "daemon-reload")
    doctor = ["systemd-run", "--quiet", "--wait", "--pipe", "--property=User=edgeemo"]
    doctor += ["--setenv=STATE_DIRECTORY=/var/lib/edgeemo/gate", "/usr/local/bin/edgeemo", "doctor"]
    _, without = machine.call(*doctor, "/etc/edgeemo/gate.yaml")
    machine.run("systemctl", "start", "edgeemo@gate.service")
    _, beside = machine.call(*doctor, "/etc/edgeemo/gate.yaml")
    machine.run("systemctl", "stop", "edgeemo@gate.service")
    machine.run("rm", place, "/etc/edgeemo/gate.yaml")
    assert "wrong camera /dev/video99 is not there" in unaligned(without)
    assert "ok camera /dev/video99: held by edgeemo@gate.service, which" in unaligned(beside)


def test_upgrade_changes_over_to_a_new_environment(
    machine: Machine, listener: Listener, settings: str
) -> None:
    """The services go on in the new environment; the old one stays beside it; settings are kept."""
    machine.write(CONFIG, settings)
    machine.write("/etc/edgeemo/front-door.yaml", settings)
    machine.run("systemctl", "restart", UNIT, "edgeemo@front-door.service")
    old = environment_in_use(machine)
    machine.run("sh", "-c", f"echo '# A remark.' >> {SOURCE}/config.yaml")
    output = machine.run("bash", f"{SOURCE}/install.sh", timeout_s=600)
    new = environment_in_use(machine)
    assert f"==> upgraded from {old} to {new}" in output
    assert "==> restarting edgeemo@front-door.service" in output
    assert "ok broker publish" in unaligned(output)
    machine.run("systemctl", "stop", "edgeemo@front-door.service")
    running = machine.run("sh", "-c", f"tr '\\0' ' ' < /proc/{main_pid(machine)}/cmdline")
    assert "/opt/edgeemo/current/bin" in running
    assert old in machine.run("ls", "/opt/edgeemo")
    assert machine.run("cat", CONFIG) == settings
    assert machine.run("tail", "-n1", f"{CONFIG}.new") == "# A remark.\n"
    await_more_events(listener)


def test_upgrade_that_fails_its_check_leaves_the_old_one_running(machine: Machine) -> None:
    """A model that does not fit its description is noticed before anything is switched."""
    before = environment_in_use(machine), main_pid(machine)
    model = f"{SOURCE}/models/emotion.tflite"
    machine.run("sh", "-c", f"cp {model} /root/model && head -c 1000 /root/model > {model}")
    code, output = machine.call("bash", f"{SOURCE}/install.sh", timeout_s=600)
    machine.run("cp", "/root/model", model)
    assert code != 0
    assert f"install.sh: failed; {before[0]} stays in use" in output
    assert (environment_in_use(machine), main_pid(machine)) == before
    assert len([name for name in machine.run("ls", "/opt/edgeemo").split() if name[0] == "0"]) == 2


def test_upgrade_that_does_not_start_is_taken_back(machine: Machine, listener: Listener) -> None:
    """A daemon that passes the check and dies at its start is replaced by the one before."""
    before = environment_in_use(machine)
    daemon = f"{SOURCE}/edgeemo/daemon.py"
    machine.run(
        "sh", "-c", f"cp {daemon} /root/daemon.py && echo 'raise SystemExit(9)' >> {daemon}"
    )
    code, output = machine.call("bash", f"{SOURCE}/install.sh", timeout_s=600)
    machine.run("cp", "/root/daemon.py", daemon)
    assert code != 0
    assert f"{before} is in use again" in output
    assert environment_in_use(machine) == before
    assert machine.show(UNIT, "ActiveState") == "active"
    await_more_events(listener)


def test_uninstaller_leaves_settings_and_state(machine: Machine, listener: Listener) -> None:
    """Without --purge only what a person may want again is left, and it is root's; no unit is listed."""
    machine.write("/etc/edgeemo/broken.yaml", "mqtt:\n  prot: 1883\n")
    machine.call("systemctl", "start", "edgeemo@broken.service")
    assert machine.show("edgeemo@broken.service", "ActiveState") == "failed"
    machine.run("bash", "/opt/edgeemo/current/share/edgeemo/uninstall.sh")
    assert latest(listener, "edgeemo/attic/status") == "offline"
    assert left_over(machine) == {
        "/etc/edgeemo",
        "/var/lib/edgeemo",
        f"/etc/systemd/system/{UNIT}.d",
    }
    assert (
        machine.run("stat", "-c", "%U:%G", CONFIG, "/var/lib/edgeemo").split() == ["root:root"] * 2
    )
    assert machine.call("id", "edgeemo")[0] != 0
    assert machine.run("systemctl", "list-units", "--all", "--no-legend", "edgeemo*") == ""


def test_installer_gives_back_what_an_uninstall_kept(machine: Machine) -> None:
    """Installed again, the service can read its settings and secrets and write its outbox, whatever its number now."""
    machine.run("sh", "-c", "echo secret > /etc/edgeemo/key && chmod 640 /etc/edgeemo/key")
    machine.run("sh", "-c", "touch /var/lib/edgeemo/outbox.sqlite3")
    machine.run("useradd", "--system", "newcomer")  # takes the number that was edgeemo's
    machine.run("bash", f"{SOURCE}/install.sh", timeout_s=600)
    owners = machine.run(
        "stat", "-c", "%U:%G", "/etc/edgeemo/key", "/var/lib/edgeemo/outbox.sqlite3"
    )
    assert owners.split() == ["root:edgeemo", "edgeemo:edgeemo"]
    assert machine.call("systemctl", "is-enabled", UNIT)[0] == 0


def test_uninstaller_purges(machine: Machine) -> None:
    """With --purge nothing is left."""
    machine.run("bash", f"{SOURCE}/uninstall.sh", "--purge")
    assert left_over(machine) == set()
    assert machine.call("test", "-e", "/run/edgeemo-install.lock")[0] != 0


def left_over(machine: Machine) -> set[str]:
    """Every place of the system that still has something of edgeemo's, without what lies below."""
    places = ["/etc", "/opt", "/usr/local", "/var/lib", "/usr/lib/systemd"]
    found = machine.run("find", *places, "-xdev", "-name", "edgeemo*", "-prune")
    return set(found.split())
