"""Scores from features: one linear map for all labels at once, computed word by word.

Columns of every weight matrix and every logit array are the causes, then the emotions, in
taxonomy order, then perhaps one that tells a complaint from other messages; K is their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cxnlp.features.memory import Reading, WordMemory, first_places
from cxnlp.features.wordgrams import (
    FloatArray,
    IntArray,
    WordGrams,
    firsts,
    keys_of_words,
    pair_key,
    tokenize,
)

_CACHE_RUNS = 100_000
_CACHE_CHARS = 50  # a run on average, at most
_PART_CHARS = 150_000
_PART_TEXTS = 10_000
"""Size of what is summed at a time, so that memory stays bounded."""


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
    (about 100,000 words with what touches them; then the memory starts anew). Results do not
    depend on it, nor on what other messages are scored in the same call.
    """

    def __init__(self, block: WordGrams, weights: FloatArray, bias: FloatArray) -> None:
        self.block = block
        self.bias = bias.astype(np.float32)
        self.weights = weights
        fused = weights.astype(np.float32) * block.idf[:, None]
        squares = block.idf.astype(np.float32) ** 2
        # The share in every logit, then the squared length: what is summed over n-grams.
        self._parts = np.concatenate([fused, squares[:, None]], axis=1)
        self._words = self._new_memory()

    def __reduce__(self) -> tuple[Any, ...]:
        return LinearScorer, (self.block, self.weights, self.bias)

    def _new_memory(self) -> WordMemory:
        return WordMemory(self._of_words, 2 * (len(self.bias) + 1))

    def _memory(self) -> WordMemory:
        memory = self._words
        if (
            max(len(memory), len(memory.words)) > _CACHE_RUNS
            or memory.chars > _CACHE_RUNS * _CACHE_CHARS
        ):
            memory = self._words = self._new_memory()
        return memory

    def _of_words(self, words: Sequence[str]) -> FloatArray:
        """Sums for n words, shape (n, 2 (K + 1)): words' part and squared length, letters' part."""
        word, keys = keys_of_words(words, self.block.char_sizes)
        where, row = self.block.find(keys)
        part = word.take(where) * 2 + self.block.is_char.take(row)
        order = np.argsort(part, kind="stable")
        sums = np.zeros((len(words) * 2, len(self.bias) + 1), dtype=np.float32)
        self._add(part.take(order), row.take(order), sums)
        return sums.reshape(len(words), -1)

    def _add(self, to: IntArray, row: IntArray, sums: FloatArray, *, once: bool = False) -> None:
        """Add features ``row`` to the rows ``to`` of some sums, with ``once`` without repeats.

        ``to`` is in order, so that a sum does not depend on what else is added.
        """
        if once:
            new = first_places(to * self.block.n_features + row)
            to, row = to.take(new), row.take(new)
        if len(to):
            start = firsts(to)
            parts = self._parts.take(row, axis=0)
            sums[to.take(start)] += np.add.reduceat(parts, start, axis=0)

    def logits(self, texts: Sequence[str]) -> FloatArray:
        """Logits of prepared texts, shape (n, K)."""
        k = len(self.bias)
        sums = np.zeros((len(texts), 2 * (k + 1)), dtype=np.float32)
        first = chars = 0
        for last, text in enumerate(texts, 1):
            chars += len(text)
            if chars > _PART_CHARS or last - first == _PART_TEXTS or last == len(texts):
                memory = self._memory()
                reading = memory.read(texts[first:last])
                self._sum_words(memory, reading, sums[first:last])
                self._sum_pairs(memory, reading, sums[first:last, : k + 1])
                first, chars = last, 0
        return np.asarray(
            self.bias
            + sums[:, :k] * _scale(sums[:, k] + self.block.floor[0])
            + sums[:, k + 1 : -1] * _scale(sums[:, -1] + self.block.floor[1])
        )

    def _sum_words(self, memory: WordMemory, reading: Reading, sums: FloatArray) -> None:
        if len(reading.distinct):
            start = firsts(reading.distinct_text)
            parts = memory.sums(reading.distinct)
            sums[reading.distinct_text[start]] += np.add.reduceat(parts, start, axis=0)

    def _sum_pairs(self, memory: WordMemory, reading: Reading, sums: FloatArray) -> None:
        """Add the known word pairs of each text, once each."""
        if not self.block.gap:
            return
        words, text, gap = reading.words, reading.text, self.block.gap
        together = np.zeros((len(text), gap), dtype=bool)
        for d in range(1, gap + 1):
            together[:-d, d - 1] = text[d:] == text[:-d]
        left, further = np.divmod(np.flatnonzero(together), gap)
        distance = further + 1
        keys = memory.pair_keys(words.take(left), words.take(left + distance), distance)
        where, row = self.block.find(keys)
        self._add(text.take(left.take(where)), row, sums, once=True)

    def contributions(self, text: str) -> Contributions:
        """Exact share of each token; a pair's weight is split between its two words."""
        k = len(self.bias)
        tokens = tokenize(text)
        values = np.zeros((len(tokens.words), k), dtype=np.float32)
        if not tokens.words:
            return Contributions(tokens.spans, values)
        memory = self._memory()
        reading = memory.read([text])
        numbers, distinct = reading.words.tolist(), reading.distinct.tolist()
        sums = memory.sums(reading.distinct)
        total = sums.sum(0)
        pair_where = self._pair_places(tokens.words)
        words_squares = total[k] + self._parts[list(pair_where), k].sum()
        words_scale = _scale(words_squares + self.block.floor[0]).item()
        letters_scale = _scale(total[-1] + self.block.floor[1]).item()
        share = dict(
            zip(
                distinct,
                sums[:, :k] * words_scale + sums[:, k + 1 : -1] * letters_scale,
                strict=True,
            )
        )
        where: dict[int, list[int]] = {}
        for position, number in enumerate(numbers):
            where.setdefault(number, []).append(position)
        for number, value in share.items():
            # The mark for shouting belongs to no word: it is spread over all of them.
            positions = where.get(number, range(len(numbers)))
            values[list(positions)] += value / len(positions)
        for row, places in pair_where.items():
            part = self._parts[row, :k] * (words_scale / (2 * len(places)))
            for left, right in places:
                values[left] += part
                values[right] += part
        return Contributions(tokens.spans, values)

    def _pair_places(self, words: Sequence[str]) -> dict[int, list[tuple[int, int]]]:
        """Where each known pair stands: positions of its two words, by feature."""
        places = [
            (left, left + distance)
            for distance in range(1, self.block.gap + 1)
            for left in range(len(words) - distance)
        ]
        keys = [pair_key(words[left], words[right], right - left) for left, right in places]
        found: dict[int, list[tuple[int, int]]] = {}
        for at, row in zip(*self.block.find(np.array(keys, dtype=np.uint32)), strict=True):
            found.setdefault(int(row), []).append(places[at])
        return found


def _scale(squares: FloatArray) -> FloatArray:
    """1 / sqrt, and 0 for nothing; shape (..., 1) so that it multiplies rows."""
    squares = np.asarray(squares, dtype=np.float32)
    return np.where(squares > 0, 1 / np.sqrt(np.maximum(squares, 1e-12)), 0.0)[..., None].astype(
        np.float32
    )
