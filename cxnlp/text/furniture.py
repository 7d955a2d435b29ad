"""Find what a mail carries besides the message: quotes, signatures, disclaimers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cxnlp.text.offsets import Edit, Rewriter
from cxnlp.text.places import matches, places
from cxnlp.text.signs import CLOSING, QUOTED

# No such word, and no run that begins so or holds that: nothing to do. Keep in step with the
# patterns below.
QUOTED_WORDS = frozenset(
    [
        "schreef",
        "geschreven",
        "wrote",
        "écrit",
        "verzonden",
        "verstuurd",
        "gestuurd",
        "sent",
        "outlook",
        "disclaimer",
    ]
)
_QUOTED_STARTS = (">", "-", "_", ":", "de:")
_QUOTED_PARTS = re.compile(
    "van:|from:|vertrouwelijk|uitsluitend|bestemd|rechten|confidential|intended|milieu|printing|"
    "environment"
)
CLOSING_WORDS = frozenset(
    [
        "groet",
        "groeten",
        "groetjes",
        "mvg",
        "gr",
        "v",  # «m.v.g.», and two letters together
        "mv",
        "vg",
        "hoogachtend",
        "regards",
        "cordialement",
    ]
)

_LINE = re.I | re.M
_QUOTED = re.compile(r"^>.*\n?", re.M)
_REPLY = re.compile(
    r"^(?:op|on|le|am) [^\n]{4,160}(?:\n[^\n]{0,80})?\b(?:schreef|wrote|geschreven|a écrit)\b[^\n]{0,120}:$",
    _LINE,
)
_SEPARATOR = re.compile(
    r"^[-_ ]{2,}(?:oorspronkelijk|doorgestuurd|original|forwarded)[a-z ]{0,20}[-_ ]*:?$|^_{10,}$",
    _LINE,
)
_HEADERS = re.compile(
    r"^(?:van|from|de) ?: ?[^\n]{1,200}\n(?:(?:verzonden|datum|date|sent|aan|to|cc|onderwerp|"
    r"subject|objet)\w* ?:[^\n]{0,300}\n?){1,6}",
    _LINE,
)
_HEADERS_INLINE = re.compile(
    r"\b(?:van|from): ?[^\n:]{1,120}\b(?:verzonden|sent|datum): ?[^\n]{1,120}?\b(?:aan|to): ", re.I
)
_SIGNATURE = re.compile(r"^-- ?$", re.M)
_CLOSING = re.compile(
    r"(?:^|(?<=[.!?,;)] ))(?:met (?:de |een )?(?:vriendelijke|hartelijke|beleefde|sportieve|warme) "
    r"groet(?:en|jes)?|m\.?v\.?g\b\.?|hoogachtend|(?:vriendelijke|hartelijke|vele|beste|lieve) "
    r"groet(?:en|jes)?|groet(?:en|jes)?|met beleefde groeten?|gr\b\.?|(?:kind|best) regards|"
    r"cordialement)(?=[\s,.!:]|$)",
    _LINE,
)
_CLOSING_START = re.compile(r"[bcghklmvBCGHKLMV](?:(?<=^.)|(?<=[.!?,;)] .))", re.M)
_DEVICE = re.compile(
    r"(?:^|(?<=[.!?,)] ))(?:(?:verzonden|verstuurd|gestuurd) (?:vanaf|via|met|van|uit) (?:mijn |een |"
    r"de )?(?:\w[\w.-]{0,20} ?){1,5}|sent from (?:my )?[^\n]{1,40}|"
    r"(?:get |download )?outlook (?:for|voor) (?:ios|android)[^\n]{0,60})$\n?",
    _LINE,
)
_DISCLAIMER = re.compile(
    r"^(?:disclaimer\b|(?:dit|deze|de informatie|de inhoud|aan deze?|aan dit|this|the information|"
    r"denk aan het milieu|please consider)\b[^\n]{0,200}(?:vertrouwelijk|uitsluitend|bestemd voor|"
    r"geen rechten|confidential|intended|milieu|printing|environment))",
    _LINE,
)
_CLOSING_CUES = ("groet", "mvg", "m.v", "mv.g", "gr", "hoogachtend", "regards", "cordialement")
_CLOSING_BEFORE = 30
"""A closing begins at most so many characters before such a word: «met een vriendelijke »."""
# What a lower-cased text holds in which the pattern can match: plain strings are found faster.
_CUES: dict[re.Pattern[str], tuple[str, ...]] = {
    _QUOTED: (">",),
    _REPLY: ("schreef", "wrote", "geschreven", "écrit"),
    _SEPARATOR: ("oorspronkelijk", "doorgestuurd", "original", "forwarded", "__________"),
    _HEADERS: ("van:", "van :", "from:", "from :", "de:", "de :"),
    _HEADERS_INLINE: ("van:", "from:"),
    _SIGNATURE: ("--",),
    _DISCLAIMER: (
        "disclaimer", "vertrouwelijk", "uitsluitend", "bestemd voor", "geen rechten",
        "confidential", "intended", "milieu", "printing", "environment",
    ),
}  # fmt: skip
_DEVICE_STARTS = (
    "verzonden", "verstuurd", "gestuurd", "sent from", "outlook", "get outlook", "download outlook",
)  # fmt: skip
_LETTER = re.compile(r"[^\W\d_]")
_POSTSCRIPT = re.compile(r"^p\.?s\b", _LINE)
_SIGNATURE_CHARS = 400
_SIGNATURE_LINES = 10


def furniture_signs(run: str) -> int:
    """Whether a run of characters without space may begin or show quoted mail."""
    low = run.lower()
    return QUOTED if low.startswith(_QUOTED_STARTS) or _QUOTED_PARTS.search(low) else 0


def drop_furniture(work: Rewriter, signs: int) -> None:
    """Remove quoted mail, signatures and disclaimers; if nothing is left, keep the text.

    ``signs`` are those of the text (`cxnlp.text.glance`).
    """
    text = work.text
    low = text.lower()
    cuts = _quoted(text, low) if signs & QUOTED else []
    if signs & CLOSING:
        cuts += _signed(text, low, cuts)
    edits = _merge(cuts, len(text))
    if edits and _LETTER.search("".join(_rest(text, edits))):
        work.apply(edits)


def _quoted(text: str, low: str) -> list[tuple[int, int]]:
    """Quoted mail, headers, disclaimers, and what a device or program adds."""
    size = len(text)

    def found(pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        for cue in _CUES[pattern]:
            if cue in low:
                return pattern.finditer(text)
        return iter(())

    cuts = [m.span() for m in found(_QUOTED)]
    quoted = bool(cuts)
    for reply in found(_REPLY) if ":\n" in text or text.endswith(":") else ():
        # An answer below the quoted lines is kept; with no such lines all that follows is quoted.
        cuts.append((reply.start(), reply.end() if quoted else size))
    for pattern in (_SEPARATOR, _HEADERS, _HEADERS_INLINE):
        if match := next(found(pattern), None):
            leading = not _LETTER.search(text, 0, match.start())
            cuts.append((match.start(), match.end() if leading else size))
    for pattern in (_SIGNATURE, _DISCLAIMER):
        match = next(found(pattern), None)
        if match and _LETTER.search(text, 0, match.start()):
            cuts.append((match.start(), size))
    return cuts + [m.span() for m in matches(_DEVICE, text, low, _DEVICE_STARTS)]


def _signed(text: str, low: str, cuts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A closing with what follows it up to the next cut, if that reads like a signature."""
    for match in _closings(text, low):
        end = min((start for start, _ in cuts if start >= match.end()), default=len(text))
        rest = text[match.end() : end]
        if (
            len(rest) <= _SIGNATURE_CHARS
            and rest.count("\n") <= _SIGNATURE_LINES
            and _is_signature(rest)
        ):
            after = _POSTSCRIPT.search(text, match.end(), end)
            return [(match.start(), after.start() if after else end)]
    return []


def _closings(text: str, low: str) -> Iterator[re.Match[str]]:
    """As ``_CLOSING.finditer(text)``, tried only shortly before a word that one holds."""
    done = 0
    for cue in places(low, _CLOSING_CUES):
        for start in _CLOSING_START.finditer(text, max(done, cue - _CLOSING_BEFORE), cue + 1):
            if start.start() >= done and (match := _CLOSING.match(text, start.start())):
                yield match
                done = match.end()


def _is_signature(rest: str) -> bool:
    """Whether what follows a closing reads like names and addresses, not like sentences."""
    body = _POSTSCRIPT.split(rest)[0].strip(" ,.!:\n")
    lines = body.split("\n")
    return all(len(line.split()) <= 9 for line in lines)


def _merge(cuts: list[tuple[int, int]], size: int) -> list[Edit]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(cuts):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return [(start, end, "" if end == size or start == 0 else "\n") for start, end in merged]


def _rest(text: str, edits: list[Edit]) -> list[str]:
    at, parts = 0, []
    for start, end, _ in edits:
        parts.append(text[at:start])
        at = end
    parts.append(text[at:])
    return parts
