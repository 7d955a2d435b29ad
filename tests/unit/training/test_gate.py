"""The gate: which challenger may take over, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cxnlp.decide import Rule
from cxnlp.errors import TrainingError
from cxnlp.labels import DEFAULT, Label, Taxonomy
from cxnlp.record import Record
from training.gate import Entrant, GateLimits, Verdict, judge
from training.metrics import Scored, Truth

N = 480
CAUSES, EMOTIONS = DEFAULT.cause_names, DEFAULT.emotion_names
RECORDS = [
    Record(str(i), f"bericht {i}", (CAUSES[i % 9],) if i % 4 else (), EMOTIONS[i % 7])
    for i in range(N)
]
TRUTH = Truth.of(RECORDS, DEFAULT)
RULE = Rule(CAUSES, EMOTIONS, "neutral", (0.5,) * 9, 1.0, 0.0)


def scores(wrong: float = 0.1, *, seed: int = 0, label: str = "", extra: float = 0.0) -> Scored:
    """Scores of a model that is wrong in a share of the cases, and more often about one label."""
    random = np.random.default_rng(seed)
    shares = [wrong + (extra if label == cause else 0) for cause in CAUSES]
    flipped = random.random((N, 9)) < shares
    # A wrong answer misses a cause that is there; where it is not, it is hardly ever given.
    given = np.where(TRUTH.causes == 1, ~flipped, flipped & (random.random((N, 9)) < 0.1))
    causes = np.where(given, 1 - wrong, wrong / 5).astype(np.float32)
    right: NDArray[np.int64] = np.where(
        random.random(N) < wrong, (TRUTH.emotion + 1) % 7, TRUTH.emotion
    )
    emotions = np.full((N, 7), wrong / 6, np.float32)
    emotions[np.arange(N), right] = 1 - wrong
    return Scored(causes, emotions)


def entrant(version: str, scored: Scored | None = None, **other: float) -> Entrant:
    return Entrant(
        version,
        scored or scores(),
        RULE,
        latency_ms=other.get("latency_ms", 0.6),
        size_mb=other.get("size_mb", 4.0),
    )


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_the_first_champion_needs_floors_and_limits_only() -> None:
    verdict = judge(entrant("a"), None, RECORDS, DEFAULT)
    assert (verdict.outcome, verdict.passed, verdict.champion) == ("promote", True, None)
    names = [check.name for check in verdict.checks]
    assert names == ["F1 of every label", "calibration of every label", "latency", "size"]


def test_a_label_below_its_floor_is_refused_with_its_numbers() -> None:
    limits = GateLimits(floors={"billing": 0.99, "anger": 0.5})
    verdict = judge(entrant("a"), None, RECORDS, DEFAULT, limits=limits)
    assert verdict.outcome == "refused"
    assert failed(verdict) == ["F1 of every label"]
    [floors] = [check for check in verdict.checks if not check.passed]
    assert floors.detail.startswith("below: billing 0.9")
    assert "(floor 0.99)" in floors.detail
    assert floors.figures["billing"]["floor"] == 0.99
    assert floors.figures["delivery"]["floor"] == GateLimits().cause_f1


@pytest.mark.parametrize(
    ("challenger", "check"),
    [
        (entrant("b", latency_ms=41), "latency"),
        (entrant("b", size_mb=41), "size"),
        (entrant("b", scores(0.3)), "calibration of every label"),
    ],
    ids=["slow", "large", "miscalibrated"],
)
def test_absolute_limits(challenger: Entrant, check: str) -> None:
    limits = GateLimits(ece=0.01) if "calibration" in check else None
    verdict = judge(challenger, None, RECORDS, DEFAULT, limits=limits)
    assert (verdict.outcome, failed(verdict)) == ("refused", [check])


def test_a_better_challenger_is_promoted_and_a_worse_one_is_not() -> None:
    good, bad = entrant("good", scores(0.05)), entrant("bad", scores(0.15))
    assert judge(good, bad, RECORDS, DEFAULT).outcome == "promote"
    verdict = judge(bad, good, RECORDS, DEFAULT)
    assert verdict.outcome == "refused"
    assert "causes macro-F1 not worse" in failed(verdict)
    assert "emotion macro-F1 not worse" in failed(verdict)


def test_an_equal_one_with_another_version_is_promoted() -> None:
    assert judge(entrant("b"), entrant("a"), RECORDS, DEFAULT).outcome == "promote"


def test_one_that_is_a_little_worse_is_sound_but_the_champion_stays() -> None:
    same = scores()
    little = Scored(same.causes.copy(), same.emotions)
    row = int(np.flatnonzero(TRUTH.causes[:, 3] & (same.causes[:, 3] > 0.5))[0])
    little.causes[row, 3] = 0.2
    verdict = judge(entrant("b", little), entrant("a", same), RECORDS, DEFAULT)
    assert (verdict.outcome, verdict.passed) == ("keep", False)
    assert failed(verdict) == ["better or equal overall"]


def test_one_label_significantly_worse_is_refused_though_all_others_are_better() -> None:
    challenger = entrant("b", scores(0.02, label="unanswered", extra=0.4))
    limits = GateLimits(ece=1.0, ece_worse=1.0)
    verdict = judge(challenger, entrant("a", scores(0.1)), RECORDS, DEFAULT, limits=limits)
    assert verdict.outcome == "refused"
    assert failed(verdict) == ["no label worse"]
    [worse] = [check for check in verdict.checks if not check.passed]
    assert worse.detail.startswith("worse: unanswered")
    figures = worse.figures["unanswered"]
    assert figures["low"] <= figures["high"] < 0
    assert figures["after"] < figures["before"]


def test_calibration_that_gets_worse_is_refused() -> None:
    same = scores()
    given = same.causes[:, 2] >= 0.5
    shifted = Scored(same.causes.copy(), same.emotions)
    shifted.causes[~given, 2] += 0.09  # the same decisions, with worse numbers
    verdict = judge(entrant("b", shifted), entrant("a", same), RECORDS, DEFAULT)
    assert (verdict.outcome, failed(verdict)) == ("refused", ["calibration of every label"])
    assert "no_human_contact" in verdict.checks[4].detail


def test_latency_is_also_measured_against_the_champion() -> None:
    slower = entrant("b", latency_ms=1.5)
    verdict = judge(slower, entrant("a"), RECORDS, DEFAULT)
    assert failed(verdict) == ["latency"]
    assert "1.50 ms a message (champion 0.60 ms, limit 1.20 ms)" in verdict.to_markdown()


def test_another_kind_is_slower_by_design() -> None:
    slower = replace(entrant("b", latency_ms=15), kind="words-encoder")
    verdict = judge(slower, replace(entrant("a"), kind="wordgrams-linear"), RECORDS, DEFAULT)
    assert verdict.passed
    assert "15.00 ms a message" in verdict.to_markdown()


def test_the_same_version_with_the_same_scores_is_reproduced() -> None:
    again = scores()
    again.causes[:] += np.float32(0.0005)
    verdict = judge(entrant("a", again), entrant("a"), RECORDS, DEFAULT)
    assert (verdict.outcome, verdict.passed) == ("reproduced", True)


def test_the_same_version_with_other_scores_is_refused_and_says_what_it_means() -> None:
    verdict = judge(entrant("a", scores(seed=1)), entrant("a"), RECORDS, DEFAULT)
    assert verdict.outcome == "refused"
    assert "must give the same model" in verdict.checks[0].detail


def test_the_same_version_with_other_thresholds_is_refused() -> None:
    moved = replace(entrant("a"), rule=replace(RULE, thresholds=(0.95,) * 9))
    assert judge(moved, entrant("a"), RECORDS, DEFAULT).outcome == "refused"


def test_a_version_that_was_rolled_back_does_not_come_back_by_itself() -> None:
    better = entrant("b", scores(0.05))
    why = "on 2026-01-02: complaints"
    verdict = judge(better, entrant("a"), RECORDS, DEFAULT, withdrawn=why)
    assert (verdict.outcome, failed(verdict)) == ("refused", ["not withdrawn"])
    assert why in verdict.checks[-1].detail


def test_models_with_different_labels_are_not_compared() -> None:
    other = Taxonomy((Label("x", "x"), Label("y", "y")), DEFAULT.emotions)
    records = [Record(str(i), "t", ("x",), "anger") for i in range(20)]
    challenger = Entrant(
        "b",
        Scored(np.zeros((20, 2), np.float32), np.full((20, 7), 1 / 7, np.float32)),
        Rule(("x", "y"), EMOTIONS, "neutral", (0.5, 0.5), 1.0, 0.0),
        0.5,
        4.0,
    )
    verdict = judge(challenger, entrant("a"), records, other)
    assert (verdict.outcome, failed(verdict)) == ("refused", ["same labels"])


def test_labels_with_too_few_cases_are_named_and_not_judged() -> None:
    rows = [i for i, record in enumerate(RECORDS) if "billing" not in record.causes][:200]
    some = [RECORDS[i] for i in rows]
    verdict = judge(
        entrant("a", scores().take(rows)), entrant("b", scores().take(rows)), some, DEFAULT
    )
    assert verdict.outcome == "promote"
    assert "too few cases to judge: billing (0)" in verdict.checks[0].detail
    few = judge(entrant("a", scores().take(rows[:8])), None, some[:8], DEFAULT)
    assert failed(few) == ["F1 of every label"]


def test_scores_that_do_not_fit_are_refused_with_a_reason() -> None:
    with pytest.raises(TrainingError, match="there are none"):
        judge(entrant("a"), None, [], DEFAULT)
    with pytest.raises(TrainingError, match=r"shape \(480, 9\); expected \(10, 9\)"):
        judge(entrant("a"), None, RECORDS[:10], DEFAULT)
    broken = scores()
    broken.causes[3, 3] = np.nan
    with pytest.raises(TrainingError, match="nan or infinity"):
        judge(entrant("a", broken), None, RECORDS, DEFAULT)


def test_the_verdict_is_the_same_twice_and_can_be_written_down() -> None:
    pair = entrant("b", scores(0.05)), entrant("a", scores(0.1, seed=3))
    verdict, again = (judge(*pair, RECORDS, DEFAULT) for _ in range(2))
    assert verdict.to_dict() == again.to_dict()
    written = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert written["outcome"] == "promote"
    assert len(written["checks"]) == len(verdict.checks)
    lines = verdict.to_markdown().splitlines()
    assert lines[0] == "Challenger b passes and becomes champion; against champion a."
    assert len(lines) == 4 + len(verdict.checks)
