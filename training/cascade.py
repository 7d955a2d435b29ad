"""How often a cascade must ask the slow model, and what the rest costs in quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cxnlp.decide import Rule, doubt_of
from cxnlp.labels import Taxonomy
from training.metrics import Scored, Truth, decided, summary_vector

#: How much of the mean of both macro-F1 a cascade may lose.
LOSS = 0.005
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def cascade_curve(
    fast: Scored,
    whole: Scored,
    truth: Truth,
    rule: Rule,
    taxonomy: Taxonomy,
    shares: Sequence[float] = SHARES,
) -> list[dict[str, Any]]:
    """Quality by the share of messages that are passed on to the whole model.

    Returns
    -------
    list of dict
        ``asked`` (the share), ``boundary`` (the doubt above which a message is passed on),
        ``macro_f1``, ``emotion_macro_f1`` and their mean ``quality``, from none to all.
    """
    doubts = doubt_of(fast.causes, fast.emotions)
    points = []
    for share in shares:
        boundary = float(np.quantile(doubts, 1 - share)) if share < 1 else -1.0
        asked = doubts > boundary
        mixed = Scored(
            np.where(asked[:, None], whole.causes, fast.causes),
            np.where(asked[:, None], whole.emotions, fast.emotions),
        )
        given, emotion, _ = decided(rule, mixed)
        figures = summary_vector(truth, mixed.causes, given, emotion, taxonomy)
        both = figures["macro_f1"], figures["emotion_macro_f1"]
        points.append(
            {
                "asked": round(float(asked.mean()), 4),
                "boundary": round(boundary, 4),
                "macro_f1": round(both[0], 4),
                "emotion_macro_f1": round(both[1], 4),
                "quality": round(sum(both) / 2, 4),
            }
        )
    return points


def chosen_boundary(points: Sequence[dict[str, Any]], loss: float = LOSS) -> float:
    """The boundary that asks least and loses at most ``loss`` against asking always."""
    enough = [p for p in points if p["quality"] >= points[-1]["quality"] - loss]
    return float(min(enough, key=lambda p: p["asked"])["boundary"])
