"""Split a text into sentences and clauses, as spans, so that evidence is what one underlines."""

from __future__ import annotations

import re

Span = tuple[int, int]

_BREAK = re.compile(
    r"\n+|[.!?]+[\"')\]]*(?=\s|$)|(?<=[^\W\d_]{2})[!?]+(?=[^\W\d_])"
    r"|(?<=[^\W\d_A-Z]{2})\.(?=[A-Z][^\W\d_]*(?:\s|,))"  # «gebracht.Niet netjes»
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:bijv|bv|d\.w\.z|dwz|m\.a\.w|o\.a|i\.p\.v|ipv|i\.v\.m|n\.a\.v|t\.a\.v|t\.o\.v|"
    r"m\.b\.t|t\.e\.m|t\.n\.v|z\.o\.z|enz|etc|evt|nr|nrs|tel|art|blz|incl|excl|max|min|ca|ong|dhr|"
    r"mevr|mw|mvr|dr|drs|ir|ing|mr|prof|st|jl|resp|vb|vgl|zgn|aub|a\.u\.b|s\.v\.p|e\.d|m\.i|"
    r"o\.i\.d|[a-z])\.$",
    re.I,
)
_LOWER = re.compile(r"\s+[a-zà-ÿ0-9(]")
_CLAUSE = re.compile(
    r"[,;](?=\s)|,(?=[^\W\d_]{2})|:(?=\s)|\s-(?=\s)"
    r"|\s+(?=(?:maar|want|omdat|terwijl|doordat|zodat|hoewel|ondanks|echter|aangezien|waardoor|"
    r"waarna|dus|en (?:toen|daarna|nu|dan|vervolgens|toch|ook|nog|nooit|niemand|ik|wij|we|ze|zij|"
    r"hij|het|er|geen|niet|niets|krijg|kreeg|als|dat|dit|de|weer))\b)",
    re.I,
)
_MIN_WORDS = 2
_LOOK = 60
"""Characters in which a second word is looked for."""


def sentences(text: str) -> list[Span]:
    """Spans of the sentences, without the white space around them."""
    spans: list[Span] = []
    start = 0
    for match in _BREAK.finditer(text):
        end = match.end()
        if text[match.start()] == "." and match[0][-1] == ".":
            goes_on = _LOWER.match(text, end) is not None
            if _ABBREVIATION.search(text, max(0, end - 12), end) and (
                goes_on or text[end - 2].islower()
            ):
                continue
        _add(spans, text, start, end)
        start = end
    _add(spans, text, start, len(text))
    return spans


def clauses(text: str) -> list[Span]:
    """Spans of the clauses: sentences, split at commas and before words like «maar»."""
    spans: list[Span] = []
    for first, last in sentences(text):
        start = first
        for match in _CLAUSE.finditer(text, first, last):
            cut = match.end() if text[match.start()] in ",;:" else match.start()
            # A lone word is no clause: «Helaas, niemand gezien», «rood, wit en blauw».
            if (
                len(text[start:cut].split())
                >= _MIN_WORDS
                <= len(text[cut : min(last, cut + _LOOK)].split())
            ):
                _add(spans, text, start, cut)
                start = cut
        _add(spans, text, start, last)
    return spans


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))
