"""Binding sentences to their quotes, and saying why there are none, over hand-made papers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.answering.answerability import Signals
from footnote.rag.answering.citations import cite, hello, reason_for_refusal, refuse
from footnote.rag.answering.plans import Part, survey
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.request import Act
from footnote.rag.core.text import short_name
from tests.made import drafted, evidence, paper, request

ALPHA = paper(
    "Alpha: A Cache on Disk",
    "Caches grow. Alpha keeps blocks on disk. Decoding is 2.5× faster than paging. It is open.",
)
BRAVO = paper("Routing Questions", "Bravo routes questions to models. The bill falls by 40%.")


def test_every_citation_quotes_its_abstract_and_markers_count_papers():
    chosen = (evidence(BRAVO, 1), evidence(ALPHA, 2), evidence(BRAVO, 0))
    answer = cite(request(), drafted(*chosen))
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
    assert answer.blocks[0].sentences == (0, 1, 2)


def test_the_name_is_said_once_in_a_row_and_only_where_the_quote_lacks_it():
    answer = cite(request(), drafted(evidence(ALPHA, 2), evidence(ALPHA, 3)))
    assert [s.text[:6] for s in answer.sentences] == ["Alpha:", "It is "]


def test_a_table_names_the_paper_of_each_row_with_its_marker():
    draft = drafted()._replace(parts=(survey([[evidence(BRAVO, 1)]]),))
    answer = cite(request(), draft)
    assert answer.answer == "- Routing Questions [1]: The bill falls by 40%. [1]"
    [row] = answer.blocks[0].rows
    assert [(cell.marker, cell.sentences) for cell in row] == [
        (1, ()), (None, ()), (None, (0,)), (None, ()),
    ]  # fmt: skip


def test_a_remark_of_ours_stands_without_a_source():
    draft = drafted()._replace(parts=(Part("prose", text="No paper here is about “Medusa”."),))
    answer = cite(request(), draft)
    assert (answer.answer, answer.sentences) == ("No paper here is about “Medusa”.", ())


def test_a_refusal_has_its_reason_and_the_papers_that_come_nearest():
    draft = drafted(evidence(ALPHA, 1), evidence(ALPHA, 2), evidence(BRAVO, 0), confidence=0.2)
    answer = refuse(request(), draft, "Nothing here.")
    assert (answer.refused, answer.reason, answer.sentences) == (True, "Nothing here.", ())
    assert [(n.title, n.quote) for n in answer.nearest] == [
        (ALPHA.title, "Alpha keeps blocks on disk."),
        (BRAVO.title, "Bravo routes questions to models."),
    ]
    assert answer.confidence == 0.2


def test_a_friendly_line_says_what_can_be_asked():
    assert hello(request(), 408).answer.startswith("Hello. I answer from 408 papers here")
    thanked = hello(request().model_copy(update={"act": Act.THANKS}), 1)
    assert thanked.answer.startswith("You are welcome. I answer from one paper here")
    assert not thanked.refused


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


@given(st.lists(pieces, max_size=6))
def test_markers_count_up_and_every_quote_is_in_its_abstract(chosen: list[Evidence]):
    answer = cite(request(), drafted(*chosen))
    cited = [citation for sentence in answer.sentences for citation in sentence.citations]
    assert len(cited) == len(chosen)
    assert list(dict.fromkeys(c.marker for c in cited)) == list(range(1, len(answer.sources) + 1))
    abstracts = {source.marker: source.paper_id for source in answer.sources}
    for citation, piece in zip(cited, chosen, strict=True):
        assert abstracts[citation.marker] == citation.paper_id == piece.paper.paper_id
        assert piece.paper.abstract[citation.start : citation.end] == citation.quote


@pytest.mark.parametrize(
    ("unknown", "unheard_of", "unstated", "n_papers", "reason"),
    [
        ((), (), None, 0, "Nothing in the 0 papers here answers this."),
        ((), (), None, 1, "Nothing in the one paper here answers this."),
        (
            (),
            (),
            "say how many mussels",
            1_234,
            "The nearest of the 1,234 papers here does not say how many mussels.",
        ),
        (
            ("RWKV",),
            ("tokamak",),
            "state a number in “watts”",
            2,
            "Nothing in the 2 papers here mentions RWKV or “tokamak”.",
        ),
    ],
)
def test_the_reason_names_what_the_papers_lack(
    unknown: tuple[str, ...],
    unheard_of: tuple[str, ...],
    unstated: str | None,
    n_papers: int,
    reason: str,
):
    signals = Signals(0.5, 0.1, 0.5, 0.1, 0.1, unknown, False, unheard_of, unstated)
    draft = drafted()._replace(signals=signals)
    assert reason_for_refusal(draft, n_papers) == reason
    more = reason_for_refusal(draft, n_papers, n_coming=1_200)
    assert more == f"{reason} 1,200 more are being taken in."
    soon = reason_for_refusal(draft, n_papers, n_by_words=1_200)
    said = "1,200 are found by their words alone so far; ask again in a while."
    assert soon == f"{reason} {said}"
