"""The library's face, on a tiny model trained in the test session."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import cxnlp
from cxnlp import Classifier
from cxnlp.errors import BundleError, InputError

TEXT = "Dinsdag zou de monteur komen, niemand gezien"
TEXTS = [TEXT, "Bedankt voor de snelle hulp!", "Er is twee keer 12,50 euro afgeschreven"]


def test_one_text_gives_one_prediction(tiny_model: Classifier) -> None:
    p = tiny_model.predict(TEXT, explain=True)
    assert set(p.causes) <= set(cxnlp.CAUSES)
    assert p.emotion in cxnlp.EMOTIONS
    assert tuple(p.scores) == cxnlp.CAUSES
    assert tuple(p.emotion_scores) == cxnlp.EMOTIONS
    assert sum(p.emotion_scores.values()) == pytest.approx(1, abs=1e-3)
    assert p.causes == tuple(c for c, s in p.scores.items() if s >= p.thresholds[c])
    assert p.decision in {"accept", "review", "none"}
    assert p.language == "nl"


def test_the_wire_form_to_the_letter(tiny_model: Classifier) -> None:
    record = tiny_model.predict(TEXT, explain=True, ids="m-1").to_dict()
    assert list(record) == [
        "id",
        "causes",
        "emotion",
        "scores",
        "decision",
        "reasons",
        "language",
        "model",
    ]
    assert record["id"] == "m-1"
    assert record["causes"], "the tiny model finds a cause here"
    for cause in record["causes"]:
        assert list(cause) == ["label", "name", "score", "threshold", "evidence"]
        for e in cause["evidence"]:
            assert list(e) == ["start", "end", "text", "weight"]
            assert TEXT[e["start"] : e["end"]] == e["text"]
            assert 0 < e["weight"] <= 1
    assert list(record["emotion"]) == ["label", "name", "score"]
    assert list(record["scores"]) == ["causes", "emotions"]
    assert list(record["model"]) == ["name", "version"]
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize(
    "collection",
    [
        list,
        tuple,
        iter,
        np.array,
        pd.Series,
        pl.Series,
        pa.array,
        lambda x: pa.chunked_array([x]),
    ],
)
def test_any_collection_of_texts_gives_a_list(tiny_model: Classifier, collection) -> None:
    assert tiny_model.predict(collection(TEXTS)) == tiny_model.predict(TEXTS)


def test_answers_do_not_depend_on_the_batch(tiny_model: Classifier) -> None:
    assert tiny_model.predict(TEXTS) == [tiny_model.predict(text) for text in TEXTS]


def test_an_empty_list(tiny_model: Classifier) -> None:
    assert tiny_model.predict([]) == []
    assert tiny_model.predict_proba([]).shape == (0, 9)
    assert tiny_model.predict_emotion_proba([]).shape == (0, 7)


def test_probabilities(tiny_model: Classifier) -> None:
    causes = tiny_model.predict_proba(TEXTS)
    emotions = tiny_model.predict_emotion_proba(TEXTS)
    assert causes.shape == (3, len(tiny_model.classes_))
    assert emotions.shape == (3, len(tiny_model.emotion_classes_))
    assert ((causes >= 0) & (causes <= 1)).all()
    assert np.allclose(emotions.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "😀😀😀", "12345 !!!", "\u200b", "\ud800"])
def test_text_with_nothing_in_it_is_out_of_scope(tiny_model: Classifier, text: str) -> None:
    p = tiny_model.predict(text, explain=True)
    assert (p.decision, p.causes, p.emotion, p.evidence) == ("out_of_scope", (), "neutral", ())
    assert p.reasons
    assert p.emotion_scores["neutral"] == 1
    assert not any(p.scores.values())


def test_german_is_out_of_scope(tiny_model: Classifier) -> None:
    p = tiny_model.predict("Ich habe mein Paket immer noch nicht bekommen und niemand antwortet")
    assert p.decision == "out_of_scope"
    assert any("German" in reason for reason in p.reasons)


def test_a_very_long_text_is_cut_with_a_reason(tiny_model: Classifier) -> None:
    p = tiny_model.predict("De monteur kwam niet opdagen. " * 40_000)
    assert any(reason.startswith("truncated") for reason in p.reasons)
    assert p.decision != "out_of_scope"


def test_bad_items_do_not_fail_the_batch(tiny_model: Classifier) -> None:
    answers = tiny_model.predict([TEXT, None, 3, float("nan"), b"x", TEXT])
    assert answers[0] == answers[5]
    for position, kind in ((1, "NoneType"), (2, "int"), (3, "float"), (4, "bytes")):
        assert answers[position].decision == "out_of_scope"
        assert answers[position].reasons == (
            f"not_text: expected a string, got {kind} at position {position}",
        )


@pytest.mark.parametrize("bad", [None, 3, 2.5, b"tekst", {"text": TEXT}])
def test_what_is_no_text_at_all_is_an_error(tiny_model: Classifier, bad: object) -> None:
    with pytest.raises(InputError, match=f"Expected a string or a list.*got {type(bad).__name__}"):
        tiny_model.predict(bad)  # type: ignore[call-overload]


def test_a_whole_table_is_an_error_that_says_what_to_do(tiny_model: Classifier) -> None:
    with pytest.raises(InputError, match=r"whole table.*Pass one column"):
        tiny_model.predict(pd.DataFrame({"text": TEXTS}))


def test_ids_must_match(tiny_model: Classifier) -> None:
    assert [p.id for p in tiny_model.predict(TEXTS, ids=["a", "b", "c"])] == ["a", "b", "c"]
    with pytest.raises(InputError, match="3 messages and 1 ids"):
        tiny_model.predict(TEXTS, ids=["a"])


def test_other_thresholds_change_the_labels_and_not_the_scores(tiny_model: Classifier) -> None:
    greedy = tiny_model.with_thresholds(dict.fromkeys(tiny_model.classes_, 1e-6))
    before, after = tiny_model.predict(TEXT), greedy.predict(TEXT)
    assert after.scores == before.scores
    assert after.causes == tiny_model.classes_


def test_evidence_speaks_for_each_decided_label(tiny_model: Classifier) -> None:
    p = tiny_model.predict(TEXTS[2], explain=True)
    assert p.causes
    assert {e.label for e in p.evidence} >= set(p.causes)
    assert all(e.text == TEXTS[2][e.start : e.end] and e.text.strip() for e in p.evidence)
    assert tiny_model.predict(TEXTS[2]).evidence == ()


def test_a_missing_model_is_a_clear_error() -> None:
    with pytest.raises(BundleError, match="No model folder at 'nowhere'"):
        cxnlp.load("nowhere")
