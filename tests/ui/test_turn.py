"""How an answer and its evidence are rendered, without a browser."""

import datetime
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.answering.citations import cite, refuse
from footnote.rag.core.records import (
    Answer,
    Block,
    Cell,
    Citation,
    Paper,
    Receipt,
    Sentence,
    Setup,
    Sighting,
    Source,
    Writing,
)
from footnote.rag.core.request import Filters, Group, Kind, RecordField, Request
from footnote.rag.replay import replayed
from footnote.ui.asked import Asked, read_answers
from footnote.ui.blocks import Blocks
from footnote.ui.difference import difference_html
from footnote.ui.evidence import evidence_html
from footnote.ui.labels import labels_of
from footnote.ui.turn import draft_html, suggestions, turn_html
from footnote.ui.wording import texts_of, wording
from tests.made import drafted, evidence, request, without

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
SAY = wording("en")
KNOWN: Mapping[str, Paper] = {PAPER.paper_id: PAPER}


def shown(answer: Answer, paper: Paper = PAPER) -> str:
    known = {paper.paper_id: paper}
    return turn_html(answer, known, SAY) + evidence_html(answer, known, SAY)


def card(**known: object) -> str:
    paper = PAPER.model_copy(update=known)
    answer = cite(request(), drafted(evidence(paper, 0)))
    return evidence_html(answer, {paper.paper_id: paper}, SAY)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Also searched for: paging; swapping"),
        ("de", "Gesucht wurde auch nach: paging; swapping"),
    ],
)
def test_the_page_says_what_was_searched_for_beside_the_question(language: str, said: str):
    answer = cite(request(), drafted(evidence(PAPER, 0)))
    receipt = Receipt(
        asked_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        corpus="c",
        n_papers=1,
        setup=Setup(footnote="0", settings={}, model="strong-one"),
        queries=("paging", "swapping"),
        unordered="did not answer in time",
    )
    html = turn_html(answer.model_copy(update={"receipt": receipt}), KNOWN, wording(language))
    assert said in html
    assert "Papers as they were found: the model strong-one did not answer in time." in html
    assert said not in turn_html(answer, KNOWN, wording(language))


def test_nothing_of_a_paper_or_a_question_becomes_markup():
    asked = Request(
        question=ATTACK,
        kind=Kind.COMPARISON,
        sides=(ATTACK, "x"),
        filters=Filters(organisation=ATTACK),
    )
    rests_on = Receipt(
        asked_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        corpus="c",
        n_papers=1,
        setup=Setup(footnote="0", settings={}, model=ATTACK),
        queries=(ATTACK,),
        unordered=ATTACK,
    )
    told = {"request": asked, "understood_as": ATTACK, "receipt": rests_on}
    html = shown(cite(asked, drafted(evidence(PAPER, 0))).model_copy(update=told))
    html += shown(refuse(asked, drafted(evidence(PAPER, 0)), ATTACK).model_copy(update=told))
    assert "<img" not in html
    assert "<b>bold" not in html
    assert "&lt;img src=x" in html
    assert "&lt;page&gt;.txt (2025-01-02)" in html


def test_what_changed_is_told_as_text():
    before = cite(request(), drafted(evidence(PAPER, 0)))
    after = cite(request(), drafted(evidence(PAPER, 1)))
    html = difference_html(replayed(before, after, KNOWN.get), SAY)
    assert "It says now" in html
    assert "&lt;img src=x" in html
    assert "<img" not in html
    gone = difference_html(replayed(before, after, {}.get), SAY)
    assert SAY("gone") in gone
    assert SAY("same") in difference_html(replayed(before, before, KNOWN.get), SAY)


def test_quotes_are_named_by_paper_and_sentence():
    answer = cite(request(), drafted(evidence(PAPER, 0), evidence(PAPER, 1)))
    assert list(labels_of(answer).values()) == ["1a", "1b"]
    html = evidence_html(answer, KNOWN, SAY)
    assert '<mark data-cite="1b">The second sentence is plain.<sup>1b</sup></mark>' in html
    assert html.count("<article") == 1


def test_rows_carry_the_largest_figures_that_they_state():
    stated = {
        "One": "It is 3.7x faster, 1.5x at least.",
        "Two": "It saves 40%.",
        "Three": "It is 12× as fast and saves 5.5%.",
        "Four": "It doubles throughput.",
    }
    papers = [
        to_paper(SourceRecord(title=t, abstract=f"{a} End.", sighting=Sighting(source="s")))
        for t, a in stated.items()
    ]
    answer = cite(request(), drafted(*(evidence(paper, 0) for paper in papers)))
    table = Blocks(answer, {paper.paper_id: paper for paper in papers}, SAY).as_table()
    rows = re.findall(r"<tr(.*?)>", table)[1:]
    assert rows == [
        ' data-factor="3.7"',
        ' data-share="0.4"',
        ' data-factor="12" data-share="0.055"',
        ' data-factor="2"',
    ]
    options = re.findall(r'<option value="(\w+)"', table)
    assert options == ["found", "factor"]  # two rows state a share: too few to be put in order


def listed(n: int, *, said: bool) -> tuple[Answer, str]:
    """Return a list of n papers with a quote, or without one, and how it is shown."""
    answer = cite(request(), drafted(evidence(PAPER, 0)))
    quoted = Cell(sentences=(0,) if said else ())
    row = (Cell(text=PAPER.title, marker=1), Cell(text="2"), quoted)
    table = Block(form="table", columns=("Paper", "Upvotes", "Says"), rows=(row,) * n)
    asked = Request(question="what", kind=Kind.CATALOGUE)
    answer = answer.model_copy(update={"blocks": (table,), "request": asked})
    return answer, turn_html(answer, KNOWN, SAY)


def test_the_whole_title_stands_where_nothing_is_said_of_its_paper():
    def head(html: str) -> str:
        return html.partition('data-card="1"')[2].partition("</button>")[0].partition(">")[2]

    assert head(listed(1, said=True)[1]) == "Evil"
    assert head(listed(1, said=False)[1]).startswith("Evil: &lt;img")


def test_each_cell_says_the_name_of_its_column():
    _, html = listed(1, said=True)
    assert re.findall(r'<td[^>]* data-name="(\w+)"', html) == ["Upvotes", "Says"]


@pytest.mark.parametrize("n", [1, 2])
def test_the_second_one_is_suggested_where_there_are_two(n: int):
    answer, _ = listed(n, said=True)
    sources = [
        Source.of(PAPER, marker).model_copy(update={"title": title})
        for marker, title in enumerate(["Alpha: a", "Beta: b"], start=1)
    ]
    answer = answer.model_copy(update={"sources": tuple(sources[:n])})
    assert ("Tell me about the second one" in suggestions(answer)) == (n == 2)


@given(st.integers(1, 800))
def test_every_quote_has_a_name_of_its_own(n: int):
    quotes = [
        Citation(marker=1, paper_id="x", title="t", quote="q", start=at, end=at + 1, score=1)
        for at in range(n)
    ]
    said = Sentence(text="q", verdict="quoted", citations=tuple(quotes))
    answer = refuse(request(), drafted(), "No.").model_copy(update={"sentences": (said,)})
    assert len(set(labels_of(answer).values())) == n


def test_a_sentence_of_an_abstract_that_has_changed_is_not_marked():
    answer = cite(request(), drafted(evidence(PAPER, 1)))
    changed = PAPER.model_copy(update={"sentences": PAPER.sentences[:1]})
    assert "<mark" not in evidence_html(answer, {PAPER.paper_id: changed}, SAY)
    gone = evidence_html(answer, {}, SAY)
    assert "no longer here" in gone
    assert "The second sentence is plain." in gone


def test_what_is_known_of_a_paper_is_told_and_linked():
    html = card(
        url='https://arxiv.org/abs/2301.00001?"<',
        arxiv_id="2301.00001",
        version_number=2,
        doi="10.1000/<a>",
        authors=("Ada <b>Lovelace</b>", *(f"N. {n}" for n in range(9))),
        date=datetime.date(2025, 3, 14),
        date_inferred=True,
        withdrawn=True,
        notice="a <lemma> is wrong",
    )
    assert 'href="https://arxiv.org/abs/2301.00001?&quot;&lt;"' in html
    assert 'href="https://doi.org/10.1000/&lt;a&gt;"' in html
    assert "arXiv:2301.00001v2 · doi:10.1000/&lt;a&gt;" in html
    assert "2025-03-14, year inferred · 1 author" in html
    assert "N. 6 and 2 more" in html
    assert 'role="note">Withdrawn or retracted: a &lt;lemma&gt; is wrong</p>' in html


def test_a_paper_without_an_address_is_searched_by_its_title():
    html = card(url="javascript:alert(1)")
    assert "javascript" not in html
    assert 'href="https://scholar.google.com/scholar?q=Evil' in html


def test_who_wrote_an_answer_and_in_what_it_differs_is_shown():
    quote = Citation(
        marker=1, paper_id=PAPER.paper_id, title="t", quote="The second sentence is plain.",
        start=PAPER.sentences[1].start, end=PAPER.sentences[1].end, score=1,
    )  # fmt: skip
    said = (
        Sentence(text="It is 2.", verdict="differs", reason='no <2> "x"', citations=(quote,)),
        Sentence(text=ATTACK, verdict="unbound", citations=()),
    )
    writing = Writing(
        model="<b>small</b>", left_out=1, sources_left_out=0, fault=None,
        first_token_s=None, tokens_per_s=None, seconds=1,
    )  # fmt: skip
    answer = refuse(request(), drafted(), "No.").model_copy(
        update={"refused": False, "sentences": said, "mode": "llm", "writing": writing}
    )
    html = shown(answer)
    assert '<span class="fn-differs">It is 2.</span>' in html
    assert "differs: no &lt;2&gt; &quot;x&quot;" in html
    assert '<span class="fn-unbound">' in html
    assert "differs from this quote" in html
    assert "<b>small" not in html
    assert "<img" not in html + draft_html(said, "<b>small</b>", SAY)
    assert "not complete" in draft_html(said, "", SAY)


def test_papers_that_could_not_be_asked_are_counted_above_an_answer_and_a_refusal():
    said = "102 of 408 papers could not be asked"
    given = cite(request(), drafted(evidence(PAPER, 0)))
    for answer in (given, refuse(request(), drafted(), "No.")):
        assert said in shown(without(answer, 102))
        assert "could not be asked" not in shown(without(answer, 0))
    assert "1 von 408 Arbeiten" in turn_html(without(given, 1), KNOWN, wording("de"))


@pytest.mark.parametrize("sent", [None, 3, [], {}, {"question": 3}, {"question": None}])
def test_what_is_no_question_is_refused(sent: object):
    with pytest.raises(ValueError, match="a question is text"):
        Asked.read(sent)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_whatever_else_a_browser_sends_is_dropped(sent: object):
    asked = Asked.read(
        {"question": "q", "history": sent, "filters": sent, "request": sent, "language": sent}
    )
    assert (asked.question, asked.history, asked.request) == ("q", (), None)
    assert read_answers(sent, 3) == ()


def test_an_answer_that_the_browser_kept_is_read_back_as_it_was():
    answer = cite(request(), drafted(evidence(PAPER, 0)))
    kept = answer.model_dump(mode="json")
    asked = Asked.read(
        {"question": "q", "history": [{"bad": 1}, *[kept] * 9], "request": kept["request"] or {}}
    )
    assert asked.history == (answer,) * 4


def test_filters_of_a_question_count_more_than_those_chosen_beside_it():
    own = Filters(since=datetime.date(2024, 1, 1))
    chosen = Filters(since=datetime.date(2020, 1, 1), source="page")
    assert own.within(chosen) == Filters(since=own.since, source="page")


def test_what_is_asked_of_records_stands_above_the_answer_and_can_be_taken_away():
    asked = Request(
        question="q",
        kind=Kind.CATALOGUE,
        limit=5,
        in_title=True,
        begins=True,
        fewest_first=True,
        by_title=True,
        also=(
            Request(question="which is the newest", kind=Kind.CATALOGUE),
            Request(question="any on tides", kind=Kind.SURVEY),
        ),
        each=Group.YEAR,
        filters=Filters(
            min_upvotes=3,
            max_authors=2,
            min_sources=2,
            told=(RecordField.DATE, RecordField.UPVOTES),
            untold=(RecordField.ORGANISATION,),
            organisation="ACME",
            other_organisations=("Other",),
            without=("survey", "Acme Labs"),
        ),
    )
    html = shown(refuse(asked, drafted(), "nothing").model_copy(update={"request": asked}))
    chips = re.findall(
        r'fn-chip">([^<]+)<button type="button" data-do="(\w+)" data-name="(\w+)"', html
    )
    assert chips == [
        ("from ACME", "drop_filter", "organisation"),
        ("or from Other", "drop_filter", "other_organisations"),
        ("without survey, Acme Labs", "drop_filter", "without"),
        ("at least 3 upvotes", "drop_filter", "min_upvotes"),
        ("at most 2 authors", "drop_filter", "max_authors"),
        ("seen in at least 2 sources", "drop_filter", "min_sources"),
        ("on record: date, upvotes", "drop_filter", "told"),
        ("not on record: organisation", "drop_filter", "untold"),
        ("in the title", "drop_part", "in_title"),
        ("titles begin with it", "drop_part", "begins"),
        ("fewest first", "drop_part", "fewest_first"),
        ("by title, A to Z", "drop_part", "by_title"),
        ("of each year", "drop_part", "each"),
        ("5 papers", "drop_part", "limit"),
        ("also: which is the newest; any on tides", "drop_part", "also"),
    ]


def test_each_language_has_every_text_with_the_same_values():
    english, german = texts_of("en"), texts_of("de")
    untranslated = {"form.markdown", "form.html", "form.bibtex", "form.ris", "form.csl", "form.csv"}
    assert english.keys() - german.keys() == untranslated
    for key, text in german.items():
        assert sorted(set(_values(text))) == sorted(set(_values(english[key]))), key
    assert wording("xx").language == "en"


def _values(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]
