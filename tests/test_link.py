"""A connection at servers that send rubbish, or end at any byte: it ends in words, never in a crash."""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgeemo.delivery.broker import Trouble
from edgeemo.delivery.connection import Connector
from edgeemo.delivery.courier import UNANSWERED_S
from edgeemo.delivery.link import WINDOW, Link
from edgeemo.delivery.messages import LARGEST_PACKET_BYTES, retained
from examples import a_config
from publishing import publishing
from waiting import wait_until

LET_IN_5 = bytes([0x20, 3, 0, 0, 0])
LET_IN_3 = bytes([0x20, 2, 0, 0])
COMMAND = "edgeemo/porch/camera/enabled/set"
FILTERS = ("edgeemo/porch/+/set", "edgeemo/porch/+/+/set")
JOIN_S = 10.0
"""Longer than a server takes that its clients have left."""


class Notes:
    """A listener that keeps what it is told, and says something when it is let in."""

    def __init__(self, says: int = 1) -> None:
        self.heard: list[tuple[str, str]] = []
        self.deaf: list[tuple[str, str]] = []
        self.largest_bytes = 0
        self.ups = 0
        self._says = says

    def on_up(self, link: Link, window: int, largest_bytes: int) -> None:
        """In."""
        assert 1 <= window <= 20
        self.largest_bytes = largest_bytes
        self.ups += 1
        for _ in range(self._says):
            link.publish(retained("a", "b"))
        link.subscribe(*FILTERS)

    def on_down(self, link: Link | None, trouble: Trouble) -> None:
        """Not told by a link itself."""

    def on_ack(self, link: Link, mid: int, refusal: str | None) -> None:
        """Taken."""

    def on_deaf(self, wanted: str, refusal: str) -> None:
        """Refused."""
        self.deaf.append((wanted, refusal))

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

        # A daemon thread: where a test fails, a client that stays would hold up the end of everything.
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(JOIN_S)
        assert not thread.is_alive(), "a client has stayed"


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


GROWING = (1, 2, 1, 2, 4, 8)
"""The shortest pauses between attempts, seconds, each up to twice as long; after three the client id is another."""


@pytest.mark.parametrize(
    ("acks", "least_s"), [(0, GROWING), (5, GROWING), (WINDOW, (1, 1, 1, 1, 1, 1))]
)
def test_connector_waits_longer_for_a_broker_that_hangs_up(
    tmp_path: Path, acks: int, least_s: tuple[int, ...]
) -> None:
    """To be let in resets no pause, nor does an announcement that is taken; a window of messages does."""
    taken = b"".join(bytes([0x40, 2, 0, mid]) for mid in range(1, acks + 1))
    notes = Notes(says=acks)
    with server(LET_IN_3 + taken) as port:
        config = a_config(tmp_path, port, mqtt={"protocol": "3.1.1"})
        connector = Connector(config, retained("edgeemo/porch/status", "offline"), notes)
        pauses = [connector._attempt() for _ in least_s]
    assert notes.ups == len(least_s)
    assert all(least <= p <= 2 * least for p, least in zip(pauses, least_s, strict=True)), pauses


CONNECT, PUBLISH, DISCONNECT = 1, 3, 14
ANNOUNCED = 6
"""A hello, discovery, availability, enabled, state and status."""


class LameBroker(socketserver.ThreadingTCPServer):
    """Lets everybody in and notes what kinds of packets come; acknowledges messages, or none.

    It serves for the length of a `with` block.
    """

    daemon_threads = True

    def __init__(self, *, is_answering: bool) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.is_answering = is_answering
        self.kinds: list[int] = []
        self.is_over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Conversation(socketserver.StreamRequestHandler):
    """One client's connection to such a broker, MQTT 3.1.1."""

    def handle(self) -> None:
        """Take packets to the end of the connection."""
        broker = self.server
        assert isinstance(broker, LameBroker)
        while head := self.rfile.read(1):
            body = self.rfile.read(self._length())
            broker.kinds.append(head[0] >> 4)
            if broker.kinds[-1] == CONNECT:
                self.wfile.write(LET_IN_3)
            elif broker.kinds[-1] == PUBLISH and head[0] & 0x06 and broker.is_answering:
                topic_end = 2 + int.from_bytes(body[:2], "big")
                self.wfile.write(bytes([0x40, 2]) + body[topic_end : topic_end + 2])
        broker.is_over.set()

    def _length(self) -> int:
        """What is left of a packet: seven bits of it in each byte, the lowest first, one to four bytes."""
        length, shift, byte = 0, 0, 0x80
        while byte & 0x80:
            byte = self.rfile.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
        return length


@pytest.mark.parametrize("is_answering", [True, False])
def test_publisher_takes_leave_only_if_it_could_say_offline(
    tmp_path: Path, is_answering: bool
) -> None:
    """A broker that has not answered `online` gets no `offline` after it; it then has to publish the will."""
    with LameBroker(is_answering=is_answering) as broker:
        config = a_config(tmp_path, broker.server_address[1], mqtt={"protocol": "3.1.1"})
        with publishing(config):
            wait_until(lambda: broker.kinds.count(PUBLISH) >= ANNOUNCED, what="the announcement")
        assert broker.is_over.wait(10.0)
    assert (broker.kinds[-1] == DISCONNECT) is is_answering


def test_publisher_connects_anew_when_the_broker_forgets_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It took everything and acknowledged nothing: said, and all is sent again; no will, since we take leave."""
    caplog.set_level(logging.WARNING)
    with LameBroker(is_answering=False) as broker:
        config = a_config(tmp_path, broker.server_address[1], mqtt={"protocol": "3.1.1"})
        with publishing(config) as publisher:
            wait_until(lambda: broker.kinds.count(PUBLISH) >= ANNOUNCED, what="the announcement")
            late = time.monotonic() + UNANSWERED_S
            publisher._facts.put(lambda: publisher._insist_on_answers(late))
            wait_until(lambda: broker.kinds.count(PUBLISH) >= 2 * ANNOUNCED, what="all of it again")
            kinds = [kind for kind in broker.kinds if kind in (CONNECT, DISCONNECT)]
    assert kinds == [CONNECT, DISCONNECT, CONNECT]
    assert [m for m in caplog.messages if "has not acknowledged a message" in m]


def test_publisher_steps_back_to_the_version_that_a_broker_knows(tmp_path: Path) -> None:
    """Refused as too new, by the code of 3.1.1: the next attempt, at once, speaks that."""
    refusal = bytes([0x20, 2, 0, 1])
    _, first = serve_once(tmp_path, refusal, is_version_5=True)
    trouble, second = serve_once(tmp_path, LET_IN_3, is_version_5=False)
    assert (first.ups, second.ups) == (0, 1)
    seen: list[int] = []
    with server(refusal, seen) as port, publishing(a_config(tmp_path, port)):
        wait_until(lambda: len(seen) >= 2, what="a second attempt")
    assert seen[:2] == [5, 4]
    assert trouble is not None


LAST_CLIENT = 2
"""Descriptors that live as long as the publisher: the pair of sockets by which paho wakes its last client."""


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_publisher_lives_on_at_a_server_that_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A web server on the port: said once, both threads alive, no attempt leaves a descriptor open."""
    caplog.set_level(logging.WARNING)
    attempts: list[int] = []
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n", attempts) as port:
        before = descriptors()
        with publishing(a_config(tmp_path, port)) as publisher:
            wait_until(lambda: len(attempts) >= 3, 30.0, "a third attempt")
            publisher.check()
        most = before + LAST_CLIENT
        wait_until(lambda: descriptors() <= most, what="the end of what the attempts opened")
    assert [m.partition(": ")[0] for m in caplog.messages] == [f"127.0.0.1:{port}"]


@pytest.mark.parametrize(
    ("let_in", "answer", "refusal"),
    [
        (LET_IN_5, bytes([0x90, 5, 0, 1, 0, 1, 0x87]), "Not authorized"),
        (LET_IN_3, bytes([0x90, 4, 0, 1, 1, 0x80]), "Unspecified error"),
    ],
)
def test_link_tells_which_subscription_is_refused(
    tmp_path: Path, let_in: bytes, answer: bytes, refusal: str
) -> None:
    """By the place of the code in the broker's answer: the first filter is granted, the second is not."""
    _, notes = serve_once(tmp_path, let_in + answer, is_version_5=let_in == LET_IN_5)
    assert notes.deaf == [(FILTERS[1], refusal)]


def test_link_tells_how_large_a_packet_may_be(tmp_path: Path) -> None:
    """As the broker says when it lets us in, else as MQTT itself allows."""
    limit = bytes([0x20, 8, 0, 0, 5, 0x27]) + (2000).to_bytes(4, "big")
    _, limited = serve_once(tmp_path, limit, is_version_5=True)
    _, free = serve_once(tmp_path, LET_IN_5, is_version_5=True)
    assert (limited.largest_bytes, free.largest_bytes) == (2000, LARGEST_PACKET_BYTES)


HUGE_BYTES = 0x0FFFFFFF
HUGE = bytes([0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1]) + b"a" + bytes(1_000_000)
"""The beginning of a message of that length, the greatest that MQTT can say."""


def test_link_takes_nothing_of_a_huge_message(tmp_path: Path) -> None:
    """The connection ends at its announcement, by which nothing has been reserved for it."""
    tracemalloc.start()
    try:
        trouble, notes = serve_once(tmp_path, LET_IN_3 + HUGE, is_version_5=False)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert trouble is not None
    assert f"a message of {HUGE_BYTES} bytes" in trouble.text
    assert (notes.heard, peak_bytes < HUGE_BYTES // 10) == ([], True)


def test_publisher_says_once_that_a_huge_message_comes_at_every_connect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As one that is retained does."""
    attempts: list[int] = []
    with server(LET_IN_3 + HUGE, attempts) as port:
        config = a_config(tmp_path, port, mqtt={"protocol": "3.1.1"})
        with publishing(config):
            wait_until(lambda: len(attempts) >= 3, 30.0, "a third attempt")
    assert sum("clear it at the broker" in m for m in caplog.messages) == 1
