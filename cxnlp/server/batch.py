"""Labelling off the event loop: one thread that takes together what waits.

Requests that wait at the same moment are labelled in one go, which costs half as much as one by
one. A large request is cut in slices and goes to the back of the queue after each, so that a
small one never waits for all of it. The queue is bounded.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from cxnlp.errors import InputError
from cxnlp.server.refuse import RequestError, busy
from cxnlp.server.reload import Loaded
from cxnlp.server.wire import as_json, error_record
from cxnlp.types import Prediction

_SLICE = 64  # messages labelled in one go
_SLICE_CHARACTERS = 20_000  # and their characters, unless one alone has more

Answers = list[bytes]


@dataclass(slots=True, eq=False)
class _Job:
    texts: Sequence[Any]
    ids: Sequence[Any]
    explain: bool
    recall: float
    model: Loaded
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Answers]
    answers: Answers = field(default_factory=list)
    until: int = 0  # where the slice that is being labelled ends

    def goes_with(self, other: _Job) -> bool:
        return (
            self.model is other.model
            and self.explain == other.explain
            and self.recall == other.recall
        )


class Batcher:
    """Labels messages in a thread of its own.

    Parameters
    ----------
    max_waiting
        Messages that may wait.
    on_predictions
        Called in that thread with each batch of predictions.
    on_fault
        Called with an error that should not happen.
    on_waiting
        Called with the number of messages that wait, whenever it changes.
    """

    def __init__(
        self,
        max_waiting: int,
        on_predictions: Callable[[Iterable[Prediction]], None],
        on_fault: Callable[[Exception], None],
        on_waiting: Callable[[int], None] = lambda waiting: None,
    ) -> None:
        self._max_waiting = max_waiting
        self._on_predictions = on_predictions
        self._on_fault = on_fault
        self._on_waiting = on_waiting
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self.waiting = 0
        self._thread = threading.Thread(target=self._work, name="cxnlp-label", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    async def label(
        self,
        model: Loaded,
        texts: Sequence[Any],
        ids: Sequence[Any],
        *,
        explain: bool,
        recall: float = 0.0,
    ) -> Answers:
        """Label messages with one model; each answer is a record as JSON, in order.

        Raises
        ------
        RequestError
            503 when too many messages wait.
        InputError
            If the recall cannot be promised.
        """
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        job = _Job(texts, ids, explain, recall, model, loop, loop.create_future())
        with self._changed:
            if self._stopping or self.waiting + len(texts) > self._max_waiting:
                raise busy(
                    f"{self.waiting:,} messages wait already, and {self._max_waiting:,} may. Send "
                    f"it again in a second."
                )
            self.waiting += len(texts)
            self._on_waiting(self.waiting)
            self._jobs.append(job)
            self._changed.notify()
        return await job.future

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    if self._stopping:
                        return
                    self._changed.wait()
                batch = self._take()
            errors = self._label(batch)
            with self._changed:
                self._put_back(batch, errors)

    def _take(self) -> list[_Job]:
        """Jobs from the front that can be labelled together, up to a slice."""
        batch: list[_Job] = []
        messages, characters = _SLICE, _SLICE_CHARACTERS
        while messages > 0 and characters > 0 and self._jobs:
            job = self._jobs[0]
            if batch and not job.goes_with(batch[0]):
                break
            job.until = len(job.answers)
            while job.until < len(job.texts) and messages > 0 and characters > 0:
                messages -= 1
                characters -= len(str(job.texts[job.until]))
                job.until += 1
            batch.append(self._jobs.popleft())
        return batch

    def _label(self, batch: list[_Job]) -> Exception | None:
        """Add the answers of one slice to each job; returns what went wrong with all of them."""
        first = batch[0]
        parts = [slice(len(job.answers), job.until) for job in batch]
        texts = [text for job, part in zip(batch, parts, strict=True) for text in job.texts[part]]
        ids = [name for job, part in zip(batch, parts, strict=True) for name in job.ids[part]]
        try:
            answers = iter(self._answers(first.model, texts, ids, first.explain, first.recall))
        except InputError as error:
            return error
        except Exception as error:
            self._on_fault(error)
            return RequestError(500, "INTERNAL_ERROR", "This went wrong inside the server.")
        for job, part in zip(batch, parts, strict=True):
            job.answers += islice(answers, part.stop - part.start)
        return None

    def _answers(
        self, loaded: Loaded, texts: list[Any], ids: list[Any], explain: bool, recall: float
    ) -> Answers:
        model = loaded.at(recall)
        try:
            predictions = model.predict(texts, explain=explain, ids=ids)
        except Exception as error:
            if len(texts) == 1:
                self._on_fault(error)
                return [error_record(ids[0], "This message cannot be labelled.")]
            # One of them is to blame: find out which, so that the others are answered.
            return [
                answer
                for text, name in zip(texts, ids, strict=True)
                for answer in self._answers(loaded, [text], [name], explain, recall)
            ]
        self._on_predictions(predictions)
        return [as_json(one.to_dict()) for one in predictions]

    def _put_back(self, batch: list[_Job], error: Exception | None) -> None:
        """Hand out what is finished, and queue the rest at the back."""
        finished: list[_Job] = []
        for job in batch:
            if error or len(job.answers) == len(job.texts) or job.future.cancelled():
                self.waiting -= len(job.texts)
                finished.append(job)
            else:
                self._jobs.append(job)
        if finished:
            self._on_waiting(self.waiting)
            finished[0].loop.call_soon_threadsafe(_hand_out, finished, error)


def _hand_out(jobs: list[_Job], error: Exception | None) -> None:
    for job in jobs:
        if job.future.done():  # the caller went away
            continue
        if error:
            job.future.set_exception(error)
        else:
            job.future.set_result(job.answers)
