"""Around every request: an id, an answer whatever happens, a log line, counts, safe headers.

A log line holds hashes and lengths of messages, never their text: nor a query, nor a path that
is not ours, nor the words of an error.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cxnlp.server.metrics import Metrics
from cxnlp.server.refuse import RequestError

log = logging.getLogger("cxnlp.server")
_NAMED = 20  # messages of a call that are told apart in the log
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Observe:
    """ASGI middleware.

    Parameters
    ----------
    app
        What is observed.
    metrics
        Where to count.
    paths
        The paths that are told apart in counts and logs.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        path = scope["path"] if scope["path"] in self._paths else "other"
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        note = scope["cxnlp"] = {"request_id": request_id}
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except Exception as error:
            say_fault(error, request_id)
            if not status:
                problem = RequestError(500, "INTERNAL_ERROR", "This went wrong inside the server.")
                await problem.response(request_id)(scope, receive, tell)
        finally:
            seconds = time.perf_counter() - start
            self._metrics.answered(path, status, seconds)
            if log.isEnabledFor(logging.INFO):
                log.info(
                    "request",
                    extra={
                        "fields": {
                            **note,
                            "method": scope["method"] if scope["method"].isalpha() else "other",
                            "path": path,
                            "status": status,
                            "ms": round(seconds * 1000, 2),
                        }
                    },
                )


def about(texts: Sequence[Any]) -> dict[str, Any]:
    """What a log may say of messages: how many, and the SHA-256 prefix and length of the first."""
    named = [text for text in texts[:_NAMED] if isinstance(text, str)]
    return {
        "n": len(texts),
        "messages": [
            {
                "sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12],
                "characters": len(text),
            }
            for text in named
        ],
    }


def say_fault(error: Exception, request_id: str | None = None) -> None:
    """Log an error that should not happen: its type and where, not its words."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    fields = {
        "request_id": request_id,
        "error": type(error).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    log.error("fault", extra={"fields": fields})


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; of an exception only the type."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        line.update(getattr(record, "fields", {}))
        return json.dumps(line, ensure_ascii=False)
