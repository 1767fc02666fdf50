"""Binding sentences to their quotes, and saying why there are none, over hand-made papers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.answering.citations import cite, reason_for_refusal, refuse, short_name
from footnote.rag.answering.evidence import Draft, Evidence
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.core.request import Kind
from footnote.rag.core.text import Span


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="test")))


ALPHA = paper(
    "Alpha: A Cache on Disk",
    "Caches grow. Alpha keeps blocks on disk. Decoding is 2.5× faster than paging. It is open.",
)
BRAVO = paper("Routing Questions", "Bravo routes questions to models. The bill falls by 40%.")


def evidence(paper: Paper, number: int) -> Evidence:
    return Evidence(paper, paper.sentences[number], 0.5, 0.5)


def test_every_citation_quotes_its_abstract_and_markers_count_papers():
    chosen = (evidence(BRAVO, 1), evidence(ALPHA, 2), evidence(BRAVO, 0))
    answer = cite("why", Draft(Kind.EXPLANATION, chosen, 1.0))
    papers = {p.paper_id: p for p in (ALPHA, BRAVO)}
    for sentence in answer.sentences:
        [citation] = sentence.citations
        abstract = papers[citation.paper_id].abstract
        assert abstract[citation.start : citation.end] == citation.quote
        assert sentence.text.endswith(citation.quote)
    assert [s.citations[0].marker for s in answer.sentences] == [1, 2, 1]
    assert [(s.marker, s.title) for s in answer.sources] == [(1, BRAVO.title), (2, ALPHA.title)]
    assert answer.answer == (
        "The bill falls by 40%. [1] Alpha: Decoding is 2.5× faster than paging. [2] "
        "Bravo routes questions to models. [1]"
    )


def test_the_name_is_said_only_where_the_quote_lacks_it():
    answer = cite("what", Draft(Kind.FACT, (evidence(ALPHA, 1), evidence(ALPHA, 2)), 1.0))
    assert [s.text[:6] for s in answer.sentences] == ["Alpha ", "Alpha:"]


def test_a_survey_line_names_its_paper():
    answer = cite("which papers", Draft(Kind.SURVEY, (evidence(BRAVO, 1),), 1.0))
    assert answer.answer == "- Routing Questions: The bill falls by 40%. [1]"


def test_a_span_outside_the_abstract_is_never_cited():
    wrong = Evidence(ALPHA, Span(0, len(ALPHA.abstract) + 5), 0.5, 0.5)
    empty = Evidence(ALPHA, Span(5, 5), 0.5, 0.5)
    before = Evidence(ALPHA, Span(-9, -1), 0.5, 0.5)
    for chosen in (wrong, empty, before):
        with pytest.raises(ValueError, match="outside the abstract"):
            cite("what", Draft(Kind.FACT, (chosen,), 1.0))


def test_a_refusal_has_its_reason_and_cites_nothing():
    answer = refuse("what", Draft(Kind.FACT, (evidence(ALPHA, 1),), 0.2), "Nothing here.")
    assert (answer.refused, answer.reason, answer.sentences) == (True, "Nothing here.", ())
    assert answer.confidence == 0.2


def test_a_name_that_nothing_mentions_has_no_near_miss():
    """`Nothing here mentions Medusa.` was followed by a sentence about another system."""
    draft = Draft(
        Kind.NUMBER, (evidence(ALPHA, 1),), 0.2, unknown_names=("Medusa",), lacking="heads"
    )
    answer = refuse("how many heads has Medusa", draft, "Nothing here mentions Medusa.")
    assert (answer.answer, answer.sentences) == ("Nothing here mentions Medusa.", ())


def test_a_near_miss_shows_what_there_is():
    draft = Draft(Kind.NUMBER, (evidence(ALPHA, 1), evidence(ALPHA, 2)), 0.2, lacking="watts")
    answer = refuse("how many watts", draft, "Nothing states “watts”.")
    assert answer.refused
    assert [s.text for s in answer.sentences] == ["Alpha keeps blocks on disk."]
    assert answer.answer == "Nothing states “watts”. Alpha keeps blocks on disk. [1]"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("NanoFlow: Towards Throughput", "NanoFlow"),
        ("No Name Here", None),
        ("Not a Name but a Clause: Then More", None),
        ("Nexus:Proactive", None),
    ],
)
def test_short_names(title: str, name: str | None):
    assert short_name(title) == name


pieces = st.builds(evidence, st.sampled_from([ALPHA, BRAVO]), st.integers(0, 1))


@given(st.lists(pieces, max_size=6), st.sampled_from(Kind))
def test_markers_count_up_and_every_quote_is_in_its_abstract(chosen: list[Evidence], kind: Kind):
    answer = cite("why", Draft(kind, tuple(chosen), 0.5))
    cited = [citation for sentence in answer.sentences for citation in sentence.citations]
    assert len(cited) == len(chosen)
    assert list(dict.fromkeys(c.marker for c in cited)) == list(range(1, len(answer.sources) + 1))
    abstracts = {source.marker: source.paper_id for source in answer.sources}
    for citation, piece in zip(cited, chosen, strict=True):
        assert abstracts[citation.marker] == citation.paper_id == piece.paper.paper_id
        assert piece.paper.abstract[citation.start : citation.end] == citation.quote


@pytest.mark.parametrize(
    ("said", "n_papers", "reason"),
    [
        ({}, 0, "Nothing in the 0 papers here answers this."),
        ({}, 1, "Nothing in the one paper here answers this."),
        (
            {"lacking": "watts"},
            1_234,
            "The nearest of the 1,234 papers here does not state “watts”.",
        ),
        (
            {"unknown_names": ("RWKV",), "unheard_of": ("tokamak",), "lacking": "watts"},
            2,
            "Nothing in the 2 papers here mentions RWKV or “tokamak”.",
        ),
    ],
)
def test_the_reason_names_what_the_papers_lack(said: dict, n_papers: int, reason: str):
    assert reason_for_refusal(Draft(Kind.FACT, (), 0.1, **said), n_papers) == reason
