"""The daemon's side of MQTT: says what is true, delivers what happened, hears what is wanted."""

from __future__ import annotations

import logging
import queue
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeemo import __version__
from edgeemo.clock import Clock, wall_time
from edgeemo.config import Config, PublishConfig
from edgeemo.delivery import broker
from edgeemo.delivery.broker import Trouble
from edgeemo.delivery.commands import Announce, Enable, Hello, Unusable, understand
from edgeemo.delivery.complaint import Complaints
from edgeemo.delivery.connection import Connector
from edgeemo.delivery.courier import UNANSWERED_S, Courier
from edgeemo.delivery.homeassistant import birth_topic, discovery, discovery_topic
from edgeemo.delivery.link import Link
from edgeemo.delivery.messages import (
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    EventWriter,
    Topics,
    encode,
    retained,
)
from edgeemo.delivery.outbox import FILE_NAME, Outbox
from edgeemo.delivery.standing import Standing
from edgeemo.delivery.state import CameraState, StateThrottle
from edgeemo.types import EmotionEvent, Message

logger = logging.getLogger(__name__)

TICK_S = 0.2
"""How often is looked while something is under way."""

IDLE_S = 5.0
"""How often otherwise; whatever happens wakes at once."""

BIRTH_DELAY_S = (0.1, 2.0)
"""Home Assistant has started: when to tell it everything, drawn at random, so that not all devices do at once."""

FAREWELL_S = 0.3
"""Kept of the time to stop for storing what is left."""

STORE_S = 6.0
"""What a slow disk gets beyond that: with all that is stopped before it less than the unit's TimeoutStopSec=10."""

Fact = Callable[[], None]
"""Something that happened, told to the delivery thread as what it is to do about it."""


class Publisher:
    """Publishes for one camera, from any thread, without ever making it wait.

    Two threads: `mqtt-network` (see `Connector`) and `mqtt-delivery`, which owns the courier, the
    outbox and everything below that is not a constant; the others hand it facts through a queue.

    Args:
        config: device, camera.name, mqtt, outbox, publish, homeassistant and state_dir matter.
        labels: the emotions that the network tells apart.
        on_enabled: called on the delivery thread when somebody switches the camera on or off.
        is_enabled: whether it is on now.
        on_accepted: called on the delivery thread with each event's JSON text, once, in order, when
            the broker has acknowledged it or it lies in the outbox.
        clock: wall time for the events.
        model: what the board is called, for Home Assistant.

    Raises:
        ConfigError: the password or a certificate can't be used.
    """

    def __init__(
        self,
        config: Config,
        labels: Sequence[str],
        *,
        on_enabled: Callable[[bool], None],
        is_enabled: bool = True,
        on_accepted: Callable[[str], None] = lambda _: None,
        clock: Clock = wall_time,
        model: str | None = None,
    ) -> None:
        self._config = config
        self._topics = Topics(config.mqtt.prefix, config.device, config.camera.name)
        self._clock = clock
        self._boot = secrets.token_hex(8)
        self._writer = EventWriter(config.device, config.camera.name, self._boot)
        self._writing = threading.Lock()
        self._on_enabled = on_enabled
        self._throttle = StateThrottle(config.publish.state_interval_s)
        self._standing = Standing(self._first_words(labels, model, is_enabled=is_enabled))
        outbox = Outbox(config.state_dir / FILE_NAME, config.outbox, clock)
        self._courier = Courier(outbox, self._standing, config.outbox, on_accepted)
        self._facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self._waiting: list[threading.Event] = []
        self._announce_at = self._stop_at = float("inf")
        self._has_said_goodbye = False
        self._link: Link | None = None
        self._complaints = Complaints(logger)
        self._oddities = Complaints(logger)
        self._connector = Connector(config, retained(self._topics.status, OFFLINE), self)
        self._thread = threading.Thread(target=self._run, name="mqtt-delivery", daemon=True)

    def start(self) -> None:
        """Begin to connect and to deliver."""
        self._thread.start()
        self._connector.start()

    def stop(self, timeout_s: float) -> None:
        """Say goodbye: nobody seen, offline; events go out, or stay in the outbox for the next start.

        For storing them a slow disk gets STORE_S more than `timeout_s`.
        """
        stop_at = time.monotonic() + timeout_s
        self._facts.put(lambda: self._begin_to_stop(stop_at - FAREWELL_S))
        self._thread.join(timeout_s)
        # If goodbye is not said the will has to say it, which a leave-taking would take back.
        self._connector.stop(with_will=not self._has_said_goodbye)
        # Not for longer: what it may hang in is a name server or a dead address.
        self._connector.thread.join(max(0.1, stop_at - time.monotonic()))
        self._thread.join(STORE_S)
        if self._thread.is_alive():
            logger.warning("the last events may be lost: they were not stored within %g s", STORE_S)

    def drain(self, timeout_s: float) -> bool:
        """Wait until the broker has everything that was handed over; False if not within `timeout_s`."""
        drained = threading.Event()
        self._facts.put(lambda: self._waiting.append(drained))
        return drained.wait(timeout_s)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None

    def check(self) -> None:
        """Raise if a thread has died: its traceback is in the log, and nothing would be sent any more.

        Raises:
            RuntimeError: it has.
        """
        for thread in (self._thread, self._connector.thread):
            if not thread.is_alive():
                raise RuntimeError(f"the thread {thread.name} has died")

    def event(self, event: EmotionEvent) -> dict[str, Any]:
        """Take an event for delivery; returns the JSON object that will be sent."""
        wall = self._clock()
        with self._writing:
            written = self._writer.write(event, wall.rfc3339, is_synced=wall.is_synced)
            number = self._writer.sequence
            payload = encode(written)
            self._facts.put(
                lambda: self._courier.take(number, self._topics.event, payload, time.monotonic())
            )
        return written

    def state(self, state: CameraState) -> None:
        """The camera sees this."""
        self._facts.put(lambda: self._throttle.offer(state))

    def availability(self, online: bool) -> None:
        """The camera is there, or not."""
        self._stand(self._topics.availability, ONLINE if online else OFFLINE)

    def enabled(self, enabled: bool) -> None:
        """The camera is switched on, or off."""
        self._stand(self._topics.enabled, ON if enabled else OFF)

    def telemetry(self, figures: Mapping[str, Any]) -> None:
        """How the daemon is; what waits and what was dropped is added."""
        self._facts.put(lambda: self._report(dict(figures)))

    def adopt(self, publish: PublishConfig) -> None:
        """Speak as often as these settings say, from now on."""
        self._facts.put(lambda: self._throttle.pace(publish.state_interval_s))

    # What the network thread tells.

    def on_up(self, link: Link, window: int, largest_bytes: int) -> None:
        """We are in."""
        self._facts.put(lambda: self._greet(link, window, largest_bytes))

    def on_down(self, link: Link | None, trouble: Trouble) -> None:
        """We are not."""
        self._facts.put(lambda: self._mourn(link, trouble))

    def on_ack(self, link: Link, mid: int, refusal: str | None) -> None:
        """One message less to worry about."""
        self._facts.put(lambda: self._settle(link, mid, refusal))

    def on_deaf(self, wanted: str, refusal: str) -> None:
        """Nobody can tell us anything there."""
        text = f"the broker refuses a subscription to {wanted}: {refusal}; check its access rules"
        self._facts.put(lambda: self._oddities.about(text))

    def on_message(self, topic: str, payload: str, *, is_retained: bool) -> None:
        """Somebody wants something."""
        self._facts.put(lambda: self._hear(topic, payload, is_retained=is_retained))

    # The delivery thread.

    def _run(self) -> None:
        self._courier.open()
        while time.monotonic() < self._stop_at:
            self._work_off_facts()
            now = time.monotonic()
            if now >= self._announce_at:
                self._announce_at = float("inf")
                self._standing.announce()
            if (state := self._throttle.take(now)) is not None:
                self._standing.set(retained(self._topics.state, encode(state.as_dict())))
            self._courier.step(now)
            self._insist_on_answers(now)
            while self._waiting and self._courier.is_idle:
                self._waiting.pop().set()
            if self._stop_at < float("inf") and (self._link is None or self._courier.is_idle):
                break
        self._has_said_goodbye = self._standing.is_sent
        self._courier.put_away(time.monotonic())

    def _work_off_facts(self) -> None:
        """Wait for the next fact, but not for too long, then take all that there are."""
        is_waiting = self._throttle.is_waiting or self._announce_at < float("inf")
        is_busy = is_waiting or not self._courier.is_idle
        try:
            fact = self._facts.get(timeout=TICK_S if is_busy else IDLE_S)
            while True:
                fact()
                fact = self._facts.get_nowait()
        except queue.Empty:
            return

    def _first_words(
        self, labels: Sequence[str], model: str | None, *, is_enabled: bool
    ) -> list[Message]:
        """What is announced first, in order; status is last, so that whoever reads `online` finds the rest."""
        topics = self._topics
        words = [
            retained(topics.availability, OFFLINE),
            retained(topics.enabled, ON if is_enabled else OFF),
            retained(topics.state, encode(CameraState().as_dict())),
            retained(topics.status, ONLINE),
        ]
        if self._config.homeassistant.enabled:
            where = discovery_topic(self._config.homeassistant.prefix, topics.device)
            entities = discovery(topics, labels, __version__, model)
            words.insert(0, retained(where, encode(entities)))
        return words

    def _insist_on_answers(self, now: float) -> None:
        """Hang up on a broker that has forgotten a message: on the next connection all is sent anew."""
        if self._link and self._courier.is_unanswered(now):
            link, self._link = self._link, None
            self._courier.down()
            link.close(broker.explain_unanswered(self._config.mqtt, UNANSWERED_S))

    def _stand(self, topic: str, payload: str) -> None:
        self._facts.put(lambda: self._set(retained(topic, payload)))

    def _set(self, *messages: Message) -> None:
        """These are true from now on; what happened before is handed over first: `left` before `offline`."""
        self._courier.send(time.monotonic())
        for message in messages:
            self._standing.set(message)

    def _report(self, figures: dict[str, Any]) -> None:
        courier = self._courier
        figures |= {
            "queued": courier.queued,
            "dropped": courier.dropped,
            "delivered": courier.delivered,
            "disk_writes": courier.disk_writes,
        }
        self._standing.set(retained(self._topics.telemetry, encode(figures), qos=0))

    def _greet(self, link: Link, window: int, largest_bytes: int) -> None:
        self._link = link
        self._courier.up(link, window, largest_bytes)
        filters = list(self._topics.commands)
        if self._config.homeassistant.enabled:
            filters.append(birth_topic(self._config.homeassistant.prefix))
        link.subscribe(*filters)
        self._say_hello(is_reply=False)
        self._complaints.end(f"connected to {self._config.mqtt.host}:{self._config.mqtt.port}")

    def _mourn(self, link: Link | None, trouble: Trouble) -> None:
        if link is not None:
            self._link = None
            self._courier.down()
        self._complaints.about(trouble.text)

    def _settle(self, link: Link, mid: int, refusal: str | None) -> None:
        if link is self._link:
            self._courier.acknowledged(mid, refusal, time.monotonic())

    def _hear(self, topic: str, payload: str, *, is_retained: bool) -> None:
        prefix = self._config.homeassistant.prefix
        match understand(self._topics, prefix, topic, payload, is_retained=is_retained):
            case Enable(wanted):
                self._on_enabled(wanted)
            case Announce():
                delay = random.uniform(*BIRTH_DELAY_S)  # noqa: S311  # spreads load, guards nothing
                self._announce_at = time.monotonic() + delay
            case Hello() as hello if hello.boot != self._boot:
                self._meet(hello)
            case Unusable(text):
                self._oddities.about(text)

    def _meet(self, other: Hello) -> None:
        self._oddities.about(
            f"another edgeemo (client id {other.client!r}) publishes as device {self._config.device!r} too: "
            "give each its own `device`"
        )
        if not other.is_reply:
            self._say_hello(is_reply=True)

    def _say_hello(self, *, is_reply: bool) -> None:
        if self._link:
            hello = Hello(self._connector.name, self._boot, is_reply)
            self._link.publish(Message(self._topics.instance_set, hello.encode()))

    def _begin_to_stop(self, stop_at: float) -> None:
        self._stop_at = stop_at
        self._throttle.offer(CameraState())
        self._set(
            retained(self._topics.state, encode(CameraState().as_dict())),
            retained(self._topics.availability, OFFLINE),
            retained(self._topics.status, OFFLINE),
        )
