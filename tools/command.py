"""What the tools' commands share: help from the script's docstring, one line for a user's mistake."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edgeemo.errors import EdgeemoError
from edgeemo.streams import give_up_output, is_output_stuck, prepare_streams
from networks.refusal import WriteError

PATH = click.Path(path_type=Path)
"""The type of an argument or option that names a file or folder."""


class Command(click.Command):
    """Ends an EdgeemoError in one line and with its own exit code, and so standard output that can't be written."""

    def invoke(self, ctx: click.Context) -> None:
        """Call the function."""
        prepare_streams()
        failure: EdgeemoError | None = None
        try:
            super().invoke(ctx)
            click.echo(nl=False)  # whatever is still to be written
        except BrokenPipeError:
            raise  # click ends the program: who reads it has gone
        except EdgeemoError as error:
            failure = error
        except OSError as error:
            if not is_output_stuck():
                raise
            failure = WriteError(f"standard output can't be written: {error.strerror}")
        if is_output_stuck():
            give_up_output()
        if failure is not None:
            click.secho(f"error: {failure}", err=True, fg="red")
            ctx.exit(failure.exit_code)


def finite(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """An option's callback: no nan, which is below and above nothing and so passes every check, and no inf."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no finite number: give one such as 1 or 0.5")
    return value


def command(
    docstring: str | None, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    r"""Make a function a script's command, with the script's docstring as its help.

    A paragraph that begins with \b keeps its lines: docstrings are raw for the backslashes of their
    examples, and click wants the control character. `settings` are those of `click.command`.
    """
    text = (docstring or "").replace(r"\b", "\b")
    return click.command(cls=Command, help=text, **settings)
