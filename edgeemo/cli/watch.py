"""`edgeemo watch`: events as they come from the broker."""

from __future__ import annotations

import json
from typing import Any

import click

from edgeemo.cli.options import config_options
from edgeemo.config import Config
from edgeemo.delivery.brokerwatch import watch as events


@click.command()
@config_options
@click.option("--json", "as_json", is_flag=True, help="The events as they are, one a line.")
def watch(config: Config, as_json: bool) -> None:
    """Subscribe to all devices below the prefix, and show their events until interrupted."""
    for event in events(config):
        # Escaped: a name from the network may hold what no terminal or pipe takes.
        click.echo(json.dumps(event, separators=(",", ":")) if as_json else _line(event))


def _line(event: dict[str, Any]) -> str:
    """One event for people; what a device of another version leaves out is a dash, or left out."""
    at, device, camera, face, kind = (
        event.get(key, "-") for key in ("time", "device", "camera", "face", "event_type")
    )
    where = f"{device}/{camera}"
    change = " <- ".join(str(event[k]) for k in ("emotion", "previous") if event.get(k))
    confidence = event.get("confidence")
    is_share = isinstance(confidence, int | float) and 0 <= confidence <= 1
    sure = f" ({confidence:.0%})" if is_share else ""
    line = f"{at}  {where:<20}  face {face} {kind}: {change}{sure}"
    return line if line.isprintable() else ascii(line)[1:-1]  # nobody's names steer the terminal
