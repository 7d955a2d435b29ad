"""Outputs: their forms, and that they appear only when they are whole."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cxnlp import Classifier
from cxnlp.errors import CxnlpError, InputError, TableError
from cxnlp.tables import Summary, label_file, redact_file

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien",
    "",
    None,
    "Top geholpen, bedankt",
    "=1+1 half \ud800 paar",
    "Weer een verkeerde factuur en geen mens aan de telefoon",
]


def write_input(folder: Path, texts: list[Any] = TEXTS, copies: int = 1) -> str:
    path = folder / "in.jsonl"
    path.write_text(
        "".join(json.dumps({"id": f"={i}", "text": t}) + "\n" for i, t in enumerate(texts * copies))
    )
    return str(path)


def read_back(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix in (".csv", ".tsv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            return [{k: v or None for k, v in row.items()} for row in rows]
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_table(path).to_pylist())
    from openpyxl import load_workbook

    header, *rows = load_workbook(path).active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_json_lines_are_the_wire_form(tiny_model: Classifier, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    summary = label_file(tiny_model, write_input(tmp_path), str(output), explain=True)
    assert summary == Summary(rows=6, bad=1)
    records = read_back(output)
    assert records[2] == {
        "id": "=2",
        "row": 3,
        "error": "no text: expected a string under 'text', got nothing",
    }
    for i in (0, 1, 3, 4, 5):
        want = tiny_model.predict(TEXTS[i] or "", explain=True, ids=f"={i}").to_dict()
        assert records[i] == want
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "xlsx"])
def test_flat_forms_hold_the_same(tiny_model: Classifier, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"out.{ending}"
    label_file(tiny_model, write_input(tmp_path), str(output), explain=True)
    rows = read_back(output)
    assert len(rows) == len(TEXTS)
    answers = tiny_model.predict([t or "" for t in TEXTS], explain=True)
    for i, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        assert row["id"] == f"={i}"
        assert int(row["row"]) == i + 1
        if TEXTS[i] is None:
            assert "no text" in row["error"]
            assert row["causes"] is None
            continue
        assert row["error"] is None
        assert (row["causes"] or "") == ";".join(answer.causes)
        assert (row["emotion"], row["decision"]) == (answer.emotion, answer.decision)
        assert (row["reasons"] or "") == "; ".join(answer.reasons)
        for cause, score in answer.scores.items():
            assert float(row[f"cause_{cause}"]) == pytest.approx(score)
        for emotion, score in answer.emotion_scores.items():
            assert float(row[f"emotion_{emotion}"]) == pytest.approx(score)
    assert "broken_promise: Dinsdag zou de monteur komen" in rows[0]["evidence"]


def test_excel_output_holds_no_formulas(tiny_model: Classifier, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    output = tmp_path / "out.xlsx"
    label_file(tiny_model, write_input(tmp_path), str(output))
    assert load_workbook(output).active["A2"].data_type == "s"


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet", "xlsx"])
def test_no_messages_give_an_empty_output(
    tiny_model: Classifier, tmp_path: Path, ending: str
) -> None:
    output = tmp_path / f"out.{ending}"
    (tmp_path / "in.csv").write_text("id,text\n")
    assert label_file(tiny_model, str(tmp_path / "in.csv"), str(output)) == Summary(0, 0)
    assert read_back(output) == []


def test_redacting_keeps_only_id_and_text(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,mail,text\n1,a@b.nl,Bel 06-12345678\n2,c@d.nl,Hallo\n")
    assert redact_file(str(tmp_path / "in.csv"), str(tmp_path / "out.csv")) == Summary(2, 0)
    assert (tmp_path / "out.csv").read_text() == (
        "id,text,found,error,row\n1,Bel [TELEFOON],phone,,1\n2,Hallo,,,2\n"
    )
    redact_file(str(tmp_path / "in.csv"), str(tmp_path / "out.jsonl"))
    assert read_back(tmp_path / "out.jsonl")[0] == {
        "id": "1",
        "text": "Bel [TELEFOON]",
        "found": [{"kind": "phone", "start": 4, "end": 15}],
    }


def test_the_number_of_jobs_does_not_show(tiny_model: Classifier, tmp_path: Path) -> None:
    source = write_input(tmp_path, copies=600)
    outputs = []
    for jobs in (1, 2):
        output = tmp_path / f"out{jobs}.jsonl"
        label_file(tiny_model, source, str(output), jobs=jobs)
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\n") == 3_600


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ("out.doc", "ending '.doc'"),
        ("out", "Expected one of .jsonl"),
        ("in.jsonl", "both"),
        ("map.csv", "is a folder"),
        ("weg/out.csv", "no folder"),
    ],
)
def test_outputs_that_cannot_be(
    tiny_model: Classifier, tmp_path: Path, output: str, error: str
) -> None:
    source = write_input(tmp_path)
    (tmp_path / "map.csv").mkdir()
    before = Path(source).read_bytes()
    with pytest.raises(InputError, match=error):
        label_file(tiny_model, source, str(tmp_path / output))
    assert Path(source).read_bytes() == before


def test_jobs_below_one_are_refused(tiny_model: Classifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        label_file(tiny_model, write_input(tmp_path), str(tmp_path / "o.csv"), jobs=0)


def test_an_input_that_breaks_off_leaves_the_old_output(
    tiny_model: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "in.json").write_text('[{"text": "a"}, ' * 1)
    (tmp_path / "out.csv").write_text("oud")
    with pytest.raises(TableError, match="breaks off"):
        label_file(tiny_model, str(tmp_path / "in.json"), str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_text() == "oud"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.json", "out.csv"]


class _StopError(Exception):
    """Stands for whatever ends a run."""


def break_off(model: Classifier, source: str, output: Path, after: int, **options: Any) -> None:
    def stop(rows: int, share: float | None) -> None:
        if rows >= after:
            raise _StopError

    with pytest.raises(_StopError):
        label_file(model, source, str(output), progress=stop, **options)


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_broken_off_run_is_gone_on_with(
    tiny_model: Classifier, tmp_path: Path, ending: str
) -> None:
    source = write_input(tmp_path, copies=600)
    whole, output = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    want = label_file(tiny_model, source, str(whole))
    break_off(tiny_model, source, output, 2_000)
    assert not output.exists()
    with (tmp_path / f"out.{ending}.part").open("ab") as part:
        part.write(b"a line that the kill cut sh")
    summary = label_file(tiny_model, source, str(output))
    assert summary == Summary(want.rows, want.bad, resumed=2_000)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [Path(source).name, whole.name, output.name]
    )


def test_another_run_starts_anew(tiny_model: Classifier, tmp_path: Path) -> None:
    source = write_input(tmp_path, copies=600)
    output = tmp_path / "out.jsonl"
    changes: list[dict[str, Any]] = [
        {"explain": True},
        {"id_column": "text"},
        {"model": tiny_model.with_thresholds({"billing": 0.99})},
    ]
    for change in changes:
        break_off(tiny_model, source, output, 1_000)
        options = {"model": tiny_model, **change}
        assert label_file(input=source, output=str(output), **options).resumed == 0
    break_off(tiny_model, source, output, 1_000)
    os.utime(source, (1, 1))
    assert label_file(tiny_model, source, str(output)).resumed == 0
    break_off(tiny_model, source, output, 1_000)
    (tmp_path / "out.jsonl.part.json").write_text("{")
    assert label_file(tiny_model, source, str(output)).resumed == 0


@pytest.mark.parametrize("ending", ["parquet", "xlsx"])
def test_forms_without_a_way_on_leave_nothing(
    tiny_model: Classifier, tmp_path: Path, ending: str
) -> None:
    source = write_input(tmp_path, copies=600)
    break_off(tiny_model, source, tmp_path / f"out.{ending}", 1_000)
    assert [p.name for p in tmp_path.iterdir()] == ["in.jsonl"]


def test_two_runs_do_not_write_to_one_output(tiny_model: Classifier, tmp_path: Path) -> None:
    source = write_input(tmp_path, copies=600)
    output = str(tmp_path / "out.csv")
    refused = []

    def second(rows: int, share: float | None) -> None:
        with pytest.raises(TableError, match="Another run is writing") as caught:
            label_file(tiny_model, source, output)
        refused.append(caught)

    assert label_file(tiny_model, source, output, progress=second).rows == 3_600
    assert len(refused) == 4


def run_cli(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "cxnlp.cli", *args]
    root = str(Path(__file__).parents[3])
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_run_leaves_no_output_and_is_gone_on_with(
    tiny_bundle: Path, tiny_model: Classifier, tmp_path: Path, jobs: str
) -> None:
    source = write_input(tmp_path, copies=4_000)
    output = tmp_path / "out.jsonl"
    call = ["predict", "--input", source, "--output", str(output), "--model", str(tiny_bundle)]
    run = run_cli(*call, "--jobs", jobs)
    wait_for(tmp_path / "out.jsonl.part.json")
    run.kill()
    run.communicate()
    assert not output.exists()
    again = run_cli(*call)
    _, said = again.communicate()
    assert again.returncode == 1
    assert "Went on after the" in said
    assert said.splitlines()[-1].startswith("4,000 of 24,000 rows were bad")
    label_file(tiny_model, source, str(tmp_path / "whole.jsonl"))
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_run_says_how_to_go_on(tiny_bundle: Path, tmp_path: Path, jobs: str) -> None:
    source = write_input(tmp_path, copies=4_000)
    output = tmp_path / "out.csv"
    run = run_cli(
        "predict",
        "--input",
        source,
        "--output",
        str(output),
        "--model",
        str(tiny_bundle),
        "--jobs",
        jobs,
    )
    wait_for(tmp_path / "out.csv.part.json")
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert said.count("\n") == 1
    assert "the same command goes on from there" in said
    assert not output.exists()


def test_a_full_disk_is_one_clear_line(tiny_bundle: Path, tmp_path: Path) -> None:
    source = write_input(tmp_path, copies=300)

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    for ending in ("jsonl", "csv", "xlsx", "parquet"):
        call = ["predict", "--input", source, "--output", f"out.{ending}"]
        run = subprocess.run(
            [sys.executable, "-m", "cxnlp.cli", *call, "--model", str(tiny_bundle)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            preexec_fn=small_disk,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 2
        assert run.stderr.startswith("cxnlp: Cannot write")
        assert run.stderr.count("\n") == 1
        assert not (tmp_path / f"out.{ending}").exists()


def test_a_worker_that_dies_is_an_error(tiny_model: Classifier, tmp_path: Path) -> None:
    import multiprocessing

    source = write_input(tmp_path, copies=2_000)

    def kill_one(rows: int, share: float | None) -> None:
        multiprocessing.active_children()[0].kill()

    with pytest.raises(CxnlpError, match="worker process ended early"):
        label_file(tiny_model, source, str(tmp_path / "o.csv"), jobs=2, progress=kill_one)
    assert not (tmp_path / "o.csv").exists()
