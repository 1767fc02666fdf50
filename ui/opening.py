"""Hold the page's place until it is made: gradio takes seconds to load, the other doors do not."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from html import escape
from typing import NamedTuple

from anyio.to_thread import run_sync
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

from footnote.ui.wording import wording

_LOOK_AGAIN_S = 1
_WAITING = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta http-equiv="refresh" content="{seconds}">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Footnote</title>
<p role="status" style="font: 1rem system-ui, sans-serif; margin: 20vh auto; text-align: center">
{said}
"""


class Made(NamedTuple):
    """The page, as an application."""

    app: FastAPI
    end: Callable[[], None]
    """Ends what would go on for as long as a browser listens."""


class Opening:
    """ASGI application: the page; until it is made, one that says so and looks again."""

    def __init__(self, make: Callable[[], Made]):
        """Hold its place; `make` loads what it needs, in a thread."""
        self._make = make
        self._made: Made | None = None
        self._open = False
        self.failed: Exception | None = None
        """Why there is no page, and will be none."""

    def make(self) -> None:
        """Make the page now."""
        self._made = self._made or self._make()
        self._open = True

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Make the page meanwhile, if it is not made, and run it until this ends."""
        over = asyncio.Event()
        run = asyncio.create_task(self._run(over))
        try:
            yield
        finally:
            over.set()
            await run

    async def _run(self, over: asyncio.Event) -> None:
        try:
            made = self._made = self._made or await run_sync(self._make)
            async with made.app.router.lifespan_context(made.app):
                self._open = True
                await over.wait()
        except Exception as error:
            self.failed = error

    def end(self) -> None:
        """End what would never end by itself."""
        if self._made:
            self._made.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on to the page, or have the browser look again in a moment."""
        answer = self._made.app if self._made and self._open else _waiting(scope)
        await answer(scope, receive, send)


def _waiting(scope: Scope) -> HTMLResponse:
    say = wording(Headers(scope=scope).get("accept-language", "")[:2])
    page = _WAITING.format(
        language=say.language, seconds=_LOOK_AGAIN_S, said=escape(say("opening"))
    )
    return HTMLResponse(page, 503, {"Retry-After": str(_LOOK_AGAIN_S)})
