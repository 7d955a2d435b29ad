"""Tell Dutch, Flemish and sloppy chat included, from English, German, French and Afrikaans.

Each language has a list of function words and everyday words of customers. Against each other
language, only the words count that Dutch and that language do not share. That is exact enough
from four words on, takes microseconds, needs no model, and errs on the side of Dutch: a message
is called foreign only when it has foreign words and they outnumber the Dutch ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from cxnlp.text.lexicon import is_dutch_word, language_words

NAMES: Final = {"nl": "Dutch", "en": "English", "de": "German", "fr": "French", "af": "Afrikaans"}

_WORD = re.compile(r"(?<!_)[^\W\d_]+(?:'[^\W\d_]+)?(?![_\w])|'n\b")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1cff\u2c00-\ud7ff\uf900-\ufdff\uff66-\uffdc]")
_MIXED = 6
"""So many distinct Dutch words are a Dutch part of a mixed message, whatever else is in it."""


@dataclass(frozen=True, slots=True)
class Language:
    """An ISO 639-1 code, ``und`` when undetermined, and a rough confidence in [0, 1]."""

    code: str
    confidence: float


@cache
def _against() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """For each other language: its words that Dutch has not, and the reverse."""
    table = language_words()
    dutch = table["nl"]
    return {code: (own - dutch, dutch - own) for code, own in table.items() if code != "nl"}


def language(text: str) -> Language:
    """Tell the language of a text: nl, en, de, fr, af or und.

    Text too short or too odd to tell is ``nl`` when it has any Dutch word, else ``und``.
    """
    return language_of(_WORD.findall(text.lower()), text)


def language_of(found: list[str], text: str) -> Language:
    """`language` for the lower-cased words of a text."""
    words = frozenset(found)
    best, lead, dutch = "und", 0, 0
    for code, (theirs, ours) in _against().items():
        other, own = len(words & theirs), len(words & ours)
        dutch = max(dutch, own)
        if other > own and other - own > lead and not (own >= _MIXED and own * 3 >= other):
            best, lead = code, other - own
    if best == "und":
        if dutch or any(map(is_dutch_word, found)):
            return Language("nl", min(1.0, 0.5 + dutch / 10))
        return Language("und", 0.0)
    if lead == 1 and _mostly_dutch(found):
        return Language("nl", 0.5)
    return Language(best, min(1.0, 0.5 + lead / 10))


def _mostly_dutch(found: list[str]) -> bool:
    """Whether half of the words are ordinary Dutch words, one foreign word aside."""
    return sum(map(is_dutch_word, found)) * 2 >= len(found)
