"""The decision rule, and promises of recall."""

from __future__ import annotations

import numpy as np
import pytest

from cxnlp.decide import Rule, decide, promise_recall
from cxnlp.errors import InputError

RULE = Rule(
    causes=("late", "rude"),
    emotions=("anger", "neutral"),
    neutral="neutral",
    thresholds=(0.5, 0.3),
    doubt_limit=0.4,
    emotion_limit=0.55,
)


def one(late: float, rude: float, anger: float = 0.9, **options):
    return decide(RULE, np.array([[late, rude]]), np.array([[anger, 1 - anger]]), **options)[0]


def test_sure_of_a_cause_is_accept() -> None:
    assert one(0.9, 0.1) == type(one(0.9, 0.1))(("late",), "anger", "accept", ())


def test_sure_of_nothing_is_none() -> None:
    answer = one(0.1, 0.1)
    assert (answer.causes, answer.decision, answer.reasons) == ((), "none", ())


@pytest.mark.parametrize("late", [0.45, 0.55])
def test_close_to_a_threshold_is_review_and_says_which(late: float) -> None:
    answer = one(late, 0.05)
    assert answer.decision == "review"
    assert answer.reasons == (f"unsure: late scored {late:.2f}, threshold 0.50",)


def test_an_unsure_emotion_is_review() -> None:
    answer = one(0.9, 0.1, anger=0.52)
    assert answer.decision == "review"
    assert answer.reasons == ("unsure: emotion, anger scored only 0.52",)


def test_a_score_on_the_threshold_counts() -> None:
    assert "late" in one(0.5, 0.0).causes


def test_out_of_scope_has_no_cause_and_is_neutral() -> None:
    answer = one(0.99, 0.99, in_scope=[False], reasons=[("empty: there is no text",)])
    assert (answer.causes, answer.emotion, answer.decision) == ((), "neutral", "out_of_scope")
    assert answer.reasons == ("empty: there is no text",)


def test_nothing_to_decide() -> None:
    assert decide(RULE, np.zeros((0, 2)), np.zeros((0, 2))) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [({"slow": 0.5}, "Unknown cause 'slow'"), ({"late": 0.0}, r"must lie in \(0, 1\]")],
)
def test_bad_thresholds(change: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RULE.with_thresholds(change)


def test_other_thresholds() -> None:
    assert RULE.with_thresholds({"rude": 0.7}).thresholds == (0.5, 0.7)


def test_a_promise_is_the_highest_threshold_that_the_bound_allows() -> None:
    scores = np.arange(1, 101) / 101
    promise = promise_recall("late", scores, recall=0.9)
    # P(Binomial(100, .1) <= 4) = .0237 and <= 5: .0576, so four misses are allowed.
    assert promise.found == 96
    assert promise.threshold == pytest.approx(5 / 101)


def test_a_promise_holds_for_new_messages() -> None:
    random = np.random.default_rng(0)
    kept = 0
    for _ in range(300):
        promise = promise_recall("late", random.beta(4, 2, 120), recall=0.9)
        kept += (random.beta(4, 2, 4000) >= promise.threshold).mean() >= 0.9
    assert kept / 300 >= 0.93  # 95% promised, less the noise of 300 draws


def test_too_few_messages_for_a_promise() -> None:
    with pytest.raises(InputError, match=r"at least 29 held-out messages.*there are 10"):
        promise_recall("late", np.full(10, 0.9), recall=0.9)


@pytest.mark.parametrize("recall", [0.0, 1.0, 2.0])
def test_an_impossible_recall(recall: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        promise_recall("late", np.full(100, 0.9), recall=recall)
