"""Answers and papers as CSV."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from footnote.export.forms import export
from footnote.export.tables import papers_csv
from footnote.rag.core.records import Answer, Block, Cell, Citation, Sentence, Source
from tests.export.test_references import NASTY, made
from tests.made import paper

ALPHA = paper("=Alpha", "+Alpha keeps the cache on disk. It is fast.")
SAID = Sentence(
    text="+Alpha keeps the cache on disk.",
    verdict="quoted",
    citations=(Citation.of(ALPHA, ALPHA.sentences[0], marker=1, score=0.5),),
)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def answer(*blocks: Block) -> Answer:
    return Answer(
        question="what?",
        answer="",
        refused=False,
        reason=None,
        sentences=(SAID,),
        sources=(Source.of(ALPHA, 1),),
        mode="quote",
        blocks=blocks,
    )


def test_a_table_of_an_answer_is_a_table_with_the_paper_of_each_row():
    table = Block(
        form="table",
        columns=("paper", "proposes"),
        rows=((Cell(text="=Alpha", marker=1), Cell(sentences=(0,))), (Cell(text="none"), Cell())),
    )
    assert rows(export(answer(table), {ALPHA.paper_id: ALPHA}.get, "csv").text) == [
        ["paper", "proposes", "url", "paper_id"],
        ["'=Alpha", "'+Alpha keeps the cache on disk.", "", ALPHA.paper_id],
        ["none", "", "", ""],
    ]


def test_an_answer_without_a_table_is_a_row_a_cited_sentence():
    header, row = rows(export(answer(), {}.get, "csv").text)
    assert dict(zip(header, row, strict=True)) == {
        "sentence": "'+Alpha keeps the cache on disk.",
        "verdict": "quoted",
        "quote": "'+Alpha keeps the cache on disk.",
        "title": "'=Alpha",
        "url": "",
        "paper_id": ALPHA.paper_id,
        "start": "0",
        "end": "31",
    }


@given(st.text(NASTY + "＝＋", min_size=1, max_size=20))
def test_no_field_begins_like_a_formula(title: str):
    [_, row] = rows("".join(papers_csv([made("T").model_copy(update={"title": title})])))
    assert not row[0].lstrip().startswith(tuple("=+-@＝＋－＠"))
