"""`edgeemo check`: is this configuration good, and what will it do."""

from __future__ import annotations

from collections.abc import Iterator

import click

from edgeemo.address import mask_url
from edgeemo.classifier import TFLiteClassifier
from edgeemo.cli.options import config_options
from edgeemo.config import Config
from edgeemo.delivery.broker import new_client
from edgeemo.pipeline import build_pipeline
from edgeemo.secret import read_password
from edgeemo.sidecar import Sidecar


@click.command()
@config_options
def check(config: Config) -> None:
    """Report every problem of a configuration (exit 2; of its networks 3), or what it will do."""
    classifier = TFLiteClassifier(config.model)
    build_pipeline(config, classifier)  # sees nothing: the network of detect.model is loaded
    read_password(config.camera, "camera")
    if config.mqtt.host is not None:
        new_client(config, "check")  # goes nowhere: password and certificates are read
    for line in plan(config, classifier.sidecar):
        click.echo(line)


def plan(config: Config, sidecar: Sidecar) -> Iterator[str]:
    """What a daemon with these settings does, a line each."""
    camera, detect, mqtt = config.camera, config.detect, config.mqtt
    yield f"device    {config.device}, camera {camera.name}"
    yield f"source    {mask_url(camera.source)}"
    yield (
        f"faces     from {detect.min_face_px} px and {detect.min_face_share:.0%} of the height, "
        f"at most {1 if detect.largest_only else detect.max_faces}"
    )
    yield f"model     {config.model.path}: {', '.join(sidecar.labels)}"
    yield f"cadence   {config.cadence.min_fps:g} to {config.cadence.max_fps:g} frames a second"
    if mqtt.host is None:
        yield "broker    none: mqtt.host is not set, nothing is published"
        return
    tls = ", TLS" if mqtt.tls.enabled else ""
    user = f" as {mqtt.user}" if mqtt.user else ""
    yield f"broker    {mqtt.host}:{mqtt.port}{tls}{user}, topics {mqtt.prefix}/{config.device}/…"
    if config.homeassistant.enabled:
        yield f"entities  through {config.homeassistant.prefix}/…"
    yield f"state     {config.state_dir}"
