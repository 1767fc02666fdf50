"""Words that are alike and opposed: laws that the tables keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.verification.wording import base, groups, opposites, root


@given(st.from_regex(r"[a-z]{1,24}", fullmatch=True))
def test_a_root_is_no_longer_than_its_word_and_keeps_four_letters(word: str):
    assert len(root(word)) <= len(word)
    assert len(root(word)) >= min(len(word), 4)


@pytest.mark.parametrize(
    ("one", "other"),
    [("quantization", "quantize"), ("improvements", "improved"), ("behaviour", "behavior")],
)
def test_forms_of_a_word_have_one_root(one: str, other: str):
    assert root(one) == root(other)


def test_an_irregular_form_has_its_base():
    assert (base("found"), base("held"), base("cache")) == ("find", "hold", "cache")


def test_no_group_is_empty_and_every_direction_has_its_reverse():
    assert all(groups().values())
    axes = {name.partition("#")[0] for name in groups()}
    assert {axis[:-1] for axis in axes if axis.endswith("+")} == {
        axis[:-1] for axis in axes if axis.endswith("-")
    }


def test_no_word_is_opposed_to_itself():
    assert all(one and other and one != other for one, other in opposites())
