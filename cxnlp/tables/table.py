"""One door to every kind of message file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import TracebackType

from cxnlp.errors import TableError
from cxnlp.tables.columnar import Excel, Parquet
from cxnlp.tables.delimited import has_column, read_delimited
from cxnlp.tables.jsontext import read_json_lines, read_json_list
from cxnlp.tables.rows import TEXT_COLUMN, Message, Row, messages
from cxnlp.tables.source import STDIN, Lines, TextSource, open_file

READS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".xlsx")
"""Endings of files that can be read; those of text also with .gz behind them."""

_JSON_LIST = re.compile(r"\s*\[\s*([{\"\]]|$)")


class Table:
    """An open file of messages; use it as a context manager and iterate over `rows`.

    Parameters
    ----------
    path
        A file, told by its ending (`READS`), or ``-`` for standard input: JSON lines, a JSON
        list, CSV with a header, or else one message a line.
    text_column
        The column that will be asked for, which helps to tell the delimiter.

    Attributes
    ----------
    columns
        The file's columns, or None where each row has its own (JSON).

    Raises
    ------
    TableError
        If the file is missing, unreadable, or of an unknown kind.
    MissingExtraError
        If its kind needs a package that is not installed.
    """

    def __init__(self, path: str, *, text_column: str | None = None) -> None:
        self.name = "Standard input" if path == STDIN else repr(path)
        self.columns: list[str] | None = None
        self._close: Callable[[], None]
        self.fraction: Callable[[], float | None]
        kind = _kind(path)
        if kind in (".parquet", ".xlsx"):
            file = open_file(path)
            self._close = file.close
            try:
                columnar = (Parquet if kind == ".parquet" else Excel)(file, self.name)
            except BaseException:
                file.close()
                raise
            self.columns, self.fraction = columnar.columns, columnar.fraction
            self._rows = columnar.rows
            return
        source = TextSource(path)
        self._close, self.fraction = source.close, source.fraction
        try:
            self.columns, rows = _read_text(source.lines, kind, text_column)
        except BaseException:
            source.close()
            raise
        self._rows = lambda wanted: rows

    def rows(self, wanted: Callable[[str], bool] = lambda column: True) -> Iterator[Row]:
        """The rows, once; ``wanted`` may spare the reading of other columns."""
        return self._rows(wanted)

    def messages(
        self, *, text_column: str | None = None, id_column: str | None = None
    ) -> Iterator[Message]:
        """The messages; see `cxnlp.tables.rows.messages`."""
        keep = {(text_column or TEXT_COLUMN).strip().casefold(), (id_column or "id").casefold()}
        return messages(
            self.rows(lambda column: column.strip().casefold() in keep),
            columns=self.columns,
            name=self.name,
            text_column=text_column,
            id_column=id_column,
        )

    def close(self) -> None:
        """Close the file."""
        self._close()

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_messages(
    path: str, *, text_column: str | None = None, id_column: str | None = None
) -> Iterator[Message]:
    """The messages of a file, in constant memory; see `Table` and `messages`."""
    with Table(str(path), text_column=text_column) as table:
        yield from table.messages(text_column=text_column, id_column=id_column)


def _kind(path: str) -> str:
    if path == STDIN:
        return STDIN
    name = PurePath(path).name.lower()
    kind = PurePath(name.removesuffix(".gz")).suffix
    if kind not in READS or (name.endswith(".gz") and kind in (".parquet", ".xlsx")):
        raise TableError(
            f"Cannot tell what {path!r} is by its ending {PurePath(name).suffix!r}. Expected one "
            f"of {', '.join(READS)} (those of text also as .gz), or - for standard input."
        )
    return kind


def _read_text(
    lines: Lines, kind: str, text_column: str | None
) -> tuple[list[str] | None, Iterator[Row]]:
    first = next((line for line in lines if line.strip("\ufeff \t\r\n")), None)
    if first is None:
        return [], iter(())
    lines.put_back([first])
    sample = lines.sample()
    start = "".join(sample).lstrip("\ufeff \t\r\n")
    if kind in (STDIN, ".txt"):
        if start.startswith("{"):
            kind = ".jsonl"
        elif _JSON_LIST.match(start):
            kind = ".json"
        elif text_column is None and not has_column(sample, TEXT_COLUMN):
            return [TEXT_COLUMN], _plain(lines)
    if kind == ".json" and start.startswith("{"):
        kind = ".jsonl"  # a common slip
    if kind in (".jsonl", ".ndjson"):
        return None, read_json_lines(lines, text_column=text_column)
    if kind == ".json":
        return None, read_json_list(lines, text_column=text_column)
    delimiter = "\t" if kind == ".tsv" else None
    return read_delimited(lines, text_column=text_column, delimiter=delimiter)


def _plain(lines: Lines) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        yield Row(number, {TEXT_COLUMN: line.rstrip("\r\n")})
