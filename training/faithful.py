"""Does the evidence carry the label? Take it away, and keep nothing else (DeYoung et al. 2020).

*Comprehensiveness*: without the evidence the score should fall below its threshold.
*Sufficiency*: with nothing but the evidence it should stay above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cxnlp.classifier import Classifier
from cxnlp.types import Evidence


def without(text: str, spans: Sequence[Evidence]) -> str:
    """The text with some spans cut out."""
    for span in sorted(spans, key=lambda e: -e.start):
        text = f"{text[: span.start]} {text[span.end :]}"
    return text


def evidence_test(model: Classifier, texts: Sequence[str], *, most: int = 100) -> dict[str, Any]:
    """Delete and keep the evidence of each decided cause.

    Parameters
    ----------
    texts
        Messages; the first ``most`` with a cause and evidence for it are used.

    Returns
    -------
    dict
        ``messages``, ``labels`` (decided causes with evidence), ``share`` (mean share of the
        characters that is evidence), ``deleted_below`` and ``kept_above`` (shares of the labels).
    """
    cases = []
    used = 0
    for text in texts:
        p = model.predict(text, explain=True)
        by_cause = {c: [e for e in p.evidence if e.label == c] for c in p.causes}
        found = {cause: spans for cause, spans in by_cause.items() if spans}
        if not found:
            continue
        cases += [(text, cause, spans) for cause, spans in found.items()]
        used += 1
        if used == most:
            break
    if not cases:
        return {"messages": 0, "labels": 0}
    less = model.predict([without(text, spans) for text, _, spans in cases])
    only = model.predict([" ... ".join(e.text for e in spans) for _, _, spans in cases])
    causes = [cause for _, cause, _ in cases]
    n = len(cases)
    share = sum(sum(e.end - e.start for e in spans) / len(text) for text, _, spans in cases)
    return {
        "messages": used,
        "labels": n,
        "share": round(share / n, 4),
        "deleted_below": round(
            sum(c not in p.causes for c, p in zip(causes, less, strict=True)) / n, 4
        ),
        "kept_above": round(sum(c in p.causes for c, p in zip(causes, only, strict=True)) / n, 4),
    }
