"""Roles of sentences, over abstracts that no head was fitted to."""

import pytest

from footnote.rag.answering.roles import Role, roles_of, sentence_features
from tests.made import paper

ABSTRACT = paper(
    "Gamma: Ice in Pipes",
    "Water pipes are used in every town. However, they burst in winter, and nobody knows where. "
    "We present Gamma, a listening device for pipes. It compares the sound at both ends. "
    "In 40 streets it found 92% of the leaks. Code is available at our site.",
)


def test_each_sentence_has_a_role_and_probabilities_that_sum_to_one():
    roles = roles_of(ABSTRACT)
    assert len(roles) == len(ABSTRACT.sentences)
    assert all(sum(r.probabilities) == pytest.approx(1, abs=1e-5) for r in roles)


def test_the_roles_of_a_plain_abstract():
    roles = [r.best for r in roles_of(ABSTRACT)]
    assert roles[0] in {Role.BACKGROUND, Role.PROBLEM}
    assert roles[2] is Role.IDEA
    assert roles[4] is Role.RESULT
    assert roles[5] is Role.ASIDE


def test_what_begins_with_it_or_however_leans_on_what_stands_before():
    leans = [r.leans for r in roles_of(ABSTRACT)]
    assert leans[1]
    assert leans[3]
    assert not leans[2]


def test_the_first_sentence_leans_on_nothing():
    assert not roles_of(paper("Delta", "However, it is so. They were late."))[0].leans


def test_a_number_is_a_number_whatever_it_is():
    assert list(sentence_features("It saves 40.", 0, 1)) == list(
        sentence_features("It saves 7.", 0, 1)
    )
