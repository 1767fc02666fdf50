"""A server before Chroma's that refuses what Chroma Cloud would: its quotas of November 2026.

https://docs.trychroma.com/cloud/quotas-limits
"""

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import httpx

RECORDS_A_WRITE = 300
RESULTS = 300
PREDICATES = 8
ID_BYTES = 128
NAME_BYTES = 128
KEY_BYTES = 36
KEYS = 32
VALUE_BYTES = 4_096
DIMENSIONS = 4_096
DOCUMENT_BYTES = 16_384
AT_ONCE = 10


class QuotaProxy:
    """Passes on what is within the quotas; puts every so many-th call off, once."""

    def __init__(self, url: str, put_off_every: int = 5):
        self.url = ""
        self.refused: list[str] = []
        self.calls = Counter[str]()
        self.put_off = 0
        self._behind = httpx.Client(base_url=url, timeout=60)
        self._every = put_off_every
        self._open = 0
        self._lock = Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, answer = proxy._answer(self.command, self.path, body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                if status == 429:
                    self.send_header("retry-after", "0")
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._behind.close()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        call = path.rpartition("/")[2].partition("?")[0]
        with self._lock:
            self.calls[call] += 1
            self._open += 1
            n_open, is_put_off = self._open, sum(self.calls.values()) % self._every == 0
            self.put_off += is_put_off
        try:
            if is_put_off:
                return 429, _error("RateLimitError", "later")
            faults = [*_faults(call, json.loads(body) if body else {})]
            if n_open > AT_ONCE:
                faults.append(f"{n_open} calls at once")
            if faults:
                self.refused += [f"{call}: {fault}" for fault in faults]
                return 400, _error("QuotaError", "; ".join(faults))
            if call == "pre-flight-checks":
                return 200, json.dumps({"max_batch_size": RECORDS_A_WRITE}).encode()
            found = self._behind.request(
                method, path, content=body, headers={"content-type": "application/json"}
            )
            return found.status_code, found.content
        finally:
            with self._lock:
                self._open -= 1


def _error(name: str, message: str) -> bytes:
    return json.dumps({"error": name, "message": message}).encode()


def _faults(call: str, asked: dict[str, Any]) -> list[str]:
    """What of a call is beyond the quotas."""
    found = {
        "records a write": (
            len(asked.get("ids") or []) if call in ("add", "upsert", "update", "delete") else 0,
            RECORDS_A_WRITE,
        ),
        "results": (_results(call, asked), RESULTS),
        "predicates": (_predicates(asked.get("where")), PREDICATES),
        "bytes of an id": (_longest(asked.get("ids")), ID_BYTES),
        "bytes of a name": (_longest([asked.get("name") or ""]), NAME_BYTES),
        "bytes of a document": (_longest(asked.get("documents")), DOCUMENT_BYTES),
        "numbers of a vector": (
            max((len(each) for each in asked.get("query_embeddings") or []), default=0),
            DIMENSIONS,
        ),
    }
    for own in filter(None, asked.get("metadatas") or []):
        found |= {
            f"keys of {len(own)}": (len(own), KEYS),
            f"bytes of a key of {sorted(own)}": (_longest(own), KEY_BYTES),
        }
        for key, value in own.items():
            parts = value if isinstance(value, list) else [value]
            size = sum(len(str(part).encode()) for part in parts)
            found |= {
                f"bytes of {key}": max(found.get(f"bytes of {key}", (0, 0)), (size, VALUE_BYTES))
            }
    return [
        f"{most:,} {what}, allowed are {limit:,}"
        for what, (most, limit) in found.items()
        if most > limit
    ]


def _results(call: str, asked: dict[str, Any]) -> int:
    if call == "query":
        return asked["n_results"]
    if call != "get":
        return 0
    # Without a limit, all that fit what is asked.
    return asked.get("limit") or len(asked.get("ids") or []) or RESULTS + 1


def _longest(texts: Any) -> int:
    return max((len(text.encode()) for text in texts or []), default=0)


def _predicates(where: object) -> int:
    if isinstance(where, list):
        return sum(map(_predicates, where))
    if not isinstance(where, dict):
        return 0
    return sum(_predicates(value) if key in ("$and", "$or") else 1 for key, value in where.items())
