"""A real ``cxnlp serve`` in a process of its own, and plain requests to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A server that runs."""

    url: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def ask(
        self,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """Send one request; ``body`` may be bytes, an iterator of them (sent in chunks) or JSON."""
        if body is not None and not isinstance(body, (bytes, Iterator)):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                method or ("GET" if body is None else "POST"),
                path,
                body,
                {"Content-Type": "application/json", **(headers or {})},
                encode_chunked=isinstance(body, Iterator),
            )
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def stop(self) -> int:
        """Ask it to stop and wait for it."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def serving(model: Path, *options: str, **settings: str | int | float) -> Iterator[Server]:
    """Run ``cxnlp serve`` on a free port, with settings such as ``max_messages=3``."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CXNLP_")}
    env |= {f"CXNLP_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cxnlp.cli",
            "serve",
            "--port",
            "0",
            "--model",
            str(model),
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        text=True,
    )
    assert process.stdout is not None
    server = Server("", process)
    try:
        first = process.stdout.readline()
        server.url = json.loads(first)["url"]
        server.lines.append(first)
        reader = threading.Thread(
            target=lambda out: server.lines.extend(out), args=[process.stdout]
        )
        reader.start()
        wait_for(lambda: ready(server))
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if "reader" in locals():
            reader.join()
        process.stdout.close()


def ready(server: Server) -> bool:
    try:
        return server.ask("/health").status == 200
    except OSError:
        return False


def wait_for(what: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
