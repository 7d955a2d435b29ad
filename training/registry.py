"""Who is champion: `models/champion/` is the truth, MLflow's alias mirrors it, a ledger tells.

A promotion copies first and moves last, so that whatever stops it (a kill, a full disk) leaves
a whole champion in place::

    1  the present champion is copied into the cache        for a later rollback
    2  the new bundle is copied beside the champion          and checked there
    3  the intent is written into the cache                  what the next run finishes
    4  the folders are swapped                               from here on the new one is champion
    5  the MLflow alias is moved                             a mirror: its failure is only told
    6  the ledger gets its line, the intent is removed

`settle`, which every one of these functions calls first, brings an interrupted promotion to its
end, or takes back its leftovers.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import EllipsisType
from typing import Any

from cxnlp import bundle as bundles
from cxnlp.errors import BundleError, TrainingError

_ROOT = Path(__file__).parent.parent
_OLD = ".champion-"  # prefix of half-done copies and of a champion that is being replaced
Entry = dict[str, Any]
#: Moves the alias ``champion`` to a version; may raise anything.
Alias = Callable[[str], None]


@dataclass(frozen=True)
class Store:
    """Where champions live.

    Attributes
    ----------
    models
        Holds ``champion/`` and ``ledger.jsonl``; both are kept in git.
    cache
        Holds former champions by version, the lock and the intent; ignored by git.
    """

    models: Path = _ROOT / "models"
    cache: Path = _ROOT / ".cache" / "champions"

    @property
    def champion(self) -> Path:
        """The champion's bundle."""
        return self.models / "champion"

    @property
    def ledger(self) -> Path:
        """One JSON object a line, oldest first."""
        return self.models / "ledger.jsonl"

    @property
    def intent(self) -> Path:
        """The line that a promotion under way will write."""
        return self.cache / "intent.json"

    def former(self, version: str) -> Path:
        """Where the bundle of a former champion is kept."""
        return self.cache / version


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


def champion_version(store: Store) -> str | None:
    """The version of the champion; None when there is none.

    Raises
    ------
    BundleError
        If there is one and it is damaged.
    """
    if not store.champion.exists():
        return None
    return str(bundles.verify(store.champion)["version"])


def read_ledger(store: Store) -> list[Entry]:
    """Every line of the ledger, oldest first.

    Raises
    ------
    TrainingError
        If a line is no JSON object with a version and an event; the message names it.
    """
    if not store.ledger.exists():
        return []
    entries = []
    for number, line in enumerate(store.ledger.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            entry["version"], entry["event"], entry["from"]
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"{store.ledger.name}, line {number}: expected a JSON object with 'version', "
                f"'event' and 'from'; got {line[:80]!r} ({error!r}). Restore the file from git."
            ) from error
        entries.append(entry)
    return entries


def champion_history(store: Store | None = None) -> list[Entry]:
    """Who was champion from when to when, and why; oldest first.

    Each is the ledger's line with ``to``: the time at which the next one took over, None for
    the present champion.
    """
    entries = read_ledger(store or Store())
    ends = [entry["from"] for entry in entries[1:]] + [None]
    return [{**entry, "to": end} for entry, end in zip(entries, ends, strict=False)]


def withdrawn(store: Store, version: str) -> str | None:
    """Why a version was rolled back, if that is the last thing that happened to it."""
    for entry in reversed(read_ledger(store)):
        if entry["version"] == version:
            return None
        if (
            entry["event"] == "rolled_back"
            and (entry.get("former") or {}).get("version") == version
        ):
            return f"on {entry['from']}: {entry['why']}"
    return None


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
        old champion is then still whole.
    BundleError
        If ``folder`` holds no sound bundle.
    """
    store = store or Store()
    found = str(bundles.verify(folder)["version"])
    if found != version:
        raise TrainingError(f"{str(folder)!r} holds version {found}, not {version}.")
    with locked(store, wait=wait):
        _settle(store, alias)
        present = _present(store)
        if judged_against is not ... and judged_against != present:
            raise TrainingError(
                f"The champion changed from {judged_against} to {present} while {version} was "
                f"being judged, by another run; run again to judge it against that one."
            )
        entry = {
            "event": "promoted",
            "version": version,
            "why": reason,
            "figures": dict(figures or {}),
            "data": dict(data or {}),
            "config": dict(config or {}),
        }
        return _move(store, folder, entry, alias)


def rollback(
    reason: str,
    *,
    alias: Alias | None = None,
    fetch: Callable[[str, Path], Path | None] | None = None,
    store: Store | None = None,
    wait: float = 300,
) -> Moved:
    """Put the former champion back.

    A second rollback goes back one further. What was rolled back is not promoted again by a
    run, see `withdrawn`.

    Parameters
    ----------
    reason
        Why, for the ledger.
    alias
        Moves the alias in MLflow.
    fetch
        ``fetch(version, into)`` gets a bundle from elsewhere where the cache does not have it
        (see `training.tracking.fetch_bundle`) and returns its folder, or None.

    Raises
    ------
    TrainingError
        If there is no former champion, or its bundle is nowhere to be had.
    """
    store = store or Store()
    with locked(store, wait=wait):
        _settle(store, alias)
        former = former_champion(store)
        if former is None:
            raise TrainingError(
                "There is no former champion to go back to: the ledger knows of one at most."
            )
        version = former["version"]
        entry = {
            "event": "rolled_back",
            "version": version,
            "why": reason,
            **{name: former.get(name, {}) for name in ("figures", "data", "config")},
        }
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=store.cache) as scratch:
            return _move(store, _find(store, version, Path(scratch), fetch), entry, alias)


def former_champion(store: Store) -> Entry | None:
    """The ledger's entry of the champion before this one; a rollback undoes a promotion."""
    stack: list[Entry] = []
    for entry in read_ledger(store):
        if entry["event"] == "rolled_back":
            while stack and stack[-1]["version"] != entry["version"]:
                stack.pop()
            if not stack:
                stack.append(entry)
        else:
            stack.append(entry)
    return stack[-2] if len(stack) > 1 else None


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
        try:
            _settle(store, alias)
        except OSError as error:
            raise TrainingError(
                f"Could not finish an interrupted promotion: {error}. The champion is whole; free "
                f"some space and run again."
            ) from error


def _settle(store: Store, alias: Alias | None) -> None:
    _restore(store)
    present = _present(store)
    last = _last(store)
    entry = _read_intent(store)
    if entry is not None and entry["version"] == present:
        if last.get("from") != entry["from"]:
            _mirror(entry["version"], alias)
            _append(store, entry)
    elif present is not None and last.get("version") != present:
        why = "found as champion; the ledger did not have it"
        entry = {"event": "promoted", "version": present, "why": why}
        _append(store, _complete(store, entry))
    store.intent.unlink(missing_ok=True)


@contextmanager
def locked(store: Store, *, wait: float = 300) -> Iterator[None]:
    """Hold the lock on a store; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    TrainingError
        If another run still holds it after ``wait`` seconds.
    """
    import fcntl

    try:
        store.cache.mkdir(parents=True, exist_ok=True)
        lock = os.open(store.cache / "lock", os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise TrainingError(
            f"Cannot write in {str(store.cache)!r}: {error}. The champion is as it was."
        ) from error
    try:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise TrainingError(
                        f"Another run is moving the champion in {str(store.models)!r}; waited "
                        f"{wait:.0f} s for it. Try again when it is done."
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(lock)


def _move(store: Store, folder: Path, entry: Entry, alias: Alias | None) -> Moved:
    """Steps 1 to 6 of the module's docstring."""
    entry = _complete(store, entry)
    try:
        store.models.mkdir(parents=True, exist_ok=True)
        _keep_former(store)
        fresh = _copy_beside(folder, store.champion)
        try:
            _write(store.intent, json.dumps(entry, ensure_ascii=False))
            bundles.replace_folder(fresh, store.champion)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        warning = _mirror(entry["version"], alias)
        _append(store, entry)
    except OSError as error:
        raise TrainingError(
            f"Could not finish making {entry['version']} the champion: {error}. "
            f"The champion is {_present(store)}, and whole. Free some space and run again."
        ) from error
    store.intent.unlink(missing_ok=True)
    return Moved(entry, warning)


def _complete(store: Store, entry: Entry) -> Entry:
    """The entry with its time and the end of the one before."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    last = _last(store)
    former = {"version": last["version"], "from": last["from"], "to": now} if last else None
    return {**{k: entry[k] for k in ("event", "version")}, "from": now, "former": former, **entry}


def _keep_former(store: Store) -> None:
    """Copy the present champion into the cache, unless it is there or damaged."""
    present = _present(store)
    if present is None or _sound(store.former(present), present):
        return
    target = store.former(present)
    bundles.replace_folder(_copy_beside(store.champion, target), target)


def _copy_beside(folder: Path, target: Path) -> Path:
    """A checked copy of a bundle next to where it will go, all of it on disk."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for path in sorted(folder.iterdir()):
            _write_bytes(fresh / path.name, path.read_bytes())
        fresh.chmod(0o755)
        bundles.verify(fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return fresh


def _restore(store: Store) -> None:
    """Undo a swap that was killed in its middle, and remove half-done copies."""
    if not store.models.is_dir():
        return
    left = sorted(p for p in store.models.glob(f"{_OLD}*") if p.is_dir())
    if not store.champion.exists():
        for path in left:
            if path.name.startswith(f"{_OLD}old-") and _sound(path):
                path.replace(store.champion)
                break
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def _find(
    store: Store,
    version: str,
    scratch: Path,
    fetch: Callable[[str, Path], Path | None] | None,
) -> Path:
    """The bundle of a former champion: from the cache, or from elsewhere."""
    if _sound(store.former(version), version):
        return store.former(version)
    tried = [str(store.former(version))]
    if fetch is not None:
        tried.append("MLflow's artefacts")
        found = fetch(version, scratch)
        if found is not None and _sound(found, version):
            return found
    raise TrainingError(
        f"The bundle of the former champion {version} is gone; looked in {' and '.join(tried)}. "
        f"Take models/champion of that version from git and give it to `python -m training promote`."
    )


def _present(store: Store) -> str | None:
    """The champion's version; None where it is missing or damaged: nothing to go back to."""
    try:
        return champion_version(store)
    except BundleError:
        return None


def _sound(folder: Path, version: str | None = None) -> bool:
    try:
        found = bundles.verify(folder)["version"]
    except BundleError:
        return False
    return version is None or found == version


def _mirror(version: str, alias: Alias | None) -> str:
    """Move the alias; the champion is the folder, so a failure is told and no more."""
    if alias is None:
        return ""
    try:
        alias(version)
    except Exception as error:  # an experiment store fails in many ways
        return f"MLflow's alias was not moved: {error}. The next run moves it."
    return ""


def _last(store: Store) -> Entry:
    entries = read_ledger(store)
    return entries[-1] if entries else {}


def _append(store: Store, entry: Entry) -> None:
    """Add a line. The file is written anew and swapped, so it never holds half a line."""
    before = store.ledger.read_text(encoding="utf-8") if store.ledger.exists() else ""
    _write(store.ledger, before + json.dumps(entry, ensure_ascii=False) + "\n")


def _read_intent(store: Store) -> Entry | None:
    try:
        entry: Entry = json.loads(store.intent.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return entry


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there whole, or as it was."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        _write_bytes(fresh, text.encode())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
