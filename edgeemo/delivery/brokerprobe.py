"""Looks at the way to the broker step by step, each with its own verdict and what to do about it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from edgeemo.config import Config
from edgeemo.delivery import broker
from edgeemo.delivery.messages import ENOUGH_BYTES, Topics, packet_bytes
from edgeemo.delivery.visit import Visit
from edgeemo.errors import BrokerError
from edgeemo.types import Message

TIMEOUT_S = 5.0
PROBE = "doctor"
"""Below the device's topics: nobody listens there, and nothing is kept."""


class Step(NamedTuple):
    """One step of the way: what was tried, how it went, and how to mend it if it did not work."""

    name: str
    is_good: bool
    text: str
    mend: str = ""


def probe(config: Config) -> Iterator[Step]:
    """Go the whole way to the broker: name, port, TLS, login, publish, subscribe; ends where it fails.

    Raises:
        ConfigError: password or certificates can't be used.
    """
    for step in (_name, _port, _tls, _login):
        for result in step(config):
            yield result
            if not result.is_good:
                return


def _name(config: Config) -> Iterator[Step]:
    mqtt = config.mqtt
    try:
        found = socket.getaddrinfo(mqtt.host, mqtt.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        yield _failed("name", broker.explain(error, mqtt).text)
        return
    addresses = sorted({str(info[4][0]) for info in found})
    yield Step("name", True, f"{mqtt.host} is {', '.join(addresses)}")


def _port(config: Config) -> Iterator[Step]:
    mqtt = config.mqtt
    try:
        socket.create_connection((mqtt.host or "", mqtt.port), TIMEOUT_S).close()
    except OSError as error:
        yield _failed("port", broker.explain(error, mqtt).text)
        return
    yield Step("port", True, f"{mqtt.port} is open")


def _tls(config: Config) -> Iterator[Step]:
    mqtt = config.mqtt
    if not mqtt.tls.enabled:
        return
    context = broker.tls_context(mqtt.tls)
    try:
        with (
            socket.create_connection((mqtt.host or "", mqtt.port), TIMEOUT_S) as raw,
            context.wrap_socket(raw, server_hostname=mqtt.host) as sock,
        ):
            version, cipher = sock.version(), sock.cipher()
    except OSError as error:
        yield _failed("tls", broker.explain(error, mqtt).text)
        return
    checked = "NOT verified" if context.verify_mode == ssl.CERT_NONE else "verified"
    yield Step("tls", True, f"{version}, {cipher[0] if cipher else '?'}, certificate {checked}")


def _login(config: Config) -> Iterator[Step]:
    """Log in beside a daemon that may be running, publish what nobody keeps, and ask for its commands."""
    visit = Visit(config)
    text = visit.log_in()
    yield Step("login", True, visit.welcome) if text is None else _failed("login", text)
    if text is not None:
        return
    topics = Topics(config.mqtt.prefix, config.device, config.camera.name)
    if (text := visit.shortage or _publish(visit, f"{topics.base}/{PROBE}")) is None:
        yield Step("publish", True, f"may write below {topics.base}/")
        yield _subscription(visit, topics)
    else:
        yield _failed("publish", text)
    visit.leave()


def _publish(visit: Visit, topic: str) -> str | None:
    """Publish a message as long as any of the daemon's; returns what went wrong."""
    around = packet_bytes(Message(topic, ""))
    return visit.publish(topic, "-" * (ENOUGH_BYTES - around))


def _subscription(visit: Visit, topics: Topics) -> Step:
    try:
        visit.listen(*topics.commands)
    except BrokerError as error:
        return _failed("subscribe", str(error))
    return Step("subscribe", True, f"may ask for commands below {topics.base}/")


def _failed(name: str, text: str) -> Step:
    """A step that failed; explanations tell behind a semicolon how to mend it."""
    what, _, mend = text.partition("; ")
    return Step(name, False, what, mend)
