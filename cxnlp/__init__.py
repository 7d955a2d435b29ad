"""cxnlp: why a Dutch customer is unhappy, and how it feels.

>>> import cxnlp
>>> model = cxnlp.load()
>>> model.predict("Is de winkel zondag open?").causes
()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxnlp.classifier import Classifier, load
    from cxnlp.errors import CxnlpError
    from cxnlp.labels import CAUSES, EMOTIONS
    from cxnlp.types import Evidence, Prediction

__version__ = "0.3.1"
__all__ = [
    "CAUSES",
    "EMOTIONS",
    "Classifier",
    "CxnlpError",
    "Evidence",
    "Prediction",
    "__version__",
    "load",
]

# Looked up on first use, so that `import cxnlp` costs next to nothing.
_WHERE = {
    "CAUSES": "labels",
    "EMOTIONS": "labels",
    "Classifier": "classifier",
    "CxnlpError": "errors",
    "Evidence": "types",
    "Prediction": "types",
    "load": "classifier",
}


def __getattr__(name: str) -> object:
    if name in _WHERE:
        from importlib import import_module

        value = getattr(import_module(f"cxnlp.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cxnlp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
