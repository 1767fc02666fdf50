"""What a statement has that its sentences do not, each rule by itself."""

import datetime

import pytest

from footnote.rag.core.records import Paper
from footnote.rag.verification.binding import Bound
from footnote.rag.verification.vetoes import difference, is_contradicted
from tests.made import paper

ALPHA = paper(
    "Alpha: A Cache on Disk",
    "Caches grow. Alpha keeps blocks on disk. Decoding on H100 is up to 2.5× faster than paging. "
    "It does not need a network. Memory falls by 40% on SmallThinker-21B-A3B. A cache takes 4 GB. "
    "It is not true that blocks are never lost.",
).model_copy(update={"date": datetime.date(2023, 5, 1)})  # fmt: skip
BRAVO = paper("Bravo: Routing", "Bravo routes questions to models. The bill falls by 60%.")
DISK, SPEED, NETWORK, MEMORY, SIZE, LOST = range(1, 7)


def bound(*numbers: int, of: Paper = ALPHA, share: float = 1.0) -> list[Bound]:
    return [Bound(of, number, share) for number in numbers]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("12 ideas come together.", id="own-count-in-digits"),
        pytest.param("Twenty ideas come together.", id="number-in-words"),
        pytest.param("Throughput doubles.", id="turn"),
        pytest.param("A model of 21B was tried.", id="number-in-a-name"),
        pytest.param("In 2023 memory fell by 40%.", id="year-of-the-paper"),
        pytest.param("It is up to 2.5× faster, and 2.5× on H100.", id="bounded-once"),
        pytest.param("The H100s were tried.", id="plural-of-a-name"),
        pytest.param("It runs on 8xA100.", id="other-series"),
    ],
)
def test_what_is_no_difference(text: str):
    assert difference(text, bound(SPEED, MEMORY, share=0.5)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("13 ideas come together.", "13", id="more-than-a-reader-counts"),
        pytest.param("1.5 ideas come together.", "1.5", id="nothing-is-counted-so"),
        pytest.param("Memory falls by 5%.", "5%", id="small-and-measured"),
        pytest.param("Twenty ideas, 3 of them new, save 50%.", "50%", id="after-what-is-passed-over"),
        pytest.param("A model of 1B was tried.", "1B", id="part-of-the-number-in-a-name"),
        pytest.param("In 2024 memory fell by 40%.", "2024", id="another-year"),
        pytest.param("A cache takes 4 MB.", "4 MB", id="the-same-digits-in-another-unit"),
    ],
)  # fmt: skip
def test_a_number_that_no_sentence_has(text: str, said: str):
    found = difference(text, bound(MEMORY, SIZE, share=0.5))
    assert found == f"“{said}” is not in the sentences cited"


DRIFT = paper(
    "GlassWing: Seeing Moths",
    "GlassWing-50 reaches an accuracy of 91% over 24 families and counts 500 moths a minute.",
).model_copy(update={"date": datetime.date(2025, 2, 20)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("GlassWing reaches an accuracy of 95%.", "95%", id="reckoned-of-two-counts"),
        pytest.param("GlassWing is accurate to 99%.", "99%", id="reckoned-with-a-year"),
        pytest.param("It has a precision of 95 percent.", "95 percent", id="percent"),
        pytest.param("It reaches ninety-five percent.", "ninety-five percent", id="in-words"),
        pytest.param("It reaches an accuracy of 50%.", "50%", id="the-number-of-a-name"),
    ],
)
def test_a_share_follows_from_no_figures_of_other_things(text: str, said: str):
    bounds = bound(0, of=DRIFT, share=0.5)
    assert difference(text, bounds) == f"“{said}” is not in the sentences cited"
    assert is_contradicted(text, bounds)


@pytest.mark.parametrize("text", ["It reaches 91%.", "It reaches ninety-one percent."])
def test_a_share_that_is_said_is_no_difference(text: str):
    assert difference(text, bound(0, of=DRIFT, share=0.5)) is None


def test_a_bound_is_told_from_another():
    at_most = paper("Echo", "A cache takes at most 4 GB. It took 4 GB once.")
    assert difference("A cache takes 4 GB.", bound(0, of=at_most, share=0.5)) == (
        "“4 GB” is said there as an upper bound"
    )
    assert difference("A cache takes 4 GB.", bound(0, 1, of=at_most, share=0.5)) is None


@pytest.mark.parametrize(
    ("text", "is_merged"),
    [
        ("It saves 40% of memory and 60% of the bill.", True),
        ("Alpha saves 40% of memory and Bravo 60% of the bill.", False),
        ("Alpha saves 40% of memory and 60% of the bill.", True),
        ("It saves 40% of memory in 12 ways.", False),
    ],
)
def test_figures_of_two_papers_are_told_apart_by_names_alone(text: str, *, is_merged: bool):
    found = difference(text, [*bound(MEMORY, share=0.5), *bound(1, of=BRAVO, share=0.5)])
    assert found == ("figures of two papers stand in one statement" if is_merged else None)


@pytest.mark.parametrize("text", ["Decoding is up to 2.5x faster.", "H100s were tried."])
def test_a_figure_or_a_plural_is_no_name_of_another_paper(text: str):
    other = paper("Delta", "Delta is 2.5x smaller on H100s.")
    assert difference(text, bound(SPEED, share=0.5), [other]) is None


@pytest.mark.parametrize(
    ("title", "text", "is_its"),
    [
        ("Medusa: Heads: Simple", "Medusa keeps blocks.", True),
        ("Medusa Two: Heads", "Medusa keeps blocks.", True),
        ("Medusa and the Heads: Simple", "Medusa keeps blocks.", False),
        ("Medusa", "Medusa keeps blocks.", False),
        ("Kv: Heads", "Kv blocks are kept.", False),
        ("Medusa: Heads", "medusa keeps blocks.", False),
    ],
)
def test_only_what_a_title_calls_its_system_is_another_paper_s(
    title: str, text: str, *, is_its: bool
):
    found = difference(text, bound(DISK, share=0.5), [paper(title, "Heads guess words.")])
    assert found == ("“Medusa” is another paper's, and in none that is cited" if is_its else None)


@pytest.mark.parametrize(
    ("text", "share", "n", "reason"),
    [
        ("It never needs a network.", 1.0, 1, None),
        ("It needs a network.", 0.9, 1, "says what the sentence denies"),
        ("It needs a network.", 0.89, 1, None),
        ("It needs a network.", 0.9, 2, None),
        ("It is not that it does not need a network.", 1.0, 1, "says what the sentence denies"),
    ],
)
def test_a_denial_is_said_of_what_says_nearly_the_same(
    text: str, share: float, n: int, reason: str | None
):
    there = [*bound(NETWORK, share=share), *bound(DISK, share=0.1)][:n]
    assert difference(text, there) == reason


@pytest.mark.parametrize(
    ("share", "reason"), [(0.75, "denies what the sentence cited says"), (0.74, None)]
)
def test_what_is_denied_beside_a_sentence_that_says_too_little_is_something_else(
    share: float, reason: str | None
):
    assert difference("Alpha never keeps blocks on disk.", bound(DISK, share=share)) == reason


def test_a_denial_of_a_denial_denies_nothing():
    assert difference("Blocks are lost.", bound(LOST)) is None


@pytest.mark.parametrize(
    ("text", "numbers", "is_against"),
    [
        pytest.param("Memory falls by 50%.", [MEMORY], True, id="another-figure"),
        pytest.param("Memory falls by 40%.", [MEMORY], False, id="the-figure"),
        pytest.param("Memory falls by 40%, by half on H100.", [MEMORY], False, id="in-words"),
        pytest.param("Half of it goes: memory falls by 50%.", [MEMORY], True, id="after-words"),
        pytest.param("A cache takes 8 GB.", [MEMORY], False, id="no-figure-in-that-unit"),
        pytest.param("A cache takes 4 MB.", [SIZE], True, id="the-same-digits"),
        pytest.param("It has 50 parts.", [SIZE], False, id="what-is-counted"),
        pytest.param("DeepSpeed lets memory fall by 50%.", [MEMORY], False, id="of-something-else"),
        pytest.param("It does need a network.", [NETWORK], True, id="denied-there"),
        pytest.param("Alpha never keeps blocks on disk.", [DISK], True, id="denies"),
    ],
)
def test_what_speaks_against_a_statement(text: str, numbers: list[int], *, is_against: bool):
    assert is_contradicted(text, bound(*numbers)) is is_against
