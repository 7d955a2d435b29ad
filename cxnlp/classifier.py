"""The library's face: text in, `Prediction` out. It composes the parts and holds no maths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from cxnlp import bundle as _bundle
from cxnlp.decide import Decided, Promise, decide, doubt_of, promise_recall
from cxnlp.errors import BundleError, InputError, MissingExtraError
from cxnlp.explain import evidence
from cxnlp.labels import Taxonomy
from cxnlp.stack import StackedScorer
from cxnlp.text import Prepared, clauses, prepare
from cxnlp.types import Evidence, Prediction

FloatArray = NDArray[np.float32]
_DIGITS = 4  # scores are rounded, so that every door prints the same number
_PART = 512  # messages that are read and scored at a time
_HERE = Path(__file__).parent
CHAMPION = (None, "", "champion", "fast", "auto")
"""What `load` takes for the model that comes with the package."""
_CHAMPIONS = (_HERE / "champion", _HERE.parent / "models" / "champion")  # wheel, checkout


@dataclass(frozen=True)
class Scores:
    """Calibrated scores of n messages, and how each was read."""

    prepared: list[Prepared]
    causes: FloatArray
    emotions: FloatArray


class Classifier:
    """Labels Dutch customer messages by cause and emotion.

    Made by `load`; safe to share between threads.

    Parameters
    ----------
    bundle
        A loaded model.
    cascade
        Whether a model of two parts answers with its fast part where that is sure.

    Raises
    ------
    InputError
        If a cascade is asked of a model that has none.
    """

    def __init__(self, bundle: _bundle.Bundle, *, cascade: bool = False) -> None:
        if cascade and (bundle.fast is None or bundle.boundary is None):
            raise InputError(
                f"A cascade needs a model of two parts; {bundle.name} {bundle.version} is of kind "
                f"{bundle.kind!r}. Load it without mode='auto'."
            )
        self.bundle = bundle
        self.cascade = cascade

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.bundle.name

    @property
    def version(self) -> str:
        """Which version of it this is; a cascade says so, as the words alone do."""
        return f"{self.bundle.version}.auto" if self.cascade else self.bundle.version

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels that it knows."""
        return self.bundle.taxonomy

    @property
    def classes_(self) -> tuple[str, ...]:
        """Causes, in the order of `predict_proba`'s columns."""
        return self.taxonomy.cause_names

    @property
    def emotion_classes_(self) -> tuple[str, ...]:
        """Emotions, in the order of `predict_emotion_proba`'s columns."""
        return self.taxonomy.emotion_names

    @property
    def thresholds(self) -> dict[str, float]:
        """The score from which each cause is given."""
        return dict(zip(self.bundle.rule.causes, self.bundle.rule.thresholds, strict=True))

    @overload
    def predict(self, texts: str, *, explain: bool = False, ids: Any = None) -> Prediction: ...

    @overload
    def predict(
        self, texts: Iterable[Any], *, explain: bool = False, ids: Sequence[Any] | None = None
    ) -> list[Prediction]: ...

    def predict(
        self, texts: str | Iterable[Any], *, explain: bool = False, ids: Any = None
    ) -> Prediction | list[Prediction]:
        """Label one message or many.

        Parameters
        ----------
        texts
            A string gives one `Prediction`; a list, tuple, array, pandas or polars Series or
            Arrow array of n strings gives a list of n. An item of it that is no string is
            answered ``out_of_scope`` with its position among the reasons, and the rest go on.
        explain
            Whether to look for the words that show each label (about as long again).
        ids
            What the messages are called: one for a string, n for n messages.

        Raises
        ------
        InputError
            If ``texts`` is neither text nor a collection of texts, or ``ids`` do not match.
        """
        if isinstance(texts, str):
            return self._predict([texts], [ids], explain)[0]
        items = _items(texts)
        if ids is not None and (isinstance(ids, str) or not isinstance(ids, Iterable)):
            raise InputError(f"Expected a list of ids, one a message; got {type(ids).__name__}.")
        named = [None] * len(items) if ids is None else _items(ids)
        if len(named) != len(items):
            raise InputError(f"Got {len(items)} messages and {len(named)} ids; give one id each.")
        # In parts, so that what is in between need not be held for all messages at a time.
        return [
            prediction
            for at in range(0, len(items), _PART)
            for prediction in self._predict(
                items[at : at + _PART], named[at : at + _PART], explain, first=at
            )
        ]

    def try_out(self) -> None:
        """Label one message: an encoder is read at the first, and one that cannot run fails here."""
        self.predict("Goedemiddag, waar blijft mijn pakket?", explain=True)

    def predict_proba(self, texts: str | Iterable[Any]) -> FloatArray:
        """Calibrated cause scores, shape (n, number of causes), columns as `classes_`.

        A message that is out of scope has only zeros.
        """
        return self.scores([texts] if isinstance(texts, str) else _items(texts)).causes

    def predict_emotion_proba(self, texts: str | Iterable[Any]) -> FloatArray:
        """Emotion scores, shape (n, number of emotions), columns as `emotion_classes_`.

        Rows sum to 1; a message that is out of scope is neutral with score 1.
        """
        return self.scores([texts] if isinstance(texts, str) else _items(texts)).emotions

    def scores(self, texts: Sequence[Any], *, first: int = 0) -> Scores:
        """Calibrated scores of n messages, before any decision; ``first`` is the first's position."""
        prepared = [_prepare(text, position) for position, text in enumerate(texts, first)]
        causes, emotions = self._probabilities([p.text if p.in_scope else "" for p in prepared])
        outside = np.array([not p.in_scope for p in prepared], dtype=bool)
        causes[outside] = 0
        emotions[outside] = 0
        emotions[outside, self.taxonomy.emotion_names.index(self.taxonomy.neutral)] = 1
        return Scores(prepared, causes, emotions)

    def decide(self, scores: Scores) -> list[Decided]:
        """The decision rule applied to `scores`."""
        return decide(
            self.bundle.rule,
            scores.causes,
            scores.emotions,
            in_scope=[p.in_scope for p in scores.prepared],
            reasons=[p.reasons for p in scores.prepared],
        )

    def promise(self, cause: str, *, recall: float, confidence: float = 0.95) -> Promise:
        """The threshold with which at least ``recall`` of the messages with a cause are found.

        Rests on messages that were held out of training; see `cxnlp.decide.promise_recall`.

        Raises
        ------
        InputError
            For an unknown cause, a number out of range, when the held-out messages cannot
            support the promise, or of a cascade, whose scores they are not.
        """
        if not isinstance(recall, int | float) or not isinstance(confidence, int | float):
            raise InputError(f"Expected numbers, got recall={recall!r}, confidence={confidence!r}.")
        if self.cascade:
            raise InputError(
                "A promise rests on held-out scores of one model, and a cascade answers with two. "
                "Load the model without mode='auto'."
            )
        if cause not in self.classes_:
            raise InputError(f"Unknown cause {cause!r}. Known are: {', '.join(self.classes_)}.")
        scores = self.bundle.heldout.get(cause, np.zeros(0, np.float32))
        return promise_recall(cause, scores, recall=recall, confidence=confidence)

    def with_promise(
        self, *, recall: float, causes: Iterable[str] | None = None, confidence: float = 0.95
    ) -> Classifier:
        """The same model with thresholds that promise a recall for some causes (default: all)."""
        if isinstance(causes, str):
            causes = (causes,)
        wanted = self.classes_ if causes is None else tuple(causes)
        return self.with_thresholds(
            {
                cause: self.promise(cause, recall=recall, confidence=confidence).threshold
                for cause in wanted
            }
        )

    def with_thresholds(self, thresholds: Mapping[str, float]) -> Classifier:
        """The same model with other thresholds, each in (0, 1], for some causes."""
        rule = self.bundle.rule.with_thresholds(thresholds)
        return Classifier(replace(self.bundle, rule=rule), cascade=self.cascade)

    def _probabilities(self, texts: list[str]) -> tuple[FloatArray, FloatArray]:
        model, fast = self.bundle, self.bundle.fast
        if not self.cascade or fast is None or model.boundary is None:
            return model.calibration.apply(model.scorer.logits(texts))
        causes, emotions = fast.calibration.apply(fast.scorer.logits(texts))
        asked = np.flatnonzero(doubt_of(causes, emotions) > model.boundary)
        if len(asked):
            logits = model.scorer.logits([texts[i] for i in asked])
            causes[asked], emotions[asked] = model.calibration.apply(logits)
        return causes, emotions

    def _predict(
        self, texts: list[Any], ids: list[Any], explain: bool, *, first: int = 0
    ) -> list[Prediction]:
        scores = self.scores(texts, first=first)
        cause_names, emotion_names = self.classes_, self.emotion_classes_
        names, thresholds = self.taxonomy.dutch_names, self.thresholds
        name, version = self.name, self.version
        return [
            Prediction(
                causes=decided.causes,
                emotion=decided.emotion,
                scores=dict(zip(cause_names, causes, strict=True)),
                emotion_scores=dict(zip(emotion_names, emotions, strict=True)),
                thresholds=thresholds,
                decision=decided.decision,
                reasons=decided.reasons,
                evidence=self._evidence(prepared, decided) if explain else (),
                language=prepared.language,
                names=names,
                model_name=name,
                model_version=version,
                id=given,
            )
            for decided, causes, emotions, prepared, given in zip(
                self.decide(scores),
                _rounded(scores.causes),
                _rounded(scores.emotions),
                scores.prepared,
                ids,
                strict=True,
            )
        ]

    def _evidence(self, prepared: Prepared, decided: Decided) -> tuple[Evidence, ...]:
        if decided.decision == "out_of_scope":
            return ()
        labels = list(decided.causes)
        if decided.emotion != self.taxonomy.neutral:
            labels.append(decided.emotion)
        if not labels:
            return ()
        contributions = self.bundle.scorer.contributions(prepared.text)
        spans = clauses(prepared.text)
        columns = self.taxonomy.cause_names + self.taxonomy.emotion_names
        return tuple(
            found
            for label in labels
            for found in evidence(
                prepared.original,
                label,
                contributions.spans,
                contributions.values @ self.bundle.calibration.towards(columns.index(label)),
                spans,
                prepared.span,
            )
        )


def load(
    source: str | Path | None = None, *, mode: str | None = None, threads: int = 1
) -> Classifier:
    """Load a model.

    Parameters
    ----------
    source
        Nothing or ``"champion"``: the model that comes with the package; ``"fast"`` or
        ``"auto"``: that model in this mode. A path: a bundle's folder. ``"models:/name@alias"``
        or ``"models:/name/version"``: a model registered in MLflow (extra ``mlflow``; the store
        is MLflow's own setting).
    mode
        Of a model of two parts (words and an encoder): nothing for the whole model, ``"fast"``
        for its words alone, which is many times as fast, ``"auto"`` for a cascade in which the
        whole model is asked only where the fast part is unsure.
    threads
        Messages that an encoder reads at the same time.

    Raises
    ------
    BundleError
        If there is no model there, or it is altered, damaged or of an unknown format.
    InputError
        For an unknown mode, or ``"auto"`` of a model without an encoder.
    MissingExtraError
        If MLflow is asked for and not installed.
    """
    if source is not None and not isinstance(source, str | os.PathLike):
        raise InputError(
            f"Expected the name or folder of a model, got {type(source).__name__}. Examples: "
            f"load(), load('fast'), load('models/champion')."
        )
    if source in ("fast", "auto"):
        if mode not in (None, source):
            raise InputError(f"load({source!r}) is a mode already; mode={mode!r} contradicts it.")
        source, mode = None, str(source)
    if mode not in (None, "fast", "auto"):
        raise InputError(f"mode is {mode!r}; expected 'fast', 'auto' or nothing.")
    if not isinstance(threads, int) or threads < 1:
        raise InputError(f"threads must be a whole number of at least 1; got {threads!r}.")
    bundle = _bundle.load(_folder(source))
    if mode == "fast":
        return Classifier(bundle.fast or bundle)
    if isinstance(bundle.scorer, StackedScorer):
        bundle.scorer.encoder.threads = threads
    return Classifier(bundle, cascade=mode == "auto")


def _folder(source: str | Path | None) -> Path:
    if source in CHAMPION:
        for folder in _CHAMPIONS:
            if folder.is_dir():
                return folder
        raise BundleError(
            "This installation carries no model. Run `make run` in a checkout to train one, or "
            "give load() a model folder."
        )
    if str(source).startswith(("models:/", "runs:/")):
        return _from_mlflow(str(source))
    return Path(source)


def _from_mlflow(uri: str) -> Path:
    # MLflow would report its use over the network; a prediction stays on the machine.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
    except ImportError as error:
        raise MissingExtraError("mlflow", "mlflow", f"Loading {uri!r}") from error
    try:
        local = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    except Exception as error:  # mlflow raises a dozen kinds here
        raise BundleError(
            f"MLflow at {mlflow.get_tracking_uri()!r} gave no model for {uri!r}: {error}. Check "
            f"the name and the alias, and set MLFLOW_TRACKING_URI to the store that holds it."
        ) from error
    found = sorted(local.rglob(_bundle.MANIFEST))
    if not found:
        raise BundleError(f"The MLflow model {uri!r} holds no cxnlp bundle ({_bundle.MANIFEST}).")
    return found[0].parent


def _items(texts: Iterable[Any]) -> list[Any]:
    """A list of what any collection of texts holds."""
    if isinstance(texts, (bytes, Mapping)) or not isinstance(texts, Iterable):
        raise InputError(
            f"Expected a string or a list of strings, got {type(texts).__name__}. Pass the text "
            f"itself, or the column that holds the texts."
        )
    if hasattr(texts, "columns"):
        raise InputError(
            f"Expected one column of texts, got a whole table ({type(texts).__name__}). Pass one "
            f'column of it, such as table["text"].'
        )
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(texts, method):
            return list(getattr(texts, method)())
    return list(texts)


def _prepare(text: Any, position: int) -> Prepared:
    if isinstance(text, str):
        return prepare(text)
    return Prepared.outside(
        f"not_text: expected a string, got {type(text).__name__} at position {position}"
    )


def _rounded(scores: FloatArray) -> list[list[float]]:
    rounded: list[list[float]] = np.round(scores.astype(float), _DIGITS).tolist()
    return rounded
