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

from cxnlp.text.lexicon import is_dutch_word, language_words, word_set
from cxnlp.text.signs import DUTCH, FOREIGN

NAMES: Final = {"nl": "Dutch", "en": "English", "de": "German", "fr": "French", "af": "Afrikaans"}

# Not compiled at import: such wide ranges take milliseconds, and few texts need them.
_OTHER_SCRIPT = "[\u0370-\u1cff\u2c80-\u2dff\u3040-\ud7ff\uf900-\ufdff\uff66-\uffdc]"
_LATIN = "[a-zA-Zà-öø-ÿ]"
_MIXED = 6
"""So many distinct Dutch words are a Dutch part of a mixed message, whatever else is in it."""


@dataclass(frozen=True, slots=True)
class Language:
    """An ISO 639-1 code, ``und`` when undetermined, and a rough confidence in [0, 1]."""

    code: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Rivals:
    """For each other language the words that Dutch has not, and the Dutch ones that it has not."""

    pairs: dict[str, tuple[frozenset[str], frozenset[str]]]
    foreign: frozenset[str]  # words of any other language that Dutch has not
    dutch: frozenset[str]  # Dutch words that no other language has


@cache
def _rivals() -> _Rivals:
    table = language_words()
    dutch = table["nl"]
    # Who drops the final n («weke», «wachte») writes Dutch as it is spoken, not Afrikaans.
    spoken = {word.removesuffix("n") for word in dutch if word.endswith("en")}
    pairs = {
        code: (own - dutch - spoken, (dutch | spoken) - own)
        for code, own in table.items()
        if code != "nl"
    }
    return _Rivals(
        pairs,
        frozenset().union(*(theirs for theirs, _ in pairs.values())),
        dutch.intersection(*(ours for _, ours in pairs.values())),
    )


def language(text: str) -> Language:
    """Tell the language of a text: nl, en, de, fr, af or und.

    A text too short to tell is ``nl`` when it has any Dutch word, else ``und``.
    """
    return language_of(word_set(text))


def language_of(words: frozenset[str]) -> Language:
    """Tell the language from the distinct words of a text (`lexicon.word_set`)."""
    rivals = _rivals()
    dutch = len(words & rivals.dutch)
    if dutch > len(words & rivals.foreign):
        return Language("nl", min(1.0, 0.5 + dutch / 10))
    best, lead = "und", 0
    for code, (theirs, ours) in rivals.pairs.items():
        other, own = len(words & theirs), len(words & ours)
        if code == "af":
            other += _has_afrikaans_article(words)
        dutch = max(dutch, own)
        if other > own and other - own > lead and not (own >= _MIXED and own * 3 >= other):
            best, lead = code, other - own
    known = sum(map(is_dutch_word, words)) if lead < 2 else 0
    if lead > 1 or (lead == 1 and known * 2 < len(words)):
        return Language(best, min(1.0, 0.5 + lead / 10))
    return Language("nl" if dutch or known else "und", 0.5 if dutch else 0.0)


def telling_words() -> tuple[frozenset[str], frozenset[str]]:
    """Words that Dutch alone has, and words of another language that Dutch has not."""
    return _rivals().dutch, _rivals().foreign


def is_plainly_dutch(signs: int) -> bool:
    """Whether `language` says Dutch at first sight: Dutch words and none of another language."""
    return signs & (DUTCH | FOREIGN) == DUTCH


def _has_afrikaans_article(words: frozenset[str]) -> bool:
    """Whether «die» may be the article that Afrikaans has for «de», «het» and «een»."""
    return "die" in words and words.isdisjoint(("de", "een", "ik", "niet"))


def is_foreign_script(text: str) -> bool:
    """Whether most letters are of another script than the Latin one."""
    if text.isascii():
        return False
    return len(re.findall(_OTHER_SCRIPT, text)) > len(re.findall(_LATIN, text))
