from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from cxnlp.server.metrics import Metrics
from cxnlp.server.observe import JsonFormatter, Observe, about


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    handler = Lines()
    log = logging.getLogger("cxnlp.server")
    monkeypatch.setattr(log, "handlers", [handler])
    monkeypatch.setattr(log, "level", logging.INFO)
    monkeypatch.setattr(log, "propagate", False)
    log.manager._clear_cache()  # type: ignore[attr-defined]
    return handler.lines


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("Mijn pakket is te laat")


def test_a_fault_is_answered_and_told_without_its_words(lines: list[str]) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/pakket", "headers": []}
    observe = Observe(broken, Metrics(), frozenset(), {})
    asyncio.run(observe(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 500
    answer = json.loads(sent[1]["body"])
    assert answer["message"] == "This went wrong inside the server."
    fault, request = map(json.loads, lines)
    assert (fault["error"], request["status"]) == ("ValueError", 500)
    assert fault["request_id"] == request["request_id"] == answer["request_id"]
    assert "broken" in fault["at"][-1]
    assert "pakket" not in "".join(lines)


def test_of_an_exception_only_the_type_is_told(lines: list[str]) -> None:
    try:
        raise ValueError("Mijn pakket is te laat")
    except ValueError:
        logging.getLogger("cxnlp.server").exception("stuk")
    assert json.loads(lines[0]) | {"time": 0} == {
        "time": 0,
        "level": "error",
        "event": "stuk",
        "error": "ValueError",
    }


def test_of_messages_hash_and_length_are_told() -> None:
    assert about(["te laat", None, 3]) == {
        "n": 3,
        "messages": [{"sha256": "031436f006ac", "characters": 7}],
    }
    assert len(about(["x"] * 1000)["messages"]) == 20
