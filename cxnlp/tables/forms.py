"""How records are written: JSON lines, CSV, Parquet or Excel, told by the output's ending."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, BinaryIO, Protocol

from cxnlp.errors import MissingExtraError, TableError
from cxnlp.tables.xlsx import WorkbookWriter

WRITES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".xlsx")
"""Endings of files that can be written."""


_ROW_GROUP = 20_000  # rows; small ones make a large footer and slow reading
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of flat output: its name and whether it holds ``str``, ``int`` or ``float``."""

    name: str
    type: type = str


class Form(Protocol):
    """A way to write; `render` may run in another process than `Sink.write`."""

    @property
    def appends(self) -> bool:
        """Whether a half-written file can be gone on with."""
        ...

    @property
    def takes_records(self) -> bool:
        """Whether it writes records as they are, so that flat cells need not be made."""
        ...

    def render(self, flat: Sequence[Sequence[Any]], records: Sequence[Record]) -> Any:
        """Make what a sink writes of records and their flat cells."""
        ...

    def sink(self, file: BinaryIO, *, fresh: bool) -> Sink:
        """A sink on an open file; ``fresh`` when nothing is in it yet."""
        ...


class Sink(Protocol):
    """Where rendered records go."""

    def write(self, rendered: Any) -> None:
        """Write them."""
        ...

    def finish(self) -> None:
        """Write what a whole file ends with."""
        ...

    def abandon(self) -> None:
        """Let go of a file that will not be whole; does not raise."""
        ...


def form_for(path: str, columns: Sequence[Column]) -> Form:
    """The form for an output; ``-`` is JSON lines.

    Raises
    ------
    TableError
        For an ending that cannot be written.
    MissingExtraError
        If the form needs a package that is not installed.
    """
    kind = ".jsonl" if path == "-" else PurePath(path.lower()).suffix
    columns = tuple(columns)
    if kind in (".jsonl", ".ndjson"):
        return JsonLines()
    if kind in (".csv", ".tsv"):
        return Delimited(columns, "\t" if kind == ".tsv" else ",")
    if kind == ".xlsx":
        return Excel(columns)
    if kind == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("pyarrow", "files", f"Writing {path!r}") from error
        return Parquet(columns)
    raise TableError(
        f"Cannot tell how to write {path!r} by its ending {kind!r}. Expected one of "
        f"{', '.join(WRITES)}, or - for standard output."
    )


@dataclass(frozen=True)
class JsonLines:
    """One record a line."""

    appends: bool = True
    takes_records: bool = True

    def render(self, flat: Sequence[Sequence[Any]], records: Sequence[Record]) -> bytes:
        """Lines as UTF-8 bytes."""
        return b"".join(json_line(record) for record in records)

    def sink(self, file: BinaryIO, *, fresh: bool) -> Sink:
        """Bytes go to the file as they are."""
        return _Bytes(file)


@dataclass(frozen=True)
class Delimited:
    """CSV or TSV in UTF-8, with a header."""

    columns: tuple[Column, ...]
    delimiter: str = ","
    appends: bool = True
    takes_records: bool = False

    def render(self, flat: Sequence[Sequence[Any]], records: Sequence[Record]) -> bytes:
        """Lines as UTF-8 bytes."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerows(flat)
        return text.getvalue().encode("utf-8", "replace")

    def sink(self, file: BinaryIO, *, fresh: bool) -> Sink:
        """Write the header where there is none yet."""
        if fresh:
            file.write(self.render([[column.name for column in self.columns]], []))
        return _Bytes(file)


@dataclass(frozen=True)
class Parquet:
    """A Parquet file."""

    columns: tuple[Column, ...]
    appends: bool = False
    takes_records: bool = False

    def render(self, flat: Sequence[Sequence[Any]], records: Sequence[Record]) -> Any:
        """Flat cells."""
        return flat

    def sink(self, file: BinaryIO, *, fresh: bool) -> Sink:
        """Write through pyarrow."""
        return _ParquetSink(file, self.columns)


@dataclass(frozen=True)
class Excel:
    """A workbook of one sheet."""

    columns: tuple[Column, ...]
    appends: bool = False
    takes_records: bool = False

    def render(self, flat: Sequence[Sequence[Any]], records: Sequence[Record]) -> Any:
        """Flat cells."""
        return flat

    def sink(self, file: BinaryIO, *, fresh: bool) -> Sink:
        """Write a workbook."""
        return _ExcelSink(file, self.columns)


def json_line(record: Record) -> bytes:
    """One record as a line of UTF-8; what UTF-8 cannot hold is escaped."""
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return (json.dumps(record) + "\n").encode()


class _Bytes:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, rendered: bytes) -> None:
        self._file.write(rendered)

    def finish(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _ParquetSink:
    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
        self._pa = pa
        self._columns = columns
        self._schema = pa.schema([(column.name, types[column.type]) for column in columns])
        self._writer = pq.ParquetWriter(file, self._schema)
        self._waiting: list[Any] = []

    def write(self, rendered: Sequence[Sequence[Any]]) -> None:
        arrays = [
            self._pa.array([_cell(row[i], column.type) for row in rendered], self._schema[i].type)
            for i, column in enumerate(self._columns)
        ]
        self._waiting.append(self._pa.record_batch(arrays, schema=self._schema))
        if sum(map(len, self._waiting)) >= _ROW_GROUP:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(self._pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []

    def abandon(self) -> None:
        with suppress(OSError, ValueError, self._pa.ArrowException):
            self._writer.close()


class _ExcelSink:
    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._book = WorkbookWriter(file, [column.name for column in columns])

    def write(self, rendered: Sequence[Sequence[Any]]) -> None:
        self._book.write(
            [
                [
                    _cell(value, column.type)
                    for value, column in zip(row, self._columns, strict=True)
                ]
                for row in rendered
            ]
        )

    def finish(self) -> None:
        self._book.close()

    def abandon(self) -> None:
        self._book.abandon()


def _cell(value: Any, kind: type) -> Any:
    if value is None or value == "":
        return None
    if kind is str:
        return str(value).encode("utf-8", "replace").decode()
    return value
