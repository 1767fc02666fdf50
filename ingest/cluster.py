"""Ray: a cluster to work on, and tasks that are done there whatever machine is lost meanwhile."""

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from footnote.rag.core.errors import ClusterError

Result = TypeVar("Result")
# How often a task may lose its worker or its machine.
_RETRIES = 20
# All that Ray keeps for objects: results are counts and places in files.
_OBJECT_STORE_BYTES = 100_000_000
# Tasks that are handed out for each processor, so that none waits for the next.
_AHEAD = 2
_POLL_S = 1.0
_CONNECT_TIMEOUT_S = 5.0


class Share(NamedTuple):
    """What of a machine each of several tasks gets."""

    cpus: int
    gpus: int


class Cluster:
    """The Ray cluster that this process is connected to."""

    def __init__(self, ray: Any):  # noqa: ANN401 - it need not be installed
        """Use a connected Ray."""
        self._ray = ray

    def in_order(
        self, task: Callable[..., Result], each: Iterable[Sequence[object]]
    ) -> Iterator[Result]:
        """Yield what a task gives for each of these arguments, in their order, a few at once."""
        remote = self._ray.remote(max_retries=_RETRIES)(task)
        ahead = _AHEAD * sum(share.cpus for share in self._nodes())
        running: deque[object] = deque()
        for arguments in each:
            running.append(remote.remote(*arguments))
            if len(running) > ahead:
                yield self._result(running.popleft())
        while running:
            yield self._result(running.popleft())

    def at_once(
        self, task: Callable[..., object], each: Sequence[Sequence[object]]
    ) -> Iterator[None]:
        """Do a task for each of these arguments, as many at once as there is room for.

        Yields about once a second, and once when all are done.
        """
        share = share_out(self._nodes(), len(each))
        remote = self._ray.remote(
            max_retries=_RETRIES,
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            scheduling_strategy="SPREAD",
        )(task)
        running = [remote.remote(*arguments) for arguments in each]
        while running:
            done, running = self._ray.wait(running, timeout=_POLL_S)
            for one in done:
                self._result(one)
            yield

    def _nodes(self) -> list[Share]:
        """Return what each machine has that takes tasks."""
        found = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        nodes = [Share(int(own["CPU"]), int(own.get("GPU", 0))) for own in found if own.get("CPU")]
        if not nodes:
            raise ClusterError("Ray cluster has no machine that takes tasks", "add one to it")
        return nodes

    def _result(self, task: object) -> Any:  # noqa: ANN401
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[:200]
            raise ClusterError(
                f"Ray cluster did not do a task: {reason}",
                "run the same command again, which goes on from there",
            ) from error


@contextmanager
def connected() -> Generator[Cluster]:
    """Connect to the cluster that RAY_ADDRESS names, or to one on this machine alone.

    Raises:
        ClusterError: Ray is not installed, or the cluster does not answer.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    address = os.environ.get("RAY_ADDRESS")
    own: dict[str, object] = {}
    if not address:
        # It then listens to this machine alone, on Linux too.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        own = {"object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False}
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise ClusterError(
            "Ray is not installed", 'run `pip install "footnote-papers[ray]"`'
        ) from error
    try:
        if address:
            _check_answers(address)
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # a machine that is busy has Ray raise that itself
        reason = " ".join(str(error).split())[:200]
        raise ClusterError(
            f"Ray cluster {address or 'on this machine'} does not answer: {reason}",
            "start it, or change RAY_ADDRESS",
        ) from error
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Make sure that something answers at `host:port`; Ray itself tries for minutes.

    Raises:
        OSError: Nothing does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "//" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT_S).close()


def share_out(nodes: Sequence[Share], n_tasks: int) -> Share:
    """Say what each task gets: as much as there is for each, and no more than any machine has.

    A graphics card each where every machine has one.

    Args:
        nodes: What each machine has, at least one.
        n_tasks: How many tasks there are, at least one.
    """
    total, least = sum(own.cpus for own in nodes), min(own.cpus for own in nodes)
    return Share(
        cpus=min(max(1, total // n_tasks), least),
        gpus=int(all(own.gpus for own in nodes)),
    )
