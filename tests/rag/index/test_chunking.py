"""The n-th chunk is the n-th sentence, and its id says so."""

from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.index.chunking import (
    Place,
    chunk_id,
    paper_of_chunk,
    place_of_chunk,
    sentence_id,
    sentence_texts,
    version_id,
)
from tests.rag.index.small import ALPHA, LATER, paper


def test_a_sentence_is_embedded_under_its_title():
    assert sentence_texts(LATER) == [
        f"{LATER.title}\nAlpha now keeps zebras in a stable.",
        f"{LATER.title}\nThe rest is new.",
        f"{LATER.title}\nIt has a third.",
    ]


def test_two_versions_of_a_paper_share_no_id():
    numbered = [(each, n) for each in (ALPHA, LATER) for n in range(len(each.sentences))]
    assert len({chunk_id(each, n) for each, n in numbered}) == 5


def test_a_paper_without_sentences_has_no_chunks():
    assert sentence_texts(paper("Alpha", "x").model_copy(update={"sentences": ()})) == []


# Ids of papers hold what titles and DOIs hold, the separators among it.
paper_ids = st.text(st.characters(categories=["L", "N", "P"]), min_size=1)
versions = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(paper_ids, versions, st.integers(0, 10_000))
def test_an_id_says_what_it_was_made_of(paper_id: str, version: str, number: int):
    made = sentence_id(version_id(paper_id, version), number)
    assert place_of_chunk(made) == Place(paper_id, version, number)
    assert paper_of_chunk(made) == paper_id
