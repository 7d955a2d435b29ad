from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cxnlp import Classifier, Prediction
from cxnlp.bundle import load
from cxnlp.errors import InputError
from cxnlp.server.batch import Batcher
from cxnlp.server.refuse import RequestError
from cxnlp.server.reload import Loaded


class Fragile(Classifier):
    """Fails on one text, and notes how many it was given at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(load(folder))
        self.sizes: list[int] = []

    def predict(self, texts: Any, **options: Any) -> Any:
        self.sizes.append(len(texts))
        if "giftig" in texts:
            raise ZeroDivisionError
        return super().predict(texts, **options)


class Bench:
    """A batcher with a model, and what it reported."""

    def __init__(self, folder: Path, max_waiting: int = 10_000) -> None:
        self.model = Fragile(folder)
        self.loaded = Loaded(self.model, "")
        self.counted = 0
        self.faults: list[str] = []
        self.batcher = Batcher(
            max_waiting, self._count, lambda e: self.faults.append(type(e).__name__)
        )

    def _count(self, predictions: Iterable[Prediction]) -> None:
        self.counted += len(list(predictions))

    async def ask(self, texts: list[Any], ids: list[Any] | None = None, **options: Any) -> Any:
        ids = ids or list(range(len(texts)))
        options = {"explain": False, **options}
        answers = await self.batcher.label(self.loaded, texts, ids, **options)
        return [json.loads(answer) for answer in answers]

    def run(self, *calls: Any) -> list[Any]:
        async def together() -> list[Any]:
            try:
                waiting = [asyncio.ensure_future(call) for call in calls]
                await asyncio.sleep(0)  # all are queued before any is taken
                self.batcher.start()
                return await asyncio.gather(*waiting, return_exceptions=True)
            finally:
                self.batcher.stop()

        return asyncio.run(together())


@pytest.fixture
def bench(tiny_bundle: Path) -> Bench:
    return Bench(tiny_bundle)


def test_calls_that_wait_are_labelled_together(bench: Bench, tiny_model: Classifier) -> None:
    texts = [f"pakket {i} is te laat" for i in range(40)]
    answers = bench.run(*(bench.ask([text], [i]) for i, text in enumerate(texts)))
    assert [one for [one] in answers] == [
        p.to_dict() for p in tiny_model.predict(texts, ids=range(40))
    ]
    assert bench.model.sizes == [40]
    assert bench.counted == 40
    assert bench.batcher.waiting == 0


def test_a_large_call_lets_others_pass(bench: Bench) -> None:
    done: list[str] = []

    async def noted(name: str, n: int, **options: Any) -> None:
        assert len(await bench.ask(["te laat"] * n, **options)) == n
        done.append(name)

    bench.run(noted("large", 500), noted("small", 3, explain=True))
    assert done == ["small", "large"]
    assert max(bench.model.sizes) == 64


def test_a_slice_ends_by_length_too(bench: Bench) -> None:
    [answers] = bench.run(bench.ask(["pakket te laat " * 1000] * 5))
    assert len(answers) == 5
    assert bench.model.sizes == [2, 2, 1]


def test_one_message_that_breaks_the_model_is_one_error(bench: Bench) -> None:
    first, second = bench.run(
        bench.ask(["te laat", "giftig", "dubbel betaald"]), bench.ask(["dank"])
    )
    assert [one.get("error") for one in first] == [None, "This message cannot be labelled.", None]
    assert first[1]["id"] == 1
    assert second[0]["decision"]
    assert bench.faults == ["ZeroDivisionError"]


def test_a_recall_that_cannot_be_promised_harms_nobody_else(bench: Bench) -> None:
    bad, good = bench.run(bench.ask(["te laat"], recall=0.999), bench.ask(["te laat"], recall=0.4))
    assert isinstance(bad, InputError)
    assert good[0]["decision"]


def test_a_full_queue_refuses(tiny_bundle: Path) -> None:
    bench = Bench(tiny_bundle, max_waiting=10)
    first, second, third = bench.run(
        bench.ask(["a"] * 8), bench.ask(["b"] * 3), bench.ask(["c"] * 2)
    )
    assert (len(first), len(third)) == (8, 2)
    assert isinstance(second, RequestError)
    assert (second.status, second.headers) == (503, {"Retry-After": "1"})
    assert "8 messages wait already, and 10 may" in second.message


def test_no_messages_need_no_thread(bench: Bench) -> None:
    assert bench.run(bench.ask([])) == [[]]
