"""What a service tells systemd, and what systemd tells a service.

Written against sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5) and sd-daemon(3); started by
hand there is no systemd, and everything here does nothing.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

logger = logging.getLogger(__name__)

SECRETS = "secrets"
"""The unit's LoadCredential= loads a folder under this id; systemd names its files <id>_<file>."""

SETTINGS_DIR = Path("/etc/edgeemo")
"""Where the units find their settings, config.yaml or NAME.yaml, and that folder."""
STATE_DIR = Path("/var/lib/edgeemo")
"""What StateDirectory= makes, for an instance NAME a folder NAME in it."""


class Notifier:
    """Sends a service's state to systemd; a missing or deaf socket costs one warning, never a stall."""

    def __init__(self, address: str | None = None) -> None:
        """Talk to the datagram socket at `address` (a leading `@`: abstract), or to nobody."""
        self._address = address and ("\0" + address[1:] if address.startswith("@") else address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        self._is_warned = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Notifier:
        """A notifier to where systemd listens, as NOTIFY_SOCKET says."""
        return cls((os.environ if environ is None else environ).get("NOTIFY_SOCKET"))

    def ready(self, status: str) -> None:
        """The service does its work; also said when a reload is over."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._send(_status(text))

    def watchdog(self) -> None:
        """Work moved."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """The configuration is read again, until `ready` is said."""
        # Type=notify-reload tells this notice from one of an earlier reload by the clock.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service is on its way out."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Let the socket go; nothing is sent from here on."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, *assignments: str) -> None:
        if self._socket is None or self._address is None:
            return
        message = "\n".join(assignments).encode()
        try:
            self._socket.sendto(message, socket.MSG_DONTWAIT, self._address)
        except OSError as error:
            self._warn(error)
        else:
            self._is_warned = False

    def _warn(self, error: OSError) -> None:
        if not self._is_warned:
            logger.warning("systemd can't be told (%s): %s", self._address, error.strerror)
            self._is_warned = True


class Watchdog:
    """Pings systemd no more often than is needed: call `progress` whenever real work moved."""

    def __init__(self, notifier: Notifier, interval_s: float | None) -> None:
        """Ping at most every `interval_s` seconds; None: no watchdog runs."""
        self._notifier = notifier
        self._interval_s = interval_s
        self._next_at = float("-inf")

    def progress(self, now: float) -> None:
        """Work moved at `now` (monotonic seconds)."""
        if self._interval_s is not None and now >= self._next_at:
            self._notifier.watchdog()
            self._next_at = now + self._interval_s


def watchdog_interval_s(environ: Mapping[str, str] | None = None) -> float | None:
    """Seconds between pings: a third of what systemd waits; None where it does not wait for us.

    Raises:
        ValueError: WATCHDOG_USEC is not a whole number above 0.
    """
    environ = os.environ if environ is None else environ
    usec = environ.get("WATCHDOG_USEC")
    if not usec or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if int(usec) <= 0:
        raise ValueError(f"WATCHDOG_USEC is {usec}; allowed: a whole number above 0")
    # A third, so that a single late ping is not yet fatal.
    return int(usec) / 1e6 / 3


def credential(name: str, environ: Mapping[str, str] | None = None) -> Path | None:
    """The file of a secret that systemd handed to this service (LoadCredential=), if it did.

    `name` is found under its own id or as a file of the folder that the unit loads as `secrets`.
    """
    directory = (os.environ if environ is None else environ).get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    candidates = (Path(directory) / name, Path(directory) / f"{SECRETS}_{name}")
    return next((path for path in candidates if os.access(path, os.R_OK)), None)


def unit_environment(settings: Path) -> dict[str, str]:
    """What the unit that reads this settings file gives its service, by the variables' names.

    edgeemo.service reads config.yaml, edgeemo@NAME.service NAME.yaml; empty for a file elsewhere,
    which no unit reads. What a drop-in adds is not known.
    """
    try:
        settings = settings.absolute()
    except FileNotFoundError:  # relative to a folder that was removed under us
        return {}
    if settings.parent != SETTINGS_DIR or settings.suffix != ".yaml":
        return {}
    given = {
        "STATE_DIRECTORY": str(STATE_DIR),
        "CREDENTIALS_DIRECTORY": str(SETTINGS_DIR / SECRETS),
    }
    if settings.name == "config.yaml":
        return given
    host = platform.node().partition(".")[0]
    return given | {
        "STATE_DIRECTORY": str(STATE_DIR / settings.stem),
        "EDGEEMO_DEVICE": f"{host}-{settings.stem}",
    }


class JournalFormatter(logging.Formatter):
    """`<N>` before every line, N the syslog priority, as sd-daemon(3) wants; the journal dates lines."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record's text and traceback; the journal keeps each line as an entry of its own."""
        prefix = f"<{_priority(record.levelno)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines() or [""])


def log_formatter(stream: TextIO, environ: Mapping[str, str] | None = None) -> logging.Formatter:
    """What fits `stream`: the journal's format if it leads there, else one for people, with time."""
    if _is_journal(stream, os.environ if environ is None else environ):
        return JournalFormatter()
    return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is the very one that JOURNAL_STREAM (device:inode) names."""
    try:
        opened = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream without a file, such as a test's
        return False
    return environ.get("JOURNAL_STREAM") == f"{opened.st_dev}:{opened.st_ino}"


def _priority(level: int) -> int:
    """The syslog priority (RFC 5424: 2 critical ... 7 debug) of a logging level."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((priority for least, priority in steps if level >= least), 7)


def _status(text: str) -> str:
    """STATUS= must stay one line: a line break would begin another assignment."""
    return f"STATUS={' '.join(text.split())}"
