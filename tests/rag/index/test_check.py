"""Each way in which a snapshot may not hold what the catalogue says, named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from footnote.rag.core.errors import Fault, FaultKind
from footnote.rag.core.records import Paper
from footnote.rag.index.check import disagreements, miscount
from footnote.rag.index.chunking import sentence_texts, version_id
from footnote.rag.index.foreign import ForeignEmbedder
from footnote.rag.index.index import Index
from footnote.rag.index.snapshot import Snapshot
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.hashing import HashEmbedding
from tests.rag.index.small import (
    ALPHA,
    BRAVO,
    LATER,
    empty_index,
    filled_index,
    paper,
    row,
    save,
)

STRANGER = paper("Stranger", "Nobody knows it.")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return filled_index(tmp_path / "index")


def embedded_stranger() -> list[tuple[str, np.ndarray]]:
    vectors = ForeignEmbedder(HashEmbedding()).embed(sentence_texts(STRANGER))
    return [(version_id(STRANGER.paper_id, STRANGER.version), vectors)]


def lose_vectors(snapshot: Snapshot) -> None:
    snapshot.vectors.remove([ALPHA.paper_id])


def keep_an_older_vector(snapshot: Snapshot) -> None:
    [older] = snapshot.vectors.rows([ALPHA.paper_id])
    snapshot.vectors.add([row(LATER, older.vector)])


def lose_bytes(snapshot: Snapshot) -> None:
    snapshot.dense.remove([(ALPHA.paper_id, ALPHA.version)])


def turn_rows_round(snapshot: Snapshot) -> None:
    """Of vectors as long as before, so that their scales fit."""
    file = snapshot.folder / "dense" / "vectors.i8"
    rows = np.frombuffer(file.read_bytes(), np.int8).reshape(-1, 64)
    file.write_bytes(rows[:, ::-1].tobytes())


SURPLUS = FaultKind.SURPLUS
CASES = [
    pytest.param(
        lose_vectors,
        [Fault("vector store lacks 1 of 2 papers")],
        "vector store holds 1 papers, the catalogue has 2",
        id="vectors-lack",
    ),
    pytest.param(
        lambda s: s.vectors.add([row(STRANGER, np.ones(64))]),
        [Fault("vector store holds 1 papers that are not in the catalogue", kind=SURPLUS)],
        "vector store holds 3 papers, the catalogue has 2",
        id="vectors-surplus",
    ),
    pytest.param(
        keep_an_older_vector,
        [Fault("vector store holds another version of 1 of 2 papers", kind=SURPLUS)],
        None,
        id="vectors-of-another-version",
    ),
    pytest.param(
        lambda s: s.vectors.add([row(ALPHA, np.ones(64))]),
        [Fault("sentence index and vector store do not agree on 1 of 2 papers")],
        None,
        id="vectors-altered",
    ),
    pytest.param(
        lose_bytes,
        [Fault("sentence index lacks 2 of 4 chunks")],
        "sentence index holds 2 chunks, the catalogue has 4",
        id="sentences-lack",
    ),
    pytest.param(
        lambda s: s.dense.add(embedded_stranger()),
        [Fault("sentence index holds 1 chunks of no paper", kind=SURPLUS)],
        "sentence index holds 5 chunks, the catalogue has 4",
        id="sentences-surplus",
    ),
    pytest.param(
        turn_rows_round,
        [Fault("sentence index and vector store do not agree on 2 of 2 papers")],
        None,
        id="sentences-altered",
    ),
    pytest.param(
        lambda s: s.bm25.remove([BRAVO.paper_id]),
        [
            Fault("word index does not find 1 papers by their titles"),
            Fault("word index lacks 1 of 2 papers"),
        ],
        "word index holds 1 papers, the catalogue has 2",
        id="words-lack",
    ),
    pytest.param(
        lambda s: s.bm25.replace([STRANGER]),
        [Fault("word index holds 1 papers that are not in the catalogue", kind=SURPLUS)],
        "word index holds 3 papers, the catalogue has 2",
        id="words-surplus",
    ),
]


@pytest.mark.parametrize(("harm", "faults", "counted"), CASES)
def test_a_disagreement_is_named(
    index: Index, harm: Callable[[Snapshot], None], faults: list[Fault], counted: str | None
):
    harm(index.snapshot())
    snapshot = index.opened_anew().snapshot()
    assert disagreements(index.catalogue, snapshot, index.exact_up_to) == faults
    assert miscount(index.catalogue, snapshot) == counted


def test_a_whole_snapshot_agrees(index: Index):
    assert disagreements(index.catalogue, index.snapshot(), index.exact_up_to) == []
    assert miscount(index.catalogue, index.snapshot()) is None


MANY = [paper(f"Paper {n}", f"It is the one with the number {n}.") for n in range(40)]
LOST = MANY[7]
LATEST = paper("A paper that comes later", "It was added last.")


def alter(snapshot: Snapshot, own: Paper) -> None:
    snapshot.vectors.add([row(own, np.ones(64))])


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (
            lambda s: s.vectors.remove([LOST.paper_id]),
            "vector store lacks 1 of 41 papers",
        ),
        (
            lambda s: s.dense.remove([(LOST.paper_id, LOST.version)]),
            "sentence index lacks 1 of 41 chunks",
        ),
        (lambda s: s.dense.add(embedded_stranger()), "sentence index holds 1 chunks of no paper"),
        (lambda s: s.bm25.remove([LOST.paper_id]), "word index lacks 1 of 41 papers"),
        (
            lambda s: alter(s, LATEST),
            "sentence index and vector store do not agree on 1 of 8 papers",
        ),
    ],
    ids=["vectors", "sentences", "strangers", "words", "what-came-last"],
)
def test_of_many_papers_some_are_asked_for_and_all_are_counted(
    tmp_path: Path, harm: Callable[[Snapshot], None], fault: str
):
    index = empty_index(tmp_path / "index")
    for papers in (MANY, [LATEST]):
        save(index, *papers)
        IndexWriter(index).update(unwatched)
    assert disagreements(index.catalogue, index.snapshot(), index.exact_up_to, most=8) == []
    harm(index.snapshot())
    snapshot = index.opened_anew().snapshot()
    found = disagreements(index.catalogue, snapshot, index.exact_up_to, most=8)
    assert fault in [each.what for each in found]


def test_the_newest_papers_are_as_many_as_are_asked_for(index: Index):
    assert len(index.snapshot().dense.newest(1)) == 1
    assert set(index.snapshot().dense.newest(9)) == {ALPHA.paper_id, BRAVO.paper_id}


def test_token_embeddings_that_are_not_there_are_named(index: Index):
    """The card says that there are some, as after a part of the folder was lost."""
    snapshot = index.snapshot()
    card = snapshot.card.model_copy(update={"token_embeddings": True})
    claimed = Snapshot(snapshot.folder, card)
    [fault] = disagreements(index.catalogue, claimed, index.exact_up_to)
    assert fault == Fault("token index lacks 2 of 2 papers")
    assert miscount(index.catalogue, claimed) == "token index holds 0 papers, the catalogue has 2"


def test_a_part_that_cannot_be_opened_is_a_fault_and_the_others_are_asked(index: Index):
    snapshot = index.snapshot()
    for file in (snapshot.folder / "dense").glob("rows.sqlite*"):
        file.unlink()
    (snapshot.folder / "dense" / "rows.sqlite").write_bytes(b"junk" * 5_000)
    (snapshot.folder / "bm25" / "meta.json").write_text("{")
    opened = Snapshot.load(snapshot.folder)
    found = [fault.what for fault in disagreements(index.catalogue, opened, index.exact_up_to)]
    assert [what.split(" /")[0] for what in found] == ["sentence index", "word index"]


def test_versions_of_the_catalogue_are_those_of_the_parts(index: Index):
    expected = {version_id(p.paper_id, p.version): 2 for p in (ALPHA, BRAVO)}
    assert index.snapshot().dense.counts() == expected
    assert index.snapshot().vectors.ids() == {ALPHA.paper_id, BRAVO.paper_id}
