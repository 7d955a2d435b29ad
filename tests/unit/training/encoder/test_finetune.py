"""Fine-tuning on a small random encoder: it learns, can be cut off, and exports what it learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_encoder
from conftest import records

from cxnlp.features.encoder import Encoder as Runner
from cxnlp.labels import DEFAULT
from cxnlp.text import prepare
from training.metrics import Truth
from training.tune import emotion_targets

torch = pytest.importorskip("torch", reason="torch comes with the extra encoder only")

from training.encoder import finetune as tuning  # noqa: E402 - after the check for torch
from training.encoder import job  # noqa: E402
from training.encoder.export import build, quantise  # noqa: E402
from training.encoder.network import Encoder, pad, weights_of  # noqa: E402
from training.encoder.tuned import Tuned, honest_logits, read_tuned, text_key, write_tuned  # noqa: E402

SETTINGS = tuning.Settings(
    layers=(0, 1), frozen=1, epochs=6, batch=8, rate=5e-3, head_rate=2e-2, decay=1.0, dropout=0.0
)
ROWS = records()
TEXTS = [prepare(row.text).text for row in ROWS]
TRUTH = Truth.of(ROWS, DEFAULT)
COUNTS = {"n_causes": 9, "n_emotions": 7}


def bottom(base: object, settings: tuning.Settings) -> tuning.Bottom:
    ids = tuning.encode(base, TEXTS, settings.max_tokens)
    model = Encoder(base, settings.layers, 17)
    return tuning.bottom_states(model, ids, settings.frozen, lambda *said: None)


def loss(logits: np.ndarray) -> float:
    causes = torch.from_numpy(TRUTH.causes.astype(np.float32))
    emotion = torch.from_numpy(emotion_targets(TRUTH, 7).astype(np.float32))
    return float(tuning.loss_of(torch.from_numpy(logits), causes, emotion, SETTINGS))


def test_torch_and_the_graph_agree() -> None:
    base = small_encoder.base()
    model = Encoder(base, (0, 1), 17, seed=3).eval()
    graph = build(weights_of(model), layers=2, heads=base.heads, eps=base.eps, first_position=0)
    runner = Runner(graph.SerializeToString(), base.tokenizer)
    with torch.inference_mode():
        ids = tuning.encode(base, TEXTS[:8], SETTINGS.max_tokens)
        expected = model(*pad(ids, model.pad)).numpy()
    assert np.abs(runner.logits(TEXTS[:8]) - expected).max() < 1e-4
    small = Runner(quantise(graph), base.tokenizer)
    assert len(small.graph) < 0.7 * len(runner.graph)
    assert np.corrcoef(small.logits(TEXTS).ravel(), runner.logits(TEXTS).ravel())[0, 1] > 0.98


def test_padding_changes_nothing() -> None:
    model = Encoder(small_encoder.base(), (0, 1), 17).eval()
    with torch.inference_mode():
        alone = model(*pad([[0, 5, 6, 2]], 1))
        padded = model(*pad([[0, 5, 6, 2], [0, *range(5, 25), 2]], 1))[:1]
    assert torch.allclose(alone, padded, atol=1e-5)


def test_it_learns_and_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    base = small_encoder.base()
    states = bottom(base, SETTINGS)
    whole = tuning.finetune(base, TRUTH, SETTINGS, states, **COUNTS)
    rows = np.arange(len(TRUTH))
    logits = tuning.logits_from(whole, states, rows, SETTINGS.frozen)
    untrained = Encoder(base, SETTINGS.layers, 17).eval()
    before = tuning.logits_from(untrained, states, rows, SETTINGS.frozen)
    assert loss(logits) < 0.8 * loss(before)

    class CutOff(Exception):
        pass

    def stop(model: object, epoch: int) -> None:
        if epoch == 2:
            raise CutOff

    kept = tmp_path / "fold.pt"
    with pytest.raises(CutOff):
        tuning.finetune(base, TRUTH, SETTINGS, states, **COUNTS, checkpoint=kept, after_epoch=stop)
    epochs: list[int] = []
    again = tuning.finetune(
        base, TRUTH, SETTINGS, states, **COUNTS, checkpoint=kept,
        after_epoch=lambda model, epoch: epochs.append(epoch),
    )  # fmt: skip
    assert epochs == [3, 4, 5]
    assert np.allclose(logits, tuning.logits_from(again, states, rows, SETTINGS.frozen), atol=1e-4)


def test_the_whole_job_scores_each_message_by_one_that_did_not_see_it(tmp_path: Path) -> None:
    quick = replace(SETTINGS, epochs=2)
    said: list[str] = []

    def tune() -> Tuned:
        return job.tune_encoder(
            small_encoder.base(),
            TEXTS,
            TRUTH,
            DEFAULT,
            quick,
            groups=[row.id for row in ROWS],
            jobs=1,
            held_out=(TEXTS, TRUTH),
            cache=tmp_path / "cache",
            progress=lambda what, done, total: said.append(what),
        )

    tuned = tune()
    assert not list(tmp_path.rglob("*.pt"))
    assert tune().version == tuned.version  # from what is small and was kept
    assert "whole training split" in said
    cost = tuned.facts["quantisation"]
    assert cost["messages"] == len(TEXTS)
    assert cost["int8"]["mean_ap"] == pytest.approx(cost["float"]["mean_ap"], abs=0.1)
    assert set(tuned.crossfit) == {text_key(text) for text in TEXTS}
    honest, own = honest_logits(tuned, TEXTS), tuned.encoder.logits(TEXTS)
    assert not np.allclose(honest, own, atol=1e-2)
    assert np.allclose(honest_logits(tuned, ["iets nieuws"]), tuned.encoder.logits(["iets nieuws"]))
    write_tuned(tuned, tmp_path / "encoder")
    assert read_tuned(tmp_path / "encoder").version == replace_halves(tuned).version


def replace_halves(tuned: object) -> object:
    """What half precision on disk makes of the logits."""
    half = {k: v.astype(np.float16).astype(np.float32) for k, v in tuned.crossfit.items()}
    return replace(tuned, crossfit=half)
