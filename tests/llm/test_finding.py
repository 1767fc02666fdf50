"""A strong model behind a server helps to find papers: further searches, and their order."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from footnote.rag.answering.generative import Status
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant
from footnote.rag.core.config import Config
from footnote.rag.core.errors import ConfigError
from footnote.rag.core.records import Answer
from footnote.rag.core.request import Filters
from footnote.ui.render import order_note
from tests.conftest import Run
from tests.llm.servers import Faults, fault_server
from tests.rag.test_live import config_for, take_in
from tests.ui.serving import client_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
QUESTION = "Where does Alpha keep blocks?"
TAPE = "keys on magnetic ribbon"
PAPERS = [
    {"title": "Alpha: A Cache", "abstract": "Alpha keeps blocks on disk. It is fast."},
    {"title": "Bravo: Routing", "abstract": "Bravo keeps questions short. It is cheap."},
    {"title": "Carol: Tape", "abstract": "Carol writes keys on magnetic ribbon. It is slow."},
    {"title": "Delta: Flash", "abstract": "Delta keeps blocks in flash. It is small."},
]
READ = {"question": QUESTION, "kind": "fact", "queries": [TAPE, QUESTION.lower()]}
ORDER = "[3] > [1]"
AS_FOUND = "Papers stay as they were found: strong-one "


class Strong:
    """Answers the last message of a conversation; a text may be None, where it is cut off."""

    def __init__(self, read: object = READ, order: str | Callable[[], str] | None = ORDER):
        self.prompts: list[str] = []
        self._read, self._order = read, order

    def __call__(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        if prompt.startswith("A person asks"):
            return json.dumps(self._read)
        if prompt.startswith("Papers of"):
            return self._order() if callable(self._order) else self._order
        [number] = re.findall(r'number="(\d+)" title="Alpha', prompt)
        return f"Alpha keeps blocks on disk [{number}.1]."


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = config_for(tmp_path_factory.mktemp("finding") / "index")
    take_in(config, *PAPERS)
    return config.index


@pytest.fixture
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        faults.usage = {"prompt_tokens": 1000, "completion_tokens": 100}
        yield faults


def configured(
    index: Path, server: Faults, reranker: str = "", cache: object = False, **llm: Any
) -> Config:
    known = {"backend": "openai-compatible", "model": "strong-one", "profile": "strong"}
    known |= {"base_url": server.url("answers"), "cache": cache, "price_in": 1, "price_out": 1}
    return config_for(index, llm=known | llm, retrieval={"reranker": reranker})


def asked(assistant: Assistant, **options: Any) -> tuple[list[str], Answer]:
    *before, answer = assistant.ask_stream(QUESTION, **options)
    assert isinstance(answer, Answer)
    return [event.text for event in before if isinstance(event, Status)], answer


def considered(answer: Answer, assistant: Assistant) -> list[str]:
    """Papers that were found, in order."""
    assert answer.receipt
    papers = [assistant.paper(each.paper_id) for each in answer.receipt.papers]
    return [paper.title.split(":")[0] for paper in papers if paper]


def scores(assistant: Assistant) -> dict[str, float]:
    return {hit.paper.title.split(":")[0]: hit.score for hit in assistant.search(QUESTION)}


def test_searches_beside_the_question_come_with_its_reading_and_are_told(
    index: Path, server: Faults
):
    server.answers = model = Strong()
    assistant = open_assistant(configured(index, server))
    told, answer = asked(assistant)
    assert told[:2] == ["strong-one is reading the question", f"Also searched for: {TAPE}"]
    # It reads the question and writes the answer: no call is made for them.
    assert len(model.prompts) == 2
    assert answer.writing
    assert answer.writing.tokens_in == 2000
    assert answer.mode == "llm"
    assert answer.request
    assert answer.receipt
    assert (answer.request.queries, answer.receipt.queries) == ((TAPE,), (TAPE,))
    shown = json.loads(answer.model_dump_json())
    assert shown["receipt"]["queries"] == [TAPE]
    assert Answer.model_validate(shown) == answer
    alone = open_assistant(configured(index, server, queries=0))
    assert scores(assistant)["Carol"] > scores(alone)["Carol"] + 0.05
    assert next(iter(scores(assistant))) == next(iter(scores(alone))) == "Alpha"


def test_a_filter_holds_for_searches_beside_the_question_too(index: Path, server: Faults):
    server.answers = Strong()
    assistant = open_assistant(configured(index, server))
    assert assistant.search(QUESTION, filters=Filters(source="papers.jsonl"))
    assert not assistant.search(QUESTION, filters=Filters(source="elsewhere"))


@pytest.mark.parametrize("llm", [{"queries": 0}, {"profile": "small"}], ids=str)
def test_where_there_are_to_be_none_nothing_is_as_it_would_not_be_without(
    index: Path, server: Faults, llm: dict[str, Any]
):
    server.answers = model = Strong()
    told, answer = asked(open_assistant(configured(index, server, **llm)))
    assert not any("further searches" in prompt for prompt in model.prompts)
    assert not any(text.startswith("Also") for text in told)
    assert '"queries"' not in answer.model_dump_json()
    assert answer.receipt
    assert [each.paper_id for each in answer.receipt.papers]


def test_no_more_is_searched_for_than_the_settings_say_whoever_sends_it(
    index: Path, server: Faults
):
    server.answers = Strong(READ | {"queries": ["a", "b", "c"]})
    _, answer = asked(open_assistant(configured(index, server, queries=2)))
    assert answer.receipt
    assert answer.receipt.queries == ("a", "b")
    assert answer.request
    sent = answer.request.model_copy(update={"queries": ("a", "b", "c", "d")})
    _, again = asked(open_assistant(configured(index, server, queries=1)), request=sent)
    assert again.receipt
    assert again.receipt.queries == ("a",)


def test_a_model_that_cannot_read_a_follow_up_is_not_asked_to_write_it_out(
    index: Path, server: Faults
):
    server.answers = model = Strong(read="no record")
    answer = open_assistant(configured(index, server)).ask("and is it fast?", [QUESTION])
    assert len(model.prompts) == 2
    assert not any("Rewrite the next question" in prompt for prompt in model.prompts)
    assert answer.request
    assert answer.request.by == "heads"


def test_what_the_reading_takes_is_told_where_a_reader_chose_filters(index: Path, server: Faults):
    server.answers = Strong(READ | {"until": "2999-01-01"})
    within = Filters(source="papers.jsonl", undated=True)
    _, answer = asked(open_assistant(configured(index, server)), within=within)
    assert answer.writing
    assert answer.writing.tokens_in == 2000
    assert answer.request
    assert (answer.request.filters.source, str(answer.request.filters.until)) == (
        "papers.jsonl",
        "2999-01-01",
    )


def test_papers_are_put_in_the_order_of_the_model(index: Path, server: Faults, tmp_path: Path):
    server.answers = model = Strong()
    found = [*scores(open_assistant(configured(index, server)))]
    config = configured(index, server, "model", cache=str(tmp_path))
    assistant = open_assistant(config)
    told, answer = asked(assistant)
    assert "strong-one is putting papers in order" in told
    wanted = [found[2], found[0], found[1], found[3]]
    assert considered(answer, assistant) == wanted
    assert answer.receipt
    assert answer.receipt.unordered is None
    ranks = [each.score for each in answer.receipt.papers]
    assert ranks == sorted(ranks, reverse=True)
    assert answer.writing
    assert (answer.writing.tokens_in, answer.writing.cost) == (3000, 0.0033)
    n_asked = len(model.prompts)
    assistant = open_assistant(config)
    _, again = asked(assistant)
    assert (again.writing.tokens_in if again.writing else None) == 0
    assert [*scores(assistant)] == wanted
    assert len(model.prompts) == n_asked


def slowly() -> str:
    time.sleep(8)
    return ORDER


@pytest.mark.parametrize(
    ("order", "fault", "timeout_s"),
    [
        ("I'm sorry, but I cannot rank these.", "gave no order of them", 9),
        ("[17] > [0] > [400]", "gave no order of them", 9),
        ("", "gave an empty answer", 9),
        (None, "was cut off in the middle of its answer", 9),
        (slowly, "did not answer in time", 1),
    ],
    ids=["refusal", "wrong numbers", "empty", "cut off", "slow"],
)
def test_papers_stay_as_they_were_found_where_the_model_gives_no_order(
    index: Path,
    server: Faults,
    order: str | Callable[[], str] | None,
    fault: str,
    timeout_s: float,
):
    server.answers = Strong(order=order)
    found = [*scores(open_assistant(configured(index, server)))]
    begun = time.monotonic()
    assistant = open_assistant(configured(index, server, "model", timeout_s=timeout_s))
    told, answer = asked(assistant)
    assert time.monotonic() - begun < 8
    assert f"{AS_FOUND}{fault}" in told
    assert considered(answer, assistant) == found
    assert answer.mode == "llm"
    assert answer.receipt
    assert answer.receipt.unordered == fault
    note = f"Papers as they were found: the model strong-one {fault}."
    assert order_note(answer.receipt) == note
    search = assistant.search_with_receipt(QUESTION)
    assert [hit.paper.title.split(":")[0] for hit in search.hits] == found
    assert search.receipt == answer.receipt
    assert order_note(search.receipt) == note


def test_an_order_that_names_one_paper_often_and_others_never_is_one(index: Path, server: Faults):
    server.answers = Strong(order="[2] > [2] > [17] > [2]")
    found = [*scores(open_assistant(configured(index, server)))]
    assistant = open_assistant(configured(index, server, "model"))
    _, answer = asked(assistant)
    assert considered(answer, assistant) == [found[1], found[0], *found[2:]]
    assert answer.receipt
    assert answer.receipt.unordered is None


@pytest.mark.parametrize("llm", [{"backend": "none"}, {"profile": "small"}], ids=str)
def test_a_model_that_cannot_order_is_no_reranker(index: Path, server: Faults, llm: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"`retrieval\.reranker: model` needs a strong language"):
        open_assistant(configured(index, server, "model", **llm))


def test_the_command_line_says_what_was_searched_for(
    index: Path, server: Faults, footnote: Run, tmp_path: Path
):
    server.answers = model = Strong(order="no")
    settings = configured(index, server, "model").model_dump(mode="json", exclude={"web"})
    file = tmp_path / "footnote.yaml"
    file.write_text(yaml.safe_dump(settings))
    done = footnote("ask", QUESTION, "--config", file)
    assert done.stderr.startswith(f"Also searched for: {TAPE}.\nPapers as they were found: the ")
    shown = json.loads(footnote("ask", QUESTION, "--config", file, "--json").stdout)
    assert shown["request"]["queries"] == [TAPE]
    # A search asks it as well, where it is what puts papers in order, and says the same of it.
    n_asked = len(model.prompts)
    searched = footnote("search", QUESTION, "--config", file)
    assert len(model.prompts) == n_asked + 2
    assert searched.stderr == "".join(done.stderr.splitlines(keepends=True)[:2])
    as_json = footnote("search", QUESTION, "--config", file, "--json")
    found = json.loads(as_json.stdout)
    assert as_json.stderr == searched.stderr
    assert [paper["rank"] for paper in found] == [*range(1, len(found) + 1)]
    # The REST door says it beside the rows.
    with client_of(configured(index, server, "model"), page=False) as client:
        response = client.post("/v1/search", json={"question": QUESTION})
    assert json.loads(response.headers["Footnote-Notes"]) == searched.stderr.splitlines()
    assert [paper["rank"] for paper in response.json()] == [*range(1, len(found) + 1)]
