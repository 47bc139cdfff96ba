"""`edgeemo doctor`: what is there, what is wrong, how to mend it."""

from __future__ import annotations

import click

from edgeemo.cli.options import config_options
from edgeemo.config import Config
from edgeemo.doctor import Verdict, examine

COLOURS = {Verdict.GOOD: "green", Verdict.DOUBTFUL: "yellow", Verdict.BAD: "red"}


@click.command()
@config_options
def doctor(config: Config) -> int:
    """Look at this machine, from the board to the broker.

    The exit code is 0 if nothing is wrong, else that of the first thing that is.
    """
    code = 0
    for finding in examine(config):
        verdict = click.style(f"{finding.verdict.value:<8}", fg=COLOURS[finding.verdict])
        click.echo(f"{verdict}{finding.subject:<16}{finding.what}")
        if finding.mend:
            click.echo(f"{'':<24}-> {finding.mend}")
        if finding.verdict is Verdict.BAD and not code:
            code = finding.exit_code
    return code
