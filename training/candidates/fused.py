"""Words and encoder, stacked: what each says of a message, side by side.

The stacking itself is the calibration, which has a slope for each part and is fitted on
out-of-fold logits like every candidate's (see `cxnlp.calibrate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.labels import Taxonomy
from cxnlp.stack import StackedScorer
from training.candidates import finetuned, wordgrams
from training.metrics import Truth

PARTS = 2


def prime(texts: Sequence[str], params: Mapping[str, Any]) -> None:
    """See `finetuned.prime`."""
    finetuned.prime(texts, params)


@dataclass(frozen=True)
class FittedFused:
    """Words' logits, then the encoder's."""

    words: wordgrams.FittedWordGrams
    encoder: finetuned.FittedEncoder

    @property
    def scorer(self) -> StackedScorer:
        """What a bundle holds."""
        return StackedScorer(self.words.scorer, self.encoder.tuned.encoder)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of prepared texts, shape (n, 2 K)."""
        return np.hstack([self.words.logits(texts), self.encoder.logits(texts)])


def fit(
    texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, params: Mapping[str, Any], seed: int
) -> FittedFused:
    """Params: those of `wordgrams`, and ``encoder`` (see `finetuned.fit`)."""
    return FittedFused(
        wordgrams.fit(texts, truth, taxonomy, params, seed),
        finetuned.fit(texts, truth, taxonomy, params, seed),
    )
