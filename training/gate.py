"""The gate: may a challenger take the champion's place? Pure functions, no files, no clock.

Two models are compared on the same labelled messages (the frozen test split) with a paired
bootstrap (Efron and Tibshirani 1993, chapter 13): both are measured on the same draw of
messages, so what is left is the difference between the models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cxnlp.decide import Rule
from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from training.metrics import Scored, Truth, decided, ece, emotion_f1, f1, macro, paired_bootstrap

FloatArray = NDArray[np.float64]
VerdictOutcome = Literal["promote", "keep", "reproduced", "refused"]


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
        How many times the champion's, measured in the same run, it may be; generous, since
        clocks are noisy.
    size_mb
        Largest bundle.
    min_cases
        A label with fewer messages in the test split is not judged.
    same_scores
        Largest difference of a score with which a model counts as reproduced.
    same_decisions
        Smallest share of messages that must then be decided the same.
    """

    cause_f1: float = 0.30
    emotion_f1: float = 0.25
    floors: Mapping[str, float] = field(default_factory=dict)
    ece: float = 0.12
    ece_worse: float = 0.03
    latency_ms: float = 15.0
    latency_ratio: float = 2.0
    size_mb: float = 30.0
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


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is well, in words with numbers, and the numbers."""

    name: str
    passed: bool
    detail: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What the gate decides, and why.

    Attributes
    ----------
    outcome
        ``promote``: the challenger takes over. ``keep``: it is sound, but not better than the
        champion. ``reproduced``: it is the champion, trained again. ``refused``: it fails a
        check.
    challenger, champion
        Versions; no champion for the first one.
    checks
        Everything that was looked at.
    """

    outcome: VerdictOutcome
    challenger: str
    champion: str | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether the challenger may be (or is) the champion."""
        return self.outcome in ("promote", "reproduced")

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        against = f"champion {self.champion}" if self.champion else "no champion yet"
        said = {
            "promote": "passes and becomes champion",
            "keep": "is sound, but not better; the champion stays",
            "reproduced": "is the champion, reproduced; nothing to move",
            "refused": "is refused",
        }[self.outcome]
        failed = [check.name for check in self.checks if not check.passed]
        why = f" ({', '.join(failed)})" if self.outcome == "refused" else ""
        return f"Challenger {self.challenger} {said}{why}; against {against}."

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "outcome": self.outcome,
            "passed": self.passed,
            "challenger": self.challenger,
            "champion": self.champion,
            "checks": [
                {
                    "name": check.name,
                    "passed": check.passed,
                    "detail": check.detail,
                    "figures": dict(check.figures),
                }
                for check in self.checks
            ],
        }

    def to_markdown(self) -> str:
        """The verdict and a table of its checks."""
        rows = [
            f"| {check.name} | {'yes' if check.passed else '**no**'} | "
            f"{check.detail.replace('|', chr(92) + '|')} |"
            for check in self.checks
        ]
        return "\n".join([self.sentence, "", "| check | passed | |", "|---|---|---|", *rows])


@dataclass(frozen=True)
class _Measured:
    """F1 (labels,) and calibration error (labels,) on some messages; causes, then emotions."""

    f1: FloatArray
    ece: FloatArray
    macro: FloatArray  # causes, emotion, their mean


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
        The labels of both.
    limits
        What to keep to.
    withdrawn
        Why this very version was rolled back before, if it was: it is then refused.
    seed
        Of the bootstrap.

    Raises
    ------
    TrainingError
        If there are no messages, or scores do not belong to them.
    """
    limits = limits or GateLimits()
    _check_scores(challenger, records, taxonomy)
    old = champion.version if champion else None
    if champion and (champion.rule.causes, champion.rule.emotions) != (
        taxonomy.cause_names,
        taxonomy.emotion_names,
    ):
        same = Check(
            "same labels",
            False,
            f"champion {champion.version} knows {_names(champion.rule)}, the challenger "
            f"{_names(challenger.rule)}: they cannot be compared; give the new labels a models "
            f"folder of their own",
        )
        return Verdict("refused", challenger.version, old, (same,))
    if champion:
        _check_scores(champion, records, taxonomy)
        if champion.version == challenger.version:
            check = _reproduced(challenger, champion, limits)
            outcome: VerdictOutcome = "reproduced" if check.passed else "refused"
            return Verdict(outcome, challenger.version, old, (check,))
    truth = Truth.of(records, taxonomy)
    names = taxonomy.cause_names + taxonomy.emotion_names
    support = np.append(
        truth.causes.sum(0), np.bincount(truth.emotion, minlength=len(taxonomy.emotions))
    )
    judged = support >= limits.min_cases
    new = _measure(challenger, truth)
    checks = [_floors(new, names, support, judged, taxonomy, limits)]
    if champion is None:
        checks += [
            _calibration(new, None, names, judged, limits),
            _latency(challenger, None, limits),
            _size(challenger, limits),
        ]
    else:
        before = _measure(champion, truth)
        low, high = _differences(challenger, champion, truth, seed)
        checks += [
            _labels_not_worse(new, before, low, high, names, judged),
            *_macros_not_worse(new, before, low, high, len(names)),
            _calibration(new, before, names, judged, limits),
            _latency(challenger, champion, limits),
            _size(challenger, limits),
        ]
    if withdrawn is not None:
        checks.append(
            Check(
                "not withdrawn",
                False,
                f"this version was rolled back before ({withdrawn}); promote it by hand if it "
                f"is to come back",
            )
        )
    if not all(check.passed for check in checks):
        return Verdict("refused", challenger.version, old, tuple(checks))
    if champion is None:
        return Verdict("promote", challenger.version, old, tuple(checks))
    gain = float(new.macro[2] - before.macro[2])
    checks.append(
        Check(
            "better or equal overall",
            gain >= 0,
            f"mean of both macro-F1 {before.macro[2]:.4f} → {new.macro[2]:.4f} ({gain:+.4f}, "
            f"95% {low[-1]:+.4f} to {high[-1]:+.4f})",
            {"before": _r(before.macro[2]), "after": _r(new.macro[2])},
        )
    )
    return Verdict("promote" if gain >= 0 else "keep", challenger.version, old, tuple(checks))


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


def _names(rule: Rule) -> str:
    return ", ".join(rule.causes + rule.emotions)


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


def _measure(entrant: Entrant, truth: Truth) -> _Measured:
    causes, emotion, _ = decided(entrant.rule, entrant.scored)
    k = entrant.scored.emotions.shape[1]
    values = _f1s(truth, causes, emotion, k)
    is_emotion = truth.emotion[:, None] == np.arange(k)
    errors = [
        ece(labels[:, j], scores[:, j])
        for labels, scores in (
            (truth.causes, entrant.scored.causes),
            (is_emotion, entrant.scored.emotions),
        )
        for j in range(scores.shape[1])
    ]
    return _Measured(values, np.array(errors), _macros(truth, values, k))


def _f1s(truth: Truth, causes: NDArray[Any], emotion: NDArray[Any], k: int) -> FloatArray:
    return np.append(f1(truth.causes, causes), emotion_f1(truth.emotion, emotion, k))


def _macros(truth: Truth, values: FloatArray, k: int) -> FloatArray:
    causes = macro(values[:-k], truth.causes.sum(0))
    emotion = macro(values[-k:], np.bincount(truth.emotion, minlength=k))
    known = [value for value in (causes, emotion) if not np.isnan(value)]
    return np.array([causes, emotion, np.mean(known) if known else 0.0])


def _differences(
    challenger: Entrant, champion: Entrant, truth: Truth, seed: int
) -> tuple[FloatArray, FloatArray]:
    """95% interval of challenger minus champion: F1 of every label, then the three macros."""
    answers = [decided(entrant.rule, entrant.scored)[:2] for entrant in (champion, challenger)]
    k = challenger.scored.emotions.shape[1]

    def figures(which: int, rows: NDArray[Any]) -> FloatArray:
        causes, emotion = answers[which]
        part = truth.take(rows)
        values = _f1s(part, causes[rows], emotion[rows], k)
        return np.append(values, _macros(part, values, k))

    return paired_bootstrap(figures, len(truth), seed=seed)


def _floors(
    new: _Measured,
    names: Sequence[str],
    support: NDArray[Any],
    judged: NDArray[Any],
    taxonomy: Taxonomy,
    limits: GateLimits,
) -> Check:
    floor = {
        name: limits.floors.get(
            name, limits.cause_f1 if name in taxonomy.cause_names else limits.emotion_f1
        )
        for name in names
    }
    rows = [
        (new.f1[j] - floor[name], f"{name} {new.f1[j]:.3f} (floor {floor[name]:.2f})")
        for j, name in enumerate(names)
        if judged[j]
    ]
    below = [text for margin, text in rows if margin < 0]
    detail = "below: " + ", ".join(below) if below else "tightest: " + min(rows)[1]
    few = [f"{name} ({support[j]})" for j, name in enumerate(names) if not judged[j]]
    if few:
        detail += "; too few cases to judge: " + ", ".join(few)
    figures = {name: {"f1": _r(new.f1[j]), "floor": floor[name]} for j, name in enumerate(names)}
    return Check("F1 of every label", not below, detail, figures)


def _labels_not_worse(
    new: _Measured,
    before: _Measured,
    low: FloatArray,
    high: FloatArray,
    names: Sequence[str],
    judged: NDArray[Any],
) -> Check:
    rows = [
        (high[j], f"{name} {before.f1[j]:.3f} → {new.f1[j]:.3f} ({low[j]:+.3f} to {high[j]:+.3f})")
        for j, name in enumerate(names)
        if judged[j]
    ]
    worse = [text for top, text in rows if top < 0]
    figures = {
        name: {
            "before": _r(before.f1[j]),
            "after": _r(new.f1[j]),
            "low": _r(low[j]),
            "high": _r(high[j]),
        }
        for j, name in enumerate(names)
    }
    detail = "worse: " + ", ".join(worse) if worse else "nearest to worse: " + min(rows)[1]
    return Check("no label worse", not worse, detail, figures)


def _macros_not_worse(
    new: _Measured, before: _Measured, low: FloatArray, high: FloatArray, n: int
) -> list[Check]:
    return [
        Check(
            f"{what} macro-F1 not worse",
            not high[n + i] < 0,  # nan, where there is nothing to judge, is not worse
            f"{before.macro[i]:.3f} → {new.macro[i]:.3f} (95% {low[n + i]:+.3f} to "
            f"{high[n + i]:+.3f})",
            {
                "before": _r(before.macro[i]),
                "after": _r(new.macro[i]),
                "low": _r(low[n + i]),
                "high": _r(high[n + i]),
            },
        )
        for i, what in enumerate(("causes", "emotion"))
    ]


def _calibration(
    new: _Measured,
    before: _Measured | None,
    names: Sequence[str],
    judged: NDArray[Any],
    limits: GateLimits,
) -> Check:
    wrong = []
    figures = {}
    for j, name in enumerate(names):
        figures[name] = {"ece": _r(new.ece[j])}
        if before is not None:
            figures[name]["before"] = _r(before.ece[j])
        if not judged[j]:
            continue
        if new.ece[j] > limits.ece:
            wrong.append(f"{name} {new.ece[j]:.3f} (limit {limits.ece:.2f})")
        elif before is not None and new.ece[j] > before.ece[j] + limits.ece_worse:
            wrong.append(
                f"{name} {before.ece[j]:.3f} → {new.ece[j]:.3f} (at most +{limits.ece_worse:.2f})"
            )
    top = int(np.where(judged, new.ece, -1).argmax())
    detail = (
        "miscalibrated: " + ", ".join(wrong)
        if wrong
        else f"highest error: {names[top]} {new.ece[top]:.3f} (limit {limits.ece:.2f})"
    )
    return Check("calibration of every label", not wrong, detail, figures)


def _latency(challenger: Entrant, champion: Entrant | None, limits: GateLimits) -> Check:
    limit = limits.latency_ms
    versus = ""
    if champion is not None:
        limit = min(limit, champion.latency_ms * limits.latency_ratio)
        versus = f"champion {champion.latency_ms:.2f} ms, "
    return Check(
        "latency",
        challenger.latency_ms <= limit,
        f"{challenger.latency_ms:.2f} ms a message ({versus}limit {limit:.2f} ms)",
        {"ms": _r(challenger.latency_ms), "limit": _r(limit)},
    )


def _size(challenger: Entrant, limits: GateLimits) -> Check:
    return Check(
        "size",
        challenger.size_mb <= limits.size_mb,
        f"{challenger.size_mb:.1f} MB (limit {limits.size_mb:.0f} MB)",
        {"mb": _r(challenger.size_mb), "limit": limits.size_mb},
    )


def _r(value: float) -> float | None:
    """A JSON number of four decimals; None for nan."""
    return None if np.isnan(value) else round(float(value), 4)
