"""A labelled message and the errors that name its fields."""

from __future__ import annotations

from typing import Any

import pytest

from cxnlp.errors import RecordError
from cxnlp.record import Record

GOOD: dict[str, Any] = {
    "id": "a-1",
    "text": "Niemand gezien dinsdag",
    "causes": ["broken_promise"],
    "emotion": "frustration",
    "emotion_alt": None,
    "channel": "chat",
    "sector": "telecom",
    "region": "nl",
    "situation": "s",
    "origin": "composed",
}


def test_a_good_record_survives_its_own_form() -> None:
    assert Record.from_dict(GOOD).to_dict() == GOOD


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": "  "}, "'text' is empty"),
        ({"text": None}, "'text' must be a string; got None"),
        ({"causes": "billing"}, "'causes' must be a list"),
        ({"causes": ["invoice"]}, "Unknown cause 'invoice'"),
        ({"causes": ["billing", "broken_promise"]}, "codebook order"),
        ({"emotion": "furious"}, "Unknown emotion 'furious'"),
        ({"emotion_alt": "frustration"}, "repeats the emotion"),
        ({"channel": "fax"}, "'channel' is 'fax'; expected one of email"),
        ({"region": "de"}, "'region' is 'de'"),
        ({"id": 3}, "'id' must be a string; got 3"),
        ({"labels": []}, "Unknown field 'labels'"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordError, match=said):
        Record.from_dict({**GOOD, **change})


def test_not_an_object() -> None:
    with pytest.raises(RecordError, match="Expected a JSON object, got list"):
        Record.from_dict([])  # type: ignore[arg-type]
