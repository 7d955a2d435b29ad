"""A company's own labelled messages, from whatever file it keeps them in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cxnlp.errors import InputError, TableError
from cxnlp.labels import DEFAULT, Taxonomy
from cxnlp.record import CHANNELS, REGIONS, SECTORS, Record
from cxnlp.tables.rows import find_column
from cxnlp.tables.table import Table

Missing = Literal["negative", "unknown"]

_FIELDS = ("text", "causes", "emotion", "emotion_alt", "id", "channel", "sector", "region")
_KNOWN = {"channel": CHANNELS, "sector": SECTORS, "region": REGIONS}
_NONE = frozenset(["geen", "none", "-"])
_TRUE = frozenset(["1", "1.0", "true", "waar", "ja", "yes", "x"])
_FALSE = frozenset(["0", "0.0", "false", "onwaar", "nee", "no"])


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, and where: the line of a JSONL file or the row of a table, 0 for the whole.

    A ``note`` tells what was done with the data and is no reason to stop.
    """

    file: str
    line: int
    message: str
    unit: str = "line"
    note: bool = False

    def __str__(self) -> str:
        where = f"{self.file}, {self.unit} {self.line}" if self.line else self.file
        return f"{where}: {'note: ' if self.note else ''}{self.message}"


def load_table(
    path: Path,
    *,
    taxonomy: Taxonomy = DEFAULT,
    columns: Mapping[str, str] | None = None,
    separator: str | None = None,
    missing: Missing | None = None,
    text_only: bool = False,
) -> tuple[list[Record], list[Problem]]:
    """Read labelled messages from .csv, .tsv, .jsonl, .json, .parquet or .xlsx.

    Parameters
    ----------
    path
        The file; data rows are counted from 1.
    taxonomy
        The labels; a label may be written by its name or its Dutch name, in any case.
    columns
        Which column holds ``text``, ``causes``, ``emotion``, ``emotion_alt``, ``id``,
        ``channel``, ``sector`` or ``region``, where it is not called so; and, for a file with one
        column of 0 and 1 a cause, which column holds each cause.
    separator
        What stands between two causes in one cell; by default any of ``;``, ``,`` and ``|``.
    missing
        What an empty causes or emotion cell means: ``negative``, no cause and the neutral
        emotion, or ``unknown``, and the row is left out. An empty JSON list, or «geen», always
        means no cause.
    text_only
        Read no labels: every record has no cause and the neutral emotion.

    Returns
    -------
    records, problems
        The rows that can be used, and what is wrong with the others. Records without an id are
        called after the file and their row.

    Raises
    ------
    TableError
        If the file cannot be read, or lacks a column that is needed.
    """
    found = read_table(
        path,
        taxonomy=taxonomy,
        columns=columns,
        separator=separator,
        missing=missing,
        text_only=text_only,
    )
    records: list[Record] = []
    problems: list[Problem] = []
    for _, item in found:
        if isinstance(item, Record):
            records.append(item)
        else:
            problems.append(item)
    return records, problems


def read_table(
    path: Path,
    *,
    taxonomy: Taxonomy = DEFAULT,
    columns: Mapping[str, str] | None = None,
    separator: str | None = None,
    missing: Missing | None = None,
    text_only: bool = False,
) -> Iterator[tuple[int, Record | Problem]]:
    """The rows of `load_table`, each with its number; notes and totals come last, at row 0."""
    chosen = dict(columns or {})
    unknown = sorted(set(chosen) - {*_FIELDS, *taxonomy.cause_names})
    if unknown:
        raise TableError(
            f"Cannot map {unknown[0]!r} to a column. Known are: "
            f"{', '.join((*_FIELDS, *taxonomy.cause_names))}."
        )
    if missing not in (None, "negative", "unknown"):
        raise TableError(f"missing is {missing!r}; expected 'negative' or 'unknown'.")
    with Table(str(path), text_column=chosen.get("text")) as table:
        rows = list(table.rows())
        names = table.columns
    if names is None:
        names = list(dict.fromkeys(key for row in rows for key in row.values))
    column = _columns(names, chosen, taxonomy, table.name, text_only=text_only)
    labels = _Labels(taxonomy, column, separator)
    left_out: list[int] = []
    odd: Counter[tuple[str, str]] = Counter()
    for row in rows:
        try:
            if row.error:
                raise TableError(row.error)
            causes, emotion, alt = (
                ((), taxonomy.neutral, None) if text_only else labels.read(row.values, missing)
            )
            if causes is None or emotion is None:
                left_out.append(row.number)
                continue
            fields = {field: _cell(row.values, column, field) for field in _KNOWN}
            for field, known in _KNOWN.items():
                if fields[field] and fields[field] not in known:
                    odd[field, str(fields[field])] += 1
                    fields[field] = None
            called = _cell(row.values, column, "id")
            record = Record.from_dict(
                {
                    **fields,
                    "id": _identifier(called) or f"{path.stem}-{row.number}",
                    "text": row.values.get(column["text"]),
                    "causes": list(causes),
                    "emotion": emotion,
                    "emotion_alt": None if alt == emotion else alt,
                },
                taxonomy=taxonomy,
            )
        except InputError as error:
            yield row.number, Problem(path.name, row.number, str(error), "row")
        else:
            yield row.number, record
    if left_out:
        yield left_out[0], _left_out(path.name, left_out, missing)
    for (field, value), times in sorted(odd.items()):
        yield (
            0,
            Problem(
                path.name,
                0,
                f"{field} {value!r} is none of {', '.join(_KNOWN[field])}; left empty in "
                f"{times:,} rows.",
                note=True,
            ),
        )


def _left_out(file: str, rows: Sequence[int], missing: Missing | None) -> Problem:
    count = f"{len(rows):,} rows" if len(rows) > 1 else "1 row"
    if missing == "unknown":
        return Problem(file, 0, f"{count} left out: their labels are unknown.", note=True)
    return Problem(
        file,
        rows[0],
        f"{count} without labels, the first is this one. Say what that means: missing "
        "'negative' (no cause, neutral) or 'unknown' (leave them out).",
        "row",
    )


def _columns(
    names: Sequence[str],
    chosen: Mapping[str, str],
    taxonomy: Taxonomy,
    file: str,
    *,
    text_only: bool,
) -> dict[str, str]:
    """The file's column of each field and, where causes have one each, of each cause."""
    present = {name.strip().casefold() for name in names}
    column = {}
    for field in (*_FIELDS, *taxonomy.cause_names):
        if field in chosen:
            column[field] = find_column(names, chosen[field], file, f"the column of {field}")
        elif field in present:
            column[field] = find_column(names, field, file, f"the column of {field}")
    each = [cause for cause in taxonomy.cause_names if cause in column]
    needed = ["text"] if text_only else ["text", "emotion", *([] if each else ["causes"])]
    for field in needed:
        if field not in column:
            find_column(names, field, file, f"the column of {field}")  # raises, names the columns
    return column


def _cell(values: Mapping[str, Any], column: Mapping[str, str], field: str) -> Any:
    """A cell without spaces around it; None where it is empty or not there."""
    value = values.get(column[field]) if field in column else None
    if isinstance(value, str):
        return value.strip() or None
    return None if isinstance(value, float) and value != value else value


def _identifier(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what a spreadsheet makes of a number
    return "" if value is None else str(value)


class _Labels:
    """Reads causes and emotions as people write them in a table."""

    def __init__(
        self, taxonomy: Taxonomy, column: Mapping[str, str], separator: str | None
    ) -> None:
        self.taxonomy = taxonomy
        self.column = column
        self.split = re.compile(re.escape(separator) if separator else r"[;,|]")
        self.each = [c for c in taxonomy.cause_names if c in column and "causes" not in column]
        self.named = {
            written.casefold(): label.name
            for label in (*taxonomy.causes, *taxonomy.emotions)
            for written in (label.dutch, label.name)
        }

    def read(
        self, values: Mapping[str, Any], missing: Missing | None
    ) -> tuple[tuple[str, ...] | None, str | None, str | None]:
        """Causes, emotion and second emotion; None for causes or emotion that are not known."""
        causes = self._each(values) if self.each else self._listed(values)
        emotion = self._name(_cell(values, self.column, "emotion"))
        if missing == "negative":
            causes = () if causes is None else causes
            emotion = emotion or self.taxonomy.neutral
        return causes, emotion, self._name(_cell(values, self.column, "emotion_alt"))

    def _name(self, written: Any) -> str | None:
        if written is None:
            return None
        return self.named.get(str(written).strip().casefold(), str(written).strip())

    def _listed(self, values: Mapping[str, Any]) -> tuple[str, ...] | None:
        cell = _cell(values, self.column, "causes")
        if cell is None:
            return None
        if not isinstance(cell, (list, tuple)):
            # What other programs write for a list: ["billing", "delivery"].
            inner = str(cell).removeprefix("[").removesuffix("]")
            cell = [part.strip().strip("'\"") for part in self.split.split(inner)]
        parts = [self._name(part) for part in cell if str(part).strip()]
        known = [p for p in parts if p is not None]
        if len(known) == 1 and known[0].casefold() in _NONE - set(self.named):
            return ()
        return self.taxonomy.check_causes(known)

    def _each(self, values: Mapping[str, Any]) -> tuple[str, ...] | None:
        causes, empty = [], 0
        for cause in self.each:
            cell = _cell(values, self.column, cause)
            written = str(cell).casefold()
            if cell is None:
                empty += 1
            elif written in _TRUE:
                causes.append(cause)
            elif written not in _FALSE:
                raise TableError(
                    f"Column {self.column[cause]!r} is {cell!r}; expected 1 or 0 (or ja, nee, x)."
                )
        # An x in one column says that the others were looked at.
        return None if empty == len(self.each) or (empty and not causes) else tuple(causes)
