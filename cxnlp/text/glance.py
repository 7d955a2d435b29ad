"""See at a glance which steps of the reading a text needs.

People use the same words again and again. What a run of characters without space can show is
worked out once and remembered, and a text shows what its runs do: a few dozen look-ups tell
that most steps, each of which would search the whole text, have nothing to do.
"""

from __future__ import annotations

from cxnlp.text.furniture import furniture_signs
from cxnlp.text.language import language_signs
from cxnlp.text.lexicon import word_set
from cxnlp.text.mask import mask_signs
from cxnlp.text.names import name_signs
from cxnlp.text.normalise import character_signs

_MOST = 200_000  # runs to remember; then the memory starts anew
_LONGEST = 40  # a longer run is hardly seen twice


class _Memory(dict[str, int]):
    """The signs of each run seen so far; those of a new one are added when it is looked up."""

    def __missing__(self, run: str) -> int:
        words = parts = word_set(run)
        if "-" in run or "'" in run:
            parts = words | word_set(run.replace("-", " ").replace("'", " "))
        found = (
            character_signs(run)
            | furniture_signs(run, parts)
            | mask_signs(run)
            | name_signs(run, parts)
            | language_signs(words)
        )
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
