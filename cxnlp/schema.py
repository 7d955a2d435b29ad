"""The wire form as pydantic models, for doors that publish a schema (REST, MLflow).

They mirror `cxnlp.types.Prediction.to_dict` field by field; nothing else describes it.
"""

# No `from __future__ import annotations`: MLflow reads the hints as types.

from typing import Optional

from pydantic import BaseModel


class EvidenceRecord(BaseModel):
    """Words that show a label: a character span of the text that was given."""

    start: int
    end: int
    text: str
    weight: float


class CauseRecord(BaseModel):
    """A decided cause."""

    label: str
    name: str
    score: float
    threshold: float
    evidence: list[EvidenceRecord]


class EmotionRecord(BaseModel):
    """The emotion with the highest score."""

    label: str
    name: str
    score: float


class ScoresRecord(BaseModel):
    """Every calibrated score, by label."""

    causes: dict[str, float]
    emotions: dict[str, float]


class ModelRecord(BaseModel):
    """Which model answered."""

    name: str
    version: str


class PredictionRecord(BaseModel):
    """The answer for one message."""

    id: Optional[str] = None  # noqa: UP045 (MLflow knows Optional, not every union)
    causes: list[CauseRecord]
    emotion: EmotionRecord
    scores: ScoresRecord
    decision: str
    reasons: list[str]
    language: str
    model: ModelRecord
