"""Fine-tune the encoder on causes and emotion together.

The bottom layers stay as they were: their output is computed once and kept, which halves the
time and holds the model nearer to the language it knew. Layers above learn with a rate that
falls towards the bottom (Howard and Ruder 2018), and the weights of the last steps are averaged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as fn

from training.encoder.base import Base
from training.encoder.network import Encoder, pad
from training.metrics import Truth
from training.tune import emotion_targets

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """How to fine-tune.

    Attributes
    ----------
    layers
        Which layers of the base are kept, from the bottom.
    frozen
        How many of those stay as they were.
    epochs, batch, rate, decay
        Passes over the data, messages a step, highest learning rate, and the factor by which
        the rate falls from one layer to the one below.
    head_rate
        Learning rate of the label heads.
    dropout, smoothing
        Dropout in the layers; how far targets are drawn from 0 and 1.
    average
        Share of the last steps whose weights are averaged.
    seed
        Of initial heads, order and dropout.
    """

    layers: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    frozen: int = 3
    epochs: int = 3
    batch: int = 32
    rate: float = 2e-4
    decay: float = 0.8
    head_rate: float = 2e-3
    dropout: float = 0.1
    smoothing: float = 0.02
    average: float = 0.25
    max_tokens: int = 256
    seed: int = 13


def encode(base: Base, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Token ids of texts; a long one keeps its begin and its end (training only)."""
    tokenizer = Tokenizer.from_str(base.tokenizer)
    rows = [encoded.ids for encoded in tokenizer.encode_batch(list(texts))]
    half = max_tokens // 2
    return [row if len(row) <= max_tokens else row[:half] + row[-half:] for row in rows]


class Bottom:
    """Output of the frozen layers for n texts, in half precision.

    Parameters
    ----------
    states
        Shape (all tokens, hidden), text after text; may be a memory map.
    lengths
        Tokens of each text, shape (n,).
    """

    def __init__(self, states: NDArray[np.float16], lengths: NDArray[np.int64]) -> None:
        self.states = states
        self.lengths = lengths
        self._ends = np.cumsum(lengths)

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States (n, longest, hidden) and mask of some texts."""
        longest = int(self.lengths[rows].max())
        x = np.zeros((len(rows), longest, self.states.shape[1]), np.float32)
        mask = np.zeros((len(rows), longest), bool)
        for i, row in enumerate(rows):
            end, length = self._ends[row], self.lengths[row]
            x[i, :length] = self.states[end - length : end]
            mask[i, :length] = True
        return torch.from_numpy(x), torch.from_numpy(mask)


def bottom_states(
    model: Encoder, ids: Sequence[Sequence[int]], frozen: int, progress: Progress
) -> Bottom:
    """Run the frozen layers over every text once."""
    model.eval()
    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    ends = np.cumsum(lengths)
    states = np.zeros((int(lengths.sum()), model.norm.weight.shape[0]), np.float16)
    done = 0
    with torch.inference_mode():
        for rows in by_length(lengths.tolist(), 32):
            tokens, mask = pad([ids[i] for i in rows], model.pad)
            x = model.run(model.embed(tokens), mask, 0, frozen).to(torch.float16).numpy()
            for i, state in zip(rows, x, strict=True):
                states[ends[i] - lengths[i] : ends[i]] = state[: lengths[i]]
            done += len(rows)
            if done % 1600 < 32:
                progress("frozen layers", done, len(ids))
    return Bottom(states, lengths)


def by_length(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Rows in batches of similar length, so that little is padded."""
    order = np.argsort(lengths, kind="stable").tolist()
    for start in range(0, len(order), size):
        yield order[start : start + size]


def shuffled_batches(
    lengths: Sequence[int], size: int, random: np.random.Generator
) -> list[list[int]]:
    """Random batches whose messages are of similar length."""
    noisy = np.asarray(lengths) * random.uniform(0.8, 1.25, len(lengths))
    order = np.argsort(noisy).tolist()
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    random.shuffle(batches)
    return batches


def loss_of(logits: Tensor, causes: Tensor, emotion: Tensor, settings: Settings) -> Tensor:
    """Causes among complaints, complaint or not, and emotion, each a mean over messages.

    Logits (n, K): causes, emotions, complaint; ``causes`` is multi-hot, ``emotion`` a
    distribution (a second emotion as strong has its share).
    """
    k = causes.shape[1]
    complaint = causes.amax(1)
    soft = causes * (1 - 2 * settings.smoothing) + settings.smoothing
    each = fn.binary_cross_entropy_with_logits(logits[:, :k], soft, reduction="none").sum(1)
    among = (each * complaint).sum() / complaint.sum().clamp(min=1)
    gate = fn.binary_cross_entropy_with_logits(
        logits[:, -1], complaint * (1 - 2 * settings.smoothing) + settings.smoothing
    )
    feel = fn.cross_entropy(logits[:, k:-1], emotion, label_smoothing=settings.smoothing)
    return among / 2 + gate + feel


def finetune(
    base: Base,
    truth: Truth,
    settings: Settings,
    bottom: Bottom,
    *,
    rows: NDArray[np.int64] | None = None,
    n_causes: int,
    n_emotions: int,
    checkpoint: Path | None = None,
    after_epoch: Callable[[Encoder, int], None] | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Encoder:
    """Train on messages of which the frozen layers' output is known.

    Parameters
    ----------
    truth, bottom
        Labels and frozen layers' output of n messages.
    rows
        Which of them to learn from; all by default.
    checkpoint
        File in which the state after each epoch is kept; a run that was cut off goes on there.
    after_epoch
        Called with the encoder (in evaluation mode) and the number of the epoch.

    Returns
    -------
    Encoder
        In evaluation mode, its weights the mean of the last steps'.
    """
    run = _Run(base, settings, n_causes + n_emotions + 1)
    rows = np.arange(len(truth)) if rows is None else rows
    lengths = bottom.lengths[rows].tolist()
    run.plan(math.ceil(len(rows) / settings.batch) * settings.epochs)
    causes = torch.from_numpy(np.asarray(truth.causes, np.float32))
    emotion = torch.from_numpy(emotion_targets(truth, n_emotions).astype(np.float32))
    first = run.restore(checkpoint)
    start, begun = time.perf_counter(), run.step
    for epoch in range(first, settings.epochs):
        run.model.train()
        for batch in shuffled_batches(lengths, settings.batch, run.random):
            some = rows[batch].tolist()
            x, mask = bottom.batch(some)
            loss = loss_of(run.logits(x, mask), causes[some], emotion[some], settings)
            run.learn(loss)
            if run.step % 20 == 0:
                pace = (time.perf_counter() - start) / (run.step - begun)
                left = pace * (run.steps - run.step)
                what = f"epoch {epoch + 1}, loss {loss.item():.3f}, {left:.0f} s left"
                progress(what, run.step, run.steps)
        run.keep(checkpoint, epoch + 1)
        if after_epoch:
            after_epoch(run.model.eval(), epoch)
    return run.finish()


class _Run:
    """Everything that changes while an encoder learns."""

    def __init__(self, base: Base, settings: Settings, labels: int) -> None:
        self.settings = settings
        self.random = np.random.default_rng(settings.seed)
        self.model = Encoder(
            base, settings.layers, labels, dropout=settings.dropout, seed=settings.seed
        )
        top = len(self.model.layers)
        heads = [self.model.query, self.model.weight, self.model.bias]
        groups = [{"params": heads, "lr": settings.head_rate, "weight_decay": 0.0}]
        self.trained: list[nn.Parameter] = list(heads)
        for i in range(settings.frozen, top):
            rate = settings.rate * settings.decay ** (top - 1 - i)
            own = list(self.model.layers[i].parameters())
            groups.append({"params": own, "lr": rate})
            self.trained += own
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        self.mean: list[Tensor] = []
        self.averaged = self.step = self.steps = 0

    def plan(self, steps: int) -> None:
        """Warm up over a tenth of the steps, then fall to nearly nothing."""
        self.steps = steps
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda s: min((s + 1) / (0.1 * steps), max(0.02, (steps - s) / (0.9 * steps))),
        )

    def logits(self, x: Tensor, mask: Tensor) -> Tensor:
        """Logits (n, K) of the frozen layers' output."""
        with torch.autocast("cpu", torch.bfloat16, enabled=_has_bf16()):
            x = self.model.run(x, mask, self.settings.frozen, len(self.model.layers))
        return self.model.pool(x.float(), mask)

    def learn(self, loss: Tensor) -> None:
        """One step, and a share of it in the mean of the last ones."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        if self.step > self.steps * (1 - self.settings.average):
            self.averaged += 1
            if not self.mean:
                self.mean = [p.detach().clone() for p in self.trained]
            for m, p in zip(self.mean, self.trained, strict=True):
                m.lerp_(p.detach(), 1 / self.averaged)

    def keep(self, path: Path | None, epochs: int) -> None:
        """Write the state, whole or not at all."""
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        state = {
            "epochs": epochs,
            "trained": [p.detach() for p in self.trained],
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "mean": self.mean,
            "counts": (self.step, self.averaged),
            "numpy": self.random.bit_generator.state,
            "torch": torch.get_rng_state(),
        }
        torch.save(state, fresh)
        fresh.replace(path)

    def restore(self, path: Path | None) -> int:
        """Take up a state that was kept; returns the epochs that it has behind it."""
        if path is None or not path.is_file():
            return 0
        state = torch.load(path, weights_only=True)
        with torch.no_grad():
            for p, value in zip(self.trained, state["trained"], strict=True):
                p.copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.mean = state["mean"]
        self.step, self.averaged = state["counts"]
        self.random.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"])
        return int(state["epochs"])

    def finish(self) -> Encoder:
        """The encoder with the mean of the last steps' weights."""
        with torch.no_grad():
            for m, p in zip(self.mean, self.trained, strict=True):
                p.copy_(m)
        self.model.eval()
        return self.model


def _has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 by itself; elsewhere it would be slower."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def logits_from(
    model: Encoder, bottom: Bottom, rows: NDArray[np.int64], frozen: int
) -> NDArray[np.float32]:
    """Logits (n, K) of messages of which the frozen layers' output is known."""
    found = np.zeros((len(rows), len(model.bias)), np.float32)
    with torch.inference_mode():
        for batch in by_length(bottom.lengths[rows].tolist(), 32):
            x, mask = bottom.batch(rows[batch].tolist())
            x = model.run(x, mask, frozen, len(model.layers))
            found[batch] = model.pool(x, mask).numpy()
    return found
