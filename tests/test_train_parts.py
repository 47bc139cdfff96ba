"""The parts of a training run: batches, rates, averages, checkpoints, patience, networks, recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras

import train
from backends import needs_torch, on_torch
from learning import articles
from learning.augment import Augmentation
from learning.batches import Batches, Drill, Targets, one_hot
from learning.checkpoint import Checkpoint
from learning.network import one_head, plain, residual_network
from learning.patience import Patience, Watch
from learning.precision import fastest
from learning.recipes import RECIPES
from learning.training import Average, Chance, Log, cosine
from networks.fused import FusedBatchNormalization

GROWING = 9
"""The epoch with smaller pictures."""
PICTURES = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 1), dtype=np.uint8)


def batches(seed: int = 1, mixup: float = 0.0) -> Batches:
    """Batches of 4 of ten tiny pictures with two labels, of which the last is unknown."""
    labels = np.array([0, 1] * 4 + [1, -1])
    drill = Drill(
        batch=4,
        seeds=(seed,),
        augmentation_at=lambda _: Augmentation(flip=0.5, brightness=0.2),
        normalize=lambda pixels: pixels.astype(np.float32),
        size_at=lambda epoch: (4, 4) if epoch == GROWING else (8, 8),
        mixup=mixup,
    )
    return Batches(PICTURES, {"emotion": one_hot(labels, 2)}, drill)


def whole_epoch(source: Batches, epoch: int) -> np.ndarray:
    """All inputs of an epoch."""
    source.epoch = epoch
    return np.concatenate([source[i][0] for i in range(len(source))])


def test_batches_depend_on_seeds_and_epoch_only() -> None:
    """The same epoch gives the same batches in a new process; another epoch others."""
    first = whole_epoch(batches(), 3)
    assert first.shape == (8, 8, 8, 1)
    assert np.array_equal(first, whole_epoch(batches(), 3))
    assert not np.array_equal(first, whole_epoch(batches(), 4))
    assert not np.array_equal(first, whole_epoch(batches(seed=2), 3))


def test_batches_of_an_early_epoch_are_small() -> None:
    """Pictures have the size that the epoch asks for."""
    assert whole_epoch(batches(), GROWING).shape == (8, 4, 4, 1)


def test_recipe_grows_its_pictures() -> None:
    """Two thirds of the size, then five sixths, then all of it to the end."""
    recipe = replace(RECIPES["edgeemo"], epochs=20, growth=((0.45, 2 / 3), (0.7, 5 / 6)))
    sizes = [recipe.size_at(epoch) for epoch in range(20)]
    assert sizes == [(32, 32)] * 9 + [(40, 40)] * 5 + [(48, 48)] * 6


def test_recipe_ends_with_gentler_changes() -> None:
    """The last part of a run has an augmentation of its own; a recipe without one keeps the first."""
    first, last = Augmentation(erase=0.5), Augmentation()
    recipe = replace(RECIPES["edgeemo"], epochs=20, augmentation=first, finish=(0.85, last))
    assert [recipe.augmentation_at(epoch) for epoch in (0, 16, 17, 19)] == [
        first,
        first,
        last,
        last,
    ]
    assert replace(recipe, finish=None).augmentation_at(19) == first


def test_recipe_of_a_network_that_has_learned_skips_the_smallest_pictures() -> None:
    """It is at full size twice as soon as from five sixths; a recipe of one size keeps it."""
    recipe = replace(
        RECIPES["edgeemo"], epochs=20, growth=((0.45, 2 / 3), (0.7, 5 / 6))
    ).with_head_start()
    assert [recipe.size_at(epoch) for epoch in range(20)] == [(40, 40)] * 7 + [(48, 48)] * 13
    assert RECIPES["rgb"].with_head_start() == RECIPES["rgb"]


def test_recipe_favours_a_head() -> None:
    """Of the loss of the other head a fifth counts; a recipe that favours none counts both in full."""
    assert RECIPES["fer2013"].loss_weights() == {"emotion": 0.2, "fer2013": 1.0}
    assert RECIPES["edgeemo"].loss_weights() == {"emotion": 1.0, "fer2013": 1.0}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : fpu avx2 avx512_bf16", "mixed_bfloat16"),
        ("Features : fp asimd bf16", "mixed_bfloat16"),
        ("flags : fpu avx2 avx512f", "float32"),
    ],
)
def test_precision_is_what_the_processor_has(tmp_path: Path, flags: str, expected: str) -> None:
    """Bfloat16 where it is computed in hardware, float32 elsewhere."""
    (tmp_path / "cpuinfo").write_text(flags)
    assert fastest(tmp_path / "cpuinfo") == expected


def test_batches_give_an_unknown_label_no_weight() -> None:
    """A picture without a label is seen and teaches nothing."""
    source = batches()
    weights = np.concatenate([source[i][2]["emotion"] for i in range(len(source))])
    assert set(weights.tolist()) <= {0.0, 1.0}
    assert one_hot(np.array([-1]), 2).weights.tolist() == [0.0]


def test_targets_are_the_teachers_in_the_trusted_part() -> None:
    """Where the data say nothing they are wholly the teacher's, and count as much."""
    answers = np.array([[0.5, 0.5], [0.2, 0.8]], np.float32)
    taught = one_hot(np.array([0, -1]), 2).taught(answers, trust=0.4)
    assert taught.shares == pytest.approx(np.array([[0.8, 0.2], [0.2, 0.8]]))
    assert taught.weights.tolist() == [1, 1]


def test_batches_mix_when_told_to() -> None:
    """With mixup a target is spread over two labels."""
    shares = batches(mixup=5.0)[0][1]["emotion"]
    assert shares.sum(1) == pytest.approx(np.ones(4))
    assert ((shares > 0.01) & (shares < 0.99)).any()


def test_targets_are_smoothed_toward_even() -> None:
    """A tenth of the certainty is spread over all labels."""
    targets = Targets(np.array([[1.0, 0.0]], np.float32), np.ones(1, np.float32)).smoothed(0.1)
    assert targets.shares == pytest.approx(np.array([[0.95, 0.05]]))


def test_cosine_rises_then_falls_to_its_floor() -> None:
    """The rate starts near 0, peaks after the warm-up, and ends at a hundredth."""
    rate = cosine(2.0, steps=110, warmup=10)
    assert [rate(0), rate(9), rate(10)] == pytest.approx([0.2, 2.0, 2.0])
    assert rate(60) == pytest.approx(2.0 * (0.01 + 0.99 / 2))
    assert rate(110) == pytest.approx(0.02)
    assert rate(500) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("losses", "reductions", "over"),
    [
        ([], 0, False),
        ([3, 2, 1], 0, False),
        ([1, 1, 1, 1], 1, False),
        ([1, 2, 2, 2, 2, 2, 2], 2, True),
        ([1, 2, 2, 0.5, 2, 2], 0, False),
        ([1, 0.99995, 0.9999, 0.99985], 1, False),  # gains below the least do not count
    ],
)
def test_patience_follows_from_the_losses(
    losses: Sequence[float], reductions: int, over: bool
) -> None:
    """Every three epochs without a lower loss lower the rate; six end the run."""
    patience = Patience(plateau=3, least=1e-2, stop=5)
    assert patience.reductions(losses) == reductions
    assert patience.is_over(losses) == over


def tiny() -> keras.Model:
    """A compiled network of two heads that trains in no time."""
    network = residual_network((8, 8), 1, {"a": 2, "b": 3}, widths=(4, 6), depths=(1, 1))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.AdamW(1e-2), {"a": loss, "b": loss})
    return network


def train_once(network: keras.Model, **options: object) -> None:
    """One epoch of three steps on fixed noise."""
    random = np.random.default_rng(0)
    inputs = random.random((12, 8, 8, 1), np.float32)
    targets = {
        "a": np.eye(2)[random.integers(2, size=12)],
        "b": np.eye(3)[random.integers(3, size=12)],
    }
    network.fit(inputs, targets, batch_size=4, verbose=0, shuffle=False, **options)


def test_average_lags_behind_the_weights() -> None:
    """The average lies between where the weights were and where they are."""
    network, average = tiny(), Average(0.9)
    before = network.get_weights()[0].copy()
    train_once(network, callbacks=[average])
    now, mean = network.get_weights()[0], average.weights[0]
    moved = np.abs(now - before) > 1e-4
    assert (np.abs(mean - before)[moved] > 0).all()
    assert not np.array_equal(mean, now)


def test_average_of_no_decay_is_the_weights() -> None:
    """Without averaging, what is kept is what was trained last."""
    network, average = tiny(), Average(0.0)
    train_once(network, callbacks=[average])
    assert all(map(np.array_equal, average.weights, network.get_weights()))


def test_watch_keeps_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    """Losses that rise after the second epoch: its weights are kept, not the last one's."""
    average = Average(0.0)
    log = Log(tmp_path / "log.csv", average, PICTURES.astype(np.float32), {})
    watch = Watch(Patience(), log, tmp_path / "best.npz")
    watch.set_model(tiny())
    watch.on_train_begin()
    for epoch, loss in enumerate((2.0, 1.0, 1.5, 1.2)):
        average.weights = [np.full(3, epoch)]
        log.rows.append({"held_loss": str(loss)})
        watch.on_epoch_end(epoch)
    (kept,) = watch.weights()
    assert kept.tolist() == [1, 1, 1]


def test_checkpoint_brings_everything_back(tmp_path: Path) -> None:
    """Weights, optimizer and average after restoring are those that were saved, and training goes on the same."""
    first, average = tiny(), Average(0.9)
    checkpoint = Checkpoint(tmp_path / "c.npz", average, {"faces": "1"})
    train_once(first, callbacks=[average, checkpoint])
    second, copied = tiny(), Average(0.9)
    assert Checkpoint(tmp_path / "c.npz", copied, {"faces": "1"}).restore(second) == 1
    assert copied.updates == average.updates
    assert all(map(np.array_equal, copied.weights, average.weights))
    train_once(first)
    train_once(second)
    for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_checkpoint_remembers_what_the_run_was_begun_with(tmp_path: Path) -> None:
    """Gone on with in another way, it tells the way that was first; one without such a note tells nothing."""
    network, average = tiny(), Average(0.9)
    path, first, other = tmp_path / "c.npz", {"batch": "56"}, {"batch": "8"}
    train_once(network, callbacks=[average, Checkpoint(path, average, {}, first)])
    for _ in range(2):
        resumed = Checkpoint(path, average, {}, other)
        resumed.restore(network)
        assert resumed.changes == ["goes on with batch 8, begun with 56"]
        train_once(network, callbacks=[average, resumed])
    train_once(network, callbacks=[average, Checkpoint(path, average, {})])
    unnoted = Checkpoint(path, average, {}, other)
    unnoted.restore(network)
    assert unnoted.changes == []


def check_chance() -> None:
    """What two layers of Dropout leave of ones, in networks that have drawn more or less before."""

    def left(network: keras.Model, seed: int, epoch: int) -> list[float]:
        chance = Chance((seed,))
        chance.set_model(network)
        chance.on_epoch_begin(epoch)
        rows = [network(np.ones((1, 64), np.float32), training=True) for _ in range(2)]
        return [float(v) for row in rows for v in keras.ops.convert_to_numpy(row).ravel()]

    layers = [keras.layers.Dropout(0.3), keras.layers.Dropout(0.5)]
    network = keras.Sequential([keras.Input((64,)), *layers])
    first = left(network, seed=1, epoch=3)
    assert first[:64] != first[64:], "a second batch is dropped from like the first"
    assert left(network, seed=1, epoch=4) != first
    assert left(network, seed=2, epoch=3) != first
    assert left(network, seed=1, epoch=3) == first
    assert left(keras.models.clone_model(network), seed=1, epoch=3) == first


def test_chance_follows_from_seed_and_epoch() -> None:
    """A resumed run drops what the whole one would have, whatever either has drawn before."""
    check_chance()


@needs_torch
def test_chance_follows_from_seed_and_epoch_on_torch() -> None:
    """The same on the other backend, whose Dropout draws from a generator of the whole process."""
    on_torch(["-c", "import test_train_parts as t; t.check_chance()"])


def test_checkpoint_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """It did not note which faces were watched, which is taken on trust."""
    network, average = tiny(), Average(0.9)
    earlier = Checkpoint(tmp_path / "c.npz", average, {"faces": "1"})
    train_once(network, callbacks=[average, earlier])
    today = Checkpoint(tmp_path / "c.npz", average, {"faces": "1", "held": "2"})
    assert today.restore(tiny()) == 1


def test_plain_network_computes_the_same(tmp_path: Path) -> None:
    """The saved network has Keras' own layers in float32, one head with a softmax, and the same answers."""
    fused = residual_network(
        (8, 8), 1, {"a": 2, "b": 3},
        widths=(4, 6), depths=(1, 2), stem=3, narrow=2, weighed=True, fused=True,
    )  # fmt: skip
    assert any(isinstance(layer, FusedBatchNormalization) for layer in fused.layers)
    saved = tmp_path / "b.keras"
    one_head(plain(fused), "b").save(saved)
    loaded = keras.models.load_model(saved)
    assert {layer.__class__.__module__.split(".")[0] for layer in loaded.layers} == {"keras"}
    inputs = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    logits = np.asarray(fused(inputs)["b"])
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.asarray(loaded(inputs)) == pytest.approx(expected, abs=1e-5)


def check_fused_normalization() -> None:
    """Fused and Keras' own layer, trained on the same inputs."""
    inputs = np.random.default_rng(0).normal(2, 3, (16, 6, 6, 4)).astype(np.float32)
    ours, theirs = FusedBatchNormalization(), keras.layers.BatchNormalization()
    first, second = (
        keras.ops.convert_to_numpy(one(inputs, training=True)) for one in (ours, theirs)
    )
    assert first == pytest.approx(second, abs=1e-4)
    # The fused kernel takes the variance of the sample, which is larger by n / (n - 1).
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert one == pytest.approx(other, rel=5e-3)


def test_fused_normalization_trains_as_keras_does() -> None:
    """Outputs and running statistics in training are those of Keras' own layer."""
    check_fused_normalization()


@needs_torch
def test_fused_normalization_trains_as_keras_does_on_torch() -> None:
    """The same on the other backend, which a process can't change to."""
    code = "import test_train_parts as t; t.check_fused_normalization()"
    on_torch(["-c", code])


def test_five_class_recipe_shears_by_degrees() -> None:
    """The article's 0.3 are Keras' degrees, ours a slope: a hundredth of a row, not a third."""
    assert RECIPES["five-class"].augmentation.shear == pytest.approx(0.3 * np.pi / 180, rel=1e-4)


def test_five_class_network_has_the_articles_count() -> None:
    """1,328,037 parameters, as the article prints."""
    assert articles.five_class((48, 48), 1, {"emotion": 5}).count_params() == 1_328_037


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes_build_what_they_say(name: str) -> None:
    """Every recipe makes a network of its size and channels with a row of logits a head."""
    recipe = RECIPES[name]
    network = recipe.build(recipe.size, recipe.channels, dict.fromkeys(recipe.heads, 4))
    width, height = recipe.size
    assert network.input_shape == (None, height, width, recipe.channels)
    shapes = {head: tuple(logits.shape) for head, logits in network.output.items()}
    assert shapes == dict.fromkeys(recipe.heads, (None, 4))


@pytest.mark.parametrize("name", ["edgeemo", "fer2013"])
def test_network_that_ships_fits_into_a_megabyte(name: str) -> None:
    """Its int8 weights leave room for the rest of the file."""
    recipe = RECIPES[name]
    assert recipe.build(recipe.size, 1, {"emotion": 7}).count_params() < 950_000


def test_train_offers_every_recipe() -> None:
    """The command line, which does not import Keras, knows the same names."""
    assert sorted(train.NAMES) == sorted(RECIPES)


def test_train_refuses_a_seed_that_is_none(tmp_path: Path) -> None:
    """A wrong command line, before anything is read."""
    given = ["--recipe", "rgb", "--data", str(tmp_path), "--out", str(tmp_path), "--seed", "-1"]
    result = CliRunner().invoke(train.main, given)
    assert (result.exit_code, "'--seed': -1 is not in the range" in result.output) == (2, True)


def test_plots_are_pictures(tmp_path: Path) -> None:
    """Curves and a confusion matrix come out as PNGs with something drawn."""
    from measuring import plots

    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,held_loss,held_emotion\n1,2.0,2.1,0.3\n2,1.0,1.5,0.5\n")
    plots.curves(log, tmp_path / "curves.png")
    plots.confusion(np.array([[3, 1], [0, 4]]), ("a", "b"), "title", tmp_path / "confusion.png")
    for name in ("curves", "confusion"):
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None
        assert picture.std() > 10


def test_curves_of_one_epoch_show_it(tmp_path: Path) -> None:
    """A line needs two points: a single one is marked, in the middle of its axes, away from the legend."""
    from measuring import plots

    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,held_loss,held_emotion\n1,2.0,2.0,0.3\n")
    plots.curves(log, tmp_path / "curves.png")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None
    height, width = picture.shape[:2]
    lower = picture[height * 6 // 10 : height * 9 // 10, width * 4 // 10 : width * 7 // 10]
    assert int(np.ptp(lower, axis=2).max()) > 100, "nothing is coloured there"
