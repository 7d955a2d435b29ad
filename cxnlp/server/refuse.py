"""What is told to a caller whose request cannot be answered.

One form for every path, and the one that MLflow's scoring server uses: ``error_code`` and
``message``; ``where`` names the place in the request.
"""

from __future__ import annotations

from collections.abc import Mapping

from cxnlp.server.wire import as_json


class RequestError(Exception):
    """A request that is refused.

    Parameters
    ----------
    status
        The HTTP status.
    code
        A name for programs, such as ``TOO_MANY_MESSAGES``.
    message
        For people: what came, what was expected, what to do.
    where
        The place in the request, such as ``messages`` or ``body``.
    headers
        To be sent along.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        where: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.where = where
        self.headers = dict(headers or {})

    def answer(self, request_id: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer that says so."""
        content = {
            "error_code": self.code,
            "message": self.message,
            "where": self.where,
            "request_id": request_id,
        }
        return self.status, self.headers, as_json(content)


def busy(message: str) -> RequestError:
    """Tell the caller to come back in a second."""
    return RequestError(503, "BUSY", message, headers={"Retry-After": "1"})
