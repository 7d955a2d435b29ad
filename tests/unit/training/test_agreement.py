"""Agreement between the corpus and labels given blind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cxnlp.errors import TrainingError
from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from training.agreement import measured_agreement
from training.corpus import Corpus, load_corpus

RECORDS = (
    Record("a", "Niemand gezien", ("broken_promise",), "frustration", "anger"),
    Record("b", "Dank", (), "gratitude"),
    Record("c", "Dubbel betaald", ("billing",), "anger"),
)
CORPUS = Corpus(RECORDS, dict.fromkeys("abc", "train"), {c: c for c in "abc"}, DEFAULT)


def second(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_no_file_is_no_figure(tmp_path: Path) -> None:
    assert measured_agreement(CORPUS, tmp_path / "none.jsonl") is None


def test_figures_by_hand(tmp_path: Path) -> None:
    path = second(
        tmp_path / "s.jsonl",
        {
            "id": "a",
            "causes": ["broken_promise", "billing"],
            "emotion": "anger",
            "emotion_alt": None,
        },
        {"id": "b", "causes": [], "emotion": "gratitude", "emotion_alt": None},
        {"id": "c", "causes": ["billing"], "emotion": "disappointment", "emotion_alt": "anger"},
    )
    found = measured_agreement(CORPUS, path)
    assert found is not None
    assert found["n"] == 3
    assert found["causes"]["broken_promise"]["f1"] == 1.0
    assert found["causes"]["billing"]["f1"] == pytest.approx(0.6667)
    assert found["emotion_accuracy"] == pytest.approx(0.3333)
    assert found["emotion_accuracy_alt"] == 1.0


def test_an_unknown_id_is_named(tmp_path: Path) -> None:
    path = second(tmp_path / "s.jsonl", {"id": "z", "causes": [], "emotion": "neutral"})
    with pytest.raises(TrainingError, match=r"s\.jsonl:1: 'z'"):
        measured_agreement(CORPUS, path)


def test_the_shipped_second_labels_fit_the_corpus() -> None:
    found = measured_agreement(load_corpus())
    assert found is not None
    assert found["n"] >= 400
    assert found["causes_macro_f1"] > 0.8
