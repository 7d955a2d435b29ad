"""Parquet and Excel, read in pieces."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from cxnlp.errors import MissingExtraError, TableError
from cxnlp.tables.rows import Row

_BATCH = 1_000


class Parquet:
    """A Parquet file, a batch of rows in memory at a time."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        try:
            import pyarrow.parquet as pq
        except ImportError as error:
            raise MissingExtraError("pyarrow", "files", f"Reading {name}") from error
        self.name = name
        self._done = 0
        try:
            self._file = pq.ParquetFile(file)
            self.columns: list[str] = list(self._file.schema_arrow.names)
            self._total = int(self._file.metadata.num_rows)
        except Exception as error:  # pyarrow raises many kinds for a damaged file
            raise _damaged(name, "Parquet", error) from error

    def rows(self, wanted: Callable[[str], bool]) -> Iterator[Row]:
        """Rows with the wanted columns only."""
        columns = [column for column in self.columns if wanted(column)]
        try:
            for batch in self._file.iter_batches(batch_size=_BATCH, columns=columns):
                cells = [_values(column) for column in batch.columns]
                for i in range(batch.num_rows):
                    self._done += 1
                    values = {c: v[i] for c, v in zip(columns, cells, strict=True)}
                    bad = [c for c, v in values.items() if isinstance(v, UnicodeDecodeError)]
                    if bad:
                        yield Row(self._done, {}, f"not text: {bad[0]!r} holds no valid UTF-8")
                    else:
                        yield Row(self._done, values)
        except Exception as error:
            if isinstance(error, (TableError, GeneratorExit)):
                raise
            raise _damaged(self.name, "Parquet", error) from error

    def fraction(self) -> float | None:
        """Share of the rows that has been read."""
        return self._done / self._total if self._total else None


class Excel:
    """The first sheet of a workbook, read row by row."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        try:
            from openpyxl import load_workbook
        except ImportError as error:
            raise MissingExtraError("openpyxl", "files", f"Reading {name}") from error
        self.name = name
        self._done = 0
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # styles and validations that it skips
                self._book = load_workbook(file, read_only=True, data_only=True)
                sheet = self._book.worksheets[0]
                self._total = int(sheet.max_row or 0) - 1
                sheet.reset_dimensions()  # some programs write wrong ones
                self._cells = self._filled(sheet)
                header = next(self._cells, ())
        except TableError:
            raise
        except Exception as error:  # openpyxl raises many kinds for a damaged file
            raise _damaged(name, "Excel", error) from error
        self.columns = ["" if cell is None else str(cell).strip() for cell in header]

    def _filled(self, sheet: Any) -> Iterator[tuple[Any, ...]]:
        """Rows with anything in them: sheets often end in hundreds that have only a style."""
        try:
            for cells in sheet.iter_rows(values_only=True):
                if any(cell is not None for cell in cells):
                    yield cells
        except Exception as error:
            raise _damaged(self.name, "Excel", error) from error

    def rows(self, wanted: Callable[[str], bool]) -> Iterator[Row]:
        """Rows with the wanted columns only."""
        places = [(column, i) for i, column in enumerate(self.columns) if wanted(column)]
        for cells in self._cells:
            self._done += 1
            yield Row(self._done, {c: cells[i] for c, i in places if i < len(cells)})

    def fraction(self) -> float | None:
        """Share of the rows that has been read, by the sheet's own count."""
        return min(1.0, self._done / self._total) if self._total > 0 else None


def _values(column: Any) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_value(cell) for cell in column]


def _value(cell: Any) -> Any:
    try:
        return cell.as_py()
    except UnicodeDecodeError as error:
        return error


def _damaged(name: str, what: str, error: Exception) -> TableError:
    why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return TableError(f"Cannot read {name} as a {what} file: {why}. Check that it is whole.")
