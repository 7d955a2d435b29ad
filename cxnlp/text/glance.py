"""See at a glance which steps of the reading a text needs.

People use the same words again and again. What a run of characters without space can show is
worked out once and remembered, and a text shows what its runs do: a few dozen look-ups tell
that most steps, each of which would search the whole text, have nothing to do.
"""

from __future__ import annotations

from functools import cache

from cxnlp.text.furniture import CLOSING_WORDS, QUOTED_WORDS, furniture_signs
from cxnlp.text.language import telling_words
from cxnlp.text.lexicon import known_names, word_set
from cxnlp.text.mask import mask_signs
from cxnlp.text.names import CUE_WORDS, HINT_WORDS, TITLE_WORDS, name_signs
from cxnlp.text.normalise import character_signs
from cxnlp.text.signs import CLOSING, CUE, DUTCH, FOREIGN, HINT, KNOWN, QUOTED, TITLE, WEB

_MOST = 200_000  # runs to remember; then the memory starts anew
_LONGEST = 40  # a longer run is hardly seen twice
_MARKS = ".,!?"


@cache
def _signs_of_words() -> dict[str, int]:
    dutch, foreign = telling_words()
    table: dict[str, int] = {}
    for words, sign in (
        (QUOTED_WORDS, QUOTED),
        (CLOSING_WORDS, CLOSING),
        (TITLE_WORDS, TITLE),
        (("www",), WEB),
        (CUE_WORDS, CUE),
        (HINT_WORDS, HINT),
        (known_names().any, KNOWN),
        (dutch, DUTCH),
        (foreign, FOREIGN),
    ):
        for word in words:
            table[word] = table.get(word, 0) | sign
    return table


def _signs_of_run(run: str) -> int:
    table = _signs_of_words()
    found = character_signs(run) | furniture_signs(run)
    word = run.rstrip(_MARKS)
    if word.isascii() and word.isalpha() and word.islower():
        return found | table.get(word, 0)
    found |= mask_signs(run) | name_signs(run)
    for word in word_set(run):
        found |= table.get(word, 0)
    if "-" in run or "'" in run:
        # «ex-mevrouw» has a title, but it is the whole word that tells the language.
        for word in word_set(run.replace("-", " ").replace("'", " ")):
            found |= table.get(word, 0) & ~DUTCH
    return found


class _Memory(dict[str, int]):
    """The signs of each run seen so far; those of a new one are added when it is looked up."""

    def __missing__(self, run: str) -> int:
        found = _signs_of_run(run)
        if len(run) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[run] = found
        return found


_signs_of = _Memory().__getitem__


def glance(text: str) -> int:
    """All signs (`cxnlp.text.signs`) that a text bears."""
    signs = 0
    for found in set(map(_signs_of, text.split())):
        signs |= found
    return signs
