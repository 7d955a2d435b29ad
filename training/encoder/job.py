"""The whole job: base, Dutch vocabulary, one fine-tuning a fold and one on everything, int8."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.calibrate import sigmoid
from cxnlp.errors import MissingExtraError
from cxnlp.features.encoder import Encoder
from cxnlp.labels import Taxonomy
from training.encoder.base import Base
from training.encoder.tuned import Tuned, text_key
from training.encoder.vocabulary import add_placeholders, prune
from training.fit import fold_of
from training.metrics import Truth, average_precision, f1
from training.tune import best_thresholds

CACHE = Path(".cache") / "tuning"
FOLDS = 3


def tune_encoder(
    base: Base,
    texts: Sequence[str],
    truth: Truth,
    taxonomy: Taxonomy,
    settings: Any,
    *,
    groups: Sequence[str],
    words: Sequence[str] = (),
    held_out: tuple[Sequence[str], Truth] | None = None,
    facts: dict[str, Any] | None = None,
    jobs: int = 2,
    cache: Path = CACHE,
    progress: Any = lambda what, done, total: None,
) -> Tuned:
    """Fine-tune an encoder on prepared texts, crosswise and whole.

    Parameters
    ----------
    base
        Pretrained weights, as `training.encoder.base.load_base` gives them.
    texts, truth, groups
        The training split; messages of one group stay in one fold.
    words
        Further words whose pieces stay in the vocabulary.
    held_out
        Prepared texts and labels on which to measure what int8 costs; nothing is learnt of them.
    settings
        A `training.encoder.finetune.Settings`.
    jobs
        Processes, each with one thread.
    cache
        What a run that was cut off left here is taken up by the next one of the same inputs.
    """
    from joblib import Parallel, delayed

    require_torch()
    from training.encoder.finetune import bottom_states, encode
    from training.encoder.network import Encoder as Network

    small = add_placeholders(prune(base, [*texts, *words]))
    columns = len(taxonomy.causes) + len(taxonomy.emotions) + 1
    fold = fold_of(groups, FOLDS)
    folder = cache / _key(small, texts, truth, fold, settings)
    folder.mkdir(parents=True, exist_ok=True)
    ids = encode(small, texts, settings.max_tokens)
    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    clock = _Clock(folder / "seconds.txt")
    kept = folder / "bottom.npy"
    parts = (-1, *range(FOLDS))
    done = all((folder / f"fold-{f}.npy").is_file() for f in parts)
    if not done and not kept.is_file():
        model = Network(small, settings.layers, columns)
        fresh = folder / "bottom.part.npy"
        np.save(fresh, bottom_states(model, ids, settings.frozen, progress).states)
        fresh.replace(kept)
    calls = (
        delayed(_one)(small, truth, settings, folder, lengths, fold, f, taxonomy) for f in parts
    )
    crossfit = np.zeros((len(texts), columns), np.float32)
    graph = b""
    for finished, (f, logits, whole) in enumerate(
        Parallel(n_jobs=jobs, return_as="generator_unordered")(calls), 1
    ):
        progress("whole training split" if f < 0 else f"fold {f + 1}", finished, FOLDS + 1)
        if not done:
            clock.keep()
        if f < 0:
            graph = whole
        else:
            crossfit[fold == f] = logits
    # What each training gave is small and stays; what it took is large and is of no more use.
    for spent in (kept, *folder.glob("fold-*.pt")):
        spent.unlink(missing_ok=True)
    if held_out is not None:
        whole = (folder / "float.onnx").read_bytes()
        cost = quantisation_cost(whole, graph, small.tokenizer, *held_out)
        facts = {**(facts or {}), "quantisation": cost}
    return Tuned(
        graph=graph,
        tokenizer=small.tokenizer,
        crossfit={text_key(t): row for t, row in zip(texts, crossfit, strict=True)},
        facts={
            "base": base.source,
            "licence": base.licence,
            "labels": [*taxonomy.cause_names, *taxonomy.emotion_names],
            "settings": asdict(settings),
            "messages": len(texts),
            "vocabulary": len(small.tensors["emb.word"]),
            "parameters": int(_parameters(small, settings)),
            "seconds": round(clock.seconds),
            **(facts or {}),
        },
    )


class _Clock:
    """Seconds of fine-tuning; of a run that was cut off, up to the last fold that it finished."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = time.perf_counter()
        try:
            self._before = float(path.read_text())
        except (OSError, ValueError):
            self._before = 0.0
        self.seconds = self._before

    def keep(self) -> None:
        """Count up to now, and write it down."""
        self.seconds = self._before + time.perf_counter() - self._start
        fresh = self._path.with_suffix(".part")
        fresh.write_text(str(self.seconds))
        fresh.replace(self._path)


def _one(
    base: Base,
    truth: Truth,
    settings: Any,
    folder: Path,
    lengths: NDArray[np.int64],
    fold: NDArray[np.int64],
    f: int,
    taxonomy: Taxonomy,
) -> tuple[int, Any, bytes]:
    """Train on all folds but ``f`` and score that one; -1: train on all and export."""
    import torch

    from training.encoder.export import build, quantise
    from training.encoder.finetune import Bottom, finetune, logits_from
    from training.encoder.network import weights_of

    torch.set_num_threads(1)
    result = folder / f"fold-{f}.npy"
    whole_graph = folder / "float.onnx"
    if result.is_file() and (f >= 0 or whole_graph.is_file()):
        stored = np.load(result)
        return f, (None if f < 0 else stored), (stored.tobytes() if f < 0 else b"")
    bottom = Bottom(np.load(folder / "bottom.npy", mmap_mode="r"), lengths)
    model = finetune(
        base,
        truth,
        settings,
        bottom,
        rows=np.flatnonzero(fold != f),
        n_causes=len(taxonomy.causes),
        n_emotions=len(taxonomy.emotions),
        checkpoint=folder / f"fold-{f}.pt",
        progress=lambda what, done, total: _note(
            folder / f"fold-{f}.log", f"{done}/{total} {what}"
        ),
    )
    fresh = folder / f"fold-{f}.part.npy"
    if f >= 0:
        logits = logits_from(model, bottom, np.flatnonzero(fold == f), settings.frozen)
        np.save(fresh, logits)
        fresh.replace(result)
        return f, logits, b""
    whole = build(
        weights_of(model),
        layers=len(settings.layers),
        heads=base.heads,
        eps=base.eps,
        first_position=base.first_position,
    )
    whole_graph.write_bytes(whole.SerializeToString())
    graph = quantise(whole)
    np.save(fresh, np.frombuffer(graph, np.uint8))
    fresh.replace(result)
    return f, None, graph


def quantisation_cost(
    whole: bytes, small: bytes, tokenizer: str, texts: Sequence[str], truth: Truth
) -> dict[str, Any]:
    """What a graph in int8 loses against the same one in floating point, on messages unseen.

    Thresholds are those that suit the floating point best, so the difference is not tuned away.
    """
    scored = {
        name: _scores(Encoder(graph, tokenizer).logits(texts), truth.causes.shape[1])
        for name, graph in (("float", whole), ("int8", small))
    }
    thresholds = np.array(best_thresholds(truth.causes, scored["float"][0]))

    def figures(causes: NDArray[Any], emotions: NDArray[Any]) -> dict[str, float]:
        return {
            "mean_ap": round(
                float(np.nanmean([*map(average_precision, truth.causes.T, causes.T)])), 4
            ),
            "causes_f1": round(float(f1(truth.causes, causes >= thresholds).mean()), 4),
            "emotion_accuracy": round(float((emotions.argmax(1) == truth.emotion).mean()), 4),
        }

    return {"messages": len(texts), **{name: figures(*both) for name, both in scored.items()}}


def _scores(logits: NDArray[np.float32], causes: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scores of causes, the complaint's included, and logits of emotions."""
    x = logits.astype(np.float64)
    causes_given = sigmoid(x[:, :causes]) * sigmoid(x[:, -1:])
    return causes_given, x[:, causes:-1]


def _note(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as out:
        out.write(line + "\n")


def _key(
    base: Base, texts: Sequence[str], truth: Truth, fold: NDArray[np.int64], settings: Any
) -> str:
    """The same inputs give the same folder, so a run can be taken up."""
    sha = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    sha.update(base.tokenizer.encode())
    for name in sorted(base.tensors):
        sha.update(np.ascontiguousarray(base.tensors[name]).tobytes())
    sha.update("\n".join(texts).encode("utf-8", "replace"))
    for array in (truth.causes, truth.emotion, truth.alt, fold):
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:12]


def _parameters(base: Base, settings: Any) -> int:
    """How many weights the kept part has."""
    own = [f"l{i}." for i in settings.layers]
    return sum(
        values.size
        for name, values in base.tensors.items()
        if name.startswith("emb.") or any(name.startswith(layer) for layer in own)
    )


def require_torch() -> None:
    """Raise `MissingExtraError` where torch is not installed."""
    try:
        import torch  # noqa: F401 - only to know that it is there
    except ImportError as error:
        raise MissingExtraError("torch", "encoder", "Fine-tuning an encoder") from error
