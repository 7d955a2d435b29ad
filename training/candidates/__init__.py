"""The candidates: different ways to get from prepared texts to logits, on one protocol.

A new one is a module here with a function ``fit(texts, truth, taxonomy, params, seed)`` that
returns a `Fitted`, a line in `KINDS`, and a TOML file in ``training/config/``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from training.metrics import Truth

#: Kind to the module that holds its ``fit``.
KINDS = {
    "keywords": "training.candidates.keywords",
    "tfidf": "training.candidates.tfidf",
    "textcat": "training.candidates.textcat",
    "encoder": "training.candidates.encoder",
    "wordgrams": "training.candidates.wordgrams",
    "finetuned": "training.candidates.finetuned",
    "fused": "training.candidates.fused",
    "student": "training.candidates.student",
}
CONFIG = Path(__file__).parent.parent / "config"


class Fitted(Protocol):
    """A trained candidate."""

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Uncalibrated log-odds of prepared texts, shape (n, causes + emotions)."""
        ...


@dataclass(frozen=True)
class Config:
    """What to train: parsed from a TOML file.

    An ``optional`` one is left out of ``make run`` unless it is asked for by name.
    """

    name: str
    kind: str
    title: str
    params: Mapping[str, Any] = field(default_factory=dict)
    review_share: float = 0.25
    optional: bool = False

    @property
    def parts(self) -> int:
        """How many parts its logits have; see `cxnlp.calibrate`."""
        return int(getattr(import_module(KINDS[self.kind]), "PARTS", 1))

    def fit(self, texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, seed: int) -> Fitted:
        """Train on prepared texts."""
        module = import_module(KINDS[self.kind])
        fitted: Fitted = module.fit(texts, truth, taxonomy, self.params, seed)
        return fitted


def read_config(path: str | Path) -> Config:
    """Read a candidate's TOML file.

    Raises
    ------
    TrainingError
        If it cannot be read, lacks ``kind``, or has an unknown kind or key.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"Cannot read the configuration {str(path)!r}: {error}.") from error
    known = {"name", "kind", "title", "params", "review_share", "optional"}
    unknown = sorted(set(data) - known)
    if unknown:
        raise TrainingError(
            f"{path.name}: unknown key {unknown[0]!r}. Known are: {', '.join(sorted(known))}."
        )
    if data.get("kind") not in KINDS:
        raise TrainingError(
            f"{path.name}: kind is {data.get('kind')!r}; expected one of {', '.join(KINDS)}."
        )
    return Config(
        name=data.get("name", path.stem),
        kind=data["kind"],
        title=data.get("title", path.stem),
        params=data.get("params", {}),
        review_share=float(data.get("review_share", 0.25)),
        optional=bool(data.get("optional", False)),
    )


def all_configs() -> list[Config]:
    """Every shipped candidate, by file name."""
    return [read_config(path) for path in sorted(CONFIG.glob("*.toml"))]
