"""The encoder in torch: a BERT whose labels each look at the words that matter to them.

Post-LN BERT (Devlin et al. 2019). Each label pools the last layer with an attention of its own
(Mullenbach et al. 2018, CAML), since a complaint is often half a sentence of a long message.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as fn

from training.encoder.base import Base


class Layer(nn.Module):
    """One transformer layer."""

    def __init__(self, hidden: int, inner: int, heads: int, eps: float, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.ao = (nn.Linear(hidden, hidden) for _ in range(4))
        self.fi, self.fo = nn.Linear(hidden, inner), nn.Linear(inner, hidden)
        self.aln, self.oln = nn.LayerNorm(hidden, eps=eps), nn.LayerNorm(hidden, eps=eps)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Hidden states (n, length, hidden); mask (n, 1, 1, length) is True at tokens."""
        n, length, hidden = x.shape
        drop = self.dropout if self.training else 0.0

        def split(y: Tensor) -> Tensor:
            return y.view(n, length, self.heads, hidden // self.heads).transpose(1, 2)

        a = fn.scaled_dot_product_attention(
            split(self.q(x)), split(self.k(x)), split(self.v(x)), attn_mask=mask, dropout_p=drop
        )
        a = self.ao(a.transpose(1, 2).reshape(n, length, hidden))
        x = self.aln(x + fn.dropout(a, drop, self.training))
        y = self.fo(fn.gelu(self.fi(x)))
        return self.oln(x + fn.dropout(y, drop, self.training))


class Encoder(nn.Module):
    """The layers asked for of a `Base`, and K label heads.

    Parameters
    ----------
    base
        Pretrained weights.
    keep
        Which of its layers, from the bottom.
    labels
        K, the number of outputs.
    dropout
        In the layers; the heads have twice as much.
    """

    def __init__(
        self, base: Base, keep: Sequence[int], labels: int, *, dropout: float = 0.1, seed: int = 0
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        vocabulary, hidden = base.tensors["emb.word"].shape
        inner = len(base.tensors["l0.fi.b"])
        self.first_position, self.pad = base.first_position, base.pad
        self.word = nn.Embedding(vocabulary, hidden)
        self.position = nn.Embedding(len(base.tensors["emb.pos"]), hidden)
        self.norm = nn.LayerNorm(hidden, eps=base.eps)
        self.layers = nn.ModuleList(
            Layer(hidden, inner, base.heads, base.eps, dropout) for _ in keep
        )
        self.query = nn.Parameter(torch.randn(labels, hidden) * 0.02)
        self.weight = nn.Parameter(torch.randn(labels, hidden) * 0.02)
        self.bias = nn.Parameter(torch.zeros(labels))
        self.dropout = dropout
        with torch.no_grad():
            self.word.weight.copy_(torch.from_numpy(base.tensors["emb.word"]))
            # A message is one segment: its type vector can be part of the positions.
            positions = base.tensors["emb.pos"] + base.tensors["emb.type"][0]
            self.position.weight.copy_(torch.from_numpy(positions))
            _fill(self.norm, base, "emb.ln")
            for layer, i in zip(self.layers, keep, strict=True):
                for name, part in layer.named_children():
                    _fill(part, base, f"l{i}.{name}")

    def embed(self, ids: Tensor) -> Tensor:
        """Hidden states before the first layer."""
        at = torch.arange(ids.shape[1], device=ids.device) + self.first_position
        return self.norm(self.word(ids) + self.position(at))

    def run(self, x: Tensor, mask: Tensor, start: int, stop: int) -> Tensor:
        """Layers ``start`` to ``stop`` (exclusive) over hidden states."""
        for i in range(start, stop):
            x = self.layers[i](x, mask[:, None, None, :])
        return x

    def pool(self, x: Tensor, mask: Tensor) -> Tensor:
        """Logits (n, K) of the last hidden states."""
        x = fn.dropout(x, 2 * self.dropout, self.training)
        attention = (x @ self.query.T) / math.sqrt(x.shape[-1])
        attention = attention.masked_fill(~mask[:, :, None], -1e4).softmax(1)
        pooled = torch.einsum("nlk,nlh->nkh", attention, x)
        return (pooled * self.weight).sum(-1) + self.bias

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits (n, K) of token ids (n, length)."""
        return self.pool(self.run(self.embed(ids), mask, 0, len(self.layers)), mask)


def _fill(part: nn.Module, base: Base, name: str) -> None:
    part.weight.copy_(torch.from_numpy(base.tensors[f"{name}.w"]))  # type: ignore[operator]
    part.bias.copy_(torch.from_numpy(base.tensors[f"{name}.b"]))  # type: ignore[operator]


def pad(rows: Sequence[Sequence[int]], fill: int) -> tuple[Tensor, Tensor]:
    """Ids (n, longest) and a mask that is True at tokens."""
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), fill, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=bool)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)


def weights_of(model: Encoder) -> dict[str, NDArray[Any]]:
    """Every weight as an array, under torch's names."""
    return {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
