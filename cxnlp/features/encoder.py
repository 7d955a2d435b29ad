"""A small Dutch encoder as onnxruntime runs it: one message at a time, on one thread.

Its graph gives, for each label, the share of every token in the logit (see
`training.encoder.export`), so scores and evidence come from one run. A message longer than its
window is read in windows that overlap, never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import BundleError

FloatArray = NDArray[np.float32]

WINDOW = 256
"""Tokens that are read at once."""
OVERLAP = 64
"""Tokens that a window shares with the one before."""


class Encoder:
    """A fine-tuned encoder: prepared texts in, logits and token shares out.

    Parameters
    ----------
    graph
        ONNX model: ``ids`` (length,) to ``shares`` (K, length) and ``bias`` (K,).
    tokenizer
        JSON of a `tokenizers.Tokenizer`.
    threads
        Messages that are read at the same time; each run has one thread of its own.

    Notes
    -----
    Nothing is loaded before the first message. Messages are run one by one: scores then cannot
    depend on the batch, and on a processor a batch is hardly faster.
    """

    def __init__(self, graph: bytes, tokenizer: str, *, threads: int = 1) -> None:
        self.graph = graph
        self.tokenizer = tokenizer
        self.threads = threads

    def __getstate__(self) -> dict[str, Any]:
        # A session cannot be sent to another process, which makes its own.
        return {"graph": self.graph, "tokenizer": self.tokenizer, "threads": self.threads}

    @cached_property
    def _session(self) -> Any:
        import onnxruntime  # here, so that who needs no encoder does not wait for it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                self.graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own kinds, none of them public
            raise BundleError(
                f"onnxruntime cannot read the encoder of this model ({type(error).__name__}: "
                f"{error}). Upgrade onnxruntime, or copy or train the model again."
            ) from error

    @cached_property
    def _pieces(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self.tokenizer)

    @cached_property
    def bias(self) -> FloatArray:
        """What the logits are without a word, shape (K,)."""
        return np.asarray(self._run(self._pieces.encode("").ids)[1])

    def logits(self, texts: Sequence[str]) -> FloatArray:
        """Logits of prepared texts, shape (n, K)."""
        encoded = [item.ids for item in self._pieces.encode_batch(list(texts))]
        if not encoded:
            return np.zeros((0, len(self.bias)), np.float32)
        if self.threads > 1 and len(encoded) > 1:
            with ThreadPoolExecutor(self.threads) as pool:
                return np.stack(list(pool.map(self._logits, encoded)))
        return np.stack([self._logits(ids) for ids in encoded])

    def shares(self, text: str) -> tuple[list[tuple[int, int]], FloatArray]:
        """Character spans of the tokens of one text, and their shares, shape (n_tokens, K).

        The shares and `bias` sum to the logits.
        """
        encoded = self._pieces.encode(text)
        parts = windows(encoded.ids)
        logits, each = zip(*(self._window(ids) for _, ids in parts), strict=True)
        strongest = np.stack(logits).argmax(0)
        values = np.zeros((len(encoded.ids), len(self.bias)), np.float32)
        for label, part in enumerate(strongest):
            start, ids = parts[part]
            own = each[part][label]
            # Begin and end marks of a window inside the text are no tokens of the text.
            values[start : start + len(ids), label] = own
        return list(encoded.offsets), values

    def _logits(self, ids: list[int]) -> FloatArray:
        return np.asarray(np.stack([self._window(part)[0] for _, part in windows(ids)]).max(0))

    def _window(self, ids: list[int]) -> tuple[FloatArray, FloatArray]:
        shares, bias = self._run(ids)
        return np.asarray(shares.sum(1) + bias), shares

    def _run(self, ids: list[int]) -> tuple[FloatArray, FloatArray]:
        shares, bias = self._session.run(["shares", "bias"], {"ids": np.array(ids, np.int64)})
        return shares, bias


def windows(ids: list[int]) -> list[tuple[int, list[int]]]:
    """Token ids in windows with the place where each begins; first and last id mark the ends.

    >>> [(start, len(part)) for start, part in windows([0] + [7] * 400 + [2])]
    [(0, 256), (190, 212)]
    """
    if len(ids) <= WINDOW:
        return [(0, ids)]
    inner = WINDOW - 2
    found = []
    for start in range(1, len(ids) - 1, inner - OVERLAP):
        part = ids[start : min(start + inner, len(ids) - 1)]
        found.append((start - 1, [ids[0], *part, ids[-1]]))
        if start + inner >= len(ids) - 1:
            break
    return found
