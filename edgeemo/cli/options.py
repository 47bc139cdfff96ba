"""What several subcommands take: the configuration file and the overrides of its keys."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edgeemo.config import Config
from edgeemo.configfile import exposure_warning, find_config, load_config
from edgeemo.systemd import unit_environment

logger = logging.getLogger(__name__)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `[CONFIG] [--set key=value ...]` and call it with `config`, the settings.

    By hand too it sees a service's settings as the service does: with its state directory, its
    secrets as far as this user can read them, and its device id.
    """

    @click.argument(
        "config_path", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path)
    )
    @overrides_option
    @functools.wraps(command)
    def with_config(config_path: Path | None, overrides: tuple[str, ...], **rest: Any) -> Any:
        config = read_config(config_path, overrides, as_service=True)
        return command(config=config, **rest)

    return with_config


def overrides_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--set key=value`, as often as one likes."""
    option = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a setting by its dotted path, e.g. mqtt.host=localhost.",
    )
    return option(command)


def read_config(
    path: Path | None, overrides: tuple[str, ...], *, as_service: bool = False
) -> Config:
    """Return the settings of the file given, else of the system's, else the defaults.

    With `as_service` what its unit would give the service is added to this process's environment.
    """
    found = find_config(path)
    if found and as_service:
        for name, value in unit_environment(found).items():
            os.environ.setdefault(name, value)
    config = load_config(found, overrides)
    if found and (warning := exposure_warning(found)):
        logger.warning(warning)
    return config
