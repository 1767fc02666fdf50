"""Numbers that upvotes and authors are compared with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.understanding.counts import bounds_of, read_count
from footnote.rag.understanding.encoder import tokens_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("12", 12), ("1,000", 1_000), ("10+", 10), ("٣", 3), ("三", 3), ("zero", 0),
        ("Twelve", 12), ("single", 1), ("no", 0), ("a", 1), ("", None), ("few", None), ("½", None),
        ("1.5", None), ("twenty", 20), ("dozen", 12), ("Hundred", 100), ("-3", None), ("9" * 40, None), ("1000000000", 10**9), ("1000000001", None),
    ],
)  # fmt: skip
def test_counts_are_read_in_figures_and_words(text: str, expected: int | None):
    assert read_count(text) == expected


@given(st.text())
def test_what_is_no_count_is_none(text: str):
    found = read_count(text)
    assert found is None or 0 <= found <= 10**9


def bounds(line: str) -> dict[str, int]:
    """Read a line whose words name themselves: `3:over likes:of_upvotes`."""
    pairs = [word.partition(":") for word in line.split()]
    text = " ".join(word for word, _, _ in pairs)
    tokens = tokens_of(text)
    assert len(tokens) == len(pairs)
    return bounds_of(text, tokens, [label for _, _, label in pairs])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("more than 10:over authors:of_authors", {"min_authors": 11}),
        ("10:least or more likes:of_upvotes", {"min_upvotes": 10}),
        ("more than one:over list:of_sources", {"min_sources": 2}),
        ("fewer than 3:under authors:of_authors", {"max_authors": 2}),
        ("at most 3:most votes:of_upvotes", {"max_upvotes": 3}),
        ("zero:exactly upvotes:of_upvotes", {"min_upvotes": 0, "max_upvotes": 0}),
        ("single:exactly author:of_authors papers", {"min_authors": 1, "max_authors": 1}),
        ("upvotes:of_upvotes over 5:over", {"min_upvotes": 6}),
        (
            "between 5:least and 9:most upvotes:of_upvotes and 2:exactly authors:of_authors",
            {"min_upvotes": 5, "max_upvotes": 9, "min_authors": 2, "max_authors": 2},
        ),
        ("under 0:under upvotes:of_upvotes", {"max_upvotes": 0}),
        ("more than few:over upvotes:of_upvotes", {}),
        ("more than 10:over", {}),
        ("upvotes:of_upvotes", {}),
    ],
)
def test_a_number_is_of_what_is_counted_after_it_or_else_before(line: str, expected: dict):
    assert bounds(line) == expected
