"""What a model is made of, and its form as files: JSON and safetensors, nothing that can run.

A linear model is ``model.json`` (taxonomy, decision rule, settings of the feature block) and
``weights.safetensors`` (every array). A stacked one has these for the stack, ``encoder.onnx`` and
``tokenizer.json`` for its encoder, and a whole linear model as ``fast.json`` and
``fast.safetensors``: its words' part, which also answers alone.

Arrays of a linear model with n features and K labels: ``keys`` uint32 (n,), ``idf`` float16 (n,),
``is_char`` n flags as bits, ``weights`` int8 (n, K) to be multiplied by ``scale`` float16 (n,),
``bias``, ``slope`` and ``intercept`` (K,), ``heldout.CAUSE`` scores. Bundle format 1 had no
``scale``, weights in float16, rarity in float32 and flags in bytes; it is still read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.calibrate import Calibration
from cxnlp.decide import Rule
from cxnlp.errors import BundleError
from cxnlp.features.encoder import Encoder
from cxnlp.features.wordgrams import WordGrams
from cxnlp.heads import LinearScorer, Scorer
from cxnlp.labels import Taxonomy
from cxnlp.stack import StackedScorer

LINEAR = "wordgrams-linear"
STACKED = "words-encoder"
KINDS = (LINEAR, STACKED)
_MODEL, _WEIGHTS = "model.json", "weights.safetensors"
_FAST_MODEL, _FAST_WEIGHTS = "fast.json", "fast.safetensors"
_GRAPH, _TOKENIZER = "encoder.onnx", "tokenizer.json"
_REQUIRED = {
    LINEAR: (_MODEL, _WEIGHTS),
    STACKED: (_MODEL, _WEIGHTS, _FAST_MODEL, _FAST_WEIGHTS, _GRAPH, _TOKENIZER),
}


@dataclass(frozen=True)
class Bundle:
    """Everything that a model is, in memory.

    Attributes
    ----------
    name, version
        What it is called in every answer.
    kind
        Which scorer it holds; one of `KINDS`.
    taxonomy, scorer, calibration, rule
        The parts that a prediction goes through.
    heldout
        For each cause, calibrated scores of held-out messages that have it, shape (n,): what
        a promise of recall rests on.
    info
        Facts for people: when and on what it was trained, figures.
    fast
        Of a stacked model, its words' part as a model of its own.
    boundary
        Of a stacked model, the doubt of `fast` above which a cascade asks the whole model; see
        `cxnlp.decide.doubt_of`.
    """

    name: str
    version: str
    taxonomy: Taxonomy
    scorer: Scorer
    calibration: Calibration
    rule: Rule
    heldout: Mapping[str, NDArray[np.float32]]
    kind: str = LINEAR
    info: Mapping[str, Any] = field(default_factory=dict)
    fast: Bundle | None = None
    boundary: float | None = None


def to_files(bundle: Bundle) -> dict[str, bytes]:
    """The files of a model, name to content.

    Raises
    ------
    BundleError
        If its scorer is of a type that has no form on disk.
    """
    if bundle.fast is None:
        return {_MODEL: _json(_described(bundle)), _WEIGHTS: _arrays_to(_linear_arrays(bundle))}
    if not isinstance(bundle.scorer, StackedScorer):
        raise _unsaveable(bundle)
    model = {**_common(bundle), "boundary": bundle.boundary}
    return {
        _MODEL: _json(model),
        _WEIGHTS: _arrays_to(_common_arrays(bundle)),
        _FAST_MODEL: _json(_described(bundle.fast)),
        _FAST_WEIGHTS: _arrays_to(_linear_arrays(bundle.fast)),
        _GRAPH: bundle.scorer.encoder.graph,
        _TOKENIZER: bundle.scorer.encoder.tokenizer.encode(),
    }


def from_files(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> Bundle:
    """The model that files hold.

    Raises
    ------
    BundleError
        If a file that its kind needs is not there.
    KeyError, TypeError, ValueError, CxnlpError
        If what they hold does not fit together.
    """
    kind = manifest["kind"]
    for name in _REQUIRED[kind]:
        if name not in files:
            raise BundleError(f"A model of kind {kind!r} needs the file {name!r}.")
    model, arrays = json.loads(files[_MODEL]), _arrays_from(files[_WEIGHTS])
    if kind == LINEAR:
        return _linear(manifest, model, arrays)
    fast = _linear(
        {**manifest, "kind": LINEAR, "version": f"{manifest['version']}.fast"},
        json.loads(files[_FAST_MODEL]),
        _arrays_from(files[_FAST_WEIGHTS]),
    )
    if not isinstance(fast.scorer, LinearScorer):
        raise TypeError(f"{_FAST_MODEL} holds no linear model")
    encoder = Encoder(files[_GRAPH], files[_TOKENIZER].decode())
    boundary = model["boundary"]
    return _bundle(
        manifest,
        model,
        arrays,
        StackedScorer(fast.scorer, encoder),
        parts=2,
        fast=fast,
        boundary=None if boundary is None else float(boundary),
    )


def _common(bundle: Bundle) -> dict[str, Any]:
    rule = bundle.rule
    return {
        "taxonomy": bundle.taxonomy.to_dict(),
        "rule": {
            "thresholds": dict(zip(rule.causes, rule.thresholds, strict=True)),
            "doubt_limit": rule.doubt_limit,
            "emotion_limit": rule.emotion_limit,
        },
        "info": dict(bundle.info),
    }


def _common_arrays(bundle: Bundle) -> dict[str, NDArray[Any]]:
    slope = bundle.calibration.slope
    return {
        "slope": slope[0] if len(slope) == 1 else slope,
        "intercept": bundle.calibration.intercept,
        **{f"heldout.{cause}": scores for cause, scores in bundle.heldout.items()},
    }


def _described(bundle: Bundle) -> dict[str, Any]:
    block = _scorer_of(bundle).block
    return {
        **_common(bundle),
        "features": {
            "char_sizes": list(block.char_sizes),
            "gap": block.gap,
            "floor": list(block.floor),
        },
    }


def _linear_arrays(bundle: Bundle) -> dict[str, NDArray[Any]]:
    scorer = _scorer_of(bundle)
    return {
        "keys": scorer.block.keys,
        "idf": scorer.block.idf.astype(np.float16),
        "is_char": np.packbits(scorer.block.is_char),
        **in_a_byte(scorer.weights),
        "bias": scorer.bias,
        **_common_arrays(bundle),
    }


def in_a_byte(weights: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Weights (n, K) as int8 with a scale a feature, float16 (n,).

    What `out_of_a_byte` makes of them comes out the same when it is written again.
    """
    scale = (np.abs(weights).max(axis=1) / 127).astype(np.float16)
    whole = np.where(scale > 0, scale, 1).astype(np.float32)[:, None]
    return {"weights": np.rint(weights / whole).clip(-127, 127).astype(np.int8), "scale": scale}


def out_of_a_byte(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Weights, shape (n, K), of what `in_a_byte` gave."""
    return np.asarray(arrays["weights"] * arrays["scale"].astype(np.float32)[:, None])


def _scorer_of(bundle: Bundle) -> LinearScorer:
    if not isinstance(bundle.scorer, LinearScorer):
        raise _unsaveable(bundle)
    return bundle.scorer


def _unsaveable(bundle: Bundle) -> BundleError:
    return BundleError(f"A scorer of type {type(bundle.scorer).__name__} cannot be saved.")


def _linear(
    manifest: Mapping[str, Any], model: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> Bundle:
    rows, columns = len(arrays["keys"]), len(arrays["bias"])
    if "scale" in arrays:  # not in a model of bundle format 1, which is larger
        arrays = {
            **arrays,
            "weights": out_of_a_byte(arrays),
            "idf": arrays["idf"].astype(np.float32),
            "is_char": np.unpackbits(arrays["is_char"], count=rows).astype(bool),
        }
    for name, shape in (("weights", (rows, columns)), ("idf", (rows,)), ("is_char", (rows,))):
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape}")
    features = model["features"]
    low, high = features["char_sizes"]
    words, letters = features["floor"]
    block = WordGrams(
        keys=arrays["keys"],
        idf=arrays["idf"],
        is_char=arrays["is_char"],
        char_sizes=(int(low), int(high)),
        gap=int(features["gap"]),
        floor=(float(words), float(letters)),
    )
    scorer = LinearScorer(block, arrays["weights"], arrays["bias"])
    if arrays["intercept"].shape != arrays["bias"].shape:
        raise ValueError(f"bias has {columns} columns, intercept {arrays['intercept'].shape}")
    return _bundle(manifest, model, arrays, scorer, parts=1)


def _bundle(
    manifest: Mapping[str, Any],
    model: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
    scorer: Scorer,
    *,
    parts: int,
    fast: Bundle | None = None,
    boundary: float | None = None,
) -> Bundle:
    taxonomy = Taxonomy.from_dict(model["taxonomy"])
    labels = len(taxonomy.causes) + len(taxonomy.emotions)
    columns = len(arrays["intercept"])
    if columns not in (labels, labels + 1):
        raise ValueError(f"intercept has {columns} columns for {labels} labels")
    rule = model["rule"]
    return Bundle(
        name=manifest["name"],
        version=manifest["version"],
        kind=manifest["kind"],
        taxonomy=taxonomy,
        scorer=scorer,
        calibration=Calibration(
            arrays["slope"].reshape(parts, columns),
            arrays["intercept"],
            len(taxonomy.causes),
            len(taxonomy.emotions),
        ),
        rule=Rule(
            causes=taxonomy.cause_names,
            emotions=taxonomy.emotion_names,
            neutral=taxonomy.neutral,
            thresholds=tuple(float(rule["thresholds"][c]) for c in taxonomy.cause_names),
            doubt_limit=float(rule["doubt_limit"]),
            emotion_limit=float(rule["emotion_limit"]),
        ),
        heldout={
            name.removeprefix("heldout."): scores
            for name, scores in arrays.items()
            if name.startswith("heldout.")
        },
        info=model.get("info", {}),
        fast=fast,
        boundary=boundary,
    )


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _arrays_to(arrays: dict[str, NDArray[Any]]) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(values) for name, values in arrays.items()})


def _arrays_from(content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(f"safetensors: {error}") from error
