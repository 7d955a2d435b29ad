"""What a prediction is made of. `Prediction.to_dict` is the one wire form of every door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Decision = Literal["accept", "review", "none", "out_of_scope"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words that show a label.

    ``start`` and ``end`` are character positions (code points) in the text that was given,
    so ``text == given[start:end]``; ``weight`` is the share of the label's total positive
    evidence that the span carries, in (0, 1].
    """

    label: str
    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class PiiSpan:
    """Personal data found in a text: its kind and its character span in the original."""

    kind: str
    start: int
    end: int


@dataclass(slots=True)  # not frozen: that takes longer than all the rest of making one
class Prediction:
    """The answer for one message.

    Attributes
    ----------
    causes
        Decided causes, in codebook order; empty when there is none.
    emotion
        The emotion with the highest score.
    scores
        Calibrated probability of every cause, in [0, 1], in codebook order.
    emotion_scores
        Probability of every emotion, in codebook order; they sum to 1.
    thresholds
        The score from which each cause is decided.
    decision
        ``accept``: causes found, and sure. ``review``: a person should look, `reasons` says
        why. ``none``: no cause. ``out_of_scope``: not Dutch, empty, or no message.
    reasons
        Why, as short English phrases ``code: detail``; empty when there is nothing to say.
    evidence
        Words that show each decided label, when asked for.
    language
        ISO 639-1 code of the text, or ``und`` when undetermined.
    names
        The Dutch name of each label.
    model_name, model_version
        Which model answered.
    id
        What the caller called the message.
    """

    causes: tuple[str, ...]
    emotion: str
    scores: Mapping[str, float]
    emotion_scores: Mapping[str, float]
    thresholds: Mapping[str, float]
    decision: Decision
    reasons: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    language: str = "und"
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    model_name: str = ""
    model_version: str = ""
    id: str | int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The wire form: plain dicts, lists, strings and numbers, ready for JSON."""
        return {
            "id": self.id,
            "causes": [
                {
                    "label": cause,
                    "name": self.names.get(cause, cause),
                    "score": self.scores[cause],
                    "threshold": self.thresholds[cause],
                    "evidence": self._evidence_of(cause),
                }
                for cause in self.causes
            ],
            "emotion": {
                "label": self.emotion,
                "name": self.names.get(self.emotion, self.emotion),
                "score": self.emotion_scores[self.emotion],
            },
            "scores": {"causes": dict(self.scores), "emotions": dict(self.emotion_scores)},
            "decision": self.decision,
            "reasons": list(self.reasons),
            "language": self.language,
            "model": {"name": self.model_name, "version": self.model_version},
        }

    def _evidence_of(self, label: str) -> list[dict[str, Any]]:
        return [
            {"start": e.start, "end": e.end, "text": e.text, "weight": e.weight}
            for e in self.evidence
            if e.label == label
        ]
