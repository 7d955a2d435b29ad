"""A file of messages to a file of records: streamed, in parallel, and safe to break off."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cxnlp import __version__
from cxnlp.classifier import Classifier
from cxnlp.errors import CxnlpError, InputError
from cxnlp.tables.forms import Form, form_for
from cxnlp.tables.part import PartFile
from cxnlp.tables.rows import Message
from cxnlp.tables.source import STDIN
from cxnlp.tables.table import Table
from cxnlp.tables.tasks import Labelling, Redaction, Task

CHUNK = 1_000
_CHUNK_CHARS = 4_000_000  # or so many characters, whichever comes first

Progress = Callable[[int, float | None], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did: rows in the output, bad ones among them, rows an earlier run had done."""

    rows: int
    bad: int
    resumed: int = 0


def label_file(
    model: Classifier,
    input: str | Path,
    output: str | Path,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    explain: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Summary:
    """Label a file of messages.

    Parameters
    ----------
    model
        What labels them.
    input
        A file (see `cxnlp.tables.table.READS`), or ``-`` for standard input.
    output
        A file (see `cxnlp.tables.forms.WRITES`) that appears when it is whole, or ``-`` for
        JSON lines on standard output. JSON lines hold one `Prediction.to_dict` a line, the
        others a flat row. A bad row has an ``error`` and the rest go on.
    text_column, id_column
        Names of columns; by default ``text``, and ``id`` where there is one.
    explain
        Whether to look for evidence.
    jobs
        Processes at a time, at least 1; the output does not depend on it.
    progress
        Called after each chunk with the rows done and the share of the input that was read,
        in [0, 1] or None where that is unknown.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If the input cannot be read, has no such column, or the output cannot be written.
    MissingExtraError
        If a kind of file needs a package that is not installed.

    Notes
    -----
    Memory does not grow with the file, but for the table of strings of an ``.xlsx`` input. A
    run to JSON lines or CSV that was broken off is gone on with by the same call, as long as
    input, model and options are the same.
    """
    task = Labelling(model, explain=explain)
    return _run(task, str(input), str(output), text_column, id_column, jobs, progress)


def redact_file(
    input: str | Path,
    output: str | Path,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Summary:
    """Black out personal data in a file of messages; parameters as `label_file`.

    The output holds id and redacted text only: other columns may hold personal data too.
    """
    return _run(Redaction(), str(input), str(output), text_column, id_column, jobs, progress)


def _run(
    task: Task,
    input: str,
    output: str,
    text_column: str | None,
    id_column: str | None,
    jobs: int,
    progress: Progress | None,
) -> Summary:
    if jobs < 1:
        raise InputError(f"The number of jobs must be at least 1; got {jobs}.")
    form = form_for(output, task.columns)
    with Table(input, text_column=text_column) as table:
        messages = table.messages(text_column=text_column, id_column=id_column)
        if output == "-":
            return _to_stdout(task, form, messages, table, jobs, progress)
        if input != STDIN and Path(output).exists() and Path(input).samefile(output):
            raise InputError(f"Input and output are both {input!r}. Give the output another name.")
        identity = None
        if form.appends and input != STDIN and Path(input).is_file():
            stat = Path(input).stat()
            identity = {
                "cxnlp": __version__,
                "input": [str(Path(input).resolve()), stat.st_size, stat.st_mtime_ns],
                "columns": [text_column, id_column],
                **task.identity(),
            }
        part = PartFile(Path(os.path.realpath(output)), identity)
        try:
            return _to_file(part, task, form, messages, table, jobs, progress)
        except InputError:
            if part.failed:
                part.stop()
            else:
                part.drop()  # the input is at fault: going on would not help
            raise
        except BaseException:
            part.stop()
            raise


def _to_file(
    part: PartFile,
    task: Task,
    form: Form,
    messages: Iterator[Message],
    table: Table,
    jobs: int,
    progress: Progress | None,
) -> Summary:
    resumed, rows, bad = part.done.rows, part.done.rows, part.done.bad
    for _ in islice(messages, resumed):
        pass
    with part.writing():
        sink = form.sink(part.file, fresh=not resumed)
    try:
        with closing(_chunks(task, form, messages, jobs)) as chunks:
            for rendered, n, wrong in chunks:
                rows, bad = rows + n, bad + wrong
                with part.writing():
                    sink.write(rendered)
                    part.mark(rows, bad)
                if progress:
                    progress(rows, table.fraction())
        with part.writing():
            sink.finish()
            part.finish()
    except BaseException:
        sink.abandon()
        raise
    return Summary(rows, bad, resumed)


def _to_stdout(
    task: Task,
    form: Form,
    messages: Iterator[Message],
    table: Table,
    jobs: int,
    progress: Progress | None,
) -> Summary:
    rows = bad = 0
    with closing(_chunks(task, form, messages, jobs)) as chunks:
        for rendered, n, wrong in chunks:
            rows, bad = rows + n, bad + wrong
            sys.stdout.buffer.write(rendered)
            sys.stdout.buffer.flush()
            if progress:
                progress(rows, table.fraction())
    return Summary(rows, bad)


def _split(messages: Iterable[Message]) -> Iterator[list[Message]]:
    chunk: list[Message] = []
    chars = 0
    for message in messages:
        chunk.append(message)
        chars += len(message.text)
        if len(chunk) >= CHUNK or chars >= _CHUNK_CHARS:
            yield chunk
            chunk, chars = [], 0
    if chunk:
        yield chunk


def _work(task: Task, form: Form, chunk: list[Message]) -> tuple[Any, int, int]:
    records = task.records(chunk)
    flat = (
        []
        if form.takes_records
        else [task.flat(r, m.row) for r, m in zip(records, chunk, strict=True)]
    )
    return form.render(flat, records), len(chunk), sum(bool(m.error) for m in chunk)


def _chunks(
    task: Task, form: Form, messages: Iterator[Message], jobs: int
) -> Generator[tuple[Any, int, int], None, None]:
    """Rendered records, number of rows and of bad rows of each chunk, in order."""
    if jobs == 1:
        for chunk in _split(messages):
            yield _work(task, form, chunk)
        return
    before = set(multiprocessing.active_children())
    # Fresh processes: forking one that draws a progress bar from a thread may hang.
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(task, form),
    )
    waiting: deque[Future[tuple[Any, int, int]]] = deque()
    try:
        for chunk in _split(messages):
            waiting.append(pool.submit(_work_here, chunk))
            if len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise CxnlpError(
            "A worker process ended early, most likely for lack of memory: try fewer jobs. (In a "
            'script of your own, jobs need an `if __name__ == "__main__":` around the call.)'
        ) from error
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: tuple[Task, Form]


def _start_worker(task: Task, form: Form) -> None:
    """Keep the model in this process, leave Ctrl-C to the parent, and end when it is gone."""
    global _worker
    _worker = task, form
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work_here(chunk: list[Message]) -> tuple[Any, int, int]:
    return _work(*_worker, chunk)
