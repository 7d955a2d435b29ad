"""Scores from features: one linear map for all labels at once, computed word by word.

Columns of every weight matrix and every logit array are the causes, then the emotions, in
taxonomy order, then perhaps one that tells a complaint from other messages; K is their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cxnlp.features.wordgrams import (
    FloatArray,
    WordGrams,
    features_of,
    pair_key,
    tokenize,
)

_CACHE_WORDS = 100_000


@dataclass(frozen=True, slots=True)
class Contributions:
    """How much each token of one text adds to each logit.

    ``spans`` are n_tokens character spans in the text that was scored; ``values`` has shape
    (n_tokens, K); ``values.sum(0) + bias`` is the text's logits.
    """

    spans: list[tuple[int, int]]
    values: FloatArray


class Scorer(Protocol):
    """Anything that turns prepared texts into logits and can say where they come from."""

    def logits(self, texts: Sequence[str]) -> FloatArray:
        """Logits, shape (n, K)."""
        ...

    def contributions(self, text: str) -> Contributions:
        """The share of each token of one text."""
        ...


class LinearScorer:
    """A linear map over a `WordGrams` block.

    Parameters
    ----------
    block
        The fitted vocabulary.
    weights
        One weight a feature and label, shape (n_features, K).
    bias
        Shape (K,).

    Notes
    -----
    The weights of a word and of its letter groups are summed once per distinct word and kept
    (at most 100,000 words; then the memory starts anew). Results do not depend on it.
    """

    def __init__(self, block: WordGrams, weights: FloatArray, bias: FloatArray) -> None:
        self.block = block
        self.bias = bias.astype(np.float32)
        self.weights = weights
        self._fused = weights.astype(np.float32) * block.idf[:, None]
        self._squares = block.idf.astype(np.float32) ** 2
        self._words: dict[str, FloatArray] = {}

    def _word(self, word: str) -> FloatArray:
        """Sums for one word, shape (2 (K + 1),): words' part and squared length, letters' part."""
        found = self._words.get(word)
        if found is None:
            rows = np.array(self.block.word_rows(word), dtype=np.int64)
            chars = self.block.is_char[rows]
            found = np.concatenate([self._sums(rows[~chars]), self._sums(rows[chars])])
            if len(self._words) >= _CACHE_WORDS:
                self._words = {}
            self._words[word] = found
        return found

    def _sums(self, rows: NDArray[np.int64]) -> FloatArray:
        return np.append(self._fused[rows].sum(0), self._squares[rows].sum())

    def logits(self, texts: Sequence[str]) -> FloatArray:
        """Logits of prepared texts, shape (n, K)."""
        k = len(self.bias)
        sums = np.zeros((len(texts), 2 * (k + 1)), dtype=np.float32)
        for position, text in enumerate(texts):
            types, pairs = features_of(text, self.block.gap)
            if not types:
                continue
            row = sums[position]
            np.add.reduce(np.array([self._word(word) for word in types]), axis=0, out=row)
            rows = self.block.rows(pairs)
            if rows:
                row[:k] += self._fused[rows].sum(0)
                row[k] += self._squares[rows].sum()
        words, letters = sums[:, : k + 1], sums[:, k + 1 :]
        return np.asarray(
            self.bias
            + words[:, :k] * _scale(words[:, k] + self.block.floor[0])
            + letters[:, :k] * _scale(letters[:, k] + self.block.floor[1])
        )

    def contributions(self, text: str) -> Contributions:
        """Exact share of each token; a pair's weight is split between its two words."""
        k = len(self.bias)
        tokens = tokenize(text)
        values = np.zeros((len(tokens.words), k), dtype=np.float32)
        if not tokens.words:
            return Contributions(tokens.spans, values)
        types, pairs = features_of(text, self.block.gap)
        sums = np.array([self._word(word) for word in types])
        total = sums.sum(0)
        pair_rows = self.block.rows(pairs)
        words_squares = total[k] + self._squares[pair_rows].sum()
        words_scale = _scale(words_squares + self.block.floor[0]).item()
        letters_scale = _scale(total[-1] + self.block.floor[1]).item()
        share = dict(
            zip(types, sums[:, :k] * words_scale + sums[:, k + 1 : -1] * letters_scale, strict=True)
        )
        where: dict[str, list[int]] = {}
        for position, word in enumerate(tokens.words):
            where.setdefault(word, []).append(position)
        for word, value in share.items():
            # The mark for shouting belongs to no word: it is spread over all of them.
            positions = where.get(word, range(len(tokens.words)))
            values[list(positions)] += value / len(positions)
        pair_where: dict[int, list[tuple[int, int]]] = {}
        for distance in range(1, self.block.gap + 1):
            for left in range(len(tokens.words) - distance):
                key = pair_key(tokens.words[left], tokens.words[left + distance], distance)
                pair_where.setdefault(key, []).append((left, left + distance))
        for key, places in pair_where.items():
            for row in self.block.rows([key]):
                part = self._fused[row] * (words_scale / (2 * len(places)))
                for left, right in places:
                    values[left] += part
                    values[right] += part
        return Contributions(tokens.spans, values)


def _scale(squares: FloatArray) -> FloatArray:
    """1 / sqrt, and 0 for nothing; shape (..., 1) so that it multiplies rows."""
    squares = np.asarray(squares, dtype=np.float32)
    return np.where(squares > 0, 1 / np.sqrt(np.maximum(squares, 1e-12)), 0.0)[..., None].astype(
        np.float32
    )
