"""The encoder at prediction time: one message at a time, in windows where it is long."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import small_encoder

from cxnlp.errors import BundleError
from cxnlp.features.encoder import OVERLAP, WINDOW, Encoder, windows


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return small_encoder.encoder()


def reference(ids: list[int]) -> np.ndarray:
    """The logits by numpy alone, from the definition of a post-LN BERT."""
    from scipy.special import erf

    made = small_encoder.base()
    w = small_encoder.torch_names(made)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + made.eps)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def softmax(x: np.ndarray) -> np.ndarray:
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    n = len(ids)
    x = norm(w["word.weight"][ids] + w["position.weight"][:n], "norm")
    for i in range(made.layers):
        q, k, v = (
            linear(x, f"layers.{i}.{p}").reshape(n, made.heads, -1).swapaxes(0, 1) for p in "qkv"
        )
        a = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])) @ v
        a = linear(a.swapaxes(0, 1).reshape(n, -1), f"layers.{i}.ao")
        x = norm(x + a, f"layers.{i}.aln")
        y = linear(x, f"layers.{i}.fi")
        y = linear(y * 0.5 * (1 + erf(y / np.sqrt(2))), f"layers.{i}.fo")
        x = norm(x + y, f"layers.{i}.oln")
    attention = softmax(w["query"] @ x.T / np.sqrt(x.shape[1]))
    return ((attention @ x) * w["weight"]).sum(1) + w["bias"]


def test_the_graph_is_the_network(encoder: Encoder) -> None:
    ids = encoder._pieces.encode("niemand gezien, de monteur zou dinsdag komen").ids
    got = encoder.logits(["niemand gezien, de monteur zou dinsdag komen"])[0]
    assert np.abs(got - reference(ids)).max() < 1e-4


def test_scores_do_not_depend_on_the_batch(encoder: Encoder) -> None:
    texts = ["niemand gezien", "", "bedankt " * 300, "factuur", "a"]
    together = encoder.logits(texts)
    assert np.array_equal(together, np.vstack([encoder.logits([text]) for text in texts]))
    encoder.threads = 2
    assert np.array_equal(together, encoder.logits(texts))
    encoder.threads = 1
    assert encoder.logits([]).shape == (0, 17)


def test_shares_sum_to_the_logits(encoder: Encoder) -> None:
    for text in ("niemand gezien", "komen " * 400):
        spans, shares = encoder.shares(text)
        assert len(spans) == len(shares)
        assert np.allclose(shares.sum(0) + encoder.bias, encoder.logits([text])[0], atol=1e-3)


def test_a_long_text_is_read_to_its_end(encoder: Encoder) -> None:
    quiet = "bedankt " * 600
    last = quiet + "niemand gezien factuur monteur"
    assert not np.allclose(encoder.logits([quiet]), encoder.logits([last]), atol=1e-4)


@pytest.mark.parametrize("n", [2, 255, 256, 257, 448, 449, 1000])
def test_windows_cover_every_token_and_overlap(n: int) -> None:
    ids = [-1, *range(n - 2), -2]
    parts = windows(ids)
    assert all(len(part) <= WINDOW and part[0] == -1 and part[-1] == -2 for _, part in parts)
    assert sorted({i for _, part in parts for i in part[1:-1]}) == list(range(n - 2))
    for (_, one), (_, other) in itertools.pairwise(parts):
        assert len(set(one[1:-1]) & set(other[1:-1])) == OVERLAP
    assert all(ids[start + 1] == part[1] for start, part in parts if len(part) > 2)


def test_a_damaged_graph_is_told() -> None:
    made = small_encoder.base()
    with pytest.raises(BundleError, match="onnxruntime cannot read the encoder"):
        Encoder(b"not a graph", made.tokenizer).logits(["hallo"])
