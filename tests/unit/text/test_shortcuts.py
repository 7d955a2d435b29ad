"""What reads a text faster reads the same: each shortcut beside the pattern it stands for."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxnlp.text import furniture, lexicon, mask, names, normalise, places
from cxnlp.text import prepare as prepare_text
from cxnlp.text.offsets import Rewriter

PIECES = [
    "Met vriendelijke groet", "groetjes,", "gr.", "Graag", "m.v.g.", "Mvg", "HOOGACHTEND", "beste groet",
    "mevrouw", "heer en mevr. Jan", "dhr.", "Mr Els", "mijn naam is", "naam: Jan", "ik ben Jan",
    "ik ben gebeld met Piet", "u spreekt met", "t.a.v.", "2 keer", "12 maart", "59 eURO", "3 uur", "24/7",
    "x9 dagen", "12 ct", "1 u", "ziggo", "kpn.nl", "o'ziggo", "ziggo-box", "kpn", "é", "'s", "e-mail", "\n", "\n\n",
    "  ", ".", ",", "neeee", "!!!!", "...", "&amp;", "H&M", "<br>", "`ja`", "\u2019s", "\u00a0", "😀", "e\u0301", "ﬁ", "Kerkstraat 2",
    "www...", "WWW.X.FR", "x.NL", "bol.com-", "Boos_", "\nDit is vertrouwelijke info", "\n- Original message -", "\n_ _ doorgestuurd",
    "06. 12345678", "J.", "A.B. ", "ik ben", "gebeld met", "J-", "Boos'", "Jan-", "Jan", "JAN", "NIET", "Boos", "B2B", "X4Hallo", "_naam_", "mail@a.nl", "@ziggo", "https://x.y", "the", "und",
    "Verstuurd vanaf mijn telefoon", "Van :", "de :", "(030) 1234567", "€ 12,50", "1234 AB", "12.30 uur", "112", "dhr. X", "Op ma schreef Jan:", "> ja", "Van: a", "-- ", "Verzonden vanaf mijn iPhone", "die", "is", "the",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=10).flatmap(
    lambda parts: st.sampled_from([" ", "", "\n"]).map(lambda space: space.join(parts))
)
many = settings(max_examples=400, deadline=None)


def spans(matches) -> list[tuple[int, int]]:
    return [match.span() for match in matches]


@many
@given(TEXT)
def test_cues_of_names(text: str) -> None:
    text = text.replace("İ", "I").replace("ı", "i").replace("ſ", "s").replace("\u212a", "k")
    low = text.lower()
    for pattern, starts in (
        (names._TITLE, names._TITLE_STARTS),
        (names._INTRODUCTION, names._INTRODUCTION_STARTS),
    ):
        assert spans(places.matches(pattern, text, low, starts)) == spans(pattern.finditer(text))


@many
@given(TEXT)
def test_closings_and_other_furniture(text: str) -> None:
    text = text.replace("İ", "I").replace("ı", "i").replace("ſ", "s").replace("\u212a", "k")
    low = text.lower()
    assert spans(furniture._closings(text, low)) == spans(furniture._CLOSING.finditer(text))
    assert spans(places.matches(furniture._DEVICE, text, low, furniture._DEVICE_STARTS)) == spans(
        furniture._DEVICE.finditer(text)
    )
    for pattern, cues in furniture._CUES.items():
        assert any(cue in low for cue in cues) or not pattern.search(text)


@many
@given(TEXT)
@example("ja 59 eURO")
@example("bel 06. 12345678")
def test_small_numbers(text: str) -> None:
    found = mask._number_edits(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mask, "_SMALL", re.compile(r"(?!)"))
        assert mask._number_edits(text) == found


@many
@given(TEXT)
def test_words(text: str) -> None:
    words = frozenset(lexicon._WORD.findall(text.lower()))
    assert lexicon.word_set(text) == words


@many
@given(TEXT | st.text("a b\n", max_size=12))
def test_spaces(text: str) -> None:
    work = Rewriter(text)
    normalise.trim(work)
    runs = re.sub(r"[ \n]+", lambda m: "\n" if "\n" in m[0] else " ", text)
    assert work.text == runs.strip(" \n")


@many
@given(st.text(st.characters(max_codepoint=0x2FF) | st.sampled_from("€…ﬁ`")))
def test_characters_that_are_left_alone(text: str) -> None:
    quick, thorough = Rewriter(text), Rewriter(text)
    normalise._characters(quick)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalise, "_OTHER", re.compile(""))
        patch.setattr(normalise, "_MAPPED", re.compile(""))
        normalise._characters(thorough)
    assert quick.text == thorough.text


@settings(max_examples=1000, deadline=None)
@given(TEXT)
@example("J.\nJansen belt nooit terug")
@example("Van : Jan\nVerzonden: nu\nAan: ik\n\nwaar blijft het")
@example("X4Hallo is niet geleverd")
@example("te \u0301laat en e\u0301\u0301n")
@example("<a href='x y'>klik</a> niet")
def test_a_glance_hides_nothing(text: str) -> None:
    """A text reads the same when every step looks at it, whatever its runs show."""
    quick = prepare_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(prepare_text.__globals__, "glance", lambda text: -1)
        thorough = prepare_text(text)
    places_of = [thorough.span(i, i + 1) for i in range(len(thorough.text))]
    assert [quick.span(i, i + 1) for i in range(len(quick.text))] == places_of
    for name in ("text", "language", "in_scope", "reasons"):
        assert getattr(quick, name) == getattr(thorough, name)
