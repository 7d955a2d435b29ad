"""Dutch against its neighbours, in messages of a few words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxnlp.text import language, prepare

_FILE = Path(__file__).with_name("foreign.txt")
FOREIGN = [
    tuple(line.split("|", 1))
    for line in _FILE.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
DUTCH = """
Nog steeds geen reactie gekregen
Pakket niet ontvangen
Eten was koud
k heb da nie besteld
ge moet ni meer bellen he
amai wa een slechte service
Wanneer wordt mijn bestelling geleverd?
Niemand neemt de telefoon op
app werkt niet sinds update
Very disappointed, niemand belt terug en het pakket is weg
de customer service van jullie is echt waardeloos
waar blijft me geld
heel vriendelijk geholpen
2x betaald geen geld terug
Wat een service, top!
die monteur was een uur te laat
tis weer van dat
k wacht al 3 weken op antw
internet ligt eruit
is er een storing
bel me terug aub
dat is niet de afspraak
onze klacht werd niet behandeld
mn abo opzeggen lukt niet
Merci voor de snelle hulp
""".strip().splitlines()


@pytest.mark.parametrize("code", ["en", "de", "fr"])
def test_neighbours_are_told_from_dutch(code: str) -> None:
    texts = [text for other, text in FOREIGN if other == code]
    assert len(texts) == 100
    assert sum(language(text).code == code for text in texts) >= 97


def test_afrikaans_is_mostly_told_from_dutch() -> None:
    texts = [text for code, text in FOREIGN if code == "af"]
    assert sum(not prepare(text).in_scope for text in texts) >= 80


def test_foreign_messages_are_out_of_scope() -> None:
    assert sum(not prepare(text).in_scope for _, text in FOREIGN) >= 0.95 * len(FOREIGN)


@pytest.mark.parametrize("text", DUTCH)
def test_dutch_is_never_refused(text: str) -> None:
    assert language(text).code == "nl"
    assert prepare(text).in_scope


def test_a_mixed_message_counts_as_dutch() -> None:
    text = (
        "Dear support, I ordered a phone and it never arrived. In het Nederlands: mijn telefoon is "
        "niet geleverd en jullie reageren nergens op, ik wil mijn geld terug."
    )
    assert prepare(text).in_scope


def test_confidence_grows_with_evidence() -> None:
    assert (
        language("niet").confidence
        < language("ik heb het niet gekregen van jullie").confidence
        <= 1
    )
