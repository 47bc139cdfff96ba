"""A training run from its order to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgeemo.errors import InputError
from labelled.dataset import Faces, load, without_copies
from learning.checkpoint import FILE, epochs_done
from learning.keeping import keep
from learning.material import Examples, examples, named
from learning.precision import FASTEST, fastest
from learning.recipes import RECIPES, Recipe
from learning.teacher import taught
from learning.trainer import Order, Say, Trainer

HELD_SHARE = 0.035
"""Part of the training faces that is only looked at: for the log and the temperature."""


def learn(order: Order, say: Say) -> None:
    """Train by an order, or go on with what a killed run left, and write the results.

    Raises:
        EdgeemoError: data, output folder or checkpoint can't be used.
    """
    recipe = _recipe(order)
    _check_out(order)
    done = epochs_done(order.out / FILE)
    train, held = _examples(order, recipe, say)
    if done < recipe.epochs:
        train = taught(train, order.teacher)
    recipe = replace(recipe, labels=train.labels)
    run = Trainer.prepare(order, recipe, train, held)
    run.fit(say)
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


def _examples(order: Order, recipe: Recipe, say: Say) -> tuple[Examples, Examples]:
    """What to learn from and what to watch, with no picture in both."""
    color = recipe.channels == 3
    faces = _load(order, order.data, recipe, "Training", color)
    if order.held is not None:
        held = _load(order, order.held, recipe, None, color)
    else:
        faces, held = faces.split(HELD_SHARE, order.seed)
    faces = without_copies(faces, held)
    for problem in dict.fromkeys((*faces.problems, *held.problems)):
        say(f"data: {problem}")
    if not len(faces) or not len(held):
        raise InputError(
            f"{order.data}: no face is left to {'watch' if len(faces) else 'learn from'}"
        )
    say(f"{len(faces)} faces to learn from, {len(held)} to watch")
    keep(held, order.out / "held")
    return examples(faces, recipe), examples(held, recipe)


def _load(order: Order, path: Path, recipe: Recipe, usage: str | None, color: bool) -> Faces:
    """The faces of one source; of a csv without those that stand in a test split as well."""
    if not path.is_file() or usage is None:
        return named(load(path, ferplus=order.ferplus, color=color), recipe)
    everything = load(path, ferplus=order.ferplus)
    tests = [u for u in set(everything.usage) if u not in ("", usage)]
    faces = everything.of_usage(usage)
    return named(without_copies(faces, everything.of_usage(*tests)) if tests else faces, recipe)
