"""Reranking by a cross-encoder: a hand-made one, and a tiny real one of random weights."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.errors import ConfigError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.query import Query
from footnote.rag.retrieval.cross_encoder import CrossEncoded, load_cross_encoder
from footnote.rag.retrieval.found import Found


def paper(title: str) -> Paper:
    abstract = f"{title} is told at some length here."
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="test")))


PAPERS = {p.paper_id: p for p in map(paper, ("Alpha", "Bravo", "Charlie"))}


def papers(ids: Iterable[str]) -> dict[str, Paper]:
    return {i: PAPERS[i] for i in ids if i in PAPERS}


def ranked(depth: int, liked: str, *gone: str) -> list[tuple[str, float]]:
    def score(pairs: list[tuple[str, str]]) -> list[float]:
        assert all(question == "which" for question, _ in pairs)
        return [float(text.startswith(liked)) for _, text in pairs]

    found = [Found(i, 0.9 - 0.1 * n) for n, i in enumerate([*PAPERS, *gone])]
    ranked = CrossEncoded(score, papers, depth=depth).rerank(found, Query("which", [1.0]))
    titles = {i: p.title for i, p in PAPERS.items()}
    return [(titles.get(each.paper_id, each.paper_id), each.score) for each in ranked]


def test_what_the_model_likes_comes_first():
    assert [title for title, _ in ranked(3, "Charlie")] == ["Charlie", "Alpha", "Bravo"]
    assert ranked(3, "Charlie")[0][1] == pytest.approx((0.7 + 1) / 2)


def test_only_the_best_are_read_and_none_is_lost():
    assert [title for title, _ in ranked(2, "Charlie", "title:gone")] == [
        "Alpha", "Bravo", "Charlie", "title:gone",
    ]  # fmt: skip


def test_no_papers():
    assert CrossEncoded(lambda _: [], papers, depth=5).rerank([], Query("q", [1.0])) == []


@pytest.mark.slow
def test_a_real_one_is_loaded_from_its_folder(tmp_path: Path):
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "caches", "grow"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    for n_labels in (1, 3):
        config = BertConfig(
            vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=16, num_labels=n_labels,
        )  # fmt: skip
        BertForSequenceClassification(config).save_pretrained(tmp_path)
        if n_labels == 1:
            scores = load_cross_encoder(str(tmp_path))([("caches", "grow"), ("grow", "caches")])
            assert all(0 < score < 1 for score in scores)
            assert len(scores) == 2
    with pytest.raises(ConfigError, match="gives 3 scores a pair"):
        load_cross_encoder(str(tmp_path))


@pytest.mark.slow
def test_an_absent_one_is_named():
    with pytest.raises(ConfigError, match="reranker '/nowhere/model' cannot be loaded"):
        load_cross_encoder("/nowhere/model")
