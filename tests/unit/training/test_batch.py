"""Labelling an archive on Spark: what comes out, and going on after an interruption."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxnlp import Classifier
from cxnlp.errors import CxnlpError, InputError
from training.batch import File, divide, label_archive, main

TEXTS = ["Dinsdag zou de monteur komen, niemand gezien", "Dank jullie wel", "", None]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three files of eight rows."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for i in range(3):
        add_file(folder / f"{i}.parquet", i)
    return folder


def add_file(path: Path, number: int) -> None:
    rows = [{"nr": 100 * number + i, "bericht": TEXTS[i % 4]} for i in range(8)]
    pq.write_table(pa.Table.from_pylist(rows), path)


def answers(spark: Any, folder: Path) -> dict[int, Any]:
    rows = spark.read.parquet(str(folder)).collect()
    found = {row["nr"]: row.asDict(recursive=True) for row in rows}
    assert len(found) == len(rows)
    return found


def run(spark: Any, source: Path, target: Path, model: Classifier, **options: Any) -> list[str]:
    said: list[str] = []
    label_archive(
        spark,
        str(source),
        str(target),
        model=model,
        text_column="bericht",
        say=said.append,
        **options,
    )
    return said


def test_every_row_gets_its_record(
    spark: Any, archive: Path, tmp_path: Path, tiny_model: Classifier
) -> None:
    said = run(spark, archive, tmp_path / "out", tiny_model, id_column="nr", partitions=2)
    assert [line.split(":")[0] for line in said] == ["part 1 of 2", "part 2 of 2"]
    found = answers(spark, tmp_path / "out")
    assert len(found) == 24
    for nr, row in found.items():
        text = TEXTS[nr % 100 % 4]
        assert row["bericht"] == text
        if text is not None:
            assert row["cxnlp"] == tiny_model.predict(text, ids=nr).to_dict()


def test_a_second_call_labels_only_what_is_new(
    spark: Any, archive: Path, tmp_path: Path, tiny_model: Classifier
) -> None:
    out = tmp_path / "out"
    run(spark, archive, out, tiny_model)
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.parquet")}
    assert run(spark, archive, out, tiny_model) == ["1 parts are labelled already, 0 are left."]
    add_file(archive / "3.parquet", 3)
    assert run(spark, archive, out, tiny_model)[-1].startswith("part 1 of 1: 8 rows")
    assert len(answers(spark, out)) == 32
    assert all(file.stat().st_mtime_ns == moment for file, moment in before.items())


def test_going_on_after_a_failure(
    spark: Any, archive: Path, tmp_path: Path, tiny_model: Classifier
) -> None:
    out = tmp_path / "out"
    whole = (archive / "1.parquet").read_bytes()
    (archive / "1.parquet").write_bytes(whole[:8] + b"\0" * (len(whole) - 300) + whole[-292:])
    with pytest.raises(
        CxnlpError, match=r"failed in part 1:[\s\S]*goes on with this one"
    ) as caught:
        run(spark, archive, out, tiny_model, partitions=3)
    assert "1.parquet" in str(caught.value)
    assert len(str(caught.value).splitlines()) < 10
    (out / "cxnlp_part=00001").mkdir(exist_ok=True)
    (out / "cxnlp_part=00001" / "half.parquet").write_bytes(b"what a killed run left")
    (archive / "1.parquet").write_bytes(whole)
    said = run(spark, archive, out, tiny_model, partitions=2)
    assert said[0] == "1 parts are labelled already, 2 are left."
    assert len(answers(spark, out)) == 24


def test_folders_by_year_keep_their_column(
    spark: Any, tmp_path: Path, tiny_model: Classifier
) -> None:
    for year in (2023, 2024):
        (tmp_path / "archive" / f"year={year}").mkdir(parents=True)
        add_file(tmp_path / "archive" / f"year={year}" / "a.parquet", year)
    run(spark, tmp_path / "archive", tmp_path / "out", tiny_model, partitions=2)
    found = answers(spark, tmp_path / "out")
    assert {row["year"] for row in found.values()} == {2023, 2024}
    assert all(row["nr"] // 100 == row["year"] for row in found.values())


def test_what_would_mix_or_overwrite_is_refused(
    spark: Any, archive: Path, tmp_path: Path, tiny_model: Classifier
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="No files in"):
        run(spark, tmp_path / "nowhere", out, tiny_model)
    with pytest.raises(InputError, match="holds something else"):
        run(spark, archive, archive.parent, tiny_model)
    with pytest.raises(InputError, match="folder of its own"):
        run(spark, archive, archive / "out", tiny_model)
    with pytest.raises(InputError, match="no column 'text'"):
        label_archive(spark, str(archive), str(out), model=tiny_model)
    run(spark, archive, out, tiny_model)
    other = tiny_model.with_thresholds({"billing": 0.9})
    with pytest.raises(InputError, match="begun with another thresholds and explain"):
        run(spark, archive, out, other, explain=True)
    add_file(archive / "0.parquet", 10**12)
    with pytest.raises(InputError, match=r"0\.parquet was labelled and has changed"):
        run(spark, archive, out, tiny_model)


def test_divide() -> None:
    files = [File(str(i), size) for i, size in enumerate([5, 5, 5, 100, 5, 0])]
    for parts in range(1, 10):
        groups = divide(files, parts)
        assert [file for group in groups for file in group] == files
        assert all(groups)
        assert len(groups) <= parts
    assert [len(group) for group in divide([File(str(i), 7) for i in range(10)], 5)] == [2] * 5
    assert divide([], 3) == []


def test_the_command(
    spark: Any, archive: Path, tmp_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--input", str(archive), "--output", str(tmp_path / "out")]
    model = ["--model", str(tiny_bundle)]
    assert main([*arguments, *model, "--text-column", "bericht", "--explain"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("24 rows labelled into")
    assert "part 1 of 1: 24 rows" in err
    found = answers(spark, tmp_path / "out")
    assert found[0]["cxnlp"]["causes"][0]["evidence"]
    assert main([*arguments, *model, "--text-column", "tekst"]) == 2
    assert "error: " in capsys.readouterr().err
    assert main([*arguments, "--model", "nowhere"]) == 2


def test_without_java(archive: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "training.batch", "--input", str(archive), "--output", "out"),
            *("--model", str(tiny_bundle)),
        ],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: Spark runs on Java, and there is none.")
