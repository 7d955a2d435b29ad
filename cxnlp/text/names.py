"""Find names of people, companies and places, so that none of them sways a prediction.

There is no list of all names: a capitalised word in mid-sentence that is no ordinary Dutch word
is taken for one. Words that are shouted in capitals stay words, and so do capitals at the start
of a sentence, unless the word is a known name or is a name elsewhere in the same message.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cache, lru_cache

from cxnlp.text.lexicon import dutch_words, is_dutch_word, known_names, language_words, word_set
from cxnlp.text.offsets import Edit
from cxnlp.text.places import matches
from cxnlp.text.signs import CAPITAL, CUE, HINT, KNOWN, TITLE

NAME = "_naam_"
ADDRESS = "_adres_"

# The first capital is taken out of the choice, since what begins with a set is found faster.
_CAPITAL = re.compile(
    r"[A-ZÀ-ÖØ-Þ](?:(?<=[A-Z])\.(?:[A-Z]\.){0,3}"  # initials
    r"(?= ?(?:(?:van|de|der|den|ter|ten|'t) ){0,2}[A-ZÀ-Þ][a-zà-ÿ])"
    r"|[^\W_]*(?:['’&.-][^\W_]+)*)"
)
_TOUCHED = re.compile(r"[A-Z]\.|[\d'’_-]")
_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*")
# What may stand between the capitals of one name: «Jan van der Berg», «Jansen & Zonen».
_LINK = re.compile(
    r" (?:(?:van|von|de|den|der|het|ter|ten|te|el|al|la|le|du|bin|'t|v\.?d\.?|&|d) ){0,3}$"
)
_LINK_CHARS = 16
"""So far from the last name, a word is no part of it."""
_COMPANY_TAIL = frozenset(
    [
        "bank",
        "bv",
        "nv",
        "b.v",
        "n.v",
        "group",
        "groep",
        "nederland",
        "belgië",
        "belgium",
        "holding",
    ]
)
_STREET_ENDS = (
    "straat", "laan", "weg", "plein", "gracht", "kade", "singel", "dreef", "steenweg", "lei", "hof",
    "dijk", "pad", "straatje",
)  # fmt: skip
_TITLE = re.compile(
    r"\b(?:dhr|mevr|mw|mvr|meneer|mijnheer|mevrouw|heer|juffrouw|dokter|dr|drs|ir|mr|meester)\b\.? "
    r"(?:en (?:mevr\w*|mw)\.? )?(?=(?:van |de |der |den |ter |'t ){0,3}(?-i:[A-ZÀ-Þ]))",
    re.I,
)
_INTRODUCTION = re.compile(
    r"\b(?:mijn naam is\b|naam ?:|ik heet\b|ik ben (?=(?-i:[A-ZÀ-Þ]))|(?:je|u) spreekt met\b|"
    r"(?:gesproken|contact|gebeld) met (?=(?-i:[A-ZÀ-Þ]))|genaamd\b|groet(?:en|jes)?\b[,.!]?|mvg\b,?|"
    r"hoogachtend\b,?|t\.a\.v\.) ?\n?",
    re.I,
)
# How a match of these begins, in lower case.
_TITLE_STARTS = (
    "dhr", "mevr", "mw", "mvr", "meneer", "mijnheer", "heer", "juffrouw", "dokter", "dr", "ir",
    "mr", "meester",
)  # fmt: skip
_INTRODUCTION_STARTS = (
    "mijn naam is", "naam", "ik heet", "ik ben ", "je spreekt met", "u spreekt met",
    "gesproken met ", "contact met ", "gebeld met ", "genaamd", "groet", "mvg", "hoogachtend",
    "t.a.v.",
)  # fmt: skip
_FULL_NAME = re.compile(
    r"(?:(?:van|de|der|den|ter|ten|el|'t) ){0,3}[A-ZÀ-Þ][\w'’.-]*"
    r"(?: (?:(?:van|de|der|den|ter|ten|el|'t) ){0,3}[A-ZÀ-Þ][\w'’-]+){0,3}"
)
_GIVEN = re.compile(r"(?:(?:van|de|der|den|ter|ten|el|'t) ){0,3}[^\W\d_][\w'’-]+")
CUE_WORDS = frozenset(
    [
        "naam",
        "heet",
        "spreekt",
        "genaamd",
        "groet",
        "groeten",
        "groetjes",
        "mvg",
        "hoogachtend",
        "t",  # «t.a.v.»
    ]
)
HINT_WORDS = frozenset(["ben", "gesproken", "contact", "gebeld"])
"""What introduces a name if a capital follows: «ik ben», «gebeld met»."""
TITLE_WORDS = frozenset(
    [
        "dhr",
        "mevr",
        "mw",
        "mvr",
        "meneer",
        "mijnheer",
        "mevrouw",
        "heer",
        "juffrouw",
        "dokter",
        "dr",
        "drs",
        "ir",
        "mr",
        "meester",
    ]
)
# After an unknown word at the start of a sentence, these show that it names somebody.
_VERB = re.compile(
    r" (?:belt|heeft|wil|doet|levert|geeft|zegt|zei|stuurt|reageert|neemt|weigert|laat|houdt|rekent|"
    r"vraagt|bezorgt|antwoordt|belde|beloofde|leverde|stuurde)\b"
)
_ACRONYM = 5
"""Letters of the longest word in capitals that is taken for a name, not for a shout."""
_ENDERS = frozenset(".!?:;\n\"'()[]*•>|/-")


def name_signs(run: str) -> int:
    """Whether a run of characters without space holds a capital that may name, or `NAME`."""
    low = run.lower()
    known = NAME in run or ("." in run and any(name in low for name in _dotted_names()))
    found = KNOWN if known else 0
    capitals = [] if run.islower() else _CAPITAL.findall(run)
    # A capital before a point may be an initial, and what touches a digit or a sign may be
    # another word when the whole text is read.
    if capitals and (_TOUCHED.search(run) or not all(map(_is_harmless, capitals))):
        found |= CAPITAL
    return found


@cache
def _dotted_names() -> tuple[str, ...]:
    """Known names that no word is: «bol.com»."""
    return tuple(name for name in sorted(known_names().any) if "." in name)


def name_edits(text: str, signs: int) -> list[Edit]:
    """Give the edits that put a placeholder where a name is.

    ``signs`` are those of the text (`cxnlp.text.glance`).
    """
    low = text.lower()
    spans = []
    if signs & (CAPITAL | TITLE):
        spans = _capitalised(text, low, titled=bool(signs & TITLE))
    if signs & CUE or (signs & HINT and signs & CAPITAL):
        spans += _introduced(text, low)
    if NAME in text:  # a company's web address, already masked: joins «Jan van bol.com»
        spans += [(m.start(), m.end(), NAME) for m in re.finditer(NAME, text)]
    if signs & KNOWN:
        known = known_names().any
        spans += [(m.start(), m.end(), NAME) for m in _WORD.finditer(low) if m[0] in known]
    return _join(text, spans) if spans else []


def person_spans(text: str) -> list[tuple[int, int]]:
    """Names of people in a text as it came: after a cue or a title, with the given name first."""
    low = text.replace("İ", "I").lower()
    words = word_set(low)
    spans = [] if words.isdisjoint(CUE_WORDS | HINT_WORDS) else _introduced(text, low)
    if not words.isdisjoint(TITLE_WORDS):
        for title in matches(_TITLE, text, low, _TITLE_STARTS):
            if full := _FULL_NAME.match(text, title.end()):
                spans.append((full.start(), full.end(), NAME))
    return [(start, end) for start, end, _ in _join(text, spans)] if spans else []


def _introduced(text: str, low: str) -> list[tuple[int, int, str]]:
    """Names after a cue, also in lower case: «mijn naam is els de wit»."""
    spans = []
    for cue in matches(_INTRODUCTION, text, low, _INTRODUCTION_STARTS):
        at = cue.end()
        while match := _GIVEN.match(text, at):
            word = low[match.start() : match.end()].split(" ")[-1]
            if is_dutch_word(word) or word.startswith("_"):
                break
            spans.append((match.start(), match.end(), NAME))
            at = match.end()
            if text[at : at + 1] != " " or not (at + 1 < len(text)):
                break
            at += 1
            if not text[match.end() - len(word)].isupper() and not _GIVEN.match(text, at):
                break
    return spans


def _capitalised(text: str, low: str, *, titled: bool) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    starts: list[tuple[int, int]] = []
    seen: set[str] = set()
    names, function_words = known_names(), language_words()["nl"]
    titles = {m.end() for m in matches(_TITLE, text, low, _TITLE_STARTS)} if titled else set()
    shouting: bool | None = None
    previous = (-1, False)  # end of the last name, and whether it was a given name
    for match in _CAPITAL.finditer(text):
        start, end = match.span()
        # Most capitals: the first word of a sentence, with no name shortly before it.
        alone = previous[0] < 0 or start - previous[0] >= _LINK_CHARS
        if alone and not titles and _is_harmless(match[0]):
            continue
        word = low[start:end]
        if start and text[start - 1] in "_#":
            continue
        initial = word[-1] == "."
        opening = start == 0 or text[start - 1] in _ENDERS or text[start - 2 : start - 1] in _ENDERS
        linked = 0 <= previous[0] < start and _is_link(text, previous[0], start)
        if titles and (title := _title_before(text, start, titles)) is not None:
            name = True
            start = title
        elif word in names.capital or word in names.person:
            name = not (opening and word in dutch_words() and word not in names.person) or linked
            if match[0].isupper() and len(word) > 3 and word in dutch_words():
                name = False
        elif (
            linked and ((previous[1] and word not in function_words) or word in _COMPANY_TAIL)
        ) or _is_street(text, word, end, opening=opening):
            name = True
        elif initial:
            name = not opening
        elif is_dutch_word(word) or len(word) == 1:
            name = False
        elif match[0].isupper() and len(word) > 1:
            if shouting is None:
                shouting = _is_shouting(text)
            name = not shouting and not opening and len(word) <= _ACRONYM
        elif opening and not _VERB.match(text, end):
            starts.append((start, end))
            name = False
        else:
            name = True
        if name:
            street = _is_street(text, word, end, opening=opening)
            spans.append((start, end, ADDRESS if street else NAME))
            seen.add(word)
            previous = (end, initial or word in names.person or start in titles)
    if starts and spans:
        begins = [start for start, _, _ in spans]
        spans += [(s, e, NAME) for s, e in starts if low[s:e] in seen or _named(text, e, begins)]
    return spans


@lru_cache(maxsize=20_000)
def _is_harmless(word: str) -> bool:
    """Whether a capitalised word is no name where no name or title stands right before it."""
    low = word.lower()
    names = known_names()
    return (
        low[-1] != "."
        and low not in names.capital
        and low not in names.person
        and not low.endswith(_STREET_ENDS)
        and (len(low) == 1 or is_dutch_word(low))
    )


def _is_street(text: str, word: str, end: int, *, opening: bool) -> bool:
    """Whether a capitalised word is a street: «Kerkstraat», and at a sentence start with number."""
    if len(word) < 6 or not word.endswith(_STREET_ENDS) or word in dutch_words():
        return False
    return not opening or text.startswith(" _getal_", end)


def _is_link(text: str, end: int, start: int) -> bool:
    if start == end:
        return text[end - 1] == "."  # «J.Jansen»
    if start == end + 1:
        return text[end] == " "
    return start - end < _LINK_CHARS and _LINK.match(text, end, start) is not None


def _title_before(text: str, start: int, titles: set[int]) -> int | None:
    """Return the end of a title with only small words after it: «mevrouw van den Berg»."""
    for at in range(start, max(-1, start - 16), -1):
        if at in titles and (at == start or _LINK.match(" " + text[at:start])):
            return at
    return None


def _named(text: str, end: int, begins: list[int]) -> bool:
    """Tell a name at the start of a sentence by the one right after it: «Mieke Peeters»."""
    after = bisect_left(begins, end)
    return after < len(begins) and _is_link(text, end, begins[after])


def _is_shouting(text: str) -> bool:
    """Whether capitals are the writer's habit: a third of the words of two letters or more."""
    words = [word for word in _WORD.findall(text) if len(word) > 1]
    return 3 * sum(map(str.isupper, words)) > len(words)


def _join(text: str, spans: list[tuple[int, int, str]]) -> list[Edit]:
    """One placeholder for a run of name parts: «Jan de Vries», «Jansen & Zonen»."""
    spans.sort()
    joined = [spans[0]]
    for start, end, kind in spans[1:]:
        last_start, last_end, last_kind = joined[-1]
        if start < last_end:
            joined[-1] = (last_start, max(end, last_end), last_kind)
        elif kind == last_kind and _is_link(text, last_end, start):
            joined[-1] = (last_start, end, kind)
        else:
            joined.append((start, end, kind))
    return joined
