"""Servers of language models for the tests: llama.cpp's own, and one that commits every fault."""

import gzip
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.conftest import ROOT

KEY = "sk-a1b2c3d4e5f6-footnote-test"
GOOD = "Alpha keeps blocks on disk [1]. Decoding with Alpha is 2.5× faster than paging [1]."
WRONG_LANGUAGE = "缓存保存在磁盘上，速度提高了九倍。这是一个非常好的系统。"
OFF_TOPIC = "Bananas are rich in potassium. The weather in Lisbon is mild. I like trains [1]."
LOOP = "Alpha keeps the blocks and " + "the blocks and " * 400


class Faults(ThreadingHTTPServer):
    """Speaks OpenAI's protocol; the first part of the path names the fault to commit."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.counting = Lock()
        self.text = GOOD
        """What `good` and `slow` say."""
        self.answers: Callable[[str], str | None] = lambda _: GOOD
        """What `answers` says to the last message of a conversation; None to break off in it."""
        self.asked: Counter[str] = Counter()
        """Requests by fault."""
        self.authorizations: list[str | None] = []
        self.bodies: list[dict[str, object]] = []
        self.listed: dict[str, object] = {}
        """What it answers to GET, and to POST of what is no question, by what the path ends in."""
        self.looked_up: list[str] = []
        """Paths of these requests."""
        self.refuses_forms: dict[str, str] = {"param": "response_format"}
        """How `no-form` says that it writes no JSON of a schema."""
        self.usage: object = None
        """What `good` says that it took."""
        self.n_at_once, self.most_at_once = 0, 0
        """Questions that it is answering, now and at most."""
        self.hung_up: Counter[str] = Counter()
        """Streams that the client left before their end, by fault."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""

    def url(self, fault: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{fault}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faults

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.looked_up.append(self.path)
        fault = self.path.split("/")[1]
        try:
            match fault:
                case "hang":
                    time.sleep(60)
                case "drip":
                    self.send_response(200)
                    self.end_headers()
                    while True:
                        self.wfile.write(b" ")
                        time.sleep(0.2)
                case "one-line":
                    self._body(b"[" * 50_000_000, "application/json")
                case "html" | "cut":
                    self._body(b"<html>", "text/html")
                case _:
                    listed = self.server.listed.items()
                    said = next((s for end, s in listed if self.path.endswith(end)), None)
                    status = 404 if said is None else 200
                    self._body(json.dumps(said).encode(), "application/json", status)
        except OSError:
            self.server.hung_up[fault] += 1

    def do_POST(self) -> None:
        if not self.path.endswith("/chat/completions"):
            self.rfile.read(int(self.headers["Content-Length"]))
            return self.do_GET()
        with self.server.counting:
            self.server.n_at_once += 1
            most = max(self.server.most_at_once, self.server.n_at_once)
            self.server.most_at_once = most
        try:
            self._answer()
        finally:
            with self.server.counting:
                self.server.n_at_once -= 1

    def _answer(self) -> None:
        fault = self.path.split("/")[1]
        self.server.asked[fault] += 1
        self.server.authorizations.append(self.headers.get("Authorization"))
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        n = self.server.asked[fault]
        try:
            match fault:
                case "401" | "403" | "404" | "400" | "500":
                    self._status(int(fault))
                case "500-once" if n == 1:
                    self._status(500)
                case "429-once" if n == 1:
                    self._status(429, {"Retry-After": "1"})
                case "429":
                    self._status(429, {"Retry-After": "600"})
                case "429-date" if n == 1:
                    later = datetime.now(UTC) + timedelta(seconds=2)
                    self._status(429, {"Retry-After": format_datetime(later, usegmt=True)})
                case "429-soon":
                    self._status(429, {"Retry-After": "30"})
                case "no-credit":
                    self._refuse(429, code="insufficient_quota")
                case "too-long":
                    self._refuse(400, code="context_length_exceeded")
                case "reasoning" if "max_tokens" in self.server.bodies[-1]:
                    self._refuse(400, code="unsupported_parameter", param="max_tokens")
                case "reasoning" if "temperature" in self.server.bodies[-1]:
                    self._refuse(400, code="unsupported_value", param="temperature")
                case "no-options" if "stream_options" in self.server.bodies[-1]:
                    detail = [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]
                    self._body(json.dumps({"detail": detail}).encode(), "application/json", 422)
                case "no-form" if "response_format" in self.server.bodies[-1]:
                    self._refuse(400, **self.server.refuses_forms)
                case "reset-once" if n == 1:
                    self.close_connection = True
                case "compressed":
                    zipped = {"Content-Encoding": "gzip"}
                    self._body(
                        gzip.compress(b"data: " * 1_000_000), "text/event-stream", 200, zipped
                    )
                case "long-error":
                    self._body(b"x" * 50_000_000, "text/plain", 400)
                case "redirect":
                    self._status(307, {"Location": self.server.url("good")})
                case "html":
                    self._body(b"<html><body>It works!</body></html>", "text/html")
                case "hang":
                    time.sleep(60)
                case _:
                    self._stream(fault)
        except OSError:
            self.server.hung_up[fault] += 1

    def _stream(self, fault: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        match fault:
            case "cut":
                self._say("Alpha keeps blocks on")
                return self.connection.shutdown(socket.SHUT_RDWR)
            case "cut-later":
                self._say(f"{GOOD} It is also")
                return self.connection.shutdown(socket.SHUT_RDWR)
            case "unfinished":  # ends as if all were well, but never says that it is done
                self._say("Alpha keeps blocks on")
                return self._chunk(b"")
            case "silent":  # llama_cpp.server, asked more than fits
                return self._chunk(b"")
            case "malformed":
                self._chunk(b'data: {"choices": [{"delta": {"content": \n\n')
            case "error-event":
                error = {"error": {"message": f"engine died, key {KEY}", "code": 500}}
                self._chunk(f"data: {json.dumps(error)}\n\n".encode())
            case "empty":
                pass
            case "keepalive":
                while True:
                    self._chunk(b": still here\n\n")
                    time.sleep(0.2)
            case "drip" | "slow":
                for word in f"{self.server.text} It goes on and on.".split(" "):
                    self._say(f"{word} ")
                    time.sleep(30 if fault == "drip" else 0.4)
            case "endless":
                for n in range(100_000):
                    self._say(f"Word{n} is said about thing{n * 7}. ")
            case "one-line":
                while True:
                    self._chunk(b"data: " + b"x" * 1_000_000)
            case "only-thinks":
                self._say("", finish="length")
                return self._chunk(b"")
            case "other-lines":  # characters that end a line for some, raw in JSON as they may be
                self._chunk(
                    'data: {"choices": [{"delta": {"content": "a\u2028b\x85c\x7f"}}]}\r\n\r\n'
                    'data:{"choices": [{"delta": {}, "finish_reason": "stop"}]}\r\n\r\n'
                    "data: [DONE]\r\n\r\n".encode()
                )
                return self._chunk(b"")
            case "answers":
                messages: Any = self.server.bodies[-1]["messages"]
                said = self.server.answers(messages[-1]["content"])
                if said is None:
                    self._say("[2] > ")
                    return self.connection.shutdown(socket.SHUT_RDWR)
                self._say(said)
            case _:
                for piece in _SAID.get(fault, self.server.text).split(" "):
                    self._say(f"{piece} ")
        self._say("", finish="length" if fault == "full" else "stop")
        if self.server.usage is not None:
            last = {"choices": [], "usage": self.server.usage}
            self._chunk(f"data: {json.dumps(last)}\n\n".encode())
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _say(self, text: str, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
        event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "test"}
        self._chunk(f"data: {json.dumps(event | {'choices': [choice]})}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _status(self, status: int, headers: dict[str, str] | None = None) -> None:
        error = {"error": {"message": f"status {status}: the key was {KEY}", "code": status}}
        self._body(json.dumps(error).encode(), "application/json", status, headers)

    def _refuse(self, status: int, **said: str) -> None:
        error = {"error": {"message": "it is not so", **said}}
        self._body(json.dumps(error).encode(), "application/json", status)

    def _body(
        self, body: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_SAID = {
    "language": WRONG_LANGUAGE,
    "off-topic": OFF_TOPIC,
    "loop": LOOP,
    "same-sentence": "Alpha keeps blocks on disk [1]. " * 60,
    "no-answer": "NO ANSWER",
    "counts": "\n".join(f"{n}. {n}. [1]" for n in range(1, 9)),
    "half": "Alpha keeps blocks on disk [1]. Alpha was made in Paris by ninety engineers [1].",
    "think": f"<think>Alpha is 9 times faster. So I say so.</think>{GOOD}",
}


@contextmanager
def fault_server() -> Iterator[Faults]:
    with Faults() as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def llama_server(gguf: str, key: str) -> Iterator[str]:
    """llama.cpp's server with a model, as a person starts it; yields the address of its API."""
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", gguf, "--model_alias", "small"]
    options = {"host": "127.0.0.1", "port": port, "n_ctx": 4096, "api_key": key, "n_threads": 1}
    for name, value in (options | {"n_threads_batch": 1}).items():
        command += [f"--{name}", str(value)]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as server:
        try:
            _wait_until_it_listens(f"http://127.0.0.1:{port}/docs", server)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.kill()


def _wait_until_it_listens(url: str, server: "subprocess.Popen[bytes]") -> None:
    opener = build_opener(ProxyHandler({}))
    for _ in range(240):
        assert server.poll() is None, "llama_cpp.server ended at once"
        try:
            opener.open(url, timeout=2).close()
        except (URLError, OSError):
            time.sleep(0.5)
        else:
            return
    raise AssertionError("llama_cpp.server does not answer")
