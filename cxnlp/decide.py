"""The decision rule: the only place where a score becomes a label.

Evaluation, the command line and every door call `decide`, so what is measured is what is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import InputError
from cxnlp.types import Decision

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Rule:
    """Numbers that turn calibrated scores into decisions.

    Attributes
    ----------
    causes, emotions
        Names, in the order of the score columns.
    neutral
        Emotion of a message that is out of scope.
    thresholds
        Score from which a cause is given, shape (n_causes,), each in (0, 1].
    doubt_limit
        Largest probability, in [0, 1], that one cause is decided wrongly and yet no person is
        asked. The doubt of a given cause is 1 - score, that of a withheld one its score.
    emotion_limit
        Smallest score of the chosen emotion, in [0, 1], with which no person is asked.
    """

    causes: tuple[str, ...]
    emotions: tuple[str, ...]
    neutral: str
    thresholds: tuple[float, ...]
    doubt_limit: float
    emotion_limit: float

    def __post_init__(self) -> None:
        if len(self.thresholds) != len(self.causes):
            raise InputError(
                f"Expected {len(self.causes)} thresholds, one a cause; got {len(self.thresholds)}."
            )

    def with_thresholds(self, thresholds: Mapping[str, float]) -> Rule:
        """The same rule with other thresholds for some causes.

        Raises
        ------
        InputError
            For an unknown cause or a threshold outside (0, 1].
        """
        new = dict(zip(self.causes, self.thresholds, strict=True))
        for cause, value in thresholds.items():
            if cause not in new:
                raise InputError(f"Unknown cause {cause!r}. Known are: {', '.join(self.causes)}.")
            if not 0 < value <= 1:
                raise InputError(f"The threshold of {cause!r} must lie in (0, 1]; got {value!r}.")
            new[cause] = float(value)
        return replace(self, thresholds=tuple(new.values()))


@dataclass(slots=True)
class Decided:
    """What the rule makes of one message's scores."""

    causes: tuple[str, ...]
    emotion: str
    decision: Decision
    reasons: tuple[str, ...]


def decide(
    rule: Rule,
    cause_scores: FloatArray,
    emotion_scores: FloatArray,
    *,
    in_scope: Sequence[bool] | None = None,
    reasons: Sequence[tuple[str, ...]] | None = None,
) -> list[Decided]:
    """Decide n messages.

    Parameters
    ----------
    rule
        Thresholds and limits.
    cause_scores, emotion_scores
        Calibrated scores of shape (n, n_causes) and (n, n_emotions).
    in_scope
        Whether each message is Dutch text that can be judged; all are, by default.
    reasons
        What the reading of each text already found to say.
    """
    given = cause_scores >= np.asarray(rule.thresholds, dtype=np.float32)
    doubt = np.where(given, 1 - cause_scores, cause_scores)
    top = emotion_scores.argmax(axis=1)
    top_score = emotion_scores.max(axis=1)
    doubtful = doubt > rule.doubt_limit
    unsure = (doubtful.any(axis=1) | (top_score < rule.emotion_limit)).tolist()
    emotion_of, given_to = top.tolist(), given.tolist()
    decided = []
    for i in range(len(cause_scores)):
        said = reasons[i] if reasons is not None else ()
        if in_scope is not None and not in_scope[i]:
            decided.append(Decided((), rule.neutral, "out_of_scope", said))
            continue
        causes = tuple(compress(rule.causes, given_to[i]))
        emotion = rule.emotions[emotion_of[i]]
        decision: Decision = "accept" if causes else "none"
        if unsure[i]:
            decision = "review"
            said += tuple(
                f"unsure: {rule.causes[j]} scored {cause_scores[i, j].item():.2f}, threshold "
                f"{rule.thresholds[j]:.2f}"
                for j in np.flatnonzero(doubtful[i]).tolist()
            )
            if top_score[i] < rule.emotion_limit:
                said += (f"unsure: emotion, {emotion} scored only {top_score[i]:.2f}",)
        decided.append(Decided(causes, emotion, decision, said))
    return decided


def doubt_of(cause_scores: FloatArray, emotion_scores: FloatArray) -> FloatArray:
    """How unsure scores are of themselves, shape (n,), each in [0, 0.5].

    The largest chance that a cause goes the other way, or half the chance that the emotion is
    another one, whichever is more. A cascade asks a slower model above some doubt.
    """
    causes = np.minimum(cause_scores, 1 - cause_scores).max(axis=1)
    return np.asarray(np.maximum(causes, (1 - emotion_scores.max(axis=1)) / 2))


@dataclass(frozen=True, slots=True)
class Promise:
    """A threshold that keeps a word: at least ``recall`` of the messages with ``cause`` are found.

    ``n`` is the number of held-out messages with the cause on which it rests, ``found`` how
    many of them the threshold finds. The word holds with probability ``confidence`` over the
    draw of those messages, for messages like them.
    """

    cause: str
    recall: float
    confidence: float
    threshold: float
    n: int
    found: int


def promise_recall(
    cause: str, positive_scores: FloatArray, *, recall: float, confidence: float = 0.95
) -> Promise:
    """The highest threshold that promises a recall.

    Risk-controlling prediction sets with the exact binomial bound (Bates et al. 2021, JACM,
    section 3): the share of missed messages falls monotonically with the threshold, so the
    highest threshold whose upper confidence bound on that share is at most ``1 - recall`` is
    safe.

    Parameters
    ----------
    cause
        Its name, for the answer and for errors.
    positive_scores
        Scores of held-out messages that have the cause, shape (n,).
    recall, confidence
        Both in (0, 1).

    Raises
    ------
    InputError
        If a number is out of range, or the data cannot support the promise: the message says
        how many held-out messages there are and how many it takes.
    """
    for name, value in (("recall", recall), ("confidence", confidence)):
        if not 0 < value < 1:
            raise InputError(f"{name} must lie between 0 and 1; got {value!r}.")
    scores = np.sort(np.asarray(positive_scores, dtype=np.float64))
    n, alpha, delta = len(scores), 1 - recall, 1 - confidence
    misses = -1
    while misses + 1 < n and _binomial_cdf(misses + 1, n, alpha) <= delta:
        misses += 1
    if misses < 0:
        needed = math.ceil(math.log(delta) / math.log(1 - alpha))
        raise InputError(
            f"No promise can be given for {cause!r}: a recall of {recall:.0%} with {confidence:.0%} "
            f"confidence takes at least {needed} held-out messages with this cause; there are {n}. "
            f"Ask for less, or train on more labelled messages."
        )
    # The lowest score that must still be found is the threshold: `misses` scores lie below it.
    threshold = float(scores[misses])
    return Promise(cause, recall, confidence, threshold, n, int((scores >= threshold).sum()))


def _binomial_cdf(k: int, n: int, p: float) -> float:
    """P(Binomial(n, p) <= k), summed in logarithms so that a large n does not overflow."""
    return math.fsum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(i + 1)
            - math.lgamma(n - i + 1)
            + i * math.log(p)
            + (n - i) * math.log1p(-p)
        )
        for i in range(k + 1)
    )
