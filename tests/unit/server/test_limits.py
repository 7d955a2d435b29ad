from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cxnlp.server.limits import Bodies
from cxnlp.server.refuse import RequestError
from cxnlp.server.settings import Settings


def scope(**headers: str) -> dict[str, Any]:
    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "headers": pairs}


def receiver(*parts: bytes, end: bool = True) -> Any:
    """What a server hands over: parts of a body, and then its end, a wait or a farewell."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if left:
            part = left.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(left) or not end}
        return {"type": "http.disconnect"}

    return receive


def test_parts_become_a_body_that_counts_until_released() -> None:
    bodies = Bodies(Settings())
    assert asyncio.run(bodies.read(scope(), receiver(b"ab", b"", b"cd"))) == b"abcd"
    assert bodies.held == 4
    bodies.release(4)
    assert bodies.held == 0


@pytest.mark.parametrize(
    ("parts", "headers", "end", "status"),
    [
        ([b"x" * 11], {}, True, 413),
        ([b"x" * 6, b"x" * 6], {"content_length": "3"}, True, 413),
        ([b"x"], {"content_length": "11"}, True, 413),
        ([b"x"], {}, False, 400),
    ],
)
def test_a_refused_body_counts_no_more(
    parts: list[bytes], headers: dict[str, str], end: bool, status: int
) -> None:
    bodies = Bodies(Settings(max_body=10, max_memory=100))
    with pytest.raises(RequestError) as refused:
        asyncio.run(bodies.read(scope(**headers), receiver(*parts, end=end)))
    assert refused.value.status == status
    assert bodies.held == 0


def test_all_bodies_together_have_a_limit() -> None:
    async def many() -> list[Any]:
        bodies = Bodies(Settings(max_body=10, max_memory=25))
        reads = (bodies.read(scope(), receiver(b"x" * 10)) for _ in range(3))
        return [*await asyncio.gather(*reads, return_exceptions=True), bodies.held]

    first, second, third, held = asyncio.run(many())
    assert first == second == b"x" * 10
    assert isinstance(third, RequestError)
    assert third.status == 503
    assert held == 20
