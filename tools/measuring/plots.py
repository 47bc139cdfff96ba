"""Pictures of a training run and of an evaluation, as PNG."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

mpl.use("Agg")  # no screen is needed

SHORT = 10
"""Epochs up to which each is marked: a line needs two, and of one epoch there would be nothing to see."""

MOST_COUNTED = 40
"""Labels up to which there is room for counts, and time to draw them."""


def curves(log: Path, out: Path) -> None:
    """Draw a run's log.csv: losses above, shares of right answers on held-out faces below."""
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    marker = "o" if len(rows) <= SHORT else ""
    figure, (upper, lower) = plt.subplots(2, 1, sharex=True, figsize=(7, 7), layout="constrained")
    for column in rows[0]:
        axes = upper if column.endswith("loss") else lower if column.startswith("held_") else None
        if axes is not None:
            values = [float(row[column]) for row in rows]
            axes.plot(epochs, values, marker=marker, label=column)
    upper.set(ylabel="loss")
    lower.set(xlabel="epoch", ylabel="accuracy on held-out faces")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(out, dpi=110)
    plt.close(figure)


def confusion(counts: NDArray[np.int64], labels: Sequence[str], title: str, out: Path) -> None:
    """Draw (labels, labels) counts, rows = truth: colour by share of the row, the count written in.

    Of more labels than MOST_COUNTED the picture stays as large, and shows the colours alone.
    """
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.5 + 0.7 * min(len(labels), MOST_COUNTED)
    figure, axes = plt.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(labels) <= MOST_COUNTED:
        _write_counts(axes, counts, shares)
    size = 10 * min(1.0, MOST_COUNTED / len(labels))
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", fontsize=size)
    axes.set_yticks(range(len(labels)), labels, fontsize=size)
    axes.set(xlabel="answer", ylabel="truth", title=title)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color)
