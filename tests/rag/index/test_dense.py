"""Sentences found by their vectors: certain to be the nearest."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.errors import IndexDamagedError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.chunking import chunk_id, paper_of_chunk, version_id
from footnote.rag.index.dense import DenseIndex
from footnote.rag.index.query import Query
from tests.conftest import ROOT

AXES = np.eye(4)


def paper(title: str, n_sentences: int = 2) -> Paper:
    abstract = " ".join(f"Sentence {n} of it." for n in range(n_sentences))
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="t")))


ALPHA, BRAVO = paper("Alpha"), paper("Bravo")
LATER = ALPHA.model_copy(update={"title": "Alpha!"})


def sentences(paper: Paper, vectors: np.ndarray) -> list[tuple[str, np.ndarray]]:
    return [(version_id(paper.paper_id, paper.version), vectors)]


def clusters(n_clusters: int, size: int, dimension: int = 64) -> np.ndarray:
    """Vectors that lie close together and far from others, as sentences under their title do."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(n_clusters, 1, dimension))
    return centres + 0.1 * random.normal(size=(n_clusters, size, dimension))


@pytest.fixture
def index(tmp_path: Path) -> DenseIndex:
    index = DenseIndex(tmp_path / "dense")
    index.add(sentences(ALPHA, AXES[[0, 1]]) + sentences(BRAVO, AXES[[2, 3]]))
    return index


def ids_near(index: DenseIndex, axis: int, depth: int = 10) -> list[str]:
    found = index.nearest(AXES[axis].tolist(), depth=depth)
    return [id_ for id_, cosine in found if cosine > 0.5]


def test_the_nearest_come_first_with_their_cosines(tmp_path: Path):
    index, whole = DenseIndex(tmp_path / "dense"), clusters(20, 20)
    papers = [paper(f"Paper {n}", 20) for n in range(20)]
    for own, vectors in zip(papers, whole, strict=True):
        index.add(sentences(own, vectors * 3))
    unit = whole.reshape(-1, 64) / np.linalg.norm(whole.reshape(-1, 64), axis=1, keepdims=True)
    ids = [chunk_id(own, n) for own in papers for n in range(20)]
    question = clusters(3, 1)[2, 0]
    expected = dict(zip(ids, unit @ question / np.linalg.norm(question), strict=True))
    found = index.nearest(question.tolist(), depth=400)
    assert [cosine for _, cosine in found] == sorted((c for _, c in found), reverse=True)
    assert dict(found) == pytest.approx(expected, abs=0.004)
    assert index.nearest(question.tolist(), depth=7) == found[:7]


def test_sentences_are_scored_for_whole_papers_alone(index: DenseIndex):
    question = Query("q", [0.0, 0.0, 3.0, 4.0])
    scores = index.sentence_scores(question, [LATER, BRAVO])
    assert {i: s.tolist() for i, s in scores.items()} == {
        BRAVO.paper_id: pytest.approx([0.6, 0.8], abs=0.001)
    }
    half = BRAVO.model_copy(update={"sentences": BRAVO.sentences[:1]})
    assert index.sentence_scores(question, [half]) == {}
    assert index.sentence_scores(question, []) == {}


def test_a_search_does_not_load_torch(tmp_path: Path):
    """Which takes a second, and a hosted embedder has no use for it."""
    DenseIndex(tmp_path / "dense").add(sentences(ALPHA, AXES[[0, 1]]))
    code = (
        "import sys; from pathlib import Path; from footnote.rag.index.dense import DenseIndex;"
        "found = DenseIndex(Path(sys.argv[1])).nearest([0, 1, 0, 0], depth=1);"
        "print(found[0][0], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "dense")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.split() == [chunk_id(ALPHA, 1), "False"]


def test_a_vector_of_zeros_is_near_to_nothing(index: DenseIndex):
    index.add(sentences(LATER, np.zeros((2, 4))))
    found = dict(index.nearest(AXES[0].tolist(), depth=10))
    assert (found[chunk_id(ALPHA, 0)], found[chunk_id(LATER, 0)]) == pytest.approx((1.0, 0.0))
    assert {cosine for _, cosine in index.nearest([0.0] * 4, depth=10)} == {0.0}


def test_an_empty_index_finds_nothing(tmp_path: Path):
    index = DenseIndex(tmp_path / "dense")
    index.add([])
    assert (len(index), index.counts(), index.nearest([1.0, 0.0], depth=5)) == (0, {}, [])


def test_a_version_is_added_beside_the_one_before_and_outlives_it(
    index: DenseIndex, tmp_path: Path
):
    reader = DenseIndex(tmp_path / "dense")
    index.add(sentences(LATER, AXES[[0, 3]]))
    for each in (index, reader):
        assert ids_near(each, 0) == [chunk_id(ALPHA, 0), chunk_id(LATER, 0)]
    index.remove([(ALPHA.paper_id, ALPHA.version), ("title:nowhere", "0")])
    for each in (index, reader):
        assert ids_near(each, 0) == [chunk_id(LATER, 0)]
        assert ids_near(each, 1) == []
        assert each.counts() == {version_id(p.paper_id, p.version): 2 for p in (BRAVO, LATER)}
        assert len(each) == len(each.nearest(AXES[0].tolist(), depth=10)) == 4


def test_adding_twice_keeps_one_copy(index: DenseIndex):
    index.add(sentences(ALPHA, AXES[[0, 3]]))
    assert len(index) == 4
    assert ids_near(index, 0) == [chunk_id(ALPHA, 0)]
    assert ids_near(index, 3) == [chunk_id(BRAVO, 1), chunk_id(ALPHA, 1)]


def test_a_copy_holds_what_is_left_and_no_more(index: DenseIndex, tmp_path: Path):
    index.remove([(ALPHA.paper_id, ALPHA.version)])
    other = DenseIndex(tmp_path / "other")
    other.copy(index, [(p.paper_id, p.version) for p in (ALPHA, BRAVO)])
    assert other.counts() == index.counts() == {version_id(BRAVO.paper_id, BRAVO.version): 2}
    question = [0.1, 0.2, 0.3, 0.9]
    assert other.nearest(question, depth=9) == index.nearest(question, depth=9)
    assert (tmp_path / "other" / "vectors.i8").stat().st_size == 2 * 4


def test_a_batch_that_was_cut_off_is_found_by_nobody(index: DenseIndex, tmp_path: Path):
    for name in ("vectors.i8", "scales.f32"):
        with (tmp_path / "dense" / name).open("ab") as file:
            file.write(b"\x7f" * 11)
    reader = DenseIndex(tmp_path / "dense")
    assert len(reader.nearest(AXES[0].tolist(), depth=10)) == 4
    index.add(sentences(LATER, AXES[[0, 1]]))
    for each in (index, reader):
        assert ids_near(each, 1) == [chunk_id(ALPHA, 1), chunk_id(LATER, 1)]


def test_a_file_that_is_cut_is_named(index: DenseIndex, tmp_path: Path):
    (tmp_path / "dense" / "vectors.i8").write_bytes(b"\x00" * 9)
    with pytest.raises(
        IndexDamagedError,
        match=r"^sentence index .*dense cannot be used: its files end before row 4; run `foot",
    ):
        DenseIndex(tmp_path / "dense").nearest(AXES[0].tolist(), depth=1)


def test_scales_of_other_vectors_are_named(index: DenseIndex, tmp_path: Path):
    """Else every sentence was as near as can be, and the index all well."""
    (tmp_path / "dense" / "scales.f32").write_bytes(np.full(4, 9e9, np.float32).tobytes())
    with pytest.raises(IndexDamagedError, match="its scales are not those of its vectors; run"):
        DenseIndex(tmp_path / "dense").nearest(AXES[0].tolist(), depth=1)


def test_a_mean_is_that_of_the_sentences_of_one_version(index: DenseIndex):
    index.add(sentences(LATER, np.array([[1, 0, 0, 0], [3, 4, 0, 0]])))
    means = index.means([LATER, BRAVO, paper("Charlie")])
    assert means.keys() == {ALPHA.paper_id, BRAVO.paper_id}
    assert means[BRAVO.paper_id] == pytest.approx([0, 0, 0.5**0.5, 0.5**0.5])
    # Of (1, 0) and (0.6, 0.8), each as long as the other: (1.6, 0.8), and its length is 3.2 ** 0.5.
    assert means[ALPHA.paper_id] == pytest.approx([0.8944, 0.4472, 0, 0], abs=0.002)
    index.add(sentences(ALPHA, np.zeros((2, 4))))
    assert index.means([ALPHA])[ALPHA.paper_id].tolist() == [0, 0, 0, 0]


def test_scales_of_other_vectors_have_no_mean(index: DenseIndex, tmp_path: Path):
    (tmp_path / "dense" / "scales.f32").write_bytes(np.full(4, 9e9, np.float32).tobytes())
    with pytest.raises(IndexDamagedError, match="its scales are not those of its vectors; run"):
        DenseIndex(tmp_path / "dense").means([ALPHA])


@pytest.mark.parametrize("few", [0, 1_000])
def test_among_some_papers_the_same_is_found_whether_their_rows_are_copied_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
):
    monkeypatch.setattr("footnote.rag.index.dense._FEW", few)
    folders = [tmp_path / "0", tmp_path / "1"]
    index = DenseIndex(*folders)
    # The id of one begins as that of another does, with what ends it.
    own = [paper(f"Paper {n}", 3) for n in range(9)]
    longer = own[0].model_copy(update={"paper_id": f"{own[0].paper_id}@more"})
    own += [longer]
    random = np.random.default_rng(0)
    for each in own:
        index.add(sentences(each, random.normal(size=(3, 16))))
    index.remove([(own[4].paper_id, own[4].version)])
    question = random.normal(size=16).tolist()
    of_all = index.nearest(question, depth=100)
    assert len(of_all) == 27
    for some in (own[:1], own[2:6], [longer], own, []):
        only = frozenset([*(each.paper_id for each in some), "title:nowhere"])
        found = index.nearest(question, depth=5, only=only)
        assert found == [each for each in of_all if paper_of_chunk(each[0]) in only][:5]


def test_vectors_are_given_back_and_can_be_added_to_another(index: DenseIndex, tmp_path: Path):
    found = index.vectors([BRAVO, LATER, ALPHA])
    assert found.keys() == {ALPHA.paper_id, BRAVO.paper_id}  # not of a version that is not here
    assert found[BRAVO.paper_id] == pytest.approx(AXES[[2, 3]])
    other = DenseIndex(tmp_path / "other")
    other.add([(version_id(BRAVO.paper_id, BRAVO.version), found[BRAVO.paper_id])])
    assert ids_near(other, 3) == [chunk_id(BRAVO, 1)]
    assert other.means([BRAVO])[BRAVO.paper_id] == pytest.approx(
        index.means([BRAVO])[BRAVO.paper_id]
    )
