"""Whether a place that looks like a face is one: the opinion of a tiny network."""

from __future__ import annotations

from typing import Protocol

from edgeemo.errors import ModelError
from edgeemo.preprocess import as_planes, normalize, square
from edgeemo.quant import Float
from edgeemo.sidecar import Sidecar
from edgeemo.sight.view import View
from edgeemo.types import Box, Scores

FACE = "face"
"""The label that the network has to have; all others are something else."""


class Network(Protocol):
    """What is needed of a network."""

    @property
    def sidecar(self) -> Sidecar:
        """What it takes and what it tells apart."""
        ...

    def infer(self, pixels: Float) -> Scores:
        """The scores of one input, float32 (height, width, channels), normalised."""
        ...


class FaceVerifier:
    """Tells faces, turned and half lit ones included, from what the cascades take for faces."""

    def __init__(self, network: Network) -> None:
        """Use a network that takes grey pictures and has the label FACE.

        Raises:
            ModelError: it is another kind of network.
        """
        sidecar = network.sidecar
        if FACE not in sidecar.labels or sidecar.channels != 1:
            raise ModelError(
                f"the model {sidecar.name} tells apart {', '.join(sidecar.labels)}, in "
                f"{sidecar.channels} channels: detect.model needs one with the label {FACE}, grey"
            )
        self._network = network
        self._size = (sidecar.width, sidecar.height)
        self._face = sidecar.labels.index(FACE)

    def likelihood(self, view: View, box: Box, angle: float) -> float:
        """How likely (0..1) `box`, turned upright by `angle` degrees, is filled by a face."""
        patch = view.patch(square(box, self._network.sidecar.margin), self._size, angle)
        pixels = normalize(as_planes(patch), self._network.sidecar)
        return self._network.infer(pixels).values[self._face]
