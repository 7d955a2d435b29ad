"""Put placeholders where a message says a number, an amount, a date, an address or a name.

A model that sees «_bedrag_» instead of «€ 12,50» cannot learn an amount by heart, and another
amount, name or company does not sway it. Numbers are read here, names in `names`.
"""

from __future__ import annotations

import re

from cxnlp.text.names import ADDRESS, NAME, name_edits
from cxnlp.text.offsets import Edit, Rewriter
from cxnlp.text.signs import DIGIT, NAMES, WEB

AMOUNT = "_bedrag_"
NUMBER = "_getal_"
PHONE = "_telefoon_"
MAIL = "_mail_"
IBAN = "_iban_"
URL = "_url_"
DATE = "_datum_"
TIME = "_tijd_"
CODE = "_nummer_"
HANDLE = "_bedrijf_"

PLACEHOLDERS: tuple[str, ...] = (
    AMOUNT, NUMBER, NAME, PHONE, MAIL, IBAN, URL, DATE, TIME, ADDRESS, CODE, HANDLE,
)  # fmt: skip
"""Every placeholder: a word of ASCII letters between underscores, which tokenizers keep whole."""

_WEB_CUE = re.compile(r"[@:.](?:(?<=@)|(?<=:)//|(?<=www\.)|(?<=\.)(?:nl|be|com|eu|org))", re.I)
_WEB = re.compile(
    r"(?P<u>\b(?:https?://|www\.)[^\s<>\"]+)"
    r"|(?P<m>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})"
    r"|(?P<h>(?<![\w@])@\w[\w.-]{0,40}(?<![.-]))"
    r"|(?P<n>(?<![\w.@-])[\w-]{2,63}\.(?:nl|be|com|eu|org)(?P<p>/[^\s<>\"]*)?(?![\w-]))",
    re.I,
)

NOT_POSTCODE = frozenset(
    [
        "OP",
        "EN",
        "IK",
        "IS",
        "DE",
        "AL",
        "NA",
        "OM",
        "IN",
        "TE",
        "ZE",
        "WE",
        "JE",
        "ER",
        "AF",
        "ZO",
        "NU",
        "OF",
        "KM",
        "GB",
        "MB",
        "CM",
        "MM",
        "KG",
        "SA",
        "SD",
        "SS",
    ]
)
"""Two capitals after four digits that are no letters of a Dutch postcode."""

_MONTH = (
    r"(?:januari|jan|februari|feb|maart|mrt|april|apr|mei|juni|jun|juli|jul|augustus|aug|"
    r"september|sept|sep|oktober|okt|november|nov|december|dec)\b(?:\.(?=[ ]\d))?"
)
_PLAIN = r"(?:\d{1,3}(?:[.,]\d{3})+|\d+)(?:[.,]\d{1,2}(?!\d)|[.,]?-{1,2}(?!\w)|,=)?"
_DIGIT = re.compile(r"\d")
_START = re.compile(r"[\d€$£+(]")
# A small number at the end of a clause, or before a word that is no month, amount or time: most
# numbers are such.
_SMALL = re.compile(
    r"(?<![\w-])(?!112|0\d)\d{1,3}"
    r"(?= (?!jan|feb|ma|mr|ap|me|ju|au|se|ok|no|de|eu|ce|ct|uu|[uh]\b)[a-z]|[.,;!?)]+[ \n]|[.,;!?)]*\Z)",
    re.I,
)
# One of these is tried at each place where `_START` is; the first that fits, wins.
_NUMERIC = re.compile(
    rf"""
      (?P<idioom> 24/7 | 112(?!\d) )
    | (?P<nationaal> \d\d[. ]\d\d[. ]\d\d[- .]{{1,3}}\d{{3}}[. -]\d\d(?!\d) )
    | (?P<datum> \d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})(?![-/.]?\d)
        | (?:19|20)\d\d[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?![-/.]?\d)
        | \d{{1,2}}(?:e|ste|de)?[ -]?{_MONTH}(?:[ -]?(?:(?:19|20)\d\d(?!\d)|'\d\d\b))?
        | (?!1/[234]\b|[23]/[34]\b)(?:0?[1-9]|[12]\d|3[01])[/](?:0?[1-9]|1[0-2])(?![-/.,]?\d) )
    | (?P<telefoon> (?:\+|00)[1-9]\d(?:[ ./()-]{{0,3}}\d){{7,11}}(?!\d)
        | \(0\d{{1,3}}\)(?:[ ./-]{{0,2}}\d){{6,8}}(?!\d)
        | 0[1-9](?:[ ./-]{{0,3}}\d){{7,8}}(?![.,/-]?\d) )
    | (?P<bedrag> [€$£][ ]?-?{_PLAIN}
        | {_PLAIN}(?:[ ]?(?:€|euro(?:'?s|tjes)?\b|eur\b|cent(?:en)?\b|ct\b))
        | \d+(?:\.\d{{3}})*(?:,-{{1,2}}|,=)(?!\w) )
    | (?P<tijd> (?:[01]?\d|2[0-4])[:.][0-5]\d(?::[0-5]\d)?[ ]?(?:uur|u|h)\b
        | (?:[01]?\d|2[0-4]):[0-5]\d(?![\d:])
        | (?:[01]?\d|2[0-4])[uh](?:[0-5]\d)?\b
        | (?:(?<=om\ )|(?<=tot\ )|(?<=rond\ )|(?<=vanaf\ )|(?<=tussen\ ))
          (?:[01]?\d|2[0-4])\.[0-5]\d(?![\d.,]|\ ?[%€]) )
    | (?P<adres> [1-9]\d{{3}}[ ]?(?!(?:{"|".join(sorted(NOT_POSTCODE))})\b)[A-Z]{{2}}(?![\w]) )
    | (?P<nummer> \d(?:[ -]?\d){{12,18}}(?!\d) | \d{{6,}} | \d+(?:[./-]\d+){{2,}} | \d+-\d{{4,}} )
    | (?P<getal> \d+(?:[.,/]\d+|[ ]?-[ ]?\d+)*(?:(?:e|de|ste)\b)? )
    """,
    re.X | re.I,
)  # fmt: skip
_IBAN_LENGTHS = {"NL": 18, "BE": 16, "DE": 22, "FR": 27, "LU": 20, "GB": 22, "ES": 24, "IT": 27,
                 "PT": 25, "IE": 22, "LT": 20, "PL": 28, "AT": 20, "CH": 21, "DK": 18, "SE": 24}  # fmt: skip
IBAN_SHAPE = re.compile(
    r"(?<![A-Z0-9])(?:"
    + "|".join(
        rf"{country} ?\d\d(?:[ .-]?[A-Z0-9]){{{length - 4}}}"
        for country, length in _IBAN_LENGTHS.items()
    )
    + r")(?![A-Z0-9])",
    re.I,
)
"""What an IBAN looks like, by country and length, with or without spaces."""
_CODE_TAIL = re.compile(r"(?:-?[A-Z]{1,4}-?\d+|-[A-Z]{1,3}(?![\w-]))+(?!\w)")
"""What follows the first digits of a code: «1000XM4», «12-ABC-3»."""
_PLACEHOLDER_OF = {
    "datum": DATE,
    "telefoon": PHONE,
    "bedrag": AMOUNT,
    "tijd": TIME,
    "adres": ADDRESS,
    "nummer": CODE,
    "nationaal": CODE,
    "getal": NUMBER,
}


def mask_signs(run: str) -> int:
    """Whether a run of characters without space holds a `DIGIT` or part of a `WEB` address."""
    if run.isalpha():
        return 0
    return (DIGIT if _DIGIT.search(run) else 0) | (WEB if _WEB_CUE.search(run) else 0)


def mask(work: Rewriter, signs: int) -> None:
    """Replace web addresses, numbers and names in the text by placeholders.

    ``signs`` are those of the text (`cxnlp.text.glance`).
    """
    if signs & WEB:
        work.sub(_WEB, _web_placeholder)
    if signs & DIGIT:
        work.apply(_number_edits(work.text))
    if signs & NAMES:
        work.apply(name_edits(work.text, signs))


def _web_placeholder(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "m":
        return MAIL
    if kind == "h":
        return HANDLE
    # «bol.com» is a company's name, «bol.com/bestelling» a link.
    return NAME if kind == "n" and match["p"] is None else URL


def _number_edits(text: str) -> list[Edit]:
    edits: list[Edit] = []
    done = 0
    found = _START.search(text)
    while found:
        start = found.start()
        edit = _number_at(text, start, done)
        if edit is None:
            done = start + 1
        else:
            done = edit[1]
            if edit[2]:
                edits.append(edit)
        found = _START.search(text, done)
    return edits


def _number_at(text: str, start: int, done: int) -> Edit | None:
    if small := _SMALL.match(text, start):
        return start, small.end(), NUMBER
    first = start
    while first > done and (text[first - 1].isalnum() or _is_code_dash(text, first - 1)):
        first -= 1  # letters glued to a digit: «V2», «AB-2024», «NL91…»
    if start - first == 2 and (iban := IBAN_SHAPE.match(text, first)):
        return first, iban.end(), _apart(text, first, iban.end(), done, IBAN)
    if start - first > 1 and not text[first:start].isupper():
        first = start  # a word that a number was typed on to: «teleurgesteld4»
    match = _NUMERIC.match(text, start)
    if not match:
        return None
    end = match.end()
    kind = match.lastgroup or "getal"
    if kind == "idioom":
        return start, end, ""
    tail = _CODE_TAIL.match(text, end)
    if tail or first < start:
        kind = "nummer"
        end = tail.end() if tail else end
    return first, end, _apart(text, first, end, done, _PLACEHOLDER_OF[kind])


def _is_code_dash(text: str, at: int) -> bool:
    return text[at] == "-" and at > 0 and text[at - 1].isupper()


def _apart(text: str, start: int, end: int, done: int, placeholder: str) -> str:
    """Keep a placeholder apart from letters that touch it: «2uur» to «_getal_ uur»."""
    before = " " if start > done and (text[start - 1].isalnum() or text[start - 1] == "_") else ""
    after = " " if end < len(text) and (text[end].isalnum() or text[end] == "_") else ""
    return f"{before}{placeholder}{after}"
