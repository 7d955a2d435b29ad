"""What is the same for a word in every message, worked out once and kept in arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
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


class WordMemory(dict[str, tuple[int, ...]]):
    """From a run of characters without space to the numbers of its words.

    Such a run is a word with what touches it, «bank» or «(bank,»; no token crosses a space, so
    a text is read by its runs, and one that was read before costs a look-up. New runs and words
    are added when they are looked up.

    Parameters
    ----------
    sums
        Gives the numbers to keep of n lower-cased words, shape (n, width).
    width
        How many they are.

    Attributes
    ----------
    words
        The known words, by number.
    loud
        Runs in which a word is shouted.
    caps
        Number of the word that stands for shouting.
    """

    def __init__(self, sums: Callable[[Sequence[str]], FloatArray], width: int) -> None:
        super().__init__()
        self._sums = sums
        self._lock = Lock()
        self._filled = 0  # words of which the arrays hold something
        self._table = np.empty((_FIRST, width), dtype=np.float32)
        # Per word its hash, its hash as the first of a pair (side by side, further apart), bytes.
        self._hash = np.empty((4, _FIRST), dtype=np.int64)
        self._number: dict[str, int] = {}
        self.words: list[str] = []
        self.loud: set[str] = set()
        (self.caps,) = self[CAPS]

    def __missing__(self, run: str) -> tuple[int, ...]:
        tokens = TOKEN.findall(run)
        with self._lock:
            numbers = tuple(self._number_of(token.lower()) for token in tokens)
            if any(map(is_shouted, tokens)):
                self.loud.add(run)
            self[run] = numbers
        return numbers

    def _number_of(self, word: str) -> int:
        number = self._number.setdefault(word, len(self.words))
        if number == len(self.words):
            self.words.append(word)
        return number

    def _arrays(self) -> tuple[FloatArray, IntArray]:
        """What is kept of all words; that of new ones is worked out here, for all at once."""
        with self._lock:
            new = self.words[self._filled :]
            if new:
                end = self._filled + len(new)
                while end > len(self._table):
                    # Who reads meanwhile keeps the old arrays, which hold all that it asks for.
                    self._table = np.concatenate([self._table, np.empty_like(self._table)])
                    self._hash = np.concatenate([self._hash, np.empty_like(self._hash)], axis=1)
                self._table[self._filled : end] = self._sums(new)
                self._hash[:, self._filled : end] = np.array([_hashes(word) for word in new]).T
                self._filled = end
            return self._table, self._hash

    def read(self, text: str) -> tuple[list[int], dict[int, None]]:
        """Numbers of the words of a text in order, and the distinct ones (shouting included)."""
        runs = text.split()
        numbers = list(chain.from_iterable(map(self.__getitem__, runs)))
        distinct = dict.fromkeys(numbers)
        if not self.loud.isdisjoint(runs):
            distinct[self.caps] = None
        return numbers, distinct

    def sums(self, numbers: IntArray) -> FloatArray:
        """What is kept of some words, shape (n, width)."""
        return self._arrays()[0].take(numbers, axis=0)

    def pair_keys(self, left: IntArray, right: IntArray, *, near: int) -> NDArray[np.uint32]:
        """Hashes of word pairs by the numbers of their words; as `pair_key` for each.

        The first ``near`` pairs stand side by side, the others further apart.
        """
        own, first, far_first, length = self._arrays()[1]
        begun = np.concatenate([first.take(left[:near]), far_first.take(left[near:])])
        length = length.take(right)
        keys = joined(begun, own.take(right), np.minimum(length, LONGEST))
        for i in np.flatnonzero(length > LONGEST):
            distance = 1 if i < near else 2
            keys[i] = pair_key(self.words[left[i]], self.words[right[i]], distance)
        return keys


_BETWEEN = [between(distance).encode() for distance in (1, 2)]


def _hashes(word: str) -> tuple[int, int, int, int]:
    data = word.encode("utf-8", "replace")
    own = crc32(data)
    near, far = (crc32(gap, own) for gap in _BETWEEN)
    return own, near, far, len(data)


def starts(counts: Sequence[int]) -> tuple[IntArray, IntArray]:
    """Which of some groups are not empty, and where each of those starts in a flat array."""
    size = np.array(counts, dtype=np.int64)
    filled = np.flatnonzero(size)
    return filled, (np.cumsum(size) - size)[filled]
