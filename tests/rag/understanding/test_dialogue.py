"""What a line leans on: the paper that was said, the n-th of a list, the question before."""

import pytest

from footnote.rag.core.records import Answer, Source
from footnote.rag.core.request import Act, Kind, Operation, Request
from footnote.rag.understanding.dialogue import refer

ALPHA, BRAVO = (
    Source(marker=n, paper_id=t.lower(), title=t) for n, t in ((1, "Alpha"), (2, "Bravo"))
)


def turn(question: str, *sources: Source, topic: str = "", refused: bool = False) -> Answer:
    return Answer(
        question=question, answer="…", refused=refused, reason="nothing" if refused else None,
        sentences=(), sources=sources, mode="quote",
        request=Request(question=question, kind=Kind.EXPLANATION, topic=topic),
    )  # fmt: skip


def line(text: str, act: Act, **said: object) -> Request:
    return Request.model_validate({"question": text, "kind": Kind.NUMBER, "act": act} | said)


def always(_alone: Request, _leaning: Request) -> bool:
    return True


def never(_alone: Request, _leaning: Request) -> bool:
    return False


def test_a_follow_up_is_about_the_paper_that_was_said():
    asked = line("how much memory?", Act.FOLLOW_UP)
    found = refer(asked, [turn("what is Alpha", ALPHA)], leans=always)
    assert found.question == "Alpha: how much memory?"
    assert found.refers_to == ("alpha",)


def test_a_follow_up_to_several_papers_asks_further_of_all_of_them():
    asked = line("how much memory?", Act.FOLLOW_UP)
    found = refer(asked, [turn("which caches", ALPHA, BRAVO)], leans=always)
    assert found.question == "which caches: how much memory?"
    assert found.refers_to == ("alpha", "bravo")


def test_a_line_that_only_names_another_thing_asks_the_same_of_it():
    asked = line("and for Medusa?", Act.FOLLOW_UP, topic="Medusa")
    before = turn("how fast is Alpha", ALPHA, topic="Alpha")
    found = refer(asked, [before], leans=never)
    assert (found.question, found.kind) == ("how fast is Medusa", Kind.EXPLANATION)


def test_a_line_that_only_names_another_thing_asks_it_what_a_follow_up_asked():
    asked = line("and Medusa?", Act.FOLLOW_UP, topic="Medusa")
    leant = turn("how fast?", ALPHA)
    request = leant.request.model_copy(update={"question": "Alpha: how fast?"})
    before = leant.model_copy(update={"request": request})
    found = refer(asked, [before], leans=never)
    assert found.question == "Medusa: how fast?"


def test_a_follow_up_asks_the_papers_unless_the_collection_was_asked():
    asked = line("and the first ones?", Act.FOLLOW_UP).model_copy(update={"kind": Kind.CATALOGUE})
    before = turn("what is Alpha", ALPHA)
    assert refer(asked, [before], leans=always).kind is Kind.EXPLANATION
    of_all = before.request.model_copy(update={"kind": Kind.CATALOGUE})
    counted = before.model_copy(update={"request": of_all})
    assert refer(asked, [counted], leans=always).kind is Kind.CATALOGUE


@pytest.mark.parametrize(
    ("named", "sides"),
    [(("Medusa",), ("Alpha", "Medusa")), ((), ("Alpha", "Bravo"))],
)
def test_a_comparison_that_names_too_few_is_one_with_what_was_said(
    named: tuple[str, ...], sides: tuple[str, ...]
):
    asked = line("vs it?", Act.NEW, kind=Kind.COMPARISON, sides=named)
    found = refer(asked, [turn("which caches", ALPHA, BRAVO)], leans=never)
    assert (found.sides, found.act) == (sides, Act.FOLLOW_UP)


def test_nothing_but_a_name_is_compared_with_nothing():
    asked = line("Medusa models?", Act.NEW, kind=Kind.COMPARISON, sides=("Medusa models",))
    found = refer(asked, [turn("which caches", ALPHA, BRAVO)], leans=never)
    assert (found.question, found.act) == ("Medusa models?", Act.NEW)


def test_a_comparison_that_names_too_few_after_a_refusal_stands_alone():
    asked = line("vs it?", Act.NEW, kind=Kind.COMPARISON)
    found = refer(asked, [turn("how do whales sleep", refused=True)], leans=never)
    assert (found.sides, found.act) == ((), Act.NEW)


def test_a_follow_up_that_other_papers_answer_stands_alone():
    asked = line("speculative decoding?", Act.FOLLOW_UP)
    found = refer(asked, [turn("what is Alpha", ALPHA)], leans=never)
    assert found == line("speculative decoding?", Act.NEW)


def test_a_new_line_that_means_the_paper_that_was_said_leans_on_it():
    asked = line("memory use on phones", Act.NEW)
    found = refer(asked, [turn("what is Alpha", ALPHA)], leans=always)
    assert (found.question, found.act) == ("Alpha: memory use on phones", Act.FOLLOW_UP)


def test_a_new_line_of_no_paper_is_never_asked_of_one():
    for kind in (Kind.CATALOGUE, Kind.CHAT):
        asked = line("how many are there", Act.NEW).model_copy(update={"kind": kind})
        assert refer(asked, [turn("what is Alpha", ALPHA)], leans=always) == asked


def test_a_follow_up_is_no_small_talk():
    asked = line("so what is the catch", Act.FOLLOW_UP).model_copy(update={"kind": Kind.CHAT})
    found = refer(asked, [turn("what is Alpha", ALPHA)], leans=always)
    assert found.kind is Kind.EXPLANATION


def test_a_follow_up_to_a_refusal_is_about_what_was_asked_there():
    before = turn("what is Medusa", refused=True)
    found = refer(line("how fast?", Act.FOLLOW_UP), [before], leans=always)
    assert found.question == "what is Medusa: how fast?"


def test_a_refusal_between_does_not_hide_what_was_said():
    turns = [turn("what is Alpha", ALPHA), turn("who pays", refused=True)]
    assert refer(line("how fast?", Act.FOLLOW_UP), turns, leans=always).refers_to == ("alpha",)


def test_the_second_one_is_the_second_source_and_the_last_one_the_last():
    turns = [turn("which systems", ALPHA, BRAVO)]
    for nth in (2, -1):
        found = refer(line("the second one", Act.NTH, nth=nth), turns, leans=always)
        assert (found.refers_to, found.kind) == (("bravo",), Kind.EXPLANATION)


def test_one_that_is_not_in_the_list_is_asked_as_it_stands():
    asked = line("the ninth one", Act.NTH, nth=9)
    assert refer(asked, [turn("which systems", ALPHA)], leans=always) == asked


def test_a_correction_asks_the_same_of_something_else():
    before = turn("how does attention work", ALPHA, topic="attention")
    asked = line("no, attention sinks", Act.CORRECTION, topic="attention sinks")
    found = refer(asked, [before], leans=always)
    assert (found.question, found.kind) == ("how does attention sinks work", Kind.EXPLANATION)


def test_a_title_of_any_length_is_cut():
    long = Source(marker=1, paper_id="x", title="a" * 4_000)
    found = refer(line("how?", Act.FOLLOW_UP), [turn("what", long)], leans=always)
    assert len(found.question) < 600


def listing(**said: object) -> Answer:
    before = turn("papers on alpha", ALPHA, BRAVO, topic="alpha")
    request = Request.model_validate(
        {"question": "papers on alpha", "kind": Kind.SURVEY, "topic": "alpha"} | said
    )
    return before.model_copy(update={"request": request})


def test_a_list_is_narrowed_by_what_its_follow_up_says_of_records():
    before = listing(filters={"organisation": "ACME"})
    asked = line(
        "only those since 2024", Act.FOLLOW_UP, kind=Kind.CATALOGUE, operation=Operation.BY_SOURCE,
        filters={"since": "2024-01-01"},
    )  # fmt: skip
    found = refer(asked, [before], leans=never)
    assert (found.question, found.kind, found.act) == (
        "papers on alpha",
        Kind.SURVEY,
        Act.FOLLOW_UP,
    )
    assert found.filters.model_dump(exclude_none=True, mode="json") == {
        "since": "2024-01-01",
        "organisation": "ACME",
    }
    counted = asked.model_copy(update={"operation": Operation.COUNT})
    found = refer(counted, [before], leans=never)
    assert (found.kind, found.operation, found.topic) == (
        Kind.CATALOGUE,
        Operation.COUNT,
        "alpha",
    )


def test_a_count_is_asked_again_of_another_topic():
    before = listing(
        question="how many papers on alpha", kind=Kind.CATALOGUE, operation=Operation.COUNT,
        filters={"since": "2024-01-01"},
    )  # fmt: skip
    asked = line("and on bravo?", Act.FOLLOW_UP, kind=Kind.CATALOGUE, topic="bravo")
    found = refer(asked, [before], leans=always)
    assert (found.question, found.topic, found.operation) == (
        "how many papers on bravo",
        "bravo",
        Operation.COUNT,
    )
    assert before.request
    assert found.filters == before.request.filters
    # A question of its own is no list.
    other = line("what is bravo?", Act.FOLLOW_UP, kind=Kind.DEFINITION, topic="bravo")
    assert refer(other, [before], leans=always).kind is Kind.DEFINITION
