"""A training run from its order to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgeemo.errors import InputError
from labelled.dataset import Faces, load, without_copies
from learning.checkpoint import FILE
from learning.keeping import keep
from learning.material import Examples, examples, named
from learning.precision import FASTEST, fastest
from learning.recipes import RECIPES, Recipe
from learning.trainer import Order, Say, Trainer, describe
from networks.refusal import writing

HELD_SHARE = 0.035
"""Part of the training faces that is only looked at: for the log and the temperature."""


def learn(order: Order, say: Say) -> None:
    """Train by an order, or go on with what a killed run left, and write the results.

    Raises:
        EdgeemoError: data, output folder or checkpoint can't be used, or the run diverges.
    """
    with writing(order.out):
        recipe = _recipe(order)
        _check_out(order)
        faces, held = _faces(order, recipe, say)
        say(f"{recipe.name}: {recipe.about}")
        recipe = replace(recipe, labels=faces.names)
        train, watched = examples(faces, recipe), examples(held, recipe)
        _check_truth(order, train, watched)
        run = Trainer.prepare(order, recipe, train, watched)
        run.begin(say)
        teachers = run.teachers()  # looked at before the first thing is written
        keep(held, order.out / "held")
        run.fit(teachers)
        run.finish(say)


def _recipe(order: Order) -> Recipe:
    recipe = RECIPES[order.recipe]
    if order.start is not None:
        recipe = recipe.with_head_start()
    precision = order.precision or recipe.precision
    return replace(
        recipe,
        size=(order.size, order.size) if order.size else recipe.size,
        channels=order.channels or recipe.channels,
        epochs=order.epochs or recipe.epochs,
        batch=order.batch or recipe.batch,
        precision=fastest() if precision == FASTEST else precision,
    )


def _check_out(order: Order) -> None:
    order.out.mkdir(parents=True, exist_ok=True)
    if (order.out / FILE).exists() and not order.resume:
        raise InputError(f"{order.out} holds a run already: --resume goes on with it")


def _check_truth(order: Order, train: Examples, held: Examples) -> None:
    """A head without any truth would learn nothing, or be judged by the mean of nothing."""
    for head, targets in train.targets.items():
        # A teacher's answers would be learned instead.
        if not targets.weights.any() and not order.teacher:
            raise InputError(
                f"none of the {len(train)} faces to learn from has votes for `{head}`: check --ferplus"
            )
    for head, truth in held.truth.items():
        if not (truth >= 0).any():
            raise InputError(
                f"none of the {len(held)} faces to watch has a majority for `{head}`: "
                "check --ferplus / --held-ferplus"
            )


def _faces(order: Order, recipe: Recipe, say: Say) -> tuple[Faces, Faces]:
    """What to learn from and what to watch, with no picture in both."""
    faces = _load(order.data, order.ferplus, recipe, "Training")
    recipe = replace(recipe, labels=faces.names)  # the faces to watch count by the same labels
    describe("run", recipe)  # says at once what no sidecar may hold
    for problem in faces.problems:
        say(f"data: {problem}")
    if order.held is not None:
        held = _load(order.held, _held_votes(order, order.held), recipe)
        for problem in held.problems:
            say(f"held: {problem}")
    else:
        faces, held = faces.split(HELD_SHARE, order.seed)
    faces = without_copies(faces, held)
    if not len(faces) or not len(held):
        raise InputError(
            f"{order.data}: no face is left to {'watch' if len(faces) else 'learn from'}"
        )
    say(f"{len(faces)} faces to learn from, {len(held)} to watch")
    return faces, held


def _held_votes(order: Order, held: Path) -> Path | None:
    """Those given for `held`; a folder's pictures may also stand by name in those for the data."""
    if order.held_ferplus is None and order.ferplus is not None and held.is_file():
        raise InputError(
            f"{order.ferplus}: its rows go with {order.data}: give those of {held} with --held-ferplus"
        )
    return order.held_ferplus or order.ferplus


def _load(path: Path, votes: Path | None, recipe: Recipe, usage: str | None = None) -> Faces:
    """The faces of one source; of a csv's split without those that stand in a test split as well."""
    everything = load(path, ferplus=votes, color=recipe.channels == 3)
    if usage is None:
        return named(everything, recipe)
    tests = [u for u in set(everything.usage) if u not in ("", usage)]
    faces = everything.of_usage(usage)
    return named(without_copies(faces, everything.of_usage(*tests)) if tests else faces, recipe)
