import json
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxnlp.errors import RecordError, TableError, TrainingError
from cxnlp.labels import DEFAULT, Taxonomy
from cxnlp.record import Record
from training.corpus import DATA, Corpus, load_contrast, load_corpus, load_table, message_files
from training.splits import write_splits

GOOD = {
    "id": "x-0001",
    "text": "Dinsdag zou de monteur komen, niemand gezien",
    "causes": ["broken_promise"],
    "emotion": "frustration",
    "emotion_alt": None,
    "channel": "chat",
    "sector": "telecom",
    "region": "nl",
    "situation": "engineer",
    "origin": "composed",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus folder with one shipped batch."""
    data = tmp_path / "data"
    (data / "messages").mkdir(parents=True)
    shutil.copy(message_files(DATA)[0], data / "messages")
    return data


def write(folder: Path, *records: dict, name: str = "x.jsonl") -> Path:
    path = folder / "messages" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    return folder


def test_records_come_back_as_written(folder: Path, tmp_path: Path) -> None:
    corpus = load_corpus(folder, cache=tmp_path / "cache")
    source = message_files(folder)[0].read_text(encoding="utf-8").splitlines()
    assert list(corpus.records) == [Record.from_dict(json.loads(line)) for line in source]
    assert set(corpus.split) == set(corpus.groups) == {r.id for r in corpus.records}
    parts = [corpus.part(name) for name in ("train", "dev", "test")]
    assert sum(map(len, parts)) == len(corpus.records)
    assert all(parts)
    assert corpus.groups_of(parts[1]) == [corpus.groups[r.id] for r in parts[1]]
    with pytest.raises(TrainingError, match="Unknown split 'valid'"):
        corpus.part("valid")


def test_the_cache_is_used_and_a_changed_file_is_seen(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load_corpus(folder, cache=cache)
    arrow = {path: path.stat().st_mtime_ns for path in cache.rglob("*.arrow")}
    assert len(arrow) == 1
    again = load_corpus(folder, cache=cache)
    assert again == first
    assert again.digest == first.digest
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.arrow")} == arrow
    write(folder, GOOD)
    grown = load_corpus(folder, cache=cache)
    assert len(grown.records) == len(first.records) + 1
    assert grown.digest != first.digest


def test_the_digest_depends_on_content_alone(tmp_path: Path) -> None:
    other = {**GOOD, "id": "x-0002", "text": "Waar kan ik mijn adres wijzigen?", "causes": []}
    one = load_corpus(write(tmp_path / "one", GOOD, other), cache=tmp_path / "cache")
    two = load_corpus(write(tmp_path / "two", other, GOOD, name="y.jsonl"), cache=tmp_path / "c")
    assert one.split == two.split
    assert one.digest == two.digest
    moved = Corpus(one.records, {**one.split, "x-0001": "test", "x-0002": "dev"}, one.groups)
    assert moved.digest != one.digest


def test_written_splits_hold(folder: Path, tmp_path: Path) -> None:
    before = load_corpus(folder, cache=tmp_path / "cache")
    turned = {
        i: {"train": "test", "dev": "dev", "test": "train"}[s] for i, s in before.split.items()
    }
    write_splits(folder / "splits.json", turned)
    assert load_corpus(folder, cache=tmp_path / "cache").split == turned


def test_another_taxonomy_is_obeyed(tmp_path: Path) -> None:
    toml = tmp_path / "taxonomy.toml"
    toml.write_text(
        '[[causes]]\nname = "late"\ndutch = "te laat"\n'
        '[[emotions]]\nname = "calm"\ndutch = "kalm"\n'
    )
    taxonomy = Taxonomy.from_toml(toml)
    data = write(tmp_path / "data", {**GOOD, "causes": ["late"], "emotion": "calm"})
    corpus = load_corpus(data, taxonomy=taxonomy, cache=tmp_path / "cache")
    assert corpus.records[0].causes == ("late",)
    with pytest.raises(RecordError, match=r"x.jsonl:1: Unknown cause 'late'"):
        load_corpus(data, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"x.jsonl:2: Expected one JSON object"),
        (json.dumps({**GOOD, "text": " "}), r"x.jsonl:2: Field 'text' is empty"),
        (json.dumps(GOOD), r"x.jsonl:2: the id 'x-0001' is used before"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    data = write(tmp_path / "data", GOOD)
    with (data / "messages" / "x.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RecordError, match=message):
        load_corpus(data, cache=tmp_path / "cache")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"expected files messages/\*.jsonl"):
        load_corpus(tmp_path)


def test_loading_is_silent_and_import_sets_nothing(folder: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys; before = dict(os.environ)\n"
        "import training.corpus as c\n"
        "assert dict(os.environ) == before and 'datasets' not in sys.modules\n"
        "from pathlib import Path\n"
        "c.load_corpus(Path(sys.argv[1]), cache=Path(sys.argv[2]))\n"
        "import datasets; assert not datasets.are_progress_bars_disabled()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(folder), str(tmp_path / "cache")],
        env={"PATH": "", "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)},
        cwd=DATA.parents[1],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_contrast_pairs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "contrast.jsonl"
    b = {**GOOD, "id": "x-b", "causes": [], "text": "Dinsdag kwam de monteur keurig"}
    path.write_text(json.dumps({"id": "c1", "kind": "solved", "a": GOOD, "b": b}) + "\n")
    assert [(p.id, p.kind, p.b.causes) for p in load_contrast(path)] == [("c1", "solved", ())]
    path.write_text(json.dumps({"id": "c1", "a": GOOD, "b": b}) + "\n")
    with pytest.raises(RecordError, match=r"contrast.jsonl:1: Expected the fields a, b, id, kind"):
        load_contrast(path)
    path.write_text(json.dumps({"id": "c", "kind": "k", "a": GOOD, "b": {**b, "emotion": "x"}}))
    with pytest.raises(RecordError, match="In 'b': Unknown emotion 'x'"):
        load_contrast(path)


ROWS = [
    ("Pakket niet gekomen", ["delivery"], "anger"),
    ("Twee keer betaald en geen antwoord", ["billing", "unanswered"], "frustration"),
    ("Wat zijn jullie openingstijden?", [], "neutral"),
]


def labels(records: list[Record]) -> list[tuple[str, list[str], str]]:
    return [(r.text, list(r.causes), r.emotion) for r in records]


def test_a_semicolon_csv_of_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "klachten.csv"
    path.write_bytes(
        "Bericht;Oorzaken;Gevoel;Nr\r\nPakket niet gekomen;Bezorging;Woede;17\r\n"
        '"Twee keer betaald en geen antwoord";"geen antwoord, FACTURATIE";frustratie;18\r\n'
        "Wat zijn jullie openingstijden?;geen;neutraal;19\r\n".encode("cp1252")
    )
    records, problems = load_table(
        path, columns={"text": "Bericht", "causes": "Oorzaken", "emotion": "Gevoel", "id": "Nr"}
    )
    assert problems == []
    assert labels(records) == ROWS
    assert [r.id for r in records] == ["17", "18", "19"]


def test_json_lines_parquet_and_excel_give_the_same(tmp_path: Path) -> None:
    jsonl = tmp_path / "m.jsonl"
    dicts = [dict(zip(("text", "causes", "emotion"), row, strict=True)) for row in ROWS]
    jsonl.write_text("".join(json.dumps(d) + "\n" for d in dicts))
    parquet = tmp_path / "m.parquet"
    pq.write_table(pa.Table.from_pylist(dicts), parquet)
    excel = tmp_path / "m.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["text", "causes", "emotion"])
    for text, causes, emotion in ROWS:
        book.active.append([text, "|".join(causes) or "-", emotion])
    book.save(excel)
    for path in (jsonl, parquet, excel):
        records, problems = load_table(path)
        assert problems == [], path
        assert labels(records) == ROWS, path
        assert [r.id for r in records] == ["m-1", "m-2", "m-3"]


def test_one_column_a_cause(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(
        "text,Levering,billing,emotion\nPakket weg,1,0,anger\nTe veel betaald,nee,JA,anger\n"
        "Vraag,0,0,neutral\nBestelling,x,,neutral\nFout,2,0,neutral\n"
    )
    records, problems = load_table(path, columns={"delivery": "Levering"}, missing="negative")
    assert [r.causes for r in records] == [("delivery",), ("billing",), (), ("delivery",)]
    assert [str(p) for p in problems] == [
        "m.csv, row 5: Column 'Levering' is '2'; expected 1 or 0 (or ja, nee, x)."
    ]


def test_the_user_says_what_missing_labels_mean(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text,causes,emotion\nEen,billing,anger\nTwee,,\nDrie,,neutral\n")
    records, problems = load_table(path)
    assert len(records) == 1
    assert str(problems[0]).startswith("m.csv, row 2: 2 rows without labels")
    assert not problems[0].note
    records, problems = load_table(path, missing="negative")
    assert [(r.causes, r.emotion) for r in records[1:]] == [((), "neutral")] * 2
    assert problems == []
    records, problems = load_table(path, missing="unknown")
    assert len(records) == 1
    assert [str(p) for p in problems if p.note] == [
        "m.csv: note: 2 rows left out: their labels are unknown."
    ]
    assert len(load_table(path, text_only=True)[0]) == 3


def test_bad_rows_are_named_and_the_rest_go_on(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    rows = [
        {"text": "Goed", "causes": ["billing"], "emotion": "anger", "channel": "WhatsApp"},
        {"text": "  ", "causes": [], "emotion": "anger"},
        {"text": "Label", "causes": "billing;prijs", "emotion": "anger"},
        {"text": 7, "causes": [], "emotion": "anger"},
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows) + "{\n")
    records, problems = load_table(path)
    assert labels(records) == [("Goed", ["billing"], "anger")]
    assert [(p.line, p.note) for p in problems] == [
        (2, False),
        (3, False),
        (4, False),
        (5, False),
        (0, True),
    ]
    assert "Unknown cause 'prijs'. Known are: broken_promise" in problems[1].message
    assert "channel 'WhatsApp' is none of email" in problems[-1].message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"text": "Tekst"}}, "has no column 'Tekst'"),
        ({"columns": {"tekst": "text"}}, "Cannot map 'tekst'"),
        ({"missing": "none"}, "expected 'negative' or 'unknown'"),
        ({}, "has no column 'emotion'"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, options: dict, message: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text,causes\nEen,billing\n")
    with pytest.raises(TableError, match=message):
        load_table(path, **options)


def test_own_records_become_a_corpus() -> None:
    rows = [
        Record(id=str(i), text=f"bericht {i * 7919}", causes=(), emotion="neutral")
        for i in range(50)
    ]
    corpus = Corpus.of(rows, DEFAULT)
    assert len(corpus.part("train")) > len(corpus.part("test")) > 0


def test_groups_reach_over_files(tmp_path: Path) -> None:
    (tmp_path / "messages").mkdir()
    for name in ("one", "two"):
        row = {
            "id": f"batch-{name}",
            "text": f"Een ander verhaal, nummer {name}, over heel iets anders",
            "causes": [],
            "emotion": "neutral",
            "situation": "same-story",
        }
        (tmp_path / "messages" / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    found = load_corpus(tmp_path, cache=tmp_path / "cache")
    assert len(set(found.groups.values())) == 1
