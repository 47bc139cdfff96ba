"""A connection at servers that send rubbish, or end at any byte: it ends in words, never in a crash."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker import wait_until
from edgeemo.delivery.broker import Trouble
from edgeemo.delivery.link import Link
from edgeemo.delivery.messages import retained
from edgeemo.delivery.mqtt import Publisher
from examples import LABELS, a_config

LET_IN_5 = bytes([0x20, 3, 0, 0, 0])
LET_IN_3 = bytes([0x20, 2, 0, 0])
COMMAND = "edgeemo/porch/camera/enabled/set"


class Notes:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.ups = 0

    def on_up(self, link: Link, window: int) -> None:
        """In."""
        assert 1 <= window <= 20
        self.ups += 1
        link.publish(retained("a", "b"))

    def on_down(self, link: Link | None, trouble: Trouble) -> None:
        """Not told by a link itself."""

    def on_ack(self, link: Link, mid: int, refusal: str | None) -> None:
        """Taken."""

    def on_message(self, topic: str, payload: str, *, is_retained: bool) -> None:
        """Said."""
        self.heard.append((topic, payload + (" (retained)" if is_retained else "")))


@contextmanager
def server(answer: bytes, versions: list[int] | None = None) -> Iterator[int]:
    """A port where every connection gets these bytes once it has said something, and is then closed.

    `versions` takes the protocol level of each CONNECT: 5, or 4 for 3.1.1.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                with client, suppress(OSError):  # it may leave at any byte
                    connect = client.recv(4096)
                    if versions is not None:
                        versions.append(connect[connect.index(b"MQTT") + 4])
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def serve_once(folder: Path, answer: bytes, *, is_version_5: bool) -> tuple[Trouble | None, Notes]:
    """One connection to such a server."""
    notes = Notes()
    with server(answer) as port:
        config = a_config(folder, port)
        will = retained("edgeemo/porch/status", "offline")
        link = Link(config, "fuzz", will, notes, is_version_5=is_version_5)
        return link.serve(threading.Event()), notes


def publish_packet(topic: bytes, payload: bytes) -> bytes:
    """A PUBLISH of quality of service 0, for MQTT 3.1.1."""
    body = len(topic).to_bytes(2, "big") + topic + payload
    return bytes([0x30, len(body)]) + body


packets = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [LET_IN_3, LET_IN_5, bytes([0x40, 2, 0, 1]), bytes([0xD0, 0]), b"\xff" * 5]
        ),
        st.builds(publish_packet, st.binary(max_size=20), st.binary(max_size=40)),
        st.builds(
            lambda kind, body: bytes([kind, len(body)]) + body,
            st.integers(0, 255),
            st.binary(max_size=30),
        ),
    ),
    max_size=6,
).map(b"".join)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from([b"", LET_IN_3, LET_IN_5]), packets, st.booleans())
@example(LET_IN_5, bytes([0xE0, 2, 0xFF, 0xFF]), True)
@example(LET_IN_5, bytes([0x40, 1, 0]), True)
def test_link_survives_any_answer(
    tmp_path: Path, greeting: bytes, rest: bytes, is_version_5: bool
) -> None:
    """Random packets, cut packets, packets of the other version: one line that says what happened."""
    trouble, _ = serve_once(tmp_path, greeting + rest, is_version_5=is_version_5)
    assert trouble is not None
    assert trouble.text.startswith("127.0.0.1:")


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=80))
def test_link_passes_on_any_payload_as_text(tmp_path: Path, payload: bytes) -> None:
    """What is not UTF-8 comes with replacement characters."""
    packet = publish_packet(COMMAND.encode(), payload)
    _, notes = serve_once(tmp_path, LET_IN_3 + packet, is_version_5=False)
    assert notes.heard == [(COMMAND, payload.decode("utf-8", "replace"))]


def test_publisher_steps_back_to_the_version_that_a_broker_knows(tmp_path: Path) -> None:
    """Refused as too new, by the code of 3.1.1: the next attempt, at once, speaks that."""
    refusal = bytes([0x20, 2, 0, 1])
    _, first = serve_once(tmp_path, refusal, is_version_5=True)
    trouble, second = serve_once(tmp_path, LET_IN_3, is_version_5=False)
    assert (first.ups, second.ups) == (0, 1)
    seen: list[int] = []
    with server(refusal, seen) as port:
        publisher = Publisher(a_config(tmp_path, port), LABELS, on_enabled=lambda _: None)
        publisher.start()
        wait_until(lambda: len(seen) >= 2, what="a second attempt")
        publisher.stop(1.0)
    assert seen[:2] == [5, 4]
    assert trouble is not None


def test_publisher_lives_on_at_a_server_that_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A web server on the port: said once, both threads alive, no descriptor left open."""
    caplog.set_level(logging.WARNING)
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        publisher = Publisher(a_config(tmp_path, port), LABELS, on_enabled=lambda _: None)
        publisher.start()
        wait_until(lambda: caplog.messages, what="a word about it")
        publisher.check()
        publisher.stop(1.0)
    assert "127.0.0.1" in caplog.messages[0]
