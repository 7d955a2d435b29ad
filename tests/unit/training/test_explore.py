"""What is asked of predictions, on answers made by hand and on a real model."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pandas as pd
import pytest

from cxnlp import Classifier
from cxnlp.errors import InputError
from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from cxnlp.types import Evidence, Prediction
from training.explore import (
    by_decision,
    decisions,
    marked,
    mistakes,
    reading_list,
    reading_order,
    show_mistakes,
    weakest,
    weekly,
)


def answer(causes: tuple[str, ...], emotion: str = "neutral", **more: Any) -> Prediction:
    scores = {c: 0.9 if c in causes else 0.1 for c in DEFAULT.cause_names} | more.pop("scores", {})
    emotions = {e: 0.94 if e == emotion else 0.01 for e in DEFAULT.emotion_names}
    decision = more.pop("decision", "accept" if causes else "none")
    return Prediction(
        causes, emotion, scores, emotions, {}, decision, names=DEFAULT.dutch_names, **more
    )


RECORDS = [
    Record("right", "a", ("billing",), "anger"),
    Record("missed", "b", ("billing", "delivery"), "anger"),
    Record("wrong", "c", (), "neutral"),
    Record("feeling", "d", (), "anger", "frustration"),
    Record("second", "e", (), "anger", "frustration"),
]
ANSWERS = [
    answer(("billing",), "anger"),
    answer(("billing",), "anger", scores={"delivery": 0.3}),
    answer(("other",), decision="review"),
    answer((), "neutral"),
    answer((), "frustration"),
]


def test_mistakes_are_those_of_which_it_was_surest_first() -> None:
    found = mistakes(RECORDS, ANSWERS)
    assert [m.record.id for m in found] == ["wrong", "missed", "feeling"]
    assert [round(m.surety, 2) for m in found] == [0.9, 0.7, 0.0]
    assert (found[0].wrong, found[1].missed) == (("other",), ("delivery",))


def test_mistakes_by_decision() -> None:
    table = by_decision(RECORDS, ANSWERS).splitlines()
    assert table[2:] == [
        "| `review` | 1 | 20% | 100% | 0% |",
        "| `accept` | 2 | 40% | 50% | 0% |",
        "| `none` | 2 | 40% | 0% | 50% |",
    ]


def test_the_weakest_slice() -> None:
    slices = {"channel": {"chat": {"macro_f1": 0.7}, "letter": {"macro_f1": 0.5}}}
    assert weakest(slices, "channel") == "letter"
    with pytest.raises(InputError, match=r"'sector'.*Known are: channel"):
        weakest(slices, "sector")


def test_marks_survive_overlap_and_markup() -> None:
    text = "<b>te laat & kapot</b>\nweg"
    spans = [("delivery", 3, 10), ("anger", 6, 18)]
    evidence = [Evidence(label, a, b, text[a:b], 1.0) for label, a, b in spans]
    html = marked(text, evidence, {"anger": "woede"})
    assert html == (
        "&lt;b&gt;<mark><b>te </b></mark><mark><b>laat</b></mark><sub>delivery</sub>"
        "<mark><b> &amp; kapot</b></mark><sub>woede</sub>&lt;/b&gt;<br>weg"
    )
    assert marked("", []) == ""


def test_mistakes_are_shown_with_their_words(tiny_model: Classifier) -> None:
    text = "Jullie hebben dubbel afgeschreven, oplichters <script>"
    record = Record("x", text, (), "neutral")
    html = show_mistakes(mistakes([record], [tiny_model.predict(text)]), tiny_model)
    assert "people no cause / neutral; model billing" in html
    assert "<mark><b>" in html
    assert "<sub>billing</sub>" in html
    assert "<script>" not in html


def test_weeks_are_counted_and_gaps_kept() -> None:
    days = [date(2026, 12, 28), date(2027, 1, 3), date(2027, 1, 13)]
    answers = [
        answer(("billing", "delivery"), "anger"),
        answer(("billing",), "neutral"),
        answer(("billing",), "anger"),
    ]
    weeks, counts = weekly(days, answers, DEFAULT)
    assert weeks == ["wk 53", "wk 1", "wk 2"]
    billing = counts[DEFAULT.cause_names.index("billing")]
    assert billing[DEFAULT.emotion_names.index("anger")].tolist() == [1, 0, 1]
    assert billing.sum(0).tolist() == [2, 0, 1]
    assert counts.sum() == 4


@pytest.mark.parametrize("day", [None, "2026-09-01", pd.NaT])
def test_a_missing_date_is_named(day: Any) -> None:
    with pytest.raises(InputError, match="Message 1 has no date"):
        weekly([datetime(2026, 9, 1), day], [answer(()), answer(())], DEFAULT)


def test_no_dates_is_an_error() -> None:
    with pytest.raises(InputError, match="no messages to count"):
        weekly([], [], DEFAULT)


def test_review_is_read_first() -> None:
    answers = [
        answer(()),
        answer(("billing",), "gratitude"),
        answer(("billing",), "anger"),
        answer((), decision="out_of_scope"),
        answer(("billing", "delivery")),
        answer((), decision="review"),
    ]
    assert reading_order(answers) == [5, 4, 2, 1, 3, 0]
    assert "| nakijken | 1 | 17% |" in decisions(answers)


def test_the_reading_list_hides_people_and_holds_its_table() -> None:
    text = "Bel mij | op 06-12345678 *nu*\n" + "ja " * 90
    reasons = ("unsure: billing scored 0.40, threshold 0.41", "unsure: emotion, anger scored only")
    one = answer(("billing",), "anger", decision="review", reasons=reasons, id="B-1")
    rows = reading_list([text], [one], [date(2026, 9, 1)]).splitlines()
    assert len(rows) == 3
    assert rows[2].count("|") == rows[0].count("|")
    assert "06-12345678" not in rows[2]
    assert "| B-1 | 01-09 | nakijken | facturatie .90 | woede | facturatie, emotie |" in rows[2]
    assert rows[2].endswith("… |")
