"""Many callers at once, and a model that changes under them: nothing is lost or mixed up."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from serving import Server, serving, wait_for

from cxnlp.bundle import load, save

TEXT = "Dinsdag zou de monteur komen, niemand gezien"


@pytest.fixture
def server(tiny_bundle: Path, tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path / "champion"
    shutil.copytree(tiny_bundle, folder)
    with serving(folder, reload_seconds=0.1) as running:
        yield running, folder


def memory(server: Server) -> float:
    """Resident megabytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def one_caller(port: int, name: int, calls: int) -> list[int]:
    """Ask several times on one connection; returns the ids that came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = []
    for call in range(calls):
        body = json.dumps({"id": name * calls + call, "text": f"{TEXT} {name}"}).encode()
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = next(
            int(line.split(b":")[1])
            for line in answer.splitlines()
            if line.lower().startswith(b"content-length")
        )
        [record] = json.loads(await reader.readexactly(length))["predictions"]
        assert record["decision"]
        got.append(record["id"])
    writer.close()
    return got


async def callers(port: int, n: int, calls: int) -> list[int]:
    answers = await asyncio.gather(*(one_caller(port, name, calls) for name in range(n)))
    return [name for got in answers for name in got]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_thousand_callers_all_get_their_own_answer(server: tuple[Server, Path]) -> None:
    running, _ = server
    assert asyncio.run(callers(running.port, 1000, 1)) == list(range(1000))
    before = memory(running)
    for _ in range(3):
        assert asyncio.run(callers(running.port, 1000, 2)) == list(range(2000))
    assert memory(running) - before < 20


def test_a_new_model_is_taken_up_without_losing_a_call(server: tuple[Server, Path]) -> None:
    running, folder = server
    stop = False

    def keep_asking() -> list[str]:
        versions = []
        while not stop:
            answer = running.ask("/predict", {"messages": [{"text": TEXT}] * 3})
            assert answer.status == 200
            [version] = {p["model"]["version"] for p in answer.json()["predictions"]}
            versions.append(version)
        return versions

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking) for _ in range(3)]
        try:
            bundle = load(folder)
            for version in ("0.0.2", "0.0.3"):
                save(replace(bundle, version=version), folder)
                wait_for(lambda v=version: running.ask("/version").json()["model"]["version"] == v)
        finally:
            stop = True
        seen = [future.result() for future in asking]
    for versions in seen:
        assert versions == sorted(versions)
        assert versions[0] == "0.0.1"
        assert versions[-1] == "0.0.3"


def test_a_broken_model_keeps_the_old_one(server: tuple[Server, Path]) -> None:
    running, folder = server
    sound = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(sound.replace(b'"0.0.1"', b'"0.0.2"'))
    (folder / "model.json").write_bytes(b"{}")
    wait_for(lambda: running.ask("/health").json()["model_error"] is not None)
    health = running.ask("/health")
    assert health.status == 200
    assert health.json()["model"]["version"] == "0.0.1"
    assert "'model.json'" in health.json()["model_error"]
    assert running.ask("/predict", {"text": TEXT}).status == 200
    shutil.rmtree(folder)
    wait_for(lambda: "No model folder" in running.ask("/health").json()["model_error"])
    assert running.ask("/predict", {"text": TEXT}).status == 200
    running.stop()
    events = [json.loads(line) for line in running.lines]
    failed = [event for event in events if event.get("outcome") == "failed"]
    assert len(failed) == 2  # each trouble is told once, not at every check
