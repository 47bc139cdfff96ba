"""TLS at a real broker with real certificates: each failure in its own words, and the ways that work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from broker import ANYBODY, Mosquitto
from certificates import Authority
from edgeemo.delivery.brokerprobe import Step, probe
from edgeemo.delivery.mqtt import Publisher
from examples import LABELS, a_config
from waiting import wait_until

pytestmark = pytest.mark.real


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The certificate authority of this test."""
    return Authority(tmp_path)


@contextmanager
def tls_broker(folder: Path, certificate: tuple[Path, Path], *listener: str) -> Iterator[Mosquitto]:
    """A broker that speaks TLS with a certificate."""
    files = (f"certfile {certificate[0]}", f"keyfile {certificate[1]}")
    with Mosquitto(folder, ANYBODY, (*files, *listener)) as broker:
        yield broker


def outcome(
    folder: Path, port: int, caplog: pytest.LogCaptureFixture, host: str = "localhost", **tls: Any
) -> str:
    """The publisher's first line about its connection."""
    caplog.set_level(logging.INFO)
    mqtt = {"host": host, "tls": {"enabled": True} | tls}
    publisher = Publisher(a_config(folder, port, mqtt=mqtt), LABELS, on_enabled=lambda _: None)
    publisher.start()
    try:
        wait_until(lambda: caplog.messages, 20.0, "a word about the connection")
        publisher.check()
    finally:
        publisher.stop(1.0)
    return caplog.messages[0]


def steps(folder: Path, port: int, host: str = "localhost", **tls: Any) -> list[Step]:
    """What `edgeemo doctor` finds on the way to the broker."""
    mqtt = {"host": host, "tls": {"enabled": True} | tls}
    return list(probe(a_config(folder, port, mqtt=mqtt)))


def test_tls_connects_with_the_given_authority(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """The way it should be."""
    with tls_broker(tmp_path, authority.sign("server")) as broker:
        said = outcome(tmp_path, broker.port, caplog, ca_file=authority.certificate)
        found = steps(tmp_path, broker.port, ca_file=authority.certificate)
    assert said.startswith("connected to localhost:")
    assert [(s.name, s.is_good) for s in found] == [
        (name, True) for name in ("name", "port", "tls", "login", "publish", "subscribe")
    ]


def test_tls_refuses_an_unknown_authority(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed by somebody whom neither the system nor the settings know."""
    with tls_broker(tmp_path, authority.sign("server")) as broker:
        said = outcome(tmp_path, broker.port, caplog)
        found = steps(tmp_path, broker.port)
    assert "not signed by an authority we know" in said
    assert "mqtt.tls.ca_file" in said
    assert (found[-1].name, found[-1].is_good, "ca_file" in found[-1].mend) == ("tls", False, True)


def test_tls_refuses_an_expired_certificate(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed by the right authority, but over."""
    with tls_broker(tmp_path, authority.sign("server", days=-1)) as broker:
        said = outcome(tmp_path, broker.port, caplog, ca_file=authority.certificate)
    assert "certificate has expired" in said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_refuses_another_name(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    """A good certificate of somebody else."""
    other = authority.sign("server", host="elsewhere.example", address=None)
    with tls_broker(tmp_path, other) as broker:
        said = outcome(tmp_path, broker.port, caplog, host, ca_file=authority.certificate)
    assert f"is for another name than {host}" in said


def test_tls_can_be_left_unverified_by_a_key_that_says_so(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Expired, unknown and of another name, and accepted all the same."""
    worst = authority.sign("server", host="elsewhere.example", address=None, days=-1)
    with tls_broker(tmp_path, worst) as broker:
        said = outcome(tmp_path, broker.port, caplog, insecure_skip_verification=True)
    assert said.startswith("connected to")


def test_tls_wants_our_certificate(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that asks for one: without it refused in plain words, with it let in."""
    ours = authority.sign("ours", host="porch")
    wants = (f"cafile {authority.certificate}", "require_certificate true")
    with tls_broker(tmp_path, authority.sign("server"), *wants) as broker:
        without = outcome(tmp_path, broker.port, caplog, ca_file=authority.certificate)
        caplog.clear()
        with_it = outcome(
            *(tmp_path, broker.port, caplog),
            ca_file=authority.certificate,
            cert_file=ours[0],
            key_file=ours[1],
        )
    assert "wants a certificate from us" in without
    assert with_it.startswith("connected to")


def test_tls_refuses_our_certificate_of_another_authority(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker does not know who signed ours."""
    folder = tmp_path / "other"
    folder.mkdir()
    strange = Authority(folder).sign("ours", host="porch")
    wants = (f"cafile {authority.certificate}", "require_certificate true")
    with tls_broker(tmp_path, authority.sign("server"), *wants) as broker:
        said = outcome(
            *(tmp_path, broker.port, caplog),
            ca_file=authority.certificate,
            cert_file=strange[0],
            key_file=strange[1],
        )
    assert "does not accept our certificate" in said


def test_tls_at_a_port_without_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The plain port: said as such."""
    with Mosquitto(tmp_path) as broker:
        said = outcome(tmp_path, broker.port, caplog)
        found = steps(tmp_path, broker.port)
    assert "no TLS is spoken on port" in said
    assert (found[-1].name, found[-1].is_good) == ("tls", False)


def test_plain_at_a_port_with_tls(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """The other way round: the hint names the key."""
    with tls_broker(tmp_path, authority.sign("server")) as broker:
        said = outcome(tmp_path, broker.port, caplog, enabled=False)
    assert "mqtt.tls.enabled" in said
