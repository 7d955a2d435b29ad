"""The one way in: from a message as it came to what a model sees of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cxnlp.text.furniture import drop_furniture
from cxnlp.text.glance import glance
from cxnlp.text.language import NAMES, is_foreign_script, is_plainly_dutch, language_of
from cxnlp.text.lexicon import word_set
from cxnlp.text.mask import mask
from cxnlp.text.normalise import is_plain, normalise, trim
from cxnlp.text.offsets import OffsetMap, Rewriter
from cxnlp.text.signs import FURNITURE

MAX_CHARS = 20_000
"""Characters of a message that are read; a longer one is cut, with a reason."""

_ENOUGH_WORDS = 5
"""With so many distinct words and none of them Dutch, a text is out of scope."""

_LETTER = re.compile(r"[^\W\d_]")
_PLACEHOLDER = re.compile(r"_[a-z]+_")


@dataclass(slots=True)  # not frozen: that takes longer than all the rest of making one
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

    @classmethod
    def outside(cls, reason: str, original: str = "") -> Prepared:
        """Stand in for a message that cannot be read at all; out of scope, with the reason."""
        return cls("", original, OffsetMap(), "und", in_scope=False, reasons=(reason,))

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
    signs = glance(work.text)
    if is_plain(work.text, signs):
        trim(work)
    else:
        normalise(work)
        signs = glance(work.text)
    message = work.text
    if signs & FURNITURE:
        drop_furniture(work, signs)
        if work.text is not message:
            trim(work)
            message = work.text
            signs = glance(message)
    mask(work, signs)
    seen = work.text
    code, problem = "und", _no_message(seen)
    if not problem:
        code, problem = _not_dutch(message, signs)
    if problem:
        reasons = (problem, *reasons)
    return Prepared(seen, text, work.offsets, code, not problem, reasons)


def _no_message(seen: str) -> str:
    if not seen:
        return "empty: there is no text"
    if seen[0].isalpha():
        return ""
    if not _LETTER.search(seen):
        return "empty: there are no letters"
    if "_" in seen and not _LETTER.search(_PLACEHOLDER.sub("", seen)):
        return "no_message: there are only names, numbers or links"
    return ""


def _not_dutch(message: str, signs: int) -> tuple[str, str]:
    """Return the language code, and what is wrong with it or an empty string."""
    if is_plainly_dutch(signs):
        return "nl", ""
    words = word_set(message)
    code = language_of(words).code
    if code == "nl":
        return code, ""
    if code != "und":
        return code, f"not_dutch: looks like {NAMES[code]} ({code})"
    if is_foreign_script(message):
        return code, "not_dutch: most letters are of another script"
    if len(words) >= _ENOUGH_WORDS:
        return code, "not_dutch: there is no Dutch word"
    return code, ""
