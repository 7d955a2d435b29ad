"""The fast default: linear heads over `cxnlp.features.WordGrams`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.contents import in_a_byte, out_of_a_byte
from cxnlp.features.wordgrams import WordGrams, features_of, word_keys
from cxnlp.heads import LinearScorer
from cxnlp.labels import Taxonomy
from training.candidates.linear import Teacher, fit_linear
from training.metrics import Truth


@dataclass(frozen=True)
class FittedWordGrams:
    """A scorer that a bundle can hold."""

    scorer: LinearScorer

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of prepared texts, shape (n, K), by the code that predicts."""
        return self.scorer.logits(texts)


def fit_block(
    texts: Sequence[str],
    *,
    min_df: int = 2,
    char_sizes: tuple[int, int] = (3, 6),
    gap: int = 2,
    floor: float = 0.0,
) -> WordGrams:
    """Collect the n-grams that at least ``min_df`` texts have.

    ``floor`` is a share of the median squared length; see `WordGrams.floor`.
    """
    count: Counter[int] = Counter()
    chars: set[int] = set()
    words: dict[str, list[int]] = {}
    for text in texts:
        types, pairs = features_of(text, gap)
        seen = set(pairs)
        for word in types:
            if word not in words:
                words[word] = word_keys(word, char_sizes)
                chars.update(words[word][1:])
            seen.update(words[word])
        count.update(seen)
    keys = sorted(key for key, n in count.items() if n >= min_df)
    frequency = np.array([count[key] for key in keys], dtype=np.float64)
    block = WordGrams(
        keys=np.array(keys, dtype=np.uint32),
        idf=(1 + np.log((1 + len(texts)) / (1 + frequency))).astype(np.float32),
        is_char=np.array([key in chars for key in keys], dtype=bool),
        char_sizes=char_sizes,
        gap=gap,
    )
    return replace(block, floor=_floor(block, texts, floor)) if floor else block


def _floor(block: WordGrams, texts: Sequence[str], share: float) -> tuple[float, float]:
    words, letters = [], []
    rows_of = cache(block.word_rows)
    for text in texts:
        types, pairs = features_of(text, block.gap)
        rows = np.array([r for w in types for r in rows_of(w)] + block.rows(pairs), int)
        squares, chars = block.idf[rows] ** 2, block.is_char[rows]
        words.append(squares[~chars].sum())
        letters.append(squares[chars].sum())
    return share * float(np.median(words)), share * float(np.median(letters))


def fit(
    texts: Sequence[str],
    truth: Truth,
    taxonomy: Taxonomy,
    params: Mapping[str, Any],
    seed: int,
    *,
    teacher: Teacher | None = None,
) -> FittedWordGrams:
    """Params: ``min_df``, ``char_sizes``, ``gap``, ``floor``, ``gate``, ``c_causes``, ``c_emotion``."""
    from scipy.sparse import csr_matrix

    block = fit_block(
        texts,
        min_df=int(params.get("min_df", 2)),
        char_sizes=tuple(params.get("char_sizes", (3, 6))),
        gap=int(params.get("gap", 2)),
        floor=float(params.get("floor", 0.0)),
    )
    # As the bundle keeps it, here and not there, so that what is measured is what is shipped.
    block = replace(block, idf=block.idf.astype(np.float16).astype(np.float32))
    indptr, indices, data = block.transform(texts)
    features = csr_matrix((data, indices, indptr), shape=(len(texts), block.n_features))
    linear = fit_linear(
        features,
        truth,
        taxonomy,
        c_causes=float(params.get("c_causes", 4.0)),
        c_emotion=float(params.get("c_emotion", 4.0)),
        gate=bool(params.get("gate", False)),
        teacher=teacher,
        seed=seed,
    )
    weights = out_of_a_byte(in_a_byte(linear.weights))
    return FittedWordGrams(LinearScorer(block, weights, linear.bias))
