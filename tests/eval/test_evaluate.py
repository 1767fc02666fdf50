"""`footnote eval` over real parts, on a set small enough to check by hand."""

import json
from pathlib import Path

import pytest

from footnote.eval.evaluate import evaluate_systems
from footnote.eval.report import EvalReport, load_report
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import DatasetError
from tests.conftest import built_index

pytestmark = pytest.mark.slow

PAPERS = [
    {"title": "Alpha: A Cache on Disk", "abstract": "Alpha keeps the cache on disk. It is 2.5× faster."},
    {"title": "Bravo: Routing Questions", "abstract": "Bravo routes questions to models. The bill falls."},
    {"title": "Charlie: Two Bits", "abstract": "Charlie sends gradients in two bits. Workers wait less."},
]  # fmt: skip
QUESTIONS = [
    {"id": "q1", "question": "How much faster is Alpha?", "kind": "numeric", "relevant": {PAPERS[0]["title"]: 1}, "must_include": ["2.5x"]},
    {"id": "q2", "question": "Who compresses gradients to bits?", "relevant": {PAPERS[2]["title"]: 2}},
    {"id": "q3", "question": "What is Zulu4 made of?", "kind": "unanswerable", "relevant": {}},
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "papers.jsonl"
    file.write_text("\n".join(map(json.dumps, PAPERS)))
    return built_index(tmp_path / "index", file)


def run(config: Config, tmp_path: Path, systems: str = "footnote") -> list[EvalReport]:
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, QUESTIONS)))
    out = tmp_path / "out"
    return evaluate_systems(
        config, file, out, systems.split(","), split="test", on_progress=lambda *_: None
    )


def test_a_report_with_all_its_files(config: Config, tmp_path: Path):
    [report] = run(config, tmp_path)
    assert report.means["all"]["nDCG@10"].mean == 1.0
    assert report.values["fact recall"] == {"q1": 1.0}
    assert report.values["refused"] == {"q3": 1.0}
    assert report.values["answered"] == {"q1": 1.0, "q2": 1.0}
    out = tmp_path / "out"
    assert load_report(out / "report.json") == report
    rows = [line.split() for line in (out / "run.trec").read_text().splitlines()]
    assert {(len(row), row[1], row[5]) for row in rows} == {(6, "Q0", "footnote")}
    assert [row[3] for row in rows if row[0] == "q1"] == ["1", "2", "3"]
    answers = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert [a["id"] for a in answers] == ["q1", "q2", "q3"]
    page = (out / "questions" / "q2.md").read_text()
    assert "| 1 | 2 |" in page
    assert "Charlie: Two Bits" in page
    assert "Worst questions" in (out / "report.md").read_text()


def test_every_baseline_runs_and_is_compared(config: Config, tmp_path: Path):
    reports = run(config, tmp_path, "footnote,hybrid-rrf,dense,bm25,stock")
    assert [r.system for r in reports] == ["footnote", "hybrid-rrf", "dense", "bm25", "stock"]
    assert all(r.means["all"]["R@10"].mean > 0 for r in reports)
    table = (tmp_path / "out" / "report.md").read_text()
    assert "| stock |" in table


def test_an_unknown_system_is_named(config: Config, tmp_path: Path):
    with pytest.raises(DatasetError, match=r"no system is called colbert; choose from footnote"):
        run(config, tmp_path, "footnote,colbert")


def test_a_beir_folder_is_indexed_apart_and_only_once(tmp_path: Path):
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(
        "\n".join(
            json.dumps({"_id": str(n), "title": p["title"], "text": p["abstract"]})
            for n, p in enumerate(PAPERS)
        )
    )
    (folder / "queries.jsonl").write_text('{"_id": "a", "text": "gradients in two bits"}')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\na\t2\t1\n")
    config = load_config(index=tmp_path / "untouched")
    seen: list[str] = []
    for _ in range(2):
        [report] = evaluate_systems(
            config, folder, tmp_path / "out", ["footnote"], split="test",
            on_progress=lambda phase, *_: seen.append(phase),
        )  # fmt: skip
        assert report.values["RR"] == {"a": 1.0}
    assert seen.count("indexing") == 1
    assert not (tmp_path / "untouched").exists()
