"""The measurement of many rows: every way labels the same archive alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from training.bench_spark import WAYS, Timing, figures, measure, write_rows

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien",
    "Dank jullie wel",
    "Waar blijft mijn geld?",
]


def test_every_way_gives_the_same_rows(spark: Any, tmp_path: Path, tiny_bundle: Path) -> None:
    timings = list(measure(TEXTS, [70], tmp_path, str(tiny_bundle)))
    assert [(t.way, t.rows) for t in timings] == [(way, n) for n in (0, 70) for way in WAYS]
    first, *others = (
        sorted(
            (row for file in folder.glob("*.parquet") for row in pq.read_table(file).to_pylist()),
            key=lambda row: row["id"],
        )
        for folder in sorted(tmp_path.glob("labelled-70-*"))
    )
    assert len(others) == 2
    assert others == [first, first]
    assert [row["cxnlp"]["id"] for row in first] == list(range(70))
    table = figures(timings)
    assert all(f"| {way} |" in table for way in WAYS)


def test_no_message_comes_twice(tmp_path: Path) -> None:
    write_rows(TEXTS, 1_000, tmp_path / "rows")
    texts = [t for f in (tmp_path / "rows").iterdir() for t in pq.read_table(f)["text"].to_pylist()]
    assert len(set(texts)) == len(texts) == 1_000


def test_the_figures_are_per_row() -> None:
    [_, _, line] = figures([Timing("a", 0, 1.0), Timing("a", 2_000, 4.0)]).splitlines()
    assert line == "| a | 1.0 s | 4.0 s | 2.00 ms | 500 |"
