"""The access rules of docs/mosquitto-acl.conf, as a real mosquitto applies them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from broker import ANYBODY, Listener, Mosquitto, listening
from edgeemo.config import Config
from edgeemo.delivery.brokerprobe import probe
from edgeemo.delivery.brokerwatch import remove, watch
from edgeemo.delivery.mqtt import Publisher
from edgeemo.delivery.visit import Visit, visit
from edgeemo.errors import BrokerError
from examples import LABELS, a_config, an_event
from publishing import publishing
from realparts import missing, require
from waiting import wait_until

pytestmark = pytest.mark.real

RULES = Path(__file__).resolve().parent.parent / "docs" / "mosquitto-acl.conf"
PASSWORD = "only for this test"
HOME = "homeassistant"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker with the rules and three users: two devices and Home Assistant."""
    users = tmp_path / "users"
    users.touch()
    for user in ("porch", "garden", HOME):
        program = require("mosquitto_passwd", "mosquitto")
        subprocess.run([program, "-b", users, user, PASSWORD], check=True, capture_output=True)
    lines = ("allow_anonymous false", f"password_file {users}", f"acl_file {RULES}")
    with Mosquitto(tmp_path, lines) as broker:
        yield broker


@pytest.fixture
def home(mosquitto: Mosquitto) -> Iterator[Listener]:
    """Home Assistant's connection."""
    with listening(mosquitto.port, username=HOME, password=PASSWORD) as client:
        yield client


def device(folder: Path, mosquitto: Mosquitto) -> Config:
    """The settings of the device `porch`."""
    return a_config(folder, mosquitto.port, mqtt={"user": "porch", "password": PASSWORD})


def test_rules_let_a_device_do_its_work(
    tmp_path: Path, mosquitto: Mosquitto, home: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """Announced, delivered, switched off: nothing is refused."""
    heard: list[bool] = []
    publisher = Publisher(device(tmp_path, mosquitto), LABELS, on_enabled=heard.append)
    publisher.start()
    try:
        home.wait_for("edgeemo/porch/status", "online")
        publisher.event(an_event())
        publisher.telemetry({"fps": 1.0})
        home.client.publish("edgeemo/porch/camera/enabled/set", "OFF", 1)
        wait_until(lambda: heard == [False] and home.payloads("edgeemo/porch/camera/event"))
        home.client.publish("homeassistant/status", "online", 1)
        wait_until(lambda: len(home.payloads("homeassistant/device/porch/config")) == 2)
    finally:
        publisher.stop(1.0)
    assert not [m for m in caplog.messages if "refuses" in m]


@pytest.fixture
def porch(tmp_path: Path, mosquitto: Mosquitto) -> Visit:
    """The device's log-in in the wrong hands."""
    return visit(device(tmp_path, mosquitto))


@pytest.mark.parametrize(
    ("topic", "is_allowed"),
    [
        ("edgeemo/porch/status", True),
        ("edgeemo/porch/camera/event", True),
        ("homeassistant/device/porch/config", True),
        ("edgeemo/garden/status", False),
        ("edgeemo/garden/camera/enabled/set", False),
        ("homeassistant/device/garden/config", False),
        ("homeassistant/status", False),
        ("edgeemo/porchx/status", False),
        ("anything/else", False),
    ],
)
def test_rules_let_a_device_write_only_below_its_own(
    porch: Visit, topic: str, is_allowed: bool
) -> None:
    """The broker's own answer, as MQTT 5 gives it."""
    refusal = porch.publish(topic, "x")
    assert (refusal is None) is is_allowed


def test_rules_let_a_device_read_only_its_own_commands(porch: Visit, home: Listener) -> None:
    """It may ask for everything, and gets its commands and Home Assistant's start."""
    readable = {"edgeemo/porch/camera/enabled/set", "homeassistant/status"}
    unreadable = {"edgeemo/garden/camera/enabled/set", "homeassistant/device/x/config"}
    home.client.publish("homeassistant/status", "x", 1, retain=True)
    heard = porch.listen("#")
    assert next(heard).topic == "homeassistant/status"  # the subscription is in place
    porch.publish("edgeemo/porch/camera/event", "x")
    for topic in sorted(readable | unreadable):
        home.client.publish(topic, "x", 1)
    home.client.publish("homeassistant/status", "the end", 1)
    before = takewhile(lambda message: message.payload != "the end", heard)
    assert {message.topic for message in before} == readable


PLUGIN = "mosquitto_dynamic_security.so"


@pytest.fixture
def secretive(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that refuses subscriptions, where the rules above would grant them and hold messages back."""
    plugin = next(Path("/usr/lib").glob(f"*/{PLUGIN}"), None)
    if plugin is None:
        missing(f"no {PLUGIN}, which comes with mosquitto 2")
    rights = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False}
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"defaultACLAccess": rights | {"unsubscribe": True}}))
    lines = (*ANYBODY, f"plugin {plugin}", f"plugin_opt_config_file {rules}")
    with Mosquitto(tmp_path, lines) as broker:
        yield broker


def test_publisher_says_that_it_may_not_hear_its_commands(
    tmp_path: Path, secretive: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the switch that pauses the camera would do nothing, and nobody would know why."""
    filters = ("edgeemo/porch/+/set", "edgeemo/porch/+/+/set", "homeassistant/status")
    lines = [
        f"the broker refuses a subscription to {f}: Not authorized; check its access rules"
        for f in filters
    ]
    with publishing(a_config(tmp_path, secretive.port)):
        wait_until(lambda: set(lines) <= set(caplog.messages), what="a line for each")


def test_probe_says_that_commands_may_not_be_heard(tmp_path: Path, secretive: Mosquitto) -> None:
    """And what to do about it."""
    *others, last = probe(a_config(tmp_path, secretive.port))
    assert all(step.is_good for step in others)
    assert (last.name, last.is_good, last.mend) == (
        "subscribe",
        False,
        "allow it in its access rules",
    )


def test_watch_ends_where_it_may_not_hear_events(tmp_path: Path, secretive: Mosquitto) -> None:
    """Instead of waiting for ever for what can't come."""
    with pytest.raises(BrokerError, match="refuses a subscription to edgeemo/"):
        next(watch(a_config(tmp_path, secretive.port)))


def test_remove_clears_what_it_may_not_read(tmp_path: Path, secretive: Mosquitto) -> None:
    """The topics that every device has."""
    cleared = remove(a_config(tmp_path, secretive.port))
    assert {"homeassistant/device/porch/config", "edgeemo/porch/status"} <= set(cleared)
