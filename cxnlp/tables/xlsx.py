"""An Excel workbook of one sheet, written as it comes: nothing is kept in memory or beside it.

The parts are those that ECMA-376 asks for and no more. Texts are written as such, so that one
that begins with ``=`` does not become a formula.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from cxnlp.errors import TableError

MAX_ROWS = 1_048_575
"""Rows that a sheet holds below its header."""

_MAX_CELL = 32_767
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = "xl/worksheets/sheet1.xml"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>"
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="cxnlp" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>"
    ),
}


class WorkbookWriter:
    """Writes rows of texts, numbers and None to an open file."""

    def __init__(self, file: BinaryIO, header: Sequence[str]) -> None:
        self._zip = ZipFile(file, "w", ZIP_DEFLATED)
        for name, content in _PARTS.items():
            self._zip.writestr(_entry(name), _HEAD + content)
        self._sheet = self._zip.open(_entry(_SHEET), "w", force_zip64=True)
        self._columns = [_letters(i) for i in range(len(header))]
        self._rows = 0
        self._sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
        self._write([header])

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows; raises `TableError` when they are more than a sheet holds."""
        if self._rows - 1 + len(rows) > MAX_ROWS:
            raise TableError(
                f"An Excel sheet holds at most {MAX_ROWS:,} rows, and this is more. Write to "
                f".csv or .parquet."
            )
        self._write(rows)

    def close(self) -> None:
        """Write what a workbook ends with."""
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._zip.close()

    def abandon(self) -> None:
        """Let go of an unfinished workbook."""
        for part in (self._sheet, self._zip):
            with suppress(OSError, ValueError):
                part.close()

    def _write(self, rows: Sequence[Sequence[Any]]) -> None:
        parts = []
        for row in rows:
            self._rows += 1
            parts.append(f'<row r="{self._rows}">')
            parts += [
                _cell(f"{column}{self._rows}", value)
                for column, value in zip(self._columns, row, strict=True)
                if value is not None and value != ""
            ]
            parts.append("</row>")
        self._sheet.write("".join(parts).encode())


def _cell(place: str, value: Any) -> str:
    if isinstance(value, (int, float)):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    text = escape(_NOT_XML.sub("�", str(value))[:_MAX_CELL]).replace("\r", "&#13;")
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _letters(position: int) -> str:
    """The name of a column: A to Z, AA, AB …"""
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def _entry(name: str) -> ZipInfo:
    """An entry with a fixed date, so that the same rows give the same bytes."""
    entry = ZipInfo(name)
    entry.compress_type = ZIP_DEFLATED
    return entry
