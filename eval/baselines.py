"""Retrieve as LlamaIndex's starter example does, as a baseline: one vector a paper, no words.

Its defaults throughout: `VectorStoreIndex` in memory over `SentenceSplitter` nodes, and the
embedder as its card has it, which reads 256 tokens in float32.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms import MockLLM
from llama_index.core.schema import QueryBundle

from footnote.rag.core.config import Config
from footnote.rag.core.records import Paper
from footnote.rag.core.stages import stage
from footnote.rag.index.embedding import Embedder, load_embedder
from footnote.rag.index.foreign import ForeignEmbedder
from footnote.rag.index.index import Index
from footnote.rag.index.query import Query
from footnote.rag.retrieval.found import Found, Retriever

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
    embedder = load_embedder(
        config.embedder.name,
        max_tokens=_TOKENS,
        dtype="float32",
        batch=_BATCH,
        arguments=config.embedder.arguments,
    )
    if isinstance(embedder, ForeignEmbedder):
        return embedder.embedding
    return _OurEmbedding(embedder, embed_batch_size=_BATCH)


class _OurEmbedding(BaseEmbedding):
    """An embedder of ours, as LlamaIndex asks one."""

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder, *, embed_batch_size: int):
        super().__init__(embed_batch_size=embed_batch_size)
        self._embedder = embedder

    def _get_query_embedding(self, query: str) -> list[float]:
        return list(self._embedder.query(query).vector)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.embed(texts).tolist()


def stock_retriever(config: Config) -> Callable[[Index], Retriever]:
    """Return what finds papers as the starter does, over all papers of an index."""
    return lambda index: StockRetriever(
        index.catalogue.papers(), load_stock_embedder(config), depth=config.retrieval.depth
    )


class StockRetriever:
    """Embeds all papers when it is made; nothing is kept on disk."""

    def __init__(self, papers: Sequence[Paper], embedder: BaseEmbedding, *, depth: int):
        documents = [
            Document(text=f"{paper.title}\n{paper.abstract}", id_=paper.paper_id)
            for paper in papers
        ]
        self._index = VectorStoreIndex.from_documents(documents, embed_model=embedder)
        self._retriever = self._index.as_retriever(similarity_top_k=depth)

    def answer(self, question: str) -> str:
        """Ask its query engine, without a language model and its time."""
        return str(self._index.as_query_engine(llm=MockLLM()).query(question))

    def save(self, folder: Path) -> None:
        """Write the index as its starter does."""
        self._index.storage_context.persist(str(folder))

    def search(self, question: str) -> list[Found]:
        """Find papers for a question that nobody has embedded yet; best first."""
        return self._papers(QueryBundle(question))

    @stage("stock")
    def retrieve(self, query: Query) -> list[Found]:
        """Find papers, each once, best first."""
        return self._papers(QueryBundle(query.text, embedding=list(query.vector)))

    def _papers(self, asked: QueryBundle) -> list[Found]:
        found: dict[str, Found] = {}
        for node in self._retriever.retrieve(asked):
            paper_id = node.node.ref_doc_id or ""
            found.setdefault(paper_id, Found(paper_id, min(max(node.get_score(), 0.0), 1.0)))
        return list(found.values())
