"""A network camera that can be started, frozen, killed and started again."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from broker import free_port
from realparts import missing

SERVER = Path(__file__).resolve().parent / "real" / "rtsp_server.py"
PYTHON = "/usr/bin/python3"
"""Debian's own, which sees python3-gi."""
PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly"
)


class NetCamera:
    """A real RTSP server on a free port of loopback."""

    def __init__(self, *login: str) -> None:
        self.port = free_port()
        self._login = login
        self._process: subprocess.Popen[str] | None = None

    def url(self, path: str = "/h264") -> str:
        """The address of a stream, without a log-in."""
        return f"rtsp://127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        """Serve, on the same port each time."""
        if not Path(PYTHON).exists():
            missing(f"no {PYTHON}: apt-get install {PACKAGES}")
        self._process = subprocess.Popen(
            [PYTHON, str(SERVER), str(self.port), *self._login],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            said = self.stop()
            missing(f"the RTSP server does not start: apt-get install {PACKAGES} ({said})")

    def freeze(self) -> None:
        """Stop sending without hanging up, as a camera does whose software hangs."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._send(signal.SIGCONT)

    def stop(self) -> str:
        """Kill it, hanging up on everybody; returns the last line that it wrote as an error."""
        if self._process is None:
            return ""
        self._process.kill()
        _, errors = self._process.communicate()
        self._process = None
        return errors.strip().rpartition("\n")[2]

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
