"""What is sent when, in which order, from memory or from disk; time is the test's."""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgeemo.config import OutboxConfig
from edgeemo.delivery.complaint import REMINDER_S
from edgeemo.delivery.courier import (
    COMMIT_S,
    DISK_RETRY_S,
    PATIENCE_S,
    READ_AHEAD,
    REFUSAL_PAUSE_S,
    UNANSWERED_S,
    Courier,
)
from edgeemo.delivery.messages import retained
from edgeemo.delivery.outbox import Outbox
from edgeemo.delivery.standing import Standing
from edgeemo.types import Message

TOPIC = "edgeemo/porch/camera/event"


class FakeLink:
    """Takes messages and acknowledges them when it is told to: the broker's side of a connection."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Message]] = []

    def publish(self, message: Message) -> int:
        """Keep the message, give it a number."""
        self.sent.append((len(self.sent) + 1, message))
        return len(self.sent)

    def payloads(self) -> list[str]:
        """What came, in order."""
        return [message.payload for _, message in self.sent]


class Desk:
    """A courier with its outbox, and everything a test wants to see of it."""

    def __init__(self, folder: Path, standing: tuple[Message, ...] = (), **bounds: float) -> None:
        self.path = folder / "outbox"
        self.accepted: list[str] = []
        self.outbox = Outbox(self.path, OutboxConfig.model_validate(bounds))
        self.courier = Courier(
            self.outbox,
            Standing(standing),
            OutboxConfig.model_validate(bounds),
            self.accepted.append,
        )
        self.courier.open()
        self.now = 100.0
        self.number = 0

    def take(self, count: int = 1) -> None:
        """So many events happen."""
        for _ in range(count):
            self.number += 1
            self.courier.take(self.number, TOPIC, str(self.number), self.now)

    def step(self, seconds: float = 0.0) -> None:
        """Time goes by, the courier acts."""
        self.now += seconds
        self.courier.step(self.now)

    def up(self, window: int = 20) -> FakeLink:
        """A connection."""
        link = FakeLink()
        self.courier.up(link, window)
        return link

    def acknowledge(self, *mids: int, refusal: str | None = None) -> None:
        """The broker's answer."""
        for mid in mids:
            self.courier.acknowledged(mid, refusal, self.now)

    def stored(self) -> list[str]:
        """What lies on disk, seen from outside."""
        if not self.path.exists():
            return []
        connection = sqlite3.connect(self.path)
        rows = connection.execute("SELECT payload FROM event ORDER BY position").fetchall()
        connection.close()
        return [payload for (payload,) in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Nothing has happened."""
    return Desk(tmp_path)


def test_courier_writes_nothing_while_the_broker_takes_events(desk: Desk) -> None:
    """A thousand events, acknowledged as they come: not even a file."""
    link = desk.up()
    for number in range(1, 1001):
        desk.take()
        desk.step(0.05)
        desk.acknowledge(number)
    assert link.payloads() == desk.accepted == [str(n) for n in range(1, 1001)]
    assert not desk.path.exists()


def test_courier_stores_at_once_while_there_is_no_broker(desk: Desk) -> None:
    """And an event counts as accepted then."""
    desk.take()
    desk.step()
    assert (desk.stored(), desk.accepted) == (["1"], ["1"])


def test_courier_gathers_what_comes_within_a_second_into_one_write(desk: Desk) -> None:
    """An SD card is spared; the wait is bounded."""
    for _ in range(30):
        desk.take()
        desk.step(COMMIT_S / 10)
    assert desk.outbox.commits == 3
    desk.step(COMMIT_S)
    assert desk.accepted == desk.stored() == [str(n) for n in range(1, 31)]


def test_courier_delivers_what_waited_before_what_comes(desk: Desk) -> None:
    """From disk first, in order; gone from there when acknowledged."""
    desk.take(3)
    desk.step()
    link = desk.up()
    desk.take(2)
    desk.step()
    desk.acknowledge(1, 2, 3, 4, 5)
    desk.step(COMMIT_S)
    assert (link.payloads(), desk.stored()) == (["1", "2", "3", "4", "5"], [])


def test_courier_keeps_to_the_window(desk: Desk) -> None:
    """No more are under way than the broker allows, the rest waits, in order."""
    link = desk.up(window=2)
    desk.take(5)
    desk.step()
    first = link.payloads()
    desk.acknowledge(1)
    desk.step()
    assert (first, link.payloads()) == (["1", "2"], ["1", "2", "3"])


def test_courier_stores_what_a_slow_broker_has_not_acknowledged(desk: Desk) -> None:
    """Under way all the same, so that a kill can't lose it; removed when the answer comes."""
    link = desk.up()
    desk.take(2)
    desk.step()
    desk.step(PATIENCE_S)
    while_waiting = desk.stored()
    desk.acknowledge(1, 2)
    desk.step(COMMIT_S)
    assert (while_waiting, desk.stored(), link.payloads()) == (["1", "2"], [], ["1", "2"])


def test_courier_notices_what_the_broker_forgets(tmp_path: Path) -> None:
    """One lost acknowledgement is enough, though those of others come; on a new connection it is forgotten."""
    desk = Desk(tmp_path, (retained("state", "nobody"),))
    desk.up()
    desk.take()
    desk.step()
    desk.acknowledge(2)
    noticed = [desk.courier.is_unanswered(desk.now + late) for late in (0.0, UNANSWERED_S)]
    desk.courier.down()
    noticed.append(desk.courier.is_unanswered(desk.now + UNANSWERED_S))
    assert noticed == [False, True, False]


def test_courier_sends_again_what_was_under_way_when_the_connection_broke(desk: Desk) -> None:
    """In the old order, before what came later, under the same ids."""
    desk.up()
    desk.take(3)
    desk.step()
    desk.acknowledge(1)
    desk.courier.down()
    desk.take(1)
    desk.step()
    link = desk.up()
    desk.step()
    assert link.payloads() == ["2", "3", "4"]


def test_courier_says_what_stands_before_it_tells_what_happened(tmp_path: Path) -> None:
    """On every connect: the announcement in its order, then the events."""
    desk = Desk(tmp_path, (retained("discovery", "d"), retained("state", "s")))
    desk.take(2)
    for _ in range(2):
        link = desk.up()
        desk.step()
        desk.courier.down()
        assert link.payloads() == ["d", "s", "1", "2"]


def test_courier_keeps_events_that_the_broker_refuses(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once, stored, tried again after a while, in order."""
    link = desk.up()
    desk.take(3)
    desk.step()
    desk.acknowledge(1, 2, 3, refusal="Not authorized")
    desk.step()
    desk.step(REFUSAL_PAUSE_S)
    desk.acknowledge(4, 5, 6, refusal="Not authorized")
    assert [r.levelname for r in caplog.records] == ["ERROR"]
    assert link.payloads() == ["1", "2", "3"] * 2
    assert desk.stored() == ["1", "2", "3"]


def test_courier_says_a_refusal_once_an_hour_over_many_connections(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker whose rules forbid a topic, and a network that comes and goes, fill no log."""
    desk.courier._standing.set(retained("state", "nobody"))
    for seconds in (0.0, 60.0, REMINDER_S):
        desk.up()
        desk.step(seconds)
        desk.acknowledge(1, refusal="Not authorized")
        desk.courier.down()
    said = "the broker refuses state: Not authorized; check its access rules"
    assert caplog.messages == [said, said]


def test_courier_goes_on_where_an_earlier_process_stopped(tmp_path: Path) -> None:
    """Killed with events waiting: the next one sends them first."""
    killed = Desk(tmp_path)
    killed.take(3)
    killed.step()
    desk = Desk(tmp_path)
    link = desk.up()
    desk.take(1)
    desk.step()
    assert link.payloads() == ["1", "2", "3", "1"]


def test_courier_puts_everything_away_at_the_end(desk: Desk) -> None:
    """What was under way and what waited is on disk, whatever the pauses say."""
    desk.up(window=1)
    desk.take(3)
    desk.step()
    desk.courier.put_away(desk.now)
    assert desk.stored() == desk.accepted == ["1", "2", "3"]


def test_courier_goes_on_in_memory_when_the_disk_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once, bounded, the dropped counted; what is left is delivered, and never called accepted before."""
    (tmp_path / "file").write_text("no folder")
    desk = Desk(tmp_path / "file", max_events=10)
    for _ in range(25):
        desk.take()
        desk.step(60.0)
    accepted_before = list(desk.accepted)
    assert len(desk.courier._unaccepted) == 10
    link = desk.up()
    desk.step()
    desk.acknowledge(*range(1, 11))
    expected = [str(n) for n in range(16, 26)]
    assert (accepted_before, link.payloads(), desk.accepted) == ([], expected, expected)
    assert desk.courier.dropped == 15
    assert [r.message.partition(":")[0] for r in caplog.records] == [
        "events that wait stay in memory, the disk takes none",
        "the outbox is at a bound",
    ]


def test_courier_keeps_nothing_too_long_when_the_disk_fails(tmp_path: Path) -> None:
    """What has waited in memory for longer than allowed is dropped and counted."""
    (tmp_path / "file").write_text("no folder")
    desk = Desk(tmp_path / "file", max_age_s=60)
    desk.take(5)
    desk.step(50.0)
    desk.take(1)
    desk.step(20.0)
    link = desk.up()
    desk.step()
    assert (link.payloads(), desk.courier.dropped) == (["6"], 5)


def test_courier_tells_the_disk_for_how_long_an_event_has_waited(tmp_path: Path) -> None:
    """Refused at first: in the outbox its age is counted from when it happened."""
    (tmp_path / "state").write_text("no folder")
    desk = Desk(tmp_path / "state", max_age_s=60)
    desk.take(1)
    desk.step(50.0)
    (tmp_path / "state").unlink()
    desk.take(1)
    desk.step(DISK_RETRY_S + 5.0)
    assert (desk.stored(), desk.courier.dropped) == (["2"], 1)


def test_courier_sends_all_that_a_small_outbox_keeps_for_a_slow_broker(tmp_path: Path) -> None:
    """What gave way while it was under way hides nothing that came later, and waits no more."""
    desk = Desk(tmp_path, max_events=10)
    link = desk.up(window=20)
    for _ in range(3):
        desk.take(10)
        desk.step()
        desk.step(PATIENCE_S)
    desk.take(1)
    for number in range(1, 32):
        desk.acknowledge(number)
        desk.step()
    assert link.payloads() == [str(n) for n in range(1, 32)]
    assert desk.courier.queued == 0


def test_courier_finds_what_lies_behind_much_that_could_not_be_removed(tmp_path: Path) -> None:
    """A full disk lets nothing be removed: on the next connection what waits comes all the same."""
    desk = Desk(tmp_path)
    desk.take(READ_AHEAD + 50)
    desk.step()
    with closing(sqlite3.connect(desk.path)) as full:
        full.execute(
            "CREATE TRIGGER full BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, ''); END"
        )
    link = desk.up()
    for number in range(1, READ_AHEAD + 1):
        desk.step()
        desk.acknowledge(number)
    desk.courier.down()
    link = desk.up()
    desk.step()
    assert link.payloads() == [str(n) for n in range(READ_AHEAD + 1, READ_AHEAD + 21)]


def test_courier_goes_on_without_a_folder_that_can_be_looked_into(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A state directory that gives an error when it is searched costs one warning at the start."""
    desk = Desk(tmp_path / ("x" * 300))
    desk.take(2)
    desk.step()
    assert desk.courier.queued == 2
    assert [r.levelname for r in caplog.records] == ["WARNING"]


def test_courier_delivers_what_could_not_be_read_at_first(tmp_path: Path) -> None:
    """The disk had no room to save a damaged outbox at the start: its events come when it has, first of all."""
    earlier = Desk(tmp_path)
    earlier.take(50)
    earlier.step()
    earlier.outbox.close()
    with earlier.path.open("r+b") as file:
        file.write(bytes(100))
    obstacle = tmp_path / "outbox.copy"
    obstacle.mkdir()
    later = Desk(tmp_path)
    link = later.up()
    later.step()
    obstacle.rmdir()
    assert link.payloads() == []
    later.step(DISK_RETRY_S)
    later.step()
    assert link.payloads() == [str(n) for n in range(1, 21)]


def test_courier_counts_what_waits(desk: Desk) -> None:
    """On disk, in memory and under way alike."""
    desk.take(3)
    desk.step()
    desk.up(window=2)
    desk.take(2)
    desk.step()
    waiting = desk.courier.queued
    desk.acknowledge(1)
    assert (waiting, desk.courier.queued) == (5, 4)


def test_courier_keeps_nothing_over_a_hundred_thousand_events(tmp_path: Path) -> None:
    """No table, list or file grows while events are taken as they come."""
    desk = Desk(tmp_path)
    link = desk.up()
    for _ in range(20_000):
        desk.take(5)
        desk.step(0.1)
        desk.acknowledge(*(mid for mid, _ in link.sent[-5:]))
    holders = [
        v
        for v in vars(desk.courier).values()
        if isinstance(v, (list, dict)) or hasattr(v, "popleft")
    ]
    assert [len(h) for h in holders] == [0] * len(holders)
    assert not desk.path.exists()


def test_outage_of_an_hour_costs_few_writes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An event every two seconds for an hour without a broker, then delivery: writes are counted."""
    caplog.set_level(logging.INFO)
    desk = Desk(tmp_path)
    for _ in range(1800):
        desk.take()
        for _ in range(10):
            desk.step(0.2)
    stored = desk.outbox.commits
    link = desk.up()
    while len(desk.accepted) < 1800 or desk.courier.queued:
        seen = len(link.sent)
        desk.step(0.2)
        desk.acknowledge(*range(seen + 1, len(link.sent) + 1))
    desk.step(COMMIT_S)
    assert stored == 1800
    assert desk.outbox.commits - stored <= 1800 // 20 + 2
    assert link.payloads() == [str(n) for n in range(1, 1801)]


SMALL_BYTES = 200
LONG = "x" * SMALL_BYTES


@pytest.mark.parametrize("is_stored", [False, True])
def test_courier_leaves_out_what_the_broker_is_too_small_for(
    desk: Desk, is_stored: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a state nor an event that is longer than it allows keeps others from it; said once for each topic."""
    standing = desk.courier._standing
    standing.set(retained("discovery", LONG))
    standing.set(retained("state", "nobody"))
    for payload in ("1", LONG, LONG, "4"):
        desk.number += 1
        desk.courier.take(desk.number, TOPIC, payload, desk.now)
    if is_stored:
        desk.step()
    link = FakeLink()
    desk.courier.up(link, 20, SMALL_BYTES)
    desk.step()
    desk.acknowledge(1, 2, 3)
    desk.step(COMMIT_S)
    assert link.payloads() == ["nobody", "1", "4"]
    assert (desk.courier.is_idle, desk.courier.dropped, desk.stored()) == (True, 2, [])
    said = [r.message for r in caplog.records]
    assert [m.split()[3] for m in said] == ["discovery:", f"{TOPIC}:"]
    assert all("max_packet_size" in m for m in said)


def test_courier_gives_up_an_event_that_is_refused_for_its_size(desk: Desk) -> None:
    """By a broker that has not said its limit; what comes after goes on at once."""
    link = desk.up(window=1)
    desk.take(2)
    desk.step()
    desk.acknowledge(1, refusal="Packet too large")
    desk.step()
    desk.acknowledge(2)
    assert (link.payloads(), desk.accepted, desk.courier.dropped) == (["1", "2"], ["2"], 1)


class Chaos(RuleBasedStateMachine):
    """Connections come and go, the broker answers or not, the process is killed, in any order."""

    @initialize()
    def begin(self) -> None:
        """A first process, without a broker."""
        self.folder = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self.folder.name))
        self.link: FakeLink | None = None
        self.received: list[str] = []
        self.answered = 0
        self.accepted: list[str] = []
        self.happened = 0

    def teardown(self) -> None:
        """Bring a broker that answers everything: all that was accepted must arrive."""
        if not hasattr(self, "desk"):
            return
        self.connect()
        for _ in range(300):
            self.desk.step(1.0)
            self.answer(len(self.link.sent) if self.link else 0)
        once = list(dict.fromkeys(self.received))
        assert set(self.all_accepted()) <= set(once)
        assert once == sorted(once, key=int)
        self.folder.cleanup()

    def all_accepted(self) -> list[str]:
        """What this process and those before it have accepted."""
        return self.accepted + self.desk.accepted

    @rule(count=st.integers(1, 30), seconds=st.sampled_from([0.0, 0.3, 2.0]))
    def happen(self, count: int, seconds: float) -> None:
        """Events."""
        for _ in range(count):
            self.happened += 1
            self.desk.number += 1
            self.desk.courier.take(self.desk.number, TOPIC, str(self.happened), self.desk.now)
        self.desk.step(seconds)

    @rule(window=st.integers(1, 20))
    def connect(self, window: int = 20) -> None:
        """A new connection, with a window of its own."""
        self.disconnect()
        self.link = self.desk.up(window)
        self.answered = 0
        self.desk.step()

    @rule()
    def disconnect(self) -> None:
        """The connection breaks."""
        if self.link:
            # What was handed over may have arrived or not; say it did, and its answer was lost.
            self.received += [m.payload for _, m in self.link.sent[self.answered :]]
            self.desk.courier.down()
            self.desk.step()
        self.link = None

    @precondition(lambda self: self.link)
    @rule(count=st.integers(1, 40))
    def answer(self, count: int) -> None:
        """The broker acknowledges some of what it got."""
        if not self.link:
            return
        for mid, message in self.link.sent[self.answered : self.answered + count]:
            self.received.append(message.payload)
            self.desk.acknowledge(mid)
            self.answered = mid
        self.desk.step()

    @rule()
    def kill(self) -> None:
        """The process is gone with all that is in memory; a new one starts."""
        if self.link:
            self.received += [m.payload for _, m in self.link.sent[self.answered :]]
        self.accepted = self.all_accepted()
        self.link = None
        self.desk = Desk(Path(self.folder.name))

    @rule(seconds=st.sampled_from([0.2, 1.0, 130.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.desk.step(seconds)

    @invariant()
    def accepts_in_order_and_once(self) -> None:
        """Nothing is called accepted twice, or out of turn."""
        if hasattr(self, "desk"):
            accepted = [int(p) for p in self.all_accepted()]
            assert accepted == sorted(set(accepted))


TestChaos = Chaos.TestCase
TestChaos.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
