"""Figures of a classifier against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from measuring.metrics import best_temperature, calibration_error, figures, nll, tempered

LABELS = ("a", "b", "c")


def sure(*answers: int) -> np.ndarray:
    """Probabilities of 0.8 for each answer, of three labels."""
    return np.full((len(answers), 3), 0.1) + 0.7 * np.eye(3)[list(answers)]


def test_figures_count_answers_by_truth() -> None:
    """Accuracy, balanced accuracy and macro-F1 follow from the confusion matrix."""
    found = figures(sure(0, 0, 0, 1, 1, 0), np.array([0, 0, 0, 0, 1, 1]), LABELS)
    assert found.confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.n == 6
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.balanced_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.macro_f1 == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_figures_say_nothing_of_an_absent_label() -> None:
    """Without pictures a label has no recall, and does not pull the means down."""
    absent = figures(sure(0, 1), np.array([0, 1]), LABELS).by_label()["c"]
    assert absent == (0, None, None, None)


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    """Answers of 0.8 of which half are right are 0.3 too sure."""
    assert calibration_error(sure(0, 0, 0, 0), np.array([0, 0, 1, 1])) == pytest.approx(0.3)


def test_nll_bears_a_zero_from_int8() -> None:
    """A probability of 0 counts as less than a step of 1/256, not as impossible."""
    assert nll(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(np.log(512))


def test_best_temperature_finds_the_one_that_was_put_in() -> None:
    """Answers drawn from known probabilities, made too sure by 2, are calmed by 2."""
    random = np.random.default_rng(1)
    honest = random.dirichlet(np.ones(4), 4000)
    truth = np.array([random.choice(4, p=p) for p in honest])
    boasting = tempered(honest, 0.5)
    assert best_temperature(boasting, truth) == pytest.approx(2.0, rel=0.1)
    calmed = tempered(boasting, 2.0)
    assert calibration_error(calmed, truth) < calibration_error(boasting, truth) / 2


def test_tempered_keeps_the_answer() -> None:
    """A temperature changes how sure an answer is, never which it is; 1 changes nothing."""
    given = np.random.default_rng(2).dirichlet(np.ones(3), 50)
    given = (given + 0.01) / (given + 0.01).sum(1, keepdims=True)
    assert np.array_equal(tempered(given, 3.0).argmax(1), given.argmax(1))
    assert tempered(given, 1.0) == pytest.approx(given)
