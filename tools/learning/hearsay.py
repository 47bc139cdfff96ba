"""What a picture's label is likely to be, by what ten other people said of it.

FER2013's labels are one annotator's word each, and often odd: FER+'s votes alone name 68 % of
them. A network that learns the label and the label to be expected from the votes in equal parts learns
from a less noisy answer (Lopez-Paz et al. 2016, "Unifying distillation and privileged information").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 200
"""The fit stands still, to a thousandth of a nat, after a hundred."""
RIDGE = 1e-3

Float = NDArray[np.float32]


def usual_labels(votes: NDArray[np.integer], shares: Float, weights: Float) -> Float:
    """The probability of each label given the votes alone: (n, classes), rows sum to 1.

    `votes` is (n, columns), `shares` (n, classes) the labels that were given, `weights` (n,) how much each
    counts. A multinomial logistic regression on the votes' shares and their square roots,
    fitted by Boehning's fixed bound on the curvature (1992, "Multinomial logistic regression
    algorithm"), which never overshoots.
    """
    part = votes / np.maximum(votes.sum(1, keepdims=True), 1)
    seen = np.column_stack([part, np.sqrt(part), np.ones(len(part))])
    counted = seen * weights[:, None]
    step = 2 * np.linalg.inv(counted.T @ seen + RIDGE * np.eye(seen.shape[1]))
    coefficients = np.zeros((seen.shape[1], shares.shape[1]))
    for _ in range(STEPS):
        coefficients -= step @ (counted.T @ (_softmax(seen @ coefficients) - shares))
    return _softmax(seen @ coefficients).astype(np.float32)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
