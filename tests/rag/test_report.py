"""A report with a stand-in for a model: what it asks, what it keeps, what it falls back to."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from footnote.rag import build
from footnote.rag.build import open_assistant, open_report
from footnote.rag.core.config import Config
from footnote.rag.core.errors import GenerationError, IndexAccessError
from footnote.rag.core.records import Answer, Report
from footnote.rag.core.request import Filters
from footnote.rag.llm.port import End, Message, Put
from footnote.rag.report import ReportWriter
from tests.rag.test_live import config_for, take_in

TOPIC = "caches of language models"
PAPERS = [
    {
        "title": f"{name}: A Cache",
        "abstract": f"Caches of language models grow. {name} keeps the cache on {place}. "
        f"{name} is {n}x faster than a cache without it.",
    }
    for n, (name, place) in enumerate(
        [("Alpha", "disk"), ("Bravo", "tape"), ("Carol", "flash"), ("Delta", "paper")], start=2
    )
]
OTHER = {"title": "Echo: Birds", "abstract": "Birds sing at dawn. Echo counts them by ear."}
PLAN = {
    "title": "Where Caches Lie",
    "sections": [
        {
            "heading": "Places",
            "questions": ["Where do language models keep the cache?"],
            "queries": ["birds at dawn", 7],
        },
        {"heading": "Speed", "questions": ["How much faster is a cache?"]},
    ],
}
N_CALLS = 1 + 2 + 2


class Strong:
    """Plans, orders and writes; the n-th call is interrupted, and what is named fails."""

    name = "strong-one"
    context_window = 8_000
    max_tokens = 1_000

    def __init__(self, *, interrupted_at: int = 0, failing: str = "", plan: object = PLAN):
        self.asked: list[str] = []
        self._interrupted_at = interrupted_at
        self._failing = failing
        self._plan = plan

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        prompt = messages[-1].content
        self.asked.append(prompt)
        if len(self.asked) == self._interrupted_at:
            raise KeyboardInterrupt
        if self._failing and self._failing in prompt:
            put(GenerationError("was too slow"))
        else:
            put(self._said(prompt))
            put(End(complete=True))
        return lambda: None

    def _said(self, prompt: str) -> str:
        if prompt.startswith("You plan"):
            return f"Gladly. {json.dumps(self._plan)}"
        if prompt.startswith("Papers of"):
            return "The best are 2, 1, 99 and 2; then 3 and 4."
        names = re.findall(r'number="\d+" title="(\w+):', prompt)
        if "section “Speed”" in prompt:
            return " ".join(f"{name} makes it faster [{n}.3]." for n, name in enumerate(names, 1))
        return "\n".join(f"- {name} keeps it elsewhere [{n}.2]" for n, name in enumerate(names, 1))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_for(tmp_path / "index", llm={"profile": "strong", "price_in": 1.0})
    take_in(config, *PAPERS, OTHER)
    return config


Begin = Callable[..., ReportWriter]


@pytest.fixture
def begin(config: Config, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Begin the report, as a program that was just started does."""

    def begin(model: Strong | None, papers: int = 30) -> ReportWriter:
        monkeypatch.setattr(build, "load_writing_model", lambda _: model)
        return open_report(config, open_assistant(config), TOPIC, papers=papers)

    return begin


def whole(job: ReportWriter) -> Report:
    return job.written(lambda *_: None)


def remarks(report: Report) -> list[str]:
    """The limits."""
    return [report.answer.blocks[at].text or "" for at in report.sections[-1].blocks[1:]]


def test_it_is_planned_read_and_written_and_its_sources_are_numbered_once(begin: Begin):
    model = Strong()
    report = whole(begin(model))
    assert (report.title, len(model.asked)) == ("Where Caches Lie", N_CALLS)
    assert [s.heading for s in report.sections] == ["Places", "Speed", "The papers", "Limits"]
    assert [s.marker for s in report.answer.sources] == [1, 2, 3, 4]
    by_id = {source.paper_id: source.marker for source in report.answer.sources}
    for sentence in report.answer.sentences:
        assert sentence.verdict == "quoted"
        assert all(by_id[c.paper_id] == c.marker for c in sentence.citations)
    for section, n in zip(report.sections, (4, 4, 8, 0), strict=True):
        blocks = [report.answer.blocks[at] for at in section.blocks]
        cells = [cell for block in blocks for row in block.rows for cell in row]
        said = [at for part in (*blocks, *cells) for at in part.sentences]
        assert len(said) == n, section.heading
    assert remarks(report)[0] == "Written from 4 of the 5 papers here."


def test_a_section_is_searched_for_by_what_the_plan_adds_to_its_questions(
    begin: Begin, config: Config
):
    model = Strong()
    report = whole(begin(model))
    assert "up to 4 further searches" in model.asked[0]
    [question] = PLAN["sections"][0]["questions"]
    assert report.sections[0].questions == (question, "birds at dawn")
    assistant = open_assistant(config)
    alone, both = (
        {hit.paper.title: hit.score for hit in assistant.find(question, 9, Filters(), queries)}
        for queries in ((), ("birds at dawn",))
    )
    assert both["Echo: Birds"] > alone["Echo: Birds"]


def uncounted(report: Report) -> Report:
    """Return a report without what the run that finished it took."""
    return report.model_copy(update={"answer": report.answer.model_copy(update={"writing": None})})


@pytest.mark.parametrize("call", range(1, N_CALLS + 1))
def test_interrupted_anywhere_it_goes_on_and_asks_nothing_twice(begin: Begin, call: int):
    first, second = Strong(interrupted_at=call), Strong()
    with pytest.raises(KeyboardInterrupt):
        whole(begin(first))
    job = begin(second)
    estimate = job.estimate()
    # Before there is a plan, so many sections are reckoned with as there may be.
    assert (estimate.kept, estimate.calls) == (call - 1, 15 if call == 1 else N_CALLS + 1 - call)
    report = whole(job)
    finished = first.asked[: call - 1]
    assert not set(finished) & set(second.asked)
    assert len(finished) + len(second.asked) == N_CALLS
    assert uncounted(report) == uncounted(whole(begin(Strong(failing="number"))))


def test_papers_that_have_changed_begin_it_anew(begin: Begin, config: Config):
    whole(begin(Strong()))
    take_in(config, {"title": "Foxtrot: A Cache", "abstract": "Foxtrot is a cache. It is big."})
    model = Strong()
    job = begin(model)
    assert job.began_anew
    assert job.estimate().kept == 0
    whole(job)
    assert len(model.asked) == N_CALLS
    assert not begin(Strong()).began_anew


def test_a_section_that_fails_is_quotes_says_so_and_is_tried_again(begin: Begin):
    report = whole(begin(Strong(failing="section “Speed”")))
    speed = [report.answer.blocks[at] for at in report.sections[1].blocks]
    said = "Quotes only: the model strong-one was too slow. The same command tries it again."
    assert speed[1].text == said
    assert f"“Speed”: {said}" in remarks(report)
    quoted = [report.answer.sentences[at] for block in speed for at in block.sentences]
    assert quoted
    assert all(s.text.endswith(s.citations[0].quote) for s in quoted)
    model = Strong()
    assert len(whole(begin(model)).answer.sentences) == 4 + 4 + 8
    assert len(model.asked) == 1


@pytest.mark.parametrize("plan", [{}, {"title": "", "sections": []}, "none", [1, 2]])
def test_without_a_usable_plan_the_usual_sections_are_written(begin: Begin, plan: object):
    report = whole(begin(Strong(plan=plan)))
    assert report.title == TOPIC
    assert report.sections[0].heading == "What is proposed"
    assert report.answer.mode == "llm"


@pytest.mark.parametrize("model", [None, Strong(failing="You plan")])
def test_without_a_model_it_is_made_of_quotes(begin: Begin, model: Strong | None):
    job = begin(model)
    report = whole(job)
    assert report.answer.mode == "quote"
    assert report.answer.sentences
    assert all(s.text.endswith(s.citations[0].quote) for s in report.answer.sentences)
    assert remarks(report)[0].startswith("Quotes only: ")
    assert not job.folder.exists()


def test_it_reads_no_more_papers_than_it_may(begin: Begin):
    report = whole(begin(Strong(), papers=2))
    assert len(report.answer.sources) == 2
    assert "Found near it, but not read: 2." in remarks(report)


def test_a_damaged_step_is_asked_for_again(begin: Begin):
    job = begin(Strong())
    report = whole(job)
    [kept, _] = sorted(job.folder.glob("section-*.json"))
    Answer.model_validate_json(kept.read_text())
    kept.write_text(kept.read_text()[:50])
    model = Strong()
    assert whole(begin(model)).answer.sentences == report.answer.sentences
    assert len(model.asked) == 1


def test_a_folder_that_cannot_be_written_is_said(begin: Begin):
    job = begin(Strong())
    job.folder.parent.write_text("a file")
    with pytest.raises(IndexAccessError, match=r"cannot be written: .*; name another with --work$"):
        whole(job)
