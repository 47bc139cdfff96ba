"""The network thread: opens one connection to the broker after another."""

from __future__ import annotations

import secrets
import threading
import time

from edgeemo.backoff import Backoff
from edgeemo.config import Config
from edgeemo.delivery import broker
from edgeemo.delivery.broker import Trouble
from edgeemo.delivery.link import WINDOW, Link, Listener
from edgeemo.errors import ConfigError
from edgeemo.types import Message

FIRST_S, MOST_S = 2.0, 120.0
"""Pauses between attempts: the first lies between 1 and 2 s, the longest between 60 and 120 s."""

REFUSED_FIRST_S = 30.0
"""After a refusal somebody has to change something: the first pause is 15 to 30 s."""

SHORT_S = 30.0
"""A connection that ends within so short a time may be one of many that a broker lets in and cuts."""

MANY_EVICTIONS = 3
"""After so many short connections in a row that were cut for another client we come under another
client id: if it was a second machine with ours, both can stay, and will meet (see `Hello`)."""


class Connector:
    """Keeps a connection up: tries, waits, tries again.

    Thread `mqtt-network`: resolves names, connects, and is the only one that reads and writes the
    socket. It may block for seconds while it connects; nobody waits for it.
    """

    def __init__(self, config: Config, will: Message, listener: Listener) -> None:
        """Nothing is opened yet, but the password and the certificates are looked at.

        Raises:
            ConfigError: they can't be used.
        """
        self._config = config
        self.name = self._own_name = broker.client_id(config)
        broker.new_client(config, self.name)
        self._evictions = 0
        self._will = will
        self._listener = listener
        self._backoff = Backoff(first_s=FIRST_S, most_s=MOST_S)
        self._refused_backoff = Backoff(first_s=REFUSED_FIRST_S, most_s=MOST_S)
        self._stopping = threading.Event()
        self._is_version_5 = config.mqtt.protocol != "3.1.1"
        self._is_settled = config.mqtt.protocol != "auto"
        self._link: Link | None = None
        # A daemon thread: at the end of the process it may still hang in a name server's answer.
        self.thread = threading.Thread(target=self._run, name="mqtt-network", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self.thread.start()

    def stop(self, *, with_will: bool) -> None:
        """End the connection if there is one, and connect no more; `thread` then ends.

        Args:
            with_will: whether the broker is to publish the will; else we take leave, and it forgets it.
        """
        link = self._link
        if link and with_will:
            link.cut()
        self._stopping.set()  # not before: the network thread takes leave when it sees it
        if link and not with_will:
            link.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._attempt())

    def _attempt(self) -> float:
        """Connect, stay as long as it lasts, and return the seconds to wait before the next time."""
        try:
            link = self._link = Link(
                *(self._config, self.name, self._will, self._listener),
                is_version_5=self._is_version_5,
            )
        except ConfigError as error:  # a certificate or password that was replaced while we run
            unusable = Trouble(" ".join(str(error).split()), is_refusal=True)
            self._listener.on_down(None, unusable)
            return self._refused_backoff.pause_s()
        started = time.monotonic()
        trouble = link.serve(self._stopping)
        if trouble is None or self._choose_version(link):
            return 0.0
        self._listener.on_down(link if link.was_up else None, trouble)
        lasted_s = time.monotonic() - started
        # To be let in is not enough: whatever cuts us at once would have us come back for ever.
        # A window of answers is more than what is announced, so events have got through.
        if link.was_up and (lasted_s >= SHORT_S or link.acks >= WINDOW):
            self._reset()
        self._choose_name(link, trouble, lasted_s)
        return (self._refused_backoff if trouble.is_refusal else self._backoff).pause_s()

    def _reset(self) -> None:
        self._backoff.reset()
        self._refused_backoff.reset()

    def _choose_name(self, link: Link, trouble: Trouble, lasted_s: float) -> None:
        if not link.was_up:
            self._evictions = 0
            if trouble.is_refusal:  # perhaps for the other name
                self.name = self._own_name
        elif trouble.is_eviction and lasted_s < SHORT_S:
            self._evictions += 1
        else:
            self._evictions = 0
        if self._evictions == MANY_EVICTIONS:
            # For good: under ever new names the wills of dead connections would call us offline.
            self.name = f"{self._own_name}-{secrets.token_hex(3)}"
            self._reset()

    def _choose_version(self, link: Link) -> bool:
        """Settle on MQTT 5 or 3.1.1 for the next attempt; whether to make that one at once.

        With 5 the broker says more: that it refuses a message, that another client took our place.
        One that knows 3.1.1 only says so, or hangs up without a word: then both are tried in turn.
        """
        if self._is_settled:
            return False
        if link.is_too_new:
            self._is_version_5, self._is_settled = False, True
            return True
        if link.was_open:
            self._is_version_5 = link.was_answered or not self._is_version_5
        return False
