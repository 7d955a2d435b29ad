"""Every kind of file a user has gives the same messages, and bad rows keep their place."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from cxnlp.errors import TableError
from cxnlp.tables import MAX_TEXT, Message, read_messages

WANT = [(1, "a", "Café: te laat; kapot"), (2, "b", "één regel\nen nog een")]
ROWS = [{"id": "a", "text": WANT[0][2]}, {"id": "b", "text": WANT[1][2]}]


def read(path: Path | str, **options: str) -> list[Message]:
    return list(read_messages(str(path), **options))


def plain(messages: list[Message]) -> list[tuple[int, object, str]]:
    assert not [m.error for m in messages if m.error]
    return [(m.row, m.id, m.text) for m in messages]


def csv_text(delimiter: str, end: str = "\r\n") -> str:
    lines = ["id" + delimiter + "text"] + [f'{row["id"]}{delimiter}"{row["text"]}"' for row in ROWS]
    return end.join(lines) + end


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_csv_in_any_delimiter_and_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(csv_text(delimiter).encode(encoding))
    assert plain(read(path)) == WANT


def test_cp1252_that_shows_only_late_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"text\n" + b"gewoon\n" * 50_000 + "Café €5\n".encode("cp1252"))
    messages = read(path)
    assert len(messages) == 50_001
    assert messages[-1].text == "Café €5"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.tsv", csv_text("\t")),
        ("m.txt", csv_text(";")),
        ("m.csv", "sep=;\r\n" + csv_text(";")),
        ("m.csv", csv_text(",", end="\r")),
        ("m.jsonl", "\n\n".join(json.dumps(row) for row in ROWS)),
        ("m.ndjson", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)),
        ("m.json", json.dumps(ROWS)),
        ("m.json", json.dumps(ROWS, indent=4)),
        ("m.json", "\n".join(json.dumps(row) for row in ROWS)),
        ("m.csv", csv_text(";").replace("id;text", "\ufeffID; Text ")),
    ],
)
def test_text_forms(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert plain(read(tmp_path / name)) == WANT
    with gzip.open(tmp_path / f"{name}.gz", "wb") as out:
        out.write(content.encode())
    assert plain(read(tmp_path / f"{name}.gz")) == WANT


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    many = [{"id": i, "text": f"bericht {i}", "rest": 1.0} for i in range(2_500)]
    pq.write_table(pa.Table.from_pylist(many), tmp_path / "m.parquet", row_group_size=700)
    messages = read(tmp_path / "m.parquet")
    assert [(m.row, m.id, m.text) for m in messages] == [
        (i + 1, i, f"bericht {i}") for i in range(2_500)
    ]


def test_parquet_cells_that_are_no_text(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken = pa.array([b"ja", b"\xff\xfe", None]).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "m.parquet")
    first, second, third = read(tmp_path / "m.parquet")
    assert first.text == "ja"
    assert "UTF-8" in second.error
    assert "no text" in third.error


def test_excel(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for cells in (["id", "Text"], ["a", WANT[0][2]], [None, None], ["b", WANT[1][2]], [3, 42]):
        sheet.append(cells)
    book.save(tmp_path / "m.xlsx")
    messages = read(tmp_path / "m.xlsx")
    assert plain(messages[:2]) == WANT
    assert (messages[2].row, messages[2].id) == (3, 3)
    assert "expected a string under 'Text', got int" in messages[2].error


def test_columns_are_found_whatever_their_case(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("Nr,BERICHT,x\n7,hallo,1\n")
    assert plain(read(path, text_column="bericht", id_column="nr")) == [(1, "7", "hallo")]


def test_without_an_id_a_message_is_called_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text\nhallo, met een komma\n\ndag\n")
    assert plain(read(path)) == [(1, 1, "hallo, met een komma"), (2, 2, "dag")]


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl", "m.json"])
def test_a_missing_column_names_those_that_exist(tmp_path: Path, name: str) -> None:
    row = {"klant": "1", "bericht": "hallo"}
    content = "klant,bericht\n1,hallo\n" if name == "m.csv" else json.dumps([row])
    content = json.dumps(row) if name == "m.jsonl" else content
    (tmp_path / name).write_text(content)
    with pytest.raises(TableError, match=r"'text'.*'klant', 'bericht'.*--text-column"):
        read(tmp_path / name)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("text,text\na,b\n")
    with pytest.raises(TableError, match="2 columns called 'text'"):
        read(tmp_path / "m.csv")


def test_bad_csv_rows_keep_their_place(tmp_path: Path) -> None:
    rows = [
        ("1,goed", ""),
        ("2", "wrong number of columns: 1"),
        ("3,te,veel", "wrong number of columns: 3"),
        ('4,"open', "open quote"),
        ("5,goed,,", ""),
        ('6,"a" b', ""),
        ("7," + "x" * (MAX_TEXT + 1), "too long: 1,000,001 characters"),
        ("8,met\0nul", ""),
        ("9,", ""),
    ]
    path = tmp_path / "m.csv"
    path.write_bytes("\n".join(["id,text", *(row for row, _ in rows)]).encode())
    messages = read(path)
    assert [m.row for m in messages] == list(range(1, 10))
    for message, (_, error) in zip(messages, rows, strict=True):
        assert message.id == str(message.row)
        assert bool(message.error) == bool(error)
        assert error in message.error
    assert messages[5].text == "a b"
    assert messages[7].text == "met\0nul"
    assert messages[8].text == ""


def test_an_open_quote_costs_one_row_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    rows = [f"{i},bericht nummer {i} over een pakket dat niet kwam" for i in range(200_000)]
    rows[10] = '10,"open'
    path.write_text("\n".join(["id,text", *rows]))
    messages = read(path)
    assert len(messages) == 200_000
    assert [m.row for m in messages if m.error] == [11]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"text": "open', "not JSON: line 2"),
        ("[1, 2]", "not an object"),
        ("42", "not an object"),
        ('{"text": null}', "no text"),
        ('{"text": 5}', "got int"),
        ('{"text": ["a"]}', "got list"),
        ('{"body": "a"}', "the row has: body"),
        ("[" * 100_000, "too deeply nested"),
        ('{"text": NaN}', "got float"),
        ("\xff", "not JSON"),
    ],
)
def test_bad_json_lines(tmp_path: Path, line: str, error: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"text": "goed"}\n' + line.encode("latin-1") + b'\n"ook goed"\n')
    first, bad, last = read(path)
    assert (first.text, last.text) == ("goed", "ook goed")
    assert bad.row == 2
    assert error in bad.error


def test_json_list_across_blocks(tmp_path: Path) -> None:
    items = [{"text": "x" * (i * 997 % 20_000)} for i in range(200)] + [
        12345,
        {"text": "y" * 300_000},
    ]
    (tmp_path / "m.json").write_text(json.dumps(items))
    messages = read(tmp_path / "m.json")
    assert [m.text for m in messages[:200]] == [item["text"] for item in items[:200]]
    assert "got int" in messages[200].error
    assert len(messages[201].text) == 300_000


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('[{"text": "a"}, {"text": ', "after item 1"),
        ('[{"text": "a"} {"text": "b"}]', "a comma or ']' is missing"),
        ("42", "must hold one list"),
        ('[{"text": "a"}] x', "goes on after"),
        ("[" * 100_000, "too deeply nested"),
    ],
)
def test_broken_json_lists(tmp_path: Path, content: str, error: str) -> None:
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(TableError, match=error):
        read(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("m.csv", b"PK\x03\x04rest", "xlsx"),
        ("m.csv", b"PAR1rest", "parquet"),
        ("m.csv", b"\xd0\xcf\x11\xe0rest", "old Excel"),
        ("m.csv", b"\x1f\x8b\x08\x00kapot", "Cannot read"),
        ("m.parquet", b"no parquet", "Parquet"),
        ("m.xlsx", b"no workbook", "Excel"),
        ("m.doc", b"x", "ending '.doc'"),
        ("m", b"x", "Expected one of .jsonl"),
    ],
)
def test_files_that_are_something_else(
    tmp_path: Path, name: str, content: bytes, error: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=error):
        read(tmp_path / name)


def test_a_gzip_file_that_breaks_off(tmp_path: Path) -> None:
    import random

    rows = "".join(f"bericht {random.Random(i).random()}\n" for i in range(20_000))
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress(f"text\n{rows}".encode())[:-5_000])
    with pytest.raises(TableError, match="whole"):
        read(tmp_path / "m.csv.gz")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no file"):
        read(tmp_path / "weg.csv")
    (tmp_path / "map.csv").mkdir()
    with pytest.raises(TableError, match="folder"):
        read(tmp_path / "map.csv")
    with pytest.raises(TableError, match="Cannot read"):
        read("nul\0.csv")


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl", "m.json", "m.tsv", "m.txt"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_empty_files_hold_no_messages(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == []
    assert read(tmp_path / name, text_column="x", id_column="y") == []


@pytest.mark.parametrize(
    "content",
    [
        csv_text(";"),
        "\n".join(json.dumps(row) for row in ROWS),
        json.dumps(ROWS),
    ],
)
def test_standard_input_is_told_by_how_it_begins(
    monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert plain(read("-")) == WANT
    assert not sys.stdin.closed


def test_other_standard_input_is_a_message_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "Pakket te laat, en kapot\n\nFactuur klopt niet; twee keer\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert [m.text for m in read("-")] == content.splitlines()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    with pytest.raises(TableError, match="no column 'bericht'"):
        read("-", text_column="bericht")


def test_an_id_that_comes_later_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"text": "een"}\n{"id": "x7", "text": "twee"}\n', encoding="utf-8")
    assert [message.id for message in read(path)] == [None, "x7"]
