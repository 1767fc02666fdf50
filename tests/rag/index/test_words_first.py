"""Papers that are taken in are found by their words at once, and embedded after."""

import json
from pathlib import Path

import numpy as np
import pytest

from footnote.ingest import pipeline
from footnote.ingest.undo import take_back_unindexed
from footnote.rag.core.records import Paper
from footnote.rag.index import on_demand
from footnote.rag.index.check import disagreements, miscount
from footnote.rag.index.embedding import load_embedder
from footnote.rag.index.index import Index
from footnote.rag.index.on_demand import OnDemand, TokensMeanwhile, VectorsMeanwhile, WordsFirst
from footnote.rag.index.query import Query
from footnote.rag.index.snapshot import Card
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.rag.index.small import ALPHA, LATER, embedder, empty_index, paper, save

N = 12
PAPERS = [paper(f"System {n:02}", f"System {n:02} keeps block {n}. It is fast.") for n in range(N)]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """One whose writer was ended when all papers were found by their words, and none embedded."""
    index = empty_index(tmp_path / "index")
    save(index, *PAPERS)
    words_alone(index, monkeypatch)
    return index


def words_alone(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("footnote.rag.index.writer._BATCH", 1)
        patched.setattr(IndexWriter, "_embedded", stop)
        with pytest.raises(KeyboardInterrupt):
            IndexWriter(index).update(unwatched)


def stop(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def agrees(index: Index) -> bool:
    snapshot = index.snapshot()
    found = disagreements(index.catalogue, snapshot, index.exact_up_to)
    return not found and miscount(index.catalogue, snapshot) is None


def counts(index: Index) -> tuple[int, int, int, int]:
    catalogue = index.catalogue
    n_coming, n_by_words = catalogue.count_coming(), catalogue.count_by_words()
    return catalogue.count_served(), n_coming, n_by_words, catalogue.count_pending()


def test_papers_are_served_and_found_by_words_before_any_is_embedded(index: Index):
    assert counts(index) == (N, 0, N, N)
    assert agrees(index)
    assert len(index.snapshot().dense) == 0
    assert index.bm25.search("block 7", depth=1)[0][0] == "title:system 07"
    assert index.catalogue.served(["title:system 07"])["title:system 07"].title == "System 07"
    assert [fact.title for fact in index.catalogue.facts(["title:system 07"])] == ["System 07"]


def test_few_papers_are_embedded_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    index = empty_index(tmp_path / "index")
    save(index, *PAPERS)
    monkeypatch.setattr(IndexWriter, "_make_searchable", stop)
    IndexWriter(index).update(unwatched)
    assert counts(index) == (N, 0, 0, 0)


def test_the_next_update_embeds_them_and_writes_no_word_again(index: Index):
    before = index.catalogue.fingerprint()
    IndexWriter(index).update(unwatched)
    assert counts(index) == (N, 0, 0, 0)
    assert agrees(index)
    assert index.snapshot().is_sealed
    assert index.bm25._n_counted() == N  # pyright: ignore
    assert index.catalogue.fingerprint() != before


def test_one_that_changes_meanwhile_is_embedded_as_it_now_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    index = empty_index(tmp_path / "index")
    save(index, ALPHA, *PAPERS)
    words_alone(index, monkeypatch)
    save(index, LATER)
    assert counts(index) == (N + 1, 0, N + 1, N + 1)
    assert index.catalogue.served([ALPHA.paper_id])[ALPHA.paper_id] == ALPHA
    IndexWriter(index).update(unwatched)
    assert index.catalogue.served([ALPHA.paper_id])[ALPHA.paper_id] == LATER
    assert index.bm25.search("zebras", depth=5)[0][0] == ALPHA.paper_id
    assert agrees(index)


def test_one_that_is_removed_meanwhile_is_gone(index: Index):
    IndexWriter(index).remove([PAPERS[0].paper_id])
    assert counts(index) == (N - 1, 0, 0, 0)
    assert agrees(index)


def test_a_rebuild_embeds_all(index: Index):
    IndexWriter(index).rebuild(unwatched)
    assert counts(index) == (N, 0, 0, 0)
    assert agrees(index)


def test_an_ingest_that_is_called_off_leaves_none_of_them(index: Index):
    assert take_back_unindexed(index, frozenset()) == N
    assert len(index.catalogue) == 0


class Counted:
    """Counts the papers that are embedded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.papers: list[str] = []
        embed = on_demand.embed_now

        def counted(by: object, papers: list[Paper]) -> object:
            self.papers += [each.paper_id for each in papers]
            return embed(by, papers)  # pyright: ignore[reportArgumentType]

        monkeypatch.setattr(on_demand, "embed_now", counted)


def test_a_search_embeds_the_best_of_what_it_finds_by_words_once(
    index: Index, monkeypatch: pytest.MonkeyPatch
):
    counted = Counted(monkeypatch)
    monkeypatch.setattr(on_demand, "_READ", 3)
    meanwhile = OnDemand(index.catalogue, embedder(), index.multivector)
    words = WordsFirst(index.bm25, meanwhile)
    vectors = VectorsMeanwhile(index.vector_search, meanwhile)
    assert vectors.nearest(embedder().query("block 7").vector, depth=5) == []
    found = words.search("block 7", depth=N)
    assert len(found) == N
    assert "title:system 07" in counted.papers
    assert len(counted.papers) == 3
    query = embedder().query("System 07 keeps block 7.")
    best, cosine = vectors.nearest(query.vector, depth=5)[0]
    assert best == f"title:system 07@{PAPERS[7].version}#0"
    # The sentence stands under its title, which says `System 07` once more.
    assert 0.8 < cosine < 1
    [scores] = vectors.sentence_scores(query, [PAPERS[7], PAPERS[11]]).values()
    assert scores.tolist() == pytest.approx([cosine, scores[1]], abs=1e-6)
    assert scores[0] > scores[1]
    words.search("block 7", depth=N)
    assert len(counted.papers) == 3
    only = frozenset(["title:system 03"])
    words.search("block", depth=N, only=only)
    assert counted.papers[3:] == ["title:system 03"]
    near = vectors.nearest(query.vector, depth=5, only=only)
    assert {chunk.partition("@")[0] for chunk, _ in near} == {"title:system 03"}


def test_what_is_embedded_in_the_meantime_is_found_once(index: Index):
    meanwhile = OnDemand(index.catalogue, embedder(), index.multivector)
    WordsFirst(index.bm25, meanwhile).search("block 7", depth=1)
    vectors = VectorsMeanwhile(index.vector_search, meanwhile)
    IndexWriter(index.opened_anew()).update(unwatched)
    near = vectors.nearest(embedder().query("block 7").vector, depth=50)
    assert len({chunk for chunk, _ in near}) == len(near) == 2 * N


def test_token_embeddings_match_as_they_will_once_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundled = load_embedder("bundled", dtype="float32")
    asked = Card(embedder="bundled", token_embeddings=True)
    index = Index(tmp_path / "index", asked, lambda: bundled, exact_up_to=1_000, create=True)
    texts = {
        "Paged Attention": "The cache is split into pages. No memory is wasted.",
        "Ring Reduce": "Gradients travel around a ring. Each node sends to the next.",
    }
    papers = [paper(title, text) for title, text in texts.items()]
    save(index, *papers)
    words_alone(index, monkeypatch)
    ids = [each.paper_id for each in papers]
    query: Query = bundled.query("How is memory kept from being wasted?")
    assert query.tokens is not None
    meanwhile = OnDemand(index.catalogue, bundled, index.multivector)
    tokens = TokensMeanwhile(index.multivector, meanwhile)
    weights = np.ones(len(query.tokens.starts), np.float32)
    assert tokens.sentence_scores(query.tokens, weights, papers) == {}
    WordsFirst(index.bm25, meanwhile).search("memory gradients", depth=5)
    early = tokens.sentence_scores(query.tokens, weights, papers)
    early_means = tokens.paper_vectors(ids)
    IndexWriter(index).update(unwatched)
    late = index.multivector.sentence_scores(query.tokens, weights, papers)
    assert early.keys() == late.keys() == set(ids)
    for paper_id in ids:
        # Two tokens are kept as one once they are written.
        assert early[paper_id] == pytest.approx(late[paper_id], abs=0.1)
    assert early[ids[0]].argmax() == late[ids[0]].argmax() == 1
    cosines = (early_means * index.multivector.paper_vectors(ids)).sum(axis=1)
    assert cosines.min() > 0.99


def test_what_was_read_is_found_by_its_words_while_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline, "_SEARCHABLE_EVERY_S", 0.0)
    index, file = empty_index(tmp_path / "index"), tmp_path / "papers.jsonl"
    rows = [
        {"title": f"System {n}", "abstract": f"System{n} keeps block {n} on disk."}
        for n in range(500)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    seen: list[tuple[str, int, int]] = []

    def on_progress(phase: str, _: int, __: int | None) -> None:
        seen.append((phase, *counts(index)[:2]))

    pipeline.ingest([file], index, on_progress)
    assert [each for each in seen if each[0] == "reading"] == [
        ("reading", 0, 200),
        ("reading", 200, 200),
        ("reading", 400, 100),
    ]
    assert seen[3] == ("indexing", 500, 0)
    assert counts(index) == (500, 0, 0, 0)
    assert index.bm25._n_counted() == 500  # pyright: ignore
    assert agrees(index)


def test_an_index_that_is_there_is_looked_at_before_anything_is_added(
    index: Index, monkeypatch: pytest.MonkeyPatch
):
    IndexWriter(index).update(unwatched)
    monkeypatch.setattr("footnote.rag.index.writer._BATCH", 1)
    save(index, ALPHA, LATER, paper("Bravo", "Bravo routes questions to models."))
    IndexWriter(index).make_searchable()
    assert counts(index) == (N, 2, 0, 2)


def test_a_writer_that_made_the_index_notices_what_is_damaged_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.writer._BATCH", 1)
    index = empty_index(tmp_path / "index")
    save(index, *PAPERS)
    said: list[str] = []
    writer = IndexWriter(index, say=said.append)
    writer.update(unwatched)
    [vectors] = index.folder.rglob("vectors.i8")
    vectors.write_bytes(b"")
    writer.update(unwatched)
    assert "making the index anew" in said[0]
    assert agrees(index)
