from pathlib import Path

import numpy as np
import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.errors import IndexDamagedError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.multivector import MultiVectorIndex, Pooled
from footnote.rag.index.token_embeddings import TokenEmbeddings, paper_text

AXES = np.eye(6, dtype=np.float32)


def paper(title: str) -> Paper:
    abstract = "One two. Three four."
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="t")))


ALPHA, BRAVO = paper("Alpha"), paper("Bravo")


def tokens(paper: Paper, *axes: int) -> TokenEmbeddings:
    """One token a word of the paper's text, each along an axis."""
    text = paper_text(paper)
    starts = [text.index(w) for w in text.replace(".", " ").split()]
    vectors = AXES[list(axes)]
    return TokenEmbeddings(vectors, np.array(starts), np.array(starts) + 1)


def asked(*axes: int) -> TokenEmbeddings:
    places = np.arange(len(axes))
    return TokenEmbeddings(AXES[list(axes)], places, places + 1)


@pytest.fixture
def index(tmp_path: Path) -> MultiVectorIndex:
    index = MultiVectorIndex(tmp_path / "multivector")
    index.replace([ALPHA, BRAVO], [tokens(ALPHA, 0, 1, 2, 3, 4), tokens(BRAVO, 0, 0, 0, 0, 5)])
    return index


def test_each_token_takes_its_best_match_weighted(index: MultiVectorIndex):
    scores = index.paper_scores(asked(1, 5), np.array([3.0, 1.0]), [ALPHA.paper_id, BRAVO.paper_id])
    # Bytes hold an axis as 127 / 254: half of it, clipped, for vectors that are not cut down.
    whole = 127 / 254
    assert scores == pytest.approx({ALPHA.paper_id: 0.75 * whole, BRAVO.paper_id: 0.25 * whole})


def test_a_paper_that_says_it_in_one_sentence_comes_before_one_that_scatters_it(
    index: MultiVectorIndex,
):
    # Alpha's second sentence has 3 and 4; 1 and 4 stand in two. The title counts for each: 0 and 4.
    scores = {
        axes: index.paper_scores(asked(*axes), np.ones(2), [ALPHA.paper_id])[ALPHA.paper_id]
        for axes in ((3, 4), (1, 4), (0, 4))
    }
    # Of the whole 0.5 each; of the best sentence 0.5, or half of that for one word of two.
    assert scores == pytest.approx({(3, 4): 0.5, (1, 4): (0.5 + 0.25) / 2, (0, 4): 0.5})


def test_the_title_counts_for_every_sentence(index: MultiVectorIndex):
    scores = index.sentence_scores(asked(0, 4), np.ones(2), [ALPHA])[ALPHA.paper_id]
    assert scores == pytest.approx(np.array([0.25, 0.5]))


def test_replacing_keeps_one_copy_and_the_other_papers(index: MultiVectorIndex):
    index.replace([ALPHA], [tokens(ALPHA, 5, 5, 5, 5, 5)])
    assert len(index) == 2
    scores = index.paper_scores(asked(5), np.ones(1), [ALPHA.paper_id, BRAVO.paper_id])
    assert scores == pytest.approx({ALPHA.paper_id: 0.5, BRAVO.paper_id: 0.5})


def test_a_reader_sees_what_a_writer_added_after_it_was_opened(
    index: MultiVectorIndex, tmp_path: Path
):
    reader = MultiVectorIndex(tmp_path / "multivector")
    assert reader.paper_scores(asked(1), np.ones(1), [ALPHA.paper_id])
    charlie = paper("Charlie")
    index.replace([charlie], [tokens(charlie, 3, 3, 3, 3, 3)])
    assert reader.paper_scores(asked(3), np.ones(1), [charlie.paper_id]) == pytest.approx(
        {charlie.paper_id: 0.5}
    )


def test_a_reader_forgets_what_a_writer_changed_or_removed(index: MultiVectorIndex, tmp_path: Path):
    both = [ALPHA.paper_id, BRAVO.paper_id]
    reader = MultiVectorIndex(tmp_path / "multivector")
    for seen_by in (reader, index):
        assert seen_by.paper_scores(asked(5), np.ones(1), both)[ALPHA.paper_id] == 0.0
    index.replace([ALPHA], [tokens(ALPHA, 5, 5, 5, 5, 5)])
    index.remove([BRAVO.paper_id])
    for seen_by in (reader, index):
        assert seen_by.paper_scores(asked(5), np.ones(1), both) == pytest.approx({both[0]: 0.5})


def test_a_batch_that_was_cut_off_is_overwritten(index: MultiVectorIndex, tmp_path: Path):
    with (tmp_path / "multivector" / "token_embeddings.i8").open("ab") as file:
        file.write(b"\x7f" * 17)  # killed before its rows were written
    charlie = paper("Charlie")
    index.replace([charlie], [tokens(charlie, 1, 1, 1, 1, 1)])
    scores = index.paper_scores(asked(1), np.ones(1), [charlie.paper_id])
    assert scores == pytest.approx({charlie.paper_id: 0.5})


def test_a_copy_holds_what_is_left_and_no_more(index: MultiVectorIndex, tmp_path: Path):
    charlie = paper("Charlie")
    index.replace([charlie], [tokens(charlie, 1, 2, 3, 4, 5)])
    index.remove([ALPHA.paper_id])
    ids = [BRAVO.paper_id, charlie.paper_id]
    other = MultiVectorIndex(tmp_path / "other")
    for paper_id in ids:
        other.copy(index, [paper_id])
    assert other.paper_ids() == set(ids)
    # 15 tokens of 6 dimensions in one, of which 5 nothing points at.
    assert (tmp_path / "multivector" / "token_embeddings.i8").stat().st_size == 90
    assert (tmp_path / "other" / "token_embeddings.i8").stat().st_size == 60
    for papers in ([BRAVO], [charlie], [BRAVO, charlie]):
        ours, theirs = (t.sentence_scores(asked(0, 5), np.ones(2), papers) for t in (other, index))
        assert {i: s.tolist() for i, s in ours.items()} == {
            i: s.tolist() for i, s in theirs.items()
        }
    assert np.array_equal(other.paper_vectors(ids), index.paper_vectors(ids))


def test_a_copy_of_nothing_is_empty(tmp_path: Path):
    other = MultiVectorIndex(tmp_path / "other")
    other.copy(MultiVectorIndex(tmp_path / "multivector"), [])
    assert len(other) == 0


def test_papers_without_tokens_are_left_out(index: MultiVectorIndex):
    assert index.paper_scores(asked(1), np.ones(1), ["title:nowhere"]) == {}
    assert index.paper_scores(asked(), np.ones(0), [ALPHA.paper_id]) == {}


def test_many_tokens_are_cut_to_their_principal_directions(tmp_path: Path):
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(300, 128)) @ np.linalg.qr(rng.normal(size=(384, 128)))[0].T
    # Each twice, so that of two tokens merged none is another.
    vectors = np.repeat(flat / np.linalg.norm(flat, axis=1, keepdims=True), 2, axis=0)
    vectors = vectors.astype(np.float32)
    places = np.zeros(600, int)
    index = MultiVectorIndex(tmp_path / "multivector")
    index.replace([ALPHA], [TokenEmbeddings(vectors, places, places)])
    question = TokenEmbeddings(vectors[:5], places[:5], places[:5])
    score = index.paper_scores(question, np.ones(5), [ALPHA.paper_id])[ALPHA.paper_id]
    # The vectors lie in 128 dimensions, so that nothing is lost but what a byte rounds.
    assert score == pytest.approx(1.0, abs=0.01)


def test_a_damaged_folder_is_named(tmp_path: Path):
    (tmp_path / "multivector").mkdir()
    (tmp_path / "multivector" / "rows.sqlite").write_bytes(b"junk" * 500)
    with pytest.raises(IndexDamagedError, match=r"token index .*multivector cannot be used"):
        MultiVectorIndex(tmp_path / "multivector")


def test_a_sentence_takes_its_own_best_match_alone(index: MultiVectorIndex):
    scores = index.sentence_scores(asked(2, 5), np.ones(2), [BRAVO, ALPHA])
    assert scores[ALPHA.paper_id] == pytest.approx(np.array([0.25, 0.0]))
    assert scores[BRAVO.paper_id] == pytest.approx(np.array([0.0, 0.25]))


def test_a_paper_may_be_answered_from_while_a_longer_version_of_it_is_written(
    index: MultiVectorIndex,
):
    """Its tokens are replaced before the catalogue serves it; readers have the old one till then."""
    served = ALPHA.model_copy(update={"sentences": ALPHA.sentences[:1]})
    scores = index.sentence_scores(asked(2, 4), np.ones(2), [served])
    assert scores[ALPHA.paper_id] == pytest.approx(np.array([0.25]))


def test_tokens_as_they_are_kept_can_be_given_to_another_paper(index: MultiVectorIndex):
    both = index.pooled([ALPHA.paper_id, "nobody", BRAVO.paper_id])
    assert both.keys() == {ALPHA.paper_id, BRAVO.paper_id}
    vectors, numbers = both[ALPHA.paper_id]
    assert (vectors.shape, numbers.tolist()) == ((5, 6), [-1, 0, 0, 1, 1])
    # The title of Bravo, which lies along 0, over Alpha's second sentence, along 3 and 4.
    of_title = both[BRAVO.paper_id].vectors[:1]
    made = Pooled(np.concatenate([of_title, vectors[3:]]), np.array([-1, 0, 0]))
    index.add_pooled([("made", made)])
    scores = index.paper_scores(asked(0, 3), np.ones(2), ["made", ALPHA.paper_id])
    assert scores["made"] == pytest.approx(0.5)
    assert index.paper_vectors(["made"])[0] == pytest.approx(np.eye(6)[[0, 3, 4]].sum(0) / 3**0.5)


def test_only_tokens_of_one_projection_can_be_compared(index: MultiVectorIndex, tmp_path: Path):
    copied, other = (MultiVectorIndex(tmp_path / name) for name in ("copied", "other"))
    assert not index.is_cut_like(other)  # which has none yet
    copied.copy(index, [ALPHA.paper_id])
    assert copied.is_cut_like(index)
    other.replace(
        [ALPHA], [tokens(ALPHA, 0, 1, 2, 3, 4)._replace(vectors=np.eye(5, dtype=np.float32))]
    )
    assert not index.is_cut_like(other)


def test_a_paper_is_compared_with_some_alone(index: MultiVectorIndex):
    charlie, delta = paper("Charlie"), paper("Delta")
    index.replace([charlie, delta], [tokens(each, 0, 1, 2, 3, 4) for each in (charlie, delta)])
    ids = [each.paper_id for each in (charlie, delta)]
    assert {i for i, _ in index.similar(ALPHA.paper_id, 2)} == {*ids}
    among = [BRAVO.paper_id, ids[0], ALPHA.paper_id]
    assert [i for i, _ in index.similar(ALPHA.paper_id, 2, among)] == [ids[0], BRAVO.paper_id]
