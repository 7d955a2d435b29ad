"""Charts for the notebooks: of the corpus, of scores, of errors, of weeks.

Each function draws one matplotlib figure that can be read in greyscale (hatches, line styles and
labels, never colour alone); `picture` makes a small PNG of it, the same bytes every time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from training.measure import length
from training.metrics import precision_recall

Figures = Mapping[str, Any]
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oooo")
_GREYS = ("0.15", "0.85", "0.65", "0.95", "0.45", "0.75", "0.55", "1.0")


@dataclass(frozen=True)
class Picture:
    """A figure as PNG; a notebook shows it, and its title where pictures are not shown."""

    title: str
    png: bytes = field(repr=False)

    def _repr_png_(self) -> bytes:
        return self.png


def picture(figure: Any, *, dpi: int = 72) -> Picture:
    """A figure as a small PNG that holds no date and no version, so that a rerun changes nothing.

    Parameters
    ----------
    figure
        A matplotlib figure.
    dpi
        Dots per inch; 72 keeps a chart of seven inches near 20 kB.
    """
    out = BytesIO()
    figure.savefig(out, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None})
    title = figure.get_suptitle() or next(
        (axes.get_title() for axes in figure.axes if axes.get_title()), ""
    )
    return Picture(title, out.getvalue())


def _figure(rows: int, columns: int, width: float, height: float, **more: Any) -> tuple[Any, Any]:
    """A figure and its axes, shape (rows, columns); no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **more)


def _grid(n: int, title: str, *, height: float = 2.1, **more: Any) -> tuple[Any, list[Any]]:
    """A figure with n panels, three a row; panels that are over are hidden."""
    rows = -(-n // 3)
    figure, axes = _figure(rows, 3, 8.5, height * rows + 0.6, **more)
    figure.suptitle(title)
    for unused in axes.flat[n:]:
        unused.set_visible(False)
    return figure, list(axes.flat[:n])


def plot_labels(records: Sequence[Record], taxonomy: Taxonomy) -> Any:
    """How many messages have each cause and each emotion."""
    figure, ((left, right),) = _figure(1, 2, 9, 3.6)
    figure.suptitle(f"Labels of {len(records):,} messages")
    causes = {c: sum(c in r.causes for r in records) for c in taxonomy.cause_names}
    causes["no cause"] = sum(not r.causes for r in records)
    emotions = {e: sum(e == r.emotion for r in records) for e in taxonomy.emotion_names}
    for axes, counts, what in ((left, causes, "cause"), (right, emotions, "emotion")):
        bars = axes.barh(list(counts), list(counts.values()), color="0.75", edgecolor="0.2")
        axes.bar_label(bars, [f"{n:,}" for n in counts.values()], padding=3, fontsize=8)
        axes.margins(x=0.18)
        axes.invert_yaxis()
        axes.set_xlabel("messages")
        axes.set_title(f"by {what}")
    return figure


def plot_lengths(records: Sequence[Record]) -> Any:
    """Words of a message, by channel: the middle half, the median, and all but the outer tenth."""
    by: dict[str, list[int]] = {}
    for record in records:
        by.setdefault(record.channel or "unknown", []).append(length(record.text))
    names = sorted(by, key=lambda name: float(np.median(by[name])))
    figure, ((axes,),) = _figure(1, 1, 7, 0.4 * len(names) + 1.2)
    axes.boxplot(
        [by[name] for name in names],
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        tick_labels=[f"{name} (n={len(by[name]):,})" for name in names],
        medianprops={"color": "0", "linewidth": 2},
    )
    axes.set_xscale("log")
    axes.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    axes.set_xlabel("words (logarithmic); box: middle half, whiskers: 5% to 95%")
    axes.set_title("Length of messages by channel")
    return figure


def plot_pairs(records: Sequence[Record], taxonomy: Taxonomy) -> Any:
    """Of the messages with the row's cause, the share that also has the column's."""
    names = taxonomy.cause_names
    hot = taxonomy.multi_hot([r.causes for r in records]).astype(float)
    both = hot.T @ hot
    share = both / np.maximum(np.diag(both)[:, None], 1)
    figure, ((axes,),) = _figure(1, 1, 7, 5.5)
    axes.imshow(np.where(np.eye(len(names)), 0, share), cmap="Greys", vmin=0)
    for i, j in zip(*np.nonzero(~np.eye(len(names), dtype=bool)), strict=True):
        dark = share[i, j] > 0.6 * np.max(share[~np.eye(len(names), dtype=bool)])
        axes.text(j, i, f"{share[i, j]:.0%}", ha="center", va="center", color="1" if dark else "0")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("… also has this one")
    axes.set_ylabel("of the messages with this cause …")
    axes.set_title("Causes that come together")
    return figure


def plot_agreement(agreement: Figures, causes: Figures | None = None) -> Any:
    """F1 of two labellers per cause, and beside it a model's, with its 95% interval.

    Parameters
    ----------
    agreement
        See `training.agreement.measured_agreement`.
    causes
        ``causes`` of `training.metrics.evaluate`.
    """
    names = list(agreement["causes"])
    figure, ((axes,),) = _figure(1, 1, 7, 0.38 * len(names) + 1.4)
    y = np.arange(len(names))
    people = [agreement["causes"][name]["f1"] for name in names]
    axes.plot(people, y, "D", color="0", label=f"two labellers, n={agreement['n']:,}")
    if causes:
        found = [causes[name] for name in names]
        axes.errorbar(
            [f["f1"] for f in found],
            y + 0.2,
            xerr=_reach(found),
            fmt="o",
            mfc="1",
            color="0.4",
            capsize=3,
            label="model, with 95% interval",
        )
    axes.set_yticks(y, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.03)
    axes.grid(axis="x", color="0.9")
    axes.set_xlabel("F1")
    axes.set_title("Agreement on causes")
    axes.legend(loc="lower left")
    return figure


def _reach(found: Sequence[Figures]) -> list[NDArray[Any]]:
    """How far the interval of each F1 reaches down and up."""
    value, low, high = (np.array([f[k] for f in found]) for k in ("f1", "f1_low", "f1_high"))
    return [np.maximum(value - low, 0), np.maximum(high - value, 0)]


def plot_candidates(candidates: Sequence[Figures], part: str = "test") -> Any:
    """Macro-F1 of causes and of emotion of every candidate, with 95% intervals."""
    ordered = sorted(candidates, key=lambda c: c[part]["summary"]["macro_f1"]["value"] or 0)
    figure, ((axes,),) = _figure(1, 1, 7, 0.55 * len(ordered) + 1.3)
    y = np.arange(len(ordered))
    for shift, name, mark, what in (
        (-0.12, "macro_f1", "o", "causes"),
        (0.12, "emotion_macro_f1", "s", "emotion"),
    ):
        found = [c[part]["summary"][name] for c in ordered]
        value, low, high = (
            np.array([np.nan if f[k] is None else f[k] for f in found], dtype=float)
            for k in ("value", "low", "high")
        )
        axes.errorbar(
            value,
            y - shift,
            xerr=[np.maximum(value - low, 0), np.maximum(high - value, 0)],
            fmt=mark,
            color="0.1",
            mfc="0.1" if mark == "o" else "1",
            capsize=3,
            label=what,
        )
    axes.set_yticks(y, [c["name"] + ("" if c["shippable"] else " *") for c in ordered])
    axes.set_xlim(0, 1)
    axes.grid(axis="x", color="0.9")
    axes.set_xlabel("macro-F1, with 95% interval (* only to compare with)")
    axes.set_title(f"Candidates, {part} split, n={ordered[0][part]['n']:,}")
    axes.legend(loc="upper left")
    return figure


def plot_precision_recall(
    truth: NDArray[Any], scores: NDArray[Any], thresholds: Mapping[str, float]
) -> Any:
    """Precision against recall of each cause, with a mark where its threshold lies.

    Parameters
    ----------
    truth, scores
        Shape (n, n_causes), columns in the order of ``thresholds``.
    thresholds
        The score from which each cause is given.
    """
    title = f"Precision against recall, n={len(truth):,}; the dot is the threshold in use"
    figure, panels = _grid(len(thresholds), title, sharex=True, sharey=True)
    for j, (axes, (name, threshold)) in enumerate(zip(panels, thresholds.items(), strict=True)):
        axes.set_title(f"{name} (n={int(truth[:, j].sum())})", fontsize=9)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.05))
        axes.grid(color="0.9")
        if not truth[:, j].any():
            continue
        precision, recall, at = precision_recall(truth[:, j], scores[:, j])
        axes.step(recall, precision, where="post", color="0.2")
        given = np.flatnonzero(at >= threshold)
        if len(given):
            axes.plot(recall[given[-1]], precision[given[-1]], "o", color="0")
    figure.supxlabel("recall")
    figure.supylabel("precision")
    return figure


def plot_calibrations(
    truth: NDArray[Any], scores: NDArray[Any], labels: Sequence[str], *, bins: int = 8
) -> Any:
    """Reliability of each label: how often it is true against the score it was given.

    Parameters
    ----------
    truth, scores
        Shape (n, n_labels).
    labels
        Names of the columns.
    bins
        Groups of equally many messages.
    """
    title = f"Calibration, n={len(truth):,}; on the dotted line scores are honest"
    figure, panels = _grid(len(labels), title, sharex=True, sharey=True)
    for j, (axes, name) in enumerate(zip(panels, labels, strict=True)):
        order = np.argsort(scores[:, j], kind="stable")
        parts = [p for p in np.array_split(order, bins) if len(p)]
        axes.plot([0, 1], [0, 1], ":", color="0.5")
        axes.plot(
            [scores[p, j].mean() for p in parts],
            [truth[p, j].mean() for p in parts],
            "o-",
            color="0.1",
            markersize=4,
        )
        axes.set_title(name, fontsize=9)
    figure.supxlabel("score")
    figure.supylabel("share that has the label")
    return figure


def plot_slices(slices: Figures) -> Any:
    """Macro-F1 of causes and of emotion for each slice of a set of messages."""
    rows = [
        (f"{column}: {value}", values[value])
        for column, values in slices.items()
        for value in sorted(values, key=_natural)
    ]
    figure, ((axes,),) = _figure(1, 1, 7, 0.27 * len(rows) + 1.2)
    y = np.arange(len(rows))
    for name, mark, what in (("macro_f1", "o", "causes"), ("emotion_macro_f1", "s", "emotion")):
        values = [np.nan if f[name] is None else f[name] for _, f in rows]
        axes.plot(values, y, mark, color="0.1", mfc="0.1" if mark == "o" else "1", label=what)
    axes.set_yticks(y, [f"{name} (n={f['n']})" for name, f in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.grid(axis="both", color="0.92")
    axes.set_xlabel("macro-F1; the smaller n, the less sure")
    axes.set_title("Where it is better and worse")
    axes.legend(loc="lower left")
    return figure


def _natural(name: str) -> tuple[int, str]:
    """Bands of lengths by their first number, the rest by name."""
    number = re.search(r"\d+", name)
    return (int(number[0]) if number else 0, name)


def plot_mistakes(truth: NDArray[Any], given: NDArray[Any], labels: Sequence[str]) -> Any:
    """For each label how often it was found, missed and given wrongly; arrays of 0 and 1."""
    figure, ((axes,),) = _figure(1, 1, 7, 0.4 * len(labels) + 1.3)
    parts = {
        "found": (truth * given).sum(0),
        "missed": (truth * (1 - given)).sum(0),
        "given wrongly": ((1 - truth) * given).sum(0),
    }
    left = np.zeros(len(labels))
    for (what, counts), hatch, grey in zip(
        parts.items(), ("", "////", "...."), ("0.8", "1", "0.6"), strict=True
    ):
        bars = axes.barh(
            labels, counts, left=left, hatch=hatch, color=grey, edgecolor="0.1", label=what
        )
        axes.bar_label(
            bars, label_type="center", fontsize=8, bbox={"fc": "1", "ec": "none", "pad": 1}
        )
        left += counts
    axes.invert_yaxis()
    axes.set_xlabel("messages")
    axes.set_title(f"Found, missed and given wrongly, n={len(truth):,}")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def plot_weeks(
    counts: NDArray[Any],
    weeks: Sequence[str],
    taxonomy: Taxonomy,
    *,
    title: str = "Klachten per oorzaak, emotie en week",
) -> Any:
    """Messages by cause (a panel each), emotion (hatch) and week (a bar each), in Dutch.

    Parameters
    ----------
    counts
        Shape (n_causes, n_emotions, n_weeks), from `training.explore.weekly`.
    weeks
        What to call the weeks.
    """
    dutch = taxonomy.dutch_names
    figure, panels = _grid(len(taxonomy.causes), title, height=2.0, sharex=True, sharey=True)
    for axes, cause, rows in zip(panels, taxonomy.cause_names, counts, strict=True):
        bottom = np.zeros(len(weeks))
        for emotion, values, (hatch, grey) in zip(
            taxonomy.emotion_names, rows, _fills(), strict=False
        ):
            axes.bar(
                weeks,
                values,
                bottom=bottom,
                hatch=hatch,
                color=grey,
                edgecolor="0.1",
                linewidth=0.6,
                label=dutch[emotion],
            )
            bottom += values
        axes.set_title(f"{dutch[cause]} ({int(rows.sum())})", fontsize=9)
        axes.tick_params(axis="x", labelsize=7, rotation=90)
        axes.yaxis.get_major_locator().set_params(integer=True)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    figure.supylabel("berichten")
    return figure


def _fills() -> Iterator[tuple[str, str]]:
    """Hatch and grey of one kind after another."""
    return zip(cycle(_HATCHES), cycle(_GREYS), strict=False)
