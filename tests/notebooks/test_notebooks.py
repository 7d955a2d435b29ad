"""The notebooks run, define nothing, and show what the present champion gives."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

import cxnlp
from cxnlp.errors import TrainingError
from training import notebooks

PATHS = notebooks.paths()


def test_the_four_are_there() -> None:
    names = ["01_data", "02_models", "03_errors", "04_your_messages"]
    assert [path.stem for path in PATHS] == names


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_it_runs_and_keeps_the_rules(path: Path) -> None:
    fresh = notebooks.execute(path)
    assert notebooks.faults(fresh) == []
    shown = [output for cell in fresh.cells for output in cell.get("outputs", [])]
    assert shown
    assert any("image/png" in output.get("data", {}) for output in shown)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_is_committed_is_clean_and_small(path: Path) -> None:
    kept = notebooks.read(path)
    nbformat.validate(kept)
    assert notebooks.faults(kept) == []
    assert path.stat().st_size < 600_000
    assert kept == notebooks.cleaned(notebooks.read(path))
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@pytest.mark.parametrize("path", PATHS[1:], ids=lambda path: path.stem)
def test_what_is_committed_is_of_the_champion(path: Path) -> None:
    assert f"`{cxnlp.load().version}`" in path.read_text(encoding="utf-8"), "run make notebooks"


def notebook(*sources: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return notebooks.cleaned(nbformat.v4.new_notebook(cells=cells))


@pytest.mark.parametrize(
    "source", ["def f(): ...", "class A: ...", "f = lambda: 1", "if 1:\n    async def f(): ..."]
)
def test_a_definition_is_a_fault(source: str) -> None:
    [fault] = notebooks.faults(notebook("x = 1", source))
    assert fault.startswith("cell-02 defines something")


def test_other_faults_are_named() -> None:
    bad = notebook(*["x = 1"] * 15, "%matplotlib inline")
    bad.cells[0].outputs = [
        nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[]),
        nbformat.v4.new_output("stream", name="stderr", text="a warning"),
        nbformat.v4.new_output("stream", name="stdout", text="see /home/somebody/x.py"),
    ]
    found = "\n".join(notebooks.faults(bad))
    for part in ("16 cells", "no plain Python", "ValueError", "standard error", "/home/somebody"):
        assert part in found


def test_addresses_and_html_are_no_paths() -> None:
    good = notebook("x = 1")
    text = "<br>a</mark> https://example.nl/home/x 8/10 en/of models/champion"
    good.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    assert notebooks.faults(good) == []


def test_a_failing_cell_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    nbformat.write(notebook("print(1)", "1 / 0"), path)
    with pytest.raises(TrainingError, match=r"x\.ipynb fails in cell-02: ZeroDivisionError: div"):
        notebooks.execute(path)


def test_running_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.ipynb"
    source = (
        "from training import charts\nfrom training.plots import plot_curve\n"
        "charts.picture(plot_curve([{'n': 10, 'test': 0.5}, {'n': 20, 'test': 0.6}]))"
    )
    nbformat.write(notebook(source), path)
    assert notebooks.main([str(path)]) == 0
    once = path.read_bytes()
    assert notebooks.main([str(path)]) == 0
    assert path.read_bytes() == once
    assert b"image/png" in once
    assert "written" in capsys.readouterr().out


def test_no_notebook_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text("no json", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"Cannot read x\.ipynb as a notebook"):
        notebooks.read(path)


def test_the_sample_is_three_hundred_messages_over_twelve_weeks() -> None:
    import pandas as pd

    from training.splits import near_duplicates

    export = pd.read_csv(
        notebooks.FOLDER / "data" / "berichten.csv", sep=";", parse_dates=["datum"]
    )
    assert list(export.columns) == ["id", "datum", "kanaal", "bericht"]
    assert len(export) == export["id"].nunique() == export["bericht"].nunique() == 300
    assert not export.isna().any().any()
    assert export["datum"].is_monotonic_increasing
    assert export["datum"].dt.isocalendar().week.nunique() == 12
    assert export["kanaal"].nunique() == 7
    assert near_duplicates(list(export["bericht"])) == []
