"""`edgeemo schema`: the contracts, for other people's software."""

from __future__ import annotations

import json
from importlib import resources

import click

from edgeemo.config import Config


@click.command()
@click.argument("what", type=click.Choice(["events", "config"]))
def schema(what: str) -> None:
    """Print the JSON Schema of the events or of the configuration."""
    if what == "events":
        text = resources.files("edgeemo").joinpath("schemas/event.json").read_text("utf-8")
        click.echo(text.rstrip())
    else:
        click.echo(json.dumps(Config.model_json_schema(), indent=2, default=str))
