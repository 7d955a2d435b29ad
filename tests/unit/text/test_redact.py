"""Personal data: found in every usual spelling, and nothing else taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxnlp.text import find_pii, redact

FOUND = {
    "TELEFOON": [
        "06-12345678", "06 12 34 56 78", "0612345678", "+31 6 12345678", "+31612345678", "0031 6 12 34 56 78",
        "020-6241111", "(020) 624 1111", "0475/12.34.56", "0475 12 34 56", "+32 475 12 34 56", "02 512 34 56",
        "03/234.56.78", "+32 (0)2 512 34 56", "06.12.34.56.78",
    ],
    "IBAN": ["NL91ABNA0417164300", "NL91 ABNA 0417 1643 00", "nl91abna0417164300", "BE68 5390 0754 7034"],
    "BSN": ["111222333", "111 222 333"],
    "RIJKSREGISTERNUMMER": ["85.07.30-033.28", "85073003328", "85 07 30 033 28", "00.02.29-001.45"],
    "KAARTNUMMER": ["4111 1111 1111 1111", "5500005555555559"],
    "KENTEKEN": ["12-ABC-3", "GB-123-J", "1-ABC-234"],
    "ADRES": [
        "Kerkstraat 12, 1234 AB Amsterdam", "Dorpsstraat 5a", "1234AB 12", "1234 AB", "2000 Antwerpen",
        "Lange Nieuwstraat 34 bus 2, 2000 Antwerpen", "Grote Steenweg 100",
    ],
    "E-MAIL": ["jan.peeters@telenet.be", "a+b@x.co.uk"],
}  # fmt: skip


@pytest.mark.parametrize(("label", "text"), [(k, v) for k, vs in FOUND.items() for v in vs])
def test_found_in_a_sentence(label: str, text: str) -> None:
    assert redact(f"dit is {text}, graag reactie") == f"dit is [{label}], graag reactie"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mijn BSN is 123456782", "mijn BSN is [BSN]"),
        ("klantnummer 12345678 klopt", "klantnummer [NUMMER] klopt"),
        ("ordernummer: AB-2024-12345", "ordernummer: [NUMMER]"),
        ("bestelling #4004512345", "bestelling #[NUMMER]"),
        ("geboren op 12-03-1985", "geboren op [GEBOORTEDATUM]"),
        ("geboortedatum: 12 maart 1985", "geboortedatum: [GEBOORTEDATUM]"),
        ("mijn naam is Jan de Vries en ik", "mijn naam is [NAAM] en ik"),
        ("mevrouw Van den Berg belde", "mevrouw [NAAM] belde"),
        ("dhr. J. de Boer belde", "dhr. [NAAM] belde"),
        ("Groeten, Els Peeters", "Groeten, [NAAM]"),
    ],
)
def test_found_after_a_cue(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "in 2024", "€ 1250", "3 keer", "nummer 123456789", "1.250.000 euro", "op 12-03-2024 om 12:30",
        "van 2019 tot 2024", "0,50 per stuk", "1234 KM gereden", "2000 mensen", "verbruik 123456789 kWh",
        "meterstand 012345678", "mevrouw van de klantenservice", "de bestelling van 12 mei",
        "de order is 3 weken te laat", "bestelling 2 keer 100 euro", "artikel 4008496559879", "€ 111222333",
        "NL91 ABNA 0417 1643 01", "85.07.30-033.29", "ik ben boos en meneer ook", "de afspraak van 2 op 3",
    ],
)  # fmt: skip
def test_what_is_no_personal_data_stays(text: str) -> None:
    assert redact(text) == text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([v for vs in FOUND.values() for v in vs]) | st.text(max_size=9)).map(
        " ".join
    )
)
def test_spans_are_in_order_and_do_not_overlap(text: str) -> None:
    at = 0
    for span in find_pii(text):
        assert at <= span.start < span.end <= len(text)
        at = span.end
