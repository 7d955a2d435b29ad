"""``cxnlp info``, ``verify`` and ``labels``: about models and labels."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxnlp.cli.options import add_json, add_model, model_of
from cxnlp.cli.show import print_json, print_table

if TYPE_CHECKING:
    from cxnlp.classifier import Classifier


def add_info_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``info``."""
    add_model(parser)
    add_json(parser)
    parser.set_defaults(run=run_info, command="info")


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``verify``."""
    parser.add_argument("folder", metavar="FOLDER", help="the model's folder")
    add_json(parser)
    parser.set_defaults(run=run_verify, command="verify")


def add_labels_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``labels``."""
    parser.add_argument(
        "--model", metavar="MODEL", help="the labels of this model instead of the codebook's"
    )
    add_json(parser)
    parser.set_defaults(run=run_labels, command="labels")


def run_info(args: argparse.Namespace) -> int:
    """Say what the model is."""
    about = _about(model_of(args), args.model)
    if args.json:
        print_json(about)
        return 0
    print_table([[name, value] for name, value in _lines(about)])
    return 0


def run_verify(args: argparse.Namespace) -> int:
    """Check a model folder: first its files, then that they make a model."""
    from cxnlp.bundle import load, verify
    from cxnlp.classifier import Classifier

    manifest = verify(args.folder)
    Classifier(load(args.folder)).try_out()
    if args.json:
        print_json(manifest)
        return 0
    size = sum(entry["bytes"] for entry in manifest["files"].values())
    print(
        f"{args.folder} is whole: {manifest['name']} {manifest['version']}, "
        f"{len(manifest['files'])} files, {size / 1e6:.1f} MB"
    )
    return 0


def run_labels(args: argparse.Namespace) -> int:
    """List the labels."""
    from cxnlp.labels import DEFAULT

    taxonomy = model_of(args).taxonomy if args.model else DEFAULT
    if args.json:
        print_json(taxonomy.to_dict())
        return 0
    for kind, labels in (("cause", taxonomy.causes), ("emotion", taxonomy.emotions)):
        print_table(
            [[label.name, label.dutch, label.when] for label in labels],
            header=[kind, "Dutch", "given when"],
        )
        print()
    return 0


def _about(model: Classifier, source: str | None) -> dict[str, Any]:
    bundle = model.bundle
    return {
        "name": model.name,
        "version": model.version,
        "kind": bundle.kind,
        "megabytes": _megabytes(source),
        "causes": list(model.classes_),
        "emotions": list(model.emotion_classes_),
        "thresholds": model.thresholds,
        "review": {
            "doubt_limit": bundle.rule.doubt_limit,
            "emotion_limit": bundle.rule.emotion_limit,
        },
        "heldout": {cause: len(scores) for cause, scores in bundle.heldout.items()},
        **bundle.info,
    }


def _megabytes(source: str | None) -> float | None:
    """Size on disk of a model that lies in a folder."""
    from cxnlp.classifier import _CHAMPIONS

    shipped = source in (None, "champion", "fast", "auto")  # modes of one folder
    folders = _CHAMPIONS if shipped else (Path(source or ""),)
    for folder in folders:
        if folder.is_dir():
            return round(sum(f.stat().st_size for f in folder.iterdir()) / 1e6, 2)
    return None


def _lines(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """A line for each leaf, its name made of the names on the way to it."""
    for key, item in value.items():
        name = f"{before} {key}".strip().replace("_", " ") if before else str(key)
        if isinstance(item, Mapping):
            yield from _lines(item, name)
        elif isinstance(item, (list, tuple)):
            yield name, ", ".join(str(part) for part in item)
        else:
            yield name, f"{item:,}" if isinstance(item, int) else str(item)
