"""Match a pattern only where it can begin: plain strings are found faster than patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence


def places(low: str, cues: Sequence[str]) -> list[int]:
    """Where any of some strings stands in a text, in order."""
    found = []
    for cue in cues:
        at = low.find(cue)
        while at >= 0:
            found.append(at)
            at = low.find(cue, at + 1)
    found.sort()
    return found


def matches(
    pattern: re.Pattern[str], text: str, low: str, starts: Sequence[str]
) -> Iterator[re.Match[str]]:
    """As ``pattern.finditer(text)``, whose matches begin with one of some lower-case strings."""
    done = 0
    for at in places(low, starts):
        if at >= done and (match := pattern.match(text, at)):
            yield match
            done = match.end()
