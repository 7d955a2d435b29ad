"""The entry for the Algorithm Register: complete, within limits, and nothing made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cxnlp.errors import TrainingError
from cxnlp.labels import DEFAULT, Label, Taxonomy
from training.__main__ import main
from training.card import read_report, winner_of
from training.register import FIELDS, MARK, entry, to_fill, to_markdown

CHAMPION = Path(__file__).parents[3] / "models" / "champion"
REPORT = read_report(CHAMPION)
# The fields of publication standard 1.0 that a person fills in, in its order.
STANDARD = [
    "name",
    "description_short",
    "organization",
    "category",
    "status",
    "begin_date",
    "end_date",
    "contact_email",
    "website",
    "publication_category",
    "url",
    "goal",
    "proportionality",
    "human_intervention",
    "risks",
    "lawful_basis",
    "lawful_basis_grouping",
    "process_index_url",
    "impacttoetsen",
    "impacttoetsen_grouping",
    "source_data",
    "source_data_grouping",
    "methods_and_models",
    "provider",
    "publiccode",
    "lang",
    "standard_version",
    "source_id",
    "tags",
]


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return entry(REPORT, DEFAULT)


def test_every_field_of_the_standard_is_there_and_no_other(values: dict[str, Any]) -> None:
    assert list(values) == STANDARD


def test_a_value_fits_its_field_or_says_what_to_fill_in(values: dict[str, Any]) -> None:
    for field in FIELDS:
        value = values[field.name]
        if isinstance(value, list):
            assert not field.limit
        elif not value.startswith(MARK):
            assert not field.limit or len(value) <= field.limit, field.name
            assert not field.choices or value in field.choices, field.name
        assert value or not field.required, field.name


def test_what_only_the_organisation_knows_is_left_to_it(values: dict[str, Any]) -> None:
    wholly = [n for n, v in values.items() if isinstance(v, str) and v.startswith(MARK)]
    assert wholly == [
        "organization",
        "status",
        "begin_date",
        "contact_email",
        "publication_category",
        "lawful_basis",
        "impacttoetsen",
        "provider",
        "publiccode",
    ]
    partly = {n for n, v in values.items() if isinstance(v, str) and MARK in v} - set(wholly)
    assert partly == {"goal", "proportionality", "human_intervention", "risks", "source_data"}
    lists = {"category", "lawful_basis_grouping", "impacttoetsen_grouping", "source_data_grouping"}
    assert {field.name for field in to_fill(values)} == {*wholly, *partly, *lists}


def test_figures_are_those_of_the_report(values: dict[str, Any]) -> None:
    test = winner_of(REPORT)["test"]
    macro = f"{test['summary']['macro_f1']['value']:.2f}".replace(".", ",")
    for name in ("risks", "methods_and_models"):
        assert f"{macro} (95%-interval" in values[name]
        assert f"{test['n']:,}".replace(",", ".") in values[name]
    assert REPORT["version"] in values["methods_and_models"]
    assert "leert niet tijdens het gebruik" in values["methods_and_models"]
    for name in DEFAULT.dutch_names.values():
        assert name in values["methods_and_models"]


def test_the_markdown_has_every_field_and_what_is_left(values: dict[str, Any]) -> None:
    text = to_markdown(values)
    for field in FIELDS:
        assert f"### {field.title}{'*' * field.required} (`{field.name}`)" in text
    _, body = text.split("## Algemene informatie")
    assert body.count(MARK) == sum(v.count(MARK) for v in values.values() if isinstance(v, str))
    assert "Nog in te vullen: Organisatie*, Thema, Status*" in text


def test_labels_that_do_not_fit_are_refused() -> None:
    long = Taxonomy(
        causes=tuple(Label(c, c * 60) for c in DEFAULT.cause_names), emotions=DEFAULT.emotions
    )
    with pytest.raises(TrainingError, match=r"'methods_and_models' has \d+ characters; .* 5000"):
        entry(REPORT, long)


def test_the_command_writes_both_and_never_over_what_was_filled_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], values: dict[str, Any]
) -> None:
    folder = tmp_path / "register"
    assert main(["register", "--output", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "organization            Organisatie (required)" in out
    assert json.loads((folder / "algoritmeregister.json").read_text(encoding="utf-8")) == values
    page = folder / "algoritmeregister.md"
    assert page.read_text(encoding="utf-8") == to_markdown(values)
    page.write_text("filled in", encoding="utf-8")
    (folder / "algoritmeregister.json").unlink()
    assert main(["register", "--output", str(folder)]) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "filled in"
    assert not (folder / "algoritmeregister.json").exists()


def test_a_folder_that_cannot_be_written_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["register", "--output", str(tmp_path / "file" / "folder")]) == 2
    assert "--output" in capsys.readouterr().err


def test_a_model_without_a_report_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["register", "--model", str(tmp_path), "--output", str(tmp_path / "r")]) == 2
    assert "No readable report" in capsys.readouterr().err
