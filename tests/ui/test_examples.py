"""What the page suggests to begin with, without a browser."""

from typing import Any

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.assistant import Assistant
from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Paper, Sighting
from footnote.ui.examples import example_questions


def paper(title: str, abstract: str, upvotes: int = 0) -> Paper:
    seen = Sighting(source="page.txt")
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=seen, upvotes=upvotes))


class Stand:
    """Stands for an assistant: the examples read its catalogue alone."""

    def __init__(self, *papers: Paper):
        self.catalogue = self
        self._papers = papers

    def most_liked(self, limit: int) -> tuple[Paper, ...]:
        return self._papers[:limit]


def suggested(*papers: Paper) -> list[str]:
    stand: Any = Stand(*papers)
    assistant: Assistant = stand
    return [question for _, question in example_questions(assistant)]


NAMED = [
    paper(f"{name}: A Cuckoo Cache", f"{name} keeps the cache on disk.", upvotes)
    for upvotes, name in enumerate(["Alpha", "Beta", "Gamma", "Delta"])
]


def test_examples_are_of_four_kinds_and_of_the_best_liked_papers():
    assert suggested(*NAMED) == [
        "Which papers deal with cuckoo cache?",
        "How does Delta work?",
        "Compare Gamma and Beta",
        "How many papers are there?",
    ]


def test_of_papers_as_liked_the_newer_ones_are_asked_about_though_a_year_is_all_that_is_known():
    dates = {"Alpha": PartialDate(2022), "Beta": PartialDate(2024), "Gamma": PartialDate(2023, 5)}
    named = [
        paper(f"{name}: A Cuckoo Cache", f"{name} keeps the cache.").model_copy(
            update={"date": date}
        )
        for name, date in dates.items()
    ]
    assert suggested(*named)[1:3] == ["How does Beta work?", "Compare Gamma and Alpha"]


def test_papers_without_a_name_are_asked_about_by_title():
    plain = paper("On caches", "We study caches.")
    assert suggested(plain) == ["What is “On caches” about?", "How many papers are there?"]
    assert suggested() == []
