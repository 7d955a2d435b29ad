"""The fine-tuned Dutch encoder, alone; see `training.encoder`.

Its logits of a training message come from an encoder that had not seen that message, so it is
compared on the same terms as candidates that are trained once a fold. Those of other messages
are kept on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from training.encoder.tuned import FOLDER, Tuned, honest_logits, read_tuned
from training.metrics import Truth

CACHE = Path(".cache") / "finetuned"
_TABLE: dict[tuple[str, str], NDArray[np.float32]] = {}  # encoder's version and text to logits


@lru_cache(maxsize=2)
def tuned_of(folder: str = "") -> Tuned:
    """The fine-tuned encoder of a folder, by default the shipped one; read once a process."""
    return read_tuned(Path(folder) if folder else FOLDER)


def prime(texts: Sequence[str], params: Mapping[str, Any]) -> None:
    """Read all texts that folds will share, once; a second run takes them from the disk."""
    from joblib import Memory

    unique = sorted(set(texts))
    read = Memory(CACHE, verbose=0).cache(_read, ignore=["tuned"])
    tuned = tuned_of(str(params.get("encoder", "")))
    _keep(tuned, unique, read(unique, tuned.version, tuned))


def _read(texts: list[str], version: str, tuned: Tuned) -> NDArray[np.float32]:
    """``version`` is what the cache knows the encoder by."""
    return honest_logits(tuned, texts)


def _keep(tuned: Tuned, texts: Sequence[str], logits: NDArray[np.float32]) -> None:
    _TABLE.update({(tuned.version, t): row for t, row in zip(texts, logits, strict=True)})


@dataclass(frozen=True)
class FittedEncoder:
    """A fine-tuned encoder whose labels are the taxonomy's."""

    tuned: Tuned

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of prepared texts, shape (n, K)."""
        version = self.tuned.version
        missing = sorted({text for text in texts if (version, text) not in _TABLE})
        if missing:
            _keep(self.tuned, missing, honest_logits(self.tuned, missing))
        return np.stack([_TABLE[version, text] for text in texts])


def fit(
    texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, params: Mapping[str, Any], seed: int
) -> FittedEncoder:
    """Params: ``encoder``, the folder of a fine-tuned one (default: the shipped one).

    Raises
    ------
    TrainingError
        If there is no encoder, or it was tuned for other labels.
    """
    tuned = tuned_of(str(params.get("encoder", "")))
    labels = [*taxonomy.cause_names, *taxonomy.emotion_names]
    if list(tuned.facts["labels"]) != labels:
        raise TrainingError(
            f"The encoder was tuned for the labels {', '.join(tuned.facts['labels'])}; this "
            f"taxonomy has {', '.join(labels)}. Tune one for it: `python -m training encoder`."
        )
    return FittedEncoder(tuned)
