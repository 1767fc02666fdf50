"""Which papers are about a topic, by scores and vectors made by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from footnote.rag.answering.topic import on_topic
from footnote.rag.core.records import Hit
from tests.made import paper

# The worse half scores 0.2 on average.
SCORES = {"A": 0.8, "B": 0.6, "C": 0.55, "D": 0.49, "E": 0.2, "F": 0.2, "G": 0.2, "H": 0.2}
HITS = [
    Hit(paper=own, score=score, passage=own.sentences[0])
    for name, score in SCORES.items()
    for own in [paper(name, f"{name} keeps blocks on disk.")]
]


def names(hits: Sequence[Hit]) -> str:
    return "".join(hit.paper.title for hit in hits)


def vectors(**by_name: Sequence[float]):
    width = len(next(iter(by_name.values()), (0.0,)))
    by_id = {hit.paper.paper_id: by_name.get(hit.paper.title) for hit in HITS}

    def of(paper_ids: Sequence[str]) -> np.ndarray:
        return np.array([by_id[each] or [0.0] * width for each in paper_ids], np.float32)

    return of


def test_those_nearer_to_the_best_than_to_the_background_are_on_topic():
    assert names(on_topic(HITS)) == "ABC"
    assert on_topic([]) == []
    assert names(on_topic(HITS[:1])) == "A"


def test_a_paper_like_the_best_few_is_drawn_up_to_them():
    """The better half has (0.75, 0.25) in common: A, B and D lie on one side of it, C alone.

    Shares are 0.6, 0.4, 0.35 and 0.29, and 0.01 for E, of which nothing is known. A is drawn by
    0.2 * (0.4 - 0.35 + 0.29) / 1.05, to 0.865, so the floor is 0.2 + 0.55 * 0.665 = 0.566; D by
    0.2 * (0.6 + 0.4 - 0.35) / 1.36, to 0.586; C is drawn down to 0.35.
    """
    alike = vectors(A=(1, 0), B=(1, 0), C=(0, 1), D=(1, 0))
    assert names(on_topic(HITS, alike)) == "ABD"
    assert names(on_topic(HITS, vectors(A=(0, 1), B=(0, 1), C=(0, 1), D=(1, 0)))) == "ABC"


def test_what_all_have_in_common_draws_none():
    same = vectors(**dict.fromkeys(SCORES, (0.6, 0.8)))
    assert names(on_topic(HITS, same)) == "ABC"


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_papers_of_which_nothing_is_known_go_by_their_scores(n: int):
    assert on_topic(HITS[:n], vectors()) == on_topic(HITS[:n])


def test_a_paper_that_says_the_words_of_the_topic_is_on_it_from_less_far_on():
    # Of the way from 0.2 to 0.8 D is 0.48, E none: words alone do not suffice.
    said = dict.fromkeys(SCORES, 0.0) | {"D": 0.7, "E": 1.0}
    assert names(on_topic(HITS, said=list(said.values()))) == "ABCD"
    said["D"] = 0.69
    assert names(on_topic(HITS, said=list(said.values()))) == "ABC"
