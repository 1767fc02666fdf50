"""One server for all doors: the page, REST, OpenAI's protocol and that of assistants."""

import logging
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from gradio.routes import App as GradioApp
from gradio.themes import Default
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from footnote.rag.assistant import Assistant
from footnote.rag.core.config import Config, Web
from footnote.rag.core.errors import ConfigError
from footnote.rag.core.processor import tune_process
from footnote.rag.watches import Watches
from footnote.ui.api import GRACE_S, doors, open_doors
from footnote.ui.calls import CallGuard
from footnote.ui.desk import desk_for
from footnote.ui.guard import Access, Guard
from footnote.ui.mcp_server import mcp_server
from footnote.ui.metrics import Measured, Metrics
from footnote.ui.openai_api import openai_doors
from footnote.ui.refusals import unexpected, use_refusals
from footnote.ui.watch_api import watch_doors
from footnote.ui.web import build_page

# Fonts of the reader's own system; gradio's default theme fetches some from the network.
_FONTS = ["ui-sans-serif", "system-ui", "sans-serif"]
_MONO_FONTS = ["ui-monospace", "monospace"]
# A connection on which nothing is asked is closed after so long.
_IDLE_S = 30
_log = logging.getLogger(__name__)


def build_app(assistant: Assistant, config: Config, access: Access) -> FastAPI:
    """Make the application, not yet served; all doors ask the same assistant."""
    web = config.web
    desk = desk_for(assistant, web)
    assistants = mcp_server(desk)
    routes = assistants.streamable_http_app().routes

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncGenerator[None]:
        async with assistants.session_manager.run():
            yield

    # Its /docs asks nothing of another server.
    app = FastAPIOffline(
        title="Footnote",
        version=version("footnote-papers"),
        description="Questions to a pile of papers; each sentence of an answer carries its source.",
        lifespan=running,
        root_path=web.root_path,
        redoc_url=None,
        static_url="/docs/files",
        redirect_slashes=False,
    )
    app.state.desk = desk
    app.state.metrics = metrics = Metrics(
        n_papers=lambda: len(assistant.catalogue), n_asked=lambda: desk.n_there
    )
    use_refusals(app)
    app.add_exception_handler(Exception, _unexpected)
    app.state.watches = Watches(config.index)
    for router in (open_doors, openai_doors, watch_doors, doors):
        app.include_router(router)
    app.router.routes.extend(routes)
    page = build_page(assistant, config)
    # The last one added stands first.
    app.add_middleware(Guard, access=access, upload_bytes=_upload_bytes(web) if web.writable else 0)
    app.add_middleware(Measured, metrics=metrics)
    return _with_page(app, page, web)


def _with_page(app: FastAPI, page: gr.Blocks, web: Web) -> FastAPI:
    page.queue(default_concurrency_limit=web.at_once, max_size=web.waiting or 1)
    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        app_kwargs={"middleware": [Middleware(CallGuard, upload_bytes=_upload_bytes(web))]},
        root_path=web.root_path or None,
        max_file_size=f"{_upload_bytes(web)}b",
        show_error=True,
        run_history=False,
        footer_links=[],
        theme=Default(font=_FONTS, font_mono=_MONO_FONTS),
    )


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

    def __init__(self, config: uvicorn.Config, app: FastAPI, on_started: Callable[[], None]):
        super().__init__(config)
        self._application = app
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        try:
            self._on_started()
        except BrokenPipeError:  # who started it is gone
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for route in self._application.routes:
            if isinstance(route, Mount) and isinstance(route.app, GradioApp):
                route.app.stop_event.set()
        await super().shutdown(sockets)


def serve(
    assistant: Assistant, config: Config, access: Access, listener: socket.socket, *, host: str
) -> None:
    """Serve all doors until interrupted or told to end; answers that were begun are ended.

    Raises:
        ConfigError: The certificate cannot be used.
    """
    # Before the libraries set up one of their own.
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    tune_process()
    web = config.web
    app = build_app(assistant, config, access)
    place = f"[{host}]" if ":" in host.strip("[]") else host
    scheme = "https" if web.certificate else "http"
    url = f"{scheme}://{place}:{listener.getsockname()[1]}{web.root_path}/"

    def say_where() -> None:
        sys.stdout.write(f"{len(assistant.catalogue):,} papers answer at {url} until Ctrl+C\n")
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
        _Server(settings, app, say_where).run([listener])
