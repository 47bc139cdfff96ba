"""The page about a conversion, the order of its files, and the quiet in which it is made."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

from converting.comparison import LayerError, compare
from converting.hush import hushed
from converting.operators import Operator, layers_of
from converting.order import Conversion, Order
from converting.report import page
from converting.value_range import NAMED, Candidate
from edgeemo.errors import InputError
from edgeemo.sidecar import Sidecar

LABELS = ("calm", "glad")


@pytest.fixture
def done() -> Conversion:
    """A conversion that lost a quarter of its answers."""
    truth = np.array([0, 0, 1, 1])
    sure = np.eye(2, dtype=np.float32)
    source, int8 = sure[[0, 0, 1, 1]], sure[[0, 1, 1, 1]]
    sidecar = Sidecar(
        name="<m>", labels=LABELS, width=24, height=24, channels=1, sha256="0" * 64,
        provenance={"source": "old & odd.h5"},
    )  # fmt: skip
    return Conversion(
        model=b"12345",
        sidecar=sidecar,
        comparison=compare(source, int8, truth, LABELS),
        ranges=(
            Candidate(NAMED["unit"], np.array([True, True])),
            Candidate(NAMED["standard"], np.array([True, False])),
        ),
        operators=(Operator("CONV_2D", 3),),
        runtimes=("ai-edge-litert 1",),
        layers=(LayerError("early", 0.25),),
        journal=("read", "WARNING: look <here>"),
    )


class Text(HTMLParser):
    """Collects the texts of a page, and whether its tags are closed in order."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the base's
        """Remember what has to be closed."""
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect."""
        self.texts.append(data)


def test_page_tells_all_and_is_well_formed(done: Conversion) -> None:
    """Every figure, warning and origin is there; names with brackets do no harm."""
    read = Text(page(done))
    assert read.open == []
    expected = {
        "<m>: converted to int8", "100.00%", "75.00%", "50.00%", "0..1", "early", "25.0%",
        "CONV_2D v3", "ai-edge-litert 1", "WARNING: look <here>", "old & odd.h5",
    }  # fmt: skip
    assert expected <= set(read.texts)


def test_page_leaves_layers_out_where_none_were_asked_for(done: Conversion) -> None:
    """Layers are compared only when the loss is over the bar."""
    assert "Worst layers" in page(done)
    assert "Worst layers" not in page(Conversion(**{**vars(done), "layers": ()}))


@pytest.mark.parametrize(
    ("tensor", "layers"),
    [
        ("model/conv2d_1/Relu;model/norm/add;model/conv2d_1/convolution", "conv2d_1+norm"),
        ("StatefulPartitionedCall/sequential_1/conv2d_1_2/Relu", "conv2d_1"),
        ("tfl.dequantize", ""),
    ],
)
def test_layers_of_reads_the_converters_names(tensor: str, layers: str) -> None:
    """The Keras layers, each once, without the number that tracing again added."""
    assert layers_of(tensor) == layers


def noisy(error: Exception | None = None) -> None:
    """Hushed, write to stderr past Python, as native libraries do, and perhaps fail."""
    with hushed():
        os.write(2, b"native noise\n")
        if error:
            raise error


def test_hushed_keeps_stderr_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    """Also when a user's mistake ends the body, and only until its end."""
    noisy()
    with pytest.raises(InputError):
        noisy(InputError("wrong"))
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_hushed_shows_all_of_it_for_a_bug(capfd: pytest.CaptureFixture[str]) -> None:
    """What was held back may explain it."""
    with pytest.raises(ZeroDivisionError):
        noisy(ZeroDivisionError())
    assert "native noise" in capfd.readouterr().err


def test_order_has_the_sidecar_last() -> None:
    """Until it takes its place, the digest in the old one refuses the new model."""
    order = Order(Path("m.keras"), Path("out/new"), ("happy", "sad"), Path("faces"))
    assert [path.name for path in order.files] == ["new.tflite", "new.report.html", "new.json"]
