"""`edgeemo ha-remove`: out of Home Assistant and off the broker."""

from __future__ import annotations

import click

from edgeemo.cli.options import config_options
from edgeemo.config import Config
from edgeemo.delivery.brokerwatch import remove


@click.command("ha-remove")
@config_options
def ha_remove(config: Config) -> None:
    """Clear this device's discovery and everything that the broker keeps of it.

    A daemon that still runs announces itself again: stop it first.
    """
    topics = remove(config)
    click.echo(f"cleared {len(topics)} retained topics of {config.device}:")
    for topic in topics:
        click.echo(f"  {topic}")
