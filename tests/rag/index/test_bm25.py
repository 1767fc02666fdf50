import math
from pathlib import Path

import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.errors import IndexDamagedError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.bm25 import BM25Index


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="test")))


CACHE = paper("M³ViT: caching", "Blocks of 1.91 MB are cached.")
ROUTE = paper("Routing with W4A4KV4", "Questions are routed to models.")


@pytest.fixture
def index(tmp_path: Path) -> BM25Index:
    index = BM25Index(tmp_path / "bm25")
    index.replace([CACHE, ROUTE])
    return index


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("who caches a block", [CACHE], id="stemmed"),
        pytest.param("m3vit", [CACHE], id="superscript"),
        pytest.param("what is 1.91", [CACHE], id="whole-number"),
        pytest.param("w4a4kv4?", [ROUTE], id="name-with-digits"),
        pytest.param("routng of qestions", [ROUTE], id="misspelt"),
        pytest.param('"unclosed (AND -field:x^2 *', [], id="no-query-syntax"),
        pytest.param("the of and", [], id="stop-words-only"),
    ],
)
def test_search(index: BM25Index, question: str, expected: list[Paper]):
    assert [i for i, _ in index.search(question, depth=5)] == [p.paper_id for p in expected]


def test_replacing_a_paper_keeps_one_copy(index: BM25Index):
    index.replace([CACHE.model_copy(update={"abstract": "Zebras."})])
    assert len(index) == 2
    assert index.search("blocks", depth=5) == []
    assert [i for i, _ in index.search("zebra", depth=5)] == [CACHE.paper_id]


def test_what_was_replaced_does_not_turn_a_score(tmp_path: Path):
    index = BM25Index(tmp_path / "bm25")
    papers = [paper(f"P{n}", "Alpha beta." if n % 2 else "Alpha.") for n in range(50)]
    index.replace(papers)
    index.replace(papers[:20])
    # 20 replaced ones are counted still: 70 have `alpha`, and 25 + 10 of them `beta`.
    assert index.idf("alpha") == pytest.approx(math.log(1 + 0.5 / 70.5))
    assert index.idf("beta") == pytest.approx(math.log(1 + 35.5 / 35.5))
    scores = [score for _, score in index.search("alpha beta", depth=50)]
    assert len(scores) == 50
    assert 0 < min(scores) <= max(scores) < 1


def test_idf_is_that_of_bm25(index: BM25Index):
    [route] = index.terms("routing")
    assert index.idf(route) == pytest.approx(math.log(1 + (2 - 1 + 0.5) / (1 + 0.5)))
    assert index.idf("nowhere") > index.idf(route)


def test_a_misspelt_word_is_told_from_an_unknown_one(index: BM25Index):
    assert index.is_misspelt("qestions")
    assert not index.is_misspelt("questions")
    assert not index.is_misspelt("medusa")


def test_what_the_corpus_knows(index: BM25Index):
    assert index.knows("W4A4KV4")
    assert index.knows("Qestions")
    assert not index.knows("Medusa")
    assert not index.knows("W8A8")


def test_a_file_that_goes_missing_is_named_when_it_is_needed(index: BM25Index, tmp_path: Path):
    for file in (tmp_path / "bm25").glob("*.pos"):
        file.unlink()
    with pytest.raises(IndexDamagedError, match="rebuild"):
        BM25Index(tmp_path / "bm25").search("blocks", depth=5)


def test_a_damaged_folder_is_named(tmp_path: Path):
    folder = tmp_path / "bm25"
    folder.mkdir()
    (folder / "meta.json").write_text("nonsense")
    with pytest.raises(IndexDamagedError, match=r"word index .*bm25.* cannot be used"):
        BM25Index(folder)


def test_words_of_another_script_tell_nothing(index: BM25Index):
    assert index.idf("ブロック") < 0.1 < index.idf("zebra")


@pytest.mark.parametrize(
    "question", ["GPU", "GPUs", "gpu", "gpus", "LLM", "LLMs", "llms", "FPGA", "FPGAs"]
)
def test_the_number_of_an_abbreviation_is_no_part_of_it(tmp_path: Path, question: str):
    papers = [
        paper("Alpha", "It runs LLMs on GPUs and FPGAs."),
        paper("Bravo", "It needs one GPU for each LLM, or an FPGA."),
        paper("Charlie", "A corpus of news is read."),
        paper("Delta", "A new one is read."),
    ]
    index = BM25Index(tmp_path / "bm25")
    index.replace(papers)
    own = sorted(each.paper_id for each in papers[:2])
    assert index.holding(question) == own
    assert sorted(found for found, _ in index.search(question, depth=9)) == own
    assert index.terms("GPUs, LLMs") == index.terms("GPU, LLM")
    assert index.holding("corpus") == index.holding("news") == [papers[2].paper_id]
    # No paper says it in this number, and that is no slip.
    one = BM25Index(tmp_path / "one")
    one.replace([paper("Echo", "It needs one FPGA.")])
    assert one.search("fpgas", depth=1) == one.search("fpga", depth=1)
    assert not one.is_misspelt("fpgas")
    # Two of four papers say it, each in a number of its own.
    assert index.idf("gpu") == pytest.approx(math.log(1 + 3.5 / 1.5))
