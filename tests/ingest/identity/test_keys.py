"""Identity keys: what records of one work share, whatever their spelling, and what weak keys need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest.identity.keys import (
    AbstractWords,
    agree,
    content_fingerprint,
    identity_keys,
    is_weak,
    record_fingerprint,
)
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.records import Paper, Sighting

LONG = "The system keeps what it needs near and the rest far away, and it measures both. " * 4
OTHER = "Quite another matter altogether is told about colours of glaze on old pots here. " * 4


def record(title: str, abstract: str = LONG, **fields: object) -> SourceRecord:
    return SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="a"), **fields)  # pyright: ignore[reportArgumentType]


def paper(title: str, abstract: str = LONG, **fields: object) -> Paper:
    return to_paper(record(title, abstract, **fields))


def test_the_keys_of_a_paper():
    keys = identity_keys(paper("A Cache", arxiv_id="2301.00001", doi="10.1000/a"))
    assert {key.partition(":")[0] for key in keys} == {"title", "arxiv", "doi", "abstract", "start"}
    assert {"arxiv:2301.00001", "doi:10.1000/a"} <= keys


def test_a_short_abstract_identifies_no_work():
    keys = identity_keys(paper("A Cache", "It keeps pages. It is fast."))
    assert {key.partition(":")[0] for key in keys} == {"title"}


def test_titles_and_beginnings_are_weak_and_nothing_else_is():
    keys = identity_keys(paper("A Cache", arxiv_id="2301.00001", doi="10.1000/a"))
    assert {key.partition(":")[0] for key in keys if is_weak(key)} == {"title", "start"}


spelt = st.text("abcd M-é", min_size=3, max_size=20).filter(lambda t: any(map(str.isalnum, t)))


@given(spelt)
def test_case_and_spacing_change_no_key_and_no_content(title: str):
    one, other = paper(title, LONG), paper(f" {title.upper()} ", LONG.replace(" ", "  "))
    assert identity_keys(one) == identity_keys(other)
    assert content_fingerprint(one) == content_fingerprint(other)


def test_the_spelling_of_latex_changes_no_title_key():
    assert identity_keys(paper("M$^3$ViT")) == identity_keys(paper("M^3ViT"))


def test_a_record_is_known_by_all_that_its_source_shows():
    one = record("A Cache")
    assert record_fingerprint(one) == record_fingerprint(one.model_copy())
    others = (record("A cache"), record("A Cache", OTHER), record("A Cache", upvotes=1))
    assert len({record_fingerprint(r) for r in (one, *others)}) == 4


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        pytest.param(LONG, LONG[:80], 1.0, id="a-cut-copy"),
        pytest.param("one two three four", "four five six one", 0.5, id="half"),
        pytest.param("one two", "three four", 0.0, id="nothing"),
        pytest.param("— … —", "one two", 0.0, id="no-words"),
    ],
)
def test_likeness(one: str, other: str, likeness: float):
    texts = [AbstractWords(paper("T", abstract)) for abstract in (one, other)]
    assert texts[0].likeness(texts[1]) == texts[1].likeness(texts[0]) == likeness


@pytest.mark.parametrize(
    ("key", "one", "other", "likeness", "are_one"),
    [
        pytest.param("title:x", {"arxiv_id": "2301.00001"}, {"arxiv_id": "2301.00002"}, 1.0, False, id="two-arxiv-ids"),
        pytest.param("title:x", {"doi": "10.1000/a"}, {"doi": "10.1000/b"}, 0.5, True, id="two-dois-like-text"),
        pytest.param("title:x", {"doi": "10.1000/a"}, {"doi": "10.1000/b"}, 0.4, False, id="two-dois-other-text"),
        pytest.param("title:x", {"authors": ("Ada Lovelace",)}, {"authors": ("A. Lovelace",)}, 0.0, True, id="one-author"),
        pytest.param("title:x", {"authors": ("Ada Lovelace",)}, {"authors": ("A. Babbage",)}, 0.0, False, id="two-authors-of-one-initial"),
        pytest.param("start:x", {}, {}, 0.8, True, id="begins-alike-and-goes-on-so"),
        pytest.param("start:x", {}, {}, 0.7, False, id="begins-alike-alone"),
    ],
)  # fmt: skip
def test_a_weak_key_needs_that_nothing_speaks_against_it(
    key: str, one: dict[str, object], other: dict[str, object], likeness: float, are_one: bool
):
    papers = [paper("A Title of Four Words", **fields) for fields in (one, other)]
    assert agree(key, papers[0], papers[1], likeness) is are_one
    assert agree(key, papers[1], papers[0], likeness) is are_one


def test_a_short_title_alone_says_nothing():
    assert not agree("title:x", paper("Introduction"), paper("Introduction", OTHER), 0.1)
    keyed = [paper("Introduction", text, cite_key="k") for text in (LONG, OTHER)]
    assert agree("title:x", keyed[0], keyed[1], 0.1)
