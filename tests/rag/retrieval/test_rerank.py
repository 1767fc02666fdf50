"""Late interaction over the bundled sample, and how tokens are weighted."""

import numpy as np
import pytest
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode

from footnote.rag.build import open_index
from footnote.rag.core.config import Config
from footnote.rag.index.chunking import chunk_paper
from footnote.rag.index.embedding import embed_chunks, embed_tokens, read_question
from footnote.rag.index.index import Index
from footnote.rag.retrieval.rerank import LateInteraction, LateSentences, Neighbours, token_weights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(sample_config: Config) -> Index:
    return open_index(sample_config)


def test_a_rare_word_counts_more_than_a_common_one_and_none_counts_nothing(index: Index):
    text = "What is the throughput of NanoFlow"
    question = read_question(index.embedder, text)
    assert question.token_embeddings
    weights = token_weights(text, question.token_embeddings, index.bm25)
    by_word: dict[str, float] = {}
    for start, end, weight in zip(
        question.token_embeddings.starts, question.token_embeddings.ends, weights, strict=True
    ):
        by_word.setdefault(text[start:end], float(weight))
    assert by_word["the"] < by_word["through"] < by_word["Nano"]
    assert min(weights) > 0


def test_a_question_is_embedded_as_the_embedder_does(index: Index):
    text = "How are experts placed?"
    ours = np.array(read_question(index.embedder, text).embedding)
    theirs = np.array(index.embedder.get_query_embedding(text))
    assert ours @ theirs / np.linalg.norm(theirs) == pytest.approx(1.0, abs=1e-3)


def test_chunks_embedded_side_by_side_have_each_its_own_vector(index: Index):
    chunks = [chunk for paper in index.catalogue.papers()[:4] for chunk in chunk_paper(paper)]
    embed_chunks(index.embedder, chunks)
    assert len(chunks) > 16  # several batches
    for chunk in chunks[::3]:
        text = chunk.get_content(metadata_mode=MetadataMode.EMBED)
        alone = np.array(index.embedder.get_text_embedding(text))
        assert np.dot(alone, chunk.get_embedding()) / np.linalg.norm(alone) > 0.999


def test_tokens_lie_where_they_say(index: Index):
    texts = ["Title\nA first sentence. And M³ViT.", "x", "Title two\n" + "word " * 900]
    found = embed_tokens(index.embedder, texts)
    assert found
    for text, tokens in zip(texts, found, strict=True):
        assert np.linalg.norm(tokens.vectors, axis=1) == pytest.approx(1.0, abs=1e-3)
        assert all(text[s:e].strip() for s, e in zip(tokens.starts, tokens.ends, strict=True))
    assert len(found[2].starts) == 510  # 512 less the model's two marks


def test_a_question_without_tokens_leaves_the_order(index: Index):
    reranker = LateInteraction(index.multivector, index.bm25, weight=0.5)
    assert reranker.postprocess_nodes([], QueryBundle("what")) == []


def nodes_of(index: Index, *begins: str) -> list[NodeWithScore]:
    papers = index.catalogue.papers()
    found = [next(p for p in papers if p.title.startswith(b)) for b in begins]
    return [
        NodeWithScore(node=TextNode(metadata={"paper_id": p.paper_id}), score=0.9 - 0.1 * n)
        for n, p in enumerate(found)
    ]


def test_neighbours_draw_scores_together_and_keep_every_paper(index: Index):
    nodes = nodes_of(index, "DistServe", "Splitwise", "NanoFlow")
    drawn = Neighbours(index.multivector, weight=0.5).postprocess_nodes(nodes)
    assert {n.node.node_id for n in drawn} == {n.node.node_id for n in nodes}
    scores = [n.get_score() for n in drawn]
    assert max(scores) - min(scores) < 0.2
    assert scores == sorted(scores, reverse=True)


def test_neighbours_leave_equal_scores_a_lone_paper_and_no_papers(index: Index):
    reranker = Neighbours(index.multivector, weight=0.5)
    [alone] = reranker.postprocess_nodes(nodes_of(index, "DistServe"))
    assert alone.get_score() == pytest.approx(0.9)
    assert reranker.postprocess_nodes([]) == []


def test_a_word_that_a_paper_says_is_matched_and_another_is_not(index: Index):
    late = LateSentences(index.multivector, index.bm25)
    question = read_question(index.embedder, "How many giraffes of throughput does NanoFlow have?")
    paper = next(p for p in index.catalogue.papers() if p.title.startswith("NanoFlow"))
    matched = late.word_scores(question, ["giraffes", "throughput", "absent"], [paper])
    assert matched.keys() == {"giraffes", "throughput"}
    assert matched["giraffes"] < 0.5 < matched["throughput"]
