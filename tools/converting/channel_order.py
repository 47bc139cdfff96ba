"""Which colour comes first: the daemon feeds red, green, blue; who trained on OpenCV's pictures fed blue, green, red.

A network's file does not say. Blue-first networks get an operator in front that turns the channels round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import tensorflow as tf

from converting.value_range import CLEARLY
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
    accuracy: Callable[[FloatNetwork], float],
    say: Callable[[str], None],
) -> FloatNetwork:
    """A colour network that already takes the given order, or is turned when that is clearly better.

    `accuracy` (0..1) is measured on red-first pictures. A given order is kept, and a better one said.
    """
    own, other = ("bgr", "rgb") if given == "bgr" else ("rgb", "bgr")
    alternative = turned(network)
    before, after = accuracy(network), accuracy(alternative)
    told = f"{own} {before:.1%}, {other} {after:.1%}"
    say(f"right by order of the colours: {told}")
    if after - before < CLEARLY:
        return network
    if given is not None:
        say(f"WARNING: the network was hardly trained on {given}: {told} of the pictures are right")
        return network
    say(f"order of the colours found: {other}")
    return alternative
