"""Keep of a vocabulary what Dutch and Flemish customers write: a third of the weights go.

A multilingual vocabulary is mostly other languages' words. What Dutch text and the commonest
Dutch words fall apart into stays, and every single character with it, so that anything can still
be written (Abdaoui et al. 2020, *Load What You Need*).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cxnlp.errors import MissingExtraError
from cxnlp.text import PLACEHOLDERS
from training.encoder.base import Base

COMMON_WORDS = 100_000


def common_words(n: int = COMMON_WORDS) -> list[str]:
    """The commonest Dutch words, by wordfreq (Speer 2022), each also with a capital."""
    try:
        from wordfreq import top_n_list
    except ImportError as error:
        raise MissingExtraError("wordfreq", "encoder", "Pruning a vocabulary to Dutch") from error
    words: list[str] = top_n_list("nl", n)
    return words + [word.capitalize() for word in words[: n // 4]]


def prune(base: Base, texts: Iterable[str]) -> Base:
    """The same encoder with only the pieces that ``texts`` and single characters need.

    A unigram (SentencePiece) or WordPiece vocabulary is cut; another kind, such as the merges of
    a Dutch RoBERTa, is returned whole.
    """
    from tokenizers import Tokenizer

    whole = Tokenizer.from_str(base.tokenizer)
    described = json.loads(base.tokenizer)
    kind = described["model"]["type"]
    if kind not in ("Unigram", "WordPiece"):
        return base
    kept = {
        i
        for start in _chunks(list(texts), 1000)
        for encoded in whole.encode_batch(start)
        for i in encoded.ids
    }
    vocabulary = _vocabulary(described["model"])
    special = {item["content"] for item in described.get("added_tokens") or []}
    special |= {vocabulary[0], vocabulary[base.pad]}
    kept |= {
        i
        for i, piece in enumerate(vocabulary)
        if piece in special or (len(piece.lstrip("▁").removeprefix("##")) <= 1 and _western(piece))
    }
    if kind == "Unigram":
        kept |= set(range(4)) | {described["model"]["unk_id"]}
    rows = sorted(i for i in kept if i < len(vocabulary))
    new = {old: i for i, old in enumerate(rows)}
    model = described["model"]
    if kind == "Unigram":
        model["vocab"] = [model["vocab"][i] for i in rows]
        model["unk_id"] = new[model["unk_id"]]
    else:
        model["vocab"] = {vocabulary[i]: new[i] for i in rows}
    for token in described.get("added_tokens") or []:
        token["id"] = new[token["id"]]
    _renumber(described.get("post_processor"), new)
    if described.get("padding"):
        described["padding"]["pad_id"] = new[base.pad]
    word = base.tensors["emb.word"][rows]
    return replace(
        base,
        tensors={**base.tensors, "emb.word": np.ascontiguousarray(word)},
        tokenizer=json.dumps(described, ensure_ascii=False),
        pad=new[base.pad],
    )


def add_placeholders(base: Base, names: Sequence[str] = PLACEHOLDERS) -> Base:
    """Give each placeholder a token of its own, begun from the pieces of its name."""
    from tokenizers import AddedToken, Tokenizer

    tokenizer = Tokenizer.from_str(base.tokenizer)
    word = base.tensors["emb.word"]
    rows = [
        word[tokenizer.encode(name.strip("_"), add_special_tokens=False).ids].mean(0)
        for name in names
    ]
    tokenizer.add_tokens([AddedToken(name, normalized=False, lstrip=True) for name in names])
    return replace(
        base,
        tensors={**base.tensors, "emb.word": np.vstack([word, rows]).astype(np.float32)},
        tokenizer=str(tokenizer.to_str()),
    )


def _vocabulary(model: dict[str, Any]) -> list[str]:
    if model["type"] == "Unigram":
        return [piece for piece, _ in model["vocab"]]
    return [piece for piece, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]


def _western(piece: str) -> bool:
    """Letters of Latin script, digits, marks and emoji; no other script."""
    char = piece.lstrip("▁").removeprefix("##")
    return not char or ord(char) < 0x250 or 0x2000 <= ord(char) < 0x2C00 or ord(char) >= 0x1F000


def _renumber(part: Any, new: dict[int, int]) -> None:
    """Ids of special tokens, wherever a post-processor holds them."""
    if not isinstance(part, dict):
        return
    for name in ("sep", "cls"):
        if isinstance(part.get(name), list):
            part[name][1] = new[part[name][1]]
    for token in (part.get("special_tokens") or {}).values():
        token["ids"] = [new[i] for i in token["ids"]]
    for inner in part.get("processors") or []:
        _renumber(inner, new)


def _chunks(items: list[str], size: int) -> Iterable[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
