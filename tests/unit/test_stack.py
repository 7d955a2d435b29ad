"""Words and encoder in one model: on disk, alone, together and as a cascade."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_encoder

import cxnlp
from cxnlp import bundle as bundles
from cxnlp.calibrate import Calibration
from cxnlp.contents import STACKED
from cxnlp.errors import BundleError, InputError
from cxnlp.stack import StackedScorer

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien",
    "Bedankt voor de snelle hulp!",
    "Er is 2 keer 49,95 afgeschreven",
    "Jullie chatbot stuurt me in een cirkel en niemand belt terug. Wat een service!",
    "",
]


@pytest.fixture(scope="module")
def stacked(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a small random encoder beside it."""
    fast = bundles.load(tiny_bundle)
    columns = len(fast.calibration.intercept)
    own = fast.calibration
    whole = replace(
        fast,
        kind=STACKED,
        scorer=StackedScorer(fast.scorer, small_encoder.encoder(columns)),
        calibration=Calibration(
            np.vstack([own.slope, np.full(columns, 0.3, np.float32)]),
            own.intercept,
            own.n_causes,
            own.n_emotions,
        ),
        fast=fast,
        boundary=0.2,
    )
    folder = tmp_path_factory.mktemp("models") / "stacked"
    bundles.save(whole, folder)
    return folder


def test_what_is_saved_is_what_is_loaded(stacked: Path, tmp_path: Path) -> None:
    first = bundles.load(stacked)
    bundles.save(first, tmp_path / "again")
    second = bundles.load(tmp_path / "again")
    assert np.array_equal(first.scorer.logits(TEXTS), second.scorer.logits(TEXTS))
    assert (second.kind, second.boundary) == (STACKED, 0.2)
    assert second.fast is not None
    assert second.fast.rule == first.rule


def test_its_words_alone_are_the_fast_model(stacked: Path, tiny_bundle: Path) -> None:
    fast = cxnlp.load(stacked, mode="fast")
    tiny = cxnlp.load(tiny_bundle)
    assert np.array_equal(fast.predict_proba(TEXTS), tiny.predict_proba(TEXTS))
    assert cxnlp.load(tiny_bundle, mode="fast").version == tiny.version


def test_both_parts_have_a_say(stacked: Path, tiny_bundle: Path) -> None:
    whole = cxnlp.load(stacked)
    parts = whole.bundle.scorer.logits(["niemand gezien"]).reshape(2, -1)
    slope, intercept = whole.bundle.calibration.slope, whole.bundle.calibration.intercept
    z = (parts * slope).sum(0) + intercept
    expected = 1 / (1 + np.exp(-z[:9]))
    assert np.allclose(whole.predict_proba("niemand gezien")[0], expected, atol=1e-5)
    assert not np.allclose(whole.predict_proba(TEXTS), cxnlp.load(tiny_bundle).predict_proba(TEXTS))


def test_a_cascade_asks_only_where_the_fast_part_is_unsure(stacked: Path) -> None:
    fast, whole = cxnlp.load(stacked, mode="fast"), cxnlp.load(stacked)
    causes, emotions = fast.predict_proba(TEXTS), fast.predict_emotion_proba(TEXTS)
    doubt = np.maximum(np.minimum(causes, 1 - causes).max(1), (1 - emotions.max(1)) / 2)
    between = float(np.sort(doubt)[2])
    auto = cxnlp.load(stacked, mode="auto")
    auto.bundle = replace(auto.bundle, boundary=between)
    asked = doubt > between
    assert 0 < asked.sum() < len(TEXTS)
    got = auto.predict_proba(TEXTS)
    assert np.allclose(got[asked], whole.predict_proba(TEXTS)[asked])
    assert np.allclose(got[~asked], causes[~asked])
    careful = auto.with_thresholds({"billing": 0.9})
    assert np.allclose(careful.predict_proba(TEXTS), got)
    assert careful.thresholds["billing"] == 0.9


def test_scores_do_not_depend_on_batch_or_threads(stacked: Path) -> None:
    whole, two = cxnlp.load(stacked), cxnlp.load(stacked, threads=2)
    together = [p.to_dict() for p in whole.predict(TEXTS)]
    assert together == [whole.predict(text).to_dict() for text in TEXTS]
    assert together == [p.to_dict() for p in two.predict(TEXTS)]


def test_contributions_of_both_parts_sum_to_the_logits(stacked: Path) -> None:
    scorer = cxnlp.load(stacked).bundle.scorer
    assert isinstance(scorer, StackedScorer)
    text = "Jullie chatbot stuurt me rond, en niemand belt terug!"
    found = scorer.contributions(text)
    bias = np.concatenate([scorer.words.bias, scorer.encoder.bias])
    assert np.allclose(found.values.sum(0) + bias, scorer.logits([text])[0], atol=1e-3)
    assert scorer.contributions("").values.shape == (0, 2 * len(scorer.words.bias))


def test_evidence_lies_in_the_original_text(stacked: Path) -> None:
    p = cxnlp.load(stacked).predict(TEXTS[3], explain=True)
    assert p.evidence
    assert all(TEXTS[3][e.start : e.end] == e.text for e in p.evidence)


def test_a_cascade_of_one_part_is_refused(tiny_bundle: Path) -> None:
    with pytest.raises(InputError, match=r"needs a model of two parts; tiny 0\.0\.1"):
        cxnlp.load(tiny_bundle, mode="auto")
    with pytest.raises(InputError, match="expected 'fast', 'auto'"):
        cxnlp.load(tiny_bundle, mode="slow")


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "fast.safetensors"])
def test_a_missing_or_altered_part_is_named(stacked: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(stacked, tmp_path / "copy"))
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + b"?")
    with pytest.raises(BundleError, match=f"{name!r}.*SHA-256 differs"):
        cxnlp.load(copy)
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"lacks the file {name!r}"):
        cxnlp.load(copy)


def test_each_mode_says_which_it_is(stacked: Path) -> None:
    versions = [
        cxnlp.load(stacked, mode=m).predict("hallo").model_version for m in (None, "fast", "auto")
    ]
    assert versions == ["0.0.1", "0.0.1.fast", "0.0.1.auto"]


def test_a_cascade_makes_no_promise(stacked: Path) -> None:
    with pytest.raises(InputError, match="Load the model without mode='auto'"):
        cxnlp.load(stacked, mode="auto").with_promise(recall=0.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"source": 5}, "Expected the name or folder of a model, got int"),
        ({"source": "fast", "mode": "auto"}, "mode='auto' contradicts it"),
        ({"threads": 0}, "whole number of at least 1; got 0"),
        ({"threads": "2"}, "got '2'"),
    ],
)
def test_wrong_arguments_are_told(given: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        cxnlp.load(**given)


def test_ids_and_promises_of_the_wrong_type_are_told(tiny_bundle: Path) -> None:
    model = cxnlp.load(tiny_bundle)
    for ids in (3, "ab"):
        with pytest.raises(InputError, match="Expected a list of ids"):
            model.predict(["a", "b"], ids=ids)
    with pytest.raises(InputError, match="Expected numbers, got recall='x'"):
        model.with_promise(recall="x")
    lowered = model.with_promise(recall=0.3, causes="billing", confidence=0.5)
    assert lowered.thresholds["delivery"] == model.thresholds["delivery"]


def test_an_encoder_that_cannot_run_is_found_before_anybody_is_answered_with_it(
    stacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi")
    from cxnlp.cli import main
    from cxnlp.server.reload import Models

    folder = Path(shutil.copytree(stacked, tmp_path / "model"))
    models = Models(str(folder), lambda outcome, what: None)
    models.check()
    good = models.current
    assert good is not None
    broken = bundles.load(folder)
    assert isinstance(broken.scorer, StackedScorer)
    broken.scorer.encoder.graph = b"no graph"
    bundles.save(broken, folder)
    models.check()
    assert models.current is good
    assert "onnxruntime cannot read the encoder" in str(models.error)
    assert main(["verify", str(folder)]) == 2
    assert "onnxruntime cannot read the encoder" in capsys.readouterr().err
