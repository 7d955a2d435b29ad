"""Logistic heads over any feature matrix: what most candidates end in."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.labels import Taxonomy
from training.metrics import Truth


@dataclass(frozen=True)
class Teacher:
    """Another model's probabilities, to learn from beside the labels (Hinton et al. 2015).

    Attributes
    ----------
    causes
        Shape (n, n_causes), each given that the message complains.
    emotions
        Shape (n, n_emotions), rows summing to 1.
    complaint
        Shape (n,).
    share
        How much of a target is the teacher's, in [0, 1]; the rest is the label's.
    """

    causes: NDArray[Any]
    emotions: NDArray[Any]
    complaint: NDArray[Any]
    share: float


@dataclass(frozen=True)
class Linear:
    """Weights (n_features, K) and bias (K,): causes, then emotions, then perhaps complaint."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, features: Any) -> NDArray[np.float32]:
        """Logits of a dense or sparse feature matrix, shape (n, K)."""
        return np.asarray(features @ self.weights + self.bias, dtype=np.float32)


_STEPS = 60
"""Steps of the solver for emotion, a cap. Going on to its optimum takes three times as long and
learns the training messages by heart: 144 steps gave an accuracy of .742 on dev and .668 on the
real messages, 60 gave .738 and .684 (words alone, n=1,699 and 304)."""


def fit_linear(
    features: Any,
    truth: Truth,
    taxonomy: Taxonomy,
    *,
    c_causes: float,
    c_emotion: float,
    balanced: bool = True,
    alt_weight: float = 0.3,
    gate: bool = False,
    teacher: Teacher | None = None,
    seed: int = 0,
) -> Linear:
    """One-vs-rest logistic regression for causes, multinomial for emotion.

    Parameters
    ----------
    features
        Shape (n, n_features), sparse or dense.
    c_causes, c_emotion
        Inverse regularisation strength.
    balanced
        Whether labels are weighted inversely to how often they occur.
    gate
        Whether a last column tells complaints from other messages; the causes are then learnt
        among complaints only (see `cxnlp.calibrate`).
    teacher
        Soft targets of the same messages, mixed with the labels.
    alt_weight
        Weight in [0, 1) with which a message counts for its second emotion too.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.utils.class_weight import compute_sample_weight

    n_features = features.shape[1]
    n_causes, n_emotions = len(taxonomy.causes), len(taxonomy.emotions)
    n_labels = n_causes + n_emotions
    weights = np.zeros((n_features, n_labels + gate), dtype=np.float32)
    bias = np.zeros(n_labels + gate, dtype=np.float32)
    class_weight = "balanced" if balanced else None
    complaint = truth.causes.any(axis=1)
    among = np.flatnonzero(complaint) if gate else np.arange(len(truth))
    binary = [(j, among, truth.causes[among, j]) for j in range(n_causes)]
    if gate:
        binary.append((n_labels, np.arange(len(truth)), complaint.astype(np.int8)))
    for column, rows, target in binary:
        if len(set(target.tolist())) < 2:  # always or never seen: nothing to learn
            bias[column] = 4.0 if target.any() else -4.0
            continue
        model = LogisticRegression(
            C=c_causes, solver="liblinear", class_weight=class_weight, random_state=seed
        )
        if teacher is None:
            model.fit(features[rows], target)
        else:
            said = teacher.complaint if column == n_labels else teacher.causes[:, column]
            soft = (1 - teacher.share) * target + teacher.share * said[rows]
            model.fit(*_both_ways(features[rows], soft))
        weights[:, column], bias[column] = model.coef_[0], model.intercept_[0]
    rows = np.flatnonzero(truth.alt >= 0) if alt_weight else np.zeros(0, int)
    target = np.concatenate([truth.emotion, truth.alt[rows]])
    share = np.ones(len(target))
    share[: len(truth)][truth.alt >= 0] = 1 - alt_weight
    share[len(truth) :] = alt_weight
    stacked = _stack(features, rows)
    if teacher is not None:
        stacked, target, share = _every_emotion(features, truth, teacher, alt_weight)
    if balanced:
        share *= compute_sample_weight("balanced", target)
    bias[n_causes:n_labels] = -8.0
    if len(set(target.tolist())) == 1:
        bias[n_causes + target[0]] = 8.0  # one emotion only: nothing to learn
        return Linear(weights, bias)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "not converged" at the cap, which is meant as a cap
        model = LogisticRegression(C=c_emotion, max_iter=_STEPS).fit(stacked, target, share)
    seen = n_causes + model.classes_
    if len(model.classes_) == 2:  # the solver gives one row for two classes
        weights[:, seen] = np.stack([-model.coef_[0] / 2, model.coef_[0] / 2], axis=1)
        bias[seen] = [-model.intercept_[0] / 2, model.intercept_[0] / 2]
    else:
        weights[:, seen], bias[seen] = model.coef_.T, model.intercept_
    return Linear(weights, bias)


def _both_ways(features: Any, soft: NDArray[Any]) -> tuple[Any, Any, Any]:
    """Each message as a positive and as a negative, weighted by its soft target."""
    every = np.arange(len(soft))
    target = np.repeat([1, 0], len(soft))
    return _stack(features, every), target, np.concatenate([soft, 1 - soft])


def _every_emotion(
    features: Any, truth: Truth, teacher: Teacher, alt_weight: float
) -> tuple[Any, NDArray[Any], NDArray[Any]]:
    """Each message once for every emotion that has a tenth of it or more."""
    from training.tune import emotion_targets

    soft = emotion_targets(truth, teacher.emotions.shape[1], alt_weight)
    soft = (1 - teacher.share) * soft + teacher.share * teacher.emotions
    rows, emotions = np.nonzero(soft >= 0.1)
    return features[rows], emotions, soft[rows, emotions]


def _stack(features: Any, rows: NDArray[np.int64]) -> Any:
    if not len(rows):
        return features
    from scipy import sparse

    if sparse.issparse(features):
        return sparse.vstack([features, features[rows]], format="csr")
    return np.concatenate([features, features[rows]])
