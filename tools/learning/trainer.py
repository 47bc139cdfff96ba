"""A network about to be trained, trained, and written out."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgeemo.errors import InputError
from edgeemo.preprocess import normalize
from edgeemo.sidecar import Sidecar, sha256
from edgeemo.types import Picture
from learning.batches import Batches, Drill, Float
from learning.checkpoint import FILE, Checkpoint
from learning.finished import finished_network
from learning.keeping import save
from learning.material import Examples
from learning.network import Size, one_head, plain
from learning.patience import Watch
from learning.recipes import Recipe
from learning.start import begin_with
from learning.teacher import Teacher, taught
from learning.training import Average, Chance, Log, Rate, Schedule, predict
from measuring import plots
from measuring.metrics import best_temperature, calibration_error, figures, tempered
from networks import description

Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """The command line as values; None leaves it to the recipe. `rate` multiplies its learning rate."""

    recipe: str
    data: Path
    out: Path
    ferplus: Path | None = None
    held: Path | None = None
    held_ferplus: Path | None = None
    teacher: tuple[Path, ...] = ()
    start: Path | None = None
    rate: float = 1.0
    size: int | None = None
    channels: int | None = None
    epochs: int | None = None
    batch: int | None = None
    seed: int = 1
    resume: bool = False
    precision: str | None = None


@dataclass(frozen=True)
class Trainer:
    """A network about to be trained, with all that watches it."""

    order: Order
    recipe: Recipe
    train: Examples
    held: Examples
    model: keras.Model
    batches: Batches
    log: Log
    checkpoint: Checkpoint
    watch: Watch | None

    @classmethod
    def prepare(cls, order: Order, recipe: Recipe, train: Examples, held: Examples) -> Trainer:
        """Build the network and everything around it; the order's seed, and what it starts with, decide every draw.

        Raises:
            EdgeemoError: the start can't be used.
        """
        keras.utils.set_random_seed(order.seed)
        keras.mixed_precision.set_global_policy(recipe.precision)
        batches = Batches(train.pictures, train.targets, _drill(order, recipe))
        average = Average(recipe.average)
        inputs = to_inputs(recipe)(held.pictures)
        log = Log(order.out / "log.csv", average, inputs, dict(held.truth))
        watch = None
        if recipe.patience is not None:
            watch = Watch(recipe.patience, log, order.out / "best.npz")
        model = _compiled(recipe)
        model.optimizer.learning_rate = model.optimizer.learning_rate * order.rate
        return cls(
            order,
            recipe,
            train,
            held,
            model,
            batches,
            log,
            Checkpoint(
                order.out / FILE,
                average,
                _fingerprints(order, train, held),
                _options(order, recipe),
            ),
            watch,
        )

    def begin(self, say: Say) -> None:
        """Give the network what an interrupted run, or another one, has learned.

        Raises:
            EdgeemoError: the checkpoint or the start can't be used.
        """
        if self.checkpoint.path.exists():
            done = self.checkpoint.restore(self.model)
            self.log.restore(done)
            say(f"going on after epoch {done}")
            for change in self.checkpoint.changes:
                say(change)
        elif self.order.start is not None:
            carried = begin_with(self.order.start, self.model, self.recipe.labels or ())
            say(f"starting from {self.order.start}: {carried}")

    def teachers(self) -> list[Teacher]:
        """Whom to ask about what is left of the run: nobody where nothing is.

        Raises:
            EdgeemoError: a teacher can't be used.
        """
        if self._is_over():
            return []
        return [Teacher.of(run, self.train) for run in self.order.teacher]

    def fit(self, teachers: Sequence[Teacher]) -> None:
        """Train what is left of the run.

        Raises:
            DivergedError: the weights have grown beyond all bounds.
        """
        if self._is_over():
            return
        self.batches.targets = taught(self.train, teachers).targets
        watching = [self.watch] if self.watch else []
        callbacks = [
            Schedule(self.batches, self._rate()),
            Chance(self.batches.drill.seeds),
            self.checkpoint.average,
            self.log,
            *watching,
            self.checkpoint,
        ]
        # TensorFlow's iterator serves one size of picture: `Schedule` ends a fit where that changes.
        while not self._is_over():
            self.batches.epoch = len(self.log.rows)
            self.model.fit(
                self.batches,
                epochs=self.recipe.epochs,
                initial_epoch=len(self.log.rows),
                shuffle=False,  # the batches are in an order of their own, which a resumed run repeats
                verbose=1 if sys.stdout.isatty() else 2,  # a bar on a screen, a line in a file
                callbacks=callbacks,
            )

    def _rate(self) -> Rate | None:
        if self.recipe.rate is None:
            return None
        steps = len(self.batches)
        planned = self.recipe.rate(self.recipe.epochs * steps, steps)
        return lambda step: planned(step) * self.order.rate

    def _is_over(self) -> bool:
        patience_is = self.watch is not None and self.watch.is_over()
        return patience_is or len(self.log.rows) >= self.recipe.epochs

    def finish(self, say: Say) -> None:
        """Write the network whole and head by head with a description, and the pictures."""
        weights = self.watch.weights() if self.watch else self.checkpoint.average.weights
        network = plain(_built(self.recipe, self.recipe.size))
        network.set_weights(weights)
        self._save("network", network)
        answers = predict(network, self.log.inputs)
        for head in self.recipe.heads:
            say(self._write(head, network, answers[head]))
        plots.curves(self.log.path, self.order.out / "curves.png")

    def _write(self, head: str, network: keras.Model, answers: Float) -> str:
        known = self.held.truth[head] >= 0
        answers, truth = answers[known], self.held.truth[head][known]
        found = figures(answers, truth, self.held.labels)
        path = self._save(head, one_head(network, head), temperature=calming(answers, truth))
        title = f"{head}: {found.accuracy:.1%} of {found.n} held-out faces"
        plots.confusion(
            found.confusion, found.labels, title, path.with_name(f"confusion-{head}.png")
        )
        return f"{path}: {found.accuracy:.2%} right, macro-F1 {found.macro_f1:.3f}, on {found.n} held-out faces"

    def _save(self, name: str, network: keras.Model, **known: Any) -> Path:
        """Write a network, and its description beside it with what is `known` besides."""
        path = self.order.out / f"{name}.keras"
        told = {"provenance": self._provenance(), **known}
        save(network, path, describe(name, self.recipe).model_copy(update=told))
        return path

    def _provenance(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.name,
            "data": self.order.data.name,
            "faces": len(self.batches.pictures),
            "epochs": len(self.log.rows),
            "batch": self.batches.batch,
            "seed": self.order.seed,
            **({"start": self.order.start.name} if self.order.start else {}),
            **(
                {"teachers": [run.name for run in self.order.teacher]} if self.order.teacher else {}
            ),
            "precision": self.recipe.precision,
            "keras": keras.__version__,
        }


def calming(answers: Float, truth: NDArray[np.int64]) -> float:
    """The temperature that fits held-out answers best; 1 where it would not calibrate them better."""
    candidate = round(best_temperature(answers, truth), 3)
    before, after = (calibration_error(tempered(answers, t), truth) for t in (1.0, candidate))
    return candidate if after < before else 1.0


def describe(name: str, recipe: Recipe) -> Sidecar:
    """The sidecar of a network before there is a file: enough to prepare its inputs by.

    Raises:
        LabelsError: one label stands twice, is reserved, or is none.
    """
    width, height = recipe.size
    return description.describe(
        recipe.labels or (),
        (height, width, recipe.channels),
        name=name,
        value_range=recipe.value_range,
    )


def to_inputs(recipe: Recipe) -> Callable[[Picture], Float]:
    """Maps uint8 pictures of any shape to a network's inputs."""
    return partial(normalize, sidecar=describe("run", recipe))


def _fingerprints(order: Order, train: Examples, held: Examples) -> dict[str, str]:
    """Tell apart runs that learn from other faces, or from the same in another order, or watch others."""
    return {
        "faces": sha256(str(order.seed).encode() + train.pictures.tobytes()),
        "held": sha256(held.pictures.tobytes()),
    }


def _options(order: Order, recipe: Recipe) -> dict[str, str]:
    """What a run may go on without, but would not end the same: as a user gives it, by the option's name."""
    teachers = [str(run.resolve()) for run in order.teacher]
    return {
        "batch": str(recipe.batch),
        "rate": f"{order.rate:g}",
        "epochs": str(recipe.epochs),
        "teacher": ", ".join(teachers) or "none",
        "start": str(order.start.resolve()) if order.start else "none",
    }


def _compiled(recipe: Recipe) -> keras.Model:
    model = _built(recipe, (None, None) if recipe.growth else recipe.size)
    loss = {h: keras.losses.CategoricalCrossentropy(from_logits=True) for h in recipe.heads}
    model.compile(recipe.optimizer(), loss, loss_weights=recipe.loss_weights())
    return model


def _built(recipe: Recipe, size: Size) -> keras.Model:
    count = len(recipe.labels or ())
    try:
        return recipe.build(size, recipe.channels, dict.fromkeys(recipe.heads, count))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--size {min(recipe.size)}: {recipe.name} can't be built for such faces: {reason} "
            "(a larger one may do)"
        ) from error


def _seeds(order: Order) -> tuple[int, ...]:
    """The order's own, and one that follows from the weights that it starts with, if it does."""
    if order.start is None:
        return (order.seed,)
    weights = finished_network(order.start).get_weights()
    return order.seed, zlib.crc32(b"".join(values.tobytes() for values in weights))


def _drill(order: Order, recipe: Recipe) -> Drill:
    return Drill(
        batch=recipe.batch,
        seeds=_seeds(order),
        augmentation_at=recipe.augmentation_at,
        normalize=to_inputs(recipe),
        size_at=recipe.size_at,
        mixup=recipe.mixup,
    )
