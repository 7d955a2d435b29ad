"""Run the application on uvicorn, with one worker or many."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from typing import Any

from cxnlp.classifier import load
from cxnlp.errors import InputError, MissingExtraError
from cxnlp.server.settings import Settings

_BACKLOG = 2048  # connections that may wait to be taken
_SHARED = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings, *, host: str, port: int, workers: int = 1) -> None:
    """Serve until told to stop; then finish what is under way.

    Parameters
    ----------
    settings
        What the workers are to do.
    host, port
        Where to listen; port 0 takes a free one, which the first log line names.
    workers
        Processes that share the load. Each takes connections as it can, has its own copy of
        the model, and looks for a new one on its own.

    Raises
    ------
    BundleError
        If there is no model to serve.
    InputError
        If the address cannot be listened on, or ``workers`` is below 1.
    MissingExtraError
        If the extra ``serve`` is not installed.
    """
    uvicorn = _uvicorn()
    if workers < 1:
        raise InputError(f"--workers takes a number of at least 1; got {workers}.")
    load(settings.model or None)  # tell now, and once, if there is none
    listener = _listen(host, port)
    os.environ.update(settings.to_env())
    config = uvicorn.Config(
        "cxnlp.server.app:create_app",
        factory=True,
        workers=workers,
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=settings.stop_seconds,
        timeout_worker_healthcheck=60,  # a worker on a busy machine is not a dead one
        backlog=_BACKLOG,
    )
    place = listener.getsockname()
    shown = f"[{place[0]}]" if ":" in place[0] else place[0]
    _log().info("serving", extra={"fields": {"url": f"http://{shown}:{place[1]}"}})
    # uvicorn raises the signal again when it is done; for SIGTERM that is an ordinary end.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    shared = tempfile.mkdtemp(prefix="cxnlp-metrics-") if workers > 1 else None
    if shared:
        os.environ[_SHARED] = shared
    try:
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listener])
        else:
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, sockets=[listener]).run()
    finally:
        listener.close()
        signal.signal(signal.SIGTERM, before)
        if shared:
            os.environ.pop(_SHARED, None)
            shutil.rmtree(shared, ignore_errors=True)


def _uvicorn() -> Any:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtraError(error.name or "uvicorn", "serve", "Serving over HTTP") from error
    return uvicorn


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:
        raise InputError(f"--port takes a number from 0 to 65535; got {port}.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InputError(
            f"Cannot listen on {host} port {port}: {error}. Take another with --host or --port."
        ) from error


def _log() -> Any:
    import logging
    import logging.config

    logging.config.dictConfig(LOGGING)
    return logging.getLogger("cxnlp.server")


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "cxnlp.server.observe.JsonFormatter"}},
    "handlers": {
        "out": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stdout",
        }
    },
    "loggers": {
        "cxnlp.server": {"handlers": ["out"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["out"], "level": "WARNING", "propagate": False},
    },
}
"""JSON lines on standard output."""
