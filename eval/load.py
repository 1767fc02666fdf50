"""Measure a server under load: many users, one who asks too much, slow connections, an upload.

It asks a server that runs already on this machine, and is bounded in calls and in time. Each user
calls itself another client by `X-Forwarded-For`, so the server has to trust this machine:

    FOOTNOTE_WEB__TRUSTED_PROXIES='["127.0.0.1"]' footnote serve &
    python -m footnote.eval.load http://127.0.0.1:7860 --pid $!
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from footnote.rag.core.base import Record
from footnote.rag.core.errors import ConfigError

_TIMEOUT_S = 120.0
_OTHERS, _PAUSE_S = 3, 1.0
# An answer of quotes has some 80 words; who reads it takes longer.
_READ_S = 3.0
_TOO_MANY = 429
_UPLOAD_BYTES, _CHUNK_BYTES = 500_000_000, 65_536
_UPLOAD_HEAD = (
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="large.jsonl"\r\n\r\n'
)


class Asked(Record):
    """What came of the calls of one kind."""

    calls: int
    statuses: dict[str, int]
    """Calls by their status, or by the error of the connection."""
    p50_ms: float | None
    """Of those that were answered; null for none."""
    p95_ms: float | None
    p99_ms: float | None


class Load(Record):
    """All that was measured."""

    users: Asked
    """Of many users who each ask again at once when they have an answer."""
    users_per_s: float
    readers: Asked
    """Of as many who read for three seconds before they ask again."""
    readers_per_s: float
    memory_mb: tuple[float, ...] | None
    """Of the server's process, before, between and after these; null where it was not named."""
    others_before: Asked
    """Of three who ask once a second, alone."""
    others_beside_one: Asked
    """The same, while one client asks all it can at once, and again what was sent away."""
    the_one: Asked
    others_beside_slow: Asked
    """The same, beside connections that send the head of a call and never end it."""
    others_beside_upload: Asked
    """The same, while a file of 500 MB is sent."""
    upload: str
    """Its status, or the error of its connection."""
    uploaded_mb: float
    """That the server took of it."""
    busy: tuple[float, float]
    """Load of the machine over a minute, before and after all."""


class _Calls:
    """Counts calls as they are answered."""

    def __init__(self, url: str):
        self._url = url
        self._statuses: Counter[str] = Counter()
        self._times_ms: list[float] = []

    async def ask(self, client: httpx.AsyncClient, question: str, who: str) -> float | None:
        """Ask, and return how long to wait where the server sends it away."""
        begun = time.perf_counter()
        try:
            answer = await client.post(
                f"{self._url}/v1/ask",
                json={"question": question},
                headers={"X-Forwarded-For": who},
            )
        except httpx.HTTPError as error:
            self._statuses[type(error).__name__] += 1
            return None
        self._statuses[str(answer.status_code)] += 1
        if answer.status_code == 200:
            self._times_ms.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != _TOO_MANY:
            return None
        return float(answer.headers.get("retry-after", _PAUSE_S))

    async def insist(
        self, client: httpx.AsyncClient, question: str, who: str, seconds: float
    ) -> None:
        """Ask until there is an answer, or for so long."""
        end = time.perf_counter() + seconds
        while (wait_s := await self.ask(client, question, who)) is not None:
            if time.perf_counter() + wait_s >= end:
                return
            await asyncio.sleep(wait_s)

    def result(self) -> Asked:
        times = self._times_ms
        p50, p95, p99 = np.percentile(times, [50, 95, 99]) if times else (None, None, None)
        return Asked(
            calls=self._statuses.total(),
            statuses=dict(sorted(self._statuses.items())),
            p50_ms=p50 and round(float(p50), 1),
            p95_ms=p95 and round(float(p95), 1),
            p99_ms=p99 and round(float(p99), 1),
        )


async def measure(
    url: str, *, n_users: int, seconds: float, n_at_once: int, n_slow: int, pid: int | None
) -> Load:
    """Put a server under load.

    Args:
        url: Of a server of this machine.
        n_users: Users of the first two parts.
        seconds: How long each part lasts; all but the first two take at most a fifth of it.
        n_at_once: Questions that one client asks at once.
        n_slow: Slow connections.
        pid: The server's process, whose memory is read.

    Raises:
        ConfigError: The server is not of this machine.
    """
    place = urlsplit(url)
    if place.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(f"{url} is not of this machine; load is measured on 127.0.0.1 alone")
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=n_users)
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits) as client:
        busy, memory = os.getloadavg()[0], [_memory_mb(pid)]
        users, users_per_s = await _timed(_users(client, url, n_users, seconds, pause_s=0.0))
        memory.append(_memory_mb(pid))
        readers, readers_per_s = await _timed(
            _users(client, url, n_users, seconds, pause_s=_READ_S)
        )
        memory.append(_memory_mb(pid))
        part = seconds / 5
        before = await _users(client, url, _OTHERS, part, pause_s=_PAUSE_S)
        # In a process of its own, or the others would wait for it in this one.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            run = partial(asyncio.get_running_loop().run_in_executor, pool)
            await run(_insisting, url, 1, 0.0)  # it has begun
            asking = run(_insisting, url, n_at_once, part)
            beside = await _users(client, url, _OTHERS, part, pause_s=_PAUSE_S)
            one = await asking
        async with AsyncExitStack() as held:
            for _ in range(n_slow):
                _, writer = await asyncio.open_connection(place.hostname, place.port)
                held.callback(writer.close)
                writer.write(b"POST /v1/ask HTTP/1.1\r\nHost: ")
            slow = await _users(client, url, _OTHERS, min(part, 9.0), pause_s=_PAUSE_S)
        sending = asyncio.create_task(_upload(client, url))
        during = await _users(client, url, _OTHERS, part, pause_s=_PAUSE_S)
        upload, uploaded_mb = await sending
    return Load(
        users=users,
        users_per_s=users_per_s,
        readers=readers,
        readers_per_s=readers_per_s,
        memory_mb=tuple(mb for mb in memory if mb) or None,
        others_before=before,
        others_beside_one=beside,
        the_one=one,
        others_beside_slow=slow,
        others_beside_upload=during,
        upload=upload,
        uploaded_mb=uploaded_mb,
        busy=(round(busy, 1), round(os.getloadavg()[0], 1)),
    )


def _insisting(url: str, n_at_once: int, seconds: float) -> Asked:
    """Ask so many questions at once as one client, each again and again."""

    async def asked() -> Asked:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits) as client:
            one = _Calls(url)
            asks = [one.insist(client, q, "192.0.2.250", seconds) for q in _questions(n_at_once)]
            await asyncio.gather(*asks)
        return one.result()

    return asyncio.run(asked())


async def _users(
    client: httpx.AsyncClient, url: str, n: int, seconds: float, *, pause_s: float
) -> Asked:
    calls, end = _Calls(url), time.perf_counter() + seconds

    async def user(number: int) -> None:
        await asyncio.sleep(pause_s * number / n)  # people do not begin all at once
        for question in _questions(10_000, first=number * 7):
            if time.perf_counter() >= end:
                return
            await calls.ask(client, question, f"192.0.2.{number + 1}")
            await asyncio.sleep(pause_s)

    await asyncio.gather(*map(user, range(n)))
    return calls.result()


async def _timed(asking: Coroutine[Any, Any, Asked]) -> tuple[Asked, float]:
    """Return what came of calls, and how many were answered in a second."""
    begun = time.perf_counter()
    asked = await asking
    return asked, round(asked.statuses.get("200", 0) / (time.perf_counter() - begun), 1)


async def _upload(client: httpx.AsyncClient, url: str) -> tuple[str, float]:
    """Send a file that is too large, and return what came of it, and the megabytes that went."""
    n_sent = 0

    async def body() -> AsyncGenerator[bytes]:
        nonlocal n_sent
        yield _UPLOAD_HEAD
        while n_sent < _UPLOAD_BYTES:
            yield bytes(_CHUNK_BYTES)
            n_sent += _CHUNK_BYTES

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        # Without its length, so that the server finds out as it reads.
        answer = await client.post(f"{url}/v1/ingest", content=body(), headers=headers)
    except httpx.HTTPError as error:
        return type(error).__name__, round(n_sent / 1e6, 1)
    return str(answer.status_code), round(n_sent / 1e6, 1)


def _questions(n: int, *, first: int = 0) -> list[str]:
    lines = files("footnote.eval").joinpath("questions/test.jsonl").read_text("utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines]
    return list(
        itertools.islice(itertools.cycle(asked), first % len(asked), first % len(asked) + n)
    )


def _memory_mb(pid: int | None) -> float | None:
    if pid is None:
        return None
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("VmRSS"))


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Measure a server of this machine under load.")
    parser.add_argument("url")
    parser.add_argument("--users", type=int, default=50, choices=range(1, 201), metavar="1-200")
    parser.add_argument("--seconds", type=int, default=60, choices=range(1, 601), metavar="1-600")
    parser.add_argument("--at-once", type=int, default=400, choices=range(1, 451), metavar="1-450")
    parser.add_argument("--slow", type=int, default=200, choices=range(1, 401), metavar="1-400")
    parser.add_argument("--pid", type=int, help="of the server, to read its memory")
    asked = parser.parse_args()
    load = asyncio.run(
        measure(
            asked.url,
            n_users=asked.users,
            seconds=asked.seconds,
            n_at_once=asked.at_once,
            n_slow=asked.slow,
            pid=asked.pid,
        )
    )
    sys.stdout.write(load.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
