"""Find personal data in a Dutch or Belgian message, exactly enough to black it out.

A pattern proposes, a check decides: python-stdnum for IBAN, BSN, rijksregisternummer and card
numbers, phonenumbers for telephone numbers. Both are loaded only when there is a candidate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cxnlp.text.mask import IBAN_SHAPE, NOT_POSTCODE
from cxnlp.text.names import person_spans
from cxnlp.types import PiiSpan

LABELS = {
    "email": "E-MAIL",
    "phone": "TELEFOON",
    "iban": "IBAN",
    "bsn": "BSN",
    "rijksregisternummer": "RIJKSREGISTERNUMMER",
    "address": "ADRES",
    "reference": "NUMMER",
    "card": "KAARTNUMMER",
    "licence_plate": "KENTEKEN",
    "birth_date": "GEBOORTEDATUM",
    "name": "NAAM",
}
"""Kind of personal data to the Dutch word that `redact` puts in its place."""

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w,+])(?<!\d[.-])(?:(?:\+|00)[ ]?[1-9]\d(?:[ ./()-]{0,3}\d){7,11}"
    r"|\(0\d{1,3}\)(?:[ ./-]{0,3}\d){6,8}|0[1-9](?:[ ./-]{0,3}\d){7,8})(?![\d]|[,.]\d)"
)
_PHONE_CUE = re.compile(r"\b(?:tel|bel|gsm|nummer|mobiel|fax|whatsapp)", re.I)
_CARD = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){12,18}(?![\w]|[.,]\d)")
_RRN = re.compile(r"(?<![\w.])\d{2}[. ]?\d{2}[. ]?\d{2}[- .]{0,3}\d{3}[. -]?\d{2}(?!\w)")
_BSN = re.compile(r"(?<![\w.,+/-])\d(?:[ .]?\d){7,8}(?![\w]|[.,/-]\d)")
_BSN_CUE = re.compile(r"\b(?:bsn|burgerservice\w*|sofi\w*)\W{0,3}(?:is|nummer|nr)?[\W]{0,5}$", re.I)
_MONEY = re.compile(r"[€$£]\s?$")
_UNIT = re.compile(r"\s?(?:€|euro|eur\b|km|kwh|m3|m²|gb|mb|stuks|keer|x\b|%)", re.I)
_STREET = (
    r"(?:(?!(?:Onder|Half)weg\b)[A-ZÀ-Þ][\w'’.-]{0,40}(?:straat|laan|weg|plein|gracht|kade|singel|dreef|lei|hof|dijk|pad|"
    r"baan|markt|park|plantsoen|burg|veld|dam|wal)|(?:[A-ZÀ-Þ][\w'’.-]{1,30} ){1,3}"
    r"(?:straat|laan|weg|plein|steenweg|gracht|kade|dreef|baan))"
)
_HOUSE = r"\d{1,5}(?: ?-? ?[A-Za-z](?![A-Za-z])|(?:[-/ ]| bus )\d{1,4}(?!\d))?"
_ADDRESS = re.compile(
    rf"(?<!\w)(?:(?:[A-ZÀ-Þ][\w'’.-]{{0,30}} ){{0,2}}{_STREET} {_HOUSE}(?!\w)(?:,? {{0,2}}\n?[1-9]\d{{3}}(?: ?[A-Z]{{2}}(?!\w))?"
    rf"(?: [A-ZÀ-Þ][\w'’-]+)?)?)"
)
_POSTCODE = re.compile(
    r"(?<![\w.,€])[1-9]\d{3} ?([A-Z]{2})(?!\w)(?:(?:,? (?:nr\.? ?|huisnummer )?)\d{1,5}(?:-?[a-z]\b)?(?!\d))?"
)
_BE_POSTCODE = re.compile(r"(?<![\w.,€])[1-9]\d{3} (?=[A-ZÀ-Þ][a-zà-ÿ])(?P<city>[A-ZÀ-Þ][\w'’-]+)")
_REFERENCE = re.compile(
    r"\b(?:(?:klant|order|bestel|factuur|dossier|polis|contract|relatie|aanvraag|lidmaatschaps?|"
    r"zaak|ticket|referentie|rekening|pakket|zending|meter|abonnee|debiteur|kenmerk|reservering|"
    r"reserverings|boekings?|schade|claim|track(?:\s?(?:&|and|en)\s?trace)?)[- ]?"
    r"(?:nummer|nr|code|no|id)|klantnr|ordernr|kenmerk|ref(?:erentie)?|ean(?:-code)?)\b\.?\s{0,2}(?:is|was|:|=|#|-|met|nummer|nr\.?|\s){0,4}"
    r"(?P<id>(?=[A-Z0-9./-]*\d[A-Z0-9./-]*\d[A-Z0-9./-]*\d)[A-Z0-9]+(?:[./-][A-Z0-9]+|[ ]\d{2,})*)(?!\w)",
    re.I,
)
_BARE_REFERENCE = re.compile(
    r"\b(?:bestelling|dossier|order|polis|factuur|zending|pakket|klant|ticket|reservering)\b"
    r"(?: is|:)?[ #]{1,3}(?P<id>[A-Z]{0,4}-?\d[\d./-]{3,20}\d)(?!\w)",
    re.I,
)
_PLATE = re.compile(
    r"(?<![\w-])(?:[A-Z]{2}-\d{2}-\d{2}|\d{2}-\d{2}-[A-Z]{2}|\d{2}-[A-Z]{2}-\d{2}|[A-Z]{2}-\d{2}-[A-Z]{2}|"
    r"[A-Z]{2}-[A-Z]{2}-\d{2}|\d{2}-[A-Z]{2}-[A-Z]{2}|\d{2}-[A-Z]{3}-\d|\d-[A-Z]{3}-\d{2,3}|"
    r"[A-Z]{2}-\d{3}-[A-Z]|[A-Z]-\d{3}-[A-Z]{2}|[A-Z]{3}-\d{2}-[A-Z]|[A-Z]-\d{2}-[A-Z]{3})(?![\w-])"
)
_BIRTH = re.compile(
    r"\b(?:geboren|geboortedatum|geb\.?|geb\.? ?dat(?:um|\.)?|geboortedag)\W{0,3}(?:is|op|:|\s){0,3}"
    r"(?P<id>\d{1,2}(?:[-/. ]\d{1,2}[-/. ]|e? ?[a-z]{3,9}\.? )(?:19|20)?\d{2})(?!\d)",
    re.I,
)


def find_pii(text: str) -> tuple[PiiSpan, ...]:
    """Spans of personal data in a text, in order and without overlap.

    Kinds are the keys of `LABELS`. Where two candidates overlap, the earlier in this order
    wins: e-mail, IBAN, rijksregisternummer, birth date, phone, card, BSN, reference, address,
    licence plate, name.
    """
    found: list[PiiSpan] = []
    taken = bytearray(len(text))
    for kind, start, end in _candidates(text):
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * (end - start)
            found.append(PiiSpan(kind, start, end))
    return tuple(sorted(found, key=lambda span: span.start))


def redact(text: str) -> str:
    """Give the text with «[TELEFOON]», «[IBAN]» and so on in place of personal data."""
    parts, at = [], 0
    for span in find_pii(text):
        parts += [text[at : span.start], f"[{LABELS[span.kind]}]"]
        at = span.end
    return "".join([*parts, text[at:]])


_Check = Callable[[str, re.Match[str]], bool]


def _candidates(text: str) -> Iterator[tuple[str, int, int]]:
    if "@" in text:
        yield from _found("email", _EMAIL, text)
    if re.search(r"\d", text):
        for kind, pattern, check in _NUMERIC:
            yield from _found(kind, pattern, text, check)
    for start, end in person_spans(text):
        yield "name", start, end


def _found(
    kind: str, pattern: re.Pattern[str], text: str, check: _Check | None = None
) -> Iterator[tuple[str, int, int]]:
    for match in pattern.finditer(text):
        if check is None or check(text, match):
            group = "id" if "id" in pattern.groupindex else 0
            yield kind, match.start(group), match.end(group)


def _digits(match: re.Match[str]) -> str:
    return "".join(c for c in match[0] if c.isdigit())


def _count(text: str) -> int:
    return sum(c.isdigit() for c in text)


def _is_iban(text: str, match: re.Match[str]) -> bool:
    from stdnum import iban

    return bool(
        iban.is_valid(match[0].upper().replace(".", "").replace("-", ""), check_country=False)
    )


def _is_rrn(text: str, match: re.Match[str]) -> bool:
    from stdnum.be import nn

    return len(_digits(match)) == 11 and bool(nn.is_valid(_digits(match)))


def _is_card(text: str, match: re.Match[str]) -> bool:
    from stdnum import luhn

    digits = _digits(match)
    return digits[0] in "23456" and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def _is_bsn(text: str, match: re.Match[str]) -> bool:
    if _BSN_CUE.search(text, max(0, match.start() - 40), match.start()):
        return True
    digits = _digits(match)
    if len(digits) != 9 or len(set(digits)) == 1 or _amount(text, match):
        return False
    from stdnum.nl import bsn

    return bool(bsn.is_valid(digits))


def _is_phone(text: str, match: re.Match[str]) -> bool:
    import phonenumbers

    if _amount(text, match):
        return False
    if (
        match[0].isdigit()
        and len(match[0]) == 9
        and not _PHONE_CUE.search(text, max(0, match.start() - 40), match.start())
    ):
        return False  # «meterstand 012345678»
    number = match[0].replace("(0)", "")
    for region in ("NL", "BE"):
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(number, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_postcode(text: str, match: re.Match[str]) -> bool:
    return match[1] not in NOT_POSTCODE


def _is_belgian_place(text: str, match: re.Match[str]) -> bool:
    from cxnlp.text.lexicon import known_names

    return match["city"].lower() in known_names().capital


def _amount(text: str, match: re.Match[str]) -> bool:
    before = _MONEY.search(text, max(0, match.start() - 3), match.start())
    return bool(before or _UNIT.match(text, match.end()))


_NUMERIC: tuple[tuple[str, re.Pattern[str], _Check | None], ...] = (
    ("iban", IBAN_SHAPE, _is_iban),
    ("rijksregisternummer", _RRN, _is_rrn),
    ("birth_date", _BIRTH, None),
    ("bsn", _BSN, lambda text, m: bool(_BSN_CUE.search(text, max(0, m.start() - 40), m.start()))),
    ("reference", _REFERENCE, None),
    ("reference", _BARE_REFERENCE, lambda text, m: not _amount(text, m) and _count(m["id"]) > 4),
    ("phone", _PHONE, _is_phone),
    ("card", _CARD, _is_card),
    ("bsn", _BSN, _is_bsn),
    ("address", _ADDRESS, None),
    ("address", _POSTCODE, _is_postcode),
    ("address", _BE_POSTCODE, _is_belgian_place),
    ("licence_plate", _PLATE, None),
)
