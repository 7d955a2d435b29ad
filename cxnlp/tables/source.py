"""Bytes to lines: opening, unpacking and decoding whatever a user has.

UTF-8 (with or without its mark), UTF-16 and Windows-1252 are told apart while reading. Bytes
that are not UTF-8 are read one by one as Windows-1252, so that no first pass over the file is
needed, standard input works alike, and a file pasted together from both is read right.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from cxnlp.errors import TableError

MAX_LINE = 8_000_000
"""Characters of the longest line (and quoted CSV record) that is kept in memory."""

STDIN = "-"
_FALLBACK = "cxnlp-cp1252"
_BLOCK = 1 << 16
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or zip file; its name should end in .xlsx",
    b"PAR1": "a Parquet file; its name should end in .parquet",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save it as .xlsx or CSV",
    b"%PDF": "a PDF file; export the messages as CSV",
}


class Lines:
    """Lines of a text, read one at a time, with a way to put some back.

    A line longer than `MAX_LINE` comes cut to one character more, so that its reader can see
    that; the rest of it is skipped.
    """

    def __init__(self, stream: io.TextIOBase, name: str) -> None:
        self._stream = stream
        self._back: deque[str] = deque()
        self.name = name

    def next(self) -> str | None:
        """The next line with its line end, or None after the last."""
        if self._back:
            return self._back.popleft()
        try:
            line = self._stream.readline(MAX_LINE + 1)
            if len(line) > MAX_LINE and not line.endswith(("\n", "\r")):
                while (rest := self._stream.readline(_BLOCK)) and not rest.endswith(("\n", "\r")):
                    pass
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(self.name, error) from error
        return line or None

    def put_back(self, lines: Sequence[str]) -> None:
        """Make these the next lines."""
        self._back.extendleft(reversed(lines))

    def block(self) -> str:
        """A piece of text of any size, line ends or not; empty at the end."""
        if self._back:
            return self._back.popleft()
        try:
            return self._stream.read(_BLOCK)
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(self.name, error) from error

    def sample(self, lines: int = 20) -> list[str]:
        """The first lines, which stay there to be read."""
        seen: list[str] = []
        while len(seen) < lines and sum(map(len, seen)) < _BLOCK:
            line = self.next()
            if line is None:
                break
            seen.append(line)
        self.put_back(seen)
        return seen

    def __iter__(self) -> Iterator[str]:
        while (line := self.next()) is not None:
            yield line


class TextSource:
    """An open text file or standard input: `lines`, and how much of it has been read."""

    def __init__(self, path: str) -> None:
        self.name = "standard input" if path == STDIN else repr(path)
        self._raw = _stdin() if path == STDIN else open_file(path)
        self._size = 0 if path == STDIN else os.fstat(self._raw.fileno()).st_size
        self._own = path != STDIN
        try:
            unpacked: io.BufferedReader[Any] = io.BufferedReader(self._raw, _BLOCK)
            head = unpacked.peek(4)
            if head[:2] == b"\x1f\x8b":
                unpacked = io.BufferedReader(gzip.GzipFile(fileobj=unpacked), _BLOCK)
                head = unpacked.peek(4)
        except (OSError, EOFError, zlib.error) as error:
            self.close()
            raise unreadable(self.name, error) from error
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                self.close()
                raise TableError(f"{self.name} is {what}.")
        self._text = io.TextIOWrapper(
            unpacked, encoding=_encoding(head), errors=_fallback(), newline=""
        )
        self.lines = Lines(self._text, self.name)

    def fraction(self) -> float | None:
        """Share of the bytes that has been read, in [0, 1]; None when it cannot be known."""
        return min(1.0, self._raw.tell() / self._size) if self._size else None

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._own:
            self._raw.close()
        elif hasattr(self, "_text"):
            self._text.detach().detach()  # else it would be closed with this object


def open_file(path: str) -> BinaryIO:
    """Open a file for reading; raises `TableError` with what to do."""
    try:
        return Path(path).open("rb", buffering=0)
    except FileNotFoundError:
        raise TableError(
            f"There is no file {path!r} (looked in {str(Path.cwd())!r}). Check the name."
        ) from None
    except IsADirectoryError:
        raise TableError(f"{path!r} is a folder. Give one file of messages.") from None
    except (OSError, ValueError) as error:
        raise unreadable(repr(path), error) from error


def unreadable(name: str, error: Exception) -> TableError:
    """The error for a file that breaks off or cannot be read."""
    why = getattr(error, "strerror", None) or error
    return TableError(f"Cannot read {name}: {why}. Check that the file is whole and yours to read.")


def _stdin() -> BinaryIO:
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise TableError("There is no standard input to read. Give a file with --input.")
    return buffer  # type: ignore[no-any-return]


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    zeros = [i % 2 for i, byte in enumerate(head[:400]) if byte == 0]
    if len(zeros) > len(head[:400]) // 3 and len(set(zeros)) == 1:
        return "utf-16-le" if zeros[0] else "utf-16-be"
    return "utf-8"


def _fallback() -> str:
    codecs.register_error(_FALLBACK, _as_cp1252)
    return _FALLBACK


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.encoding.replace("_", "-").lower().startswith("utf-16"):
        return "�", error.end
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end
