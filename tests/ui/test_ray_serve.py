"""Ray Serve answers as one process does, whatever replica is killed and whatever index comes next."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.index.sharding import shard_of
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.conftest import ROOT, SAMPLE, Run
from tests.ui.serving import EMBEDDER, Served, served

N_SHARDS, N_USERS = 2, 20
LOST = 1
WIDE = "tests.hashing:WideHashEmbedding"
QUESTIONS = (
    "What throughput improvement does NanoFlow achieve?",
    "Which papers are about speculative decoding?",
    "How is the key-value cache compressed?",
    "Compare pruning and quantisation",
    "How many papers are there?",
    "Why is decoding slow?",
)


def test_without_ray_the_command_says_what_to_install(
    footnote: Run, few_config: Config, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", EMBEDDER)
    where = ("--index", few_config.index, "--port", "0")
    told = footnote("serve", "--engine", "ray", *where, expect=1).stderr
    assert "Ray is not installed" in told
    assert 'pip install "footnote-papers[ray]"' in told


def test_options_of_one_engine_are_refused_with_another(footnote: Run, few_config: Config):
    where = ("--index", few_config.index)
    told = footnote("serve", "--engine", "ray", "--workers", "2", *where, expect=2).stderr
    assert "--engine and --workers do not go together" in told
    told = footnote("serve", "--replicas", "2", *where, expect=2).stderr
    assert "--replicas goes with --engine ray" in told


class OnRay(NamedTuple):
    server: Served
    config: Config

    def ask(self, question: str) -> dict[str, Any]:
        reply = httpx.post(
            f"{self.server.url}/v1/ask", json={"question": question}, timeout=120
        ).raise_for_status()
        return without_time(reply.json())

    def ready(self) -> dict[str, Any]:
        return httpx.get(f"{self.server.url}/ready", timeout=120).raise_for_status().json()

    def replicas(self, shard: int) -> list[int]:
        """The processes that hold a shard."""
        name = f"ServeReplica:footnote:shard-{shard:03}"
        return [p for p in descendants(self.server.process.pid) if name in command_of(p)]

    @contextmanager
    def users(self) -> Iterator["list[tuple[str, dict[str, Any] | Exception]]"]:
        """Twenty users ask while the block runs, and what they were told."""
        heard: list[tuple[str, dict[str, Any] | Exception]] = []
        is_over = threading.Event()

        def user(n: int) -> None:
            for at in range(n, n + 10_000):
                if is_over.is_set():
                    return
                question = QUESTIONS[at % len(QUESTIONS)]
                try:
                    heard.append((question, self.ask(question)))
                except httpx.HTTPError as error:
                    heard.append((question, error))

        with ThreadPoolExecutor(N_USERS) as pool:
            users = [pool.submit(user, n) for n in range(N_USERS)]
            try:
                wait_until(lambda: len(heard) >= N_USERS)
                yield heard
            finally:
                is_over.set()
        for each in users:
            each.result()


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    answer["receipt"].pop("asked_at")
    return answer


def command_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def descendants(process: int) -> list[int]:
    own: dict[int, list[int]] = {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        own.setdefault(parent, []).append(int(each.name))
    found = [process]
    for one in found:
        found += own.get(one, [])
    return found


def wait_until(is_so: Callable[[], bool], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


# Ray has each process compute on one thread; with another number of them sums round otherwise.
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
_ASK = """
import json, sys
from footnote.rag.build import open_assistant
from footnote.rag.core.config import load_config
assistant = open_assistant(load_config(**json.loads(sys.argv[1])))
answers = {each: assistant.ask(each).model_dump(mode="json") for each in sys.argv[2:]}
print(json.dumps(answers))
"""


def expected(config: Config) -> dict[str, dict[str, Any]]:
    """What one process answers."""
    settings = config.model_dump(mode="json", include={"index", "embedder", "answering"})
    done = subprocess.run(
        [sys.executable, "-c", _ASK, json.dumps(settings), *QUESTIONS],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | _ONE_THREAD,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return {q: without_time(said) for q, said in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnRay]:
    """A server with two replicas a shard, over some papers of the sample."""
    pytest.importorskip("ray.serve", reason="ray is not installed")
    folder = tmp_path_factory.mktemp("on_ray")
    papers = folder / "papers.jsonl"
    papers.write_text("\n".join(SAMPLE.read_text().splitlines()[:80]))
    config = load_config(
        index=folder / "index",
        embedder={"name": EMBEDDER},
        store={"shards": N_SHARDS},
        answering={"min_confidence": 0},
    )
    ingest([papers], open_index(config, create=True), unwatched)
    variables = {
        "RAY_AUTH_MODE": "disabled",  # its token would be kept in the home folder
        "FOOTNOTE_WEB__A_CLIENT": "64",  # all users have one address
        "FOOTNOTE_RAY__TIMEOUT_S": "60",
    }
    options = ("--engine", "ray", "--replicas", "2")
    with served(config, folder / "log", *options, **variables) as server:
        yield OnRay(server, config)
        assert server.ended() == 0
    assert "Traceback" not in (folder / "log").read_text()


pytest_ray = pytest.mark.timeout(900)


@pytest_ray
@pytest.mark.slow
def test_routers_answer_as_one_process_does(on_ray: OnRay):
    assert {question: on_ray.ask(question) for question in QUESTIONS} == expected(on_ray.config)
    assert on_ray.ready() == {"status": "ready", "papers": 80, "coming": 0}
    assert "gradio" in httpx.get(f"{on_ray.server.url}/", timeout=60).text
    listed = httpx.get(f"{on_ray.server.url}/v1/papers", timeout=60).json()
    assert listed["total"] == 80


@pytest_ray
@pytest.mark.slow
def test_no_question_fails_when_a_replica_is_killed(on_ray: OnRay):
    whole = expected(on_ray.config)
    wait_until(lambda: len(on_ray.replicas(LOST)) == 2)
    with on_ray.users() as heard:
        os.kill(on_ray.replicas(LOST)[0], signal.SIGKILL)
        n_then = len(heard)
        wait_until(lambda: len(heard) >= n_then + 3 * N_USERS)
    assert [(q, said) for q, said in heard if said != whole[q]] == []
    wait_until(lambda: len(on_ray.replicas(LOST)) == 2)


@pytest_ray
@pytest.mark.slow
def test_answers_without_a_shard_say_so_until_it_is_back(on_ray: OnRay):
    whole, catalogue = expected(on_ray.config), open_index(on_ray.config).catalogue
    lacking = {p for p in catalogue.served_versions() if shard_of(p, N_SHARDS) == LOST}
    snapshot = on_ray.config.index / "snapshots" / str(catalogue.state().snapshot)
    with on_ray.users() as heard:
        (snapshot / f"{LOST:02}/dense").rename(snapshot / "away")  # so that none is begun anew
        for process in on_ray.replicas(LOST):
            os.kill(process, signal.SIGKILL)
        n_then = len(heard)
        wait_until(lambda: len(heard) >= n_then + 4 * N_USERS)
    assert [said for _, said in heard if isinstance(said, Exception)] == []
    partial = [said for question, said in heard if said != whole[question]]
    assert partial
    for said in partial:
        assert isinstance(said, dict)
        assert said["receipt"]["n_not_asked"] == len(lacking)
        assert not {source["paper_id"] for source in said["sources"]} & lacking
    assert on_ray.ready()["not_asked"] == len(lacking)
    (snapshot / "away").rename(snapshot / f"{LOST:02}/dense")
    wait_until(lambda: "not_asked" not in on_ray.ready())
    assert {question: on_ray.ask(question) for question in QUESTIONS} == whole


@pytest_ray
@pytest.mark.slow
def test_no_answer_is_made_of_two_snapshots(on_ray: OnRay):
    before = expected(on_ray.config)
    other = on_ray.config.model_copy(
        update={"embedder": on_ray.config.embedder.model_copy(update={"name": WIDE})}
    )
    with on_ray.users() as heard:
        IndexWriter(open_index(other)).rebuild(unwatched)
        n_then = len(heard)
        wait_until(lambda: len(heard) >= n_then + 3 * N_USERS)
    after = expected(other)
    assert [said for q, said in heard if said not in (before[q], after[q])] == []
    assert any(said == after[q] != before[q] for q, said in heard)
