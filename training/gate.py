"""The gate: may a challenger take the champion's place? Pure functions, no files, no clock.

Two models are compared on the same labelled messages (the frozen test split) with a paired
bootstrap (Efron and Tibshirani 1993, chapter 13): both are measured on the same draw of
messages, so what is left is the difference between the models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.decide import Rule
from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from training.metrics import Scored, Truth, decided, ece, emotion_f1, f1, macro, paired_bootstrap
from training.verdict import Check, Outcome, Verdict

__all__ = ["Check", "Entrant", "GateLimits", "Verdict", "judge"]

FloatArray = NDArray[np.float64]
Answer = tuple[NDArray[np.int8], NDArray[np.int64]]  # causes (n, n_causes), emotion (n,)


@dataclass(frozen=True)
class GateLimits:
    """What a champion must keep to.

    Attributes
    ----------
    cause_f1, emotion_f1
        Lowest F1 of every cause and every emotion, in [0, 1].
    floors
        Another lowest F1 for some labels, by name.
    ece
        Highest expected calibration error of a label, in [0, 1].
    ece_worse
        How much higher than the champion's it may be.
    latency_ms
        Longest median time of one prediction.
    latency_ratio
        How many times that of a champion of the same kind, measured in the same run, it may be;
        generous, since clocks are noisy. Another kind is slower or faster by design.
    size_mb
        Largest bundle.
    min_cases
        A label with fewer messages in the test split is not judged.
    same_scores
        Largest difference of a score with which a model counts as reproduced.
    same_decisions
        Smallest share of messages that must then be decided the same.
    """

    cause_f1: float = 0.45
    emotion_f1: float = 0.40
    floors: Mapping[str, float] = field(default_factory=dict)
    ece: float = 0.10
    ece_worse: float = 0.03
    latency_ms: float = 40.0
    latency_ratio: float = 2.0
    size_mb: float = 40.0
    min_cases: int = 5
    same_scores: float = 1e-3
    same_decisions: float = 0.99


@dataclass(frozen=True)
class Entrant:
    """A model at the gate, scored on the messages that both are judged by."""

    version: str
    scored: Scored
    rule: Rule
    latency_ms: float
    size_mb: float
    kind: str = ""


@dataclass(frozen=True)
class _Measured:
    """Figures of one model: F1 and calibration error by label (causes, then emotions)."""

    f1: FloatArray
    ece: FloatArray
    macro: FloatArray  # causes, emotion, the mean of both


@dataclass(frozen=True)
class _Match:
    """Both models on the same messages, and the 95% interval of the difference.

    ``low`` and ``high`` have the F1 of every label, then the three macros.
    """

    names: tuple[str, ...]
    support: NDArray[np.int64]
    judged: tuple[int, ...]  # labels with enough cases
    new: _Measured
    old: _Measured | None = None
    low: FloatArray = field(default_factory=lambda: np.zeros(0))
    high: FloatArray = field(default_factory=lambda: np.zeros(0))


def judge(
    challenger: Entrant,
    champion: Entrant | None,
    records: Sequence[Record],
    taxonomy: Taxonomy,
    *,
    limits: GateLimits | None = None,
    withdrawn: str | None = None,
    seed: int = 0,
) -> Verdict:
    """Judge a challenger.

    Parameters
    ----------
    challenger, champion
        Scores of both on ``records``; without a champion only floors and limits count.
    records
        Labelled messages that neither was trained on.
    taxonomy
        The labels of the challenger, by which ``records`` are labelled.
    limits
        What to keep to.
    withdrawn
        Why this very version was rolled back before, if it was (see
        `training.registry.withdrawn`): it is then refused.
    seed
        Of the bootstrap.

    Raises
    ------
    TrainingError
        If there are no messages, or scores do not belong to them.
    """
    limits = limits or GateLimits()

    def verdict(outcome: Outcome, *checks: Check) -> Verdict:
        old = champion.version if champion else None
        return Verdict(outcome, challenger.version, old, checks)

    _check_scores(challenger, records, taxonomy)
    if champion is not None:
        labels = _same_labels(champion, taxonomy)
        if not labels.passed:
            return verdict("refused", labels)
        _check_scores(champion, records, taxonomy)
        if champion.version == challenger.version:
            same = _reproduced(challenger, champion, limits)
            return verdict("reproduced" if same.passed else "refused", same)
    match = _measure(challenger, champion, Truth.of(records, taxonomy), taxonomy, limits, seed)
    checks = [_floors(match, taxonomy, limits)]
    if match.old is not None:
        checks += [_labels_not_worse(match, match.old), *_macros_not_worse(match, match.old)]
    checks += [
        _calibration(match, limits),
        _latency(challenger, champion, limits),
        _size(challenger, limits),
    ]
    if withdrawn is not None:
        why = f"rolled back before, {withdrawn}; promote it by hand if it is to come back"
        checks.append(Check("not withdrawn", False, why))
    if not all(check.passed for check in checks):
        return verdict("refused", *checks)
    if match.old is None:
        return verdict("promote", *checks)
    better = _better(match, match.old)
    return verdict("promote" if better.passed else "keep", *checks, better)


def _check_scores(entrant: Entrant, records: Sequence[Record], taxonomy: Taxonomy) -> None:
    if not records:
        raise TrainingError("The gate needs labelled messages to judge by; there are none.")
    for what, scores, columns in (
        ("cause", entrant.scored.causes, len(taxonomy.causes)),
        ("emotion", entrant.scored.emotions, len(taxonomy.emotions)),
    ):
        if scores.shape != (len(records), columns):
            raise TrainingError(
                f"The {what} scores of {entrant.version} have shape {scores.shape}; expected "
                f"{(len(records), columns)}: one row a message, one column a label."
            )
        if not np.isfinite(scores).all():
            raise TrainingError(
                f"The {what} scores of {entrant.version} hold nan or infinity; its training failed."
            )


def _same_labels(champion: Entrant, taxonomy: Taxonomy) -> Check:
    old = champion.rule.causes + champion.rule.emotions
    new = taxonomy.cause_names + taxonomy.emotion_names
    detail = (
        f"the champion knows {', '.join(old)}, the challenger {', '.join(new)}: they cannot be "
        f"compared; give the new labels a models folder of their own"
    )
    return Check("same labels", old == new, detail)


def _reproduced(challenger: Entrant, champion: Entrant, limits: GateLimits) -> Check:
    gap = max(
        float(np.abs(challenger.scored.causes - champion.scored.causes).max()),
        float(np.abs(challenger.scored.emotions - champion.scored.emotions).max()),
    )
    one, other = (decided(e.rule, e.scored)[:2] for e in (challenger, champion))
    same = float(((one[0] == other[0]).all(1) & (one[1] == other[1])).mean())
    passed = gap <= limits.same_scores and same >= limits.same_decisions
    detail = (
        f"same version; scores differ by at most {gap:.1e} (limit {limits.same_scores:.0e}), "
        f"{same:.1%} of the decisions are the same (at least {limits.same_decisions:.0%})"
    )
    if not passed:
        detail += (
            ". The same corpus, configuration and code must give the same model: the champion "
            "was altered, or training depends on something that its version does not count "
            "(a library's version, the machine)"
        )
    return Check("reproduces the champion", passed, detail, {"gap": gap, "same": same})


def _measure(
    challenger: Entrant,
    champion: Entrant | None,
    truth: Truth,
    taxonomy: Taxonomy,
    limits: GateLimits,
    seed: int,
) -> _Match:
    k = len(taxonomy.emotions)
    is_emotion = truth.emotion[:, None] == np.arange(k)

    def figures(answer: Answer, part: Truth) -> tuple[FloatArray, FloatArray]:
        by_label = np.append(f1(part.causes, answer[0]), emotion_f1(part.emotion, answer[1], k))
        causes = macro(by_label[:-k], part.causes.sum(0))
        emotion = macro(by_label[-k:], np.bincount(part.emotion, minlength=k))
        both = [value for value in (causes, emotion) if not np.isnan(value)]
        return by_label, np.array([causes, emotion, np.mean(both) if both else np.nan])

    def measured(entrant: Entrant, answer: Answer) -> _Measured:
        columns = [
            *zip(truth.causes.T, entrant.scored.causes.T, strict=True),
            *zip(is_emotion.T, entrant.scored.emotions.T, strict=True),
        ]
        by_label, macros = figures(answer, truth)
        return _Measured(by_label, np.array([ece(t, s) for t, s in columns]), macros)

    def answered(entrant: Entrant) -> Answer:
        causes, emotion, _ = decided(entrant.rule, entrant.scored)
        return causes, emotion

    support = np.append(truth.causes.sum(0), is_emotion.sum(0))
    names = taxonomy.cause_names + taxonomy.emotion_names
    judged = tuple(int(j) for j in np.flatnonzero(support >= limits.min_cases))
    new = answered(challenger)
    match = _Match(names, support, judged, measured(challenger, new))
    if champion is None:
        return match
    answers = answered(champion), new

    def drawn(which: int, rows: NDArray[Any]) -> FloatArray:
        causes, emotion = answers[which]
        return np.concatenate(figures((causes[rows], emotion[rows]), truth.take(rows)))

    low, high = paired_bootstrap(drawn, len(truth), seed=seed)
    return replace(match, old=measured(champion, answers[0]), low=low, high=high)


def _floors(match: _Match, taxonomy: Taxonomy, limits: GateLimits) -> Check:
    floor = [
        limits.floors.get(
            name, limits.cause_f1 if name in taxonomy.cause_names else limits.emotion_f1
        )
        for name in match.names
    ]
    rows = [
        (match.new.f1[j] - floor[j], f"{match.names[j]} {match.new.f1[j]:.3f} (floor {floor[j]})")
        for j in match.judged
    ]
    below = [text for margin, text in rows if margin < 0]
    few = [f"{n} ({s})" for n, s in zip(match.names, match.support, strict=True)]
    few = [text for j, text in enumerate(few) if j not in match.judged]
    said = "below: " + ", ".join(below) if below else "tightest: " + min(rows)[1] if rows else ""
    if few:
        said += f"{'; ' if said else ''}too few cases to judge: " + ", ".join(few)
    figures = {
        name: {"f1": _number(match.new.f1[j]), "floor": floor[j], "n": int(match.support[j])}
        for j, name in enumerate(match.names)
    }
    return Check("F1 of every label", bool(rows) and not below, said, figures)


def _labels_not_worse(match: _Match, old: _Measured) -> Check:
    texts = [
        f"{name} {old.f1[j]:.3f} → {match.new.f1[j]:.3f} ({_range(match, j)})"
        for j, name in enumerate(match.names)
    ]
    worse = [texts[j] for j in match.judged if match.high[j] < 0]
    nearest = min(match.judged, key=lambda j: match.high[j], default=None)
    said = "worse: " + ", ".join(worse) if worse else ""
    if not worse and nearest is not None:
        said = f"nearest to worse: {texts[nearest]}"
    figures = {
        name: _difference(match, old.f1[j], match.new.f1[j], j)
        for j, name in enumerate(match.names)
    }
    return Check("no label worse", not worse, said, figures)


def _macros_not_worse(match: _Match, old: _Measured) -> list[Check]:
    checks = []
    for i, what in enumerate(("causes", "emotion")):
        j = len(match.names) + i
        before, after = old.macro[i], match.new.macro[i]
        checks.append(
            Check(
                f"{what} macro-F1 not worse",
                not match.high[j] < 0,  # nan, where no label has enough cases, is not worse
                f"{before:.3f} → {after:.3f} ({_range(match, j)})",
                _difference(match, before, after, j),
            )
        )
    return checks


def _better(match: _Match, old: _Measured) -> Check:
    before, after = old.macro[2], match.new.macro[2]
    j = len(match.names) + 2
    return Check(
        "better or equal overall",
        bool(after >= before - 1e-9),
        f"mean of both macro-F1 {before:.4f} → {after:.4f} ({_range(match, j)})",
        _difference(match, before, after, j),
    )


def _calibration(match: _Match, limits: GateLimits) -> Check:
    wrong = []
    for j in match.judged:
        name, now = match.names[j], match.new.ece[j]
        if now > limits.ece:
            wrong.append(f"{name} {now:.3f} (limit {limits.ece})")
        elif match.old is not None and now > match.old.ece[j] + limits.ece_worse:
            wrong.append(f"{name} {match.old.ece[j]:.3f} → {now:.3f} (at most +{limits.ece_worse})")
    said = "miscalibrated: " + ", ".join(wrong)
    if not wrong and match.judged:
        top = max(match.judged, key=lambda j: match.new.ece[j])
        said = f"largest ECE: {match.names[top]} {match.new.ece[top]:.3f} (limit {limits.ece})"
    figures = {name: {"ece": _number(match.new.ece[j])} for j, name in enumerate(match.names)}
    if match.old is not None:
        for j, name in enumerate(match.names):
            figures[name]["before"] = _number(match.old.ece[j])
    return Check("calibration of every label", not wrong, said, figures)


def _latency(challenger: Entrant, champion: Entrant | None, limits: GateLimits) -> Check:
    limit, versus = limits.latency_ms, ""
    if champion is not None and champion.kind == challenger.kind:
        limit = min(limit, champion.latency_ms * limits.latency_ratio)
        versus = f"champion {champion.latency_ms:.2f} ms, "
    return Check(
        "latency",
        challenger.latency_ms <= limit,
        f"{challenger.latency_ms:.2f} ms a message ({versus}limit {limit:.2f} ms)",
        {"ms": _number(challenger.latency_ms), "limit": _number(limit)},
    )


def _size(challenger: Entrant, limits: GateLimits) -> Check:
    return Check(
        "size",
        challenger.size_mb <= limits.size_mb,
        f"{challenger.size_mb:.1f} MB (limit {limits.size_mb:g} MB)",
        {"mb": _number(challenger.size_mb), "limit": limits.size_mb},
    )


def _range(match: _Match, j: int) -> str:
    return f"95% {match.low[j]:+.3f} to {match.high[j]:+.3f}"


def _difference(match: _Match, before: float, after: float, j: int) -> dict[str, float | None]:
    return {
        "before": _number(before),
        "after": _number(after),
        "low": _number(match.low[j]),
        "high": _number(match.high[j]),
    }


def _number(value: float) -> float | None:
    """A JSON number of four decimals; None for nan."""
    return None if np.isnan(value) else round(float(value), 4)
