"""Text: what a model sees of a message, and where in the original it stood."""

from cxnlp.text.language import Language, language
from cxnlp.text.mask import PLACEHOLDERS
from cxnlp.text.offsets import OffsetMap
from cxnlp.text.prepare import MAX_CHARS, Prepared, prepare
from cxnlp.text.redact import find_pii, redact
from cxnlp.text.segment import clauses, sentences

__all__ = [
    "MAX_CHARS",
    "PLACEHOLDERS",
    "Language",
    "OffsetMap",
    "Prepared",
    "clauses",
    "find_pii",
    "language",
    "prepare",
    "redact",
    "sentences",
]
