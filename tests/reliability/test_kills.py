"""Brokers and devices killed at random moments: nothing accepted is lost, nothing has two ids.

RELIABILITY_ROUNDS=100 python -m pytest -n0 -s tests/reliability/test_kills.py -k broker
RELIABILITY_ROUNDS=50 python -m pytest -n0 -s tests/reliability/test_kills.py -k device
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from broker import Listener, persistent_broker
from eventschema import validate
from reliability.device import Device, sequence, wait_s
from reliability.proxy import Proxy
from waiting import wait_until

ROUNDS = int(os.environ.get("RELIABILITY_ROUNDS", "3"))
RATE = 40.0
SILENT = 0.001
"""The rate of a device that delivers what is left and makes nothing."""
EVENT = "edgeemo/porch/camera/event"
PATIENCE_S = 180.0

pytestmark = [pytest.mark.real, pytest.mark.timeout(300 + 15 * ROUNDS)]


@pytest.fixture
def chance() -> random.Random:
    """Moments at random, the same in every run."""
    return random.Random(20261120)


def received(listener: Listener) -> list[dict[str, Any]]:
    """Every event that came, repetitions included, in order."""
    return [validate(json.loads(text)) for text in listener.payloads(EVENT)]


def check(
    came: list[dict[str, Any]],
    accepted: list[dict[str, Any]],
    elsewhere: Sequence[dict[str, Any]] = (),
) -> dict[str, int]:
    """What was accepted has come; one id is one event; each face's events came in order.

    Args:
        came: what a subscriber got, in order.
        accepted: what the device called accepted.
        elsewhere: what another subscriber got.

    Returns:
        Counts: accepted, arrived, how many of them again.
    """
    by_id: dict[str, dict[str, Any]] = {}
    for event in came:
        assert by_id.setdefault(event["id"], event) == event, "two events under one id"
    arrived = by_id.keys() | {e["id"] for e in elsewhere}
    assert [e["id"] for e in accepted if e["id"] not in arrived] == []
    runs: dict[tuple[str, int], list[int]] = defaultdict(list)
    for event in by_id.values():  # in the order of their first arrival
        boot, number = sequence(event)
        runs[boot, event["face"]].append(number)
    assert all(numbers == sorted(numbers) for numbers in runs.values()), "out of order"
    return {"accepted": len(accepted), "arrived": len(arrived), "again": len(came) - len(by_id)}


def test_broker_killed_loses_no_event(
    tmp_path: Path, chance: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed and restarted, half the time without warning, while events flow.

    What a broker has acknowledged and then forgets, because it is killed, is its loss and not ours.
    So that it can't happen, a wire between it and the device opens only when the subscribers are
    back, and a second subscriber has nothing to answer (quality of service 0): a client that
    answers finds its connection broken, and may leave unread what has reached it.
    """
    broker = persistent_broker(tmp_path)
    broker.start()
    listener = Listener(broker.port, EVENT, session="counter")
    witness = Listener(broker.port, EVENT, qos=0)
    wire = Proxy(broker.port)
    wire.open()
    try:
        with Device(tmp_path / "state", wire.port, RATE) as device:
            for _ in range(ROUNDS):
                seen = len(listener.messages)
                wait_until(lambda seen=seen: len(listener.messages) > seen, PATIENCE_S, "an event")
                wait_s(chance.uniform(0.0, 1.5))
                broker.stop(chance.choice([signal.SIGTERM, signal.SIGKILL]))
                wire.close()
                wait_s(chance.uniform(0.0, 1.0))
                for client in (listener, witness):
                    client.unready()
                broker.start()
                for client in (listener, witness):
                    client.wait_ready(PATIENCE_S)
                wire.open()
            device.end()
        made = device.accepted
        last = made[-1]["id"]
        with Device(tmp_path / "state", wire.port, SILENT) as rest:
            wait_until(lambda: last in listener.payloads(EVENT)[-1], PATIENCE_S, "the last event")
            rest.end()
    finally:
        wire.close()
        listener.close()
        witness.close()
        broker.stop()
    assert [sequence(e)[1] for e in made] == list(range(1, len(made) + 1))
    figures = check(received(listener), made, received(witness))
    with capsys.disabled():
        print(f"\nbroker killed {ROUNDS} times: {figures}")


def stored(state_dir: Path) -> list[dict[str, Any]]:
    """What lies in the outbox of a process that was killed."""
    path = state_dir / "outbox.sqlite3"
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT payload FROM event ORDER BY position").fetchall()
    connection.close()
    return [json.loads(text) for (text,) in rows]


def test_device_killed_keeps_what_it_accepted(
    tmp_path: Path, chance: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL at random moments, the broker there or not: what was called accepted arrives, once by id."""
    state_dir = tmp_path / "state"
    accepted: dict[str, dict[str, Any]] = {}
    in_outbox = 0
    broker = persistent_broker(tmp_path)
    broker.start()
    listener = Listener(broker.port, EVENT, session="counter")
    is_up = True
    try:
        for _ in range(ROUNDS):
            with Device(state_dir, broker.port, RATE) as device:
                wait_until(lambda device=device: device.accepted, PATIENCE_S, "an accepted event")
                wait_s(chance.uniform(0.0, 2.0))
                if chance.random() < 0.5:
                    if is_up:
                        broker.stop()
                    else:
                        broker.start()
                    is_up = not is_up
                    wait_s(chance.uniform(0.0, 2.0))
                device.end(signal.SIGKILL)
            left = stored(state_dir)
            in_outbox += len(left)
            accepted |= {e["id"]: e for e in device.accepted + left}
        if not is_up:
            broker.start()
        listener.wait_ready(PATIENCE_S)
        with Device(state_dir, broker.port, SILENT) as rest:
            wait_until(
                lambda: accepted.keys() <= {json.loads(p)["id"] for p in listener.payloads(EVENT)},
                PATIENCE_S,
                "everything that was accepted",
            )
            rest.end()
    finally:
        listener.close()
        broker.stop()
    assert stored(state_dir) == []
    figures = check(received(listener), list(accepted.values()))
    with capsys.disabled():
        print(f"\ndevice killed {ROUNDS} times, {in_outbox} found in the outbox: {figures}")
