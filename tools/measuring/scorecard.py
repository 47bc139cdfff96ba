"""An evaluation as text: for the terminal, and as a page with its confusion matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from measuring import plots
from measuring.evaluation import Copies, Difference, Evaluation
from measuring.metrics import Figures

SHOWN_PAIRS = 10


def text(
    evaluations: Sequence[Evaluation], difference: Difference | None, ms: Sequence[float]
) -> str:
    """All figures in Markdown, which reads well in a terminal too."""
    lines: list[str] = []
    for evaluation, one in zip(evaluations, ms, strict=True):
        lines += _model(evaluation, one)
    if len(ms) == 2 and len({e.model.single_thread for e in evaluations}) == 1:
        lines += [f"Latency, first to second: {ms[0] / ms[1]:.2f}", ""]
    if difference is not None:
        lines += _difference(difference)
    return "\n".join(lines)


def write(out: Path, content: str, evaluations: Sequence[Evaluation]) -> list[Path]:
    """Write the page, and a picture of each confusion matrix beside it; returns what was written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures = list(_pictures(out, evaluations))
    shown = "".join(f"\n![{path.stem}]({path.name})\n" for path in pictures)
    out.write_text(content + shown, encoding="utf-8")
    return [out, *pictures]


def _pictures(out: Path, evaluations: Sequence[Evaluation]) -> Iterator[Path]:
    for number, evaluation in enumerate(evaluations, 1):
        for kind, found in (("labels", evaluation.own), ("votes", evaluation.voted)):
            if found is not None:
                path = out.with_name(f"{out.stem}-{number}-{kind}.png")
                title = f"{Path(evaluation.model.name).name}, by {kind}: {found.accuracy:.1%} of {found.n}"
                plots.confusion(found.confusion, found.labels, title, path)
                yield path


def _model(evaluation: Evaluation, ms: float) -> Iterator[str]:
    yield f"# {evaluation.model.name}"
    yield ""
    threads = "one thread" if evaluation.model.single_thread else "TensorFlow's threads"
    yield f"{ms:.3f} ms a face on {threads}; temperature {evaluation.model.sidecar.temperature:g}"
    yield ""
    for name, count in evaluation.left_out.items():
        yield f"- {count} faces of {name} left out: the model has no such label"
    unseen = evaluation.without_votes or 0
    if undecided := (evaluation.without_majority or 0) - unseen:
        yield f"- {undecided} faces left out by votes: no majority for an emotion"
    if unseen:
        yield f"- {unseen} faces left out by votes: nobody voted on them"
    if evaluation.copies is not None:
        yield _copies(evaluation.copies)
    if evaluation.own is not None:
        yield from _figures("By the data's own labels", evaluation.own)
    if evaluation.voted is not None:
        yield from _figures("By FER+'s majority", evaluation.voted)


def _copies(found: Copies) -> str:
    shares = [
        f"{share:.2%} right of {of}"
        for share, of in ((found.accuracy, "these"), (found.others_accuracy, "the others"))
        if share is not None
    ]
    return (
        f"- {found.n} faces are byte for byte among those it may have learned: {', '.join(shares)}"
    )


def _figures(title: str, found: Figures) -> Iterator[str]:
    yield ""
    yield f"## {title}: {found.n} faces"
    yield ""
    yield (
        f"accuracy **{found.accuracy:.2%}**, balanced {found.balanced_accuracy:.2%}, "
        f"macro-F1 {found.macro_f1:.3f}, ECE {found.ece:.3f}, NLL {found.nll:.3f}"
    )
    yield ""
    width = max(8, *(len(name) for name in found.labels))
    heads = ("label", "n", "precision", "recall", "F1", *found.labels)
    yield "| " + " | ".join(h.ljust(width) for h in heads) + " |"
    yield "|" + "|".join("-" * (width + 2) for _ in heads) + "|"
    for row, (name, label) in zip(found.confusion, found.by_label().items(), strict=True):
        shares = ("" if s is None else f"{s:.3f}" for s in label[1:])
        cells = (name, str(label.n), *shares, *map(str, row))
        yield "| " + " | ".join(c.ljust(width) for c in cells) + " |"
    yield ""


def _difference(difference: Difference) -> Iterator[str]:
    faces = "faces"
    if difference.n < difference.faces:
        faces = f"{difference.n} of {difference.faces} faces that both answer with a label that the other has too"
    yield f"## Both give the same answer on {difference.agreement:.2%} of the {faces}"
    yield ""
    for (first, second), count in list(difference.pairs.items())[:SHOWN_PAIRS]:
        yield f"- first {first}, second {second}: {count}"
    yield ""
