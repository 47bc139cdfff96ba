"""The page about a conversion: one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import chain

from converting.order import Conversion
from measuring.metrics import Figures

STYLE = """
:root { color-scheme: light dark; --line: #8886; --tint: 30, 110, 200; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.warning { border-left: 4px solid #d33; padding-left: .75rem; }
"""
WORST_LAYERS = 10

Row = Sequence[object]


def page(done: Conversion) -> str:
    """The whole page."""
    sidecar, found = done.sidecar, done.comparison
    title = f"{sidecar.name}: converted to int8"
    parts = chain(
        [f"<h1>{escape(title)}</h1>", _summary(done)],
        _warnings(done.journal),
        ["<h2>Float against int8</h2>", _accuracy(done)],
        ["<h2>By label (recall)</h2>", _by_label(found.source, found.int8)],
        ["<h2>Answers of the int8 model</h2>", _confusion(found.int8)],
        _ranges(done),
        _layers(done),
        ["<h2>Operators</h2>", f"<p>{escape(_operators(done))}</p>"],
        ["<h2>How it went</h2>", _list(done.journal)],
        ["<h2>Where it came from</h2>", _table(("what", ""), sidecar.provenance.items())],
    )
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'
    )


def _summary(done: Conversion) -> str:
    sidecar = done.sidecar
    low, high = sidecar.value_range
    return _table(
        ("model", ""),
        [
            ("labels", ", ".join(sidecar.labels)),
            ("input", f"{sidecar.width}x{sidecar.height}x{sidecar.channels}"),
            ("pixels", "standardised" if sidecar.standardize else f"{low:g}..{high:g}"),
            ("outputs", "logits" if sidecar.logits else "probabilities"),
            ("temperature", f"{sidecar.temperature:g}"),
            ("size", f"{len(done.model) / 1000:.0f} kB"),
            ("sha256", sidecar.sha256),
            ("runs on", ", ".join(done.runtimes)),
        ],
    )


def _warnings(journal: Iterable[str]) -> list[str]:
    found = (line for line in journal if line.startswith("WARNING"))
    return [f'<p class="warning">{escape(line)}</p>' for line in found]


def _accuracy(done: Conversion) -> str:
    found = done.comparison
    pair = found.source, found.int8
    return _table(
        (f"{found.int8.n} held-out pictures", "float", "int8"),
        [
            ("accuracy", *(_share(one.accuracy) for one in pair)),
            ("balanced accuracy", *(_share(one.balanced_accuracy) for one in pair)),
            ("macro-F1", *(f"{one.macro_f1:.3f}" for one in pair)),
            ("expected calibration error", *(f"{one.ece:.3f}" for one in pair)),
            ("the same answer", "", _share(found.agreement)),
        ],
    )


def _by_label(source: Figures, int8: Figures) -> str:
    pairs = zip(source.by_label().items(), int8.by_label().values(), strict=True)
    rows = [(name, one.n, _share(one.recall), _share(two.recall)) for (name, one), two in pairs]
    return _table(("label", "n", "float", "int8"), rows)


def _confusion(found: Figures) -> str:
    head = _cells("th", ["true \\ answer", *found.labels])
    lines = []
    for label, row in zip(found.labels, found.confusion, strict=True):
        shares = row / max(int(row.sum()), 1)
        cells = (
            f'<td style="background: rgba(var(--tint), {share:.2f})">{count}</td>'
            for count, share in zip(row, shares, strict=True)
        )
        lines.append(f"<tr><td>{escape(label)}</td>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _ranges(done: Conversion) -> list[str]:
    if not done.ranges:
        return []
    rows = [(candidate.range, _share(candidate.accuracy)) for candidate in done.ranges]
    return ["<h2>Value ranges tried</h2>", _table(("range", "right"), rows)]


def _layers(done: Conversion) -> list[str]:
    if not done.layers:
        return []
    rows = [(layer.layer, f"{layer.error:.1%}") for layer in done.layers[:WORST_LAYERS]]
    return ["<h2>Worst layers</h2>", _table(("layer", "error over signal"), rows)]


def _operators(done: Conversion) -> str:
    return ", ".join(f"{op.name} v{op.version}" for op in done.operators)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _list(lines: Iterable[str]) -> str:
    return f"<ol>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ol>"


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{_cells('th', head)}</tr>{body}</table>"


def _cells(tag: str, values: Iterable[object]) -> str:
    return "".join(f"<{tag}>{escape(str(value))}</{tag}>" for value in values)
