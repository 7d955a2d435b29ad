"""Moving the champion: `models/champion/` is the truth, MLflow's alias mirrors it.

A promotion copies first and moves last, so that whatever stops it (a kill, a full disk) leaves
a whole champion:

1. the present champion is copied into the cache, for a later rollback;
2. the new bundle is copied beside the champion, and checked there;
3. the intent is written into the cache: what the next run is to finish;
4. the folders are swapped: from here on the new one is champion;
5. the alias in MLflow is moved: a mirror, so its failure is told and no more;
6. the ledger gets its line, and the intent is removed.

`settle` brings an interrupted promotion to its end, or takes its leftovers away.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any

from cxnlp import bundle as bundles
from cxnlp.errors import BundleError, CxnlpError, TrainingError
from training.ledger import (
    Entry,
    Store,
    append,
    champion_history,
    champion_version,
    former_champion,
    last_entry,
    new_entry,
    withdrawn,
    write_synced,
    write_whole,
)

__all__ = [
    "Moved",
    "Store",
    "champion_history",
    "champion_version",
    "locked",
    "promote",
    "rollback",
    "settle",
    "withdrawn",
]

#: Moves the alias ``champion`` to a version; may raise anything.
Alias = Callable[[str], None]
#: Gets the bundle of a version into a folder and returns where; None where it does not have it.
Fetch = Callable[[str, Path], Path | None]


@dataclass(frozen=True)
class Moved:
    """What a promotion or rollback did.

    Attributes
    ----------
    entry
        The ledger's line.
    warning
        What went wrong with the mirror in MLflow; empty when nothing did.
    """

    entry: Entry
    warning: str = ""


def promote(
    folder: Path,
    version: str,
    reason: str,
    *,
    figures: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    judged_against: str | EllipsisType | None = ...,
    alias: Alias | None = None,
    store: Store | None = None,
    wait: float = 300,
) -> Moved:
    """Make a bundle the champion.

    Parameters
    ----------
    folder
        The bundle; it is copied.
    version
        Its version, as its manifest has it.
    reason
        Why, for the ledger.
    figures, data, config
        What the ledger should remember of it: plain JSON values.
    judged_against
        The version of the champion that the gate compared it with (None: there was none).
        Where another run changed the champion since, nothing is done.
    alias
        Moves the alias in MLflow; see `training.tracking.move_alias`.
    store
        Where champions live.
    wait
        Seconds to wait for another run that is promoting.

    Raises
    ------
    TrainingError
        If the champion has changed since, another run keeps the lock, or the disk refuses; the
        champion is then still whole.
    BundleError
        If ``folder`` holds no sound bundle.
    """
    store = store or Store()
    found = str(bundles.verify(folder)["version"])
    if found != version:
        raise TrainingError(f"{str(folder)!r} holds version {found}, not {version}.")
    if not re.fullmatch(r"\w[\w.+-]*", version):
        raise TrainingError(f"The version {version!r} must be letters, digits and any of '.+-_'.")
    with locked(store, wait=wait):
        _settle(store, alias)
        present = champion_version(store)
        if judged_against is not ... and judged_against != present:
            raise TrainingError(
                f"The champion changed from {judged_against} to {present} while {version} was "
                f"being judged, by another run; run again to judge it against that one."
            )
        entry = new_entry(
            store, "promoted", version, reason, figures=figures, data=data, config=config
        )
        return _move(store, folder, entry, alias)


def rollback(
    reason: str,
    *,
    alias: Alias | None = None,
    fetch: Fetch | None = None,
    store: Store | None = None,
    wait: float = 300,
) -> Moved:
    """Put the former champion back; a second rollback goes back one further.

    What was rolled back is told by `withdrawn`, so that the gate does not let it in again.

    Parameters
    ----------
    reason
        Why, for the ledger.
    alias
        Moves the alias in MLflow.
    fetch
        Where to look for a bundle that the cache does not have; see
        `training.tracking.fetch_bundle`.
    store, wait
        As in `promote`.

    Raises
    ------
    TrainingError
        If there is no former champion, its bundle is nowhere to be had, another run keeps the
        lock, or the disk refuses.
    """
    store = store or Store()
    with locked(store, wait=wait):
        _settle(store, alias)
        former = former_champion(store)
        if former is None:
            raise TrainingError("The ledger knows of no former champion to go back to.")
        version = former["version"]
        known = {name: former.get(name) for name in ("figures", "data", "config")}
        entry = new_entry(store, "rolled_back", version, reason, **known)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=store.cache) as scratch:
            return _move(store, _find(store, version, Path(scratch), fetch), entry, alias)


def settle(store: Store | None = None, *, alias: Alias | None = None, wait: float = 300) -> None:
    """Bring an interrupted promotion to its end; does nothing when there is none.

    `promote` and `rollback` do so by themselves; a run calls it before it reads the champion.
    A champion that the ledger does not know gets a line that says so.

    Raises
    ------
    TrainingError
        If another run keeps the lock, or the disk refuses.
    """
    store = store or Store()
    with locked(store, wait=wait):
        _settle(store, alias)


@contextmanager
def locked(store: Store, *, wait: float = 300) -> Iterator[None]:
    """Hold the lock on a store; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    TrainingError
        If another run still holds it after ``wait`` seconds, or the disk refuses something
        while it is held.
    """
    import fcntl

    try:
        store.cache.mkdir(parents=True, exist_ok=True)
        lock = os.open(store.cache / "lock", os.O_CREAT | os.O_RDWR)
        try:
            until = time.monotonic() + wait
            while not _got(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if time.monotonic() >= until:
                    raise TrainingError(
                        f"Another run is moving the champion in {str(store.models)!r}; waited "
                        f"{wait:g} s for it. Try again when it is done."
                    )
                time.sleep(0.1)
            yield
        finally:
            os.close(lock)
    except OSError as error:
        raise TrainingError(
            f"Could not finish moving the champion: {error}. It is {champion_version(store)} in "
            f"{str(store.champion)!r}; free some space and run again."
        ) from error


def _got(lock: int, how: int) -> bool:
    import fcntl

    try:
        fcntl.flock(lock, how)
    except BlockingIOError:
        return False
    return True


def _move(store: Store, folder: Path, entry: Entry, alias: Alias | None) -> Moved:
    """Steps 1 to 6 of the module's docstring."""
    store.models.mkdir(parents=True, exist_ok=True)
    present = champion_version(store)
    if present is not None and not _holds(store.former(present), present):
        _put(store.champion, store.former(present))
    _put(
        folder,
        store.champion,
        before=lambda: write_whole(store.intent, json.dumps(entry).encode()),
    )
    warning = _mirror(entry["version"], alias)
    append(store, entry)
    store.intent.unlink(missing_ok=True)
    return Moved(entry, warning)


def _put(folder: Path, target: Path, *, before: Callable[[], None] = lambda: None) -> None:
    """Copy a bundle next to its target, check the copy, call ``before`` and swap."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for path in sorted(folder.iterdir()):
            write_synced(fresh / path.name, path.read_bytes())
        fresh.chmod(0o755)
        bundles.verify(fresh)
        before()
        bundles.replace_folder(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _settle(store: Store, alias: Alias | None) -> None:
    _restore(store)
    present = champion_version(store)
    last = last_entry(store)
    entry = _intent(store)
    if entry and entry["version"] == present:
        if last.get("from") != entry["from"]:
            _mirror(entry["version"], alias)
            append(store, entry)
    elif present is not None and last.get("version") != present:
        why = "found as champion; the ledger did not have it"
        append(store, new_entry(store, "promoted", present, why))
    store.intent.unlink(missing_ok=True)


def _restore(store: Store) -> None:
    """Undo a swap that was killed in its middle, and remove half-done copies."""
    left = [path for path in store.models.glob(".champion-*") if path.is_dir()]
    if not store.champion.exists():
        for path in left:
            if path.name.startswith(".champion-old-") and _holds(path):
                path.replace(store.champion)
                break
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    for path in store.cache.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _intent(store: Store) -> Entry | None:
    try:
        entry: Entry = json.loads(store.intent.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return entry


def _find(store: Store, version: str, scratch: Path, fetch: Fetch | None) -> Path:
    """The bundle of a former champion: from the cache, or from elsewhere."""
    if _holds(store.former(version), version):
        return store.former(version)
    tried = f"it is not in {str(store.former(version))!r}"
    if fetch is not None:
        try:
            found = fetch(version, scratch)
        except CxnlpError as error:
            tried += f", and MLflow could not be asked ({error})"
        else:
            if found is not None and _holds(found, version):
                return found
            tried += " and MLflow does not have it"
    raise TrainingError(
        f"The bundle of the former champion {version} is gone: {tried}. Take models/champion of "
        f"that version from git and give it to `python -m training promote`."
    )


def _holds(folder: Path, version: str | None = None) -> bool:
    """Whether a folder has a sound bundle (of a version)."""
    try:
        found = bundles.verify(folder)["version"]
    except BundleError:
        return False
    return version is None or found == version


def _mirror(version: str, alias: Alias | None) -> str:
    """Move the alias; the champion is the folder, so a failure is told and no more."""
    try:
        if alias is not None:
            alias(version)
    except Exception as error:  # an experiment store fails in many ways
        return f"MLflow's alias 'champion' was not moved: {error}"
    return ""
