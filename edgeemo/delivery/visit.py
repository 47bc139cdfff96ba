"""A short stay at the broker, on the calling thread, for the commands that need one now."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeemo.config import Config
from edgeemo.delivery import broker
from edgeemo.delivery.messages import RAISE_LIMIT, TOO_LARGE
from edgeemo.errors import BrokerError

TIMEOUT_S = 5.0
TICK_S = 0.1
QUIET_S = 1.0
"""Retained messages come at once after subscribing; when none has come for this long, that was all."""


class Heard(NamedTuple):
    """A message; `is_retained` when it lay at the broker before we asked."""

    topic: str
    payload: str
    is_retained: bool


class Visit:
    """One connection under a name of its own, beside that of a daemon that may be running."""

    def __init__(self, config: Config) -> None:
        self.welcome = ""
        self.shortage: str | None = None
        self._config = config
        self._inbox: list[Heard] = []
        self._retained_at = 0.0
        self._client = self._new_client(is_version_5=config.mqtt.protocol != "3.1.1")

    def _new_client(self, *, is_version_5: bool) -> paho.Client:
        # Two visits at a time (`watch` in two terminals) must not push each other off.
        name = f"{broker.client_id(self._config)}-{secrets.token_hex(3)}"
        client = broker.new_client(self._config, name, is_version_5=is_version_5)
        self._answer: ReasonCode | None = None
        self._receipt: ReasonCode | None = None
        self._grant: list[ReasonCode] = []
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def log_in(self) -> str | None:
        """Connect, with MQTT 5 or else 3.1.1; returns what went wrong."""
        text = self._try_to_log_in()
        is_open_question = self._answer is None or "version" in self._answer.getName()
        if text is not None and is_open_question and self._config.mqtt.protocol == "auto":
            self._client = self._new_client(is_version_5=False)
            text = self._try_to_log_in()
        is_version_5 = self._client.protocol == MQTTProtocolVersion.MQTTv5
        who = self._config.mqtt.user or "nobody in particular"
        self.welcome = f"as {who}, MQTT {'5' if is_version_5 else '3.1.1'}"
        return text

    def _try_to_log_in(self) -> str | None:
        mqtt = self._config.mqtt
        try:
            broker.connect(self._client, mqtt)
            self._loop_until(lambda: self._answer is not None)
        except (OSError, UnicodeError) as error:
            return broker.explain(error, mqtt).text
        if self._answer is None:
            return broker.explain_silence(mqtt).text
        if self._answer.is_failure:
            return broker.explain_answer(self._answer, self._config).text
        return None

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> str | None:
        """Publish, and wait for the acknowledgement; returns what went wrong."""
        self._receipt = None
        self._client.publish(topic, payload.encode(), 1, retain)
        self._loop_until(lambda: self._receipt is not None)
        if self._receipt is None:
            return f"the broker does not acknowledge {topic}"
        if self._receipt.is_failure:
            reason = self._receipt.getName()
            mend = RAISE_LIMIT if reason == TOO_LARGE else "allow it in its access rules"
            return f"the broker refuses {topic} ({reason}); {mend}"
        return None

    def listen(self, *filters: str) -> Iterator[Heard]:
        """Subscribe, and return messages as they come, for ever.

        Raises:
            BrokerError: the broker refuses it; while listening: the connection was lost.
        """
        self._subscribe(filters)
        return self._heard(lambda: False)

    def retained(self, *filters: str) -> Iterator[Heard]:
        """Subscribe, and return what the broker keeps; that was all when no more comes for a while.

        Raises:
            BrokerError: as `listen` does.
        """
        self._subscribe(filters)
        self._retained_at = time.monotonic()
        everything = self._heard(lambda: time.monotonic() - self._retained_at > QUIET_S)
        return (heard for heard in everything if heard.is_retained)

    def _subscribe(self, filters: Sequence[str]) -> None:
        self._grant = []
        self._client.subscribe([(f, 1) for f in filters])
        self._loop_until(lambda: bool(self._grant))
        if not self._grant:
            raise BrokerError(
                f"the broker does not acknowledge a subscription to {', '.join(filters)}"
            )
        for wanted, refusal in broker.refused(filters, self._grant):
            raise BrokerError(
                f"the broker refuses a subscription to {wanted} ({refusal}); allow it in its access rules"
            )

    def _heard(self, is_over: Callable[[], bool]) -> Iterator[Heard]:
        while True:
            while self._inbox:
                yield self._inbox.pop(0)
            if is_over():
                return
            if self._client.loop(TICK_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                mqtt = self._config.mqtt
                raise BrokerError(f"{mqtt.host}:{mqtt.port}: the connection was lost")

    def leave(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._loop_until(lambda: False)

    def _loop_until(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not is_done() and time.monotonic() < deadline:
            if self._client.loop(TICK_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return

    def _on_connect(
        self, _c: object, _u: object, _f: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._answer = code
        self.shortage = broker.shortage(properties)

    def _on_publish(self, _c: object, _u: object, _m: int, code: ReasonCode, _p: object) -> None:
        self._receipt = code

    def _on_subscribe(
        self, _c: object, _u: object, _m: int, codes: list[ReasonCode], _p: object
    ) -> None:
        self._grant = codes

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        if message.retain:
            self._retained_at = time.monotonic()
        payload = bytes(message.payload).decode("utf-8", "replace")
        self._inbox.append(Heard(message.topic, payload, message.retain))


def visit(config: Config) -> Visit:
    """A visit that is logged in.

    Raises:
        BrokerError: the broker is not named, not there, or does not let us in.
    """
    if config.mqtt.host is None:
        raise BrokerError("no broker is named: set mqtt.host")
    guest = Visit(config)
    if (text := guest.log_in()) is not None:
        raise BrokerError(text)
    return guest
