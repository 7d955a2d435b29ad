"""The one way in: from a message as it came to what a model sees of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cxnlp.text.furniture import drop_furniture
from cxnlp.text.language import NAMES, language
from cxnlp.text.mask import mask
from cxnlp.text.normalise import normalise, trim
from cxnlp.text.offsets import OffsetMap, Rewriter

MAX_CHARS = 20_000
"""Characters of a message that are read; a longer one is cut, with a reason."""

_LETTER = re.compile(r"[^\W\d_]")
_PLACEHOLDER = re.compile(r"_[a-z]+_")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message as a model sees it, with the way back to the original.

    Attributes
    ----------
    text
        Normalised, without mail furniture, with a placeholder (see `PLACEHOLDERS`) in place of
        personal data, names, companies, amounts and numbers. Case is kept.
    original
        The message as it came.
    offsets
        The way from positions in `text` to positions in `original`.
    language
        ISO 639-1 code, or ``und`` when undetermined.
    in_scope
        False for an empty text, one without letters, one with no message, or not Dutch.
    reasons
        Why, as short phrases ``code: detail``; a cut message says so here too.
    """

    text: str
    original: str
    offsets: OffsetMap
    language: str
    in_scope: bool
    reasons: tuple[str, ...] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map the half-open span [start, end) of `text` to one of `original`."""
        return self.offsets.span(start, end)


def prepare(text: str) -> Prepared:
    """Normalise a message, mask what must not sway a prediction, and say if it is in scope.

    Used alike for training and for prediction. Takes any `str` and does not raise; only the
    first `MAX_CHARS` characters are read.
    """
    reasons: tuple[str, ...] = ()
    if len(text) > MAX_CHARS:
        reasons = (f"truncated: only the first {MAX_CHARS} characters were read",)
    work = Rewriter(text[:MAX_CHARS])
    normalise(work)
    drop_furniture(work)
    mask(work)
    trim(work)
    seen = work.text
    code, problem = "und", ""
    if not seen:
        problem = "empty: there is no text"
    elif not _LETTER.search(seen):
        problem = "empty: there are no letters"
    elif "_" in seen and not _LETTER.search(_PLACEHOLDER.sub("", seen)):
        problem = "no_message: there are only names, numbers or links"
    else:
        code = language(seen).code
        if code not in ("nl", "und"):
            problem = f"not_dutch: looks like {NAMES[code]} ({code})"
    if problem:
        reasons = (problem, *reasons)
    return Prepared(seen, text, work.offsets, code, not problem, reasons)
