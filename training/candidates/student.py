"""The fast tier taught by the encoder: the same words at the same speed, softer targets.

The encoder's probabilities of a training message come from one that had not seen it; see
`training.candidates.finetuned`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cxnlp.calibrate import sigmoid
from cxnlp.labels import Taxonomy
from training.candidates import finetuned, wordgrams
from training.candidates.linear import Teacher
from training.metrics import Truth
from training.tune import fit_calibration


def prime(texts: Sequence[str], params: Mapping[str, Any]) -> None:
    """See `finetuned.prime`."""
    finetuned.prime(texts, params)


def fit(
    texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, params: Mapping[str, Any], seed: int
) -> wordgrams.FittedWordGrams:
    """Params: those of `wordgrams`, and ``share``, how much of a target is the encoder's."""
    logits = finetuned.fit(texts, truth, taxonomy, params, seed).logits(texts)
    n_causes, n_emotions = len(taxonomy.causes), len(taxonomy.emotions)
    calibration = fit_calibration(logits, truth, n_causes, n_emotions)
    scaled = logits * calibration.slope[0] + calibration.intercept
    teacher = Teacher(
        causes=sigmoid(scaled[:, :n_causes]),
        emotions=calibration.apply(logits)[1],
        complaint=sigmoid(scaled[:, -1]),
        share=float(params.get("share", 0.5)),
    )
    return wordgrams.fit(texts, truth, taxonomy, params, seed, teacher=teacher)
