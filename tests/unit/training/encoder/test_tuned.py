"""A fine-tuned encoder on disk is checked to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_encoder

from cxnlp.errors import TrainingError
from training.encoder.tuned import Tuned, honest_logits, read_tuned, text_key, write_tuned


def tuned() -> Tuned:
    made = small_encoder.base()
    crossfit = {text_key(t): np.full(17, i, np.float32) for i, t in enumerate(("een", "twee"))}
    return Tuned(small_encoder.graph(made), made.tokenizer, crossfit, {"labels": ["a"]})


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    write_tuned(tuned(), tmp_path / "encoder")
    write_tuned(tuned(), tmp_path / "encoder")  # over an older one
    read = read_tuned(tmp_path / "encoder")
    assert read.version == tuned().version
    assert read.facts == {"labels": ["a"]}
    assert [path.name for path in tmp_path.iterdir()] == ["encoder"]


def test_a_message_that_it_learnt_from_gets_its_out_of_fold_score() -> None:
    made = tuned()
    got = honest_logits(made, ["twee", "niemand gezien", "een"])
    assert got[0].tolist() == [1.0] * 17
    assert got[2].tolist() == [0.0] * 17
    assert np.allclose(got[1], made.encoder.logits(["niemand gezien"])[0])


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "crossfit.safetensors"])
def test_an_altered_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_tuned(tuned(), tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
    with pytest.raises(TrainingError, match=f"{name!r}.*SHA-256 differs.*training encoder"):
        read_tuned(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(TrainingError, match=r"No fine-tuned encoder.*python -m training encoder"):
        read_tuned(tmp_path)


def test_a_disk_that_refuses_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tuned(tuned(), tmp_path / "encoder")

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TrainingError, match=r"No space left.*untouched"):
        write_tuned(tuned(), tmp_path / "encoder")
    monkeypatch.undo()
    assert read_tuned(tmp_path / "encoder").version == tuned().version
