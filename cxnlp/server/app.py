"""The application: each path parses, makes one call, answers."""

from __future__ import annotations

import asyncio
import hmac
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope

from cxnlp import __version__
from cxnlp.errors import InputError
from cxnlp.server import schemas
from cxnlp.server.batch import Batcher
from cxnlp.server.limits import Bodies, header
from cxnlp.server.metrics import Metrics
from cxnlp.server.observe import Answer, Observe, about, log, say_fault
from cxnlp.server.refuse import RequestError
from cxnlp.server.reload import Loaded, Models
from cxnlp.server.settings import Settings
from cxnlp.server.wire import error_record

Read = Callable[[bytes, Settings], schemas.Asked]

_SWITCH = 0.02  # seconds; measured with `python -m training.load`, a quarter faster than 0.005
_LARGE = 65_536  # bytes of a body that is not parsed on the event loop
_PAGE = files("cxnlp.server") / "static"
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_ABOUT = """Why a Dutch customer is unhappy, and how it feels.

A call may hold {messages_a_call:,} messages,
a body {bytes_a_body:,} bytes, a message {characters_a_message:,} characters. What is over a limit is refused with 413, what makes no sense
with 422 (400 at `/invocations`, as with MLflow), and the answer says what was wrong and where. One
bad message gets a record `{{id, error}}` in its place; the others are answered. 503 with
`Retry-After` asks to send the same again."""


def create_app(settings: Settings | None = None) -> Observe:
    """Make the application; its ``app`` is the FastAPI one.

    Parameters
    ----------
    settings
        By default those of the environment.
    """
    settings = settings or Settings.from_env()
    door = _Door(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Two threads share the interpreter: each switch costs, and a slice takes about as long.
        sys.setswitchinterval(_SWITCH)
        await asyncio.to_thread(door.models.check)
        door.batcher.start()
        watch = asyncio.create_task(door.models.watch(settings.reload_seconds))
        try:
            yield
        finally:
            watch.cancel()
            door.batcher.stop()

    app = FastAPI(
        title="cxnlp",
        version=__version__,
        description=_ABOUT.format(**settings.limits()),
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
    )
    # Starlette wants handlers of any Exception; these two are only called with their own.
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    _add_labelling(app, door)
    _add_facts(app, door)
    _add_page(app)
    paths = frozenset(str(getattr(route, "path", "")) for route in app.routes)
    shortcuts = {("POST", "/predict"): door.predict, ("POST", "/invocations"): door.invocations}
    return Observe(app, door.metrics, paths, shortcuts)


class _Door:
    """What the paths share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.bodies = Bodies(settings)
        self.models = Models(settings.model, self._on_model)
        self.batcher = Batcher(
            settings.max_waiting, self.metrics.count, say_fault, self.metrics.waiting.set
        )
        self._key = settings.api_key.encode()

    def check_key(self, scope: Scope) -> None:
        """Refuse a caller who does not show the key, where there is one."""
        if not self._key:
            return
        shown, bearer = header(scope, b"x-api-key"), header(scope, b"authorization")
        if not shown and bearer[:7].lower() == "bearer ":
            shown = bearer[7:].strip()
        if not hmac.compare_digest(shown.encode("latin-1"), self._key):
            raise RequestError(
                401,
                "UNAUTHORIZED",
                f"{'This key is not right' if shown else 'A key is needed'}. Send it in the "
                f"header X-API-Key, or as Authorization: Bearer.",
                "headers",
                {"WWW-Authenticate": "Bearer"},
            )

    def model(self) -> Loaded:
        """The model, or a refusal while there is none."""
        if self.models.current is None:
            raise RequestError(
                503, "NOT_READY", "No model is loaded; see /health.", headers={"Retry-After": "5"}
            )
        return self.models.current

    async def predict(self, scope: Scope, receive: Receive) -> Answer:
        """Answer ``POST /predict``."""
        return await self._label(scope, receive, schemas.read_predict)

    async def invocations(self, scope: Scope, receive: Receive) -> Answer:
        """Answer ``POST /invocations``."""
        if header(scope, b"content-type").startswith("text/csv"):
            raise RequestError(415, "BAD_REQUEST", "Expected JSON; got text/csv.", "headers")
        try:
            return await self._label(scope, receive, schemas.read_invocation)
        except InputError as error:  # a recall that cannot be promised
            raise RequestError(
                400, "INVALID_PARAMETER_VALUE", str(error), "params.recall"
            ) from None

    async def _label(self, scope: Scope, receive: Receive, read: Read) -> Answer:
        """Read a body, label its messages, answer."""
        self.check_key(scope)
        model = self.model()
        body = await self.bodies.read(scope, receive)
        try:
            if len(body) > _LARGE:
                asked = await asyncio.to_thread(read, body, self.settings)
            else:
                asked = read(body, self.settings)
            scope["cxnlp"].update(about(asked.texts))
            answers = await self.batcher.label(
                model, asked.texts, asked.ids, explain=asked.explain, recall=asked.recall
            )
        finally:
            self.bodies.release(len(body))
        if asked.errors:
            self.metrics.errors.inc(len(asked.errors))
            for position, (name, error) in asked.errors.items():  # in ascending order
                answers.insert(position, error_record(name, error))
        return 200, {}, b'{"predictions":[' + b",".join(answers) + b"]}"

    def _on_model(self, outcome: str, what: str) -> None:
        self.metrics.models.labels(outcome).inc()
        level = log.info if outcome == "loaded" else log.error
        level("model", extra={"fields": {"outcome": outcome, "what": what}})


def _add_labelling(app: FastAPI, door: _Door) -> None:
    """Describe the paths that label; calls of them take the shortcut."""

    @app.post("/predict", **_described(schemas.PredictRequest, 401, 408, 413, 422, 503))
    async def predict(request: Request) -> Response:
        """Label one message or many; records come back in order."""
        return _response(await door.predict(request.scope, request.receive))

    @app.post("/invocations", **_described(schemas.Invocation, 400, 401, 408, 413, 415, 503))
    async def invocations(request: Request) -> Response:
        """Label messages as MLflow's scoring server would."""
        return _response(await door.invocations(request.scope, request.receive))


def _add_facts(app: FastAPI, door: _Door) -> None:
    @app.get("/health", responses={503: {"description": "not ready"}})
    async def health() -> JSONResponse:
        """Say whether the server can answer, with which model, and what is wrong with a new one."""
        ready = door.models.current is not None
        content = {
            "status": "ready" if ready else "not ready",
            "model": _model(door),
            "model_error": door.models.error,
        }
        return JSONResponse(content, 200 if ready else 503)

    @app.get("/ping", responses={503: {"description": "not ready"}})
    async def ping() -> Response:
        """Say whether the server can answer, in the way of MLflow's scoring server."""
        return Response("\n", 200 if door.models.current else 503, media_type="application/json")

    @app.get("/version")
    async def version(request: Request) -> JSONResponse:
        """Which library and model this is, and the limits of a call."""
        door.check_key(request.scope)
        return JSONResponse(
            {"cxnlp": __version__, "model": _model(door), "limits": door.settings.limits()}
        )

    @app.get("/labels")
    async def labels(request: Request) -> JSONResponse:
        """The causes with their thresholds, and the emotions."""
        door.check_key(request.scope)
        model = door.model().classifier
        about = model.taxonomy.to_dict()
        for cause in about["causes"]:
            cause["threshold"] = round(model.thresholds[cause["name"]], 4)
        return JSONResponse({**about, "model": _model(door)})

    @app.get("/metrics", response_class=Response)
    async def metrics(request: Request) -> Response:
        """Counts for Prometheus, over all workers."""
        door.check_key(request.scope)
        content = await asyncio.to_thread(door.metrics.render)
        return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_page(app: FastAPI) -> None:
    """Serve the page's files, each read once."""
    for file in _PAGE.iterdir():
        kind = _KINDS.get(f".{file.name.rpartition('.')[2]}")
        if kind is None:
            continue
        path = "/" if file.name == "index.html" else f"/static/{file.name}"
        app.add_api_route(path, _served(file.read_bytes(), kind), include_in_schema=False)


def _served(content: bytes, kind: str) -> Callable[[], Any]:
    async def serve() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return serve


def _model(door: _Door) -> dict[str, str] | None:
    loaded = door.models.current
    if loaded is None:
        return None
    return {"name": loaded.classifier.name, "version": loaded.classifier.version}


def _described(body: type[BaseModel], *refusals: int) -> dict[str, Any]:
    """What OpenAPI says of a path that labels: its body, its answers and its refusals."""
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    responses: dict[int, Any] = {200: {"model": schemas.Predictions}}
    responses |= {status: {"model": schemas.RefusalRecord} for status in refusals}
    examples = {
        f"example {i + 1}": {"value": example} for i, example in enumerate(schema["examples"])
    }
    return {
        "response_class": Response,
        "responses": responses,
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema, "examples": examples}},
            }
        },
    }


def _response(answer: Answer) -> Response:
    status, headers, body = answer
    return Response(body, status, headers, media_type="application/json")


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _response(error.answer(request.scope["cxnlp"]["request_id"]))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, wrong method) in our form."""
    assert isinstance(error, HTTPException)
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    refusal = RequestError(
        error.status_code,
        codes.get(error.status_code, "BAD_REQUEST"),
        f"{error.detail}. See /openapi.json for what there is.",
        headers=error.headers,
    )
    return await _on_request_error(request, refusal)
