"""The page as an application of its own, made of gradio's."""

import asyncio
from collections.abc import Callable
from functools import partial

import gradio as gr
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from gradio.routes import App as GradioApp
from gradio.themes import Default
from starlette.middleware import Middleware
from starlette.routing import Mount

from footnote.rag.assistant import Assistant
from footnote.rag.core.config import Config
from footnote.ui.call_guard import CallGuard
from footnote.ui.desk import asked_at_once
from footnote.ui.opening import Made
from footnote.ui.refusals import of_values
from footnote.ui.shelf import Shelf
from footnote.ui.web import build_page

# Fonts of the reader's own system; gradio's default theme fetches some from the network.
_FONTS = ["ui-sans-serif", "system-ui", "sans-serif"]
_MONO_FONTS = ["ui-monospace", "monospace"]


def make_page(assistant: Assistant, config: Config, shelf: Shelf, upload_bytes: int) -> Made:
    """Make the page, not yet served.

    Args:
        assistant: Answers.
        config: The settings.
        shelf: The papers, and what changes them.
        upload_bytes: How large a file may be that a visitor sends.
    """
    make = partial(_application, assistant, config, shelf, upload_bytes)
    # Where no loop runs, gradio makes one, and closes it never.
    app = make() if _is_in_loop() else asyncio.run(_in_loop(make))
    pages = [route.app for route in app.routes if isinstance(route, Mount)]

    def end() -> None:
        for page in pages:
            if isinstance(page, GradioApp):
                page.stop_event.set()

    return Made(app, end)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _in_loop(make: Callable[[], FastAPI]) -> FastAPI:
    return make()


def _application(assistant: Assistant, config: Config, shelf: Shelf, upload_bytes: int) -> FastAPI:
    web = config.web
    page = build_page(assistant, config, shelf)
    at_once = asked_at_once(assistant, web)
    page.queue(default_concurrency_limit=at_once, max_size=web.waiting or 1)
    return gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page,
        path="/",
        app_kwargs={
            "middleware": [Middleware(CallGuard, upload_bytes=upload_bytes)],
            "exception_handlers": {RequestValidationError: of_values},
        },
        root_path=web.root_path or None,
        max_file_size=f"{upload_bytes}b",
        show_error=True,
        run_history=False,
        footer_links=[],
        theme=Default(font=_FONTS, font_mono=_MONO_FONTS),
    )
