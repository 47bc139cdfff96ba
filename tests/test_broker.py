"""Who we are to the broker, and what a failure is called."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edgeemo.config import MqttConfig, TlsConfig
from edgeemo.delivery import broker
from edgeemo.delivery.mqtt import Publisher
from edgeemo.errors import ConfigError
from examples import LABELS, a_config

MQTT = MqttConfig(host="hub", port=1883)


def test_client_id_differs_between_machines_with_one_device_id(tmp_path: Path) -> None:
    """A copied configuration does not push the other machine off the broker."""
    ids = []
    for machine in ("a" * 32, "b" * 32):
        (tmp_path / "machine-id").write_text(machine + "\n")
        ids.append(broker.client_id(a_config(tmp_path), tmp_path / "machine-id"))
    assert ids[0] != ids[1]
    assert all(i.startswith("edgeemo-porch-") and "aaaa" not in i for i in ids)


def test_client_id_can_be_given(tmp_path: Path) -> None:
    """Where a broker's rules want a certain one."""
    assert broker.client_id(a_config(tmp_path, mqtt={"client_id": "me"})) == "me"


def test_password_comes_from_settings_file_or_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three, the more explicit one first."""
    (tmp_path / "file").write_text("from file\r\nsecond line\n")
    (tmp_path / "mqtt_password").write_text("from systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    given = (
        MqttConfig.model_validate({"password": "from settings"}),
        MqttConfig(password_file=tmp_path / "file"),
        MqttConfig(),
    )
    assert [broker.password(m) for m in given] == ["from settings", "from file", "from systemd"]


@pytest.mark.parametrize("content", [b"", b"\nsecond", b"h\xe4sch\nsecond"])
def test_password_file_without_one_is_an_error_that_shows_nothing(
    tmp_path: Path, content: bytes
) -> None:
    """The file is named, what is in it is not."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mqtt\.password_file") as raised:
        broker.password(MqttConfig(password_file=path))
    said = str(raised.value).lower().replace(str(path).lower(), "")
    assert not any(part in said for part in ("e4", "\xe4", "sch", "second"))


def test_tls_context_names_the_file_that_is_no_certificate(tmp_path: Path) -> None:
    """A wrong file is a mistake in the settings, found at the start."""
    (tmp_path / "ca.pem").write_text("rubbish")
    with pytest.raises(ConfigError, match=r"ca\.pem can't be used"):
        broker.tls_context(TlsConfig(enabled=True, ca_file=tmp_path / "ca.pem"))


def test_tls_context_verifies_unless_told_not_to() -> None:
    """Only the key whose name says so turns it off."""
    strict = broker.tls_context(TlsConfig(enabled=True))
    lax = broker.tls_context(TlsConfig(enabled=True, insecure_skip_verification=True))
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name hub can't be resolved"),
        (UnicodeError("label too long"), "hub is no host name"),
        (ConnectionRefusedError(111, "x"), "hub:1883 refuses connections"),
        (TimeoutError("timed out"), "hub:1883 does not answer"),
        (ConnectionResetError(104, "x"), "is TLS meant to be on"),
        (OSError(113, "No route to host"), "No route to host"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "no TLS is spoken"),
        (ssl.SSLError(1, "tlsv13 alert certificate required"), "wants a certificate from us"),
    ],
)
def test_explain_says_what_failed_and_how_to_mend_it(error: Exception, says: str) -> None:
    """Each failure in its own words."""
    assert says in broker.explain(error, MQTT).text


@pytest.mark.parametrize(
    ("name", "says", "is_refusal"),
    [
        ("Bad user name or password", "wrong user or password (no user (mqtt.user))", True),
        ("Not authorized", "does not let us in", True),
        ("Server busy", "Server busy", False),
        ("Quota exceeded", "Quota exceeded", True),
        ("Retain not supported", "retain_available", True),
        ("QoS not supported", "max_qos", True),
    ],
)
def test_explain_answer_tells_refusals_from_passing_trouble(
    tmp_path: Path, name: str, says: str, is_refusal: bool
) -> None:
    """A refusal is not tried again soon."""
    trouble = broker.explain_answer(ReasonCode(PacketTypes.CONNACK, name), a_config(tmp_path))
    assert says in trouble.text
    assert trouble.is_refusal is is_refusal


@pytest.mark.parametrize("name", ["Bad user name or password", "Not authorized"])
def test_explain_answer_names_the_file_that_holds_a_refused_password(
    tmp_path: Path, name: str
) -> None:
    """Who has changed it at the broker knows then where to change it here."""
    file = tmp_path / "secret"
    config = a_config(tmp_path, mqtt={"user": "porch", "password_file": str(file)})
    trouble = broker.explain_answer(ReasonCode(PacketTypes.CONNACK, name), config)
    assert f"user porch, password of {file}" in trouble.text


def test_explain_loss_notices_another_client_with_our_id() -> None:
    """The broker tells, with MQTT 5."""
    code = ReasonCode(PacketTypes.DISCONNECT, "Session taken over")
    trouble = broker.explain_loss(MQTT, code, None)
    assert "give each machine its own `device`" in trouble.text
    assert trouble.is_eviction


def test_publisher_finds_a_bad_secret_before_it_starts(tmp_path: Path) -> None:
    """A mistake in the settings ends the start, as every other does."""
    (tmp_path / "empty").touch()
    config = a_config(tmp_path, mqtt={"user": "porch", "password_file": tmp_path / "empty"})
    with pytest.raises(ConfigError, match="holds no password"):
        Publisher(config, LABELS, on_enabled=lambda _: None)
