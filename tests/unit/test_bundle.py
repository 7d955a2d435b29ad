"""A model on disk: written whole, checked to the byte, refused when anything is off."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from cxnlp import bundle as bundles
from cxnlp.contents import in_a_byte, out_of_a_byte
from cxnlp.errors import BundleError


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_saved_is_what_is_loaded(tiny_bundle: Path, tmp_path: Path) -> None:
    first = bundles.load(tiny_bundle)
    bundles.save(first, tmp_path / "again", extra={"README.md": "# card\n"})
    second = bundles.load(tmp_path / "again")
    texts = ["De monteur kwam niet", "bedankt voor de snelle hulp", ""]
    assert np.array_equal(first.scorer.logits(texts), second.scorer.logits(texts))
    assert second.rule == first.rule
    assert second.taxonomy == first.taxonomy
    assert (tmp_path / "again" / "README.md").read_text() == "# card\n"


def test_verify_returns_the_manifest(tiny_bundle: Path) -> None:
    assert bundles.verify(tiny_bundle)["format"] == bundles.FORMAT


def test_an_altered_file_is_refused(copy: Path) -> None:
    path = copy / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"'weights\.safetensors'.*SHA-256 differs"):
        bundles.load(copy)


def test_a_missing_file_is_refused(copy: Path) -> None:
    (copy / "model.json").unlink()
    with pytest.raises(BundleError, match=r"lacks the file 'model\.json'"):
        bundles.load(copy)


def test_an_extra_file_is_refused(copy: Path) -> None:
    (copy / "run_me.pkl").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"holds 'run_me\.pkl'"):
        bundles.load(copy)


def test_a_model_of_format_1_is_read(copy: Path) -> None:
    new = bundles.load(copy)
    path = copy / "weights.safetensors"
    arrays = load_arrays(path.read_bytes())
    block = new.scorer.block
    arrays["weights"] = new.scorer.weights.astype(np.float16)
    arrays["idf"], arrays["is_char"] = block.idf, block.is_char
    del arrays["scale"]
    path.write_bytes(save_arrays(arrays))
    manifest = json.loads((copy / "manifest.json").read_text())
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest["files"][path.name] = {"sha256": sha, "bytes": path.stat().st_size}
    edit_manifest(copy, format=1, files=manifest["files"])
    texts = ["De monteur kwam niet", "bedankt voor de snelle hulp"]
    assert np.allclose(bundles.load(copy).scorer.logits(texts), new.scorer.logits(texts), atol=0.01)


def test_weights_lose_little_in_a_byte() -> None:
    random = np.random.default_rng(3)
    weights = (random.normal(size=(500, 17)) * random.lognormal(size=(500, 1))).astype(np.float32)
    weights[0], weights[1] = 0, 1e-9
    files = in_a_byte(weights)
    assert files["weights"].dtype == np.int8
    back = out_of_a_byte(files)
    assert np.all(np.abs(back - weights) <= np.abs(weights).max(axis=1, keepdims=True) / 200 + 1e-8)
    again = in_a_byte(back)
    assert np.array_equal(again["weights"], files["weights"])
    assert np.array_equal(again["scale"], files["scale"])


def test_an_unknown_format_is_refused(copy: Path) -> None:
    edit_manifest(copy, format=99)
    with pytest.raises(
        BundleError, match="bundle format 99; this version of cxnlp reads formats 1 to 2"
    ):
        bundles.load(copy)


def test_an_unknown_kind_is_refused(copy: Path) -> None:
    edit_manifest(copy, kind="pickle")
    with pytest.raises(BundleError, match="kind 'pickle'; known are: wordgrams-linear"):
        bundles.load(copy)


def test_a_file_outside_the_folder_is_never_read(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["../secret"] = {"sha256": "0", "bytes": 1}
    edit_manifest(copy, files=manifest["files"])
    with pytest.raises(BundleError, match=r"lacks the file '\.\./secret'"):
        bundles.load(copy)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"files": 3}'])
def test_a_broken_manifest_is_a_clear_error(copy: Path, content: str) -> None:
    (copy / "manifest.json").write_text(content)
    with pytest.raises(BundleError, match="is not the manifest of a cxnlp model"):
        bundles.load(copy)


def test_no_folder_and_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No model folder"):
        bundles.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"has no manifest\.json"):
        bundles.load(tmp_path)


def test_a_failed_write_leaves_the_old_model(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    model = bundles.load(copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BundleError, match=r"No space left.*untouched"):
        bundles.save(model, copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
