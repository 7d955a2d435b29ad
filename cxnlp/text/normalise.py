"""Bring a message to one spelling of characters: Unicode, quotes, HTML, spaces, lengthening.

Every step is skipped when a cheap look shows that it has nothing to do, and all of them but the
spaces when `is_plain` says so, which is the usual case.
"""

from __future__ import annotations

import re
import unicodedata

from cxnlp.text.offsets import Edit, Rewriter
from cxnlp.text.places import matches
from cxnlp.text.signs import UNUSUAL

# One character for one, so that no position moves.
_SAME_LENGTH = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛`´′ʼ", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u2028\u2029\x85\r", "\n"),
        **dict.fromkeys(
            "\t\v\f\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
            "\u202f\u205f\u3000",
            " ",
        ),
        "İ": "I",  # the one character that lower() makes longer
    }
)
_MAPPED = re.compile(f"[{re.escape(''.join(map(chr, _SAME_LENGTH)))}]")
_LONGER = {"…": "...", "ĳ": "ij", "Ĳ": "IJ", "ﬁ": "fi", "ﬂ": "fl", "\ufb00": "ff"}
_EXPAND = re.compile("[…ĳĲﬁﬂ\ufb00]")
# Controls, zero-width and direction marks, variation selectors, lone surrogates, tags.
_DROP = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffc\ud800-\udfff\U000e0000-\U000e0fff]+"
)
# Neither these three nor what follows has any of these: ASCII, Latin letters and signs, «€».
_OTHER = re.compile("[^\n -~\xa1-\xac\xae-\xff€]")
_MARKED = re.compile("[^\u0300-\u036f][\u0300-\u036f]{1,8}|[\u2126\u212a\u212b]")
_STYLED = re.compile("[\U0001d400-\U0001d7ff\uff01-\uff5e]")  # 𝗯𝗼𝗹𝗱 and ｗｉｄｅ letters

_HIDDEN = re.compile(r"<(style|script|head)\b[^<>]{0,300}>.{0,5000}?</\1\s{0,3}>", re.I | re.S)
_TAG = re.compile(
    r"<(?:!--.{0,2000}?--|/?[a-z][a-z0-9]{0,12}(?:[\s/][^<>]{0,500})?/?)>", re.I | re.S
)
_BREAKING = re.compile(r"</?(?:br|p|div|li|ul|ol|tr|table|h\d|hr|blockquote)\b", re.I)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.I)

_SPACES = re.compile(r"[ \n][ \n]+")
_LONG = re.compile(r"([^\d\s_])\1{2,}")
_DOUBLED_MARKS = frozenset("!?")
_VOWELS = frozenset("aeiou")
_TRIPLE = re.compile(r"(.)\1\1")
_ODD = re.compile(r"[&<`]|(.)\1\1", re.I)


def normalise(work: Rewriter) -> None:
    """Normalise the text in place: HTML, characters, spaces, lengthened words."""
    text = work.text
    if "&" in text or "<" in text:
        _html(work)
        text = work.text
    _characters(work)
    trim(work)
    shorten(work)


def character_signs(run: str) -> int:
    """Whether a run of characters without space is `UNUSUAL` (see `cxnlp.text.signs`)."""
    if run.isascii() and not _ODD.search(run):
        return 0
    work = Rewriter(run)
    normalise(work)
    # A tag may go on in the next run, and an accent may belong to the space before it.
    odd = work.text != run or "<" in run or unicodedata.combining(run[0])
    return UNUSUAL if odd else 0


def is_plain(text: str, signs: int) -> bool:
    """Whether spaces and line breaks are all that `normalise` may have to change."""
    return not signs & UNUSUAL and (text.isprintable() or text.replace("\n", "").isprintable())


def trim(work: Rewriter) -> None:
    """Squeeze spaces; a line break stays one line break; nothing at either end."""
    text = work.text
    if "  " in text or "\n" in text or text[:1] == " " or text[-1:] == " ":
        work.apply(_space_edits(text))


def shorten(work: Rewriter) -> None:
    """Shorten what was typed for stress: «neeeee» to «nee», «!!!!» to «!!»."""
    # Far faster than `_LONG`; what it finds besides (digits), `_LONG` leaves alone.
    if _TRIPLE.search(work.text.lower()):
        work.apply(_short_edits(work.text))


def _html(work: Rewriter) -> None:
    for _ in range(2):  # mail is at times escaped twice
        if "<" in work.text:
            work.sub(_HIDDEN, "\n")
            work.sub(_TAG, lambda m: "\n" if _BREAKING.match(m[0]) else "")
        if not _ENTITY.search(work.text):
            return
        from html import unescape

        work.sub(_ENTITY, lambda m: unescape(m[0]))


def _characters(work: Rewriter) -> None:
    if _MAPPED.search(work.text):
        work.text = work.text.translate(_SAME_LENGTH)
    if not _OTHER.search(work.text):
        return
    work.sub(_DROP, "")
    if work.text.isascii():
        return
    work.sub(_EXPAND, lambda m: _LONGER[m[0]])
    if not unicodedata.is_normalized("NFC", work.text):
        work.sub(_MARKED, lambda m: unicodedata.normalize("NFC", m[0]))
    work.sub(_STYLED, lambda m: unicodedata.normalize("NFKC", m[0]))
    # Composing may have made the one character again that lower() makes longer.
    work.text = work.text.replace("İ", "I")


def _space_edits(text: str) -> list[Edit]:
    size = len(text)
    first, last = size - len(text.lstrip(" \n")), len(text.rstrip(" \n"))
    edits = [(0, first, "")] if first else []
    for match in matches(_SPACES, text, text, ("  ", "\n\n", " \n", "\n ")):
        start, end = match.span()
        if first <= start < last:
            edits.append((start, end, "\n" if "\n" in match[0] else " "))
    if first < last < size:
        edits.append((last, size, ""))
    return edits


def _short_edits(text: str) -> list[Edit]:
    edits = []
    for match in _LONG.finditer(text.lower()):
        start, end = match.span()
        letter = match[1]
        keep = _keep(text, start, end, letter)
        if keep < end - start:
            edits.append((start + keep, end, ""))
    return edits


def _keep(text: str, start: int, end: int, letter: str) -> int:
    """How many of a run of three or more to keep."""
    if letter == ".":
        return 3
    if not letter.isalpha():
        return 2 if letter in _DOUBLED_MARKS or ord(letter) > 0x2000 else 3
    if letter in "wx" and end - start == 3:  # www, xxx
        return 3
    before = text[start - 1].lower() if start else " "
    after = text[end].lower() if end < len(text) else " "
    if letter in _VOWELS:
        if letter == "e" and not after.isalpha():
            return 2  # nee, twee
        # heel, zoon, maar, uur; but ja, zo, leuk, moet, bij
        return 2 if letter != "i" and after.isalpha() and before not in _VOWELS else 1
    return 2 if after in _VOWELS and before in _VOWELS else 1  # lekker; but niet
