"""Around every request: an id, an answer whatever happens, a log line, counts, safe headers.

A log line holds hashes and lengths of messages, never their text: nor a query, nor a path that
is not ours, nor the words of an error.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cxnlp.server.limits import header
from cxnlp.server.metrics import Metrics
from cxnlp.server.refuse import RequestError
from cxnlp.server.wire import as_json

log = logging.getLogger("cxnlp.server")
_NAMED = 20  # messages of a call that are told apart in the log
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_SAFE = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]

Note = dict[str, Any]
"""What the log will say of a request; whoever handles it adds to it."""
Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""
Shortcut = Callable[[Scope, Receive], Awaitable[Answer]]


class Observe:
    """The outermost ASGI application.

    Parameters
    ----------
    app
        What is observed.
    metrics
        Where to count.
    paths
        The paths that are told apart in counts and logs.
    shortcuts
        Handlers by method and path that are called past all layers of ``app``, which cost
        more than labelling a message does.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        paths: frozenset[str],
        shortcuts: Mapping[tuple[str, str], Shortcut],
    ) -> None:
        self.app = app
        self._metrics = metrics
        self._paths = paths
        self._shortcuts = shortcuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        path = scope["path"] if scope["path"] in self._paths else "other"
        given = header(scope, b"x-request-id")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        note: Note = {"request_id": request_id}
        scope["cxnlp"] = note
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *_SAFE,
                ]
            await send(message)

        try:
            shortcut = self._shortcuts.get((scope["method"], path))
            if shortcut:
                await _send(await shortcut(scope, receive), tell)
            else:
                await self.app(scope, receive, tell)
        except RequestError as error:
            await _send(error.answer(request_id), tell)
        except Exception as error:
            say_fault(error, request_id)
            if not status:
                refusal = RequestError(500, "INTERNAL_ERROR", "This went wrong inside the server.")
                await _send(refusal.answer(request_id), tell)
        finally:
            seconds = time.perf_counter() - start
            self._metrics.answered(path, status, seconds)
            note.update(
                method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 2)
            )
            log.info("request", extra={"fields": note})


async def _send(answer: Answer, send: Send) -> None:
    status, headers, body = answer
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    raw += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


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
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        line.update(getattr(record, "fields", {}))
        return as_json(line).decode()
