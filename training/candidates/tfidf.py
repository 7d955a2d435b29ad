"""TF-IDF of words and letter groups with one-vs-rest logistic regression (as Signalen does)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.labels import Taxonomy
from training.candidates.linear import Linear, fit_linear
from training.metrics import Truth


@dataclass(frozen=True)
class FittedTfidf:
    """A scikit-learn vectoriser and linear heads."""

    vectoriser: Any
    linear: Linear

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of prepared texts, shape (n, K)."""
        return self.linear.logits(self.vectoriser.transform(texts))


def fit(
    texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, params: Mapping[str, Any], seed: int
) -> FittedTfidf:
    """Params: ``min_df``, ``word_sizes``, ``char_sizes``, ``c_causes``, ``c_emotion``."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    min_df = int(params.get("min_df", 2))
    vectoriser = make_union(
        TfidfVectorizer(
            ngram_range=tuple(params.get("word_sizes", (1, 2))),
            sublinear_tf=True,
            min_df=min_df,
            dtype=np.float32,
        ),
        TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=tuple(params.get("char_sizes", (2, 5))),
            sublinear_tf=True,
            min_df=min_df,
            dtype=np.float32,
        ),
    )
    linear = fit_linear(
        vectoriser.fit_transform(texts).tocsr(),
        truth,
        taxonomy,
        c_causes=float(params.get("c_causes", 4.0)),
        c_emotion=float(params.get("c_emotion", 4.0)),
        seed=seed,
    )
    return FittedTfidf(vectoriser, linear)
