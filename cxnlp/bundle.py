"""A model on disk: JSON and safetensors under a manifest, and nothing that can run.

A bundle is a folder::

    manifest.json        format number, name, version, kind, and SHA-256 and size of each file
    model.json           taxonomy, decision rule, settings of the feature block
    weights.safetensors  every array
    README.md, …         the model card and what else the manifest names

Reading checks that the folder holds exactly what the manifest says; writing goes to a
neighbouring folder first and is moved into place, so a kill leaves the old bundle whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.calibrate import Calibration
from cxnlp.decide import Rule
from cxnlp.errors import BundleError, CxnlpError
from cxnlp.features.wordgrams import WordGrams
from cxnlp.heads import LinearScorer, Scorer
from cxnlp.labels import Taxonomy

FORMAT = 1
KINDS = ("wordgrams-linear",)
MANIFEST = "manifest.json"
_MODEL = "model.json"
_WEIGHTS = "weights.safetensors"


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
    """

    name: str
    version: str
    taxonomy: Taxonomy
    scorer: Scorer
    calibration: Calibration
    rule: Rule
    heldout: Mapping[str, NDArray[np.float32]]
    kind: str = "wordgrams-linear"
    info: Mapping[str, Any] = field(default_factory=dict)


def save(bundle: Bundle, folder: str | Path, *, extra: Mapping[str, str] | None = None) -> None:
    """Write a bundle, replacing what is in ``folder`` only when all of it is on disk.

    Parameters
    ----------
    bundle
        The model; its scorer must be a `LinearScorer`.
    folder
        Where to; made if needed.
    extra
        Text files to put beside it, name to content (the model card).

    Raises
    ------
    BundleError
        If it cannot be written; the old one is left as it was.
    """
    folder = Path(folder)
    files = {name: text.encode() for name, text in (extra or {}).items()}
    try:
        files[_MODEL] = (
            json.dumps(_describe(bundle), indent=1, ensure_ascii=False) + "\n"
        ).encode()
        files[_WEIGHTS] = _weights(bundle)
        manifest = {
            "format": FORMAT,
            "name": bundle.name,
            "version": bundle.version,
            "kind": bundle.kind,
            "files": {
                name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
                for name, content in sorted(files.items())
            },
        }
        files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, content in files.items():
                with (fresh / name).open("wb") as out:
                    out.write(content)
                    out.flush()
                    os.fsync(out.fileno())
            fresh.chmod(0o755)
            replace_folder(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise BundleError(
            f"Cannot write the model to {str(folder)!r}: {error}. What was there before is "
            f"untouched; free some space or choose another folder."
        ) from error


def replace_folder(fresh: Path, folder: Path) -> None:
    """Put a finished folder in the place of another; the old one returns if that fails."""
    if not folder.exists():
        fresh.replace(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.replace(old)
    try:
        fresh.replace(folder)
    except OSError:
        old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def verify(folder: str | Path) -> dict[str, Any]:
    """Check a bundle's files against its manifest and return the manifest.

    Raises
    ------
    BundleError
        If the folder or its manifest is missing or unreadable, the format or kind unknown, or
        a file missing, altered or not named in the manifest; the message names it.
    """
    return _read(Path(folder))[0]


def load(folder: str | Path) -> Bundle:
    """Read a bundle; every byte is checked before it is used.

    Raises
    ------
    BundleError
        As `verify`, and if the content does not fit together.
    """
    manifest, files = _read(Path(folder))
    try:
        return _assemble(manifest, json.loads(files[_MODEL]), _arrays(files[_WEIGHTS]))
    except (KeyError, TypeError, ValueError, CxnlpError) as error:
        raise BundleError(
            f"The model in {str(folder)!r} does not fit together ({type(error).__name__}: {error}). "
            f"Train it again, or take a bundle that this version of cxnlp wrote."
        ) from error


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    if not folder.is_dir():
        raise BundleError(f"No model folder at {str(folder)!r}. Give a folder with a {MANIFEST}.")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        listed = {str(name): dict(entry) for name, entry in manifest["files"].items()}
    except FileNotFoundError:
        raise BundleError(f"{str(folder)!r} has no {MANIFEST}, so it is no cxnlp model.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"Cannot read {str(folder / MANIFEST)!r}: {error}.") from error
    if manifest.get("format") != FORMAT:
        raise BundleError(
            f"{str(folder)!r} has bundle format {manifest.get('format')!r}; this version of cxnlp "
            f"reads format {FORMAT}. Upgrade cxnlp, or train the model again."
        )
    if manifest.get("kind") not in KINDS:
        raise BundleError(
            f"{str(folder)!r} holds a model of kind {manifest.get('kind')!r}; known are: "
            f"{', '.join(KINDS)}. Upgrade cxnlp."
        )
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(set(listed) - present):
        raise BundleError(
            f"{str(folder)!r} lacks the file {name!r}. Copy or train the model again."
        )
    for name in sorted(present - set(listed)):
        raise BundleError(
            f"{str(folder)!r} holds {name!r}, which its manifest does not name. Remove that file."
        )
    files = {}
    for name, entry in listed.items():
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
            raise BundleError(
                f"{name!r} in {str(folder)!r} is not what its manifest says (SHA-256 differs). "
                f"It was altered or damaged: copy or train the model again."
            )
        files[name] = content
    for name in (_MODEL, _WEIGHTS):
        if name not in files:
            raise BundleError(f"The manifest of {str(folder)!r} does not name {name!r}.")
    return manifest, files


def _describe(bundle: Bundle) -> dict[str, Any]:
    scorer = _linear(bundle)
    rule = bundle.rule
    return {
        "taxonomy": bundle.taxonomy.to_dict(),
        "rule": {
            "thresholds": dict(zip(rule.causes, rule.thresholds, strict=True)),
            "doubt_limit": rule.doubt_limit,
            "emotion_limit": rule.emotion_limit,
        },
        "features": {
            "char_sizes": list(scorer.block.char_sizes),
            "gap": scorer.block.gap,
            "floor": list(scorer.block.floor),
        },
        "info": dict(bundle.info),
    }


def _weights(bundle: Bundle) -> bytes:
    from safetensors.numpy import save as to_bytes

    scorer = _linear(bundle)
    return to_bytes(
        {
            "keys": scorer.block.keys,
            "idf": scorer.block.idf,
            "is_char": scorer.block.is_char,
            "weights": scorer.weights.astype(np.float16),
            "bias": scorer.bias,
            "slope": bundle.calibration.slope,
            "intercept": bundle.calibration.intercept,
            **{f"heldout.{cause}": scores for cause, scores in bundle.heldout.items()},
        }
    )


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        return from_bytes(content)
    except SafetensorError as error:
        raise ValueError(f"{_WEIGHTS}: {error}") from error


def _assemble(
    manifest: dict[str, Any], model: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> Bundle:
    taxonomy = Taxonomy.from_dict(model["taxonomy"])
    rule = model["rule"]
    labels = len(taxonomy.causes) + len(taxonomy.emotions)
    columns = len(arrays["bias"])
    if columns not in (labels, labels + 1):
        raise ValueError(f"bias has {columns} columns for {labels} labels")
    rows = len(arrays["keys"])
    for name, shape in (
        ("weights", (rows, columns)),
        ("idf", (rows,)),
        ("is_char", (rows,)),
        ("bias", (columns,)),
        ("slope", (columns,)),
        ("intercept", (columns,)),
    ):
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
    return Bundle(
        name=manifest["name"],
        version=manifest["version"],
        kind=manifest["kind"],
        taxonomy=taxonomy,
        scorer=LinearScorer(block, arrays["weights"], arrays["bias"]),
        calibration=Calibration(
            arrays["slope"], arrays["intercept"], len(taxonomy.causes), len(taxonomy.emotions)
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
    )


def _linear(bundle: Bundle) -> LinearScorer:
    if not isinstance(bundle.scorer, LinearScorer):
        raise BundleError(f"A scorer of type {type(bundle.scorer).__name__} cannot be saved.")
    return bundle.scorer
