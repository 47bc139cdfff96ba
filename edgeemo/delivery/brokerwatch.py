"""What `edgeemo watch` and `edgeemo ha-remove` do at the broker."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from edgeemo.backoff import Backoff
from edgeemo.config import Config
from edgeemo.delivery.homeassistant import discovery_topic
from edgeemo.delivery.messages import ONLINE, Topics
from edgeemo.delivery.visit import Heard, visit
from edgeemo.errors import BrokerError

logger = logging.getLogger(__name__)


def watch(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the events of all devices below the prefix as they come, for ever; reconnects by itself.

    Raises:
        BrokerError: the first connection does not come about, or the broker forbids to listen.
    """
    heard = _listen(config)
    backoff, pause = Backoff(), threading.Event()
    while True:
        try:
            for message in heard:
                backoff.reset()
                yield from _event(message.payload)
        except BrokerError as error:
            logger.warning("%s; trying again", error)
        while True:
            pause.wait(backoff.pause_s())
            try:
                heard = _listen(config)
            except BrokerError as error:
                logger.warning("%s", error)
            else:
                logger.info("connected again")
                break


def _listen(config: Config) -> Iterator[Heard]:
    return visit(config).listen(f"{config.mqtt.prefix}/+/+/event")


def _event(payload: str) -> Iterator[dict[str, Any]]:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        event = None
    if isinstance(event, dict):
        yield event
    else:
        logger.warning("no event: %r", payload[:60])


def remove(config: Config) -> list[str]:
    """Clear this device's discovery and everything that the broker keeps of it; returns the topics.

    A daemon that still runs announces itself again when it next connects: the log says so.

    Raises:
        BrokerError: the broker is not there, or refuses.
    """
    topics = Topics(config.mqtt.prefix, config.device, config.camera.name)
    where = discovery_topic(config.homeassistant.prefix, config.device)
    guest = visit(config)
    found: dict[str, str] = {}
    with suppress(BrokerError):  # what we are forbidden to read is cleared all the same
        found = {kept.topic: kept.payload for kept in guest.retained(f"{topics.base}/#")}
    if found.get(topics.status) == ONLINE:
        logger.warning(
            "%s is online: if it still runs, stop it and do this again, else it comes back when it next connects",
            config.device,
        )
    cleared = [where, *sorted((found.keys() | set(topics.retained)) - {where})]
    for topic in cleared:
        if (text := guest.publish(topic, "", retain=True)) is not None:
            raise BrokerError(text)
    guest.leave()
    return cleared
