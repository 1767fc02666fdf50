"""Answers and papers out of the command line, and answers asked again."""

import json
from pathlib import Path

import pytest

from footnote.ingest.sources import read_source
from footnote.rag.core.config import Config
from tests.conftest import Run

pytestmark = pytest.mark.slow
QUESTION = "What throughput improvement does NanoFlow achieve?"


@pytest.mark.parametrize("form", ["bibtex", "ris", "csl", "csv"])
def test_the_catalogue_is_taken_out_and_in_again(
    footnote: Run, sample_config: Config, tmp_path: Path, form: str
):
    done = footnote("papers", "--format", form, "--index", sample_config.index)
    file = tmp_path / "out"
    file.write_text(done.stdout)
    rows = json.loads(footnote("papers", "--json", "--index", sample_config.index).stdout)
    back = [record.title for record in read_source(file, "out")]  # type: ignore[union-attr]
    assert len(back) == len(rows) == 408


def test_an_answer_is_printed_as_the_file_that_is_asked_for(footnote: Run, sample_config: Config):
    done = footnote("ask", QUESTION, "--format", "markdown", "--index", sample_config.index)
    assert done.stdout.startswith(f"# {QUESTION}\n")
    assert "[^1a]: “" in done.stdout
    wrong = footnote(
        "ask", QUESTION, "--format", "csv", "--json", "--index", sample_config.index, expect=2
    )
    assert "--format" in wrong.stderr


def test_an_answer_asked_again_is_the_same_and_one_that_was_altered_differs(
    footnote: Run, sample_config: Config, tmp_path: Path
):
    index = ("--index", sample_config.index)
    printed = footnote("ask", QUESTION, "--json", *index).stdout
    file = tmp_path / "answers.json"
    file.write_text(printed * 2)
    assert footnote("replay", file, *index).stdout == f"same: {QUESTION}\n" * 2
    altered = json.loads(printed) | {"of_a_later_version": 1}
    altered["sentences"][0]["text"] = "It is slower."
    file.write_text(json.dumps(altered))
    done = footnote("replay", file, *index, expect=1)
    assert done.stdout.startswith(f"differs: {QUESTION}\n  + ")
    assert "  - It is slower.\n" in done.stdout
    [found] = json.loads(footnote("replay", file, "--json", *index, expect=1).stdout)
    assert (found["same"], found["gone"]) == (False, ["It is slower."])


@pytest.mark.parametrize("held", ["", "{", '{"question": 1}', "[" * 100_000, "[]", "\x00"])
def test_a_file_that_holds_no_answer_is_refused_in_a_line(footnote: Run, tmp_path: Path, held: str):
    file = tmp_path / "answers.json"
    file.write_text(held)
    done = footnote("replay", file, "--index", tmp_path, expect=1)
    [line] = done.stderr.splitlines()
    assert "answers.json" in line


def test_papers_and_answers_are_written_as_notes(
    footnote: Run, sample_config: Config, tmp_path: Path
):
    index = ("--index", sample_config.index)
    done = footnote("papers", "--obsidian", tmp_path / "notes", *index)
    assert done.stdout == f"408 notes written to {tmp_path / 'notes'}\n"
    done = footnote("ask", QUESTION, "--obsidian", tmp_path / "notes", "--json", *index)
    assert json.loads(done.stdout) == {"written": 1, "kept": []}
    [file] = (tmp_path / "notes").glob("What throughput*.md")
    assert "[^1a]: “" in file.read_text()
