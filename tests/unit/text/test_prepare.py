"""The one door: what a model sees, where it stood, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxnlp.text import MAX_CHARS, PLACEHOLDERS, Prepared, prepare
from cxnlp.text.normalise import normalise
from cxnlp.text.offsets import Rewriter

PIECES = [
    "niet", "Jan de Vries", "€ 12,50", "06-12345678", "neeeee", "!!!!", "\n> gequoot", "<br>", "&amp;",
    "@KPN", "x@y.nl", "\u200b", "\ud800", "\x00", "e\u0301", "“ja”", "  ", "\r\n", "Groet, Els", "…",
    "🙂🙂🙂", "\u202eمرحبا", "İ", "I\u0307", "NL91 ABNA 0417 1643 00", "12-03-2024", "Ziggo", "'s Avonds", "ĳ",
    "Met vriendelijke groet", "Van: a\nVerzonden: b\nAan: c\n", "mevrouw van den Berg", "_naam_", "V2",
]  # fmt: skip
MESSY = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(MESSY | st.text(max_size=200))
def test_any_text_is_answered_and_every_span_lies_in_the_original(text: str) -> None:
    prepared = prepare(text)
    assert prepared.original == text
    assert prepared.in_scope or prepared.reasons
    at = 0
    for position in range(len(prepared.text)):
        start, end = prepared.span(position, position + 1)
        assert 0 <= start <= end <= len(text)
        assert start >= at  # monotone
        at = start
    assert prepared.span(0, len(prepared.text))[1] <= len(text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["Ll", "Zs"]), max_size=120))
def test_kept_characters_map_to_the_same_character(text: str) -> None:
    work = Rewriter(text)
    normalise(work)
    for position, character in enumerate(work.text):
        start, end = work.offsets.span(position, position + 1)
        assert text[start] == character
        assert text[start:end].strip(" ") in (character, "")


@settings(max_examples=200, deadline=None)
@given(MESSY)
def test_negations_do_not_vanish(text: str) -> None:
    seen = prepare(f"ik heb niet, geen en nooit gebeld {text}").text
    assert seen.startswith("ik heb niet, geen en nooit gebeld")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ziggo belt nooit terug.", "Odido belt nooit terug."),
        ("Flexnet belt nooit terug", "Odido belt nooit terug"),
        ("Al drie weken wacht ik op Coolblue", "Al drie weken wacht ik op Flexnet"),
        ("kpn doet niks", "ziggo doet niks"),
        ("NIEMAND BIJ ZIGGO NEEMT OP", "NIEMAND BIJ KPN NEEMT OP"),
        ("Jan van Bol.com zei dat het € 12,50 kost", "Fatima van Zalando zei dat het 95 euro kost"),
        ("Ik belde 3 keer met mevrouw Peeters", "Ik belde 14 keer met mevrouw van den Berg"),
        ("Op 12 maart om 14:00 zou hij komen", "Op 3 november om 9:30 zou hij komen"),
        ("mijn naam is jan peeters", "mijn naam is fatima el amrani"),
        ("klantnummer 123456 klopt niet", "klantnummer 9987654 klopt niet"),
        ("De trein naar Gent rijdt niet", "De trein naar Zwolle rijdt niet"),
        ("Beste Karin, waar blijft mijn geld", "Beste Achmed, waar blijft mijn geld"),
        ("Bij Albert Heijn was alles op", "Bij Jumbo was alles op"),
        ("Ik woon in de Kerkstraat 12", "Ik woon in de Dorpslaan 345"),
        ("dhr. J. de Boer kwam niet", "dhr. Özdemir kwam niet"),
        ("mail naar a.b@telenet.be, bel 06-12345678", "mail naar x@gmail.com, bel 0475/12.34.56"),
        ("@KPNwebcare hallo?", "@ziggo hallo?"),
    ],
)
def test_swapping_a_name_company_amount_or_number_changes_nothing(one: str, other: str) -> None:
    assert prepare(one).text == prepare(other).text
    assert "_" in prepare(one).text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("2 uur gewacht", "_getal_ uur gewacht"),
        ("2uur en 3x", "_getal_ uur en _getal_ x"),
        ("50,- en 12.50 euro", "_bedrag_ en _bedrag_"),
        ("om 18.30 gebeld", "om _tijd_ gebeld"),
        ("ze zijn 24/7 open", "ze zijn 24/7 open"),
        ("op 4 september. Toen", "op _datum_. Toen"),
        ("teleurgesteld4 kinderen", "teleurgesteld _getal_ kinderen"),
        ("IBAN NL91 ABNA 0417 1643 00 en niet", "IBAN _iban_ en niet"),
        ("zie www.kpn.com/help", "zie _url_"),
        ("DIT IS EEN SCHANDE", "DIT IS EEN SCHANDE"),
        ("Het is Geëscaleerd!", "Het is Geëscaleerd!"),
        ("Op Maandag in Mei", "Op Maandag in Mei"),
        ("de Nederlandse Klantenservice", "de Nederlandse Klantenservice"),
    ],
)
def test_placeholders(text: str, seen: str) -> None:
    assert prepare(text).text == seen


def test_placeholders_are_plain_words() -> None:
    for placeholder in PLACEHOLDERS:
        assert placeholder.strip("_").isalpha()
        assert placeholder.isascii() and placeholder[0] == placeholder[-1] == "_"


def test_a_placeholder_maps_to_what_it_hides() -> None:
    text = "Ik   belde &amp; mailde Jan de Vries van Ziggo over € 12,50"
    prepared = prepare(text)
    name = prepared.text.index("_naam_")
    assert text[slice(*prepared.span(name, name + 6))] == "Jan de Vries van Ziggo"
    amount = prepared.text.index("_bedrag_")
    assert text[slice(*prepared.span(amount, amount + 8))] == "€ 12,50"
    ampersand = prepared.text.index("&")
    assert text[slice(*prepared.span(ampersand, ampersand + 1))] == "&amp;"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t\u200b", "empty"),
        ("😡😡😡", "empty"),
        ("?!...", "empty"),
        ("https://www.example.nl/x", "no_message"),
        ("06-12345678", "no_message"),
        ("Where is my parcel, I am waiting", r"not_dutch: looks like English \(en\)"),
        ("Где моя посылка", "not_dutch: most letters"),
        ("El pedido nunca ha llegado hasta hoy", "not_dutch"),
    ],
)
def test_what_is_out_of_scope_says_why(text: str, reason: str) -> None:
    prepared = prepare(text)
    assert not prepared.in_scope
    assert re.match(reason, prepared.reasons[0])


@pytest.mark.parametrize("text", ["top", "ok 👍", "Slecht", "KPN waardeloos", "Bedankt!", "nee"])
def test_short_messages_are_in_scope(text: str) -> None:
    assert prepare(text).in_scope


def test_a_long_message_is_cut_with_a_reason() -> None:
    prepared = prepare("ik ben boos. " * 100_000)
    assert prepared.in_scope
    assert prepared.reasons == (f"truncated: only the first {MAX_CHARS} characters were read",)
    assert len(prepared.text) <= MAX_CHARS


@pytest.mark.parametrize(
    "unit",
    ["a@", "A ", "1 ", "1.", "<a ", "<style>", "&amp;", "\n>", " \n", "van: ", "\ngroet ", "mevrouw van de ",
     "mijn naam is van ", "A.", "e\u0301", "ĳ", "NL91 ", "06 ", "Op a schreef\n", "Kim Van De ", "eee"],
)  # fmt: skip
def test_no_text_makes_it_hang(unit: str) -> None:
    text = (unit * MAX_CHARS)[:MAX_CHARS]
    start = time.perf_counter()
    prepare(text)
    assert time.perf_counter() - start < 3  # about 0.1 s; quadratic steps take far longer


def test_outside_stands_in_for_what_is_no_text() -> None:
    assert Prepared.outside("not_text: got a float").in_scope is False


def test_import_is_light() -> None:
    code = (
        "import sys, cxnlp.text; from cxnlp.text import prepare; prepare('ik bel niet')\n"
        "heavy = {'stdnum', 'phonenumbers', 'sklearn', 'spacy', 'pandas', 'html'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_capital_i_with_a_dot_moves_nothing_however_it_is_typed() -> None:
    for spelled in ("İrem hier, Ziggo belt", "I\u0307rem hier, Ziggo belt"):
        assert prepare(spelled).text == "Irem hier, _naam_ belt"
    assert prepare("I\u0307" * 4 + " neeeee").text.endswith(" nee")
