"""The command line: one thin module a subcommand, imported only when it is called."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

import click

from edgeemo import __version__
from edgeemo.errors import EdgeemoError
from edgeemo.streams import give_up_output, is_output_stuck, prepare_streams
from edgeemo.systemd import log_formatter

INTERRUPTED = 128 + 2
"""Exit code of a program ended by SIGINT, by the shell's convention."""

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
    prepare_streams()
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
        if not is_output_stuck():
            raise
        click.echo(f"edgeemo: standard output can't be written: {error.strerror}", err=True)
        code = EdgeemoError.exit_code
    if is_output_stuck():
        give_up_output()
    sys.exit(code)


def _log_to_standard_error() -> None:
    """Results go to standard output, what is said about the work to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(log_formatter(sys.stderr))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
