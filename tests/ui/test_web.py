"""What the page asks and suggests, without a browser."""

from typing import Any

import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.assistant import Assistant
from footnote.rag.core.records import Paper, Sighting
from footnote.ui.web import earlier_questions, example_questions


def paper(title: str, abstract: str, upvotes: int = 0) -> Paper:
    seen = Sighting(source="page.txt")
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=seen, upvotes=upvotes))


class Stand:
    """Stands for an assistant: the examples read its catalogue alone."""

    def __init__(self, *papers: Paper):
        self.catalogue = self
        self._papers = papers

    def papers(self) -> tuple[Paper, ...]:
        return self._papers


def suggested(*papers: Paper) -> list[str]:
    stand: Any = Stand(*papers)
    assistant: Assistant = stand
    return example_questions(assistant)


NAMED = [
    paper(f"{name}: A Cache", f"{name} keeps the cache on disk.", upvotes)
    for upvotes, name in enumerate(["Alpha", "Beta", "Gamma", "Delta", "Epsilon"])
]


def test_examples_are_of_the_best_liked_papers_that_have_a_name():
    assert suggested(*NAMED) == [
        "What is Epsilon?",
        "What does Delta achieve?",
        "How does Gamma work?",
        "Compare Beta and Alpha",
    ]
    assert suggested(NAMED[0]) == ["What is Alpha?"]


def test_papers_without_a_name_are_asked_about_by_title():
    plain = paper("On caches", "We study caches.")
    assert suggested(plain) == ["What is “On caches” about?"]
    assert suggested() == []


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("What is Alpha?", ["What is Alpha?"]),
        (
            [{"type": "text", "text": "What is"}, {"type": "text", "text": "Alpha?"}],
            ["What is Alpha?"],
        ),
        ([{"type": "file", "file": {"path": "x"}}], []),
        ("  ", []),
        ([], []),
    ],
)
def test_earlier_questions_are_those_of_the_visitor(content: object, question: list[str]):
    answer = {"role": "assistant", "content": "Alpha is a cache. [1]"}
    assert earlier_questions([{"role": "user", "content": content}, answer]) == question
