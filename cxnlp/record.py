"""A labelled message, as the codebook describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cxnlp.errors import LabelError, RecordError
from cxnlp.labels import DEFAULT, Taxonomy

CHANNELS = ("email", "chat", "social", "review", "form", "letter", "phone")
SECTORS = (
    "telecom",
    "energy",
    "bank_insurance",
    "retail",
    "delivery",
    "travel",
    "government",
    "health",
    "housing",
    "leisure",
    "other",
)
REGIONS = ("nl", "be")
ORIGINS = ("composed", "retold")


@dataclass(frozen=True, slots=True)
class Record:
    """One message with its labels.

    ``situation`` is shared by messages that tell of the same thing: they never part over
    training and test. Empty strings stand for what is not known.
    """

    id: str
    text: str
    causes: tuple[str, ...]
    emotion: str
    emotion_alt: str | None = None
    channel: str = ""
    sector: str = ""
    region: str = ""
    situation: str = ""
    origin: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, taxonomy: Taxonomy = DEFAULT) -> Record:
        """Check a parsed JSON object and make a record of it.

        Parameters
        ----------
        data
            At least ``id``, ``text``, ``causes`` and ``emotion``; the rest may be missing.
        taxonomy
            The labels that are allowed.

        Raises
        ------
        RecordError
            If a field is missing, of the wrong type or has an unknown value; the message
            names the field, what came and what was expected.
        """
        if not isinstance(data, Mapping):
            raise RecordError(f"Expected a JSON object, got {type(data).__name__}.")
        unknown = sorted(set(data) - set(cls.__slots__))
        if unknown:
            raise RecordError(
                f"Unknown field {unknown[0]!r}. Known are: {', '.join(cls.__slots__)}."
            )
        text = _string(data, "text")
        if not text.strip():
            raise RecordError("Field 'text' is empty; expected a message.")
        causes = data.get("causes")
        if not isinstance(causes, (list, tuple)) or not all(isinstance(c, str) for c in causes):
            raise RecordError(f"Field 'causes' must be a list of labels; got {causes!r}.")
        try:
            checked = taxonomy.check_causes(causes)
            emotion = taxonomy.check_emotion(_string(data, "emotion"))
            alt = data.get("emotion_alt")
            if alt is not None:
                taxonomy.check_emotion(_string(data, "emotion_alt"))
        except LabelError as error:
            raise RecordError(str(error)) from error
        if alt == emotion:
            raise RecordError(f"Field 'emotion_alt' repeats the emotion {emotion!r}; use null.")
        if checked != tuple(causes):
            raise RecordError(f"Field 'causes' must be in codebook order: {list(checked)}.")
        return cls(
            id=_string(data, "id"),
            text=text,
            causes=checked,
            emotion=emotion,
            emotion_alt=alt,
            channel=_one_of(data, "channel", CHANNELS),
            sector=_one_of(data, "sector", SECTORS),
            region=_one_of(data, "region", REGIONS),
            situation=str(data.get("situation") or ""),
            origin=_one_of(data, "origin", ORIGINS),
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as a JSON object, fields in the order of the codebook."""
        return {**asdict(self), "causes": list(self.causes)}


def _string(data: Mapping[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str):
        raise RecordError(f"Field {field!r} must be a string; got {value!r}.")
    return value


def _one_of(data: Mapping[str, Any], field: str, known: tuple[str, ...]) -> str:
    value = data.get(field) or ""
    if value and value not in known:
        raise RecordError(f"Field {field!r} is {value!r}; expected one of {', '.join(known)}.")
    return str(value)
