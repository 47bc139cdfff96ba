"""Everything that edgeemo raises on purpose: one base, a flat tree, an exit code each.

The message says what is wrong, where, and how to mend it, in one line; `exit_code` is what the
program ends with when nobody catches it. Exit codes 2 and 3 tell systemd not to restart.
"""

from __future__ import annotations

from collections.abc import Sequence


class EdgeemoError(Exception):
    """Base of all errors whose cause lies outside the code; printed as one line, not a traceback."""

    exit_code = 1


class ConfigError(EdgeemoError, ValueError):
    """The configuration can't be used. `problems` holds one line for each thing wrong with it."""

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {p}" for p in self.problems)]))


class ModelError(EdgeemoError):
    """The model is missing, damaged, or does not fit its sidecar."""

    exit_code = 3


class RuntimeMissingError(EdgeemoError, ImportError):
    """No TFLite runtime here can build an interpreter."""

    exit_code = 3


class InputError(EdgeemoError):
    """A picture, clip or folder named by the user can't be read."""

    exit_code = 4


class InUseError(EdgeemoError):
    """Another daemon works in the same state directory."""

    # Not the configuration's 2: a killed one may hang in a driver for a while, and systemd is to go on trying.
    exit_code = 1


class SourceError(EdgeemoError, OSError):
    """A camera or stream can't be opened or was lost; the daemon retries."""

    exit_code = 5


class EndOfSource(EdgeemoError):
    """A source that has an end reached it: no fault, but the reader has to know."""

    exit_code = 0


class BrokerError(EdgeemoError, OSError):
    """The broker refused or can't be reached, where a command needs it now."""

    exit_code = 6
