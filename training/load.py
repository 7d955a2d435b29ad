"""The REST door under load beside ``mlflow models serve``, measured in one run with wrk.

``python -m training.load`` starts each server on a free local port with the same model, and lets
wrk send messages of the test split, one a call, over 1, 64 and 1,000 connections. A connection
sends its next message when the answer to the last has come. Memory is that of all processes of a
server (their proportional share of what they have in common), before and after.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxnlp.bundle import save
from cxnlp.classifier import load
from cxnlp.errors import TrainingError
from training.card import fill_blocks
from training.corpus import load_corpus
from training.report import table

ROOT = Path(__file__).parent.parent
FAST = "fast"  # folder of the words alone, which is what a server under load is for
CONNECTIONS = (1, 64, 1000)
_PATIENCE = 60  # seconds for a server to start, and for an answer
_MESSAGES = 500
_LUA = """
local bodies = {}
for line in io.lines("%s") do bodies[#bodies + 1] = line end
local at = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  at = at %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests": %%d, "us": %%d, "lost": %%d, "refused": %%d, "p50": %%f, "p95": %%f, "p99": %%f}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Rival:
    """A server that is measured: what it is called, how it is started, and what it is sent."""

    title: str
    command: tuple[str, ...]
    path: str
    wrap: str  # the key of the body's one field
    many: bool  # whether that field holds a list


def rivals(workers: int, model: Path) -> list[Rival]:
    """Both servers with the same model, alone and with several workers each."""
    found = []
    for n in (1, workers):
        more = f", {n} workers" if n > 1 else ""
        serve = ("-m", "cxnlp.cli", "serve", "--model", str(model), "--workers", str(n))
        found.append(Rival(f"`cxnlp serve`{more}", serve, "/predict", "text", many=False))
        mlflow = (
            *("-m", "mlflow", "models", "serve", "-m", "models:/cxnlp@challenger"),
            *("--env-manager", "local", "--workers", str(n)),
        )
        found.append(Rival(f"`mlflow models serve`{more}", mlflow, "/invocations", "inputs", True))
    return found


def measure(rival: Rival, texts: Sequence[str], seconds: int, folder: Path) -> list[dict[str, Any]]:
    """Figures of one server at each number of connections."""
    bodies = folder / "bodies.jsonl"
    with bodies.open("w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({rival.wrap: [text] if rival.many else text}) + "\n")
    script = folder / "load.lua"
    script.write_text(_LUA % bodies)
    rows = []
    with _running(rival, folder) as (url, process):
        before = _memory(process.pid)
        _wrk(url + rival.path, script, 4, 2)  # warm up
        for connections in CONNECTIONS:
            figures = _wrk(url + rival.path, script, connections, seconds)
            rows.append(
                {
                    "title": rival.title,
                    "connections": connections,
                    "per_second": figures["requests"] / figures["us"] * 1e6,
                    **{p: figures[p] / 1000 for p in ("p50", "p95", "p99")},
                    "failed": figures["lost"] + figures["refused"],
                    "before": before,
                    "after": _memory(process.pid),
                }
            )
    return rows


def load_table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as Markdown, each ratio to MLflow with as many workers and connections."""
    base = {
        (row["title"].replace("mlflow models", "cxnlp"), row["connections"]): row
        for row in rows
        if "mlflow" in row["title"]
    }
    lines = []
    for row in sorted(rows, key=lambda row: row["connections"]):
        rival = base.get((row["title"], row["connections"]))
        rate, p50 = f"{row['per_second']:,.0f}", f"{row['p50']:,.1f} ms"
        if rival:
            rate += f" ({row['per_second'] / rival['per_second']:.1f}×)"
            p50 += f" (1/{rival['p50'] / row['p50']:.1f})"
        lines.append(
            [
                row["title"],
                f"{row['connections']:,}",
                rate,
                p50,
                f"{row['p95']:,.1f} ms",
                f"{row['p99']:,.1f} ms",
                f"{row['failed']:,}",
                f"{row['before']:,.0f} → {row['after']:,.0f} MB",
            ]
        )
    heads = ["server", "connections", "requests a second", "p50", "p95", "p99", "failed", "memory"]
    return table(heads, lines)


@contextmanager
def _running(rival: Rival, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *rival.command, "--host", "127.0.0.1", "--port", str(port)],
            env=_environment(folder),
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that its workers can be ended with it
        )
        try:
            until = time.monotonic() + _PATIENCE
            while not _answers(url + "/ping"):
                if process.poll() is not None or time.monotonic() > until:
                    said = (folder / "server.log").read_text(errors="replace")[-2000:]
                    raise TrainingError(f"{rival.title} did not start:\n{said}")
                time.sleep(0.2)
            yield url, process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _environment(folder: Path) -> dict[str, str]:
    threads = {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL")}
    return {
        **os.environ,
        **threads,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _log_model(folder: Path) -> Path:
    """Register the champion's words alone in a store of this run's own; returns their folder."""
    model = folder / FAST
    save(load(FAST).bundle, model)
    code = f"from pathlib import Path; from training.tracking import log_model; log_model(Path({str(model)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=_environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TrainingError(f"The model could not be logged:\n{done.stderr.strip()[-2000:]}")
    return model


def _wrk(url: str, script: Path, connections: int, seconds: int) -> dict[str, float]:
    done = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={_PATIENCE}s"),
            *("-s", str(script), url),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    line = next((one for one in done.stdout.splitlines() if one.startswith("RESULT ")), None)
    if line is None:
        raise TrainingError(f"wrk failed:\n{done.stdout}{done.stderr}")
    figures: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return figures


def _memory(pid: int) -> float:
    """Megabytes of a process and all its descendants (Linux: proportional set size)."""
    total = 0.0
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    total += int(line.split()[1]) / 1024
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            total += _memory(int(child))
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the table into the README."""
    parser = argparse.ArgumentParser(prog="python -m training.load", description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    parser.add_argument("--workers", type=int, default=2, help="in the rows with several workers")
    parser.add_argument("--no-readme", action="store_true", help="print only")
    options = parser.parse_args(arguments)
    if shutil.which("wrk") is None:
        print("wrk is needed: a load tool, Debian package wrk.", file=sys.stderr)
        return 2
    texts = [record.text for record in load_corpus().part("test")[:_MESSAGES]]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for rival in rivals(options.workers, _log_model(folder)):
            print(f"{rival.title} …", file=sys.stderr, flush=True)
            rows += measure(rival, texts, options.seconds, folder)
    characters = sum(map(len, texts)) / len(texts)
    text = (
        f"One message a call ({len(texts)} of the test split in turn, {characters:.0f} characters "
        f"on average), {options.seconds} s each, by the champion's words alone; wrk and the server share {os.cpu_count()} cores. "
        f"In brackets the ratio to MLflow with as many workers. Written by "
        f"`python -m training.load`.\n\n{load_table(rows)}"
    )
    print(text)
    if not options.no_readme:
        try:
            fill_blocks(ROOT / "README.md", {"load": text})
        except TrainingError as error:
            print(f"Not written into the README: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
