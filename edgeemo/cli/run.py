"""`edgeemo run`: the daemon."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from pathlib import Path

import click

from edgeemo.claim import claimed
from edgeemo.cli.options import overrides_option, read_config
from edgeemo.config import Config
from edgeemo.daemon import Daemon
from edgeemo.errors import ConfigError
from edgeemo.eventlog import EventLog

logger = logging.getLogger(__name__)

NOWHERE = (
    "mqtt.host: no broker is named, so nobody would hear of the events: set it, "
    "or use --events -, or --demo to bring up a broker of its own"
)


@click.command()
@click.argument("config_path", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path))
@overrides_option
@click.option(
    "--events", metavar="-|FILE", help="Also write each event as a JSON line once it is accepted."
)
@click.option(
    "--demo",
    is_flag=True,
    help="Where the settings name no camera, a demo; where they name no broker, one of our own; "
    "each event is told in the log.",
)
def run(
    config_path: Path | None, overrides: tuple[str, ...], events: str | None, demo: bool
) -> None:
    """Watch the camera and publish events until told to stop; at the end of a file, stop."""
    with ExitStack() as stack:
        config = read_config(config_path, overrides)
        added = _embedded(config, stack) if demo else {}
        config = config.changed(added)

        def reread() -> Config:
            return read_config(config_path, overrides).changed(added)

        if config.mqtt.host is None and events is None:
            raise ConfigError(str(config_path or "the settings"), [NOWHERE])
        if config.mqtt.host is not None:  # else nothing is kept
            stack.enter_context(claimed(config.state_dir))
        sink = stack.enter_context(EventLog(events))
        Daemon(config, sink.write, reread).run()


def _embedded(config: Config, stack: ExitStack) -> dict[str, dict[str, object]]:
    """The settings that --demo adds, whatever they need running until the stack is closed."""
    added: dict[str, dict[str, object]] = {}
    if config.log.level == "info":
        added["log"] = {"level": "debug"}  # whoever tries it wants to see what comes of it
    if config.camera.source == "auto":
        added["camera"] = {"source": "demo"}
        logger.info("no camera is named: watching the demo (set camera.source for a real one)")
    if config.mqtt.host is None:
        # Late: it needs an extra that a device has not installed.
        from edgeemo.delivery.demobroker import DemoBroker

        broker = stack.enter_context(DemoBroker())
        added["mqtt"] = {"host": broker.host, "port": broker.port, "protocol": "3.1.1"}
        address = [f"mqtt.{name}={value}" for name, value in added["mqtt"].items()]
        logger.info("no broker is named: brought one up; listen in a second terminal with")
        logger.info("    mosquitto_sub -p %d -t '%s/#' -v", broker.port, config.mqtt.prefix)
        logger.info("    %s watch --set %s", sys.argv[0], " --set ".join(address))
    return added
