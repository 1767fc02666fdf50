"""An answer as text, Markdown and HTML: whatever its papers say is text in it."""

import datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from footnote.export.forms import Form, export
from footnote.export.pages import labels
from footnote.export.references import Name, Reference
from footnote.export.styles import Html, Markdown, PlainText, cited
from footnote.rag.core.records import Answer, Citation, Receipt, Sentence, Setup, Source
from tests.export.test_references import NASTY
from tests.made import paper

SIGNS = st.text(NASTY + "#0123456789/&;", min_size=1, max_size=60)


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.said += data


def read(html: str) -> Text:
    found = Text()
    found.feed(html)
    found.close()
    return found


@given(SIGNS)
def test_what_is_escaped_for_markdown_is_read_as_the_same_text(said: str):
    line = PlainText().text(said).strip()
    found = read(MarkdownIt("commonmark").enable("table").render(Markdown().text(line)))
    assert set(found.tags) <= {"p"}
    assert found.said.strip() == line


@given(SIGNS)
def test_a_field_of_a_table_of_markdown_stays_in_its_column(said: str):
    line = PlainText().text(said).strip()
    style = Markdown()
    table = style.table(["one", "two"], [[style.text(line), "last"]])
    found = read(MarkdownIt("commonmark").enable("table").render(table))
    assert found.tags.count("td") == 2
    assert found.said.split() == ["one", "two", *line.split(), "last"]


@given(SIGNS)
def test_what_is_escaped_for_html_is_read_as_the_same_text(said: str):
    line = PlainText().text(said)
    found = read(f"<p>{Html().text(said)}</p>")
    assert (found.tags, found.said) == (["p"], line)


ATTACK = '<img src=x onerror="alert(1)"> [click](javascript:alert(1)) **bold** | =cmd()'


def attacked() -> Answer:
    cited = paper("Alpha: A Cache", f"Alpha keeps it on disk. {ATTACK} it says.")
    said = Citation.of(cited, cited.sentences[-1], marker=1, score=0.5)
    sentence = Sentence(text=ATTACK, verdict="differs", citations=(said,), reason=ATTACK)
    return Answer(
        question=ATTACK,
        answer=ATTACK,
        refused=False,
        reason=None,
        sentences=(sentence,),
        sources=(Source(marker=1, paper_id=cited.paper_id, title=ATTACK),),
        mode="llm",
        understood_as=ATTACK,
    )


def test_markup_in_a_question_a_title_and_a_sentence_is_text():
    found = read(export(attacked(), {}.get, "html").text)
    assert {"img", "script"}.isdisjoint(found.tags)
    assert found.said.count('<img src=x onerror="alert(1)">') >= 4
    written = (
        MarkdownIt("commonmark").enable("table").render(export(attacked(), {}.get, "markdown").text)
    )
    assert {"img", "a", "strong", "table"}.isdisjoint(read(written).tags)


def test_what_was_searched_for_beside_the_question_is_said():
    receipt = Receipt(
        asked_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        corpus="c",
        n_papers=1,
        setup=Setup(footnote="0", settings={}, model=None),
        queries=("paging", ATTACK),
    )
    answer = attacked().model_copy(update={"receipt": receipt})
    assert f"Also searched for: paging; {ATTACK}" in read(export(answer, {}.get, "html").text).said
    assert "Also searched for: paging" in export(answer, {}.get, "text").text


@pytest.mark.parametrize("form", list(Form))
def test_a_paper_that_is_gone_is_still_cited_by_its_title(form: Form):
    answer = attacked().model_copy(
        update={"sources": (Source(marker=1, paper_id="title:gone", title="The Gone Paper"),)}
    )
    if form is not Form.CSV:  # its rows are of quotes, which keep their own title
        assert "The Gone Paper" in export(answer, {}.get, form).text


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is NanoFlow?", "footnote-what-is-nanoflow.txt"),
        ("../../etc/passwd\0", "footnote-etc-passwd.txt"),
        ("NUL", "footnote-nul.txt"),
        ("漢字", "footnote.txt"),
        ("é" * 300, f"footnote-{'e' * 60}.txt"),
    ],
)
def test_a_file_has_a_name_that_every_system_takes(question: str, name: str):
    answer = attacked().model_copy(update={"question": question})
    assert export(answer, {}.get, "text").name == name


def test_the_letters_of_a_papers_quotes_go_on_after_z():
    long = paper("Alpha", " ".join(f"Sentence number {n} is here." for n in range(28)))
    answer = attacked().model_copy(
        update={
            "sentences": tuple(
                Sentence(
                    text="x",
                    verdict="quoted",
                    citations=(Citation.of(long, span, marker=2, score=0.1),),
                )
                for span in (*long.sentences, long.sentences[0])
            )
        }
    )
    said = list(labels(answer).values())
    assert (said[:2], said[25:]) == (["2a", "2b"], ["2z", "2aa", "2ab"])


def test_an_unknown_form_is_an_error():
    with pytest.raises(ValueError, match="docx"):
        export(attacked(), {}.get, "docx")  # type: ignore[arg-type]


@pytest.mark.parametrize("title", ["Why Do Eels Return?", "Why Do Eels Return", "Eels return."])
def test_a_title_ends_with_one_sign(title: str):
    by = (Name("Ada", "Byron"),)
    assert cited(Reference("k", title, by)) == f"Ada Byron. {title.rstrip('.')}" + "." * (
        not title.endswith("?")
    )
