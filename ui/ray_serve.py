"""The application on Ray Serve: replicas hold the shards, and routers before them answer.

A deployment a shard, whose replicas are any process of the cluster, and one of routers, each the
whole application over an assistant that asks the replicas. A router keeps nothing of a question:
papers, and what is asked of their words, it reads from the index folder, which all machines see.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from footnote.ingest.cluster import connected
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant
from footnote.rag.core.config import Config, OnRay
from footnote.rag.core.errors import ClusterError, ShardLostError
from footnote.rag.core.processor import tune_process
from footnote.rag.index.holders import HolderProcess, Lines
from footnote.rag.index.stored import State
from footnote.ui.api import GRACE_S
from footnote.ui.app import build_app
from footnote.ui.guard import access_to

_APP = "footnote"
_ROUTER = "router"
# How long all may take to be there: each loads the program, and some models.
_START_S = 600.0
_POLL_S = 0.5
# A call that waits longer is looked after: there may be nobody whom it waits for.
_LOOK_S = 1.0
_COUNT_S = 2.0
_AGAIN_S = 0.05
# How often Ray Serve asks a process if it lives; one that does not is begun anew.
_HEALTH_S = 2.0
# Questions that a router works on at the same time: for a part of each it waits for replicas.
_AT_ONCE = 8
# Calls that a replica takes at once; they wait for the processor, not for each other.
_ONGOING = 100
_ATTEMPTS = 3


class _Census:
    """Which deployments have replicas. Safe to use from several threads."""

    def __init__(self) -> None:
        self._serve = import_module("ray.serve")
        self._lock = threading.Lock()
        self._counted_at = 0.0
        self._n_running: dict[str, int] = {}

    def has(self, name: str) -> bool:
        """Return True if a replica runs, or if that is not known.

        Counted by one thread at a time, and no more than every few seconds: to read what Ray Serve
        tells of itself takes a processor longer than a question does.
        """
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._counted_at > _COUNT_S:
                    self._count()
                    self._counted_at = time.monotonic()
            finally:
                self._lock.release()
        return self._n_running.get(name, 1) > 0

    def _count(self) -> None:
        application = self._serve.status().applications.get(_APP)
        found = application.deployments if application else {}
        self._n_running = {
            name: each.replica_states.get("RUNNING", 0) for name, each in found.items()
        }


class _Line:
    """Asks any replica of a shard."""

    def __init__(self, number: int, timeout_s: float, census: _Census):
        self._errors = import_module("ray.exceptions")
        self._serve_errors = import_module("ray.serve.exceptions")
        self._name = _shard_name(number)
        self._timeout_s = timeout_s
        self._census = census
        self._handle = import_module("ray.serve").get_deployment_handle(self._name, app_name=_APP)

    def ask(self, state: State, what: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401
        """Ask one, and another where that one ends meanwhile: nothing that is asked changes it.

        Raises:
            ShardLostError: There is none, or none answers in time.
        """
        return self._called("ask", state, what, *arguments, **named)

    def check(self) -> None:
        """Make sure that there is one.

        Raises:
            ShardLostError: There is none, or none answers in time.
        """
        self._called("check")

    def _called(self, method: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401
        until = time.monotonic() + self._timeout_s
        while time.monotonic() < until:
            try:
                response = getattr(self._handle, method).remote(*arguments, **named)
                return self._waited_for(response, until)
            except self._errors.RayTaskError as error:  # of one that answers
                raise error.cause from None
            except (self._errors.RayError, self._serve_errors.RayServeException):
                if not self._census.has(self._name):
                    break
                time.sleep(_AGAIN_S)
        raise self._lost()

    def _waited_for(self, response: Any, until: float) -> Any:  # noqa: ANN401
        while True:
            try:
                return response.result(timeout_s=_LOOK_S)
            except TimeoutError:
                if time.monotonic() > until or not self._census.has(self._name):
                    response.cancel()
                    raise self._lost() from None

    def _lost(self) -> ShardLostError:
        return ShardLostError(f"{self._name} of the index does not answer", "see `ray status`")


def serve_on_ray(config: Config, host: str, port: int, n_shards: int, n_papers: int) -> None:
    """Serve all doors from a cluster until interrupted or told to end.

    Args:
        config: The settings.
        host: Where calls are accepted.
        port: The same.
        n_shards: Of the index as it is now; later ones may have more or fewer.
        n_papers: How many there are, to be said.

    Raises:
        ClusterError: Ray is not installed, or the cluster does not answer, or has no room.
    """
    # A process that is busy does not say within Ray's own 0.1 s how busy it is.
    os.environ.setdefault("RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S", "1")
    with connected(), suppress(KeyboardInterrupt):
        # Ray has set one of its own, which leaves all that was begun behind.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with _running(_placed(config), host, port, n_shards) as where:
            sys.stdout.write(f"{n_papers:,} papers answer at {where} until Ctrl+C\n")
            sys.stdout.flush()
            threading.Event().wait()


@contextmanager
def _running(config: Config, host: str, port: int, n_shards: int) -> Generator[str]:
    """Have the application run on the cluster while the block does; gives its address."""
    serve, web = import_module("ray.serve"), config.web
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    is_own = not os.environ.get("RAY_ADDRESS")
    serve.start(
        proxy_location="HeadOnly" if is_own else "EveryNode",
        http_options={
            "host": host,
            "port": port,
            "ssl_certfile": web.certificate or None,
            "ssl_keyfile": web.key or web.certificate or None,
        },
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    try:
        target = serve.RunTarget(_application(config, host, n_shards), _APP, "/")
        serve.run_many([target], wait_for_applications_running=False)
        _wait_until_there(serve)
        place = f"[{host}]" if ":" in host.strip("[]") else host
        yield f"{'https' if web.certificate else 'http'}://{place}:{port}{web.root_path}/"
    finally:
        if is_own:
            serve.shutdown()
        else:  # others may be served there
            serve.delete(_APP)


def _application(config: Config, host: str, n_shards: int) -> Any:  # noqa: ANN401
    """Make what Ray Serve runs."""
    serve, wanted = import_module("ray.serve"), config.ray
    shards = [
        serve.deployment(HolderProcess)
        .options(
            name=_shard_name(number),
            max_ongoing_requests=_ONGOING,
            **_shared_options(wanted, wanted.replicas, wanted.max_replicas),
        )
        .bind(config.index, number, n_shards)
        for number in range(n_shards)
    ]
    router = serve.deployment(serve.ingress(_router(config, host, n_shards))()).options(
        name=_ROUTER,
        max_ongoing_requests=config.web.connections,
        graceful_shutdown_timeout_s=GRACE_S,
        **_shared_options(wanted, wanted.routers, wanted.max_routers),
    )
    return router.bind(*shards)


def _shared_options(wanted: OnRay, n: int, most: int) -> dict[str, Any]:
    own: dict[str, Any] = {"num_replicas": n}
    if most > n:
        own = {
            "autoscaling_config": {
                "min_replicas": n,
                "max_replicas": most,
                "target_ongoing_requests": wanted.ongoing,
            }
        }
    return own | {
        "ray_actor_options": {"num_cpus": wanted.cpus},
        "health_check_period_s": _HEALTH_S,
        "max_constructor_retry_count": _ATTEMPTS,
    }


def _router(config: Config, host: str, n_shards: int) -> Callable[[], FastAPI]:
    """Return what makes the application in a router."""
    # Settings as plain values: their own class is made where they are read.
    settings, wanted = config.model_dump(), config.ray
    has_page = max(wanted.routers, wanted.max_routers) == 1

    def application() -> FastAPI:
        read = Config.model_validate(settings)
        # In a thread: Ray Serve lets nobody wait for a replica in the one that its loop runs in.
        with ThreadPoolExecutor(1) as aside:
            assistant = aside.submit(_open, read, n_shards).result()
        app = build_app(assistant, read, access_to(read, host, page=has_page), page=has_page)
        tune_process()
        if proxies := read.web.trusted_proxies:
            app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(proxies))  # pyright: ignore[reportArgumentType]
        return app

    return application


def _open(config: Config, n_shards: int) -> Assistant:
    census, timeout_s = _Census(), config.ray.timeout_s
    lines = Lines([_Line(number, timeout_s, census) for number in range(n_shards)])
    lines.wait(config.ray.timeout_s)
    return open_assistant(config, lines=lines)


def _placed(config: Config) -> Config:
    """Return settings for any process of the cluster: with whole paths, and its own `auto`."""
    at_once = _AT_ONCE if config.web.at_once == "auto" else config.web.at_once
    web = config.web.model_copy(
        update={"reports": config.web.reports.resolve(), "at_once": at_once}
    )
    return config.model_copy(update={"index": config.index.resolve(), "web": web})


def _wait_until_there(serve: Any) -> None:  # noqa: ANN401
    """Wait until all processes are there.

    Raises:
        ClusterError: They cannot be, or are not in time.
    """
    until = time.monotonic() + _START_S
    while (found := serve.status().applications[_APP]).status != "RUNNING":
        if found.status in ("DEPLOY_FAILED", "UNHEALTHY") or time.monotonic() > until:
            said = [found.message, *(each.message for each in found.deployments.values())]
            reason = " ".join(" ".join(filter(None, said)).split())[:500]
            raise ClusterError(
                f"Ray Serve does not start: {reason or 'there is no room for all processes'}",
                "lower `ray.replicas` or `ray.cpus`, or see the logs of Ray",
            )
        time.sleep(_POLL_S)


def _shard_name(number: int) -> str:
    return f"shard-{number:03}"
