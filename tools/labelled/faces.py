"""Labelled faces: pictures, what is known of each, and the ways to pick, merge and split them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeemo.preprocess import as_planes, fit, to_channels
from edgeemo.types import Picture

FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER2013's labels, in the order of its numbers."""

FEW = 10
"""Pictures of a label that judge something at least, where there are enough to spare them."""

SYNONYMS = {
    "anger": "angry", "disgusted": "disgust", "fearful": "fear", "afraid": "fear",
    "happiness": "happy", "sadness": "sad", "surprised": "surprise", "suprise": "surprise",
}  # fmt: skip


def canonical(label: str) -> str:
    """A label as this project spells it: lower case, and the adjective of an emotion."""
    name = label.strip().lower().replace(" ", "_")
    return SYNONYMS.get(name, name)


@dataclass(frozen=True)
class Faces:
    """Pictures of faces, edge to edge, and what is known of each.

    `pictures` are uint8, grey or blue-green-red, of any size; `labels` int64 (n,) are indices into
    `names`; `votes` are FER+'s (n, 10) in the order of `ferplus.COLUMNS`; `keys` name each picture:
    its path below the folder, or its row in the csv; `usage` is the split that a csv puts it in.
    `problems` is one line for each fault found.
    """

    pictures: Sequence[Picture]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    keys: tuple[str, ...]
    votes: NDArray[np.int64] | None = None
    usage: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def are_labelled(self) -> bool:
        """Whether something tells what they show: a name from where they lay, or votes."""
        return bool(self.names) or self.votes is not None

    def pick(self, indices: NDArray[np.int64]) -> Faces:
        """The faces at `indices`, in that order."""
        return replace(
            self,
            pictures=[self.pictures[i] for i in indices],
            labels=self.labels[indices],
            keys=tuple(self.keys[i] for i in indices),
            usage=tuple(self.usage[i] for i in indices) if self.usage else (),
            votes=None if self.votes is None else self.votes[indices],
        )

    def of_usage(self, *names: str) -> Faces:
        """Those of some splits of a csv; all of them when it has no splits."""
        if not any(self.usage):
            return self
        return self.pick(np.array([i for i, u in enumerate(self.usage) if u in names], np.int64))

    def stack(self, size: tuple[int, int], channels: int) -> Picture:
        """All pictures as one uint8 array (n, height, width, channels), for `size` (width, height)."""
        shaped = [as_planes(to_channels(fit(p, size), channels)) for p in self.pictures]
        return np.stack(shaped) if shaped else np.empty((0, size[1], size[0], channels), np.uint8)

    def split(self, share: float, seed: int) -> tuple[Faces, Faces]:
        """(the rest, a random `share` of every label).

        Of a label with few pictures more is taken: a third, up to `FEW`; but never its only one.
        """
        random = np.random.default_rng(seed)
        held: list[np.int64] = []
        for label in range(len(self.names)):
            members = random.permutation(np.flatnonzero(self.labels == label))
            few = max(1, min(FEW, len(members) // 3))
            held.extend(members[: max(few, round(share * len(members)))][: len(members) - 1])
        apart = np.zeros(len(self), bool)
        apart[held] = True
        return self.pick(np.flatnonzero(~apart)), self.pick(np.flatnonzero(apart))


def copies(faces: Faces, others: Faces) -> NDArray[np.bool_]:
    """Which of the faces (n,) have a picture that is, byte for byte, among `others`."""
    seen = {picture.tobytes() for picture in others.pictures}
    return np.array([picture.tobytes() in seen for picture in faces.pictures], bool)


def without_copies(faces: Faces, others: Faces) -> Faces:
    """The faces whose picture is not, byte for byte, among `others`: what a fair test asks for."""
    return faces.pick(np.flatnonzero(~copies(faces, others)))


def truth_for(
    labels: Sequence[str], names: Sequence[str], truth: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Indices into a model's `labels` for indices into the data's `names`; -1 where it has no such label."""
    table = [labels.index(name) if name in labels else -1 for name in names]
    # The last place is where -1, a face without a true label, leads.
    return np.array([*table, -1])[truth]


def relabel(
    faces: Faces, labels: Sequence[str] | None = None, merge: Mapping[str, str] | None = None
) -> Faces:
    """The faces under the names `labels`, in that order, after renaming by `merge` (old -> new).

    Without `labels` the names that are left keep their order. Faces of any other label are left
    out, and labels may be left without a picture: `problems` says both.
    """
    renamed = [(merge or {}).get(name, name) for name in faces.names]
    wanted = tuple(dict.fromkeys(renamed)) if labels is None else tuple(labels)
    placed = truth_for(wanted, renamed, faces.labels)
    lost = [f"{n} pictures of {name} left out: no such label" for name, n in _lost(faces, placed)]
    absent = [f"no picture of {name}" for name in wanted if name not in renamed]
    problems = (*faces.problems, *lost, *absent)
    known = faces.pick(np.flatnonzero(placed >= 0))
    return replace(known, labels=placed[placed >= 0], names=wanted, problems=problems)


def _lost(faces: Faces, placed: NDArray[np.int64]) -> Iterator[tuple[str, int]]:
    for index, name in enumerate(faces.names):
        count = int(((faces.labels == index) & (placed < 0)).sum())
        if count:
            yield name, count
