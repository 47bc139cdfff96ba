"""The real `edgeemo` program in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from waiting import wait_until

STOP_S = 10.0


def run(*arguments: str | Path, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run `edgeemo` to its end and return what it printed and ended with."""
    return subprocess.run(
        [sys.executable, "-m", "edgeemo", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=environment(),
    )


def environment() -> dict[str, str]:
    """Ours, without settings that would change what is tested."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("EDGEEMO_", "NOTIFY_"))}


class Program:
    """`edgeemo run` in the background, for the length of a `with` block; its log is kept in order."""

    def __init__(self, *arguments: str | Path, **environ: str) -> None:
        self.log: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgeemo", "run", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment() | environ,
        )
        self._reader = threading.Thread(target=self._read)

    def _read(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(self._process.stderr)

    def wait_for(self, text: str, timeout_s: float = 30.0) -> None:
        """Wait until a line of the log holds this text."""
        wait_until(
            lambda: any(text in line for line in list(self.log)), timeout_s, f"{text!r} in the log"
        )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it, and return its exit code."""
        self.send(number)
        return self._process.wait(STOP_S)

    def __enter__(self) -> Program:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_S)
        self._reader.join(STOP_S)
