"""The n-th chunk is the n-th sentence, and its id says so."""

from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import MetadataMode

from footnote.rag.index.chunking import (
    bare_node,
    chunk_id,
    chunk_paper,
    embedded_length,
    paper_of_chunk,
    parse_chunk_id,
    sentence_id,
    version_id,
    version_of_chunk,
)
from tests.rag.index.small import ALPHA, LATER, paper


def test_the_nth_chunk_is_the_nth_sentence():
    chunks = chunk_paper(LATER)
    assert [chunk.text for chunk in chunks] == [
        "Alpha now keeps zebras in a stable.",
        "The rest is new.",
        "It has a third.",
    ]
    for number, chunk in enumerate(chunks):
        assert chunk.node_id == chunk_id(LATER, number)
        assert chunk.text == LATER.quote(LATER.sentences[chunk.metadata["sentence"]])
        assert chunk.metadata["paper_id"] == LATER.paper_id


def test_a_sentence_is_embedded_under_its_title():
    [first, _] = chunk_paper(ALPHA)
    embedded = first.get_content(metadata_mode=MetadataMode.EMBED)
    assert embedded == "Alpha\nAlpha keeps blocks on disk."
    assert embedded_length(first) == len(embedded)


def test_two_versions_of_a_paper_share_no_id():
    ids = {chunk.node_id for version in (ALPHA, LATER) for chunk in chunk_paper(version)}
    assert len(ids) == 5


def test_a_paper_without_sentences_has_no_chunks():
    assert chunk_paper(paper("Alpha", "x").model_copy(update={"sentences": ()})) == []


# Ids of papers hold what titles and DOIs hold, the separators among it.
paper_ids = st.text(st.characters(categories=["L", "N", "P"]), min_size=1)
versions = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(paper_ids, versions, st.integers(0, 10_000))
def test_an_id_says_what_it_was_made_of(paper_id: str, version: str, number: int):
    made = sentence_id(version_id(paper_id, version), number)
    assert parse_chunk_id(made) == {"paper_id": paper_id, "version": version, "sentence": number}
    assert version_of_chunk(made) == version_id(paper_id, version)
    assert paper_of_chunk(made) == paper_id


def test_bare_nodes_share_nothing():
    one, other = bare_node("a", {"n": 1}), bare_node("b", {"n": 2})
    assert (one.node_id, one.metadata, other.node_id, other.metadata) == (
        "a",
        {"n": 1},
        "b",
        {"n": 2},
    )
