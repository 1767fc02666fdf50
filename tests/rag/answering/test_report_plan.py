"""Plans and orders as models write them, and how papers are shared out among sections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.answering.report_plan import (
    PlannedSection,
    merged,
    rank_choice,
    rank_with,
    read_plan,
    shared_out,
)
from footnote.rag.core.records import Hit
from tests.made import Says, paper

ALPHABET = {
    name: paper(f"{name}: A Cache", f"Caches grow. {name} keeps blocks on disk.")
    for name in "ABCDEF"
}
SECTION = PlannedSection(heading="Places", questions=("Where?",))


def hit(name: str, score: float = 0.5) -> Hit:
    return Hit(paper=ALPHABET[name], score=score, passage=ALPHABET[name].sentences[0])


def names(hits: list[Hit]) -> str:
    return "".join(each.paper.title[0] for each in hits)


def test_a_plan_is_read_from_whatever_stands_around_it_and_is_cut():
    many = '{"heading": "A\\n heading", "questions": ["One?", " ", "\\u200b?", "Two?", "Three?"], "why": 1}'
    empty = '{"heading": " ", "questions": ["One?"]}, {"heading": "B", "questions": [" "]}'
    plan = read_plan(
        f'Sure:\n```json\n{{"title": "T", "sections": [{empty}, {", ".join([many] * 9)}]}}\n```'
    )
    assert plan
    assert len(plan.sections) == 7
    assert plan.sections[0] == PlannedSection(heading="A heading", questions=("One?", "Two?"))


@pytest.mark.parametrize(
    "other",
    [
        '{"heading": 7, "questions": ["One?"]}',
        '{"questions": ["One?"]}',
        '{"heading": "B", "questions": "One?"}',
        '"B"',
    ],
)
def test_a_section_that_is_none_costs_itself_alone(other: str):
    plan = read_plan(
        f'{{"title": "T", "sections": [{other}, {{"heading": "A", "questions": ["Why?"]}}]}}'
    )
    assert plan
    assert [section.heading for section in plan.sections] == ["A"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot.",
        "{}",
        '{"title": "T", "sections": []}',
        '{"title": "T", "sections": [{"heading": "A", "questions": []}]}',
        '{"title": "T", "sections": [{"heading": "A", "questions": ["On',
        '{"title": 1}',
        "{" * 100_000 + "}" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
    ],
)
def test_what_is_no_plan_is_none(text: str):
    assert read_plan(text) is None


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ("3, 1", [2, 0]),
        ("1. A (fits best)\n2. B\n", [0, 1]),
        ("[2], [2], [9], [0]", [1]),
        ("<think>Is 1 on it? No.</think>3", [2]),
        ("NONE", []),
        ("None of them.", []),
        ("I like all of them", None),
    ],
)
def test_only_the_numbers_of_an_order_count(said: str, places: list[int] | None):
    model = Says(said)
    choice = rank_choice(model, SECTION, [hit("A"), hit("B"), hit("C")])
    assert rank_with(model, choice, timeout_s=5) == places


def test_papers_that_do_not_fit_are_not_shown():
    choice = rank_choice(Says(window=640), SECTION, [hit(name) for name in ALPHABET] * 10)
    assert 0 < choice.n_shown < 60
    assert choice.messages[0].content.count("<paper number") == choice.n_shown


def test_a_paper_found_twice_counts_by_the_question_that_it_fits_best():
    found = [[hit("A", 0.9), hit("B", 0.4)], [hit("C", 0.6), hit("B", 0.7)]]
    assert names(merged(found, 3)) == "ABC"
    assert names(merged(found, 2)) == "AB"


def test_each_section_is_given_its_best_papers_in_turn():
    ranked = [[hit(name) for name in order] for order in ("ABC", "DAE", "")]
    assert [*map(names, shared_out(ranked, each=9, most=3))] == ["AB", "DA", ""]
    assert [*map(names, shared_out(ranked, each=1, most=9))] == ["A", "D", ""]


orders = st.lists(st.lists(st.sampled_from("ABCDEF"), unique=True), max_size=5)


@given(orders, st.integers(0, 7), st.integers(0, 7))
def test_shares_are_within_bounds_and_in_order(found: list[list[str]], each: int, most: int):
    shares = shared_out([[hit(name) for name in order] for order in found], each=each, most=most)
    assert len({name for share in shares for name in names(share)}) <= most
    for share, order in zip(shares, found, strict=True):
        assert len(share) <= each
        kept = names(share)
        assert kept == "".join(name for name in order if name in kept)
