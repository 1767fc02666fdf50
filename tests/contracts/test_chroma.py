"""What every vector store promises, kept in a folder or by a Chroma server."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.pipeline import ingest
from footnote.ingest.record import SourceRecord
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import ConfigError, IndexDamagedError, VectorServerError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.check import disagreements, unreachable
from footnote.rag.index.chroma import CosineChroma, Row, drop_from_server, open_chroma, open_server
from footnote.rag.index.writer import IndexWriter
from tests.contracts.quotas import QuotaProxy
from tests.rag.index.small import row

pytestmark = pytest.mark.slow

Open = Callable[[], CosineChroma]
AXES = np.eye(4)


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="t")))


ALPHA = paper("Alpha", "One two. Three four.")
BRAVO = paper("Bravo", "Five six. Seven eight.")
CHARLIE = paper("Charlie", "Nine ten.")
PAPERS = (ALPHA, BRAVO, CHARLIE)


def add(store: CosineChroma, paper: Paper, axis: int) -> None:
    store.add([row(paper, AXES[axis])])


def nearest(store: CosineChroma, axis: int, k: int = 10) -> list[tuple[str, float]]:
    return store.nearest(AXES[axis].tolist(), depth=k)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chroma server of our own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("chroma")
    folder = tmp_path_factory.mktemp("server")
    with subprocess.Popen(
        [str(program), "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
def cloud(server: str) -> Iterator[QuotaProxy]:
    """The same server behind the quotas of Chroma Cloud, none of which may be passed."""
    proxy = QuotaProxy(server)
    yield proxy
    proxy.close()
    assert proxy.refused == []
    assert proxy.put_off


@pytest.fixture(params=["folder", "server", "cloud"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens one and the same store, each time as another process would."""
    if request.param == "folder":
        return lambda: open_chroma(tmp_path / "chroma", create=True)
    found = request.getfixturevalue(request.param)
    url = found.url if isinstance(found, QuotaProxy) else found
    name = f"test-{time.time_ns()}"
    return lambda: open_server(url, name, create=True)


@pytest.fixture
def store(opened: Open) -> CosineChroma:
    store = opened()
    for axis, own in enumerate(PAPERS):
        add(store, own, axis)
    return store


def test_similarities_are_cosines_best_first(store: CosineChroma):
    found = nearest(store, 1)
    assert found[0][0] == BRAVO.paper_id
    assert [round(score, 4) for _, score in found] == [1.0, 0.0, 0.0]


def test_a_row_says_which_paper_it_is_and_of_which_version(store: CosineChroma):
    [found] = store.rows([BRAVO.paper_id, "title:nowhere"])
    assert (found.paper_id, found.version) == (BRAVO.paper_id, BRAVO.version)
    assert found.vector.tolist() == AXES[1].tolist()


def test_a_version_takes_the_place_of_the_one_before(store: CosineChroma):
    later = ALPHA.model_copy(update={"title": "Alpha!"})
    add(store, later, 3)
    assert store.count() == 3
    assert [row.version for row in store.rows([ALPHA.paper_id])] == [later.version]
    assert [id_ for id_, score in nearest(store, 3) if score > 0.9] == [ALPHA.paper_id]
    assert [id_ for id_, score in nearest(store, 0) if score > 0.9] == []


def test_removing_takes_some_papers_and_leaves_the_others(store: CosineChroma):
    store.remove([ALPHA.paper_id, "title:nowhere"])
    assert store.ids() == {BRAVO.paper_id, CHARLIE.paper_id}
    assert nearest(store, 1, 1)[0][0] == BRAVO.paper_id


def test_only_some_papers_are_found_where_they_are_named(store: CosineChroma):
    named = frozenset([ALPHA.paper_id, CHARLIE.paper_id, "title:nowhere"])
    found = store.nearest(AXES[2].tolist(), depth=10, only=named)
    assert [id_ for id_, _ in found] == [CHARLIE.paper_id, ALPHA.paper_id]
    assert store.nearest(AXES[2].tolist(), depth=1, only=named) == found[:1]
    assert store.nearest(AXES[2].tolist(), depth=10, only=frozenset()) == []


def test_another_process_sees_what_was_written(opened: Open, store: CosineChroma):
    assert opened().ids() == store.ids()


def test_a_fresh_store_is_empty(opened: Open):
    assert (opened().count(), opened().ids(), nearest(opened(), 0)) == (0, set(), [])


def test_a_vector_that_others_have_too_is_found_with_any_of_them(opened: Open):
    store = opened()
    papers = [paper(f"Paper {n}", "All is the same.") for n in range(40)]
    for each in papers:
        add(store, each, 0)
    rows = store.rows([each.paper_id for each in papers])
    assert len(rows) == 40
    assert unreachable(store, rows, depths=(1, 2)) == []


def test_every_paper_is_found_after_many_changes_deletes_and_additions(opened: Open):
    """Chroma 1.5.9 is reported to lose records to queries after many of these."""
    store, random = opened(), np.random.default_rng(0)
    papers = [paper(f"Paper {n}", f"Sentence {n}.") for n in range(600)]
    vectors = random.normal(size=(len(papers), 32))
    for cycle in range(5):
        chosen = range(600) if cycle == 0 else random.choice(600, 300, replace=False)
        if cycle % 2:
            store.remove([papers[n].paper_id for n in chosen])
        for n in chosen:
            vectors[n] = random.normal(size=32)
        store.add([row(papers[n], vectors[n]) for n in chosen])
    ids = [each.paper_id for each in papers]
    assert store.ids() == set(ids)
    found = opened()
    held = {row.paper_id: row.vector for row in found.rows(ids)}
    assert np.allclose([held[id_] for id_ in ids], vectors, atol=1e-5)
    assert unreachable(found, found.rows(ids), depths=(1,)) == []


def test_more_papers_than_one_statement_takes_are_added_found_and_removed(tmp_path: Path):
    """SQLite takes 32,766 variables a statement; Chroma 1.5.9 has one for each id."""
    store = open_chroma(tmp_path / "chroma", create=True)
    rows = [Row(f"title:{n}", f"v{n}", np.array([float(n), 1.0])) for n in range(33_000)]
    store.add(rows)
    ids = [each.paper_id for each in rows]
    assert store.count() == len(ids)
    found = {row.paper_id: row for row in store.rows(ids)}
    assert found.keys() == set(ids)
    # Chroma divides them by their length, and multiplies again.
    assert np.allclose([found[id_].vector for id_ in ids], [each.vector for each in rows])
    assert [found[id_].version for id_ in ids] == [each.version for each in rows]
    assert store.ids() == set(ids)
    store.remove(ids)
    assert store.count() == 0


def test_no_write_is_larger_than_the_server_says(server: str, monkeypatch: pytest.MonkeyPatch):
    """Chroma's client refuses a larger one itself; a hosted one says 300."""
    monkeypatch.setattr("chromadb.api.fastapi.FastAPI.get_max_batch_size", lambda _: 3)
    store = open_server(server, f"test-{time.time_ns()}", create=True)
    papers = [paper(f"Paper {n}", "One two. Three four.") for n in range(8)]
    store.add([row(each, AXES[0]) for each in papers])
    ids = [each.paper_id for each in papers]
    assert {row.paper_id for row in store.rows(ids)} == store.ids() == set(ids)
    store.describe([each.model_copy(update={"withdrawn": True}) for each in papers])
    [withdrawn] = store.nearest_to_each([AXES[0].tolist()], depth=9, where={"withdrawn": True})
    assert len({id_ for id_, _ in withdrawn} & set(ids)) == 3  # nor is more found at once
    store.remove(ids)
    assert store.count() == 0


def test_more_than_a_hosted_server_gives_at_once_is_read_and_found(cloud: QuotaProxy):
    store = open_server(cloud.url, f"test-{time.time_ns()}", create=True)
    authors = [f"Author {n} of a Large Collaboration" for n in range(3_000)]
    papers = [
        paper(f"Paper {n}", "One two. Three four.").model_copy(update={"authors": authors})
        for n in range(400)
    ]
    for each in papers:
        add(store, each, 0)
    ids = {each.paper_id for each in papers}
    assert store.ids() == ids
    assert {row.paper_id for row in store.rows(list(ids))} == ids
    assert len(store.nearest([1, 0, 0, 0], depth=1_000)) == 300
    only = frozenset(each.paper_id for each in papers[:100])
    found = store.nearest([1, 0, 0, 0], depth=100, only=only)
    assert {id_ for id_, _ in found} == only
    store.describe(papers)
    store.remove(list(ids))
    assert store.count() == 0
    assert cloud.calls["upsert"] >= 400


def test_a_server_that_puts_off_without_end_is_named(server: str):
    proxy = QuotaProxy(server, put_off_every=1)
    try:
        with pytest.raises(VectorServerError, match=r"Chroma server .* does not answer: .*429"):
            open_server(proxy.url, "chunks", create=True)
    finally:
        proxy.close()


def config_for(folder: Path, url: str) -> Config:
    return load_config(
        index=folder,
        embedder={"name": "tests.hashing:HashEmbedding"},
        answering={"min_confidence": 0},
        # So that the server is asked: of a small index all sentences would be compared.
        store={"url": url, "exact_up_to": 0},
    )


def test_an_index_whose_vectors_a_server_holds(server: str, tmp_path: Path):
    config = config_for(tmp_path / "index", server)
    file = tmp_path / "papers.jsonl"
    records = [
        {"title": "Alpha: A Cache", "abstract": "Alpha keeps blocks on disk. It is fast."},
        {"title": "Bravo: Routing", "abstract": "Bravo routes questions. It is cheap."},
    ]
    file.write_text("\n".join(map(json.dumps, records)))
    ingest([file], open_index(config, create=True), lambda *_: None)
    assistant = open_assistant(config)
    before = assistant.ask("where does Alpha keep blocks?")
    assert before.sources[0].title == "Alpha: A Cache"
    index = open_index(config)
    old = index.snapshot()
    with IndexWriter(index).writing():
        IndexWriter(index).rebuild(lambda *_: None)
    assert assistant.ask("where does Alpha keep blocks?") == before
    with pytest.raises(IndexDamagedError, match=r"cannot be used: .*run `footnote rebuild`"):
        open_server(server, f"footnote-{old.name}")
    with IndexWriter(index).writing():
        IndexWriter(index).remove([before.sources[0].paper_id])
    assert disagreements(index.catalogue, index.snapshot(), 0) == []
    assert not list(config.index.rglob("chroma*"))
    drop_from_server(server, f"footnote-{index.snapshot().name}")
    with pytest.raises(IndexDamagedError):
        assistant.ask("what does Bravo route?")
    assert "routes" in open_assistant(config).ask("what does Bravo route?").answer


def test_what_a_server_holds_is_copied_without_what_was_removed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.snapshot._MIN_REMOVED", 1)
    config = config_for(tmp_path / "index", server)
    file = tmp_path / "papers.jsonl"
    names = ("Alpha", "Bravo", "Charlie")
    records = [{"title": n, "abstract": f"{n} keeps blocks on disk. It is fast."} for n in names]
    file.write_text("\n".join(map(json.dumps, records)))
    ingest([file], open_index(config, create=True), lambda *_: None)
    index = open_index(config)
    old = index.snapshot()
    with IndexWriter(index).writing():
        IndexWriter(index).remove(list(index.named(["Alpha", "Bravo"])))
    assert index.snapshot().name != old.name
    assert disagreements(index.catalogue, index.snapshot(), 0) == []
    assert "Charlie" in open_assistant(config).ask("what does Charlie keep?").answer
    with pytest.raises(IndexDamagedError, match=r"cannot be used: .*run `footnote rebuild`"):
        open_server(server, f"footnote-{old.name}")


def test_a_server_that_refuses_or_never_answers_is_named(tmp_path: Path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        for step in ("refuses", "never answers"):
            if step == "never answers":
                silent.listen()
            with pytest.raises(
                VectorServerError,
                match=rf"^Chroma server http://127\.0\.0\.1:{port} does not answer: .*`store\.url`",
            ):
                open_server(f"http://127.0.0.1:{port}", "chunks")


def test_an_address_that_is_none_is_a_setting_that_is_wrong(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"store\.url"):
        config_for(tmp_path, "localhost:8000")
