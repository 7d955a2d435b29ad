"""How good scores and decisions are, each figure with its n and a 95% interval.

Intervals are percentile bootstraps over messages (Efron and Tibshirani 1993, chapter 13), with
a fixed seed. Every function takes labels as arrays in taxonomy order: ``truth`` of shape
(n, n_causes) with 0 and 1, ``emotion`` of shape (n,) with positions, ``alt`` likewise with -1
for none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.decide import Rule, decide
from cxnlp.labels import Taxonomy
from cxnlp.record import Record

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BOOTSTRAPS = 400
_MIN_POSITIVES = 5  # fewer than this say nothing about a label


@dataclass(frozen=True)
class Truth:
    """Labels of n messages as arrays."""

    causes: NDArray[np.int8]
    emotion: IntArray
    alt: IntArray

    @classmethod
    def of(cls, records: Sequence[Record], taxonomy: Taxonomy) -> Truth:
        """The labels of some records."""
        return cls(
            causes=taxonomy.multi_hot([r.causes for r in records]),
            emotion=taxonomy.emotion_index([r.emotion for r in records]),
            alt=np.array(
                [
                    taxonomy.emotion_names.index(r.emotion_alt) if r.emotion_alt else -1
                    for r in records
                ],
                dtype=np.int64,
            ),
        )

    def __len__(self) -> int:
        return len(self.emotion)

    def take(self, rows: Any) -> Truth:
        """Some of the messages."""
        return Truth(self.causes[rows], self.emotion[rows], self.alt[rows])


@dataclass(frozen=True)
class Scored:
    """Calibrated scores of n messages: causes (n, n_causes), emotions (n, n_emotions)."""

    causes: NDArray[np.float32]
    emotions: NDArray[np.float32]

    def take(self, rows: Any) -> Scored:
        """Some of the messages."""
        return Scored(self.causes[rows], self.emotions[rows])


def decided(rule: Rule, scored: Scored) -> tuple[NDArray[np.int8], IntArray, NDArray[np.bool_]]:
    """What the decision rule gives: causes (n, n_causes), emotion (n,), asked for review (n,)."""
    answers = decide(rule, scored.causes, scored.emotions)
    causes = np.array([[c in a.causes for c in rule.causes] for a in answers], dtype=np.int8)
    emotion = np.array([rule.emotions.index(a.emotion) for a in answers], dtype=np.int64)
    review = np.array([a.decision == "review" for a in answers], dtype=bool)
    return causes.reshape(len(answers), len(rule.causes)), emotion, review


def f1(truth: NDArray[Any], given: NDArray[Any]) -> FloatArray:
    """F1 of each column; 0 where nothing is right."""
    hit = (truth * given).sum(0)
    return np.asarray(2 * hit / np.maximum(truth.sum(0) + given.sum(0), 1), dtype=np.float64)


def average_precision(truth: NDArray[Any], scores: NDArray[Any]) -> float:
    """Average precision of one label; nan without positives."""
    if not truth.any():
        return float("nan")
    precision, recall, _ = precision_recall(truth, scores)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def precision_recall(
    truth: NDArray[Any], scores: NDArray[Any]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Precision, recall and the score itself at each distinct score of one label, highest first."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return hits[last] / (last + 1), hits[last] / max(hits[-1], 1), scores[order][last]


def ece(truth: NDArray[Any], scores: NDArray[Any], bins: int = 10) -> float:
    """Expected calibration error of one label (Naeini et al. 2015), bins of equal count."""
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, min(bins, max(len(order), 1)))
    gaps = [len(p) * abs(float(truth[p].mean() - scores[p].mean())) for p in parts if len(p)]
    return float(sum(gaps) / max(len(order), 1))


def emotion_f1(truth: IntArray, given: IntArray, n_emotions: int) -> FloatArray:
    """F1 of each emotion, shape (n_emotions,)."""
    labels = np.arange(n_emotions)
    return f1(truth[:, None] == labels, given[:, None] == labels)


def macro(values: FloatArray, support: NDArray[Any]) -> float:
    """Mean over the labels that occur at least five times; nan if none does."""
    enough = np.asarray(support) >= _MIN_POSITIVES
    return float(np.mean(values[enough])) if enough.any() else float("nan")


def interval(
    statistic: Callable[[IntArray], float | FloatArray],
    n: int,
    *,
    seed: int = 0,
    times: int = BOOTSTRAPS,
) -> tuple[Any, Any]:
    """95% percentile bootstrap of a statistic of rows; ``(low, high)``, each like the statistic."""
    random = np.random.default_rng(seed)
    if not n:
        return np.nan, np.nan
    draws = np.array([statistic(random.integers(0, n, n)) for _ in range(times)], dtype=float)
    # A figure that no draw could give (no message with the label) has no interval.
    known = ~np.isnan(draws).all(axis=0)
    low, high = np.full(draws.shape[1:], np.nan), np.full(draws.shape[1:], np.nan)
    low[known], high[known] = np.nanpercentile(
        draws[:, known] if draws.ndim > 1 else draws, [2.5, 97.5], axis=0
    )
    return (low, high) if draws.ndim > 1 else (float(low), float(high))


def summary_vector(
    truth: Truth,
    scored_causes: NDArray[Any],
    given: NDArray[Any],
    emotion: IntArray,
    taxonomy: Taxonomy,
) -> dict[str, float]:
    """The handful of figures by which candidates are compared."""
    support = truth.causes.sum(0)
    values = f1(truth.causes, given)
    key = [taxonomy.cause_names.index(c) for c in taxonomy.key_causes]
    n_emotions = len(taxonomy.emotions)
    emotion_support = np.bincount(truth.emotion, minlength=n_emotions)
    ap = np.array(
        [average_precision(truth.causes[:, j], scored_causes[:, j]) for j in range(len(values))]
    )
    right = truth.emotion == emotion
    return {
        "macro_f1": macro(values, support),
        "macro_f1_key": macro(values[key], support[key]) if key else float("nan"),
        "macro_ap": macro(ap, support),
        "emotion_macro_f1": macro(emotion_f1(truth.emotion, emotion, n_emotions), emotion_support),
        "emotion_accuracy": float(right.mean()) if len(right) else float("nan"),
        "emotion_accuracy_alt": float((right | (truth.alt == emotion)).mean())
        if len(right)
        else float("nan"),
    }


def evaluate(
    records: Sequence[Record], scored: Scored, rule: Rule, taxonomy: Taxonomy, *, seed: int = 0
) -> dict[str, Any]:
    """Every figure for one model on one set of messages, as plain JSON values.

    Keys: ``n``; ``summary`` (name to value, low, high); ``causes`` and ``emotions`` (label to
    n, precision, recall, f1, f1_low, f1_high, average_precision, ece, threshold); ``confusion``
    (emotions, rows are the truth); ``risk_coverage``; ``review_share``; ``slices``.
    """
    truth = Truth.of(records, taxonomy)
    given, emotion, review = decided(rule, scored)
    n = len(truth)

    def figures(rows: IntArray) -> FloatArray:
        part = truth.take(rows)
        values = summary_vector(part, scored.causes[rows], given[rows], emotion[rows], taxonomy)
        return np.array(list(values.values()))

    names = summary_vector(truth, scored.causes, given, emotion, taxonomy)
    low, high = interval(figures, n, seed=seed)
    cause_low, cause_high = interval(lambda rows: f1(truth.causes[rows], given[rows]), n, seed=seed)
    k = len(taxonomy.emotions)
    emo_low, emo_high = interval(
        lambda rows: emotion_f1(truth.emotion[rows], emotion[rows], k), n, seed=seed
    )
    emotions_truth = (truth.emotion[:, None] == np.arange(k)).astype(np.int8)
    emotions_given = (emotion[:, None] == np.arange(k)).astype(np.int8)
    confusion = np.zeros((k, k), dtype=int)
    np.add.at(confusion, (truth.emotion, emotion), 1)
    return {
        "n": n,
        "summary": {
            name: {"value": _number(value), "low": _number(low[i]), "high": _number(high[i])}
            for i, (name, value) in enumerate(names.items())
        },
        "causes": _per_label(
            taxonomy.cause_names,
            truth.causes,
            given,
            scored.causes,
            cause_low,
            cause_high,
            rule.thresholds,
        ),
        "emotions": _per_label(
            taxonomy.emotion_names,
            emotions_truth,
            emotions_given,
            scored.emotions,
            emo_low,
            emo_high,
            None,
        ),
        "confusion": {"labels": list(taxonomy.emotion_names), "rows": confusion.tolist()},
        "exact_match": _number((given == truth.causes).all(1).mean()) if n else None,
        "review_share": _number(review.mean()) if n else None,
        "risk_coverage": risk_coverage(truth, scored, given),
        "slices": slices(records, truth, scored, given, emotion, taxonomy),
    }


def _per_label(
    names: Sequence[str],
    truth: NDArray[Any],
    given: NDArray[Any],
    scores: NDArray[Any],
    low: FloatArray,
    high: FloatArray,
    thresholds: Sequence[float] | None,
) -> dict[str, Any]:
    hit = (truth * given).sum(0)
    values = f1(truth, given)
    return {
        name: {
            "n": int(truth[:, j].sum()),
            "precision": _number(hit[j] / given[:, j].sum()) if given[:, j].any() else None,
            "recall": _number(hit[j] / truth[:, j].sum()) if truth[:, j].any() else None,
            "f1": _number(values[j]),
            "f1_low": _number(low[j]),
            "f1_high": _number(high[j]),
            "average_precision": _number(average_precision(truth[:, j], scores[:, j])),
            "ece": _number(ece(truth[:, j], scores[:, j])),
            **({"threshold": _number(thresholds[j])} if thresholds is not None else {}),
        }
        for j, name in enumerate(names)
    }


def contrast(
    a: Sequence[Record],
    b: Sequence[Record],
    scored: tuple[Scored, Scored],
    rule: Rule,
    taxonomy: Taxonomy,
    kinds: Sequence[str] = (),
) -> dict[str, Any]:
    """How often a model tells the two sides of contrast pairs apart (Gardner et al. 2020).

    ``ordered`` is the share of differing causes that score higher on the side that has them,
    ``causes_right`` the share of pairs with differing causes where both sides get theirs on the
    causes that differ, ``emotion_right`` that of pairs with differing emotions where both
    sides get theirs. ``kinds`` (one a pair) gives ``causes_right`` also by kind.
    """
    sides = [Truth.of(a, taxonomy), Truth.of(b, taxonomy)]
    given = [decided(rule, s) for s in scored]
    differ = sides[0].causes != sides[1].causes
    has = np.where(sides[0].causes == 1, scored[0].causes, scored[1].causes)
    lacks = np.where(sides[0].causes == 1, scored[1].causes, scored[0].causes)
    right = [(given[k][0] == sides[k].causes) | ~differ for k in (0, 1)]
    pairs = differ.any(axis=1)
    both = (right[0] & right[1]).all(axis=1)
    kind = np.array(kinds or [""] * len(a))
    other = sides[0].emotion != sides[1].emotion
    emotion = [given[k][1] == sides[k].emotion for k in (0, 1)]
    return {
        "n": len(a),
        "ordered": _number((has > lacks)[differ].mean()) if differ.any() else None,
        "causes_n": int(pairs.sum()),
        "causes_right": _number(both[pairs].mean()) if pairs.any() else None,
        "emotion_n": int(other.sum()),
        "emotion_right": _number((emotion[0] & emotion[1])[other].mean()) if other.any() else None,
        "kinds": {
            name: {"n": int(of.sum()), "causes_right": _number(both[of].mean())}
            for name in sorted(set(kinds))
            if (of := pairs & (kind == name)).any()
        },
    }


def doubt(scored: Scored, given: NDArray[Any]) -> FloatArray:
    """How unsure the causes of each message are: the largest chance that one is wrong, (n,)."""
    return np.asarray(np.where(given == 1, 1 - scored.causes, scored.causes).max(1))


def risk_coverage(truth: Truth, scored: Scored, given: NDArray[Any]) -> list[dict[str, float]]:
    """Share of messages with a wrong cause among the surest part (El-Yaniv and Wiener 2010)."""
    if not len(truth):
        return []
    wrong = (given != truth.causes).any(1)[np.argsort(doubt(scored, given), kind="stable")]
    counts = [max(1, round(len(wrong) * part / 20)) for part in range(1, 21)]
    return [
        {"coverage": _number(c / len(wrong)) or 0.0, "risk": _number(wrong[:c].mean()) or 0.0}
        for c in counts
    ]


def length_band(text: str) -> str:
    """The band of lengths, in words, that a text falls in."""
    words = len(text.split())
    return (
        "1-7"
        if words < 8
        else "8-17"
        if words < 18
        else "18-60"
        if words <= 60
        else "61-120"
        if words <= 120
        else "over 120"
    )


def slices(
    records: Sequence[Record],
    truth: Truth,
    scored: Scored,
    given: NDArray[Any],
    emotion: IntArray,
    taxonomy: Taxonomy,
) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """The summary by channel, sector, region and length, for parts of at least 20 messages."""
    found: dict[str, dict[str, dict[str, float | int | None]]] = {}
    columns = {
        "channel": [r.channel for r in records],
        "sector": [r.sector for r in records],
        "region": [r.region for r in records],
        "length": [length_band(r.text) for r in records],
    }
    for column, values in columns.items():
        array = np.array(values)
        for value in sorted({v for v in values if v}):
            rows = np.flatnonzero(array == value)
            if len(rows) >= 20:
                figures = summary_vector(
                    truth.take(rows), scored.causes[rows], given[rows], emotion[rows], taxonomy
                )
                found.setdefault(column, {})[value] = {
                    "n": len(rows),
                    **{name: _number(figure) for name, figure in figures.items()},
                }
    return found


def paired_bootstrap(
    statistic: Callable[[int, IntArray], FloatArray],
    n: int,
    *,
    seed: int = 0,
    times: int = BOOTSTRAPS,
) -> tuple[FloatArray, FloatArray]:
    """95% interval of the difference (second minus first) of two models on the same messages.

    ``statistic(which, rows)`` gives the figures of model 0 or 1 on some rows.
    """
    return interval(lambda rows: statistic(1, rows) - statistic(0, rows), n, seed=seed, times=times)


def _number(value: Any) -> float | None:
    """A JSON number of four decimals; None for nan."""
    value = float(value)
    return None if np.isnan(value) else round(value, 4)
