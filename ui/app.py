"""One server for all doors: the page, REST, OpenAI's protocol and that of assistants."""

import logging
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from footnote.rag.assistant import Assistant
from footnote.rag.core.config import Config, Web
from footnote.rag.core.errors import ConfigError
from footnote.rag.core.processor import tune_process
from footnote.rag.watches import Watches
from footnote.ui.api import GRACE_S, doors, open_doors
from footnote.ui.changes import Uploads, job_doors
from footnote.ui.connections import Hurried
from footnote.ui.described import add_examples
from footnote.ui.desk import desk_for
from footnote.ui.guard import Access, Guard
from footnote.ui.jobs import Jobs
from footnote.ui.mcp_server import mcp_server
from footnote.ui.metrics import Measured, Metrics
from footnote.ui.oidc import Provider, add_sessions, sign_in_doors
from footnote.ui.openai_api import openai_doors
from footnote.ui.opening import Made, Opening
from footnote.ui.refusals import unexpected, use_refusals
from footnote.ui.shelf import Shelf
from footnote.ui.watch_api import watch_doors

# A connection on which nothing is asked is closed after so long.
_IDLE_S = 30
_log = logging.getLogger(__name__)


def build_app(
    assistant: Assistant, config: Config, access: Access, *, page: bool = True, late: bool = False
) -> FastAPI:
    """Make the application, not yet served; all doors ask the same assistant.

    Args:
        assistant: Answers.
        config: The settings.
        access: Says who may call.
        page: False leaves out the page and jobs: all that another process would not answer alike.
        late: True makes the page once this is served, which takes some seconds.
    """
    web = config.web
    desk = desk_for(assistant, web)
    assistants = mcp_server(desk)
    routes = assistants.streamable_http_app().routes
    uploads = Uploads()

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncGenerator[None]:
        async with assistants.session_manager.run(), opening.running() if page else nullcontext():
            yield
        uploads.close()

    # Its /docs asks nothing of another server.
    app = FastAPIOffline(
        title="Footnote",
        version=version("footnote-papers"),
        description="Questions to a pile of papers; each sentence of an answer carries its source.",
        lifespan=running,
        redoc_url=None,
        static_url="/docs/files",
        redirect_slashes=False,
    )
    app.state.desk = desk
    app.state.shelf = shelf = Shelf(config, Jobs())
    app.state.uploads = uploads
    app.state.metrics = metrics = Metrics(
        n_papers=lambda: len(assistant.catalogue), n_asked=lambda: desk.n_there
    )
    use_refusals(app)
    app.add_exception_handler(Exception, _unexpected)
    app.state.watches = Watches(config.index)
    for router in (open_doors, openai_doors, watch_doors, *([job_doors] if page else []), doors):
        app.include_router(router)
    # A session is signed by a key of this process; there is one that serves the page.
    if web.oidc and page:
        app.include_router(sign_in_doors(Provider(web.oidc)))
    add_examples(app)
    app.router.routes.extend(routes)

    def make() -> Made:
        from footnote.ui.page import make_page  # of gradio, which takes seconds to import

        return make_page(assistant, config, shelf, _upload_bytes(web))

    app.state.opening = opening = Opening(make)
    if page:
        app.mount("/", opening)
        if not late:
            opening.make()
    upload_bytes = _upload_bytes(web) if shelf.is_writable else 0
    # The last one added stands first.
    app.add_middleware(Guard, access=access, upload_bytes=upload_bytes)
    if web.oidc and page:
        add_sessions(app, web)
    app.add_middleware(Measured, metrics=metrics)
    app.add_middleware(_Rooted, root_path=web.root_path)
    return app


class _Rooted:
    """ASGI middleware: each path begins with the folder of the proxy, which may have cut it off."""

    def __init__(self, app: ASGIApp, root_path: str):
        self._app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._root:
            path: str = scope["path"]
            is_below = path == self._root or path.startswith(f"{self._root}/")
            scope["path"] = path if is_below else self._root + path
            scope["root_path"] = self._root
        await self._app(scope, receive, send)


def _upload_bytes(web: Web) -> int:
    return round(web.upload_mb * 1_000_000)


async def _unexpected(request: Request, error: Exception) -> Response:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    _log.error("footnote: call of %s failed: %s", request.url.path[:100], reason)
    return unexpected(request.url.path)


def _ignored(_number: int, _frame: object) -> None:
    """Do nothing; not `SIG_IGN`, which programs that are started would inherit."""


class _Server(uvicorn.Server):
    """Says when it listens; when it is to end, it ends what would never end by itself."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        on_started: Callable[[], None],
        on_end: Callable[[], None],
        ends: Callable[[], bool],
    ):
        super().__init__(config)
        self._opening: Opening = app.state.opening
        self._on_started = on_started
        self._on_end = on_end
        self._ends = ends

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        try:
            self._on_started()
        except BrokenPipeError:  # who started it is gone
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        is_over = self._opening.failed is not None or self._ends()
        return await super().on_tick(counter) or is_over

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_end()
        self._opening.end()
        await super().shutdown(sockets)


def serve(
    assistant: Assistant,
    config: Config,
    access: Access,
    listener: socket.socket,
    *,
    host: str,
    page: bool = True,
    workers_port: int | None = None,
    on_end: Callable[[], None] = lambda: None,
    ends: Callable[[], bool] = lambda: False,
) -> None:
    """Serve all doors until interrupted or told to end; answers that were begun are ended.

    Args:
        assistant: Answers.
        config: The settings.
        access: Says who may call.
        listener: Where calls are accepted.
        host: The address that it is bound to.
        page: False serves neither the page nor jobs, and says nothing.
        workers_port: Where others answer programs, to be said.
        on_end: Called once this is to end, before it waits for answers.
        ends: Asked ten times a second if it is to end.

    Raises:
        ConfigError: The certificate cannot be used.
    """
    # Before the libraries set up one of their own.
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    tune_process()
    web = config.web
    app = build_app(assistant, config, access, page=page, late=True)
    place = f"[{host}]" if ":" in host.strip("[]") else host
    scheme = "https" if web.certificate else "http"

    def url(port: int) -> str:
        return f"{scheme}://{place}:{port}{web.root_path}/"

    def say_where() -> None:
        if not page:
            return
        here = url(listener.getsockname()[1])
        n_papers = f"{len(assistant.catalogue):,} papers"
        what = "papers, as they come in," if assistant.awaits_papers else n_papers
        sys.stdout.write(f"{what} answer at {here} until Ctrl+C\n")
        if workers_port:
            sys.stdout.write(f"programs can ask at {url(workers_port)} too\n")
        sys.stdout.flush()

    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(web.trusted_proxies),
        forwarded_allow_ips=list(web.trusted_proxies),
        ssl_certfile=web.certificate or None,
        ssl_keyfile=web.key or None,
        http=Hurried,
        limit_concurrency=web.connections,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    try:
        settings.load()
    except OSError as error:
        raise ConfigError(f"`web.certificate` {web.certificate} cannot be used: {error}") from error
    # The server raises once more what ended it.
    signal.signal(signal.SIGTERM, _ignored)
    with suppress(KeyboardInterrupt):
        _Server(settings, app, say_where, on_end, ends).run([listener])
    if failed := app.state.opening.failed:
        raise failed
