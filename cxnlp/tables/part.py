"""A file that is not there until it is whole.

Records go to ``OUTPUT.part`` beside the output, which gets its name only at the end. For forms
that can be gone on with, ``OUTPUT.part.json`` says how far the part file is good and what run
it belongs to, so that the same call after a kill takes up where it was. The part file is locked
while a run writes to it; a lock goes with its process, so a killed one blocks nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cxnlp.errors import TableError


@dataclass(frozen=True, slots=True)
class Done:
    """How far a run got: rows, bad ones among them, and bytes of the part file."""

    rows: int = 0
    bad: int = 0
    bytes: int = 0


class PartFile:
    """An output in the making.

    Parameters
    ----------
    output
        The final name.
    identity
        What a run must share with an earlier one to go on with its part file; None when it
        cannot be gone on with.

    Attributes
    ----------
    file
        Open for binary writing, at the end of what is good.
    done
        What an earlier run left.
    failed
        Whether writing failed.

    Raises
    ------
    TableError
        If it cannot be written, or another run is writing to it.
    """

    def __init__(self, output: Path, identity: dict[str, Any] | None) -> None:
        self.output = output
        self.part = output.with_name(output.name + ".part")
        self.note = output.with_name(output.name + ".part.json")
        self._identity = identity
        self.failed = False
        self.done = Done()
        if output.is_dir():
            raise TableError(f"{str(output)!r} is a folder. Give the name of a file to write.")
        if not output.parent.is_dir():
            raise TableError(
                f"There is no folder {str(output.parent)!r} to write {output.name!r} in. Make it "
                f"first, or choose another place."
            )
        with self.writing():
            self.file = _open_locked(self.part, output)
            self.done = self._left()
            self.file.truncate(self.done.bytes)
            self.file.seek(self.done.bytes)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turn a failed write (disk full, no permission) into a `TableError`."""
        try:
            yield
        except OSError as error:
            self.failed = True
            kept = self._identity is not None and self.done.rows
            raise TableError(
                f"Cannot write {str(self.output)!r}: {error.strerror or error}. "
                + (
                    "What is done is kept: make room and give the same command again to go on."
                    if kept
                    else "Check that there is room and that you may write there."
                )
            ) from error

    def mark(self, rows: int, bad: int) -> None:
        """Note that everything up to ``rows`` is in the file."""
        if self._identity is None:
            return
        self.file.flush()
        self.done = Done(rows, bad, self.file.tell())
        fresh = self.note.with_name(self.note.name + ".new")
        state = {"run": self._identity, "rows": rows, "bad": bad, "bytes": self.done.bytes}
        fresh.write_text(json.dumps(state), encoding="utf-8")
        fresh.replace(self.note)

    def finish(self) -> None:
        """Give the file its name."""
        self.file.flush()
        os.fsync(self.file.fileno())
        if os.name == "nt":  # there an open file cannot be renamed; elsewhere it keeps its lock
            self.file.close()
        self.part.replace(self.output)
        self.note.unlink(missing_ok=True)
        self.file.close()

    def stop(self) -> None:
        """Let go of an unfinished file: kept if it can be gone on with, else removed."""
        if self._identity is None or not self.done.rows:
            for path in (self.part, self.note, self.note.with_name(self.note.name + ".new")):
                with contextlib.suppress(OSError):
                    path.unlink()
        with contextlib.suppress(OSError):  # a full disk fails again here
            self.file.close()

    def drop(self) -> None:
        """Remove an unfinished file that must not be gone on with."""
        self._identity = None
        self.stop()

    def _left(self) -> Done:
        if self._identity is None:
            return Done()
        try:
            state = json.loads(self.note.read_text(encoding="utf-8"))
            done = Done(int(state["rows"]), int(state["bad"]), int(state["bytes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Done()
        whole = os.fstat(self.file.fileno()).st_size >= done.bytes
        same = state.get("run") == json.loads(json.dumps(self._identity))
        return done if whole and same else Done()


def _open_locked(part: Path, output: Path) -> BinaryIO:
    while True:
        file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | _O_BINARY, 0o666), "r+b")
        try:
            _lock(file, output)
            # Another run may have given its part file the final name between open and lock.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), part.stat()):
                    return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: BinaryIO, output: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: os.replace refuses to move an open file instead
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TableError(
            f"Another run is writing to {str(output)!r} now. Wait for it, or choose another output."
        ) from None
    except OSError:  # a file system without locks
        return


_O_BINARY = getattr(os, "O_BINARY", 0)
