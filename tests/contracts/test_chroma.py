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
from llama_index.core.schema import QueryBundle, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.pipeline import ingest
from footnote.ingest.record import SourceRecord
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import ConfigError, IndexDamagedError, VectorServerError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.check import disagreements, unreachable
from footnote.rag.index.chroma import CosineChroma, drop_from_server, open_chroma, open_server
from footnote.rag.index.chunking import chunk_id, chunk_paper, sentence_id, version_id
from footnote.rag.index.writer import IndexWriter
from tests.contracts.quotas import QuotaProxy

pytestmark = pytest.mark.slow

Open = Callable[[], CosineChroma]
AXES = np.eye(4)


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="t")))


ALPHA = paper("Alpha", "One two. Three four.")
BRAVO = paper("Bravo", "Five six. Seven eight.")


def add(store: CosineChroma, paper: Paper, *axes: int) -> None:
    chunks = chunk_paper(paper)
    for chunk, axis in zip(chunks, axes, strict=True):
        chunk.embedding = AXES[axis].tolist()
    store.add(chunks)


def nearest(store: CosineChroma, axis: int, k: int = 10) -> list[tuple[str, float]]:
    query = VectorStoreQuery(query_embedding=AXES[axis].tolist(), similarity_top_k=k)
    result = store.query(query)
    return list(zip(result.ids or (), result.similarities or (), strict=True))


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
    add(store, ALPHA, 0, 1)
    add(store, BRAVO, 2, 3)
    return store


def test_similarities_are_cosines_best_first(store: CosineChroma):
    found = nearest(store, 1)
    assert found[0][0] == chunk_id(ALPHA, 1)
    assert [round(score, 4) for _, score in found] == [1.0, 0.0, 0.0, 0.0]


def test_a_chunk_says_where_it_lies(store: CosineChroma):
    query = VectorStoreQuery(query_embedding=AXES[3].tolist(), similarity_top_k=1)
    [node] = store.query(query).nodes or ()
    assert node.metadata == {
        "paper_id": BRAVO.paper_id,
        "version": BRAVO.version,
        "sentence": 1,
    }


def test_adding_twice_keeps_one_copy(store: CosineChroma):
    add(store, ALPHA, 0, 3)
    assert store.count() == 4
    assert chunk_id(ALPHA, 1) in {id_ for id_, score in nearest(store, 3) if score > 0.9}


def test_removing_takes_one_version_and_leaves_the_others(store: CosineChroma):
    later = ALPHA.model_copy(update={"title": "Alpha!"})
    add(store, later, 0, 1)
    store.remove([(ALPHA.paper_id, ALPHA.version), ("title:nowhere", "0")])
    assert store.ids() == {chunk_id(p, n) for p in (later, BRAVO) for n in (0, 1)}
    assert nearest(store, 0, 1)[0][0] == chunk_id(later, 0)


def test_sentences_are_scored_for_whole_papers_alone(store: CosineChroma):
    later = ALPHA.model_copy(update={"title": "Alpha!"})
    scores = store.sentence_scores(QueryBundle("q", embedding=AXES[2].tolist()), [later, BRAVO])
    assert {i: s.round(4).tolist() for i, s in scores.items()} == {BRAVO.paper_id: [1.0, 0.0]}


def test_another_process_sees_what_was_written(opened: Open, store: CosineChroma):
    assert opened().ids() == store.ids()


def test_a_fresh_store_is_empty(opened: Open):
    assert (opened().count(), opened().ids(), nearest(opened(), 0)) == (0, set(), [])


def test_a_vector_that_others_have_too_is_found_with_any_of_them(opened: Open):
    store = opened()
    papers = [paper(f"Paper {n}", "All is the same.") for n in range(40)]
    for each in papers:
        add(store, each, 0)
    ids = [chunk_id(p, 0) for p in papers]
    assert unreachable(store, store.chunks(ids), depths=(1, 2)) == []


def test_every_sentence_is_found_after_many_deletes_and_additions(opened: Open):
    """Chroma 1.5.9 is reported to lose records to queries after many of these."""
    store, random = opened(), np.random.default_rng(0)
    papers = [paper(f"Paper {n}", f"Sentence {n}.") for n in range(600)]
    vectors = random.normal(size=(len(papers), 32))
    for cycle in range(5):
        chosen = range(600) if cycle == 0 else random.choice(600, 300, replace=False)
        if cycle:
            store.remove([(papers[n].paper_id, papers[n].version) for n in chosen])
        for n in chosen:
            vectors[n] = random.normal(size=32)
        chunks = [chunk for n in chosen for chunk in chunk_paper(papers[n])]
        for chunk, n in zip(chunks, chosen, strict=True):
            chunk.embedding = vectors[n].tolist()
        store.add(chunks)
    ids = [chunk_id(p, 0) for p in papers]
    assert store.ids() == set(ids)
    found = opened()
    assert unreachable(found, found.chunks(ids), depths=(1,)) == []


def test_more_chunks_than_one_statement_takes_are_added_found_and_removed(tmp_path: Path):
    """SQLite takes 32,766 variables a statement; Chroma 1.5.9 has one for each id."""
    store = open_chroma(tmp_path / "chroma", create=True)
    versions = [(f"title:{n}", f"v{n}") for n in range(11_000)]
    chunks = [
        TextNode(
            id_=sentence_id(version_id(*version), n),
            embedding=[float(n), 1.0],
            metadata={"paper_id": version[0], "version": version[1], "sentence": n},
        )
        for version in versions
        for n in range(3)
    ]
    store.add(chunks)
    ids = [chunk.node_id for chunk in chunks]
    assert store.count() == len(ids) == 33_000
    found = {chunk.node_id: chunk.get_embedding() for chunk in store.chunks(ids)}
    assert found.keys() == set(ids)
    # Chroma divides them by their length, and multiplies again.
    assert np.allclose([found[id_] for id_ in ids], [c.get_embedding() for c in chunks])
    assert store.ids() == set(ids)
    store.remove(versions)
    assert store.count() == 0


def test_no_write_is_larger_than_the_server_says(server: str, monkeypatch: pytest.MonkeyPatch):
    """Chroma's client refuses a larger one itself; a hosted one says 300."""
    monkeypatch.setattr("chromadb.api.fastapi.FastAPI.get_max_batch_size", lambda _: 3)
    store = open_server(server, f"test-{time.time_ns()}", create=True)
    papers = [paper(f"Paper {n}", "One two. Three four.") for n in range(4)]
    chunks = [chunk for each in papers for chunk in chunk_paper(each)]
    for chunk in chunks:
        chunk.embedding = AXES[0].tolist()
    store.add(chunks)
    ids = [chunk.node_id for chunk in chunks]
    assert {chunk.node_id for chunk in store.chunks(ids)} == store.ids() == set(ids)
    store.remove([(each.paper_id, each.version) for each in papers])
    assert store.count() == 0


def test_more_than_a_hosted_server_gives_at_once_is_read_and_found(cloud: QuotaProxy):
    store = open_server(cloud.url, f"test-{time.time_ns()}", create=True)
    authors = [f"Author {n} of a Large Collaboration" for n in range(3_000)]
    papers = [
        paper(f"Paper {n}", "One two. Three four.").model_copy(update={"authors": authors})
        for n in range(400)
    ]
    for each in papers:
        add(store, each, 0, 1)
    ids = {chunk_id(each, n) for each in papers for n in (0, 1)}
    assert store.ids() == ids
    assert {chunk.node_id for chunk in store.chunks(list(ids))} == ids
    assert len(store.nearest([1, 0, 0, 0], depth=1_000)) == 300
    only = frozenset(each.paper_id for each in papers[:100])
    found = store.nearest([1, 0, 0, 0], depth=100, only=only)
    assert {id_ for id_, _ in found} == {chunk_id(each, 0) for each in papers[:100]}
    store.describe(papers)
    store.remove([(each.paper_id, each.version) for each in papers])
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
        # So that the server is asked: a small index would be compared with its own bytes.
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
