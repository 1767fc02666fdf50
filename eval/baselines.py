"""Retrieve as LlamaIndex's starter example does, as a baseline: one vector a paper, no words.

Its defaults throughout: `VectorStoreIndex` in memory over `SentenceSplitter` nodes, and the
embedder as its card has it, which reads 256 tokens in float32.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.schema import NodeWithScore, QueryBundle

from footnote.rag.core.config import Config
from footnote.rag.core.records import Paper
from footnote.rag.index.embedding import load_embedder
from footnote.rag.index.index import Index

STOCK = "stock"
# What the card of all-MiniLM-L6-v2 says; the starter leaves it so.
_TOKENS = 256
# LlamaIndex's own default.
_BATCH = 10


def load_stock_embedder(config: Config) -> BaseEmbedding:
    """Load the embedder of the settings as LlamaIndex's starter would use it.

    Raises:
        EmbeddingError: It cannot be loaded.
    """
    return load_embedder(
        config.embedder.name,
        max_tokens=_TOKENS,
        dtype="float32",
        batch=_BATCH,
        arguments=config.embedder.arguments,
    )


def stock_finder(config: Config) -> Callable[[Index], BaseRetriever]:
    """Return what finds papers as the starter does, over all papers of an index."""
    return lambda index: StockRetriever(
        index.catalogue.papers(), load_stock_embedder(config), depth=config.retrieval.depth
    )


class StockRetriever(BaseRetriever):
    """Embeds all papers when it is made; nothing is kept on disk."""

    def __init__(self, papers: Sequence[Paper], embedder: BaseEmbedding, *, depth: int):
        super().__init__()
        documents = [
            Document(text=f"{paper.title}\n{paper.abstract}", id_=paper.paper_id)
            for paper in papers
        ]
        self._index = VectorStoreIndex.from_documents(documents, embed_model=embedder)
        self._retriever = self._index.as_retriever(similarity_top_k=depth)
        self._embedder = embedder

    def answer(self, question: str) -> str:
        """Ask its query engine, without a language model and its time."""
        return str(self._index.as_query_engine(llm=MockLLM()).query(question))

    def save(self, folder: Path) -> None:
        """Write the index as its starter does."""
        self._index.storage_context.persist(str(folder))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if query_bundle.embedding is None:
            query_bundle.embedding = self._embedder.get_query_embedding(query_bundle.query_str)
        found: dict[str, NodeWithScore] = {}
        for node in self._retriever.retrieve(query_bundle):
            paper_id = node.node.ref_doc_id or ""
            node.node.metadata |= {"paper_id": paper_id}
            found.setdefault(paper_id, node)
        return [
            NodeWithScore(node=node.node, score=min(max(node.get_score(), 0.0), 1.0))
            for node in found.values()
        ]
