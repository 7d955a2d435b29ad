"""Bodies are counted while they come in, so that no caller can fill the memory."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope

from cxnlp.server.refuse import RequestError, busy
from cxnlp.server.settings import Settings


def header(scope: Scope, name: bytes) -> str:
    """Value of a request header; empty where it is not there."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


class Bodies:
    """Reads request bodies within the limits.

    Parameters
    ----------
    settings
        ``max_body`` holds for one body, ``max_memory`` for all that are held at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.held = 0

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """Read a whole body; it counts as held until `release`.

        What a caller says the length is only serves to refuse early; the bytes are counted.

        Raises
        ------
        RequestError
            413 for a body that is too large, 408 for one that takes too long, 503 when too much
            is held already, 400 when the caller went away halfway.
        """
        said = header(scope, b"content-length")
        if said.isdecimal() and int(said) > self._settings.max_body:
            raise self._too_large(f"{int(said):,} bytes")
        body = bytearray()  # not a list of parts: a million parts of a byte would be a heap
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RequestError(400, "DISCONNECTED", "The caller went away.", "body")
                    part = message.get("body", b"")
                    more = message.get("more_body", False)
                    body += part
                    self.held += len(part)
                    if len(body) > self._settings.max_body:
                        raise self._too_large("more")
                    if self.held > self._settings.max_memory:
                        raise busy("Too much is under way. Send it again in a second.")
        except BaseException as error:
            self.release(len(body))
            if isinstance(error, TimeoutError):
                raise self._too_slow(len(body)) from None
            raise
        return bytes(body)

    def release(self, size: int) -> None:
        """Count bytes as no longer held."""
        self.held -= size

    def _too_large(self, got: str) -> RequestError:
        return RequestError(
            413,
            "BODY_TOO_LARGE",
            f"The body may hold {self._settings.max_body:,} bytes; got {got}. Send fewer messages "
            f"a call.",
            "body",
        )

    def _too_slow(self, size: int) -> RequestError:
        return RequestError(
            408,
            "TOO_SLOW",
            f"The body was not whole after {self._settings.body_seconds:g} seconds; {size:,} bytes "
            f"came. Send it again.",
            "body",
            {"Connection": "close"},
        )
