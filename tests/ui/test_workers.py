"""Several processes over one index: programs are answered by any of them, and all end together."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.ui.serving import made_index, served

pytestmark = pytest.mark.slow
QUESTION = {"question": "What does Alpha keep?"}


def children(process: int) -> list[int]:
    """The workers of a server, by their ids."""
    # Each thread has a list of those that it began.
    lists = Path(f"/proc/{process}/task").glob("*/children")
    found = [child for each in lists for child in each.read_text().split()]
    return [
        int(child)
        for child in found
        if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_workers_answer_programs_and_end_with_whole_answers(tmp_path: Path):
    slow = made_index(tmp_path, "tests.slow:SlowEmbedding")
    with served(slow, tmp_path / "log", "--workers", "1") as server, ThreadPoolExecutor(4) as pool:
        assert server.process.stdout
        said = server.process.stdout.readline()
        found = re.search(r"programs can ask at (http://\S+)/ too", said)
        assert found, said
        url = found[1]
        [worker] = children(server.process.pid)
        # It waits until the worker has loaded.
        assert httpx.get(f"{url}/ready", timeout=120).json()["papers"] == 3
        assert httpx.get(f"{url}/").status_code == 404
        assert httpx.post(f"{url}/v1/ingest", json={}).status_code == 404
        asked = [
            pool.submit(httpx.post, f"{at}/v1/ask", json=QUESTION, timeout=60)
            for at in (url, server.url)
        ]
        for at in (url, server.url):
            while "footnote_questions 1.0" not in httpx.get(f"{at}/metrics").text:
                time.sleep(0.05)
        assert server.ended() == 0
        for answer in asked:
            assert "on disk" in answer.result().json()["answer"]
        assert not is_running(worker)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_worker_that_is_killed_is_begun_again_and_none_outlives_the_server(tmp_path: Path):
    config = made_index(tmp_path)
    with served(config, tmp_path / "log", "--workers", "1") as server:
        assert server.process.stdout
        url = re.search(r"http://\S+\d", server.process.stdout.readline())
        assert url
        [first] = children(server.process.pid)
        assert httpx.get(f"{url[0]}/health", timeout=120).status_code == 200
        os.kill(first, signal.SIGKILL)
        while children(server.process.pid) in ([first], []):
            time.sleep(0.1)
        assert httpx.get(f"{url[0]}/health", timeout=120).status_code == 200
        [second] = children(server.process.pid)
        server.process.kill()
        while is_running(second):
            time.sleep(0.1)
    assert "a worker ended (-9); begun again" in (tmp_path / "log").read_text()
