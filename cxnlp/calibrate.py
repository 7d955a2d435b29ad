"""From logits to probabilities. The numbers are fitted in training; here they are applied.

Causes: Platt scaling per label (Platt 1999), ``sigmoid(slope * logit + intercept)``. Where the
scorer has a last column that tells a complaint from other messages, a cause is the product
P(complaint) * P(cause | complaint): a question about an invoice then scores low on billing
however many words about money it has, which no sum of words can do.
Emotion: bias-corrected temperature scaling (Alexandari et al. 2020),
``softmax(slope * logits + intercept)`` with one slope for all emotions.

A scorer of several parts (words and an encoder) gives one logit a part and label; each part has a
slope of its own, and their sum is scaled. That is stacking (Wolpert 1992) with the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Calibration:
    """Slopes and intercepts of K columns: causes, then emotions, then perhaps complaint.

    Attributes
    ----------
    slope
        Shape (parts, K); one row for each part of the scorer.
    intercept
        Shape (K,).
    n_causes, n_emotions
        How many columns are which.
    """

    slope: FloatArray
    intercept: FloatArray
    n_causes: int
    n_emotions: int

    @property
    def gated(self) -> bool:
        """Whether the last column tells a complaint from other messages."""
        return len(self.intercept) > self.n_causes + self.n_emotions

    def apply(self, logits: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Probabilities from logits of shape (n, parts * K), the first part's columns first.

        Returns
        -------
        causes
            Shape (n, n_causes), each in (0, 1).
        emotions
            Shape (n, n_emotions), each row summing to 1.
        """
        each = np.asarray(logits, dtype=np.float64).reshape(-1, *self.slope.shape)
        scaled = (each * self.slope).sum(axis=1) + self.intercept
        causes = sigmoid(scaled[:, : self.n_causes])
        if self.gated:
            causes *= sigmoid(scaled[:, -1:])
        emotions = softmax(scaled[:, self.n_causes : self.n_causes + self.n_emotions])
        return causes.astype(np.float32), emotions.astype(np.float32)

    def towards(self, column: int) -> FloatArray:
        """How much each logit speaks for a label, shape (parts * K,).

        That is the label's own column of each part, and for a cause the one for complaint too.
        """
        weights = np.zeros_like(self.slope)
        weights[:, column] = self.slope[:, column]
        if self.gated and column < self.n_causes:
            weights[:, -1] = self.slope[:, -1]
        return weights.ravel()


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic function, stable for large values."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis, stable for large values."""
    exp = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(exp / exp.sum(axis=-1, keepdims=True))
