"""Further processes over the same index, which answer programs on a port of their own.

The page is served by one process, which keeps its uploads, its jobs and gradio's queue; what
programs ask depends on none of these, so any process can answer it.
"""

import logging
import multiprocessing
import signal
import socket
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from footnote.rag.build import open_assistant
from footnote.rag.core.config import Config
from footnote.ui.api import GRACE_S
from footnote.ui.app import serve
from footnote.ui.guard import access_to

# One that ends by itself is begun again, no sooner than so many seconds after.
_AGAIN_S = 5.0
_log = logging.getLogger(__name__)


class Workers:
    """Processes that accept calls on one listener, until told to end."""

    def __init__(self, n: int, config: Config, listener: socket.socket, host: str):
        """Begin them.

        Args:
            n: How many.
            config: Their settings.
            listener: Where they accept calls.
            host: The address that it is bound to.
        """
        self.port: int = listener.getsockname()[1]
        # Settings as plain values: their own class is made where they are read.
        self._arguments = config.model_dump(), listener, host, logging.root.manager.disable
        self._is_over = threading.Event()
        # Not forked: this process has threads, and libraries that have some of their own.
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._processes = [self._begun() for _ in range(n)]
        threading.Thread(target=self._watch, name="footnote workers", daemon=True).start()

    def end(self) -> None:
        """Ask them to end; each gives the answers that it began."""
        self._is_over.set()
        with self._lock:
            for process in self._processes:
                process.terminate()

    def wait(self) -> None:
        """Wait until all are over; one that does not end in time is killed."""
        for process in self._processes:
            process.join(GRACE_S + 10)
            if process.is_alive():
                process.kill()
                process.join()

    def _begun(self) -> BaseProcess:
        process = self._context.Process(target=_work, args=self._arguments, daemon=True)
        process.start()
        return process

    def _watch(self) -> None:
        while not self._is_over.wait(_AGAIN_S):
            with self._lock:
                for n, process in enumerate(self._processes):
                    if not self._is_over.is_set() and not process.is_alive():
                        _log.error("footnote: a worker ended (%s); begun again", process.exitcode)
                        self._processes[n] = self._begun()


@contextmanager
def workers(n: int, config: Config, listener: socket.socket, host: str) -> Generator[Workers]:
    """Have processes answer programs while the block runs."""
    them = Workers(n, config, listener, host)
    try:
        yield them
    finally:
        them.end()
        them.wait()


def _work(settings: dict[str, Any], listener: socket.socket, host: str, quiet: int) -> None:
    """Answer programs; the whole life of a worker."""
    logging.disable(quiet)
    if quiet:
        warnings.simplefilter("ignore")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = Config.model_validate(settings)
    access = access_to(config, host, page=False)
    serve(open_assistant(config), config, access, listener, host=host, page=False)


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        signal.raise_signal(signal.SIGTERM)
