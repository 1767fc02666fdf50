"""What readers say is kept, and becomes a question file that `footnote eval` reads."""

import json
import threading
from pathlib import Path

import pytest

from footnote.eval.datasets import load_questions
from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.errors import IndexAccessError
from footnote.rag.core.records import Answer, Citation
from footnote.ui.feedback import Feedback, Refusals, question_rows
from footnote.ui.journal import Journal
from tests.conftest import Run
from tests.eval.made import ALPHA, BRAVO, answer, quoted

PAPERS = {paper.paper_id: paper for paper in (ALPHA, BRAVO)}


def asked(question: str, said: Answer) -> Answer:
    return said.model_copy(update={"question": question})


RIGHT = asked("How fast is Alpha?", answer(*quoted(ALPHA, 1)))
REFUSED = asked("What is Bravo?", answer()).model_copy(
    update={"nearest": (Citation.of(BRAVO, BRAVO.sentences[0], marker=1, score=0.2),)}
)


def rows(feedback: Feedback) -> list[dict[str, object]]:
    return list(question_rows(feedback.said(), lambda i: i if i in PAPERS else None))


def test_a_right_answer_makes_its_papers_relevant_and_a_wrong_one_does_not(tmp_path: Path):
    feedback = Feedback(tmp_path)
    feedback.add(RIGHT, "right")
    feedback.add(REFUSED, "wrong", "  it is there  ")
    one, other = rows(feedback)
    assert (one["question"], one["relevant"]) == ("How fast is Alpha?", {ALPHA.paper_id: 1})
    assert (other["relevant"], other["note"]) == ({BRAVO.paper_id: 0}, "it is there")


def test_a_right_refusal_and_what_is_not_here_have_no_relevant_paper(tmp_path: Path):
    feedback = Feedback(tmp_path)
    feedback.add(REFUSED, "right")
    feedback.add(RIGHT, "not here")
    assert [row["relevant"] for row in rows(feedback)] == [{}, {}]


def test_the_last_word_on_a_question_counts(tmp_path: Path):
    feedback = Feedback(tmp_path)
    feedback.add(RIGHT, "wrong")
    feedback.add(RIGHT, "right")
    [row] = rows(feedback)
    assert (row["verdict"], row["relevant"]) == ("right", {ALPHA.paper_id: 1})


def test_a_follow_up_is_kept_in_full(tmp_path: Path):
    feedback = Feedback(tmp_path)
    feedback.add(RIGHT.model_copy(update={"understood_as": "Alpha: and its size?"}), "right")
    assert feedback.said()[0].question == "Alpha: and its size?"


def test_what_is_exported_is_read_as_a_question_file(tmp_path: Path):
    feedback = Feedback(tmp_path)
    for each, verdict in ((RIGHT, "right"), (REFUSED, "wrong")):
        feedback.add(each, verdict)  # pyright: ignore[reportArgumentType]
    gone = asked("Who?", answer(*quoted(ALPHA, 0))).model_copy(update={"sources": ()})
    feedback.add(gone, "right")  # its papers are not here any more
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, rows(feedback))))
    questions = load_questions(file, PAPERS.values()).questions
    assert [q.question for q in questions] == ["How fast is Alpha?", "What is Bravo?"]
    assert all(q.is_answerable for q in questions)


def test_the_command_writes_it(tmp_path: Path, footnote: Run):
    record = {"title": ALPHA.title, "abstract": ALPHA.abstract}
    (tmp_path / "papers.jsonl").write_text(json.dumps(record))
    settings = {"name": "tests.hashing:HashEmbedding"}
    config = load_config(index=tmp_path / "index", embedder=settings)
    ingest([tmp_path / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    assert footnote("feedback", "--index", config.index).stdout == ""
    Feedback(config.index).add(RIGHT, "right")
    done = footnote("feedback", "--index", config.index)
    assert json.loads(done.stdout)["relevant"] == {ALPHA.paper_id: 1}
    assert "1 question of 1 remark" in done.stderr
    footnote("feedback", "--index", config.index, "--out", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == done.stdout


def test_refusals_are_kept_newest_first_up_to_the_limit(tmp_path: Path):
    refusals = Refusals(tmp_path, 3)
    refusals.add(RIGHT)
    for number in range(10):
        refusals.add(asked(f"What is {number}?", REFUSED))
    assert [each.question for each in refusals.lately()] == [f"What is {n}?" for n in (9, 8, 7)]
    assert len((tmp_path / "refused.jsonl").read_text().splitlines()) <= 6
    assert (tmp_path / "refused.jsonl").stat().st_mode & 0o077 == 0


def test_no_refusal_is_kept_where_none_shall_be(tmp_path: Path):
    refusals = Refusals(tmp_path, 0)
    refusals.add(REFUSED)
    assert not list(tmp_path.iterdir())
    assert refusals.lately() == []


def test_rows_from_several_threads_are_whole(tmp_path: Path):
    journals = [Journal(tmp_path / "rows.jsonl", keep=1_000) for _ in range(2)]

    def write(journal: Journal) -> None:
        for number in range(100):
            journal.add({"number": number, "text": "é" * 500})

    threads = [threading.Thread(target=write, args=[journal]) for journal in journals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journals[0].rows()) == 200


def test_damaged_lines_are_passed_over(tmp_path: Path):
    feedback = Feedback(tmp_path)
    feedback.add(RIGHT, "right")
    file = tmp_path / "feedback.jsonl"
    file.write_bytes(b'{"half\n[1]\n\xff\xfe\n{"verdict": "right"}\n' + file.read_bytes())
    assert [each.question for each in feedback.said()] == ["How fast is Alpha?"]


def test_what_cannot_be_kept_is_said(tmp_path: Path):
    (tmp_path / "feedback.jsonl").mkdir()
    with pytest.raises(IndexAccessError, match=r"feedback\.jsonl cannot be written"):
        Feedback(tmp_path).add(RIGHT, "right")
