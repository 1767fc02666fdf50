import datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest.identity.explain import Explanation
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.answering.citations import cite, refuse
from footnote.rag.answering.plans import survey
from footnote.rag.core.records import (
    Answer,
    Block,
    Cell,
    Citation,
    Sentence,
    Sighting,
    Source,
    Verdict,
    Writing,
)
from footnote.rag.core.request import Kind, Request
from footnote.rag.core.text import Span
from footnote.ui.render import (
    answer_html,
    draft_html,
    explanation_lines,
    paper_html,
    parse_fragment,
    sentence_text,
    source_text,
    writing_note,
)
from tests.made import drafted, evidence, request

ATTACK = "<img src=x onerror=alert(1)> & <b>bold</b>"
PAPER = to_paper(
    SourceRecord(
        title=f"Evil: {ATTACK}",
        abstract=f"It says {ATTACK} and more. The second sentence is plain.",
        sighting=Sighting(source="<page>.txt", day="2025-01-02"),
        n_authors=1,
        upvotes=2,
    )
)

NO_DRAFT = drafted(confidence=0.1)


def test_nothing_of_a_paper_becomes_markup():
    answer = cite(request(), drafted(evidence(PAPER, 0)))
    for html in (answer_html(answer), paper_html(PAPER, PAPER.sentences[0])):
        assert "<img" not in html
        assert "<b>bold" not in html
        assert "&lt;img src=x" in html
    assert "&lt;page&gt;.txt (2025-01-02)" in paper_html(PAPER, None)


def test_the_quote_is_highlighted_and_nothing_else():
    html = paper_html(PAPER, PAPER.sentences[1])
    assert "<mark>The second sentence is plain.</mark>" in html
    assert html.count("<mark>") == 1
    assert "<mark>" not in paper_html(PAPER, None)


def test_offsets_of_an_abstract_that_has_changed_highlight_nothing():
    first = PAPER.sentences[0]
    for old in (Span(first.start, first.end - 1), Span(900, 950)):
        assert paper_html(PAPER, old) == paper_html(PAPER, None)


def test_facts_that_are_not_known_are_left_out():
    assert "1 author · 2 upvotes" in paper_html(PAPER, None)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2025-03-14", "Seen in page.txt (2025-03-14)<"),
        ("--03-14", "Seen in page.txt (14 March, year not given)<"),
        ("--12-01", "Seen in page.txt (1 December, year not given)<"),
        (None, "Seen in page.txt<"),
    ],
)
def test_the_day_of_a_page_is_said_as_far_as_it_is_known(day: str | None, said: str):
    seen = Sighting(source="page.txt", day=day)
    assert said in paper_html(PAPER.model_copy(update={"sightings": (seen,)}), None)
    ids = dict.fromkeys(("arxiv_id", "version_number", "doi", "cite_key"))
    record = {"number": 1, "source": "page.txt", "day": day, "title": "T", "abstract": "A", **ids}
    known = {"paper_id": "x", "title": "T", "aliases": (), "records": (record,), "joins": ()}
    lines = explanation_lines(Explanation.model_validate(known))
    assert said.removeprefix("Seen in ").removesuffix("<") in lines[1]


def test_a_year_that_no_page_gave_is_marked():
    known = {"date": datetime.date(2025, 3, 14)}
    paper = PAPER.model_copy(update=known)
    assert "2025-03-14 · 1 author" in paper_html(paper, None)
    inferred = paper.model_copy(update={"date_inferred": True})
    assert "2025-03-14, year inferred · 1 author" in paper_html(inferred, None)


def test_signs_of_a_title_that_mean_something_elsewhere_are_shown_as_they_are():
    title = "A* and B* beat M^3ViT_x: `k`, $n$ & [1](x)"
    paper = PAPER.model_copy(update={"title": title})
    assert title.replace("&", "&amp;") in paper_html(paper, None)
    [source] = cite(request(), drafted(evidence(paper, 0))).sources
    assert source_text(source) == f"[1] {title}"


def test_an_answer_is_one_block_for_markdown():
    html = answer_html(cite(request(), drafted(evidence(PAPER, 0), evidence(PAPER, 1))))
    assert "\n" not in html
    assert html.count('class="marker"') == 2


def test_a_survey_is_a_table_with_a_row_a_paper():
    part = survey([[evidence(PAPER, 1)]], n_more=1)
    html = answer_html(cite(request(), drafted()._replace(parts=(part,))))
    said, listed = html.split('class="sources"')
    assert said.count("<tr>") == 2  # with the heads of the columns
    assert said.count("The second sentence is plain.") == 1
    assert "1 more" in said
    assert listed.count("<li") == 1
    assert "<img" not in html


def test_a_source_that_no_sentence_cites_is_listed_too():
    """A count lists papers of which no sentence says the topic; that was a KeyError."""
    listed = Source.of(PAPER, 1)
    answer = refuse(request(), NO_DRAFT, "No.").model_copy(update={"sources": (listed,)})
    assert "Evil: &lt;img" in answer_html(answer)


def test_how_a_question_was_understood_is_shown():
    asked = Request(question="q", kind=Kind.SURVEY, topic="<caches>")
    answer = refuse(asked, NO_DRAFT, "No.").model_copy(update={"request": asked})
    assert "survey · “&lt;caches&gt;”" in answer_html(answer)


def test_a_refusal_shows_the_papers_that_come_nearest():
    html = answer_html(refuse(request(), drafted(evidence(PAPER, 1)), "No."))
    assert "The second sentence is plain." in html
    assert "#cite=" in html


def test_a_table_has_a_row_each_and_no_empty_column():
    rows = tuple((Cell(text=f"<{n}>"), Cell()) for n in range(2))
    block = Block(form="table", columns=("Paper", "Date"), rows=rows, n_more=3)
    answer = refuse(request(), NO_DRAFT, "No.").model_copy(
        update={"refused": False, "blocks": (block,)}
    )
    html = answer_html(answer)
    assert html.count("<tr>") == 3
    assert "Date" not in html
    assert "&lt;1&gt;" in html
    assert "3 more" in html


def test_a_follow_up_shows_how_it_was_understood():
    answer = refuse(request(), NO_DRAFT, "No.").model_copy(update={"understood_as": "<Alpha>"})
    assert "Understood as: &lt;Alpha&gt;</p>" in answer_html(answer)


def test_a_refusal_is_shown_as_text():
    assert "No &lt;b&gt; here." in answer_html(refuse(request(), NO_DRAFT, "No <b> here."))


@given(st.text(min_size=1, max_size=20), st.integers(0, 9999), st.integers(1, 9999))
def test_a_marker_leads_back_to_its_quote(paper_id: str, start: int, length: int):
    fragment = f"#cite={quote(paper_id, safe='')}@{start}-{start + length}"
    assert parse_fragment(fragment) == (paper_id, Span(start, start + length))


@pytest.mark.parametrize(
    "offsets", ["9-2", "3-3", "1", "-", "1-", "-2", "1-2-3", "x-y", "²-³", "1-" + "9" * 5_000]
)
def test_offsets_that_no_quote_can_have_are_no_marker(offsets: str):
    assert parse_fragment(f"#cite=x@{offsets}") is None


@given(st.text(max_size=30))
def test_any_other_text_is_no_marker(text: str):
    assert parse_fragment(text) is None or text.startswith("#cite=")


def test_a_paper_with_ids_links_to_itself_and_names_its_version_and_authors():
    paper = PAPER.model_copy(
        update={
            "url": 'https://arxiv.org/abs/2301.00001?"<',
            "arxiv_id": "2301.00001",
            "version_number": 2,
            "doi": "10.1000/<a>",
            "authors": ("Ada <b>Lovelace</b>", *(f"N. {n}" for n in range(9))),
        }
    )
    html = paper_html(paper, None)
    assert '<a href="https://arxiv.org/abs/2301.00001?&quot;&lt;"' in html
    assert "arXiv:2301.00001v2 · doi:10.1000/&lt;a&gt;" in html
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;, N. 0" in html
    assert "N. 6 and 2 more" in html
    assert "notice" not in html


def test_an_address_that_is_no_web_address_is_not_linked():
    html = paper_html(PAPER.model_copy(update={"url": "javascript:alert(1)"}), None)
    assert "href" not in html


def test_a_withdrawn_paper_says_so():
    paper = PAPER.model_copy(update={"withdrawn": True, "notice": "a <lemma> is wrong"})
    html = paper_html(paper, None)
    assert 'role="note">Withdrawn or retracted: a &lt;lemma&gt; is wrong</p>' in html


def test_an_answer_that_cites_a_withdrawn_paper_says_so_where_it_lists_it():
    known = {"version_number": 2, "withdrawn": True, "notice": "a <lemma> is wrong"}
    paper = PAPER.model_copy(update={"title": "Evil: T"} | known)
    answer = cite(request(), drafted(evidence(paper, 0)))
    [source] = answer.sources
    assert source_text(source) == "[1] Evil: T, v2, Withdrawn or retracted: a <lemma> is wrong"
    html = answer_html(answer)
    assert "Evil: T</a> v2 <b" in html
    assert ">Withdrawn or retracted: a &lt;lemma&gt; is wrong</b></li>" in html
    without = paper.model_copy(update={"notice": None})
    assert source_text(Source.of(without, 3)) == "[3] Evil: T, v2, Withdrawn or retracted"


def test_a_paper_of_which_neither_is_known_is_listed_as_ever():
    source = Source.of(PAPER, 1)
    assert source_text(source) == f"[1] {PAPER.title}"
    assert source.model_dump() == {"marker": 1, "paper_id": PAPER.paper_id, "title": PAPER.title}


def written(
    *sentences: Sentence, left_out: int = 0, fault: str | None = None, **took: Any
) -> Answer:
    source = Source(marker=1, paper_id=PAPER.paper_id, title=PAPER.title)
    return Answer(
        question="what",
        answer="said",
        refused=False,
        reason=None,
        sentences=sentences,
        sources=(source,),
        mode="llm",
        writing=Writing(
            model="<b>small</b>",
            left_out=left_out,
            sources_left_out=0,
            fault=fault,
            first_token_s=0.1,
            tokens_per_s=9.0,
            seconds=1.0,
            **took,
        ),
    )


@pytest.mark.parametrize(
    ("took", "said"),
    [
        ({}, "Written by <b>small</b>."),
        ({"tokens_in": 3120, "tokens_out": 410}, "3,120 tokens read, 410 written."),
        ({"tokens_in": 3120, "tokens_out": 410, "cost": 0.012}, "3,120 tokens read, 410 written, 0.012."),
        ({"tokens_in": 9, "tokens_out": 1, "cost": 0.0}, "9 tokens read, 1 written, 0."),
        ({"tokens_in": 9, "tokens_out": 1, "cost": 1234.567}, "9 tokens read, 1 written, 1,234.57."),
        ({"tokens_in": 9, "tokens_out": 1, "estimated": True}, "About 9 tokens read, 1 written."),
        ({"tokens_in": 0, "tokens_out": 0, "cost": 0.0, "cached": True}, "The reply was kept from before."),
        ({"tokens_in": 70, "tokens_out": 5, "cached": True}, "The reply was kept from before. 70 tokens read, 5 written."),
    ],
)  # fmt: skip
def test_what_an_answer_took_is_said_in_its_line(took: dict[str, object], said: str):
    assert (writing_note(written(**took)) or "").endswith(said)


def test_of_a_question_that_a_model_only_read_it_is_said_so():
    quoted = written(tokens_in=9, tokens_out=1).model_copy(update={"mode": "quote"})
    assert writing_note(quoted) == "<b>small</b> read the question. 9 tokens read, 1 written."


def sentence(text: str, verdict: Verdict, reason: str | None = None) -> Sentence:
    citation = Citation(
        marker=1, paper_id=PAPER.paper_id, title=PAPER.title, quote=text, start=0, end=1, score=1
    )
    return Sentence(
        text=text,
        verdict=verdict,
        citations=() if verdict == "unbound" else (citation,),
        reason=reason,
    )


def test_a_verdict_is_shown_with_its_reason():
    html = answer_html(
        written(
            sentence("It says more.", "quoted"),
            sentence("It says 2 and more.", "differs", 'no <sentence> says "2"'),
            sentence(ATTACK, "unbound"),
            left_out=1,
        )
    )
    assert (
        '<span class="differs">It says 2 and more.</span> <small>(differs: no &lt;sentence&gt; says '
        "&quot;2&quot;)</small>" in html.replace("<b></b>", "")
    )
    assert '<span class="unbound"' in html
    assert html.count('class="marker"') == 2
    assert "1 statement of the draft was left out: no sentence here says so." in html
    assert "<b>small" not in html
    assert "<img" not in html
    assert "\n" not in html


def test_a_verdict_is_shown_in_the_terminal():
    assert sentence_text(sentence("It is so.", "quoted")) == "It is so. [1]"
    assert (
        sentence_text(sentence("It is so.", "differs", "no 2")) == "It is so. [1] (differs: no 2)"
    )
    assert sentence_text(sentence("It is so.", "unbound")) == "It is so. (uncited)"


def test_a_draft_is_escaped_too():
    html = draft_html([sentence(ATTACK, "quoted")], "small is writing")
    assert "<img" not in html
    assert "not complete" in html
    assert "<b>small" not in draft_html([], "<b>small</b> is writing")


def test_the_note_of_an_answer():
    assert writing_note(refuse(request(), NO_DRAFT, "No.")) is None
    note = writing_note(written(left_out=2, fault="did not answer in time"))
    assert note == (
        "Written by <b>small</b>. It ends early: the model did not answer in time. "
        "2 statements of the draft were left out: no sentence here says so."
    )
