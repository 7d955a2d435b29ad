"""Running a command over a file: the bar while it goes, and the lines at its end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxnlp.tables import Summary

Progress = Callable[[int, float | None], None]


def over_file(
    args: argparse.Namespace, verb: str, work: Callable[[str, str, Progress | None], Summary]
) -> int:
    """Do ``work(input, output, progress)``, tell how it went, and return the exit code.

    ``verb`` is the past participle that the last line uses.
    """
    source, target = args.input, args.output or "-"
    screen = target == "-" and sys.stdout.isatty()
    shown = "the lines above" if screen else "standard output" if target == "-" else target
    try:
        with _bar(f"{source} → {shown}", target) as progress:
            summary = work(source, target, progress)
    except KeyboardInterrupt:
        kept = target != "-" and Path(target + ".part.json").exists()
        raise KeyboardInterrupt(
            f"Interrupted; {shown} is not written. "
            + ("What is done is kept: the same command goes on from there." if kept else "")
        ) from None
    if summary.resumed:
        _tell(f"Went on after the {summary.resumed:,} rows that an earlier run had done.")
    if not summary.rows:
        _tell(f"{source} holds no messages, so {shown} is empty.")
    elif summary.bad:
        _tell(
            f"{summary.bad:,} of {summary.rows:,} rows were bad: they have an 'error' in {shown}; "
            f"the others are {verb}."
        )
    elif target != "-" or sys.stderr.isatty():
        _tell(f"{summary.rows:,} message{'s' * (summary.rows != 1)} {verb}: {shown}")
    return 1 if summary.bad else 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _bar(title: str, target: str) -> AbstractContextManager[Progress | None]:
    """A progress bar on standard error, where that is a terminal that nothing else writes to."""
    if not sys.stderr.isatty() or (target == "-" and sys.stdout.isatty()):
        return nullcontext()
    return _Bar(title)


class _Bar(AbstractContextManager[Progress | None]):
    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[rows]} messages", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(title, total=None, rows="0")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self._step

    def __exit__(self, *raised: object) -> None:
        self._bar.stop()

    def _step(self, rows: int, share: float | None) -> None:
        total = None if share is None else 1.0
        self._bar.update(self._task, total=total, completed=share or 0.0, rows=f"{rows:,}")
