"""A small MQTT broker inside this process, for a demo on a machine that has none.

It is amqtt, in pure Python: MQTT 3.1.1, and nothing survives its end. For anything but a look
around install a real one, such as mosquitto.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

from edgeemo.errors import EdgeemoError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
USUAL_PORT = 1883
START_S = 10.0
STOP_S = 3.0


class DemoBroker:
    """A broker on loopback, up for the length of a `with` block; on port 1883 if it is free.

    Thread `demo-broker` runs its event loop.

    Raises:
        EdgeemoError: on entering, where amqtt is not installed, or if it does not come up.
    """

    def __init__(self) -> None:
        self.host = HOST
        self.port = _free_port()
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="demo-broker", daemon=True)

    def __enter__(self) -> DemoBroker:
        self._thread.start()
        is_in_time = self._is_up.wait(START_S)
        if isinstance(self._failure, EdgeemoError):
            raise self._failure
        if self._failure or not is_in_time:
            raise EdgeemoError(
                f"the demo broker does not start on port {self.port}"
            ) from self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        # amqtt ends a connection that was cut with an exception that nobody catches.
        self._loop.set_exception_handler(lambda _, c: logger.debug("amqtt: %s", c["message"]))
        try:
            broker = self._loop.run_until_complete(_started(self.port))
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits, which raises it
            self._failure = error
            return
        finally:
            self._is_up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(broker.shutdown())
        self._loop.run_until_complete(self._end_tasks())
        self._loop.close()

    async def _end_tasks(self) -> None:
        """End what clients that are still connected have running; unended it would complain."""
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _started(port: int):  # type: ignore[no-untyped-def]  # amqtt is imported late
    try:
        from amqtt.broker import Broker
    except ImportError as error:
        raise EdgeemoError(
            "--demo needs the broker that comes with an extra: pip install 'edgeemo[demo]', "
            "or name one of your own with --set mqtt.host=..."
        ) from error
    for name in ("amqtt", "transitions"):
        # It logs every client's coming and going, and a closed connection as an error.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    return broker


def _free_port() -> int:
    """The usual port, or one that the system chooses if somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, USUAL_PORT))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
