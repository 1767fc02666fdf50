"""Indexes of many papers, made of a few: what is made, and what is measured of it."""

import json
import shutil
from pathlib import Path

import pytest

from footnote.eval.recombine import Recombined
from footnote.eval.scale import measure
from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import DatasetError, IndexMismatchError
from footnote.rag.index.check import disagreements
from footnote.rag.index.token_embeddings import unit_rows
from tests.conftest import SAMPLE

pytestmark = pytest.mark.slow  # the papers are embedded by the bundled model
N_KNOWN, N_PAPERS = 30, 110


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings of an index of some of the sample; read it, do not change it."""
    folder = tmp_path_factory.mktemp("real")
    lines = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:N_KNOWN]
    (folder / "papers.jsonl").write_text("".join(lines), encoding="utf-8")
    config = load_config(index=folder / "index")
    ingest([folder / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    return config


@pytest.fixture
def questions(real: Config, tmp_path: Path) -> Path:
    """A question about each of three papers, and one that nothing answers."""
    titles = [paper.title for paper in open_index(real).catalogue.papers()[:3]]
    rows = [
        {"id": f"q{n}", "question": f"What is {title}?", "relevant": {title: 1}}
        for n, title in enumerate(titles)
    ]
    rows.append({"id": "none", "question": "How tall is a zebra?"})
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_real_papers_are_found_among_made_ones(real: Config, questions: Path, tmp_path: Path):
    before = open_index(real).catalogue.fingerprint()
    size = measure(real, real, N_PAPERS, tmp_path / "made", questions=questions, shards=2)
    assert (size.n_papers, size.shards) == (N_PAPERS, 2)
    assert size.as_set.failed == ()
    assert size.as_set.recall_10 == 1
    assert size.as_set.first_ten.keys() == {"q0", "q1", "q2", "none"}
    assert size.exact is None  # as the settings have it so few are compared exactly
    parts = {"catalogue", "making", "dense", "chroma", "bm25", "multivector", "rest"}
    assert set(size.build_cpu_s) == parts
    assert {*parts - {"catalogue", "making", "rest"}, "catalogue.sqlite"} <= size.mb_by_part.keys()
    assert size.bytes_per_paper > 1_000
    assert open_index(real).catalogue.fingerprint() == before
    # What was made is an index like any other, and is asked again as it is.
    [made] = (tmp_path / "made").iterdir()
    index = open_index(real.model_copy(update={"index": made}))
    assert disagreements(index.catalogue, index.snapshot(), index.exact_up_to) == []
    store = real.store.model_copy(update={"exact_up_to": 0})
    known = real.model_copy(update={"store": store})
    again = measure(known, known, N_PAPERS, tmp_path / "made", questions=questions, shards=2)
    assert again.build_cpu_s == {}
    assert again.exact
    assert again.exact.first_ten == size.as_set.first_ten
    assert again.same_ten
    assert again.same_ten > 0.5


def test_nothing_is_made_of_papers_that_answer(real: Config):
    index = open_index(real)
    left, *others = index.catalogue.papers()
    made = Recombined(index, without={left.paper_id})
    papers = list(made.papers(range(200)))
    assert papers[:20] == list(made.papers(range(20)))  # the same number is the same paper
    assert len({paper.paper_id for paper in papers}) == 200
    told = {other.quote(span) for other in others for span in other.sentences}
    for paper in papers:
        quotes = [paper.quote(span) for span in paper.sentences]
        assert set(quotes) <= told
        assert 4 <= len(quotes) <= 9
        assert " ".join(quotes) == paper.abstract
        assert not paper.title.startswith(left.title)


def test_vectors_are_nearer_to_the_embedder_s_under_the_new_title(real: Config):
    index = open_index(real)
    made = Recombined(index, without=())
    [paper] = made.papers(range(1))
    texts = [f"{paper.title}\n{paper.quote(span)}" for span in paper.sentences]
    asked = unit_rows(index.embedder.embed(texts))
    moved, as_they_were = (unit_rows(made.vectors(0, to)) for to in (0.75, 0.0))
    assert (moved * asked).sum() > (as_they_were * asked).sum() + 0.3


def test_what_cannot_be_made_is_said(real: Config, questions: Path, tmp_path: Path):
    index = open_index(real)
    with pytest.raises(DatasetError, match="holds nothing to make papers of"):
        Recombined(index, without={paper.paper_id for paper in index.catalogue.papers()})
    other = real.model_copy(update={"index": tmp_path / "other"})
    shutil.copytree(real.index, other.index)
    [file] = other.index.glob("snapshots/*/multivector/projection.npy")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(IndexMismatchError, match="cut otherwise"):
        measure(real, other, N_PAPERS, tmp_path / "made", questions=questions)
