"""What identifies and judges a record as its source shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest.record import (
    MAX_ABSTRACT_CHARS,
    MAX_TITLE_CHARS,
    N_RANKS,
    SourceRecord,
    fault,
    paper_url,
    parse_arxiv_id,
    parse_doi,
    says_withdrawn,
    source_rank,
)
from footnote.rag.core.records import Sighting

ABSTRACT = "It says one thing, at length."


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2309.06180", ("2309.06180", None)),
        (" arXiv:2309.06180v2 ", ("2309.06180", 2)),
        ("https://arxiv.org/abs/2309.06180v12", ("2309.06180", 12)),
        ("http://export.arxiv.org/pdf/2309.06180v1.pdf", ("2309.06180", 1)),
        ("https://doi.org/10.48550/arXiv.2309.06180", ("2309.06180", None)),
        ("https://huggingface.co/papers/2309.06180", ("2309.06180", None)),
        ("math.GT/0309136v1", ("math.gt/0309136", 1)),
        ("cs/0112017", ("cs/0112017", None)),
        ("2313.06180", None),
        ("2309.061", None),
        ("see 2309.06180", None),
        ("2309.06180v2 and more", None),
        ("", None),
        ("arxiv:" * 5_000, None),
    ],
)
def test_an_arxiv_id_in_any_of_its_forms(text: str, meant: tuple[str, int | None] | None):
    assert parse_arxiv_id(text) == meant


@given(
    st.from_regex(r"2[0-4](0[1-9]|1[0-2])\.\d{5}", fullmatch=True), st.none() | st.integers(1, 99)
)
def test_an_id_is_read_from_its_own_address(arxiv_id: str, version: int | None):
    address = f"{paper_url(arxiv_id, None)}{f'v{version}' if version else ''}"
    assert parse_arxiv_id(address) == (arxiv_id, version)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.1145/3600006.3613165", "10.1145/3600006.3613165"),
        ("https://doi.org/10.1000/ABC", "10.1000/abc"),
        ("doi: 10.1000/a(b)", "10.1000/a(b)"),
        ("10.1/short-registrant", None),
        ("10.1000/two words", None),
        ("", None),
        ("10.1000/" + "x" * 500, None),
    ],
)
def test_a_doi_in_any_of_its_forms(text: str, meant: str | None):
    assert parse_doi(text) == meant


def test_where_a_paper_is_read():
    assert paper_url("2309.06180", "10.1000/a") == "https://arxiv.org/abs/2309.06180"
    assert paper_url(None, "10.1000/a") == "https://doi.org/10.1000/a"
    assert paper_url(None, None) is None


@pytest.mark.parametrize(
    ("title", "abstract", "reason"),
    [
        pytest.param("Alpha", ABSTRACT, None, id="good"),
        pytest.param(" ", ABSTRACT, "no title", id="no-title"),
        pytest.param("—!", ABSTRACT, "title '—!' has neither letters nor digits", id="signs"),
        pytest.param("A" * (MAX_TITLE_CHARS + 1), ABSTRACT, "title of 1,001 characters", id="long-title"),
        pytest.param("Alpha", "\n ", "no abstract", id="no-abstract"),
        pytest.param("Alpha", "Too short.", "abstract of 10 characters, fewer than 20", id="short"),
        pytest.param("Alpha", "A" * (MAX_ABSTRACT_CHARS + 1), "abstract of 20,001 characters", id="long"),
        pytest.param("Al\ud800pha", ABSTRACT, "half a character", id="half-a-character"),
    ],
)  # fmt: skip
def test_what_keeps_a_record_from_becoming_a_paper(title: str, abstract: str, reason: str | None):
    # As records are made in `sources`, where nothing is checked yet.
    record = SourceRecord.model_construct(title=title, abstract=abstract, organisation=None)
    found = fault(record)
    assert found is None if reason is None else reason in (found or "")


def test_arxiv_is_believed_most_and_all_files_alike():
    ranks = [
        source_rank(Sighting(source=source, service=service))
        for source, service in (("arXiv", None), ("a.bib", None), ("x", "hf"), ("x", "arxiv"))
    ]
    assert ranks == [0, 0, 1, 2]
    assert max(ranks) == N_RANKS - 1


@pytest.mark.parametrize(
    ("note", "is_withdrawn"),
    [
        ("This paper has been withdrawn by the authors", True),
        ("Paper withdrawn: see v3", True),
        ("this version was retracted", True),
        ("12 pages, accepted", False),
        ("We study money withdrawn from banks", False),
    ],
)
def test_what_a_note_says_of_a_withdrawal(note: str, is_withdrawn: bool):
    assert says_withdrawn(note) is is_withdrawn
