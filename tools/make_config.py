#!/usr/bin/env python3
r"""Write config.yaml, every key commented out at its default, from the settings' own descriptions.

\b
python tools/make_config.py            writes config.yaml
python tools/make_config.py --check    exit 1 if config.yaml is not what would be written
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from command import command
from edgeemo.config import Config

TARGET = Path(__file__).resolve().parent.parent / "config.yaml"
WIDTH = 100
HEAD = """\
# edgeemo's settings. Every key stands here at its default, commented out: take the # away to change one.
# Each can also be given as  --set camera.source=demo  or in the environment as  EDGEEMO_CAMERA_SOURCE=demo
# (command line before environment before this file). `edgeemo check FILE` says whether a file is good.
"""
# What a default depends on is named instead of one machine's value.
COMPUTED = {
    "device": "this machine's host name",
    "state_dir": "$STATE_DIRECTORY under systemd, else ~/.local/state/edgeemo",
    "detect.model": "the one that comes with edgeemo",
    "model.path": "the model that comes with edgeemo",
}


def render(model: type[BaseModel] = Config, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The lines of a section, in the order of its class."""
    indent = "  " * len(path)
    for name, field in model.model_fields.items():
        here = (*path, name)
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield ""
            yield f"{indent}# {_first_line(section)}"
            yield f"{indent}{name}:"
            yield from render(section, here)
        else:
            yield from _comment(field, indent)
            yield f"{indent}#{_setting(field, here)}"


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]


def _comment(field: FieldInfo, indent: str) -> Iterator[str]:
    limits = _allowed(field)
    text = " ".join((field.description or "").split()) + (f" [{limits}]" if limits else "")
    lead = f"{indent}# "
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False
    )


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return " | ".join(map(str, get_args(field.annotation)))
    low = high = ""
    for limit in field.metadata:
        match limit:
            case Ge(ge=value):
                low = f"{value:.12g} to "
            case Gt(gt=value):
                low = f"over {value:.12g} to "
            case Le(le=value):
                high = f"{value:.12g}"
            case Lt(lt=value):
                high = f"under {value:.12g}"
    return low + high


def _setting(field: FieldInfo, path: tuple[str, ...]) -> str:
    if computed := COMPUTED.get(".".join(path)):
        return f"{path[-1]}:   # default: {computed}"
    value = field.get_default(call_default_factory=True)
    plain = list(value) if isinstance(value, tuple) else value
    # safe_dump ends a lone scalar with an end-of-document mark.
    return f"{path[-1]}: {yaml.safe_dump(plain, default_flow_style=True).split(chr(10))[0]}"


@command(__doc__)
@click.option("--check", is_flag=True, help="Only compare.")
def main(*, check: bool) -> None:  # noqa: D103 - click takes the help from the module
    wanted = "\n".join([HEAD.rstrip(), *render()]) + "\n"
    if not check:
        TARGET.write_text(wanted, encoding="utf-8")
        click.echo(f"wrote {TARGET}")
    elif TARGET.read_text(encoding="utf-8") != wanted:
        click.echo("config.yaml is not up to date: python tools/make_config.py", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
