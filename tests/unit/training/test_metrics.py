"""Figures against values worked out by hand or by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve

from cxnlp.decide import Rule
from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from training.metrics import (
    Scored,
    Truth,
    average_precision,
    contrast,
    decided,
    ece,
    emotion_f1,
    evaluate,
    f1,
    interval,
    length_band,
    macro,
    paired_bootstrap,
    precision_recall,
    risk_coverage,
)

RANDOM = np.random.default_rng(0)


def test_f1_and_average_precision_equal_scikit_learn() -> None:
    truth = RANDOM.integers(0, 2, (200, 3))
    scores = RANDOM.random((200, 3))
    given = (scores > 0.4).astype(int)
    assert np.allclose(f1(truth, given), f1_score(truth, given, average=None))
    for j in range(3):
        assert average_precision(truth[:, j], scores[:, j]) == pytest.approx(
            average_precision_score(truth[:, j], scores[:, j])
        )


def test_emotion_f1_equals_scikit_learn() -> None:
    truth, given = RANDOM.integers(0, 4, 300), RANDOM.integers(0, 4, 300)
    assert np.allclose(emotion_f1(truth, given, 4), f1_score(truth, given, average=None))


def test_ece_of_a_calibrated_and_of_a_boasting_model() -> None:
    scores = RANDOM.random(20_000)
    truth = (RANDOM.random(20_000) < scores).astype(int)
    assert ece(truth, scores) < 0.02
    assert ece(truth, np.full(20_000, 0.95)) == pytest.approx(0.45, abs=0.02)


def test_macro_leaves_out_labels_that_hardly_occur() -> None:
    assert macro(np.array([0.8, 0.0]), np.array([50, 2])) == pytest.approx(0.8)
    assert np.isnan(macro(np.array([0.8]), np.array([1])))


def test_an_interval_covers_what_it_should() -> None:
    covered = 0
    for seed in range(100):
        sample = np.random.default_rng(seed).normal(size=80)
        low, high = interval(lambda rows, s=sample: float(s[rows].mean()), 80, seed=seed, times=200)
        covered += low <= 0 <= high
    assert 86 <= covered <= 99


def test_a_paired_difference_is_second_minus_first() -> None:
    right = np.array([[1.0] * 50, [0.0] * 50])
    low, high = paired_bootstrap(lambda which, rows: right[which][rows].mean(), 50, times=20)
    assert (low, high) == (-1, -1)


@pytest.mark.parametrize(
    ("words", "band"),
    [
        (1, "1-7"),
        (7, "1-7"),
        (8, "8-17"),
        (18, "18-60"),
        (60, "18-60"),
        (61, "61-120"),
        (121, "over 120"),
    ],
)
def test_length_bands(words: int, band: str) -> None:
    assert length_band("woord " * words) == band


def records(n: int) -> list[Record]:
    return [
        Record(
            id=str(i),
            text="De monteur kwam niet",
            causes=("broken_promise",) if i % 2 else (),
            emotion="frustration" if i % 2 else "neutral",
            emotion_alt="anger" if i % 4 == 1 else None,
            channel="chat" if i < n // 2 else "email",
            region="nl",
        )
        for i in range(n)
    ]


RULE = Rule(DEFAULT.cause_names, DEFAULT.emotion_names, "neutral", (0.5,) * 9, 0.4, 0.0)


def perfect(rows: list[Record]) -> Scored:
    truth = Truth.of(rows, DEFAULT)
    emotions = np.full((len(rows), 7), 0.01, np.float32)
    emotions[np.arange(len(rows)), truth.emotion] = 0.94
    return Scored(truth.causes * 0.9 + 0.05, emotions)


def test_a_perfect_model_scores_one_everywhere() -> None:
    rows = records(80)
    figures = evaluate(rows, perfect(rows), RULE, DEFAULT)
    assert figures["n"] == 80
    assert {f["value"] for f in figures["summary"].values()} == {1.0}
    assert figures["causes"]["broken_promise"]["n"] == 40
    assert figures["exact_match"] == 1.0
    assert figures["review_share"] == 0.0
    assert set(figures["slices"]["channel"]) == {"chat", "email"}
    assert figures["confusion"]["rows"][1][1] == 40


def test_the_second_emotion_counts_as_right_in_its_own_figure() -> None:
    rows = records(40)
    scored = perfect(rows)
    scored.emotions[1::4] = np.eye(7, dtype=np.float32)[0]  # anger, where it is the second one
    summary = evaluate(rows, scored, RULE, DEFAULT)["summary"]
    assert summary["emotion_accuracy"]["value"] == 0.75
    assert summary["emotion_accuracy_alt"]["value"] == 1.0


def test_the_decision_rule_is_the_librarys() -> None:
    rows = records(4)
    causes, emotion, review = decided(RULE, perfect(rows))
    assert causes[:, 0].tolist() == [0, 1, 0, 1]
    assert emotion.tolist() == [6, 1, 6, 1]
    assert not review.any()


def test_risk_grows_with_coverage_when_doubt_is_worth_something() -> None:
    truth = Truth.of(records(100), DEFAULT)
    scores = np.tile(truth.causes * 0.8 + 0.1, 1).astype(np.float32)
    scores[:20, 0] = 1 - scores[:20, 0]  # wrong …
    scores[:20, 0] = 0.5 + (scores[:20, 0] - 0.5) * 0.1  # … and unsure
    given = (scores >= 0.5).astype(np.int8)
    curve = risk_coverage(truth, Scored(scores, np.ones((100, 7)) / 7), given)
    assert curve[0]["risk"] == 0
    assert curve[-1] == {"coverage": 1.0, "risk": 0.2}


def test_contrast_counts_pairs_whose_sides_are_told_apart() -> None:
    complaint = Record("a", "Niet gekomen", ("broken_promise",), "frustration")
    thanks = Record("b", "Keurig gekomen", (), "gratitude")
    sides = ([complaint, thanks], [thanks, complaint])
    right = (perfect(sides[0]), perfect(sides[1]))
    assert contrast(*sides, right, RULE, DEFAULT, ["solved", "irony"]) == {
        "n": 2,
        "ordered": 1.0,
        "causes_n": 2,
        "causes_right": 1.0,
        "emotion_n": 2,
        "emotion_right": 1.0,
        "kinds": {kind: {"n": 1, "causes_right": 1.0} for kind in ("irony", "solved")},
    }
    blind = contrast(*sides, (right[0], right[0]), RULE, DEFAULT)
    assert (blind["ordered"], blind["causes_right"], blind["emotion_right"]) == (0.0, 0.0, 0.0)


def test_precision_and_recall_equal_scikit_learn() -> None:
    truth = RANDOM.integers(0, 2, 200)
    scores = RANDOM.random(200).round(1)  # with ties
    precision, recall, at = precision_recall(truth, scores)
    theirs = precision_recall_curve(truth, scores)
    assert np.allclose(precision, theirs[0][-2::-1])
    assert np.allclose(recall, theirs[1][-2::-1])
    assert np.allclose(at, theirs[2][::-1])


def test_average_precision_of_equal_scores_does_not_depend_on_their_order() -> None:
    same = np.zeros(4)
    assert average_precision(np.array([1, 0, 0, 0]), same) == pytest.approx(0.25)
    assert average_precision(np.array([0, 0, 0, 1]), same) == pytest.approx(0.25)
