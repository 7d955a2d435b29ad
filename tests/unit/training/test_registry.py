"""Promotion and rollback: whatever stops them, a whole champion is left, and the next run mends."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cxnlp import bundle as bundles
from cxnlp.errors import BundleError, TrainingError
from training.ledger import read_ledger
from training.registry import (
    Store,
    champion_history,
    champion_version,
    locked,
    promote,
    rollback,
    settle,
    withdrawn,
)

Bundles = Callable[[str], Path]


@pytest.fixture(scope="module")
def versions(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """Bundles that differ in their version only."""
    folder = tmp_path_factory.mktemp("versions")
    model = bundles.load(tiny_bundle)

    def make(version: str) -> Path:
        if not (folder / version).exists():
            bundles.save(replace(model, version=version), folder / version)
        return folder / version

    return make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", tmp_path / "cache")


def in_child(action: Callable[[], Any]) -> int:
    """Exit code of a process that does something: 0 done, 1 a TrainingError, -n a signal."""
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            action()
            code = 0
        except TrainingError:
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(step: int, action: Callable[[], Any]) -> int:
    """Do something in a process that is killed before its n-th touch of the file system."""
    touches = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "fcntl.flock"}

    def armed() -> None:
        left = step

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in touches:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        action()

    return in_child(armed)


def leftovers(store: Store) -> list[str]:
    return sorted(path.name for path in store.models.iterdir() if path.name.startswith("."))


def test_promote_moves_the_folder_the_alias_and_the_ledger(store: Store, versions: Bundles) -> None:
    aliases: list[str] = []
    promote(versions("a"), "a", "the first", alias=aliases.append, store=store, judged_against=None)
    moved = promote(
        versions("b"),
        "b",
        "better",
        figures={"macro_f1": 0.7},
        data={"train": 10},
        config={"kind": "wordgrams"},
        judged_against="a",
        alias=aliases.append,
        store=store,
    )
    assert champion_version(store) == "b"
    assert aliases == ["a", "b"]
    first, second = champion_history(store)
    assert (first["version"], first["event"], first["why"]) == ("a", "promoted", "the first")
    assert first["former"] is None
    assert first["to"] == second["from"]
    assert second["to"] is None
    assert second["former"] == {"version": "a", "from": first["from"], "to": second["from"]}
    assert (second["figures"], second["data"]) == ({"macro_f1": 0.7}, {"train": 10})
    assert moved.entry["config"] == {"kind": "wordgrams"}
    assert bundles.verify(store.former("a"))["version"] == "a"
    assert leftovers(store) == []


def test_the_ledger_only_grows(store: Store, versions: Bundles) -> None:
    before = b""
    for version in ("a", "b", "c"):
        promote(versions(version), version, "better", store=store)
        after = store.ledger.read_bytes()
        assert after.startswith(before) and after.count(b"\n") == before.count(b"\n") + 1
        before = after
    rollback("worse", store=store)
    assert store.ledger.read_bytes().startswith(before)


def test_rollback_goes_back_one_by_one(store: Store, versions: Bundles) -> None:
    for version in ("a", "b", "c"):
        promote(versions(version), version, "better", figures={"is": version}, store=store)
    aliases: list[str] = []
    moved = rollback("complaints", alias=aliases.append, store=store)
    assert champion_version(store) == "b"
    assert (moved.entry["event"], moved.entry["why"]) == ("rolled_back", "complaints")
    assert moved.entry["figures"] == {"is": "b"}
    assert "complaints" in (withdrawn(store, "c") or "")
    rollback("more complaints", alias=aliases.append, store=store)
    assert champion_version(store) == "a"
    assert aliases == ["b", "a"]
    assert withdrawn(store, "a") is None
    with pytest.raises(TrainingError, match="no former champion"):
        rollback("again", store=store)
    promote(versions("c"), "c", "by hand", store=store)
    assert withdrawn(store, "c") is None
    rollback("no good", store=store)
    assert champion_version(store) == "a"


def test_rollback_finds_the_bundle_elsewhere_or_says_that_it_is_gone(
    store: Store, versions: Bundles
) -> None:
    for version in ("a", "b"):
        promote(versions(version), version, "better", store=store)
    shutil.rmtree(store.cache)
    with pytest.raises(TrainingError, match=r"former champion a is gone.*from git"):
        rollback("worse", store=store)
    with pytest.raises(TrainingError, match="MLflow does not have it"):
        rollback("worse", fetch=lambda version, into: None, store=store)
    assert champion_version(store) == "b"

    def fetch(version: str, into: Path) -> Path:
        return Path(shutil.copytree(versions(version), into / "bundle"))

    rollback("worse", fetch=fetch, store=store)
    assert champion_version(store) == "a"


def test_a_damaged_champion_can_be_rolled_back(store: Store, versions: Bundles) -> None:
    for version in ("a", "b"):
        promote(versions(version), version, "better", store=store)
    (store.champion / "model.json").write_text("{}")
    assert champion_version(store) is None
    rollback("damaged", store=store)
    assert champion_version(store) == "a"


def test_an_alias_that_cannot_be_moved_is_told_and_stops_nothing(
    store: Store, versions: Bundles
) -> None:
    def alias(version: str) -> None:
        raise ConnectionError("no server")

    moved = promote(versions("a"), "a", "better", alias=alias, store=store)
    assert "no server" in moved.warning
    assert champion_version(store) == "a"
    assert [entry["version"] for entry in read_ledger(store)] == ["a"]


def test_settle_writes_nothing_where_nothing_was_interrupted(
    store: Store, versions: Bundles
) -> None:
    promote(versions("a"), "a", "better", store=store)

    def state() -> list[tuple[str, int, bytes]]:
        files = sorted(path for path in store.models.rglob("*") if path.is_file())
        return [(str(p), p.stat().st_mtime_ns, p.read_bytes()) for p in files]

    before = state()
    settle(store)
    shutil.rmtree(store.cache)  # a fresh clone has no cache
    settle(store)
    assert state() == before


def test_a_champion_that_the_ledger_does_not_know_gets_a_line(
    store: Store, versions: Bundles
) -> None:
    shutil.copytree(versions("a"), store.champion)
    settle(store)
    [entry] = champion_history(store)
    assert (entry["version"], entry["why"]) == (
        "a",
        "found as champion; the ledger did not have it",
    )


def test_what_is_no_sound_bundle_is_refused(
    store: Store, versions: Bundles, tmp_path: Path
) -> None:
    promote(versions("a"), "a", "better", store=store)
    with pytest.raises(TrainingError, match="holds version a, not b"):
        promote(versions("a"), "b", "better", store=store)
    broken = Path(shutil.copytree(versions("b"), tmp_path / "broken"))
    (broken / "model.json").write_text("{}")
    with pytest.raises(BundleError, match=r"model\.json"):
        promote(broken, "b", "better", store=store)
    outside = tmp_path / "outside"
    bundles.save(replace(bundles.load(versions("a")), version="../x"), outside)
    with pytest.raises(TrainingError, match="letters, digits"):
        promote(outside, "../x", "better", store=store)
    assert champion_version(store) == "a"


def test_a_ledger_that_was_edited_is_named_with_its_line(store: Store, versions: Bundles) -> None:
    promote(versions("a"), "a", "better", store=store)
    store.ledger.write_text(store.ledger.read_text() + '{"version": \n')
    with pytest.raises(TrainingError, match=r"ledger\.jsonl, line 2.*git"):
        promote(versions("b"), "b", "better", store=store)
    assert champion_version(store) == "a"


def test_a_kill_at_any_step_leaves_a_whole_champion_and_the_next_run_mends(
    versions: Bundles, tmp_path: Path
) -> None:
    def prepared(name: str) -> Store:
        store = Store(tmp_path / name / "models", tmp_path / name / "cache")
        promote(versions("a"), "a", "first", store=store)
        return store

    def attempt(store: Store) -> None:
        promote(versions("b"), "b", "better", figures={"f1": 0.7}, store=store)

    seen = []
    for step in range(1, 200):
        store = prepared(str(step))
        code = killed_at(step, lambda store=store: attempt(store))  # type: ignore[misc]
        if code == 0:
            break
        assert code == -signal.SIGKILL
        settle(store)
        version = champion_version(store)
        seen.append(version)
        history = champion_history(store)
        assert history[-1]["version"] == version
        assert leftovers(store) == []
        if version == "b":
            assert history[-1]["figures"] == {"f1": 0.7}
        else:
            attempt(store)
            assert champion_version(store) == "b"
        assert [entry["version"] for entry in champion_history(store)] == ["a", "b"]
        assert [path.name for path in store.cache.glob(".*")] == []
        shutil.rmtree(tmp_path / str(step))
    assert step > 20
    # Before the swap the old one, after it the new one, and never back again.
    assert seen == sorted(seen) and set(seen) == {"a", "b"}


def test_a_full_disk_leaves_the_old_champion_whole(versions: Bundles, tmp_path: Path) -> None:
    sizes = sorted({path.stat().st_size for path in versions("b").iterdir()})
    for limit in (0, *(size - 1 for size in sizes)):
        store = Store(tmp_path / str(limit) / "models", tmp_path / str(limit) / "cache")
        promote(versions("a"), "a", "first", store=store)
        shutil.rmtree(store.cache)

        def attempt(limit: int = limit, store: Store = store) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            promote(versions("b"), "b", "better", store=store)

        assert in_child(attempt) == 1
        assert champion_version(store) == "a"
        assert leftovers(store) == []
        assert len(read_ledger(store)) == 1
        promote(versions("b"), "b", "better", store=store)
        assert champion_version(store) == "b"


def test_a_full_disk_at_the_ledger_is_mended_by_the_next_run(
    versions: Bundles, tmp_path: Path
) -> None:
    store = Store(tmp_path / "models", tmp_path / "cache")
    promote(versions("a"), "a", "x" * 2_000_000, store=store)

    def attempt() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
        promote(versions("b"), "b", "better", store=store)

    assert in_child(attempt) == 1
    assert champion_version(store) == "b"
    assert len(read_ledger(store)) == 1
    settle(store)
    assert [entry["why"] for entry in read_ledger(store)][1:] == ["better"]


def test_of_two_that_were_judged_against_the_same_champion_one_wins(
    store: Store, versions: Bundles
) -> None:
    promote(versions("a"), "a", "first", store=store)
    pids = []
    for version in ("b", "c"):
        folder = versions(version)
        pid = os.fork()
        if pid == 0:
            code = 3
            try:
                promote(folder, version, "better", judged_against="a", store=store)
                code = 0
            except TrainingError as error:
                code = 1 if "while" in str(error) else 2
            finally:
                os._exit(code)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert sorted(codes) == [0, 1]
    winner = ("b", "c")[codes.index(0)]
    assert champion_version(store) == winner
    assert [entry["version"] for entry in read_ledger(store)] == ["a", winner]


def test_the_second_run_waits_and_says_so(store: Store, versions: Bundles) -> None:
    with (
        locked(store),
        pytest.raises(TrainingError, match=r"Another run is moving.*waited 0\.2 s"),
    ):
        promote(versions("a"), "a", "better", store=store, wait=0.2)
    promote(versions("a"), "a", "better", store=store, wait=0.2)
    assert champion_version(store) == "a"
