"""What is the same for a word in every message, worked out once and kept in arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cxnlp.features.crc import LONGEST, joined
from cxnlp.features.wordgrams import (
    CAPS,
    TOKEN,
    FloatArray,
    IntArray,
    between,
    is_shouted,
    pair_key,
)

_FIRST = 4096  # rows to begin with; doubled when full


class WordMemory(dict[str, int]):
    """From a token as written to the number of its word; a new word is added when looked up.

    Parameters
    ----------
    sums
        Gives the numbers to keep of a lower-cased word, shape (width,).
    width
        How many they are.

    Attributes
    ----------
    words
        The known words, by number.
    loud
        Tokens that are shouted.
    caps
        Number of the word that stands for shouting.
    """

    def __init__(self, sums: Callable[[str], FloatArray], width: int) -> None:
        super().__init__()
        self._sums = sums
        self._lock = Lock()
        self._table = np.empty((_FIRST, width), dtype=np.float32)
        # Per word its hash, its hash as the first of a pair (side by side, further apart), bytes.
        self._hash = np.empty((4, _FIRST), dtype=np.int64)
        self.words: list[str] = []
        self.loud: set[str] = set()
        self.caps = self[CAPS]

    def __missing__(self, token: str) -> int:
        word = token.lower()
        number = self.get(word)
        if number is None:
            number = self._add(word)
        if word != token:
            if is_shouted(token):
                self.loud.add(token)
            self[token] = number
        return number

    def _add(self, word: str) -> int:
        row, data = self._sums(word), word.encode("utf-8", "replace")
        first = [crc32(data + between(distance).encode()) for distance in (1, 2)]
        with self._lock:
            number = self.get(word)
            if number is not None:  # another thread was faster
                return number
            number = len(self.words)
            if number == len(self._table):
                # Who reads meanwhile keeps the old arrays, which hold all that it asks for.
                self._table = np.concatenate([self._table, np.empty_like(self._table)])
                self._hash = np.concatenate([self._hash, np.empty_like(self._hash)], axis=1)
            self._table[number] = row
            self._hash[:, number] = crc32(data), *first, len(data)
            self.words.append(word)
            self[word] = number
        return number

    def read(self, text: str) -> tuple[list[int], dict[int, None]]:
        """Numbers of the words of a text in order, and the distinct ones (shouting included)."""
        tokens = TOKEN.findall(text)
        numbers = list(map(self.__getitem__, tokens))
        distinct = dict.fromkeys(numbers)
        if not self.loud.isdisjoint(tokens):
            distinct[self.caps] = None
        return numbers, distinct

    def sums(self, numbers: IntArray) -> FloatArray:
        """What is kept of some words, shape (n, width)."""
        return self._table.take(numbers, axis=0)

    def pair_keys(self, left: IntArray, right: IntArray, distance: int) -> NDArray[np.uint32]:
        """Hashes of word pairs by the numbers of their words; as `pair_key` for each."""
        own, near, far, length = self._hash
        length = length.take(right)
        first = near if distance == 1 else far
        keys = joined(first.take(left), own.take(right), np.minimum(length, LONGEST))
        for i in np.flatnonzero(length > LONGEST):
            keys[i] = pair_key(self.words[left[i]], self.words[right[i]], distance)
        return keys


def starts(counts: Sequence[int]) -> tuple[IntArray, IntArray]:
    """Which of some groups are not empty, and where each of those starts in a flat array."""
    size = np.array(counts, dtype=np.int64)
    filled = np.flatnonzero(size)
    return filled, (np.cumsum(size) - size)[filled]
