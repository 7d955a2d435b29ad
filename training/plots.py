"""Pictures of a report: titled, labelled, and readable in greyscale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Figures = Mapping[str, Any]
_MARKS = ("o-", "s--", "^:", "d-.", "v-", "x--", "*:", "+-.", "p-")


def save_plots(report: Figures, folder: str | Path) -> list[Path]:
    """Draw every plot of a report into a folder and return the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    best = next(c for c in report["candidates"] if c["name"] == report["winner"])
    figures = {
        "causes.png": plot_f1(best["test"], "causes"),
        "emotions.png": plot_f1(best["test"], "emotions"),
        "confusion.png": plot_confusion(best["test"]),
        "risk_coverage.png": plot_risk(report["candidates"]),
        "learning_curve.png": plot_curve(report["learning_curve"]),
    }
    written = []
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=110, bbox_inches="tight")
        written.append(folder / name)
    return written


def _axes(width: float = 7.0, height: float = 4.0) -> tuple[Any, Any]:
    # The object interface: no window, no global state, safe in any process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def plot_f1(figures: Figures, kind: str) -> Any:
    """F1 of each label with its 95% interval."""
    labels = figures[kind]
    figure, axes = _axes(height=0.4 * len(labels) + 1.2)
    y = np.arange(len(labels))[::-1]
    values = np.array([f["f1"] for f in labels.values()])
    low = np.array([f["f1_low"] for f in labels.values()])
    high = np.array([f["f1_high"] for f in labels.values()])
    axes.barh(y, values, color="0.75", edgecolor="0.2")
    axes.errorbar(
        values,
        y,
        xerr=[np.maximum(values - low, 0), np.maximum(high - values, 0)],
        fmt="none",
        ecolor="0.1",
        capsize=3,
    )
    axes.set_yticks(y, [f"{name} (n={f['n']})" for name, f in labels.items()])
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1, with 95% interval")
    axes.set_title(f"F1 by {kind.removesuffix('s')}, test split, n={figures['n']:,}")
    return figure


def plot_confusion(figures: Figures) -> Any:
    """Emotions: truth against answer, as shares of the truth."""
    labels = figures["confusion"]["labels"]
    rows = np.array(figures["confusion"]["rows"], dtype=float)
    share = rows / np.maximum(rows.sum(1, keepdims=True), 1)
    figure, axes = _axes(6.5, 5.5)
    axes.imshow(share, cmap="Greys", vmin=0, vmax=1)
    for i in range(len(labels)):
        for j in range(len(labels)):
            axes.text(
                j,
                i,
                f"{rows[i, j]:.0f}",
                ha="center",
                va="center",
                color="white" if share[i, j] > 0.5 else "black",
            )
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    axes.set_title(f"Emotions confused, test split, n={figures['n']:,}")
    return figure


def plot_risk(candidates: Sequence[Figures]) -> Any:
    """Risk against coverage of every candidate."""
    figure, axes = _axes()
    for mark, c in zip(_MARKS, candidates, strict=False):
        points = c["test"]["risk_coverage"]
        axes.plot(
            [p["coverage"] for p in points],
            [p["risk"] for p in points],
            mark,
            color="0.2",
            markersize=4,
            label=c["name"],
        )
    axes.set_xlabel("share of messages kept, surest first")
    axes.set_ylabel("share with a wrong or missed cause")
    axes.set_ylim(0, None)
    axes.set_title("Risk against coverage, test split")
    axes.legend()
    return figure


def plot_curve(curve: Sequence[Figures]) -> Any:
    """F1 against the number of training messages."""
    figure, axes = _axes()
    for mark, name in zip(
        _MARKS, [k for k in (curve[0] if curve else {}) if k != "n"], strict=False
    ):
        axes.plot([p["n"] for p in curve], [p[name] for p in curve], mark, color="0.2", label=name)
    axes.set_xscale("log")
    axes.set_xlabel("training messages")
    axes.set_ylabel("macro-F1")
    axes.set_title("Learning curve of the winner")
    axes.legend()
    return figure
