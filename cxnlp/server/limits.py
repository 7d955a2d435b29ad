"""Bodies are counted while they come in, so that no caller can fill the memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from cxnlp.server.refuse import RequestError, busy
from cxnlp.server.settings import Settings


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

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Read a whole body; what it takes counts until the context ends.

        What a caller says the length is only serves to refuse early; the bytes are counted.

        Raises
        ------
        RequestError
            413 for a body that is too large, 408 for one that takes too long, 503 when too much
            is held already, 400 when the caller went away halfway.
        """
        said = request.headers.get("content-length", "")
        if said.isdecimal() and int(said) > self._settings.max_body:
            raise self._too_large(f"{int(said):,} bytes")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for part in request.stream():
                    size += len(part)
                    self.held += len(part)
                    if size > self._settings.max_body:
                        raise self._too_large("more")
                    if self.held > self._settings.max_memory:
                        raise busy("Too much is under way. Send it again in a second.")
                    parts.append(part)
            yield parts[0] if len(parts) == 1 else b"".join(parts)
        except TimeoutError:
            raise RequestError(
                408,
                "TOO_SLOW",
                f"The body was not whole after {self._settings.body_seconds:g} seconds; "
                f"{size:,} bytes came. Send it again.",
                "body",
                {"Connection": "close"},
            ) from None
        except ClientDisconnect:
            raise RequestError(400, "DISCONNECTED", "The caller went away.", "body") from None
        finally:
            self.held -= size

    def _too_large(self, got: str) -> RequestError:
        return RequestError(
            413,
            "BODY_TOO_LARGE",
            f"The body may hold {self._settings.max_body:,} bytes; got {got}. Send fewer messages "
            f"a call.",
            "body",
        )
