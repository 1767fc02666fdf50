"""Papers taken in on a cluster are those of one machine, whatever is lost meanwhile."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footnote.ingest.cluster import Share, share_out
from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.index.check import disagreements, miscount
from footnote.rag.index.index import Index
from tests.conftest import ROOT, SAMPLE, Run, started

# Told apart from the state alone: it names the snapshot, and counts how often it was marked.
_TABLES = ("papers", "records", "keys", "parts", "aliases", "tombstones", "facts", "names")
_SHARDS = 4
# Small blocks, so that a file of some hundred papers has several.
_COMMAND = """
import footnote.ingest.ray_engine as ray_engine
from footnote.ui.cli import main
ray_engine._BLOCK_BYTES = 40_000
main()
"""


def test_each_task_gets_its_share_of_the_machines():
    many, few = [Share(8, 0)] * 4, [Share(2, 1), Share(4, 2)]
    assert share_out(many, 16) == Share(2, 0)
    assert share_out(many, 1) == Share(8, 0)
    assert share_out(many, 100) == Share(1, 0)
    assert share_out(few, 2) == Share(2, 1)
    assert share_out([*many, *few], 4) == Share(2, 0)


def test_without_ray_the_command_says_what_to_install(
    footnote: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    where = ("--index", tmp_path / "index")
    told = footnote("ingest", SAMPLE, "--engine", "ray", *where, expect=1).stderr
    assert "Ray is not installed" in told
    assert 'pip install "footnote-papers[ray]"' in told
    assert not (tmp_path / "index").exists()
    told = footnote("ingest", SAMPLE, "--engine", "ray", "--watch", *where, expect=2).stderr
    assert "--engine and --watch do not go together" in told


def test_a_cluster_that_does_not_answer_is_named(
    footnote: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("ray", reason="ray is not installed")
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        where = ("--index", tmp_path / "index")
        told = footnote("ingest", SAMPLE, "--engine", "ray", *where, expect=1).stderr
    assert f"Ray cluster {address} does not answer: " in told
    assert "change RAY_ADDRESS" in told


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two machines of one processor each beside that of the command, as processes."""
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # they listen on 127.0.0.1 alone
        "RAY_AUTH_MODE": "disabled",  # its token would be kept in the home folder
        "PYTHONPATH": str(ROOT),
    }.items():
        monkeypatch.setenv(name, value)
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="ray is not installed")
    node = {"object_store_memory": 80_000_000, "include_dashboard": False}
    made = cluster_utils.Cluster(initialize_head=True, head_node_args=node | {"num_cpus": 0})
    try:
        for _ in range(2):
            made.add_node(num_cpus=1, **node)
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """The sample; a third of it again from elsewhere, with ids that join; and a bad line."""
    digests = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    folder = tmp_path / "papers"
    folder.mkdir()
    again = [
        json.dumps(
            {"title": each["title"].upper(), "abstract": each["digest"], "doi": f"10.1000/{n}"}
        )
        for n, each in enumerate(digests[::3])
    ]
    (folder / "again.jsonl").write_text("\n".join([*again, "{broken"]), encoding="utf-8")
    (folder / "digests.jsonl").write_bytes(SAMPLE.read_bytes())
    return folder


def settings(folder: Path, embedder: str, n_shards: int = _SHARDS) -> Config:
    return load_config(
        index=folder, embedder={"name": f"tests.hashing:{embedder}"}, store={"shards": n_shards}
    )


def command(config: Config, *arguments: object) -> list[object]:
    """The command that takes papers in on the cluster, with small blocks."""
    file = config.index.parent / "settings.yaml"
    file.write_text(
        json.dumps({"embedder": {"name": config.embedder.name}, "store": {"shards": _SHARDS}})
    )
    where = ("--config", file, "--index", config.index)
    return [sys.executable, "-c", _COMMAND, "ingest", "--engine", "ray", *where, *arguments]


def rows(index: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(index / "catalogue.sqlite") as db:
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in _TABLES}  # noqa: S608


def whole(index: Index) -> None:
    assert disagreements(index.catalogue, index.snapshot(), index.exact_up_to) == []
    assert miscount(index.catalogue, index.snapshot()) is None
    assert index.problems() == []


@pytest.mark.slow
def test_a_cluster_takes_in_what_one_machine_does(cluster: Any, papers: Path, tmp_path: Path):
    here, there = (settings(tmp_path / name / "index", "HashEmbedding") for name in ("1", "2"))
    there.index.parent.mkdir()
    expected = ingest([papers], open_index(here, create=True), lambda *_: None)
    run = subprocess.run(
        list(map(str, command(there, papers, "arxiv:2309.06180", "--json"))),
        env=os.environ | {"RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    for name in ("records", "accepted", "papers", "added", "refused_count"):
        assert report[name] == getattr(expected, name)
    assert report["papers"] == 408
    refused = {each["source"]: each for each in report["refused"]}
    assert refused.keys() == {"arxiv:2309.06180", "again.jsonl"}
    assert refused["again.jsonl"] == expected.refused[0].model_dump()
    assert rows(there.index) == rows(here.index)
    one, many = open_index(here), open_index(there)
    whole(many)
    assert many.snapshot().dense.counts() == one.snapshot().dense.counts()
    folders = [index.snapshot().folder / "02" / "dense" for index in (one, many)]
    assert len({(folder / "vectors.i8").read_bytes() for folder in folders}) == 1
    assert not there.index.with_name("index.ingest").exists()


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_with_a_worker_a_machine_and_the_command(
    cluster: Any, papers: Path, tmp_path: Path
):
    here, there = (
        settings(tmp_path / name / "index", own)
        for name, own in (("1", "HashEmbedding"), ("2", "SlowEmbedding"))
    )
    there.index.parent.mkdir()
    ingest([papers], open_index(here, create=True), lambda *_: None)
    with started(command(there, papers), RAY_ADDRESS=cluster.address) as driver:
        indexed = waited_for(there.index, driver, more_than=64)
        os.kill(workers("ray::_fill_shard")[0], signal.SIGKILL)
        indexed = waited_for(there.index, driver, more_than=indexed)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        indexed = waited_for(there.index, driver, more_than=indexed)
        os.kill(driver.pid, signal.SIGKILL)
    assert indexed < 408
    with started(command(there, papers), RAY_ADDRESS=cluster.address) as driver:
        _, told = driver.communicate(timeout=200)
        assert driver.returncode == 0, told
        assert "an earlier command was interrupted" in told
    assert rows(there.index) == rows(here.index)
    whole(open_index(there))
    assert len(open_index(there).catalogue) == 408


def waited_for(index: Path, driver: "subprocess.Popen[str]", *, more_than: int) -> int:
    """Wait until so many papers are indexed; how many there are."""
    for _ in range(1_000):
        assert driver.poll() is None, driver.communicate()
        if (index / "catalogue.sqlite").exists():
            try:
                with sqlite3.connect(index / "catalogue.sqlite") as db:
                    sql = "SELECT count(*) FROM papers WHERE indexed IS NOT NULL"
                    if (found := db.execute(sql).fetchone()[0]) > more_than:
                        return found
            except sqlite3.OperationalError:
                pass  # its tables are being made
        time.sleep(0.1)
    raise AssertionError(f"no more than {more_than} papers were indexed")


def workers(name: str) -> list[int]:
    """The processes below this one that do such a task."""
    stats = [file.read_text() for file in Path("/proc").glob("[0-9]*/stat") if file.exists()]
    above = {int(stat.split()[0]): int(stat.rpartition(")")[2].split()[1]) for stat in stats}
    named = [int(stat.split()[0]) for stat in stats if f"({name}"[:16] in stat]
    return [pid for pid in named if os.getpid() in ancestors(pid, above)]


def ancestors(pid: int, above: dict[int, int]) -> Iterator[int]:
    while pid := above.get(pid, 0):
        yield pid
