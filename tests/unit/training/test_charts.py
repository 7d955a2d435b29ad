"""Charts: titled, labelled, the same bytes every time, and right about what they count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from training import charts
from training.explore import weekly
from training.plots import plot_curve

RANDOM = np.random.default_rng(3)
RECORDS = [
    Record(str(i), "een twee drie " * (i % 5 + 1), causes, emotion, channel=channel)
    for i, (causes, emotion, channel) in enumerate(
        [(("billing", "delivery"), "anger", "chat"), ((), "neutral", "email")] * 10
    )
]
TRUTH = RANDOM.integers(0, 2, (60, 9))
SCORES = np.clip(TRUTH * 0.4 + RANDOM.random((60, 9)) * 0.6, 0, 1)
AGREEMENT = {"n": 9, "causes": {c: {"f1": 0.9} for c in DEFAULT.cause_names}}
LABELS = {c: {"f1": 0.7, "f1_low": 0.6, "f1_high": 0.8, "n": 9} for c in DEFAULT.cause_names}
FIGURE = {"value": 0.7, "low": 0.6, "high": 0.8}
NOTHING = {"value": None, "low": None, "high": None}
CANDIDATES = [
    {
        "name": name,
        "shippable": name == "a",
        "test": {"n": 60, "summary": {"macro_f1": figure, "emotion_macro_f1": FIGURE}},
    }
    for name, figure in (("a", FIGURE), ("b", NOTHING))
]
SLICES = {
    "length": {b: {"n": 20, "macro_f1": 0.5, "emotion_macro_f1": None} for b in ("8-17", "1-7")}
}
FIGURES = {
    "labels": lambda: charts.plot_labels(RECORDS, DEFAULT),
    "lengths": lambda: charts.plot_lengths(RECORDS),
    "pairs": lambda: charts.plot_pairs(RECORDS, DEFAULT),
    "agreement": lambda: charts.plot_agreement(AGREEMENT),
    "agreement and model": lambda: charts.plot_agreement(AGREEMENT, LABELS),
    "candidates": lambda: charts.plot_candidates(CANDIDATES),
    "curves": lambda: charts.plot_precision_recall(
        TRUTH, SCORES, dict.fromkeys(DEFAULT.cause_names, 0.5)
    ),
    "calibration": lambda: charts.plot_calibrations(TRUTH, SCORES, DEFAULT.cause_names),
    "slices": lambda: charts.plot_slices(SLICES),
    "mistakes": lambda: charts.plot_mistakes(TRUTH, TRUTH[::-1], DEFAULT.cause_names),
    "weeks": lambda: charts.plot_weeks(np.ones((9, 7, 2), int), ["wk 1", "wk 2"], DEFAULT),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_chart_has_a_title_and_axes_with_names(name: str) -> None:
    figure = FIGURES[name]()
    picture = charts.picture(figure)
    assert picture.title
    axes = figure.axes[0]
    assert axes.get_xlabel() or figure.get_supxlabel() or name == "weeks"
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert len(picture.png) < 90_000


@pytest.mark.parametrize("name", FIGURES)
def test_a_chart_is_grey_and_the_same_every_time(name: str) -> None:
    from io import BytesIO

    from matplotlib.image import imread

    png = charts.picture(FIGURES[name]()).png
    assert png == charts.picture(FIGURES[name]()).png
    pixels: Any = imread(BytesIO(png))[..., :3]
    assert float(np.ptp(pixels, axis=2).max()) < 0.02
    assert b"matplotlib" not in png.lower()


def test_labels_are_counted() -> None:
    left, right = charts.plot_labels(RECORDS, DEFAULT).axes
    widths = {
        t.get_text(): b.get_width()
        for t, b in zip(left.get_yticklabels(), left.patches, strict=True)
    }
    assert (widths["billing"], widths["unanswered"], widths["no cause"]) == (10, 0, 10)
    assert sum(bar.get_width() for bar in right.patches) == 20


def test_the_dot_lies_on_the_threshold() -> None:
    truth, scores = np.array([[1], [1], [0], [1]]), np.array([[0.9], [0.8], [0.7], [0.2]])
    axes = charts.plot_precision_recall(truth, scores, {"billing": 0.75}).axes[0]
    [dot] = [line for line in axes.lines if line.get_marker() == "o"]
    assert dot.get_xydata().tolist() == [[pytest.approx(2 / 3), 1.0]]


def test_a_label_without_cases_has_an_empty_panel() -> None:
    figure = charts.plot_precision_recall(np.zeros((5, 1), int), np.ones((5, 1)), {"billing": 0.5})
    assert not figure.axes[0].lines


def test_short_lengths_come_before_long_ones() -> None:
    names = [t.get_text() for t in charts.plot_slices(SLICES).axes[0].get_yticklabels()]
    assert names == ["length: 1-7 (n=20)", "length: 8-17 (n=20)"]


def test_bars_of_a_week_add_up_and_differ_without_colour() -> None:
    from datetime import date

    from cxnlp.types import Prediction

    answers = [
        Prediction(("billing",), emotion, {}, {}, {}, "accept") for emotion in DEFAULT.emotion_names
    ]
    weeks, counts = weekly([date(2026, 9, 1)] * 7, answers, DEFAULT)
    figure = charts.plot_weeks(counts, weeks, DEFAULT)
    panel = figure.axes[DEFAULT.cause_names.index("billing")]
    assert panel.get_title() == "facturatie (7)"
    assert sum(bar.get_height() for bar in panel.patches) == 7
    looks = {(bar.get_hatch(), bar.get_facecolor()) for bar in panel.patches}
    assert len(looks) == 7
    assert len({bar.get_hatch() for bar in panel.patches}) == 7


def test_a_title_above_one_chart_is_taken_from_it() -> None:
    picture = charts.picture(plot_curve([{"n": 10, "test": 0.5}]))
    assert repr(picture) == "Picture(title='Learning curve of the winner')"
