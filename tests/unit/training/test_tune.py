"""Calibration, thresholds and limits of doubt do what they promise on made-up scores."""

from __future__ import annotations

import numpy as np
import pytest

from cxnlp.labels import DEFAULT, Label, Taxonomy
from training.metrics import Scored, Truth, decided, ece, f1
from training.tune import best_thresholds, emotion_targets, fit_calibration, fit_rule

RANDOM = np.random.default_rng(3)
TWO = Taxonomy(
    (Label("a", "a"), Label("b", "b")),
    (Label("x", "x"), Label("y", "y"), Label("z", "z")),
    neutral="z",
)


def made_up(n: int = 4000) -> tuple[np.ndarray, Truth]:
    """Logits that are twice too sure, and shifted for the rare cause."""
    honest = RANDOM.normal(-1, 1.5, (n, 2))
    causes = (RANDOM.random((n, 2)) < 1 / (1 + np.exp(-honest))).astype(np.int8)
    emotion_logits = RANDOM.normal(0, 1, (n, 3))
    p = np.exp(emotion_logits) / np.exp(emotion_logits).sum(1, keepdims=True)
    emotion = np.array([RANDOM.choice(3, p=row) for row in p])
    logits = np.hstack([honest * 2 + [0, 1.5], emotion_logits * 3]).astype(np.float32)
    return logits, Truth(causes, emotion, np.full(n, -1))


def test_calibration_repairs_sureness_and_shift() -> None:
    logits, truth = made_up()
    calibration = fit_calibration(logits, truth, 2, 3)
    assert np.allclose(calibration.slope[0, :2], 0.5, atol=0.06)
    assert np.allclose(calibration.slope[0, 2:], 1 / 3, atol=0.05)
    causes, emotions = calibration.apply(logits)
    raw = 1 / (1 + np.exp(-logits))
    for j in range(2):
        assert ece(truth.causes[:, j], causes[:, j]) < 0.02
        assert ece(truth.causes[:, j], raw[:, j]) > 0.04
    assert ece((truth.emotion == 0).astype(int), emotions[:, 0]) < 0.03


def test_a_cause_that_never_occurs_does_not_break_calibration() -> None:
    logits, truth = made_up(200)
    truth.causes[:, 1] = 0
    causes, _ = fit_calibration(logits, truth, 2, 3).apply(logits)
    assert np.isfinite(causes).all()
    assert causes[:, 1].mean() < 0.05


def test_thresholds_are_near_the_best_ones() -> None:
    scores = RANDOM.random((5000, 1))
    truth = (RANDOM.random((5000, 1)) < scores**2).astype(int)
    [threshold] = best_thresholds(truth, scores)
    best = max(f1(truth, (scores >= t).astype(int))[0] for t in np.linspace(0.05, 0.9, 171))
    assert f1(truth, (scores >= threshold).astype(int))[0] > best - 0.005


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_asked_share_goes_to_review(share: float) -> None:
    logits, truth = made_up()
    scored = Scored(*fit_calibration(logits, truth, 2, 3).apply(logits))
    rule = fit_rule(scored, truth, TWO, review_share=share)
    _, _, review = decided(rule, scored)
    assert review.mean() == pytest.approx(share, abs=0.02)


def test_a_second_emotion_gets_a_share() -> None:
    truth = Truth(np.zeros((2, 9), np.int8), np.array([0, 3]), np.array([-1, 1]))
    target = emotion_targets(truth, len(DEFAULT.emotions))
    assert target[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert target[1].tolist() == [0, 0.3, 0, 0.7, 0, 0, 0]
