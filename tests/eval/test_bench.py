"""`footnote bench` on a few papers: every figure is there, none is judged."""

from pathlib import Path

import pytest

from footnote.eval.bench import SAMPLE, bench
from footnote.rag.core.config import load_config
from footnote.rag.core.errors import SourceError

pytestmark = pytest.mark.slow


def test_both_systems_are_measured_apart_from_the_index_at_hand(tmp_path: Path):
    config = load_config(
        index=tmp_path / "untouched", embedder={"name": "tests.hashing:HashEmbedding"}
    )
    seen: list[tuple[str, int, int | None]] = []
    result = bench(
        config, [SAMPLE], max_papers=12, n_questions=5,
        on_progress=lambda phase, done, total: seen.append((phase, done, total)),
    )  # fmt: skip
    assert (result.n_papers, result.n_questions) == (12, 5)
    assert seen[-1] == ("measuring", 2, 2)
    for figures in (result.footnote, result.stock):
        measured = figures.model_dump(exclude={"bytes_per_paper_by_part"})
        assert all(value > 0 for value in measured.values())
    assert {"catalogue.sqlite", "chroma", "bm25"} <= result.footnote.bytes_per_paper_by_part.keys()
    assert set(result.ratios) == set(measured)
    assert not (tmp_path / "untouched").exists()


def test_no_paper_is_an_error(tmp_path: Path):
    (tmp_path / "papers.jsonl").write_text('{"title": 1}')
    with pytest.raises(SourceError, match="no paper"):
        bench(
            load_config(), [tmp_path], max_papers=None, n_questions=5, on_progress=lambda *_: None
        )
