"""Folds keep groups whole, and every candidate trains, repeats itself and fits the protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxnlp.errors import TrainingError
from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from training.candidates import CONFIG, KINDS, Config, all_configs, read_config
from training.fit import fold_of, train
from training.run import latency_ms

CAUSES = ("billing", "delivery", "disrespect")
LINES = {
    "billing": "er is dubbel betaald voor nummer {} en het geld is niet terug",
    "delivery": "het pakket van {} is nooit bezorgd, doos kwijt",
    "disrespect": "de medewerker van {} snauwde en was onbeschoft",
    "": "bedankt voor de uitleg over {}, prima",
}
EMOTIONS = {
    "billing": "anger",
    "delivery": "frustration",
    "disrespect": "disappointment",
    "": "gratitude",
}
THINGS = (
    "stoelen",
    "fietsen",
    "borden",
    "lampen",
    "jassen",
    "boeken",
    "planten",
    "vloeren",
    "kaarten",
    "deuren",
)


def records() -> list[Record]:
    return [
        Record(
            f"{cause or 'none'}-{i}",
            text.format(thing),
            (cause,) if cause else (),
            EMOTIONS[cause],
            situation=thing,
        )
        for cause, text in LINES.items()
        for i, thing in enumerate(THINGS)
    ]


def test_groups_stay_whole_and_folds_are_even() -> None:
    groups = [f"g{i % 37}" for i in range(400)]
    fold = fold_of(groups, 5)
    assert all(
        len({f for f, g in zip(fold, groups, strict=True) if g == name}) == 1
        for name in set(groups)
    )
    assert np.bincount(fold).min() > 60
    assert np.array_equal(fold, fold_of(groups, 5))


@pytest.mark.parametrize("kind", ["wordgrams", "tfidf", "keywords", "textcat"])
def test_a_candidate_learns_the_obvious_and_repeats_itself(kind: str) -> None:
    config = read_config(CONFIG / f"{kind}.toml")
    rows = records()
    [one] = train([config], rows, DEFAULT, jobs=1, folds=2)
    [two] = train([config], rows, DEFAULT, jobs=1, folds=2)
    texts = [r.text for r in rows]
    assert np.array_equal(one.score(texts).causes, two.score(texts).causes)
    assert one.rule == two.rule
    j = DEFAULT.cause_names.index("delivery")
    scores = one.score(["mijn pakket is nooit bezorgd", "bedankt voor de uitleg"]).causes[:, j]
    assert scores[0] > scores[1]


def test_out_of_fold_scores_are_of_models_that_did_not_see_the_message() -> None:
    rows = records()
    config = read_config(CONFIG / "wordgrams.toml")
    [one] = train([config], rows, DEFAULT, jobs=1, folds=2)
    inside = one.score([r.text for r in rows]).causes
    truth = DEFAULT.multi_hot([r.causes for r in rows])
    assert np.abs(one.oof.causes - truth).mean() > np.abs(inside - truth).mean()


def test_progress_counts_every_task() -> None:
    seen: list[tuple[int, int]] = []
    config = read_config(CONFIG / "keywords.toml")
    train(
        [config],
        records(),
        DEFAULT,
        jobs=1,
        folds=2,
        progress=lambda what, done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_every_config_is_of_a_known_kind() -> None:
    configs = all_configs()
    assert {config.kind for config in configs} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = 'magic'", "kind is 'magic'; expected one of"),
        ("colour = 3", "unknown key 'colour'"),
        ("kind =", "Cannot read"),
    ],
)
def test_a_bad_config_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=said):
        read_config(path)


def test_keywords_need_phrases() -> None:
    with pytest.raises(TrainingError, match=r"params\.phrases"):
        train([Config("k", "keywords", "k")], records(), DEFAULT, jobs=1, folds=2)


def test_latency_is_a_positive_time(tiny_model) -> None:
    assert 0 < latency_ms(tiny_model, ["De monteur kwam niet"] * 3, repeats=1) < 1000
