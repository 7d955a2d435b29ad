"""Words, word pairs and the letter groups inside words, as one linear feature block.

What makes it fast is that a word's share of every score depends on the word alone: the letter
n-grams of «factuur» are the same in each message, so their summed weights are computed once
and remembered (`cxnlp.features.memory`). A message is then a few dozen table look-ups and one
small sum, where TF-IDF with character n-grams counts a few thousand strings.

For that, the features of a message are summed over its *distinct words* (a binary term
frequency), and a block's length is taken as the root of its words' squared lengths, which
is the L2 norm of TF-IDF up to n-grams that two words share. The vocabulary is kept as sorted
32-bit hashes (the hashing trick of Weinberger et al. 2009, with the table of known hashes kept,
so that an unseen n-gram adds nothing instead of colliding).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cxnlp.features.crc import windows

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

# A placeholder, a word (with inner apostrophe or hyphen), a run of ! ? or dots, or one symbol
# such as an emoji; commas and quotes say nothing and are skipped.
TOKEN = re.compile(
    r"_[a-z]+_|[^\W_]+(?:['’-][^\W_]+)*|[!?]+|\.{2,}|[^\w\s.,;:'\"()/<>\[\]{}*+=|\\~`^%&#@-]"
)
_SHOUTED = re.compile(r"[^\W\d_]{3,}")
_FEW = 8  # fewer words than these are hashed one by one
_LETTERS = crc32(b"#")  # the hash of a letter group goes on from here
CAPS = "_caps_"
"""What stands among the words of a text in which a word is shouted."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text: lower-cased words and their spans in that text."""

    words: list[str]
    spans: list[tuple[int, int]]
    shouted: bool


def tokenize(text: str) -> Tokens:
    """Split a prepared text into lower-cased tokens with character spans."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    shouted = False
    for match in TOKEN.finditer(text):
        raw = match.group()
        word = raw.lower()
        shouted = shouted or is_shouted(raw)
        words.append(word)
        spans.append(match.span())
    return Tokens(words, spans, shouted)


def is_shouted(token: str) -> bool:
    """Whether a token as written is a word of three capitals or more."""
    return token.isupper() and _SHOUTED.fullmatch(token) is not None


@dataclass(frozen=True)
class WordGrams:
    """A fitted vocabulary: which n-grams are known, and how rare each is.

    Attributes
    ----------
    keys
        Sorted hashes of the known n-grams, uint32, shape (n_features,).
    idf
        Inverse document frequency of each, float32, shape (n_features,).
    is_char
        Whether each is a letter group inside a word (else a word or a word pair).
    char_sizes
        Smallest and largest letter group.
    gap
        Largest distance between the two words of a pair; 1 is a plain bigram.
    floor
        What is added to the squared length of the words' and of the letters' part, so that the
        few words of a short message do not shout.
    """

    keys: NDArray[np.uint32]
    idf: FloatArray
    is_char: NDArray[np.bool_]
    char_sizes: tuple[int, int] = (3, 5)
    gap: int = 1
    floor: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        # Hashes by ranges, at least eight a known hash. A flag for each tells most unknown hashes;
        # of the others the few known ones of their range are tried, from the first on.
        bits = min(24, (8 * len(self.keys)).bit_length())
        shift = np.uint32(32 - bits)
        ranges = self.keys >> shift
        start = firsts(ranges)
        known = np.zeros(1 << bits, dtype=bool)
        known[ranges[start]] = True
        first = np.zeros(1 << bits, dtype=np.int32)
        first[ranges[start]] = start
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_first", first)
        object.__setattr__(self, "_most", int(np.diff(start, append=len(ranges)).max(initial=0)))
        object.__setattr__(self, "_shift", shift)

    @property
    def n_features(self) -> int:
        """Number of known n-grams."""
        return len(self.keys)

    def find(self, keys: NDArray[np.uint32]) -> tuple[IntArray, IntArray]:
        """Positions in ``keys`` of the known hashes, and the feature of each; repeats kept."""
        known: NDArray[np.bool_] = self._known  # type: ignore[attr-defined]
        first: NDArray[np.int32] = self._first  # type: ignore[attr-defined]
        ranges = keys >> self._shift  # type: ignore[attr-defined]
        where = np.flatnonzero(known.take(ranges))
        wanted = keys.take(where)
        rows = first.take(ranges.take(where)).astype(np.int64)
        found = self.keys.take(rows)
        before = np.flatnonzero(found < wanted)
        for _ in range(self._most - 1):  # type: ignore[attr-defined]
            if not len(before):
                break
            rows[before] += 1
            found[before] = self.keys.take(rows[before], mode="clip")
            before = before[found[before] < wanted[before]]
        same = np.flatnonzero(found == wanted)
        return where.take(same), rows.take(same)

    def rows(self, keys: Sequence[int]) -> list[int]:
        """Features of the known among some hashes, repeats kept, in the order of the hashes."""
        rows: list[int] = np.sort(self.find(np.array(keys, dtype=np.uint32))[1]).tolist()
        return rows

    def word_rows(self, word: str) -> list[int]:
        """Features of one word alone: the word itself and its letter groups."""
        return self.rows(word_keys(word, self.char_sizes))

    def transform(self, texts: Sequence[str]) -> tuple[IntArray, IntArray, FloatArray]:
        """Sparse rows for training: ``indptr`` (n + 1,), ``indices`` and ``data``.

        They are the CSR form of a matrix of shape (n, n_features); its product with a weight
        matrix equals what `cxnlp.heads.LinearScorer` gives for the same texts.
        """
        indptr = [0]
        indices: list[NDArray[np.int64]] = []
        data: list[FloatArray] = []
        cache: dict[str, IntArray] = {}
        for text in texts:
            types, pairs = features_of(text, self.gap)
            parts = []
            for word in types:
                found = cache.get(word)
                if found is None:
                    found = cache[word] = np.array(self.word_rows(word), dtype=np.int64)
                parts.append(found)
            parts.append(np.array(self.rows(pairs), dtype=np.int64))
            rows = np.concatenate(parts)
            squares = self.idf[rows] ** 2
            chars = self.is_char[rows]
            scale = np.where(
                chars,
                _inverse_root(squares[chars].sum() + self.floor[1]),
                _inverse_root(squares[~chars].sum() + self.floor[0]),
            )
            unique, where = np.unique(rows, return_inverse=True)
            values = np.bincount(where, weights=self.idf[rows] * scale, minlength=len(unique))
            indices.append(unique)
            data.append(values.astype(np.float32))
            indptr.append(indptr[-1] + len(unique))
        return (
            np.array(indptr, dtype=np.int64),
            np.concatenate(indices) if indices else np.zeros(0, np.int64),
            np.concatenate(data) if data else np.zeros(0, np.float32),
        )


def firsts(values: NDArray[Any]) -> IntArray:
    """Where each value of a sorted array stands first."""
    new = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return np.flatnonzero(new)


def _inverse_root(total: float) -> float:
    return float(total) ** -0.5 if total > 0 else 0.0


def word_keys(word: str, char_sizes: tuple[int, int]) -> list[int]:
    """Hashes of a word and of its letter groups; the word's own comes first."""
    keys = [crc32(word.encode("utf-8", "replace"))]
    if word[0].isalnum():
        padded = f"<{word}>"
        sizes = range(char_sizes[0], char_sizes[1] + 1)
        places = [(i, i + n) for n in sizes for i in range(len(padded) - n + 1)]
        if word.isascii():  # a byte a character, so that it is encoded once
            data = padded.encode()
            keys += [crc32(data[i:j], _LETTERS) for i, j in places]
        else:
            keys += [crc32(padded[i:j].encode("utf-8", "replace"), _LETTERS) for i, j in places]
    return keys


def keys_of_words(
    words: Sequence[str], char_sizes: tuple[int, int]
) -> tuple[IntArray, NDArray[np.uint32]]:
    """`word_keys` of n words at once: of each hash the word's place, in order, and the hash."""
    if len(words) < _FEW:
        each = [word_keys(word, char_sizes) for word in words]
        owner = np.repeat(np.arange(len(words)), [len(keys) for keys in each])
        return owner, np.array(list(chain.from_iterable(each)), dtype=np.uint32)
    plain = [i for i, word in enumerate(words) if word[0].isalnum() and word.isascii()]
    others = sorted(set(range(len(words))).difference(plain))
    keys = [word_keys(words[i], char_sizes) for i in others]
    own = [crc32(words[i].encode()) for i in plain]
    data = np.frombuffer("".join(f"<{words[i]}>" for i in plain).encode(), dtype=np.uint8)
    size = np.array([len(words[i]) + 2 for i in plain], dtype=np.int64)
    left = np.repeat(np.cumsum(size), size) - np.arange(len(data))  # bytes up to the word's end
    fits = left[:, None] >= np.arange(char_sizes[0], char_sizes[1] + 1)
    owner = np.concatenate(
        [
            np.array(plain, dtype=np.int64),
            np.repeat(np.array(plain, dtype=np.int64), size)[np.nonzero(fits)[0]],
            np.repeat(np.array(others, dtype=np.int64), [len(found) for found in keys]),
        ]
    )
    found = np.concatenate(
        [
            np.array(own, dtype=np.uint32),
            windows(data, char_sizes, _LETTERS)[fits],
            np.array(list(chain.from_iterable(keys)), dtype=np.uint32),
        ]
    )
    order = np.argsort(owner, kind="stable")
    return owner[order], found[order]


def pair_key(left: str, right: str, distance: int) -> int:
    """Hash of two words that stand ``distance`` apart (1: side by side)."""
    return crc32(f"{left}{between(distance)}{right}".encode("utf-8", "replace"))


def between(distance: int) -> str:
    """What stands between the two words of a pair in the string that is hashed."""
    return f" {distance > 1:d} "


def pair_keys(words: Sequence[str], gap: int) -> list[int]:
    """Hashes of the ordered word pairs at most ``gap`` apart, without repeats."""
    return list(
        {
            pair_key(left, right, distance)
            for distance in range(1, gap + 1)
            for left, right in zip(words, words[distance:], strict=False)
        }
    )


def features_of(text: str, gap: int) -> tuple[dict[str, None], list[int]]:
    """Distinct words (in order) and pair hashes of a prepared text."""
    tokens = tokenize(text)
    types = dict.fromkeys(tokens.words)
    if tokens.shouted:
        types[CAPS] = None
    return types, pair_keys(tokens.words, gap)
