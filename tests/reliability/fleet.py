"""Many devices in one process, without cameras: each the real publisher with threads of its own.

As a program: port, number of the first device, how many, events a second of each, state folder. At
SIGTERM it ends and prints the processor seconds and the seconds that it took, as JSON.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
import time
from pathlib import Path

from edgeemo.delivery.mqtt import Publisher
from edgeemo.delivery.state import CameraState
from examples import LABELS, a_config, a_face, an_event


def main(port: int, first: int, count: int, rate: float, folder: Path) -> None:
    """Let the devices make events until SIGTERM comes."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    fleet = [
        Publisher(
            a_config(folder / str(number), port, device=f"unit{number}"),
            LABELS,
            on_enabled=lambda _: None,
        )
        for number in range(first, first + count)
    ]
    for publisher in fleet:
        publisher.start()
    started, cpu_s = time.monotonic(), time.process_time()
    while not stopping.wait(random.expovariate(rate * count)):
        publisher = random.choice(fleet)
        publisher.event(an_event())
        publisher.state(CameraState.of([a_face(1, random.choice(LABELS))]))
    figures = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.monotonic() - started}
    for publisher in fleet:
        publisher.stop(2.0)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(
        int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5])
    )
