"""The fine-tuned encoder on disk, and what it said of the messages that it learnt from.

A folder::

    manifest.json           base, licence, settings, labels, corpus, SHA-256 of the other files
    encoder.onnx            the int8 graph, trained on the whole training split
    tokenizer.json          text to token ids
    crossfit.safetensors    for each training text, the logits of an encoder that had not seen it

Whoever stacks the encoder on something else must fit on scores of unseen messages; fine-tuning
once a fold is what that costs, so it is done once and kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.bundle import replace_folder
from cxnlp.errors import TrainingError
from cxnlp.features.encoder import Encoder

FOLDER = Path(__file__).parent.parent.parent / "models" / "encoder"
_FILES = ("encoder.onnx", "tokenizer.json", "crossfit.safetensors")


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned encoder.

    Attributes
    ----------
    graph, tokenizer
        See `cxnlp.features.encoder.Encoder`.
    crossfit
        Key of a prepared text to out-of-fold logits (K,).
    facts
        Base, licence, settings, labels, corpus, seconds: what the card tells.
    """

    graph: bytes
    tokenizer: str
    crossfit: Mapping[int, NDArray[np.float32]]
    facts: Mapping[str, Any]

    @cached_property
    def encoder(self) -> Encoder:
        """Ready to run."""
        return Encoder(self.graph, self.tokenizer)

    @cached_property
    def version(self) -> str:
        """Hash of everything that it is."""
        sha = hashlib.sha256(self.graph + self.tokenizer.encode())
        for key in sorted(self.crossfit):
            sha.update(key.to_bytes(8, "little") + self.crossfit[key].tobytes())
        return sha.hexdigest()[:10]


def text_key(text: str) -> int:
    """A number for a prepared text, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "little")


def write_tuned(tuned: Tuned, folder: Path) -> None:
    """Write a fine-tuned encoder; what was in ``folder`` goes only when all of it is on disk."""
    import tempfile

    from safetensors.numpy import save

    keys = sorted(tuned.crossfit)
    contents = {
        "encoder.onnx": tuned.graph,
        "tokenizer.json": tuned.tokenizer.encode(),
        "crossfit.safetensors": save(
            {
                "keys": np.array(keys, dtype=np.uint64),
                "logits": np.stack([tuned.crossfit[key] for key in keys]).astype(np.float16),
            }
        ),
    }
    manifest = {
        **tuned.facts,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name, content in contents.items():
            (fresh / name).write_bytes(content)
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        (fresh / "manifest.json").write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        replace_folder(fresh, folder)
    except OSError as error:
        raise TrainingError(
            f"Cannot write the encoder to {str(folder)!r}: {error}. What was there before is "
            f"untouched; free some space or choose another folder."
        ) from error


def read_tuned(folder: Path = FOLDER) -> Tuned:
    """Read a fine-tuned encoder; every file is checked against its hash.

    Raises
    ------
    TrainingError
        If there is none, or a file is missing or altered; it is named.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        facts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        contents = {name: (folder / name).read_bytes() for name in _FILES}
        expected = facts.pop("files")
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"No fine-tuned encoder in {str(folder)!r}: {error}. Make one with "
            f"`python -m training encoder`, or train a candidate that needs none."
        ) from error
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != expected.get(name):
            raise TrainingError(
                f"{name!r} in {str(folder)!r} is not what its manifest says (SHA-256 differs). It "
                f"was altered or damaged: restore it, or run `python -m training encoder`."
            )
    try:
        arrays = load(contents["crossfit.safetensors"])
    except SafetensorError as error:
        raise TrainingError(f"crossfit.safetensors in {str(folder)!r}: {error}.") from error
    logits = arrays["logits"].astype(np.float32)
    return Tuned(
        graph=contents["encoder.onnx"],
        tokenizer=contents["tokenizer.json"].decode(),
        crossfit=dict(zip(arrays["keys"].tolist(), logits, strict=True)),
        facts=facts,
    )


def honest_logits(tuned: Tuned, texts: Sequence[str]) -> NDArray[np.float32]:
    """Logits (n, K): out of fold for texts that the encoder learnt from, its own for others."""
    keys = [text_key(text) for text in texts]
    new = [i for i, key in enumerate(keys) if key not in tuned.crossfit]
    found = np.zeros((len(texts), len(next(iter(tuned.crossfit.values())))), np.float32)
    if new:
        found[new] = tuned.encoder.logits([texts[i] for i in new])
    seen = set(new)
    for i, key in enumerate(keys):
        if i not in seen:
            found[i] = tuned.crossfit[key]
    return found
