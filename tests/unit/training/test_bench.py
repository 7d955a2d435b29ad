"""What the bench says of its figures."""

from __future__ import annotations

from typing import Any

from training.bench import bench_table, ratios


def row(name: str, p50_ms: float, per_second: float, f1: float = 0.77) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "f1": f1,
        "p50_ms": p50_ms,
        "p95_ms": 2 * p50_ms,
        "per_second": per_second,
        "first_per_second": per_second / 2,
        "load_s": 0.1,
        "memory_mb": 50.0,
        "size_mb": 6.0,
    }


ROWS = [
    row("fast", 0.5, 16_000),
    row("scores", 0.4, 20_000),
    row("tfidf", 3.0, 3_200, 0.76),
    row("fasttext", 0.05, 16_000, 0.68),
]


def test_ratios_are_those_of_the_rows() -> None:
    said = ratios(ROWS)
    assert "6.0 times as fast for one message and label 5.0 times as many" in said
    assert "a macro-F1 of .77 against .76" in said
    assert "whole answers come at 1.00 times its pace" in said
    assert "scores alone (all that it gives) at 1.25" in said


def test_nothing_is_said_of_a_peer_that_was_not_measured() -> None:
    assert ratios(ROWS[:2]) == ""


def test_a_row_of_the_table_holds_both_passes_and_its_ratio_to_the_first() -> None:
    last = bench_table(ROWS).splitlines()[-1]
    assert "16,000 (1.00×)" in last
    assert "| 8,000 |" in last
    assert "0.05 ms (0.1×)" in last
