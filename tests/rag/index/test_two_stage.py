"""Sentences of more papers than are compared: papers first, then theirs one by one."""

import numpy as np
import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.chunking import paper_of_chunk
from footnote.rag.index.snapshot import Card, Snapshot

pytestmark = pytest.mark.slow
N_PAPERS, N_SENTENCES, WIDTH = 60, 5, 64


def paper(title: str) -> Paper:
    abstract = " ".join(f"Sentence {n} of it." for n in range(N_SENTENCES))
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="t")))


PAPERS = [paper(f"Paper {n}") for n in range(N_PAPERS)]
RANDOM = np.random.default_rng(0)
# Sentences of a paper lie close together and far from others'.
VECTORS = RANDOM.normal(size=(N_PAPERS, 1, WIDTH)) + RANDOM.normal(
    scale=0.4, size=(N_PAPERS, N_SENTENCES, WIDTH)
)


@pytest.fixture(scope="module", params=[1, 3])
def snapshot(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Snapshot:
    card = Card(embedder="by hand", dimension=WIDTH, shards=request.param)
    made = Snapshot.make(tmp_path_factory.mktemp("index") / "snapshot", card)
    made.add(PAPERS, VECTORS, None)
    return made


def test_a_row_is_the_mean_of_its_paper_s_sentences(snapshot: Snapshot):
    rows = {row.paper_id: row for row in snapshot.vectors.rows([p.paper_id for p in PAPERS])}
    for own, vectors in zip(PAPERS, VECTORS, strict=True):
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        assert rows[own.paper_id].version == own.version
        assert rows[own.paper_id].vector @ mean == pytest.approx(np.linalg.norm(mean), abs=1e-3)
        assert np.linalg.norm(rows[own.paper_id].vector) == pytest.approx(1)


def test_above_the_limit_sentences_are_those_of_the_nearest_papers(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
):
    n_sentences = N_PAPERS * N_SENTENCES
    exact, two_stage = (snapshot.vector_search(n) for n in (n_sentences, n_sentences - 1))
    assert exact is snapshot.dense
    monkeypatch.setattr("footnote.rag.index.two_stage.CANDIDATES", 7)
    monkeypatch.setattr("footnote.rag.index.two_stage._NAMED", 7)
    for number in range(10):
        question = VECTORS[number, 0].tolist()
        near = [i for i, _ in snapshot.vectors.nearest(question, depth=7)]
        found = two_stage.nearest(question, depth=200)
        every = exact.nearest(question, depth=n_sentences)
        assert found == [each for each in every if paper_of_chunk(each[0]) in near]
        assert len(found) == 7 * N_SENTENCES
        assert found[0] == every[0]
        # Of some papers as many are compared, and those of few are all compared.
        half = frozenset(own.paper_id for own in PAPERS[::2])
        among = two_stage.nearest(question, depth=200, only=half)
        assert {paper_of_chunk(i) for i, _ in among} == {
            i for i, _ in snapshot.vectors.nearest(question, depth=7, only=half)
        }
        few = frozenset(own.paper_id for own in PAPERS[3:10])
        expected = exact.nearest(question, depth=9, only=few)
        assert two_stage.nearest(question, depth=9, only=few) == expected


def test_a_paper_is_like_those_of_the_nearest_means(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.snapshot.CANDIDATES", 7)
    own = snapshot.vectors.rows([PAPERS[3].paper_id])[0].vector.tolist()
    assert snapshot.like(PAPERS[3].paper_id) == [
        i for i, _ in snapshot.vectors.nearest(own, depth=7)
    ]
    assert snapshot.like(PAPERS[3].paper_id)[0] == PAPERS[3].paper_id
    assert snapshot.like("nobody") == []
