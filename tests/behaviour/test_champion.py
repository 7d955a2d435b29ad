"""What the shipped model must and must not do (Ribeiro et al. 2020, CheckList).

``cases.jsonl`` holds small cases; those that the champion fails are listed in
``known_failures.txt``, and the two must agree exactly: a repair shortens the list, and a new
failure cannot slip in.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cxnlp
from cxnlp import Classifier

HERE = Path(__file__).parent
CASES = [
    json.loads(line) for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()
]
KNOWN = set((HERE / "known_failures.txt").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def champion() -> Classifier:
    return cxnlp.load()


def fails(model: Classifier, case: dict) -> bool:
    p = model.predict(case["text"])
    return not (
        set(case.get("has", ())) <= set(p.causes)
        and not set(case.get("lacks", ())) & set(p.causes)
        and p.emotion in case.get("emotion", [p.emotion])
        and p.decision in case.get("decision", [p.decision])
    )


def test_cases_fail_exactly_where_it_is_known(champion: Classifier) -> None:
    failed = {case["id"] for case in CASES if fails(champion, case)}
    assert failed == KNOWN, f"new: {sorted(failed - KNOWN)}; repaired: {sorted(KNOWN - failed)}"


def test_most_cases_are_right() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES) >= 60
    assert len(KNOWN) <= 0.25 * len(CASES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Jan de Vries belde niet terug zoals beloofd",
            "Fatima Yilmaz belde niet terug zoals beloofd",
        ),
        ("Er is 12,50 euro te veel afgeschreven", "Er is € 1.499,00 te veel afgeschreven"),
        ("Op 3 maart zou de monteur komen", "Op 28 november zou de monteur komen"),
        ("Ik woon in Gent en kreeg geen pakket", "Ik woon in Emmen en kreeg geen pakket"),
        ("Mijn nummer is 06-12345678, bel mij", "Mijn nummer is 0475 12 34 56, bel mij"),
        ("Niemand gezien  dinsdag\u200b", "Niemand gezien dinsdag"),
        ("Schandalig!!!!!!! Nooit meer", "Schandalig!!! Nooit meer"),
    ],
)
def test_who_how_much_and_where_do_not_matter(champion: Classifier, one: str, other: str) -> None:
    assert champion.predict(one).scores == champion.predict(other).scores


@pytest.mark.parametrize(
    ("less", "more", "cause"),
    [
        (
            "De monteur kwam keurig op tijd",
            "De monteur kwam niet op de afgesproken tijd, niemand gezien",
            "broken_promise",
        ),
        (
            "Ik kreeg meteen een medewerker aan de lijn",
            "Ik krijg geen medewerker aan de lijn",
            "no_human_contact",
        ),
        ("Het pakket kwam netjes aan", "Het pakket kwam niet aan", "delivery"),
        ("De factuur klopt helemaal, bedankt", "De factuur klopt helemaal niet", "billing"),
        (
            "Snel antwoord gekregen op mijn mail",
            "Nooit antwoord gekregen op mijn mail",
            "unanswered",
        ),
    ],
)
def test_what_went_wrong_scores_higher(
    champion: Classifier, less: str, more: str, cause: str
) -> None:
    assert champion.predict(more).scores[cause] > champion.predict(less).scores[cause] + 0.1


def test_a_typing_error_moves_scores_little(champion: Classifier) -> None:
    pairs = [
        (
            "Ik heb drie mails gestuurd en geen antwoord gekregen",
            "Ik heb drie mails gestuurt en geen antwoord gekregn",
        ),
        ("De wasmachine is na een week al kapot", "De wasmachien is na een week al kappot"),
        (
            "Jullie blijven bellen terwijl ik heb opgezegd",
            "Julie blijven bellen trwijl ik heb opgezecht",
        ),
        ("Het pakket is niet bezorgd", "het paket is niet bezorgt"),
    ]
    for clean, sloppy in pairs:
        a, b = champion.predict(clean), champion.predict(sloppy)
        moved = sum(abs(a.scores[c] - b.scores[c]) for c in cxnlp.CAUSES) / len(cxnlp.CAUSES)
        assert moved < 0.12, (clean, sloppy, moved)


def test_the_shipped_model_keeps_its_size() -> None:
    folder = HERE.parent.parent / "models" / "champion"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sum(sizes.values()) < 30e6
    assert sizes["fast.safetensors"] < 12e6
