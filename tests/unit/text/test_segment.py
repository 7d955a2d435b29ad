"""Sentences and clauses, as spans that a person would underline."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxnlp.text import clauses, sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Eten koud.Niet netjes. Jammer", ["Eten koud.", "Niet netjes.", "Jammer"]),
        ("Wat!! Hoezo? ja...", ["Wat!!", "Hoezo?", "ja..."]),
        ("Dat is bijv. niet ok, d.w.z. slecht.", ["Dat is bijv. niet ok, d.w.z. slecht."]),
        ("Het kost 1,5 uur en € 3.50.", ["Het kost 1,5 uur en € 3.50."]),
        ("Zie www.site.nl/a.b voor meer", ["Zie www.site.nl/a.b voor meer"]),
        ("Dhr. Jansen kwam niet. Jammer", ["Dhr. Jansen kwam niet.", "Jammer"]),
        ("te laat\nniemand bereikbaar", ["te laat", "niemand bereikbaar"]),
        ("gebeld!!Jammer want lekker", ["gebeld!!", "Jammer want lekker"]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "Dinsdag zou de monteur komen, niemand gezien, en jullie nummer geeft een bandje",
            ["Dinsdag zou de monteur komen,", "niemand gezien,", "en jullie nummer geeft een bandje"],
        ),
        (
            "Ik heb gebeld maar niemand nam op omdat het druk was",
            ["Ik heb gebeld", "maar niemand nam op", "omdat het druk was"],
        ),
        ("rood, wit en blauw", ["rood, wit en blauw"]),
        ("Helaas, niemand gezien", ["Helaas, niemand gezien"]),
        ("ik wachtte 1,5 uur en toen hing ze op", ["ik wachtte 1,5 uur", "en toen hing ze op"]),
        ("Het is stuk; ik wil mijn geld terug", ["Het is stuk;", "ik wil mijn geld terug"]),
    ],
)  # fmt: skip
def test_clauses(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in clauses(text)] == parts


@pytest.mark.parametrize("split", [sentences, clauses])
@settings(max_examples=200, deadline=None)
@given(text=st.text("abA .,!?;:\n-(maren)'\"", max_size=80) | st.text(max_size=60))
def test_no_letter_is_lost(split: Callable[[str], list[tuple[int, int]]], text: str) -> None:
    spans = split(text)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(a < b for a, b in spans) and spans == sorted(spans)
