"""A model on disk: JSON and safetensors under a manifest, and nothing that can run.

A bundle is a folder::

    manifest.json   format number, name, version, kind, and SHA-256 and size of each file
    model.json, …   the model itself; see `cxnlp.contents`
    README.md, …    the model card and what else the manifest names

Reading checks that the folder holds exactly what the manifest says; writing goes to a
neighbouring folder first and is moved into place, so a kill leaves the old bundle whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxnlp.contents import KINDS, Bundle, from_files, to_files
from cxnlp.errors import BundleError, CxnlpError

FORMAT = 2
READABLE = (1, 2)
MANIFEST = "manifest.json"

__all__ = ["FORMAT", "MANIFEST", "Bundle", "load", "replace_folder", "save", "verify"]


def save(bundle: Bundle, folder: str | Path, *, extra: Mapping[str, str] | None = None) -> None:
    """Write a bundle, replacing what is in ``folder`` only when all of it is on disk.

    Parameters
    ----------
    bundle
        The model.
    folder
        Where to; made if needed.
    extra
        Text files to put beside it, name to content (the model card).

    Raises
    ------
    BundleError
        If it cannot be written; the old one is left as it was.
    """
    folder = Path(folder)
    files = {name: text.encode() for name, text in (extra or {}).items()}
    try:
        files.update(to_files(bundle))
        manifest = {
            "format": FORMAT,
            "name": bundle.name,
            "version": bundle.version,
            "kind": bundle.kind,
            "files": {
                name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
                for name, content in sorted(files.items())
            },
        }
        files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, content in files.items():
                with (fresh / name).open("wb") as out:
                    out.write(content)
                    out.flush()
                    os.fsync(out.fileno())
            fresh.chmod(0o755)
            replace_folder(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise BundleError(
            f"Cannot write the model to {str(folder)!r}: {error}. What was there before is "
            f"untouched; free some space or choose another folder."
        ) from error


def replace_folder(fresh: Path, folder: Path) -> None:
    """Put a finished folder in the place of another; the old one returns if that fails."""
    if not folder.exists():
        fresh.replace(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    old.rmdir()  # a name that is free: Windows moves onto nothing that exists
    folder.replace(old)
    try:
        fresh.replace(folder)
    except OSError:
        old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def verify(folder: str | Path) -> dict[str, Any]:
    """Check a bundle's files against its manifest and return the manifest.

    Raises
    ------
    BundleError
        If the folder or its manifest is missing or unreadable, the format or kind unknown, or
        a file missing, altered or not named in the manifest; the message names it.
    """
    return _read(Path(folder))[0]


def load(folder: str | Path) -> Bundle:
    """Read a bundle; every byte is checked before it is used.

    Raises
    ------
    BundleError
        As `verify`, and if the content does not fit together.
    """
    manifest, files = _read(Path(folder))
    try:
        return from_files(manifest, files)
    except (KeyError, TypeError, ValueError, CxnlpError) as error:
        raise BundleError(
            f"The model in {str(folder)!r} does not fit together ({type(error).__name__}: {error}). "
            f"Train it again, or take a bundle that this version of cxnlp wrote."
        ) from error


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    if not folder.is_dir():
        raise BundleError(f"No model folder at {str(folder)!r}. Give a folder with a {MANIFEST}.")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        listed = {str(name): dict(entry) for name, entry in manifest["files"].items()}
    except FileNotFoundError:
        raise BundleError(f"{str(folder)!r} has no {MANIFEST}, so it is no cxnlp model.") from None
    except OSError as error:
        raise BundleError(f"Cannot read {str(folder / MANIFEST)!r}: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{str(folder / MANIFEST)!r} is not the manifest of a cxnlp model. Give the folder of "
            f"a model, such as models/champion."
        ) from error
    if manifest.get("format") not in READABLE:
        raise BundleError(
            f"{str(folder)!r} has bundle format {manifest.get('format')!r}; this version of cxnlp "
            f"reads formats {READABLE[0]} to {READABLE[-1]}. Upgrade cxnlp, or train the model again."
        )
    if manifest.get("kind") not in KINDS:
        raise BundleError(
            f"{str(folder)!r} holds a model of kind {manifest.get('kind')!r}; known are: "
            f"{', '.join(KINDS)}. Upgrade cxnlp."
        )
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(set(listed) - present):
        raise BundleError(
            f"{str(folder)!r} lacks the file {name!r}. Copy or train the model again."
        )
    for name in sorted(present - set(listed)):
        raise BundleError(
            f"{str(folder)!r} holds {name!r}, which its manifest does not name. Remove that file."
        )
    files = {}
    for name, entry in listed.items():
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
            raise BundleError(
                f"{name!r} in {str(folder)!r} is not what its manifest says (SHA-256 differs). "
                f"It was altered or damaged: copy or train the model again."
            )
        files[name] = content
    return manifest, files
