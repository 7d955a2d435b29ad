"""JSON on its way out."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def as_json(value: Any) -> bytes:
    """Write JSON, in a third of the time that the standard library takes."""
    try:
        return to_json(value)
    except PydanticSerializationError:  # half a surrogate pair, which UTF-8 cannot hold
        return json.dumps(value).encode()


def error_record(name: Any, error: str) -> bytes:
    """What stands in the place of a prediction for a message that got none."""
    return as_json({"id": name, "error": error})
