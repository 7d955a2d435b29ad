"""The verb ``python -m training encoder``: fine-tune the quality tier's encoder."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from pathlib import Path
from typing import Any

from cxnlp.errors import TrainingError
from training.corpus import Corpus
from training.encoder.base import HUB, load_base
from training.encoder.job import tune_encoder
from training.encoder.tuned import write_tuned
from training.encoder.vocabulary import common_words
from training.fit import model_texts
from training.metrics import Truth
from training.run import bar

CONFIG = Path(__file__).parent / "encoder.toml"


def tune(options: Namespace, corpus: Corpus) -> int:
    """Fine-tune on the training split, contrast pairs included, and write the encoder."""
    config = read_settings(options.config)
    base = load_base(str(config.get("base", HUB)), folder=options.base)
    print(f"Base: {base.source} (licence: {base.licence}), {base.layers} layers.")
    records = corpus.part("train")
    pairs = corpus.pairs_of("train")
    sides = [side for pair in pairs for side in (pair.a, pair.b)]
    dev = corpus.part("dev")
    groups = corpus.groups_of(records) + [pair.id for pair in pairs for _ in (0, 1)]
    with bar() as progress:
        tuned = tune_encoder(
            base,
            model_texts([record.text for record in records + sides]),
            Truth.of(records + sides, corpus.taxonomy),
            corpus.taxonomy,
            _settings(config.get("settings", {})),
            groups=groups,
            words=common_words(),
            held_out=(
                model_texts([record.text for record in dev]),
                Truth.of(dev, corpus.taxonomy),
            ),
            facts={"corpus": corpus.digest},
            jobs=options.jobs,
            progress=progress,
        )
    write_tuned(tuned, options.output)
    print(
        f"Encoder {tuned.version}: {len(tuned.graph) / 1e6:.1f} MB, "
        f"{tuned.facts['seconds'] / 60:.0f} minutes, in {options.output}.\n"
        f"Next: python -m training run, or train --config training/config/fused.toml"
    )
    return 0


def read_settings(path: Path) -> dict[str, Any]:
    """Parse the TOML file of an encoder: ``base`` and ``[settings]``.

    Raises
    ------
    TrainingError
        If it cannot be read or has an unknown key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"Cannot read the configuration {str(path)!r}: {error}.") from error
    unknown = sorted(set(data) - {"base", "settings"})
    if unknown:
        raise TrainingError(f"{path.name}: unknown key {unknown[0]!r}; known are base, settings.")
    return data


def _settings(values: dict[str, Any]) -> Any:
    from training.encoder.job import require_torch

    require_torch()
    from dataclasses import fields

    from training.encoder.finetune import Settings

    known = {field.name for field in fields(Settings)}
    for name in values:
        if name not in known:
            raise TrainingError(
                f"encoder.toml: unknown setting {name!r}; known are {', '.join(sorted(known))}."
            )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Settings(**values)
