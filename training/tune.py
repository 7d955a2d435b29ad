"""What is fitted on out-of-fold scores: calibration, thresholds and the limits of doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from cxnlp.calibrate import Calibration, softmax
from cxnlp.decide import Rule
from cxnlp.labels import Taxonomy
from training.metrics import Scored, Truth, decided, doubt, f1

FloatArray = NDArray[np.float64]


def fit_calibration(
    logits: NDArray[Any], truth: Truth, n_causes: int, n_emotions: int
) -> Calibration:
    """Platt scaling per cause; for emotion one temperature and a bias per label.

    ``logits`` have shape (n, K). With a last column for complaint, that one is scaled too, and
    the causes among complaints only.
    """
    slope = np.ones(logits.shape[1])
    intercept = np.zeros(logits.shape[1])
    complaint = truth.causes.any(axis=1)
    gated = logits.shape[1] > n_causes + n_emotions
    rows = np.flatnonzero(complaint) if gated else np.arange(len(truth))
    for j in range(n_causes):
        slope[j], intercept[j] = _platt(
            logits[rows, j].astype(float), np.asarray(truth.causes[rows, j])
        )
    if gated:
        slope[-1], intercept[-1] = _platt(logits[:, -1].astype(float), complaint.astype(np.int8))
    emotions = slice(n_causes, n_causes + n_emotions)
    slope[emotions], intercept[emotions] = _temperature_and_bias(
        logits[:, emotions].astype(float), truth
    )
    return Calibration(slope.astype(np.float32), intercept.astype(np.float32), n_causes, n_emotions)


def _platt(logits: FloatArray, truth: Any) -> tuple[float, float]:
    positives = int(truth.sum())
    negatives = len(truth) - positives
    # Platt's targets keep a label with few cases away from 0 and 1.
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(p: FloatArray) -> tuple[float, FloatArray]:
        z = p[0] * logits + p[1]
        gradient = 0.5 * (1 + np.tanh(z / 2)) - target
        value = np.mean(np.logaddexp(0, z) - target * z)
        return float(value), np.array([np.mean(gradient * logits), np.mean(gradient)])

    fitted = minimize(
        loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)]
    )
    return float(fitted.x[0]), float(fitted.x[1])


def _temperature_and_bias(logits: FloatArray, truth: Truth) -> tuple[FloatArray, FloatArray]:
    k = logits.shape[1]
    target = emotion_targets(truth, k)

    def loss(p: FloatArray) -> tuple[float, FloatArray]:
        probability = softmax(logits * p[0] + p[1:])
        value = -np.mean((target * np.log(probability + 1e-12)).sum(1)) + 1e-3 * (p[1:] ** 2).sum()
        error = (probability - target) / len(target)
        return float(value), np.append((error * logits).sum(), error.sum(0) + 2e-3 * p[1:])

    fitted = minimize(
        loss,
        np.append(1.0, np.zeros(k)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-3, None)] + [(None, None)] * k,
    )
    return np.full(k, fitted.x[0]), fitted.x[1:]


def emotion_targets(truth: Truth, n_emotions: int, share: float = 0.3) -> FloatArray:
    """Soft targets (n, n_emotions): a second emotion as strong gets ``share`` of the weight."""
    target = np.zeros((len(truth), n_emotions))
    rows = np.arange(len(truth))
    target[rows, truth.emotion] = 1.0
    second = truth.alt >= 0
    target[rows[second], truth.emotion[second]] = 1 - share
    target[rows[second], truth.alt[second]] = share
    return target


def best_thresholds(truth: NDArray[Any], scores: NDArray[Any]) -> tuple[float, ...]:
    """For each cause, the score from which F1 is best, smoothed over neighbouring choices.

    The optimum of one sample is noisy; the mean of the F1 curve over a window of scores
    around each choice is not, and it moves the choice away from a lucky spike.
    """
    grid = np.linspace(0.05, 0.9, 171)
    chosen = []
    for j in range(truth.shape[1]):
        curve = np.array([f1(truth[:, [j]], (scores[:, [j]] >= t).astype(int))[0] for t in grid])
        smooth = np.convolve(np.pad(curve, 6, mode="edge"), np.ones(13) / 13, mode="valid")
        chosen.append(round(float(grid[int(smooth.argmax())]), 4))
    return tuple(chosen)


def fit_rule(scored: Scored, truth: Truth, taxonomy: Taxonomy, *, review_share: float) -> Rule:
    """Thresholds, and limits of doubt that send a stated share of messages to a person.

    Three quarters of ``review_share`` go to unsure causes, the rest to an unsure emotion.
    """
    rule = Rule(
        causes=taxonomy.cause_names,
        emotions=taxonomy.emotion_names,
        neutral=taxonomy.neutral,
        thresholds=best_thresholds(truth.causes, scored.causes),
        doubt_limit=1.0,
        emotion_limit=0.0,
    )
    given, _, _ = decided(rule, scored)
    doubts = doubt(scored, given)
    limit = float(np.quantile(doubts, 1 - 0.75 * review_share))
    left = scored.emotions.max(1)[doubts <= limit]
    emotion_limit = float(np.quantile(left, 0.25 * review_share))
    return Rule(
        rule.causes,
        rule.emotions,
        rule.neutral,
        rule.thresholds,
        round(limit, 4),
        round(emotion_limit, 4),
    )
