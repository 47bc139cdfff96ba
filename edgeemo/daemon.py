"""The daemon: one camera's parts, built from its settings; the loop that moves them; how they stop."""

from __future__ import annotations

import itertools
import logging
import queue
import signal
import time
from collections.abc import Callable
from typing import Any

from edgeemo.board import board_model
from edgeemo.capture import Capture
from edgeemo.classifier import TFLiteClassifier
from edgeemo.clock import Beginning
from edgeemo.config import Config
from edgeemo.delivery.mqtt import Publisher
from edgeemo.delivery.nobroker import NoBroker
from edgeemo.delivery.state import CameraState
from edgeemo.errors import ConfigError, EndOfSource, ModelError
from edgeemo.mailbox import Mailbox
from edgeemo.pause import PauseFlag
from edgeemo.pipeline import Pipeline, build_pipeline
from edgeemo.sources import make_source
from edgeemo.systemd import Notifier, Watchdog, watchdog_interval_s
from edgeemo.thermal import Thermometer
from edgeemo.types import EmotionEvent, Frame
from edgeemo.vitals import Vitals

logger = logging.getLogger(__name__)

TICK_S = 0.2
"""Longest wait for a frame: signals and commands are seen at least this often."""
STATUS_S = 1.0
"""Between two lines for `systemctl status`."""
DRAIN_S = 10.0
"""At the end of a file: for so long the broker is waited for."""
CAPTURE_STOP_S = 0.5
PUBLISHER_STOP_S = 1.2
"""Both together: from the signal to the end, within two seconds. What does not go out waits on disk."""

RELOADABLE = frozenset({"detect", "track", "cadence", "mood", "publish", "power", "log"})
"""Sections that can change while running; the others hold what is open: camera, model, broker."""
SIGHT = frozenset({"detect", "track", "cadence", "mood"})
"""Those of them by which faces are seen: when one has changed, everybody is met anew."""

Task = Callable[[], None]
"""Something for the main thread to do, asked for by another."""


class Daemon:
    """Runs one camera until it is told to stop, or its source ends.

    The main thread is here: it runs the pipeline, takes signals and commands and feeds the
    watchdog, so that a ping means that work moved. The capture thread owns the camera; the
    publisher's threads talk to the broker, and leave tasks here.
    """

    def __init__(
        self, config: Config, sink: Callable[[str], None], reread: Callable[[], Config]
    ) -> None:
        """Build everything; nothing runs yet.

        Args:
            config: the settings.
            sink: takes each event's JSON text once it is accepted for delivery.
            reread: reads the settings anew, for SIGHUP.

        Raises:
            ConfigError: the source's address or a secret's file can't be used.
            ModelError, RuntimeMissingError: the network can't be run.
        """
        self._reread = reread
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._is_stopping = False
        self._is_ready = False
        self._is_camera_told = False
        self._classifier = TFLiteClassifier(config.model)
        self._notifier = Notifier.from_environment()
        self._watchdog = Watchdog(self._notifier, watchdog_interval_s())
        self._beginning = Beginning()
        self._pause = PauseFlag(config.state_dir, config.camera.name)
        self._source = make_source(config.camera)
        self._mailbox = Mailbox()
        self._capture = Capture(self._source, self._mailbox, config.camera)
        self._publisher = self._make_publisher(config, sink)
        self._ids = itertools.count(1)
        self._seen_at = 0.0
        self._face_count = 0
        self._vitals = Vitals(config, Thermometer(), time.monotonic())
        self._apply(config, self._make_pipeline(config))

    def _make_pipeline(self, config: Config) -> Pipeline:
        return build_pipeline(config, self._classifier, ids=self._ids)

    def _make_publisher(self, config: Config, sink: Callable[[str], None]) -> Publisher | NoBroker:
        if config.mqtt.host is None:
            return NoBroker(config, on_accepted=sink)
        return Publisher(
            config,
            self._classifier.labels,
            on_enabled=lambda on: self._tasks.put(lambda: self._enable(on=on)),
            is_enabled=not self._pause.is_paused(),
            on_accepted=sink,
            model=board_model(),
        )

    def _apply(self, config: Config, pipeline: Pipeline) -> None:
        """Take up settings: at the start, and those that can change when they are read again."""
        now = time.monotonic()
        self._config = config
        self._pipeline = pipeline
        self._pipeline.adopt(config.publish)
        self._vitals.adopt(config, now)
        self._publisher.adopt(config.publish)
        self._status_at = now
        logging.getLogger().setLevel(config.log.level.upper())

    def run(self) -> None:
        """Start, work until told to stop or the source ends, and stop in order.

        Raises:
            InputError: the file that is watched can't be read.
        """
        self._take_signals()
        try:
            self._publisher.start()
            self._capture.start(paused=self._pause.is_paused())
            while not self._is_stopping:
                self._turn()
        except EndOfSource as end:
            logger.info("%s", end)
            self._finish()
        finally:
            self._stop()

    def _finish(self) -> None:
        """A file has ended: wait for the broker to take what happened in it."""
        self._forget_faces()
        deadline = time.monotonic() + DRAIN_S
        while not self._publisher.drain(TICK_S):
            if self._is_stopping or time.monotonic() > deadline:
                logger.warning("the broker has not taken all events: they wait for the next start")
                return

    def _turn(self) -> None:
        """One round: what was asked for, a frame if there is one, what is due."""
        frame = self._mailbox.take(TICK_S)
        while not self._tasks.empty():
            self._tasks.get_nowait()()
        if frame is not None and not self._capture.paused:
            self._see(frame)
        self._mind_the_camera()
        self._publisher.check()
        self._keep_up(time.monotonic())

    def _see(self, frame: Frame) -> None:
        started = time.monotonic()
        look = self._pipeline.step(frame)
        self._seen_at = frame.at
        self._tell(look.events)
        if look.analysed or look.events:
            self._publisher.state(CameraState.of(look.faces))
        self._face_count = len(look.faces)
        latency_s = time.monotonic() - (frame.at if self._source.live else started)
        self._vitals.tally.add(look.skipped, look.refused, look.stages, latency_s)

    def _tell(self, events: tuple[EmotionEvent, ...]) -> None:
        for event in events:
            self._publisher.event(event)
            logger.debug("%s", event)  # not more: the journal lies on the card

    def _keep_up(self, now: float) -> None:
        """Whatever is due by the clock, whether or not frames come."""
        self._vitals.keep_up(now)
        self._pipeline.cadence.limit_fps = self._vitals.limit_fps
        if figures := self._vitals.report(now, self._capture.frames):
            self._publisher.telemetry(figures | self._camera_figures())
        if now >= self._status_at:
            self._status_at = now + STATUS_S
            self._notifier.status(self._status())
        # Inside one call of the driver for longer than any of its time-outs: nobody but systemd can help.
        if self._capture.stuck_s() < self._patience_s():
            self._watchdog.progress(now)

    def _camera_figures(self) -> dict[str, Any]:
        return {
            "overwritten": self._mailbox.dropped,
            "camera_losses": self._capture.losses,
            "started_at": self._beginning.rfc3339,
        }

    def _status(self) -> str:
        if self._capture.paused:
            return "paused"
        if not self._capture.available:
            return f"waiting for {self._source.name}"
        return f"{self._source.name}: {self._face_count} faces"

    def _patience_s(self) -> float:
        camera = self._config.camera
        return 2 * (camera.open_timeout_s + camera.stall_s)

    def _mind_the_camera(self) -> None:
        """Tell when pictures begin and cease to come; systemd hears that work is done, or retried."""
        if self._capture.available != self._is_camera_told:
            self._is_camera_told = self._capture.available
            if not self._is_camera_told:
                self._forget_faces()  # before: what happens while it is offline is not looked at
            self._publisher.availability(self._is_camera_told)
        if not self._is_ready and (
            self._capture.frames or self._capture.losses or self._capture.paused
        ):
            self._is_ready = True
            self._notifier.ready(self._status())

    def _enable(self, *, on: bool) -> None:
        """Switch the camera on or off, as somebody asked through the broker; remembered over restarts."""
        if on != self._capture.paused:
            return
        logger.info("the camera is switched %s", "on" if on else "off")
        self._pause.store(paused=not on)
        self._publisher.enabled(on)
        if on:
            self._capture.resume()
        else:
            self._capture.pause()
            self._forget_faces()

    def _forget_faces(self) -> None:
        """Everybody leaves: the camera is lost, paused, or looked at with other settings from now on."""
        at = time.monotonic() if self._source.live else self._seen_at
        self._tell(self._pipeline.reset(at))
        self._publisher.state(CameraState())
        self._face_count = 0

    def _take_signals(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._begin_to_stop())
        signal.signal(signal.SIGINT, lambda *_: self._begin_to_stop())
        signal.signal(signal.SIGHUP, lambda *_: self._tasks.put(self._reload))

    def _begin_to_stop(self) -> None:
        self._is_stopping = True

    def _reload(self) -> None:
        """Read the settings again: take up what can change, name what can't; a bad file changes nothing."""
        self._notifier.reloading()
        try:
            self._change_to(self._reread())
        except (ConfigError, ModelError) as error:
            logger.error("not reloaded, everything stays as it was: %s", error)
        self._notifier.ready(self._status())

    def _change_to(self, fresh: Config) -> None:
        changed = {
            name
            for name in Config.model_fields
            if getattr(fresh, name) != getattr(self._config, name)
        }
        if taken := sorted(changed & RELOADABLE):
            config = self._config.model_copy(update={n: getattr(fresh, n) for n in taken})
            pipeline = self._pipeline
            if changed & SIGHT:
                # Before anything is let go: a network that detect.model names may be refused.
                pipeline = self._make_pipeline(config)
                self._forget_faces()
            self._apply(config, pipeline)
        if waiting := sorted(changed - RELOADABLE):
            logger.warning("needs a restart to take effect: %s", ", ".join(waiting))
        logger.info("reloaded: %s", ", ".join(taken) or "nothing has changed")

    def _stop(self) -> None:
        """Stop in the order of the frames' way: no new ones, then everybody leaves, then goodbye.

        The publisher is last, so that it can still say all of that.
        """
        self._notifier.stopping()
        self._capture.stop(CAPTURE_STOP_S)
        self._forget_faces()
        self._publisher.stop(PUBLISHER_STOP_S)
        self._notifier.close()
