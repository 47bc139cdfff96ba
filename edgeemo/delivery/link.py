"""One connection to the broker, from the attempt to its end, and who is told what happens on it."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt import MQTTException, properties
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeemo.config import Config
from edgeemo.delivery import broker
from edgeemo.delivery.broker import Trouble
from edgeemo.delivery.messages import LARGEST_PACKET_BYTES
from edgeemo.types import Message

LOOP_S = 1.0
"""How long the loop may sleep while nothing happens; to send wakes it at once."""

ANSWER_S = 10.0
"""A broker that has not let us in or refused us after this long is taken for dead."""

LEAVE_S = 1.0
"""How long the last bytes may take to go out when we end a connection."""

WINDOW = 20
"""Messages that may wait for their acknowledgement at a time, where the broker allows so many: paho's
own bound, so that none waits in paho's memory."""

_OTHER_MQTT_EXCEPTION = properties.MQTTException  # type: ignore[attr-defined]  # paho 2.1 has two
RUBBISH = (
    *(MQTTException, _OTHER_MQTT_EXCEPTION, struct.error),
    *(ValueError, IndexError, KeyError, TypeError),
)
"""What paho raises over bytes that are not MQTT, a missing length or an unknown code among them."""


class Listener(Protocol):
    """Who is told; always on the network thread, so it may only take notes."""

    def on_up(self, link: Link, window: int, largest_bytes: int) -> None:
        """The broker let us in, and takes `window` unacknowledged messages at a time, none larger."""

    def on_down(self, link: Link | None, trouble: Trouble) -> None:
        """An attempt failed (None), or the connection `link` was lost."""

    def on_ack(self, link: Link, mid: int, refusal: str | None) -> None:
        """The broker took a message, or says why it won't."""

    def on_deaf(self, wanted: str, refusal: str) -> None:
        """The broker says why we are not to hear what we asked for with this filter."""

    def on_message(self, topic: str, payload: str, *, is_retained: bool) -> None:
        """Somebody sent us something."""


class Link:
    """One connection, from the attempt to the end, with a paho client of its own.

    A client that outlived its connection would queue in memory and send again by itself; here what
    is sent when is decided in one place, by the courier.
    """

    def __init__(
        self, config: Config, name: str, will: Message, listener: Listener, *, is_version_5: bool
    ) -> None:
        self.was_open = False
        self.was_answered = False
        self.was_up = False
        self.is_too_new = False
        self.acks = 0
        """Messages that the broker has answered."""
        self._mqtt = config.mqtt
        self._config = config
        self._listener = listener
        self._trouble: Trouble | None = None
        self._said: str | None = None
        self._wanted: tuple[str, ...] = ()
        self._client = broker.new_client(config, name, is_version_5=is_version_5)
        self._client.will_set(will.topic, will.payload, will.qos, will.retain)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_log = self._on_log

    def publish(self, message: Message) -> int:
        """Hand a message to the connection, from any thread; returns the number it will be acknowledged by."""
        return self._client.publish(
            message.topic, message.payload.encode(), message.qos, message.retain
        ).mid

    def subscribe(self, *filters: str) -> None:
        """Ask for messages, once a connection, from any thread."""
        self._wanted = filters
        self._client.subscribe([(f, 1) for f in filters])

    def close(self, trouble: Trouble | None = None) -> None:
        """Take leave of the broker, from any thread; what was handed over before goes out first.

        Where it is over a trouble, `serve` returns that.
        """
        self._trouble = trouble or self._trouble
        self._client.disconnect()

    def cut(self) -> None:
        """End the connection without taking leave, from any thread: the broker publishes our will."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with suppress(OSError):  # it has ended by itself
                # Below TLS, whose own end is for the thread that reads and writes.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def serve(self, stopping: threading.Event) -> Trouble | None:
        """Connect and stay until the connection ends; returns why, None if we ended it."""
        try:
            broker.connect(self._client, self._mqtt)
            self.was_open = True
            self._loop(stopping)
        except RUBBISH as error:
            if isinstance(
                error, (OSError, UnicodeError)
            ):  # a certificate's error is a ValueError too
                return broker.explain(error, self._mqtt)
            return Trouble(f"{self._where} sends what is not MQTT: {error!r}")
        except OSError as error:
            return broker.explain(error, self._mqtt)
        finally:
            self._forget()
        if stopping.is_set():
            return None
        return self._trouble or self._why_silent()

    @property
    def _where(self) -> str:
        return f"{self._mqtt.host}:{self._mqtt.port}"

    def _loop(self, stopping: threading.Event) -> None:
        answer_by = time.monotonic() + ANSWER_S
        leave_by = float("inf")
        while self._client.loop(LOOP_S) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            now = time.monotonic()
            if now > (leave_by if self.was_answered else answer_by):
                return
            if stopping.is_set():
                self.close()
                leave_by = min(leave_by, now + LEAVE_S)
                answer_by = now

    def _why_silent(self) -> Trouble:
        if size := self._client.refused_bytes:
            return broker.explain_oversize(self._mqtt, size)
        if self.was_up or (self._said and self._mqtt.tls.enabled):
            return broker.explain_loss(self._mqtt, None, self._said)
        return broker.explain_silence(self._mqtt)

    def _forget(self) -> None:
        """Close the socket and let the client go: its callbacks and we refer to each other."""
        for event in ("connect", "disconnect", "publish", "subscribe", "message", "log"):
            setattr(self._client, f"on_{event}", None)
        if sock := self._client.socket():
            sock.close()

    def _on_connect(
        self,
        _client: paho.Client,
        _userdata: Any,
        _flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.was_answered = True
        if code.is_failure:
            self.is_too_new = code.getName() == "Unsupported protocol version"
            self._trouble = broker.explain_answer(code, self._config)
            return
        self.was_up = True
        allowed = getattr(properties, "ReceiveMaximum", WINDOW)
        largest_bytes = getattr(properties, "MaximumPacketSize", LARGEST_PACKET_BYTES)
        self._listener.on_up(self, max(1, min(WINDOW, allowed)), largest_bytes)

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: Any,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._trouble is None and flags.is_disconnect_packet_from_server:
            self._trouble = broker.explain_loss(self._mqtt, code, self._said)
        elif self.was_up and code.getName() == "Keep alive timeout":
            self._trouble = Trouble(
                f"{self._where} fell silent: no answer within {self._mqtt.keepalive_s} s"
            )

    def _on_publish(
        self,
        _client: paho.Client,
        _userdata: Any,
        mid: int,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if code.packetType == PacketTypes.PUBACK:
            self.acks += 1
            self._listener.on_ack(self, mid, code.getName() if code.is_failure else None)

    def _on_subscribe(
        self,
        _client: paho.Client,
        _userdata: Any,
        _mid: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        for wanted, refusal in broker.refused(self._wanted, codes):
            self._listener.on_deaf(wanted, refusal)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload).decode("utf-8", "replace")
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours: they are ASCII
        self._listener.on_message(topic, payload, is_retained=message.retain)

    def _on_log(self, _client: paho.Client, _userdata: Any, level: int, text: str) -> None:
        # The only place where paho tells why a socket failed after the handshake.
        if level == paho.MQTT_LOG_ERR and "socket:" in text:
            self._said = text.partition("socket: ")[2]
