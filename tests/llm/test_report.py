"""A report by a strong model behind a server: whole, bound to its sentences, resumed after a kill."""

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from footnote.rag.core.config import Config
from footnote.rag.llm.prompts import estimate_tokens
from tests.conftest import Run, footnote_command, started
from tests.llm.servers import KEY, Faults, fault_server
from tests.rag.answering.strong import papers
from tests.rag.answering.strong.reporter import SECTIONS, TOPIC, Reporter

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
# After the plan, the orders of seven sections, and two sections that are written.
ANSWERED = 1 + 7 + 2


class Pausing(Reporter):
    """Answers so many prompts; the next one waits until it is let go on."""

    def __init__(self, n: int):
        super().__init__()
        self.n = n
        self.go_on = Event()

    def __call__(self, prompt: str) -> str:
        if len(self.asked) >= self.n:
            self.go_on.wait(60)
        return super().__call__(prompt)


@pytest.fixture(scope="module")
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        yield faults


@pytest.fixture
def settings(server: Faults, sample_config: Config, tmp_path: Path) -> Path:
    llm = {
        "backend": "openai-compatible", "model": "strong-one", "profile": "strong",
        "base_url": server.url("answers"), "context_window": 32_000, "max_tokens": 3_000,
        "price_in": 2.0, "price_out": 10.0,
    }  # fmt: skip
    file = tmp_path / "footnote.yaml"
    file.write_text(yaml.safe_dump({"index": str(sample_config.index), "llm": llm}))
    return file


def test_a_killed_report_goes_on_and_every_statement_is_bound(
    server: Faults, settings: Path, tmp_path: Path, footnote: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", KEY)
    command = ["report", TOPIC, "--config", settings, "--work", tmp_path / "work", "--yes"]
    server.answers = first = Pausing(ANSWERED)
    with started(footnote_command(*command), FOOTNOTE_LLM__API_KEY=KEY) as killed:
        for _ in range(2000):
            if server.asked["answers"] > ANSWERED:
                break
            time.sleep(0.1)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait(30) == -signal.SIGKILL
    first.go_on.set()
    assert len(first.asked) >= ANSWERED
    finished = first.asked[:ANSWERED]

    estimate = json.loads(footnote(*command, "--dry-run", "--json").stdout)
    assert (estimate["kept"], estimate["calls"]) == (ANSWERED, 5)
    assert estimate["cost"] == pytest.approx(
        (2 * estimate["tokens_in"] + 10 * estimate["tokens_out"]) / 1e6
    )

    server.answers = second = Reporter()
    done = footnote(*command, "--json", "--out", tmp_path / "report.md")
    assert len(second.asked) == 5
    assert not set(finished) & set(second.asked)
    sent = sum(map(estimate_tokens, second.asked))
    assert 0.2 * estimate["tokens_in"] < sent < estimate["tokens_in"]
    check(json.loads(done.stdout), (tmp_path / "report.md").read_text())

    server.answers = third = Reporter()
    again = footnote(*command, "--json")
    assert third.asked == []
    told, before = json.loads(again.stdout), json.loads(done.stdout)
    assert "tokens_in" not in told["answer"]["writing"]  # nothing was asked
    for report in (told, before):
        del report["answer"]["writing"]
    assert told == before


def check(report: dict[str, Any], text: str) -> None:
    """Thirty papers, every statement bound to exact sentences, a table, limits, sources once."""
    answer = report["answer"]
    assert report["title"] == "Doing More with Less"
    headings = [section["heading"] for section in report["sections"]]
    assert headings == [*SECTIONS, "The papers", "Limits"]
    assert answer["mode"] == "llm"
    for sentence in answer["sentences"]:
        assert sentence["citations"], sentence["text"]
        for cited in sentence["citations"]:
            abstract = papers()[cited["title"]].abstract
            assert abstract[cited["start"] : cited["end"]] == cited["quote"]
    verdicts = Counter(sentence["verdict"] for sentence in answer["sentences"])
    assert verdicts["unbound"] == 0
    assert verdicts["differs"] <= 0.03 * verdicts.total()

    said = [at for block in answer["blocks"] for at in places(block)]
    assert sorted(said) == list(range(len(answer["sentences"])))
    [*_, table] = (b for b in answer["blocks"] if b["columns"][:2] == ["Paper", "Date"])
    assert len(table["rows"]) == 30
    assert [source["marker"] for source in answer["sources"]] == list(range(1, 31))
    in_sections = {int(n) for n in re.findall(r"\[(\d+)\]", text.split("## The papers")[0])}
    assert len(in_sections) >= 25
    for at in range(1, 31):
        assert re.search(rf"^\[{at}\] .+\n\n- “.+”$", text, re.MULTILINE)


def places(block: dict[str, Any]) -> list[int]:
    """Places of the sentences of a block."""
    cells = (cell for row in block["rows"] for cell in row)
    return [*block["sentences"], *(at for cell in cells for at in cell["sentences"])]


def test_what_costs_is_asked_for_first(
    settings: Path, tmp_path: Path, footnote: Run, server: Faults
):
    before = server.asked.total()
    command = ["report", TOPIC, "--config", settings, "--work", tmp_path / "work"]
    done = footnote(*command, expect=2)
    assert "strong-one is asked up to 15 times" in done.stderr
    assert "add --yes" in done.stderr
    assert "for about " in footnote(*command, "--dry-run").stdout
    assert server.asked.total() == before
    assert not (tmp_path / "work").exists()
