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
    logits: NDArray[Any], truth: Truth, n_causes: int, n_emotions: int, *, parts: int = 1
) -> Calibration:
    """Platt scaling per cause; for emotion one temperature and a bias per label.

    ``logits`` have shape (n, parts * K). With a last column for complaint, that one is scaled
    too, and the causes among complaints only. Several parts are stacked: each has a slope, none
    of them negative.
    """
    each = logits.reshape(len(logits), parts, -1).astype(np.float64)
    k = each.shape[2]
    slope = np.ones((parts, k))
    intercept = np.zeros(k)
    complaint = truth.causes.any(axis=1)
    gated = k > n_causes + n_emotions
    rows = np.flatnonzero(complaint) if gated else np.arange(len(truth))
    for j in range(n_causes):
        slope[:, j], intercept[j] = _platt(each[rows, :, j], np.asarray(truth.causes[rows, j]))
    if gated:
        slope[:, -1], intercept[-1] = _platt(each[:, :, -1], complaint.astype(np.int8))
    emotions = slice(n_causes, n_causes + n_emotions)
    temperature, intercept[emotions] = _temperature_and_bias(each[:, :, emotions], truth)
    slope[:, emotions] = temperature[:, None]
    return Calibration(slope.astype(np.float32), intercept.astype(np.float32), n_causes, n_emotions)


def _platt(logits: FloatArray, truth: Any) -> tuple[FloatArray, float]:
    """Slopes (parts,) and intercept for logits (n, parts)."""
    positives = int(truth.sum())
    negatives = len(truth) - positives
    parts = logits.shape[1]
    # Platt's targets keep a label with few cases away from 0 and 1.
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(p: FloatArray) -> tuple[float, FloatArray]:
        z = logits @ p[:-1] + p[-1]
        error = 0.5 * (1 + np.tanh(z / 2)) - target
        value = np.mean(np.logaddexp(0, z) - target * z)
        return float(value), np.append(logits.T @ error / len(z), error.mean())

    fitted = minimize(
        loss,
        np.append(np.full(parts, 1 / parts), 0.0),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-3, None)] * parts + [(None, None)],
    )
    return fitted.x[:-1], float(fitted.x[-1])


def _temperature_and_bias(logits: FloatArray, truth: Truth) -> tuple[FloatArray, FloatArray]:
    """Slopes (parts,) and biases (k,) for logits (n, parts, k)."""
    _, parts, k = logits.shape
    target = emotion_targets(truth, k)

    def loss(p: FloatArray) -> tuple[float, FloatArray]:
        slope, bias = p[:parts], p[parts:]
        probability = softmax(np.einsum("npk,p->nk", logits, slope) + bias)
        value = -np.mean((target * np.log(probability + 1e-12)).sum(1)) + 1e-3 * (bias**2).sum()
        error = (probability - target) / len(target)
        by_slope = np.einsum("nk,npk->p", error, logits)
        return float(value), np.append(by_slope, error.sum(0) + 2e-3 * bias)

    fitted = minimize(
        loss,
        np.append(np.full(parts, 1 / parts), np.zeros(k)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-3, None)] * parts + [(None, None)] * k,
    )
    return fitted.x[:parts], fitted.x[parts:]


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
