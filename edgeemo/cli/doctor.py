"""`edgeemo doctor`: what is there, what is wrong, how to mend it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from edgeemo.cli.options import config_options
from edgeemo.config import Config
from edgeemo.doctor import Finding, Verdict, examine

COLOURS = {Verdict.GOOD: "green", Verdict.DOUBTFUL: "yellow", Verdict.BAD: "red"}

VERDICT_WIDTH = len("warning")
SUBJECT_WIDTH = len("broker subscribe")
"""Columns, each with what is longest in it; a space or two stand behind them in any case."""


@click.command()
@config_options
def doctor(config: Config) -> int:
    """Look at this machine, from the board to the broker.

    The exit code is 0 if nothing is wrong, else that of the first thing that is.
    """
    code = 0
    for finding in examine(config):
        for line in _lines(finding):
            click.echo(line)
        if finding.verdict is Verdict.BAD and not code:
            code = finding.exit_code
    return code


def _lines(finding: Finding) -> Iterator[str]:
    """A finding as it is shown: what was found, and below it how to mend it."""
    verdict = f"{finding.verdict.value:<{VERDICT_WIDTH}} "
    subject = f"{finding.subject:<{SUBJECT_WIDTH}}  "
    yield f"{click.style(verdict, fg=COLOURS[finding.verdict])}{subject}{finding.what}"
    if finding.mend:
        yield f"{'':<{len(verdict + subject)}}-> {finding.mend}"
