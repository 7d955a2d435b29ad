"""What is the same for a word in every message, worked out once and kept in arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import Any
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
    firsts,
    is_shouted,
    pair_key,
)

_FIRST = 4096  # rows to begin with; doubled when full
_FEW = 300  # of fewer values a dictionary tells sooner than arrays do
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 by the golden ratio


class _Table:
    """An array to whose end rows are added; who reads meanwhile keeps what it has."""

    def __init__(self, width: tuple[int, ...], kind: type) -> None:
        self.rows: NDArray[Any] = np.empty((_FIRST, *width), dtype=kind)
        self.filled = 0

    def add(self, rows: NDArray[np.generic]) -> None:
        end = self.filled + len(rows)
        while end > len(self.rows):
            self.rows = np.concatenate([self.rows, np.empty_like(self.rows)])
        self.rows[self.filled : end] = rows
        self.filled = end


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of n texts, by number.

    ``words`` are those of all texts in order, and ``text`` says of each to which it belongs;
    ``distinct`` and ``distinct_text`` are the same without a text's repeats, and with the word
    that stands for shouting.
    """

    words: IntArray
    text: IntArray
    distinct: IntArray
    distinct_text: IntArray


class WordMemory(dict[str, int]):
    """From a run of characters without space to its number, and so to its words.

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
    caps
        Number of the word that stands for shouting.
    chars
        Characters of the known runs.
    """

    def __init__(self, sums: Callable[[Sequence[str]], FloatArray], width: int) -> None:
        super().__init__()
        self._sums = sums
        self._lock = Lock()
        self._number: dict[str, int] = {}
        self.words: list[str] = []
        self.chars = 0
        # Per run: where its words begin among those of all runs, how many, if one is shouted.
        self._runs = _Table((3,), np.int64)
        self._words_of_runs = _Table((), np.int64)
        self._new: list[tuple[list[int], bool]] = []  # runs that are not in the arrays yet
        # Per word: what `sums` gives; its hash, its hash as the first of a pair (side by side,
        # further apart), its bytes.
        self._table = _Table((width,), np.float32)
        self._hash = _Table((4,), np.int64)
        self.caps = self._number_of(CAPS)

    def __missing__(self, run: str) -> int:
        tokens = [run] if run.isalnum() else TOKEN.findall(run)
        with self._lock:
            if run in self:
                return self[run]
            # In an order in which a call that is broken off leaves at most a row too many.
            words = [self._number_of(token.lower()) for token in tokens]
            number = self._runs.filled + len(self._new)
            self._new.append((words, not run.islower() and any(map(is_shouted, tokens))))
            self[run] = number
            self.chars += len(run)
        return number

    def _number_of(self, word: str) -> int:
        number = self._number.get(word)
        if number is None:
            self.words.append(word)
            number = self._number[word] = len(self.words) - 1
        return number

    def _of_runs(self) -> tuple[IntArray, IntArray]:
        """Rows of all runs, and the words that they point at."""
        with self._lock:
            if self._new:
                size = np.array([len(words) for words, _ in self._new])
                begin = self._words_of_runs.filled + np.cumsum(size) - size
                shouted = [shouted for _, shouted in self._new]
                numbers = [number for words, _ in self._new for number in words]
                self._words_of_runs.add(np.array(numbers, dtype=np.int64))
                self._runs.add(np.stack([begin, size, shouted], axis=1))
                self._new = []
            return self._runs.rows, self._words_of_runs.rows

    def _of_words(self) -> tuple[FloatArray, IntArray]:
        """What is kept of all words; that of new ones is worked out here, for all at once."""
        with self._lock:
            new = self.words[self._table.filled :]
            if new:
                hashes = np.array([_hashes(word) for word in new], dtype=np.int64)
                sums = self._sums(new)
                self._hash.filled = self._table.filled
                self._hash.add(hashes)
                self._table.add(sums)
            return self._table.rows, self._hash.rows

    def read(self, texts: Sequence[str]) -> Reading:
        """Read n texts."""
        split = [text.split() for text in texts]
        runs = np.array(list(map(self.__getitem__, chain.from_iterable(split))), dtype=np.int64)
        text = np.repeat(np.arange(len(texts)), np.fromiter(map(len, split), np.int64, len(split)))
        rows, words_of_runs = self._of_runs()
        first, size, shouted = rows.take(runs, axis=0).T
        # The words of one run after those of another.
        step = np.repeat(first - (np.cumsum(size) - size), size)
        words = words_of_runs.take(np.arange(len(step)) + step)
        owner = np.repeat(text, size)
        at = first_places(owner * len(self.words) + words)
        distinct, distinct_text = words.take(at), owner.take(at)
        if shouted.any():
            loud = np.unique(text[shouted.astype(bool)])
            loud = np.setdiff1d(loud, distinct_text[distinct == self.caps])  # it wrote that word
            ends = np.searchsorted(distinct_text, loud, side="right")
            distinct = np.insert(distinct, ends, self.caps)
            distinct_text = np.insert(distinct_text, ends, loud)
        return Reading(words, owner, distinct, distinct_text)

    def sums(self, numbers: IntArray) -> FloatArray:
        """What is kept of some words, shape (n, width)."""
        return self._of_words()[0].take(numbers, axis=0)

    def pair_keys(self, left: IntArray, right: IntArray, distance: IntArray) -> NDArray[np.uint32]:
        """Hashes of word pairs by the numbers of their words; as `pair_key` for each."""
        hashes = self._of_words()[1]
        lefts, rights = hashes.take(left, axis=0), hashes.take(right, axis=0)
        begun = np.where(distance > 1, lefts[:, 2], lefts[:, 1])
        length = rights[:, 3]
        keys = joined(begun, rights[:, 0], np.minimum(length, LONGEST))
        for i in np.flatnonzero(length > LONGEST):
            keys[i] = pair_key(self.words[left[i]], self.words[right[i]], distance[i])
        return keys


_BETWEEN = [between(distance).encode() for distance in (1, 2)]


def _hashes(word: str) -> tuple[int, int, int, int]:
    data = word.encode("utf-8", "replace")
    own = crc32(data)
    near, far = (crc32(gap, own) for gap in _BETWEEN)
    return own, near, far, len(data)


def first_places(values: IntArray) -> IntArray:
    """Where each value stands first, in that order; values are not negative.

    By a hash table of four slots a value (Fibonacci hashing, Knuth 1998, section 6.4): a slot
    holds the first value that falls into it. The few values that find another one there are
    sorted out among themselves, so the answer is exact.
    """
    if len(values) < _FEW:
        last = range(len(values) - 1, -1, -1)
        return np.array(sorted(dict(zip(values[::-1].tolist(), last, strict=True)).values()), int)
    place = np.arange(len(values))
    bits = np.uint64(64 - (4 * len(values)).bit_length())
    slot = (values.astype(np.uint64) * _GOLDEN >> bits).astype(np.int64)
    holder = np.empty(1 << (4 * len(values)).bit_length(), dtype=np.int64)
    holder[slot[::-1]] = place[::-1]
    first = holder.take(slot)
    new = first == place
    crowded = np.flatnonzero(values.take(first) != values)
    if len(crowded):
        order = crowded[np.argsort(values[crowded], kind="stable")]
        new[order[firsts(values[order])]] = True
    return np.flatnonzero(new)
