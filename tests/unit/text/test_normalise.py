"""One spelling of characters, and mail without its furniture."""

from __future__ import annotations

import pytest

from cxnlp.text import prepare
from cxnlp.text.normalise import normalise
from cxnlp.text.offsets import OffsetMap, Rewriter


def normalised(text: str) -> str:
    work = Rewriter(text)
    normalise(work)
    return work.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("neeeee", "nee"),
        ("heeeel leuuuuk", "heel leuk"),
        ("jaaaa zoooo", "ja zo"),
        ("lekkkker nietttt nooooit", "lekker niet nooit"),
        ("wat!!!!! echt.....", "wat!! echt..."),
        ("😡😡😡😡", "😡😡"),
        ("www.site.nl", "www.site.nl"),
        ("10000000", "10000000"),
        ("“ja” ‘nee’ – toch…", "\"ja\" 'nee' - toch..."),
        ("cafe\u0301 e\u0301e\u0301n", "café één"),
        ("ni\u200bet\x00 ge\xaden\ufeff", "niet geen"),
        ("a \t b\r\n\r\n c ", "a b\nc"),
        ("<p>ik &amp; jij</p><br/>m&#039;n &euro;", "ik & jij\nm'n €"),
        ("&amp;quot;ja&amp;quot;", '"ja"'),
        ("3 < 4 en 5 > 2", "3 < 4 en 5 > 2"),
        ("𝗻𝗶𝗲𝘁 ｇｏｅｄ", "niet goed"),
        ("Geëscaleerd!", "Geëscaleerd!"),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "> eerdere mail\n> nog een regel\n\nIk wil mijn geld terug.",
        "Ik wil mijn geld terug.\n\nMet vriendelijke groet,\nJan de Vries\nKerkstraat 1\n1234 AB Ede",
        "Ik wil mijn geld terug. Groeten, Els",
        "Ik wil mijn geld terug.\n-- \nJan\nDirecteur",
        "Ik wil mijn geld terug.\n\nVerzonden vanaf mijn iPhone",
        "Ik wil mijn geld terug.\n\nVerstuurd vanaf Outlook voor Android",
        "Ik wil mijn geld terug.\n\nOp ma 3 mrt 2025 om 10:12 schreef Bol <x@bol.com>:\n> Beste klant",
        "Ik wil mijn geld terug.\n\nVan: Klantenservice\nVerzonden: maandag\nAan: mij\nOnderwerp: re\n\nBeste",
        "Ik wil mijn geld terug.\n-----Oorspronkelijk bericht-----\nBeste klant, dank voor uw mail",
        "Ik wil mijn geld terug.\n\nDit bericht is vertrouwelijk en uitsluitend bestemd voor u.",
        "Van: Jan\nVerzonden: maandag\nAan: bol\nOnderwerp: klacht\n\nIk wil mijn geld terug.",
    ],
)  # fmt: skip
def test_mail_furniture_is_removed(text: str) -> None:
    assert prepare(text).text == "Ik wil mijn geld terug."


def test_a_postscript_is_kept() -> None:
    text = "Ik wacht nog.\n\nGroet,\nEls\n\nPS: jullie nummer werkt ook niet"
    assert prepare(text).text == "Ik wacht nog.\nPS: jullie nummer werkt ook niet"


def test_text_that_is_all_furniture_is_kept() -> None:
    assert prepare("> ik heb geen antwoord gekregen").text == "> ik heb geen antwoord gekregen"


@pytest.mark.parametrize(
    "text", ["Doe haar de groeten van mij", "Ik kreeg een mail vanaf een raar adres"]
)
def test_words_that_only_look_like_furniture_stay(text: str) -> None:
    assert prepare(text).text == text


def test_offsets_go_back_through_several_rounds() -> None:
    work = Rewriter("abcdef")
    work.apply([(1, 2, ""), (3, 4, "XYZ")])
    assert work.text == "acXYZef"
    work.apply([(0, 1, "__")])
    assert work.text == "__cXYZef"
    assert work.offsets.span(0, 2) == (0, 1)
    assert work.offsets.span(2, 3) == (2, 3)
    assert work.offsets.span(4, 5) == (3, 4)
    assert work.offsets.span(6, 8) == (4, 6)
    assert work.offsets.span(0, 8) == (0, 6)
    assert OffsetMap().span(2, 5) == (2, 5)
