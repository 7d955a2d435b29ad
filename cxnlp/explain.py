"""Evidence: which words of a message carry a label.

For a linear scorer the contributions are exact (they sum to the logit). A person underlines
clauses, not letters, so in each clause the run of words with the largest sum is taken
(maximum subarray, Kadane), and the runs are ranked by what they carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cxnlp.types import Evidence

_MOST = 3  # runs shown a label
_WORTH = 0.15  # a run must carry this share of the largest run
_WHOLE = 0.6  # a run that covers this share of a clause's words is shown as the whole clause


def evidence(
    text: str,
    label: str,
    spans: Sequence[tuple[int, int]],
    values: NDArray[np.float32],
    clauses: Sequence[tuple[int, int]],
    to_original: Callable[[int, int], tuple[int, int]],
) -> list[Evidence]:
    """Spans of the original text that carry a label, in reading order.

    Parameters
    ----------
    text
        The original text.
    label
        The label.
    spans, values
        Character spans of the tokens of the prepared text, and what each says for the label,
        shape (n_tokens,).
    clauses
        Character spans of the clauses of the prepared text.
    to_original
        Maps a span of the prepared text to the original.

    Returns
    -------
    list of Evidence
        At most three; empty when no word speaks for the label. Weights are shares of the sum
        of all clauses' runs, so they add up to at most 1.
    """
    runs = []
    for low, high in clauses:
        inside = [i for i, (start, end) in enumerate(spans) if low <= start < high]
        if not inside:
            continue
        first, last, total = _best_run(values[inside])
        if total <= 0:
            continue
        if (last - first + 1) / len(inside) >= _WHOLE:
            first, last = 0, len(inside) - 1
        start = spans[inside[first]][0]
        end = spans[inside[last]][1]
        runs.append((float(total), start, end))
    if not runs:
        return []
    whole = sum(total for total, _, _ in runs)
    best = max(total for total, _, _ in runs)
    kept = sorted(runs, reverse=True)[:_MOST]
    found = []
    for total, start, end in sorted(kept, key=lambda run: run[1]):
        if total < _WORTH * best:
            continue
        start, end = to_original(start, end)
        if text[start:end].strip():
            found.append(Evidence(label, start, end, text[start:end], round(total / whole, 4)))
    return found


def _best_run(values: NDArray[np.float32]) -> tuple[int, int, float]:
    """First and last position, and sum, of the run with the largest sum."""
    best = (0, 0, -np.inf)
    start, total = 0, 0.0
    for position, value in enumerate(values.tolist()):
        if total <= 0:
            start, total = position, 0.0
        total += value
        if total > best[2]:
            best = (start, position, total)
    return best[0], best[1], float(best[2])
