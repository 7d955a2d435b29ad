"""Where champions live, and the append-only ledger of who was champion from when to when, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxnlp import bundle as bundles
from cxnlp.errors import BundleError, TrainingError

_ROOT = Path(__file__).parent.parent
#: A line of the ledger: ``event`` (``promoted`` or ``rolled_back``), ``version``, ``from`` (UTC),
#: ``former`` (``version``, ``from`` and ``to`` of the one whose time ended, or None), ``why``,
#: ``figures``, ``data``, ``config``.
Entry = dict[str, Any]


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


def champion_version(store: Store) -> str | None:
    """The version of the champion; None when it is missing or damaged."""
    try:
        return str(bundles.verify(store.champion)["version"])
    except BundleError:
        return None


def read_ledger(store: Store) -> list[Entry]:
    """Every line of the ledger, oldest first.

    Raises
    ------
    TrainingError
        If a line is no entry; the message names it.
    """
    if not store.ledger.exists():
        return []
    entries = []
    for number, line in enumerate(store.ledger.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry: Entry = json.loads(line)
            entry["version"], entry["event"], entry["from"], entry["former"]
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"{store.ledger.name}, line {number}: expected a JSON object with 'version', "
                f"'event', 'from' and 'former'; got {line[:80]!r}. Restore the file from git."
            ) from error
        entries.append(entry)
    return entries


def last_entry(store: Store) -> Entry:
    """The newest line; empty where there is none."""
    entries = read_ledger(store)
    return entries[-1] if entries else {}


def champion_history(store: Store | None = None) -> list[Entry]:
    """Who was champion from when to when, and why; oldest first.

    Each is the ledger's line with ``to``: the time at which the next one took over, None for
    the present champion.
    """
    entries = read_ledger(store or Store())
    ends = [entry["from"] for entry in entries[1:]] + [None]
    return [{**entry, "to": end} for entry, end in zip(entries, ends, strict=False)]


def former_champion(store: Store) -> Entry | None:
    """The entry of the champion before this one, where a rollback undid its promotion."""
    stack: list[Entry] = []
    for entry in read_ledger(store):
        if entry["event"] == "rolled_back":
            while stack and stack[-1]["version"] != entry["version"]:
                stack.pop()
        if not stack or stack[-1]["version"] != entry["version"]:
            stack.append(entry)
    return stack[-2] if len(stack) > 1 else None


def withdrawn(store: Store, version: str) -> str | None:
    """When and why a version was rolled back; None if it was not, or was promoted again since."""
    for entry in reversed(read_ledger(store)):
        if entry["version"] == version:
            return None
        if entry["event"] == "rolled_back" and entry["former"]["version"] == version:
            return f"on {entry['from'][:10]}: {entry['why']}"
    return None


def new_entry(store: Store, event: str, version: str, why: str, **known: Any) -> Entry:
    """A line for now, which ends the time of the champion before it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    last = last_entry(store)
    return {
        "event": event,
        "version": version,
        "from": now,
        "former": {"version": last["version"], "from": last["from"], "to": now} if last else None,
        "why": why,
        **{name: dict(known.get(name) or {}) for name in ("figures", "data", "config")},
    }


def append(store: Store, entry: Mapping[str, Any]) -> None:
    """Add a line. The file is written anew and swapped, so it never holds half a line."""
    before = store.ledger.read_bytes() if store.ledger.exists() else b""
    write_whole(store.ledger, before + json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, or is as it was."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        write_synced(fresh, content)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on disk."""
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
