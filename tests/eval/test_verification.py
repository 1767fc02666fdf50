"""Measuring the checker: counted by hand, and on SciFact where it is at hand."""

import json
from pathlib import Path

import pytest

from footnote.eval.verification import measure_checker, read_scifact
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.verification.checker import Checker
from tests.conftest import SHARED

SCIFACT = SHARED / "benchmarks" / "scifact"
needs_scifact = pytest.mark.skipif(
    not SCIFACT.is_dir(), reason="../shared/benchmarks/scifact is not on this machine"
)

SENTENCES = {
    "1": ["Vitamin K shortens bleeding.", "It was given to 40 rabbits."],
    "2": ["Warblers sing at dawn.", "They were heard in 12 woods."],
}
CLAIMS = [
    ("Vitamin K shortens bleeding.", "1", "SUPPORT"),
    ("Vitamin K was given to 60 rabbits.", "1", "CONTRADICT"),
    ("Warblers sing at dawn.", "2", "SUPPORT"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def write(name: str, rows: list[dict]) -> None:
        (tmp_path / name).write_text("\n".join(json.dumps(row) for row in rows))

    write("corpus.jsonl", [{"_id": key, "title": f"Title {key}"} for key in SENTENCES])
    write("sentences.jsonl", [{"_id": k, "sentences": s} for k, s in SENTENCES.items()])
    judged = [
        {
            "split": "train",
            "claim": claim,
            "evidence": {paper: [{"label": label, "sentences": [0]}]},
        }
        for claim, paper, label in CLAIMS
    ]
    silent = {"split": "train", "claim": "Rabbits sing.", "evidence": {}}
    other = {"split": "dev", "claim": "Warblers sing.", "evidence": {}}
    write("claims.jsonl", [*judged, silent, other])
    return tmp_path


def test_verdicts_are_counted_by_label(folder: Path):
    claims = read_scifact(folder, "train")
    assert [c.label for c in claims] == ["SUPPORT", "CONTRADICT", "SUPPORT", *["UNRELATED"] * 2]
    assert all(
        c.paper.quote(c.paper.sentences[0]) == SENTENCES[c.paper.paper_id][0] for c in claims
    )
    lexicon = BM25Index(folder / "bm25")
    lexicon.replace({c.paper.paper_id: c.paper for c in claims}.values())
    figures = measure_checker(Checker(lexicon), claims)
    assert figures.counts == {
        "SUPPORT": {"quoted": 2},
        "CONTRADICT": {"differs": 1},
        "UNRELATED": {"unbound": 2},
    }
    assert figures.share("SUPPORT", "quoted") == 1
    assert figures.precision("quoted", "SUPPORT") == 1
    assert figures.precision("differs", "CONTRADICT") == 1
    assert "| CONTRADICT | 0 | 0 | 1 | 0 |" in figures.table()


@needs_scifact
@pytest.mark.slow
def test_scifact_keeps_its_precision(tmp_path: Path):
    claims = read_scifact(SCIFACT, "dev")
    lexicon = BM25Index(tmp_path)
    lexicon.replace({claim.paper.paper_id: claim.paper for claim in claims}.values())
    figures = measure_checker(Checker(lexicon), claims)
    assert figures.share("UNRELATED", "unbound") > 0.8
    assert figures.share("SUPPORT", "differs") < 0.05
    assert figures.share("SUPPORT", "unbound") < 0.35
