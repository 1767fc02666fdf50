"""Answers that are put together into one."""

import pytest

from footnote.rag.answering.joined import NumberedOnce, with_others
from footnote.rag.core.records import Answer, Block, Cell, Citation, Sentence, Source


def answer_of(*titles: str, refused: bool = False) -> Answer:
    """Answer with a table row a paper, each with a sentence that names it; or refuse."""
    sources = tuple(Source(marker=n, paper_id=t, title=t) for n, t in enumerate(titles, start=1))
    sentences = tuple(
        Sentence(text=f"It is {s.title}.", verdict="quoted", citations=(_citation(s),))
        for s in sources
    )
    rows = tuple(
        (Cell(text=s.title, marker=s.marker), Cell(sentences=(n,))) for n, s in enumerate(sources)
    )
    said = "None." if refused else f"{len(titles)} papers."
    table = Block(form="table", columns=("Paper", "Says"), rows=rows)
    return Answer(
        question="which?", answer=said, refused=refused, reason=said if refused else None,
        sentences=sentences, sources=sources, mode="quote",
        blocks=() if refused else (Block(form="count", text=said, n=len(titles)), table),
    )  # fmt: skip


def _citation(source: Source) -> Citation:
    return Citation(
        marker=source.marker, paper_id=source.paper_id, title=source.title,
        quote=f"It is {source.title}.", start=0, end=6, score=1.0,
    )  # fmt: skip


def test_a_paper_of_both_has_one_number():
    joined = with_others(answer_of("A", "B"), [("the newest", answer_of("C", "A"))])
    assert [(s.marker, s.title) for s in joined.sources] == [(1, "A"), (2, "B"), (3, "C")]
    *_, table = joined.blocks
    assert [row[0].marker for row in table.rows] == [3, 1]
    said = [joined.sentences[at] for row in table.rows for at in row[1].sentences]
    assert [s.text for s in said] == ["It is C.", "It is A."]
    assert [c.marker for s in said for c in s.citations] == [3, 1]
    assert "The newest:" in joined.answer


def test_each_further_answer_stands_under_its_words():
    joined = with_others(answer_of("A"), [("and when?", answer_of("B")), ("whose?", answer_of())])
    headings = [block.heading for block in joined.blocks]
    assert headings == [None, None, "And when?", None, "Whose?", None]


def test_what_was_refused_is_said_in_its_place():
    joined = with_others(answer_of(refused=True), [("the newest", answer_of("A"))])
    assert not joined.refused
    assert [block.text for block in joined.blocks[:2]] == ["None.", "1 papers."]
    joined = with_others(answer_of("A"), [("the newest", answer_of(refused=True))])
    assert joined.blocks[-1].text == "None."
    assert joined.blocks[-1].heading == "The newest"


@pytest.mark.parametrize("others", [[], [("the newest", answer_of(refused=True))]])
def test_where_nothing_is_answered_the_refusal_stays(others: list[tuple[str, Answer]]):
    refusal = answer_of(refused=True)
    assert with_others(refusal, others) is refusal


def test_an_answer_without_sources_moves_nothing():
    numbered = NumberedOnce()
    assert [*numbered.take_in(answer_of())] == [*answer_of().blocks]
    assert numbered.sources == ()


def test_numbers_are_told_with_what_they_count():
    rows = ((Cell(text="2024"), Cell(text="1")), (Cell(text="2023"), Cell(text="12")))
    counts = answer_of().model_copy(
        update={"blocks": (Block(form="table", columns=("Year", "Papers"), rows=rows),)}
    )
    joined = with_others(answer_of("A"), [("per year", counts)])
    assert joined.answer.endswith("Per year:\n- 2024: 1 paper\n- 2023: 12 papers")
