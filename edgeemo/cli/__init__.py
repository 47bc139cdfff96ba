"""The command line: one thin module a subcommand, imported only when it is called."""

from __future__ import annotations

import codecs
import importlib
import json
import logging
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from edgeemo import __version__
from edgeemo.errors import EdgeemoError
from edgeemo.systemd import log_formatter

INTERRUPTED = 128 + 2
"""Exit code of a program ended by SIGINT, by the shell's convention."""

ANY_TEXT = "edgeemo.anytext"
"""What Python knows `_written` by."""

COMMANDS = {
    "run": "Watch the camera and publish events: the daemon.",
    "check": "Report every problem of a configuration, or what it will do.",
    "doctor": "Look at this machine: what is there, what is wrong, how to mend it.",
    "analyze": "Send pictures and clips through the same pipeline.",
    "bench": "Measure what a frame costs.",
    "watch": "Show events as they come from the broker.",
    "schema": "Print the JSON Schema of the events or of the configuration.",
    "ha-remove": "Take this device out of Home Assistant and off the broker.",
}


class LazyGroup(click.Group):
    """A group whose commands are functions of the same name in modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"edgeemo.cli.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; it is done when who reads its output has gone (`edgeemo analyze … | head`)."""
        # Here, since click.main would make an exit code of 1 of it.
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgeemo")
def cli() -> None:
    """Read facial expressions on this machine and publish emotion events to MQTT.

    No picture is written or sent unless you ask for it with `analyze --annotate`.
    """


def main() -> None:
    """Run the command line; ends the process with the error's own exit code."""
    _prepare_streams()
    _log_to_standard_error()
    try:
        code = cli(standalone_mode=False)
    except EdgeemoError as error:
        click.echo(f"edgeemo: {error}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except OSError as error:
        if not _is_output_stuck():
            raise
        click.echo(f"edgeemo: standard output can't be written: {error.strerror}", err=True)
        code = EdgeemoError.exit_code
    if _is_output_stuck():  # at its end Python would try once more, and say that it failed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _is_output_stuck() -> bool:
    """Whether standard output holds what it can't write: the disk is full, or its reader has gone."""
    try:
        print(end="", flush=True)
    except OSError:
        return True
    return False


def _prepare_streams() -> None:
    """Let whatever is said be written, in any encoding, also where standard error is closed."""
    if sys.stderr is None:
        # A file of its own, for the free number: a library's messages end here, not in what is opened next.
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open to the end
    codecs.register_error(ANY_TEXT, _written)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ANY_TEXT)


def _written(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a character that can't be encoded, and where to go on.

    For part of a file's name that is not text its byte, as `ls` does; else an escape as of JSON, so
    that a program still reads what was meant.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    try:
        written: str | bytes = character.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        written = json.dumps(character).strip('"')
    return written, error.start + 1


def _log_to_standard_error() -> None:
    """Results go to standard output, what is said about the work to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(log_formatter(sys.stderr))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
