"""Showing things to a person: tables, and text from strangers made safe for a terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def on_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def safe(text: str) -> str:
    """The text as it was, or on a terminal as long as it was and unable to steer it."""
    return _CONTROL.sub("�", text) if on_terminal() else text


def print_json(value: Any) -> None:
    """Print JSON, indented for a person and on one line for a program."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    indent = 2 if on_terminal() else None
    print(json.dumps(value, ensure_ascii=not unicode, indent=indent))


def print_table(
    rows: Sequence[Sequence[str]], *, header: Sequence[str] = (), right: Sequence[int] = ()
) -> None:
    """Print rows in columns; the last column may run over several lines on a terminal.

    Parameters
    ----------
    rows
        Cells, as many in each row.
    header
        Names of the columns, if they need any.
    right
        Positions of columns of numbers.
    """
    cells = [[safe(" ".join(cell.splitlines())) for cell in row] for row in rows]
    if on_terminal():
        _rich_table(cells, header, right)
        return
    everything = [list(header), *cells] if header else cells
    widths = [max(len(row[i]) for row in everything) for i in range(len(everything[0]))]
    for row in everything:
        parts = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(parts).rstrip())


def _rich_table(
    cells: Sequence[Sequence[str]], header: Sequence[str], right: Sequence[int]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD if header else None, show_header=bool(header), pad_edge=False)
    last = len(cells[0]) - 1
    for i in range(len(cells[0])):
        table.add_column(
            header[i] if header else "",
            justify="right" if i in right else "left",
            style="bold" if i == 0 else "",
            no_wrap=i != last,
        )
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
