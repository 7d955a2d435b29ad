"""What callers send and get: read here, and published in the OpenAPI document.

An envelope that makes no sense refuses the call; a message that makes no sense gets an error
record in its place, and the others are answered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from cxnlp.schema import PredictionRecord
from cxnlp.server.refuse import RequestError
from cxnlp.server.settings import Settings

_T = TypeVar("_T", bound=BaseModel)
Id = StrictStr | StrictInt | None

_EXAMPLE = "Dinsdag zou de monteur komen, niemand gezien, en jullie nummer geeft alleen een bandje"
_BATCH: list[JsonValue] = [
    {"id": "a", "text": "Weer een verkeerde factuur, ik word hier moe van"},
    {"id": "b", "text": "Heel blij met de snelle levering, dank jullie wel!"},
]


class Message(BaseModel):
    """One message; other fields are left alone."""

    id: Id = None
    text: StrictStr


class PredictRequest(BaseModel):
    """Either ``text`` (with ``id``, if you like) or ``messages``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": _EXAMPLE}, {"messages": _BATCH, "explain": True}]},
    )

    text: StrictStr | None = None
    id: Id = None
    # Each is validated on its own, so that a bad one does not refuse the call.
    messages: list[Annotated[Any, WithJsonSchema(Message.model_json_schema())]] | None = None
    explain: StrictBool = Field(default=False, description="add the words that show each cause")

    @model_validator(mode="after")
    def _one_of_both(self) -> PredictRequest:
        if (self.text is None) == (self.messages is None):
            raise ValueError("expected either 'text' or 'messages'")
        return self


class Params(BaseModel):
    """Parameters of an invocation, as those of the model in MLflow."""

    model_config = ConfigDict(extra="forbid")

    explain: StrictBool = False
    recall: float = Field(
        default=0.0, ge=0, lt=1, description="promise to find this share of every cause"
    )


class Split(BaseModel):
    """A table as pandas writes it with ``orient="split"``."""

    columns: list[Any]
    data: list[list[Any]]


class Invocation(BaseModel):
    """Exactly one of ``inputs``, ``instances``, ``dataframe_records``, ``dataframe_split``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": [_EXAMPLE], "params": {"explain": True}},
                {"dataframe_records": _BATCH},
                {
                    "dataframe_split": {
                        "columns": ["id", "text"],
                        "data": [["a", "Is de winkel zondag open?"]],
                    }
                },
            ]
        }
    )

    inputs: list[Any] | dict[str, list[Any]] | None = None
    instances: list[Any] | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    dataframe_split: Split | None = None
    params: Params | None = None


class ErrorRecord(BaseModel):
    """Stands in the place of a prediction for a message that cannot be labelled."""

    id: str | int | None
    error: str


class RestRecord(PredictionRecord):
    """The answer for one message; ``id`` is what the caller gave."""

    id: str | int | None = None  # type: ignore[assignment]


class Predictions(BaseModel):
    """One record a message, in the order of the messages."""

    predictions: list[RestRecord | ErrorRecord]


class RefusalRecord(BaseModel):
    """Why a call was refused, and where in it the reason lies."""

    error_code: str
    message: str
    where: str | None
    request_id: str | None


@dataclass(slots=True)
class Asked:
    """What a call asks: texts to label, and what is wrong with the others by position."""

    explain: bool = False
    recall: float = 0.0
    texts: list[Any] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    errors: dict[int, tuple[Any, str]] = field(default_factory=dict)

    def add(self, name: Any, text: Any, settings: Settings) -> None:
        """Add a message, or what is wrong with it."""
        if isinstance(text, str) and len(text) > settings.max_characters:
            self.refuse(name, f"text: {_too_long(text, settings)}")
            return
        self.texts.append(text)
        self.ids.append(name)

    def refuse(self, name: Any, error: str) -> None:
        """Add a message that cannot be labelled."""
        known = isinstance(name, (str, int)) and not isinstance(name, bool)
        self.errors[len(self.texts) + len(self.errors)] = (name if known else None, error)


def read_predict(body: bytes, settings: Settings) -> Asked:
    """Read the body of ``POST /predict``.

    Raises
    ------
    RequestError
        422 for what is no such body, 413 for too many messages or too long a text.
    """
    request = _validated(PredictRequest, _parsed(body, 422), 422)
    asked = Asked(request.explain)
    if request.text is not None:
        if len(request.text) > settings.max_characters:
            raise RequestError(413, "TEXT_TOO_LONG", _too_long(request.text, settings), "text")
        asked.add(request.id, request.text, settings)
        return asked
    messages = request.messages or []
    _check_count(messages, "messages", settings)
    for raw in messages:
        try:
            message = Message.model_validate(raw)
        except ValidationError as error:
            asked.refuse(raw.get("id") if isinstance(raw, dict) else None, _said(error))
        else:
            asked.add(message.id, message.text, settings)
    return asked


def read_invocation(body: bytes, settings: Settings) -> Asked:
    """Read the body of ``POST /invocations``; bad input is status 400, as with MLflow.

    An item that is no text is passed on: the model answers it out of scope, as MLflow's does.

    Raises
    ------
    RequestError
        400 for what is no such body, 413 for too many messages.
    """
    raw = _parsed(body, 400)
    request = _validated(Invocation, raw, 400)
    kinds = ("inputs", "instances", "dataframe_records", "dataframe_split")
    given = [kind for kind in kinds if kind in raw]
    if len(given) != 1:
        raise RequestError(
            400,
            "BAD_REQUEST",
            f"Expected exactly one of {', '.join(kinds)}; got {', '.join(given) or 'none'}.",
            "body",
        )
    params = request.params or Params()
    asked = Asked(params.explain, params.recall)
    rows = _rows(request, given[0])
    _check_count(rows, given[0], settings)
    for name, text in rows:
        asked.add(name, text, settings)
    return asked


def _rows(request: Invocation, kind: str) -> list[tuple[Any, Any]]:
    """The id and text of each message."""
    value = getattr(request, kind)
    if isinstance(value, Split):
        short = next((i for i, row in enumerate(value.data) if len(row) != len(value.columns)), -1)
        if short >= 0:
            raise _bad_table(
                f"row {short} has {len(value.data[short])} values for {len(value.columns)} columns",
                f"{kind}.data.{short}",
            )
        value = [dict(zip(map(str, value.columns), row, strict=True)) for row in value.data]
    elif isinstance(value, dict):
        if len({len(column) for column in value.values()}) > 1:
            raise _bad_table("its columns differ in length", kind)
        value = [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
    rows = []
    for position, item in enumerate(value or []):
        if not isinstance(item, dict):
            rows.append((None, item))
        elif "text" in item:
            name = item.get("id")
            known = isinstance(name, (str, int)) and not isinstance(name, bool)
            rows.append((name if known else None, item["text"]))
        elif len(item) == 1:  # one column, whatever its name
            rows.append((None, next(iter(item.values()))))
        else:
            columns = ", ".join(repr(name) for name in item) or "none"
            raise _bad_table(
                f"there is no column 'text' in row {position}; its columns are: {columns}",
                f"{kind}.{position}",
            )
    return rows


def _bad_table(why: str, where: str) -> RequestError:
    return RequestError(400, "BAD_REQUEST", f"This is no table of messages: {why}.", where)


def _check_count(messages: Sequence[Any], where: str, settings: Settings) -> None:
    if len(messages) > settings.max_messages:
        raise RequestError(
            413,
            "TOO_MANY_MESSAGES",
            f"A call may hold {settings.max_messages:,} messages; got {len(messages):,}. Send them "
            f"in several calls.",
            where,
        )


def _too_long(text: str, settings: Settings) -> str:
    return (
        f"A message may have {settings.max_characters:,} characters; got {len(text):,}. Cut off "
        f"quoted mail and attachments."
    )


def _parsed(body: bytes, status: int) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        # A UnicodeDecodeError would repeat the body.
        at = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        got = "nothing" if not body else f"{len(body):,} bytes that are no JSON in UTF-8{at}"
        raise RequestError(
            status, "BAD_REQUEST", f"Expected a JSON object; got {got}.", "body"
        ) from None
    if not isinstance(value, dict):
        raise RequestError(
            status,
            "BAD_REQUEST",
            f"Expected a JSON object; got {_JSON_NAMES.get(type(value), 'a number')}.",
            "body",
        )
    return value


_JSON_NAMES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    type(None): "null",
}


def _validated(model: type[_T], raw: dict[str, Any], status: int) -> _T:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise RequestError(status, "BAD_REQUEST", _said(error), where) from None


_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "expected a string, got {got}",
    "int_type": "expected a whole number, got {got}",
    "bool_type": "expected true or false, got {got}",
    "list_type": "expected an array, got {got}",
    "dict_type": "expected an object, got {got}",
    "model_type": "expected an object with a 'text', got {got}",
}


def _said(error: ValidationError) -> str:
    """Every complaint in a line, without what the caller sent."""
    lines = []
    for one in error.errors(include_url=False)[:5]:
        where = ".".join(str(part) for part in one["loc"])
        got = _JSON_NAMES.get(type(one["input"]), "a number")
        known = _SAID.get(one["type"])
        what = known.format(got=got) if known else one["msg"].removeprefix("Value error, ")
        lines.append(f"{where}: {what}" if where else what)
    return "; ".join(lines)
