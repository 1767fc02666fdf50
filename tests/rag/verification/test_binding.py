"""Statements bound to the sentences that say them; every word weighs the same."""

import pytest

from footnote.rag.core.text import words
from footnote.rag.verification.binding import Binder, Bound, Cited
from tests.made import paper


class Words:
    """Every word weighs the same and is its own stem."""

    def terms(self, text: str) -> list[str]:
        return words(text)

    def idf(self, term: str) -> float:
        return 1.0


BINDER = Binder(Words())


def numbers(found: list[Bound]) -> list[int]:
    return [bound.number for bound in found]


@pytest.mark.parametrize(
    ("abstract", "text", "expected"),
    [
        # Of four words the first says two, the second three; together they say no more.
        pytest.param(
            "ant bee rat. Ant bee cow.", "ant bee cow dog", [1], id="the-one-that-says-most"
        ),
        pytest.param("ant bee. Ant bee.", "ant bee", [0], id="the-first-of-equals"),
        # The second says a sixth of it more: 0.167 is enough, an eighth is not.
        pytest.param(
            "ant bee cow dog. Elk rat.", "ant bee cow dog elk fox", [0, 1], id="a-second-that-adds"
        ),
        pytest.param(
            "ant bee cow dog. Elk rat.",
            "ant bee cow dog elk fox gnu hen",
            [0],
            id="a-second-that-adds-little",
        ),
        pytest.param(
            "ant bee cow dog. Rat sow. Elk fox.",
            "ant bee cow dog elk fox",
            [0, 2],
            id="not-the-next-but-the-best",
        ),
        pytest.param(
            "ant bee cow dog. Pig elk. Sow elk.",
            "ant bee cow dog elk",
            [0, 1],
            id="the-first-of-equal-seconds",
        ),
        pytest.param("ant bee cow dog.", "ant bee", [0], id="alone"),
        pytest.param(
            "ant bee cow. Toad.",
            "ant bee cow dog elk fox gnu hen ibis jay koi lynx",
            [],
            id="too-little",
        ),
    ],
)
def test_of_a_paper_those_sentences_are_bound_that_say_most(
    abstract: str, text: str, expected: list[int]
):
    assert numbers(BINDER.bind(text, [Cited(paper("P", abstract))])) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ant bee cow dog elk fox, at 40%", [0, 2], id="stated-elsewhere"),
        pytest.param("ant bee cow dog elk fox, at 5 GB", [0], id="stated-nowhere"),
        pytest.param("ant bee cow dog elk fox, at 40% and 3 GB", [0, 1, 2], id="two-figures"),
        pytest.param("ant bee cow dog elk fox, at 7 ms", [0], id="stated-there-and-again"),
    ],
)
def test_a_sentence_that_states_a_figure_is_bound_once(text: str, expected: list[int]):
    found = paper(
        "P", "7 ms ant bee cow dog elk fox. Rat 3 GB pig. Sow 40% hen. Toad 40% 7 ms owl."
    )
    assert numbers(BINDER.bind(text, [Cited(found)])) == expected


def test_a_paper_that_says_too_little_hides_no_other():
    one, other = paper("One", "rat sow toad."), paper("Other", "ant bee.")
    found = BINDER.bind("ant bee", [Cited(one), Cited(other)])
    assert [(b.paper, b.number, b.share) for b in found] == [(other, 0, 1.0)]


def test_a_sentence_that_is_named_is_bound_whatever_it_says():
    found = BINDER.bind("ant bee", [Cited(paper("One", "rat sow toad. Ant cow."), 0)])
    assert [(b.number, b.share) for b in found] == [(0, 0.0)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ant bee cow dog", "One", id="the-first-of-equals"),
        pytest.param("ant bee elk fox", "Other", id="the-one-that-says-most"),
        # 11 of 20 words are 0.55; 6 of 11 are less.
        pytest.param(
            "gnu hen ibis jay koi lynx mole newt owl pig quail 1a 2b 3c 4d 5e 6f 7g 8h 9i",
            "Last",
            id="just-enough",
        ),
        pytest.param("gnu hen ibis jay koi lynx 1a 2b 3c 4d 5e", None, id="too-little"),
    ],
)
def test_what_names_no_source_is_bound_to_the_paper_that_says_it(text: str, expected: str | None):
    papers = [
        paper("One", "ant bee cow dog."), paper("Other", "ant bee cow dog elk fox."), paper("Last", "gnu hen ibis jay koi lynx mole newt owl pig quail."),
    ]  # fmt: skip
    found = BINDER.search(text, papers)
    assert [b.paper.title for b in found] == ([expected] if expected else [])
