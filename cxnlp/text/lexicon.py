"""The word lists that come with the library, read on first use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

_WORD = re.compile(r"[a-zà-öø-ÿœ]+(?:['-][a-zà-öø-ÿœ]+)*")
_ASCII_LETTERS = {i: chr(i) if chr(i).islower() else " " for i in range(128)}
# Forms that few names have: «geëscaleerd», «onbereikbaarheid», «vertraging», «belachelijk».
_DUTCH_FORM = re.compile(
    r"(?:ge|be|ver|ont|her|uitge|aange|opge|afge|inge|doorge)\w{3,}(?:d|t|de|te)$"
    r"|\w{3,}(?:heid|heden|lijke?|baar|bare|loos|loze|teit|aties?|isch|ische|ering|elijk|zaam)$"
)


@dataclass(frozen=True, slots=True)
class Names:
    """Known names, lower-cased: in any spelling, when capitalised, and given names."""

    any: frozenset[str]
    capital: frozenset[str]
    person: frozenset[str]


def _lines(name: str) -> list[str]:
    source = (Path(__file__).parent / "data" / name).read_text(encoding="utf-8")
    return [line for line in source.splitlines() if line and not line.startswith("#")]


def _table(name: str) -> dict[str, frozenset[str]]:
    rows = (line.partition(":") for line in _lines(name))
    return {key: frozenset(words.split()) for key, _, words in rows}


@cache
def dutch_words() -> frozenset[str]:
    """Ordinary Dutch words, lower-cased: those that are no names."""
    return frozenset(_lines("words.txt"))


@cache
def known_names() -> Names:
    """Names of companies, places and people."""
    table = _table("names.txt")
    return Names(table["any"], table["capital"] | table["any"], table["person"])


@cache
def language_words() -> dict[str, frozenset[str]]:
    """Words that tell a language, by ISO 639-1 code."""
    return _table("languages.txt")


def word_set(text: str) -> frozenset[str]:
    """Return the distinct words of a text, lower-cased, without digits and punctuation."""
    low = text.lower()
    if low.isascii() and "'" not in low and "-" not in low:  # the same, in a third of the time
        return frozenset(low.translate(_ASCII_LETTERS).split())
    return frozenset(_WORD.findall(low))


@lru_cache(maxsize=20_000)
def is_dutch_word(word: str) -> bool:
    """Whether a lower-cased word is in the list, or is a compound or form of such words."""
    words = dutch_words()
    if word in words:
        return True
    if "-" in word:
        parts = word.split("-")
        return all(map(is_dutch_word, filter(None, parts))) or "".join(parts) in words
    if _DUTCH_FORM.match(word):
        return True
    for ending in ("en", "s", "e", "t", "n", "'s"):
        if word.endswith(ending) and len(word) - len(ending) > 3 and word[: -len(ending)] in words:
            return True
    for at in range(4, len(word) - 3):
        head, tail = word[:at], word[at:]
        if (head in words or (head[-1] == "s" and head[:-1] in words)) and tail in words:
            return True
    return False
