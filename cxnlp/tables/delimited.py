"""CSV as it is met: any usual delimiter, quoted line breaks, and rows that went wrong.

A stray quote must not swallow the rest of a file, so records are parsed strictly, and where
that fails only the first line of the record is given up and reading goes on at the next.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from cxnlp.errors import TableError
from cxnlp.tables.rows import TEXT_COLUMN, Row
from cxnlp.tables.source import MAX_LINE, Lines

DELIMITERS = ",;\t|"
_NONE = "\x1f"  # stands for «no delimiter» in a file of one column
_SEP = re.compile(r"sep=(.)\s*$", re.I)  # a line that Excel puts above the header


def read_delimited(
    lines: Lines, *, text_column: str | None = None, delimiter: str | None = None
) -> tuple[list[str], Iterator[Row]]:
    """The columns of a delimited text, and its rows.

    Parameters
    ----------
    lines
        The text, from its first line.
    text_column
        The column that is looked for; a delimiter with which the header has it is the one.
    delimiter
        When it is known.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE + 1))
    sample = lines.sample()
    if sample and (said := _SEP.match(sample[0].lstrip("\ufeff"))):
        lines.next()
        delimiter, sample = said[1], sample[1:]
    if delimiter is None:
        delimiter = find_delimiter(sample, text_column or TEXT_COLUMN)
    records = _records(lines, delimiter)
    for cells, error in records:
        if error:
            raise TableError(f"Cannot read the header of {lines.name}: {error}.")
        header = [cell.strip("\ufeff \t") for cell in cells]
        if len(header) == 1 and delimiter != _NONE:
            records = _records(lines, _NONE)
        return header, _rows(records, header)
    return [], iter(())


def find_delimiter(sample: Sequence[str], text_column: str) -> str:
    """The delimiter with which the header holds the text column, or else most columns."""
    wanted = text_column.strip().casefold()
    headers = {}
    for delimiter in DELIMITERS:
        try:
            header = next(csv.reader(sample, delimiter=delimiter), [])
        except csv.Error:
            continue
        if len(header) > 1 and wanted in (cell.strip().casefold() for cell in header):
            return delimiter
        headers[delimiter] = len(header)
    best = max(headers, key=lambda d: headers[d], default=_NONE)
    return best if headers.get(best, 0) > 1 else _NONE


def has_column(sample: Sequence[str], text_column: str) -> bool:
    """Whether the first line is a header with this column."""
    try:
        header = next(csv.reader(sample, delimiter=find_delimiter(sample, text_column)), [])
    except csv.Error:
        return False
    return text_column.strip().casefold() in (cell.strip().casefold() for cell in header)


def _rows(records: Iterator[tuple[list[str], str]], header: list[str]) -> Iterator[Row]:
    width = len(header)
    for number, (cells, error) in enumerate(records, start=1):
        if not error and len(cells) != width and (len(cells) < width or any(cells[width:])):
            error = (
                f"wrong number of columns: {len(cells)}, where the header has {width}; put a text "
                f"with a delimiter or a line break in it between double quotes"
            )
        yield Row(number, dict(zip(header, cells, strict=False)), error)


class _RunawayError(Exception):
    """A quoted field does not end."""


class _Feed:
    """Hands lines to the parser and remembers those of the current record."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.used: list[str] = []
        self.size = 0

    def start(self) -> None:
        self.used, self.size = [], 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self.lines.next()
        if line is None:
            raise StopIteration
        self.used.append(line)
        self.size += len(line)
        if self.size > MAX_LINE:
            raise _RunawayError
        return line


def _records(lines: Lines, delimiter: str) -> Iterator[tuple[list[str], str]]:
    """Cells of each record that is not blank, with what is wrong with it."""
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.start()
        try:
            cells, error = next(reader), ""
        except StopIteration:
            return
        except (csv.Error, _RunawayError):
            lines.put_back(feed.used[1:])
            cells, error = _repair(feed.used[0], delimiter)
        if cells:
            yield cells, error


def _repair(line: str, delimiter: str) -> tuple[list[str], str]:
    """Read one line that is no strict CSV: ``"a" b`` can be read, an open quote cannot."""
    if len(line) > MAX_LINE:
        return [line[:100]], f"too long: a line of more than {MAX_LINE:,} characters"
    # A line read leniently that would go on in a second one has an open quote.
    more = iter([line, "x"])
    cells = next(csv.reader(more, delimiter=delimiter))
    if next(more, None) is None:
        plain = line.rstrip("\r\n").split(delimiter)
        return plain, "open quote: a double quote in this line is not closed"
    return cells, ""
