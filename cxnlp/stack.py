"""Two scorers side by side: word counts and an encoder see different things of a message."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxnlp.features.encoder import Encoder
from cxnlp.heads import Contributions, LinearScorer

FloatArray = NDArray[np.float32]


class StackedScorer:
    """Words, then encoder: logits of shape (n, 2 K), the words' K columns first.

    Parameters
    ----------
    words
        The fast tier's scorer.
    encoder
        The encoder; its K labels are the same.
    """

    def __init__(self, words: LinearScorer, encoder: Encoder) -> None:
        self.words = words
        self.encoder = encoder

    def logits(self, texts: Sequence[str]) -> FloatArray:
        """Logits of prepared texts, shape (n, 2 K)."""
        return np.hstack([self.words.logits(texts), self.encoder.logits(texts)])

    def contributions(self, text: str) -> Contributions:
        """What each word says to either part, shape (n_tokens, 2 K).

        The encoder's pieces are counted with the word that they begin in, marks between words
        with the word before; its begin and end marks belong to no word and are spread over all.
        """
        words = self.words.contributions(text)
        values = np.zeros_like(words.values)
        if words.spans:
            places, shares = self.encoder.shares(text)
            starts = np.array([start for start, _ in words.spans])
            for (start, end), share in zip(places, shares, strict=True):
                if start == end:
                    values += share / len(starts)
                else:
                    values[max(int(np.searchsorted(starts, end - 1, side="right")) - 1, 0)] += share
        return Contributions(words.spans, np.hstack([words.values, values]))
