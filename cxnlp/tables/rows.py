"""What every reader of a file gives: rows, and the messages in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from cxnlp.errors import TableError

MAX_TEXT = 1_000_000
"""Characters of the longest message that is taken; a longer one is a bad row."""

TEXT_COLUMN = "text"
ID_COLUMN = "id"
_PEEK = 200  # rows without fixed columns that are looked at before a column is called missing
_SHOWN = 12  # columns that an error names


@dataclass(frozen=True, slots=True)
class Row:
    """One data row: its 1-based number, its cells by column, and what is wrong with it."""

    number: int
    values: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a file, or the reason why the row holds none.

    ``row`` counts data rows from 1; ``id`` is the row's own name, or ``row`` when the file has
    no column for it; ``text`` is empty where ``error`` is not.
    """

    row: int
    id: str | int | None
    text: str
    error: str = ""


def messages(
    rows: Iterable[Row],
    *,
    columns: Sequence[str] | None,
    name: str,
    text_column: str | None = None,
    id_column: str | None = None,
) -> Iterator[Message]:
    """Pick text and id out of rows.

    Parameters
    ----------
    rows
        Of one file.
    columns
        The file's columns, or None where each row has its own (JSON).
    name
        What the file is called in errors.
    text_column, id_column
        Compared without regard to case where there is no exact match. By default ``text``,
        and ``id`` if there is one (else a message is called by its row number).

    Raises
    ------
    TableError
        If there is no such column; the message names those that exist.
    """
    rows = iter(rows)
    if columns is not None and not columns:  # an empty file has no header either
        return
    if columns is None:
        wanted = {
            c.strip().casefold() for c in (text_column or TEXT_COLUMN, id_column or ID_COLUMN)
        }
        peeked = []
        for row in islice(rows, _PEEK):
            peeked.append(row)
            wanted.difference_update(key.strip().casefold() for key in row.values)
            if not wanted:
                break
        rows = chain(peeked, rows)
        columns = list(dict.fromkeys(key for row in peeked for key in row.values))
        fixed, hint = False, ""
        if not columns:  # nothing but unreadable rows, which say so themselves
            columns = [text_column or TEXT_COLUMN, *([id_column] if id_column else [])]
    else:
        fixed = True
        hint = "; if the first line is a message already, put a line with column names above it"
    text_key = find_column(columns, text_column or TEXT_COLUMN, name, "--text-column", hint)
    id_key: str | None
    if id_column is None and not any(c.casefold() == ID_COLUMN for c in columns):
        id_key = None
    else:
        id_key = find_column(columns, id_column or ID_COLUMN, name, "--id-column", hint)
    for row in rows:
        called = _id(_get(row.values, id_key, fixed=fixed)) if id_key else row.number
        if row.error:
            yield Message(row.number, called, "", row.error)
            continue
        text = _get(row.values, text_key, fixed=fixed)
        problem = _problem(text, text_key, row.values)
        yield Message(row.number, called, "" if problem else text, problem)


def find_column(columns: Sequence[str], wanted: str, name: str, option: str, hint: str = "") -> str:
    """The column that is meant, or a `TableError` that names those that exist."""
    for same in (str, str.casefold):
        found = [column for column in columns if same(column.strip()) == same(wanted.strip())]
        if len(found) == 1:
            return found[0]
        if found:
            raise TableError(
                f"{name} has {len(found)} columns called {wanted!r}, so it is not clear which is "
                f"meant. Rename one of them."
            )
    shown = ", ".join(repr(c[:40] + "…" if len(c) > 40 else c) for c in columns[:_SHOWN])
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    raise TableError(
        f"{name} has no column {wanted!r}. Its columns are: {shown}{more}. Choose one of them "
        f"with {option}{hint}."
    )


def _get(values: Mapping[str, Any], key: str, *, fixed: bool) -> Any:
    if key in values or fixed:
        return values.get(key)
    wanted = key.casefold()
    return next((value for name, value in values.items() if name.casefold() == wanted), None)


def _problem(text: Any, key: str, values: Mapping[str, Any]) -> str:
    if text is None:
        there = "" if key in values else f"; the row has: {', '.join(values)[:80] or 'nothing'}"
        return f"no text: expected a string under {key!r}, got nothing{there}"
    if not isinstance(text, str):
        return f"not text: expected a string under {key!r}, got {type(text).__name__}"
    if len(text) > MAX_TEXT:
        return f"too long: {len(text):,} characters; at most {MAX_TEXT:,} are read"
    return ""


def _id(value: Any) -> str | int | None:
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)  # what a spreadsheet makes of a number
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return str(value)
