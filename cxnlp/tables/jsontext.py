"""JSON lines, and one long JSON list read item by item."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from cxnlp.errors import TableError
from cxnlp.tables.rows import TEXT_COLUMN, Row
from cxnlp.tables.source import MAX_LINE, Lines

_SPACE = re.compile(r"[ \t\r\n]*")


def read_json_lines(lines: Lines, *, text_column: str | None = None) -> Iterator[Row]:
    """One JSON object (or string) a line; blank lines are skipped."""
    number = 0
    for at, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        number += 1
        if len(line) > MAX_LINE:
            yield Row(number, error=f"too long: line {at} has more than {MAX_LINE:,} characters")
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, error=f"not JSON: line {at}: {_short(error)}")
            continue
        yield _row(number, value, text_column)


def read_json_list(lines: Lines, *, text_column: str | None = None) -> Iterator[Row]:
    """Items of one JSON list, in constant memory.

    Raises
    ------
    TableError
        If the text is no JSON list, or breaks off; what came before has been given by then.
    """
    decode = json.JSONDecoder().raw_decode
    buffer, position, number = "", 0, 0
    state, why = "start", ""
    while True:
        position = _SPACE.match(buffer, position).end()  # type: ignore[union-attr]
        mark = buffer[position : position + 1]
        if not mark:
            pass  # needs more text
        elif state == "start":
            if mark != "[":
                raise TableError(
                    f"{lines.name} starts with {mark!r}; a .json file must hold one list of "
                    f"objects. For one object a line, call it .jsonl."
                )
            state, position = "first", position + 1
            continue
        elif state == "end":
            raise TableError(f"{lines.name} goes on after its JSON list ends.")
        elif mark == "]" and state in ("first", "after"):
            state, position = "end", position + 1
            continue
        elif state == "after":
            if mark != ",":
                raise _broken(lines, number, f"a comma or ']' is missing before {mark!r}")
            state, position = "item", position + 1
            continue
        else:
            try:
                value, end = decode(buffer, position)
                # A number may go on in the next block, so the mark after it must be seen.
                if _SPACE.match(buffer, end).end() < len(buffer):  # type: ignore[union-attr]
                    number += 1
                    yield _row(number, value, text_column)
                    state, position, why = "after", end, ""
                    continue
            except (ValueError, RecursionError) as error:
                why = _short(error)
                if len(buffer) - position > MAX_LINE or isinstance(error, RecursionError):
                    raise _broken(lines, number, why) from error
        # Twice as much each time, so that a long item is not tried again at every block.
        wanted = max(1, len(buffer) - position)
        parts = [buffer[position:]]
        while wanted > 0 and (block := lines.block()):
            parts.append(block)
            wanted -= len(block)
        if len(parts) == 1:
            if state == "end":
                return
            if state == "start":
                if parts[0].strip():
                    raise TableError(f"{lines.name} is no JSON list.")
                return
            raise _broken(lines, number, why or "it breaks off before the list ends")
        buffer, position = "".join(parts), 0


def _row(number: int, value: Any, text_column: str | None) -> Row:
    if isinstance(value, str):
        return Row(number, {text_column or TEXT_COLUMN: value})
    if isinstance(value, dict):
        return Row(number, value)
    return Row(number, error=f"not an object: expected {{...}}, got {type(value).__name__}")


def _broken(lines: Lines, number: int, why: str) -> TableError:
    return TableError(
        f"{lines.name} is not valid JSON after item {number:,}: {why}. Repair it, or save it as "
        f"JSON lines (.jsonl), where a bad line does not stop the rest."
    )


def _short(error: Exception) -> str:
    return "too deeply nested" if isinstance(error, RecursionError) else str(error)[:200]
