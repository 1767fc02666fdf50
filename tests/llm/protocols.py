"""A server that speaks the protocols of five vendors, well or with a fault; keys are not verified."""

import json
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "AKIA-never-shown:secret-never-shown"
PIECES = ["Alpha keeps ", "blocks on disk [1]. ", "Decoding is 2.5× faster than paging [1]."]
N_IN, N_OUT = 321, 21


class Asked(NamedTuple):
    """A request, as it came."""

    vendor: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict[str, Any]


class Vendors(ThreadingHTTPServer):
    """The first part of the path names the fault to commit."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        self.left: Counter[str] = Counter()
        """Streams that the client left before their end, by vendor."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""

    def url(self, fault: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{fault}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Vendors

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        fault, path = parts.path.lstrip("/").split("/", 1)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.vendor = _vendor(path)
        asked = Asked(self.vendor, unquote(path), parse_qs(parts.query), headers, body)
        self.server.asked.append(asked)
        once = sum(a.vendor == self.vendor for a in self.server.asked) == 1
        try:
            match fault:
                case "401" | "404" | "429" | "503" | "too-long":
                    self._refuse(fault)
                case "429-once" if once:
                    self._refuse("429", retry_after="1")
                case "hang":
                    time.sleep(20)
                case _:
                    self._stream(fault)
        except OSError:
            self.server.left[self.vendor] += 1

    def _refuse(self, fault: str, retry_after: str = "70") -> None:
        status, error = _refusal(self.vendor, fault)
        body = json.dumps(error).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", retry_after)
        if self.vendor == "bedrock":
            self.send_header("x-amzn-ErrorType", error["__type"])
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, fault: str) -> None:
        speak = _SPEAK[self.vendor]
        kind = "application/vnd.amazon.eventstream" if speak is _bedrock else "text/event-stream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        first, texts, last = speak(PIECES, "cut" if fault == "cut" else "own")
        self._chunk(first)
        for text in texts:
            self._chunk(text)
            if fault == "dropped":
                self.close_connection = True
                return
            if fault == "silent":
                self._wait_until_left()
        while fault == "endless":
            self._chunk(texts[0])
            time.sleep(0.05)
        self._chunk(last)
        self.wfile.write(b"0\r\n\r\n")

    def _wait_until_left(self) -> None:
        self.connection.settimeout(20)
        if not self.connection.recv(1):
            raise ConnectionError

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()


def _vendor(path: str) -> str:
    marks = {
        "v1/messages": "anthropic",
        "streamGenerateContent": "gemini",
        "openai/deployments": "azure",
        "converse-stream": "bedrock",
        "v1/chat/completions": "mistral",
    }
    return next(vendor for mark, vendor in marks.items() if mark in path)


Spoken = tuple[bytes, list[bytes], bytes]


def _anthropic(pieces: list[str], how: str) -> Spoken:
    def event(kind: str, **fields: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "small"}
    message |= {"stop_reason": None, "stop_sequence": None}
    message["usage"] = {"input_tokens": N_IN, "output_tokens": 1}
    block = {"type": "text", "text": ""}
    texts = [
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        for piece in pieces
    ]
    reason = {"own": "end_turn", "cut": "max_tokens"}[how]
    return (
        event("message_start", message=message)
        + event("content_block_start", index=0, content_block=block),
        texts,
        event("content_block_stop", index=0)
        + event(
            "message_delta",
            delta={"stop_reason": reason, "stop_sequence": None},
            usage={"output_tokens": N_OUT},
        )
        + event("message_stop"),
    )


def _gemini(pieces: list[str], how: str) -> Spoken:
    def event(text: str, reason: str | None = None) -> bytes:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}}
        candidate |= {"index": 0} | ({"finishReason": reason} if reason else {})
        usage = {"promptTokenCount": N_IN, "candidatesTokenCount": N_OUT if reason else 1}
        return f"data: {json.dumps({'candidates': [candidate], 'usageMetadata': usage})}\r\n\r\n".encode()

    reason = {"own": "STOP", "cut": "MAX_TOKENS"}[how]
    return b"", [event(piece) for piece in pieces[:-1]], event(pieces[-1], reason)


def _openai(pieces: list[str], how: str) -> Spoken:
    def event(text: str, reason: str | None = None) -> bytes:
        delta = {"role": "assistant", "content": text}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small"}
        chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": reason}]
        if reason:
            total = {"total_tokens": N_IN + N_OUT}
            chunk["usage"] = {"prompt_tokens": N_IN, "completion_tokens": N_OUT} | total
        return f"data: {json.dumps(chunk)}\n\n".encode()

    reason = {"own": "stop", "cut": "length"}[how]
    return b"", [event(piece) for piece in pieces], event("", reason) + b"data: [DONE]\n\n"


def _bedrock(pieces: list[str], how: str) -> Spoken:
    texts = [
        _frame("contentBlockDelta", contentBlockIndex=0, delta={"text": piece}) for piece in pieces
    ]
    reason = {"own": "end_turn", "cut": "max_tokens"}[how]
    usage = {"inputTokens": N_IN, "outputTokens": N_OUT, "totalTokens": N_IN + N_OUT}
    return (
        _frame("messageStart", role="assistant"),
        texts,
        _frame("contentBlockStop", contentBlockIndex=0)
        + _frame("messageStop", stopReason=reason)
        + _frame("metadata", usage=usage, metrics={"latencyMs": 1}),
    )


def _frame(kind: str, **fields: object) -> bytes:
    """Encode an event as AWS frames it: lengths, their checksum, headers, payload, checksum."""
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )  # fmt: skip
    payload = json.dumps(fields).encode()
    start = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    start += struct.pack("!I", zlib.crc32(start))
    frame = start + headers + payload
    return frame + struct.pack("!I", zlib.crc32(frame))


_SPEAK = {
    "anthropic": _anthropic,
    "gemini": _gemini,
    "mistral": _openai,
    "azure": _openai,
    "bedrock": _bedrock,
}
_LONG = {
    "anthropic": "prompt is too long: 210000 tokens > 200000 maximum",
    "gemini": "The input token count (210000) exceeds the maximum number of tokens allowed (200000).",
    "mistral": "Prompt contains 210000 tokens, too large for model with 200000 maximum context length",
    "azure": "This model's maximum context length is 200000 tokens.",
    "bedrock": "Input is too long for requested model.",
}


def _refusal(vendor: str, fault: str) -> tuple[int, dict[str, Any]]:
    """Return status and body as the vendor refuses, with the key in what it says."""
    status = 400 if fault == "too-long" else int(fault)
    message = _LONG[vendor] if fault == "too-long" else f"it is not so, key {KEY}"
    match vendor:
        case "anthropic":
            kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
            kind |= {503: "overloaded_error", 400: "invalid_request_error"}
            error = {"type": kind[status], "message": message}
            return (529 if status == 503 else status), {"type": "error", "error": error}
        case "gemini" if status == 401:
            details = [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            ]
            error = {"code": 400, "status": "INVALID_ARGUMENT", "message": message}
            return 400, {"error": error | {"details": details}}
        case "gemini":
            return status, {"error": {"code": status, "message": message, "status": "X"}}
        case "mistral":
            return status, {"object": "error", "message": message, "type": "x", "code": "1"}
        case "azure":
            code = "context_length_exceeded" if fault == "too-long" else "x"
            return status, {"error": {"code": code, "message": message, "type": "x"}}
        case _:
            kinds = {401: "UnrecognizedClientException", 404: "ResourceNotFoundException"}
            kinds |= {429: "ThrottlingException", 503: "ServiceUnavailableException"}
            kind = kinds.get(status, "ValidationException")
            return (403 if status == 401 else status), {"__type": kind, "message": message}


@contextmanager
def vendor_server() -> Iterator[Vendors]:
    with Vendors() as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
