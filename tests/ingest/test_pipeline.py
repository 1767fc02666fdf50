"""Ingest into a real index: Chroma, tantivy, SQLite and the bundled embedder."""

import json
from pathlib import Path

import pytest

from footnote.ingest.pipeline import IngestReport, ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import Config, Service, Sources, load_config
from footnote.rag.core.errors import EmbeddingError, IndexBusyError, IndexMismatchError, SourceError
from footnote.rag.index.index import Index
from footnote.rag.index.writer import IndexWriter
from tests.conftest import PAGES, needs_shared

pytestmark = pytest.mark.slow

ALPHA = {
    "title": "Alpha: A Cache on Disk",
    "abstract": "Alpha keeps the cache on disk. It is fast.",
}
BRAVO = {"title": "Bravo: Routing Questions", "abstract": "Bravo routes questions. It is cheap."}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(index=tmp_path / "index")


def opened(config: Config) -> Index:
    return open_index(config, create=True)


def run(config: Config, *records: dict[str, str], name: str = "papers.jsonl") -> IngestReport:
    file = config.index.parent / name
    file.write_text("\n".join(map(json.dumps, records)))
    return ingest([file], opened(config), lambda *_: None)


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    return report.records, report.papers, report.added, report.updated, report.unchanged


def test_ingesting_twice_changes_nothing_and_loads_no_embedder(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    assert counts(run(config, ALPHA, BRAVO)) == (2, 2, 2, 0, 0)

    def fail(*_args: object, **_options: object) -> None:
        raise AssertionError("the embedder was loaded")

    monkeypatch.setattr("footnote.rag.build.load_embedder", fail)
    assert counts(run(config, ALPHA, BRAVO)) == (2, 2, 0, 0, 2)
    assert opened(config).problems() == []


def test_a_longer_abstract_replaces_the_indexed_one(config: Config):
    run(config, ALPHA, BRAVO)
    longer = ALPHA | {"abstract": "Alpha keeps zebras. The rest is new. And there is a third one."}
    assert counts(run(config, longer, name="again.jsonl")) == (1, 1, 0, 1, 0)
    index = opened(config)
    assert index.problems() == []
    assert index.bm25.search("zebras", depth=5)[0][0] == index.catalogue.papers()[0].paper_id
    assert index.bm25.search("fast", depth=5) == []


def test_a_record_that_an_older_cleaning_read_is_cleaned_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It was taken in as a second record beside the old one, whose longer text then won."""
    config = load_config(index=tmp_path / "i", embedder={"name": "tests.hashing:HashEmbedding"})
    starred = {"title": "**Alpha**: A Cache", "abstract": "Alpha is *fast*. It keeps **pages**."}
    with monkeypatch.context() as patch:
        patch.setattr("footnote.ingest.identity.merge.CLEANING", "old")
        patch.setattr("footnote.ingest.identity.merge.clean_text", str.strip)
        assert counts(run(config, starred, BRAVO)) == (2, 2, 2, 0, 0)
    assert counts(run(config, starred, BRAVO)) == (2, 2, 0, 1, 1)
    index = opened(config)
    [alpha, _] = index.catalogue.papers()
    assert (alpha.title, alpha.abstract) == ("Alpha: A Cache", "Alpha is fast. It keeps pages.")
    assert len(index.catalogue.parts_of([alpha])[alpha.paper_id]) == 1
    assert index.problems() == []
    assert counts(run(config, starred, BRAVO)) == (2, 2, 0, 0, 2)


def test_a_broken_record_never_stops_the_rest(config: Config):
    report = run(config, ALPHA, {"title": "no abstract"}, BRAVO)
    assert (report.records, report.papers, len(report.refused)) == (3, 2, 1)
    assert report.refused[0].source == "papers.jsonl"


@pytest.mark.parametrize(
    "empty",
    [ALPHA | {"title": "&amp;"}, ALPHA | {"abstract": "\u200b" * 40}, ALPHA | {"title": "\\times"}],
)
def test_a_record_of_which_cleaning_leaves_nothing_is_refused(
    config: Config, empty: dict[str, str]
):
    report = run(config, empty, BRAVO)
    assert (report.papers, len(report.refused)) == (1, 1)


def test_of_very_many_refusals_the_first_are_listed_and_the_rest_counted(config: Config):
    bad: list[dict[str, str]] = [{"title": f"Number {n}"} for n in range(1_500)]
    bad += [ALPHA | {"title": "T" * n} for n in range(1_001, 1_201)]
    report = run(config, ALPHA, *bad, BRAVO)
    assert (report.records, report.accepted, report.refused_count) == (1_702, 2, 1_700)
    assert len(report.refused) == 1_000
    assert report.refused_further["abstract: Field required"] == 500
    assert report.refused_further["other reasons"] == 101
    assert len(report.refused) + sum(report.refused_further.values()) == report.refused_count
    assert len(report.refused_further) == 101


def test_each_record_is_accepted_or_refused_and_counted_once(config: Config):
    """Of two records alike that cleaning leaves nothing of, one was neither."""
    nothing = ALPHA | {"abstract": "\u200b" * 40}
    file = config.index.parent / "papers.jsonl"
    lines = [json.dumps(x) for x in (ALPHA, nothing, ALPHA, nothing, ALPHA | {"title": " "})]
    file.write_text("\n".join(lines))
    report = ingest([file, config.index.parent / "gone"], opened(config), lambda *_: None)
    assert (report.records, report.accepted, report.refused_count) == (5, 2, 3)
    assert (report.papers, report.refused_sources, len(report.refused)) == (1, 1, 4)


def test_papers_of_very_many_sentences_are_indexed_or_refused(tmp_path: Path):
    """Chroma takes 5,461 vectors in one call; three such papers stopped an ingest."""
    config = load_config(index=tmp_path / "i", embedder={"name": "tests.hashing:HashEmbedding"})
    many = [
        {
            "title": f"Paper Number {n} of Many",
            "abstract": " ".join(f"Number {n} is said {k} times by x{n}y{k}." for k in range(490)),
        }
        for n in range(12)
    ]
    same = {"title": "The Same", "abstract": "All is the same. " * 51}
    report = run(config, *many, same, {"title": "Dots", "abstract": ". " * 9_000})
    assert report.papers == 12
    assert [r.reason for r in report.refused] == [
        "abstract that says one sentence 51 times, more than 50",
        "abstract of 9,000 sentences, more than 500",
    ]
    assert opened(config).problems() == []


def test_a_search_longer_than_any_file_name_is_no_file(config: Config):
    search = "arxiv:" + " OR ".join(f"all:word{n}" for n in range(500))
    nowhere = Sources(arxiv=Service(url="http://127.0.0.1:9", interval_s=0), attempts=1)
    with pytest.raises(SourceError, match="arXiv could not be reached"):
        ingest([search], opened(config), lambda *_: None, nowhere)


def test_an_update_is_kept_beside_a_renamed_twin_in_one_file(config: Config):
    longer = {"title": ALPHA["title"], "abstract": "Now it is told at length what Alpha does. " * 8}
    long_alpha = ALPHA | {"abstract": "Alpha keeps blocks on disk and predicts them well. " * 6}
    run(config, long_alpha)
    run(config, longer, long_alpha | {"title": "Another Name of Alpha"}, name="again.jsonl")
    [paper] = opened(config).catalogue.papers()
    assert paper.abstract == longer["abstract"].strip()


def test_other_settings_change_nothing(config: Config, tmp_path: Path):
    run(config, ALPHA)
    other = load_config(index=config.index, embedder={"name": "other/model"})
    with pytest.raises(IndexMismatchError):
        run(other, ALPHA | {"abstract": "A much longer abstract than before. " * 4}, name="b.jsonl")
    with pytest.raises(EmbeddingError):
        IndexWriter(open_index(other)).rebuild(lambda *_: None)
    assert opened(config).problems() == []


def test_nothing_but_refusals_is_an_error_that_says_why(config: Config):
    with pytest.raises(SourceError, match=r"no paper could be read: papers\.jsonl, line 1: "):
        run(config, {"title": "no abstract"})


def test_an_interrupted_index_is_finished_by_the_next_ingest(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.bm25.BM25Index.replace", stop)
        with pytest.raises(KeyboardInterrupt):
            run(config, ALPHA, BRAVO)
    assert "2 of 2 papers are not indexed" in opened(config).problems()[0]
    assert counts(run(config, ALPHA)) == (1, 1, 0, 0, 1)
    assert opened(config).problems() == []


def test_a_second_writer_is_told_who_is_first(config: Config):
    index = opened(config)
    with (
        IndexWriter(index).writing(),
        pytest.raises(IndexBusyError, match=r"being written by process \d+ since 20"),
    ):
        run(config, ALPHA)


def test_an_index_of_another_embedder_is_refused_then_rebuilt(config: Config):
    run(config, ALPHA)
    [card] = config.index.glob("snapshots/*/card.json")
    card.write_text(card.read_text().replace("bundled", "other/model"))
    with pytest.raises(IndexMismatchError, match=r"`other/model`.*`bundled`.*rebuild"):
        opened(config).check_card()
    with pytest.raises(IndexMismatchError):
        run(config, BRAVO)
    index = opened(config)
    IndexWriter(index).rebuild(lambda *_: None)
    assert opened(config).problems() == []


def test_an_embedder_that_cannot_be_loaded_is_named(tmp_path: Path):
    config = load_config(index=tmp_path / "i", embedder={"name": "no.such.module:Class"})
    with pytest.raises(
        EmbeddingError, match=r"'no\.such\.module:Class' cannot be loaded: No module"
    ):
        run(config, ALPHA)


def test_any_llama_index_embedding_plugs_in_by_import_path(tmp_path: Path):
    mock = "llama_index.core.embeddings.mock_embed_model:MockEmbedding"
    config = load_config(
        index=tmp_path / "i", embedder={"name": mock, "arguments": {"embed_dim": 7}}
    )
    run(config, ALPHA)
    [card] = config.index.glob("snapshots/*/card.json")
    assert json.loads(card.read_text())["dimension"] == 7


@needs_shared
def test_the_five_pages(pages_config: Config):
    report = ingest([PAGES], opened(pages_config), lambda *_: None)
    assert counts(report) == (477, 408, 0, 0, 408)
    assert report.refused == ()
    papers = {p.title: p for p in opened(pages_config).catalogue.papers()}
    assert len(papers) == 408
    deepseek = next(p for title, p in papers.items() if title.startswith("Insights into DeepSeek"))
    assert (str(deepseek.date), deepseek.organisation) == ("2025-05-14", "deepseek-ai")
    assert len(deepseek.sightings) == 2
    assert sum(title.startswith("M³ViT") for title in papers) == 1
    assert {"Direct Telemetry Access", "Zero-CPU Collection with Direct Telemetry Access"} < {
        *papers
    }
    assert sum(title.casefold().startswith("comet:") for title in papers) == 2
    # Counted from the date lines: 59 records of one page, 51 of the other, 3 papers on both.
    assert sum(p.date is not None for p in papers.values()) == 107


@needs_shared
def test_no_residue_is_left_in_the_five_pages(pages_config: Config):
    import re

    residue = re.compile(r"\dtimes\b|sim\d|\\|[{}$]|x201\d|approx\d|\bgeq\b|cdot")
    left = {
        m.group() for p in opened(pages_config).catalogue.papers()
        for m in residue.finditer(f"{p.title}\n{p.abstract}")
    }  # fmt: skip
    assert left == set()
