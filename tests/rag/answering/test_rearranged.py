"""The same answer in another form."""

import pytest

from footnote.rag.answering.citations import cite, refuse
from footnote.rag.answering.plans import survey
from footnote.rag.answering.rearranged import rearrange
from footnote.rag.core.records import Answer
from footnote.rag.core.request import Act
from tests.made import drafted, evidence, paper, request

ALPHA = paper("Alpha: A Cache", "Caches grow. Alpha keeps blocks on disk. It is fast.")
BRAVO = paper("Bravo: A Router", "Bravo routes questions. It is cheap.")
PROSE = cite(request(), drafted(evidence(ALPHA, 1), evidence(BRAVO, 0), evidence(ALPHA, 2)))
ROWS = drafted()._replace(parts=(survey([[evidence(ALPHA, 1)], [evidence(BRAVO, 0)]] * 4),))


def rearranged(answer: Answer, act: Act) -> Answer:
    return rearrange([answer], request().model_copy(update={"act": act}))


def test_shorter_keeps_the_likeliest_sentence_and_its_source_alone():
    said = drafted(evidence(BRAVO, 1, score=0.4), evidence(ALPHA, 1, score=0.9))
    answer = rearranged(cite(request(), said), Act.SHORTER)
    assert answer.answer == "Alpha keeps blocks on disk. [2]"
    assert [s.title for s in answer.sources] == [ALPHA.title]


def test_what_is_one_sentence_is_said_to_be_the_shortest():
    answer = rearranged(cite(request(), drafted(evidence(ALPHA, 1))), Act.SHORTER)
    assert answer.answer.startswith("This one sentence is the shortest")


def test_a_table_of_one_paper_takes_in_the_one_that_was_asked_about_before():
    first = cite(request(), drafted(evidence(ALPHA, 1)))
    then = cite(request(), drafted(evidence(BRAVO, 0)))
    follows = then.model_copy(update={"request": request(act=Act.FOLLOW_UP)})
    [block] = rearrange([first, follows], request(act=Act.TABLE)).blocks
    assert [row[0].text for row in block.rows] == [ALPHA.title, BRAVO.title]
    anew = then.model_copy(update={"request": request(act=Act.NEW)})
    [block] = rearrange([first, anew], request(act=Act.TABLE)).blocks
    assert [row[0].text for row in block.rows] == [BRAVO.title]


def test_what_was_said_before_a_refusal_is_rearranged():
    refusal = refuse(request(), drafted(), "Nothing here.")
    answer = rearrange([PROSE, refusal], request(act=Act.LIST))
    assert answer.answer.count("\n- ") == 2


def test_shorter_keeps_the_first_rows_of_a_table():
    [block] = rearranged(cite(request(), ROWS), Act.SHORTER).blocks
    assert (len(block.rows), block.n_more) == (5, 3)


def test_a_table_has_a_row_a_paper_with_all_it_says():
    [block] = rearranged(PROSE, Act.TABLE).blocks
    assert [(row[0].text, row[1].sentences) for row in block.rows] == [
        (ALPHA.title, (0, 1)), (BRAVO.title, (2,)),
    ]  # fmt: skip
    assert [cell.text for cell in block.rows[0]] == [ALPHA.title, ""]


def test_a_table_is_written_as_markdown():
    lines = rearranged(PROSE, Act.TABLE).answer.splitlines()
    assert lines[:2] == ["| Paper | What it says |", "| --- | --- |"]
    assert (
        lines[2]
        == f"| {ALPHA.title} [1] | Alpha keeps blocks on disk. [1] Alpha: It is fast. [1] |"
    )
    assert len(lines) == 4


def test_a_list_has_a_line_a_sentence():
    assert rearranged(PROSE, Act.LIST).answer.count("\n- ") == 2


@pytest.mark.parametrize("act", [Act.SHORTER, Act.TABLE, Act.LIST])
def test_a_refusal_stays_as_it_is(act: Act):
    refusal = refuse(request(), drafted(), "Nothing here.")
    assert rearranged(refusal, act) == refusal
