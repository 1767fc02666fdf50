"""Figures of the server in Prometheus' text format."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Metrics:
    """Counts the calls of one server."""

    def __init__(self, *, n_papers: Callable[[], int], n_asked: Callable[[], int]):
        """Begin with none; the two functions are asked when the figures are."""
        self._registry = registry = CollectorRegistry()
        self._calls = Counter(
            "footnote_calls", "Calls that were answered.", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "footnote_call_seconds",
            "Time until a call was answered to its end.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        Gauge("footnote_papers", "Papers that answer.", registry=registry).set_function(n_papers)
        Gauge(
            "footnote_questions", "Questions that wait or are worked on.", registry=registry
        ).set_function(n_asked)

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count a call."""
        self._calls.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all figures."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware: notes each call with the route that answered it."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        """Measure an application."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def write(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, write)
        finally:
            self._metrics.note(_route(scope), status, time.monotonic() - begun)


def _route(scope: Scope) -> str:
    """Name the route by its pattern, of which there are few whatever is called."""
    path = str(getattr(scope.get("route"), "path", ""))
    return path if path.startswith(("/v1", "/mcp", "/health", "/ready")) else "page"
