"""Which colour comes first: the daemon feeds red, green, blue; who trained on OpenCV's pictures fed blue, green, red.

A network's file does not say. Blue-first networks get an operator in front that turns the channels round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from converting.value_range import is_clearly_better
from networks.floatnetwork import FloatNetwork

ChannelOrder = Literal["rgb", "bgr"]
REVERSED = (2, 1, 0)


def turned(network: FloatNetwork) -> FloatNetwork:
    """The network for pictures in the other order: its own channels are turned round first."""
    return replace(
        network,
        function=tf.function(
            lambda batch: network.function(tf.gather(batch, REVERSED, axis=-1)),
            reduce_retracing=True,
        ),
    )


def settled(
    given: ChannelOrder | None,
    network: FloatNetwork,
    right: Callable[[FloatNetwork], NDArray[np.bool_]],
    say: Callable[[str], None],
) -> FloatNetwork:
    """A colour network that already takes the given order, or is turned when that is clearly better.

    `right` tells on which of some red-first pictures a network is. A given order is kept, and a better one said.
    """
    own, other = ("bgr", "rgb") if given == "bgr" else ("rgb", "bgr")
    alternative = turned(network)
    before, after = right(network), right(alternative)
    told = f"{own} {before.mean():.1%}, {other} {after.mean():.1%}"
    say(f"right by order of the colours: {told}")
    if not is_clearly_better(after, than=before):
        return network
    if given is not None:
        say(f"WARNING: the network was hardly trained on {given}: {told} of the pictures are right")
        return network
    say(f"order of the colours found: {other}")
    return alternative
