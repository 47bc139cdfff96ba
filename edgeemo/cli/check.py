"""`edgeemo check`: is this configuration good, and what will it do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click

from edgeemo.address import Address, Kind, mask_url
from edgeemo.classifier import TFLiteClassifier
from edgeemo.cli.options import config_options
from edgeemo.config import Config
from edgeemo.delivery.broker import password, tls_context
from edgeemo.errors import EdgeemoError
from edgeemo.pipeline import build_detector
from edgeemo.secret import read_password
from edgeemo.sidecar import Sidecar


@click.command()
@config_options
def check(config: Config) -> int:
    """Report every problem of a configuration (exit 2; of its networks 3), or what it will do."""
    # By their texts: a runtime that is missing is missed by both networks.
    problems = {str(error): error for error in _problems(config)}
    for text in problems:
        click.echo(f"edgeemo: {text}", err=True)
    if problems:
        return next(iter(problems.values())).exit_code
    for line in plan(config, Sidecar.beside(config.model.path)):
        click.echo(line)
    return 0


def _problems(config: Config) -> Iterator[EdgeemoError]:
    """What is wrong with the files that are named, each tried whatever became of the others."""
    for use in _uses(config):
        try:
            use()
        except EdgeemoError as error:
            yield error


def _uses(config: Config) -> Iterator[Callable[[], object]]:
    """What the daemon reads of the files that are named; the exit code is that of the first to fail."""
    camera, mqtt = config.camera, config.mqtt
    if Address.parse(camera.source).kind is Kind.STREAM:
        yield lambda: read_password(camera, "camera")
    if mqtt.host is not None and mqtt.user is not None:
        yield lambda: password(mqtt)
    if mqtt.host is not None and mqtt.tls.enabled:
        yield lambda: tls_context(mqtt.tls)
    yield lambda: TFLiteClassifier(config.model)
    yield lambda: build_detector(config)


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
