import json
import re
from pathlib import Path

import pytest

from cxnlp.errors import TrainingError
from training.agreement import measured_agreement
from training.corpus import DATA, Corpus, load_corpus
from training.datasheet import fill, main, tables


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus()


@pytest.fixture(scope="module")
def found(corpus: Corpus) -> dict[str, str]:
    return tables(corpus, agreement=measured_agreement(corpus))


def cells(table: str) -> list[list[str]]:
    return [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_committed_datasheet_is_up_to_date(found: dict[str, str]) -> None:
    text = (DATA / "DATASHEET.md").read_text(encoding="utf-8")
    assert fill(text, found) == text, "run: python -m training.datasheet"
    assert set(re.findall(r"<!-- table:([a-z-]+) -->", text)) == set(found)


def test_tables_are_well_formed(found: dict[str, str]) -> None:
    for name, table in found.items():
        rows = cells(table)
        assert len(rows) > 2, name
        assert len({len(row) for row in rows}) == 1, name
        assert table.endswith("\n"), name


@pytest.mark.parametrize(
    "name", ["channels", "sectors", "regions", "origins", "lengths", "spelling"]
)
def test_kinds_add_up_to_the_corpus(corpus: Corpus, found: dict[str, str], name: str) -> None:
    numbers = [
        [int(c.replace(",", "")) for c in (row[1], *row[3:])] for row in cells(found[name])[2:]
    ]
    sums = [sum(column) for column in zip(*numbers, strict=True)]
    assert sums == [len(corpus.records), *(len(corpus.part(s)) for s in ("train", "dev", "test"))]


def test_fill_replaces_only_tables() -> None:
    text = "# Title\n<!-- table:a -->\nold\n<!-- /table -->\nprose\n<!-- table:b -->\n<!-- /table -->\n"
    filled = fill(text, {"a": "| 1 |\n", "b": "| 2 |\n"})
    assert filled == (
        "# Title\n<!-- table:a -->\n| 1 |\n<!-- /table -->\nprose\n"
        "<!-- table:b -->\n| 2 |\n<!-- /table -->\n"
    )
    assert fill(filled, {"a": "| 1 |\n", "b": "| 2 |\n"}) == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table:c -->\n<!-- /table -->", r"no table 'c'\. Known are: a"),
        ("<!-- table:a -->\nnever closed", "not closed"),
    ],
)
def test_bad_markers_are_refused(text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        fill(text, {"a": ""})


def test_the_command_writes_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "messages").mkdir()
    record = {"id": "x-1", "text": "Vraag over mijn abonnement", "causes": [], "emotion": "neutral"}
    (tmp_path / "messages" / "x.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(TrainingError, match=r"Cannot read DATASHEET\.md"):
        main([str(tmp_path)])
    path = tmp_path / "DATASHEET.md"
    path.write_text("<!-- table:splits -->\n<!-- /table -->\n")
    assert main([str(tmp_path), "--check"]) == 1
    assert main([str(tmp_path)]) == 0
    assert "| messages | 1 | 100.0% |" in path.read_text()
    assert main([str(tmp_path), "--check"]) == 0
    assert "is up to date" in capsys.readouterr().out
