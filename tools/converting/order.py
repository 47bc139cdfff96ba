"""What a conversion is asked to do, and what comes out of it, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from converting.channel_order import ChannelOrder
from converting.comparison import Comparison, LayerError
from converting.operators import Operator
from converting.value_range import Candidate, Range
from edgeemo.sidecar import Sidecar


@dataclass(frozen=True)
class Order:
    """What to convert, with what, and into what: the command line of convert.py.

    `description` is what train.py wrote of the source, if that was read. `value_range` and `channel_order`
    None have them found by measuring, `temperature` None has it fitted. `margin` is the share of the
    detector's box to add on every side, `max_drop` points of accuracy.
    """

    source: Path
    out: Path
    labels: tuple[str, ...]
    data: Path
    value_range: Range | None = None
    weights: Path | None = None
    description: Path | None = None
    backend: str | None = None
    channel_order: ChannelOrder | None = None
    ferplus: Path | None = None
    usage: str | None = None
    data_name: str | None = None
    margin: float = 0.0
    temperature: float | None = 1.0
    calibration: int = 350
    held_out: int = 5000
    max_drop: float = 1.0
    force: bool = False
    overwrite: bool = False
    pythons: tuple[Path, ...] = ()
    seed: int = 1

    @property
    def name(self) -> str:
        """Of the model: the last part of `out`, with or without `.tflite` after it."""
        return self.out.name.removesuffix(".tflite")

    @property
    def inputs(self) -> set[Path]:
        """What is read and must never be written over."""
        given = (self.source, self.description, self.weights, self.data, self.ferplus)
        return {path for path in given if path}

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """The model, the report on it and its sidecar, in the order in which they take their places.

        The sidecar last: until then the digest in the old one refuses the new model, which it does not describe.
        """
        model, page, sidecar = (
            self.out.with_name(self.name + suffix)
            for suffix in (".tflite", ".report.html", ".json")
        )
        return model, page, sidecar


@dataclass(frozen=True)
class Conversion:
    """A finished model with what is known of it.

    `layers` are the errors by layer, worst first, where the loss asked for them; `journal` is what
    was said on the way.
    """

    model: bytes
    sidecar: Sidecar
    comparison: Comparison
    operators: tuple[Operator, ...]
    ranges: tuple[Candidate, ...] = ()
    runtimes: tuple[str, ...] = ()
    layers: tuple[LayerError, ...] = ()
    journal: tuple[str, ...] = ()


class Journal:
    """Says each line at once and remembers it for the report."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        """A step done, or a fact found."""
        self.lines.append(line)
        self._say(line)

    def warn(self, line: str) -> None:
        """Something that the user should look at before using the result."""
        self.note(f"WARNING: {line}")
