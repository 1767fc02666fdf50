from hypothesis import given
from hypothesis import strategies as st

from ingest.identity import to_paper
from ingest.record import SourceRecord
from rag.answer import Draft, Evidence
from rag.cite import cite, refuse
from rag.question import Kind
from rag.schema import Sighting
from rag.text import Span
from ui.render import answer_html, paper_html, parse_fragment

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


def test_nothing_of_a_paper_becomes_markup():
    evidence = Evidence(PAPER, PAPER.sentences[0], 0.5, 0.5)
    answer = cite("what", Draft(Kind.FACT, (evidence,), 0.5))
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


def test_facts_that_are_not_known_are_left_out():
    assert "1 author · 2 upvotes" in paper_html(PAPER, None)


def test_an_answer_is_one_block_for_markdown():
    evidence = tuple(Evidence(PAPER, s, 0.5, 0.5) for s in PAPER.sentences)
    html = answer_html(cite("what", Draft(Kind.FACT, evidence, 0.5)))
    assert "\n" not in html
    assert html.count('class="marker"') == 2


def test_a_refusal_is_shown_as_text():
    assert "No &lt;b&gt; here." in answer_html(refuse("what", "No <b> here."))


@given(st.text(min_size=1, max_size=20), st.integers(0, 9999), st.integers(0, 9999))
def test_a_marker_leads_back_to_its_quote(paper_id: str, start: int, end: int):
    from urllib.parse import quote

    fragment = f"#cite={quote(paper_id, safe='')}@{start}-{end}"
    assert parse_fragment(fragment) == (paper_id, Span(start, end))


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
