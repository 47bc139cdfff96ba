"""What several subcommands take: the configuration file and the overrides of its keys."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edgeemo.config import Config
from edgeemo.configfile import exposure_warning, find_config, load_config

logger = logging.getLogger(__name__)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `[CONFIG] [--set key=value ...]` and call it with `config`, the settings."""

    @click.argument(
        "config_path", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path)
    )
    @overrides_option
    @functools.wraps(command)
    def with_config(config_path: Path | None, overrides: tuple[str, ...], **rest: Any) -> Any:
        return command(config=read_config(config_path, overrides), **rest)

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


def read_config(path: Path | None, overrides: tuple[str, ...]) -> Config:
    """Return the settings of the file given, else of the system's, else the defaults."""
    found = find_config(path)
    config = load_config(found, overrides)
    if found and (warning := exposure_warning(found)):
        logger.warning(warning)
    return config
