from typing import Any

import pytest

from footnote.ingest.identity.explain import Explanation
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.answering.citations import cite, refuse
from footnote.rag.core.records import (
    Answer,
    Citation,
    Sentence,
    Sighting,
    Source,
    Verdict,
    Writing,
)
from footnote.ui.render import (
    explanation_lines,
    not_asked_note,
    receipt_notes,
    seen_in,
    sentence_text,
    source_text,
    writing_note,
)
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

NO_DRAFT = drafted(confidence=0.1)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2025-03-14", "page.txt (2025-03-14)"),
        ("--03-14", "page.txt (14 March, year not given)"),
        ("--12-01", "page.txt (1 December, year not given)"),
        (None, "page.txt"),
    ],
)
def test_the_day_of_a_page_is_said_as_far_as_it_is_known(day: str | None, said: str):
    assert seen_in("page.txt", day) == said
    ids = dict.fromkeys(("arxiv_id", "version_number", "doi", "cite_key"))
    record = {"number": 1, "source": "page.txt", "day": day, "title": "T", "abstract": "A", **ids}
    known = {"paper_id": "x", "title": "T", "aliases": (), "records": (record,), "joins": ()}
    assert said in explanation_lines(Explanation.model_validate(known))[1]


def test_a_cited_paper_is_listed_with_its_version_and_its_withdrawal():
    known = {
        "title": "Evil: T",
        "version_number": 2,
        "withdrawn": True,
        "notice": "a lemma is wrong",
    }
    paper = PAPER.model_copy(update=known)
    [source] = cite(request(), drafted(evidence(paper, 0))).sources
    assert source_text(source) == "[1] Evil: T, v2, Withdrawn or retracted: a lemma is wrong"
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


def test_a_verdict_is_shown_in_the_terminal():
    assert sentence_text(sentence("It is so.", "quoted")) == "It is so. [1]"
    assert (
        sentence_text(sentence("It is so.", "differs", "no 2")) == "It is so. [1] (differs: no 2)"
    )
    assert sentence_text(sentence("It is so.", "unbound")) == "It is so. (uncited)"


def test_the_note_of_an_answer():
    assert writing_note(refuse(request(), NO_DRAFT, "No.")) is None
    note = writing_note(written(left_out=2, fault="did not answer in time"))
    assert note == (
        "Written by <b>small</b>. It ends early: the model did not answer in time. "
        "2 statements of the draft were left out: no sentence here says so."
    )


def test_statements_are_counted_by_what_is_written_behind_them_wherever_they_are_read():
    """A pipe shows no italics."""
    said = written(sentence("It is so.", "quoted"), sentence("All is well.", "unbound"))
    assert "Of its statements: 1 quoted, 1 uncited." in (writing_note(said) or "")


def test_papers_that_could_not_be_asked_are_counted_in_a_line():
    answer = refuse(request(), NO_DRAFT, "No.")
    assert not_asked_note(answer.receipt) is None
    assert not_asked_note(without(answer, 0).receipt) is None
    [note] = receipt_notes(without(answer, 102).receipt)
    assert note.startswith("102 of 408 papers could not")
