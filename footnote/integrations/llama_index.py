"""A `Library`, or a server's papers, as LlamaIndex's retriever and query engine."""

import asyncio
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.response.schema import Response
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from footnote.integrations.papers import Papers, facts
from footnote.rag.core.records import Citation, Hit

# For programs; a model that reads the node is better off with the title and the text.
_NOT_READ = ["paper_id", "start", "end"]


class FootnoteRetriever(BaseRetriever):
    """Finds papers: a node a paper, its text the abstract, its id the paper's."""

    def __init__(self, library: Papers, *, k: int = 10):
        """Retrieve from a `Library` or a `Remote`, at most `k` papers a question."""
        super().__init__()
        self._library = library
        self._k = k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._library.search(query_bundle.query_str, self._k)
        return [NodeWithScore(node=_paper_node(hit), score=hit.score) for hit in hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


class FootnoteQueryEngine(BaseQueryEngine):
    """Answers with citations: the answer's text holds the markers, its source nodes the quotes."""

    def __init__(self, library: Papers):
        """Answer from a `Library` or a `Remote`."""
        super().__init__(callback_manager=None)
        self._library = library

    def _query(self, query_bundle: QueryBundle) -> Response:
        answer = self._library.ask(query_bundle.query_str)
        cited = {
            (citation.paper_id, citation.start): citation
            for sentence in answer.sentences
            for citation in sentence.citations
        }
        return Response(
            response=answer.answer,
            source_nodes=[
                NodeWithScore(node=_quote_node(citation), score=citation.score)
                for citation in cited.values()
            ],
            metadata={"refused": answer.refused, "reason": answer.reason, "mode": answer.mode},
        )

    async def _aquery(self, query_bundle: QueryBundle) -> Response:
        return await asyncio.to_thread(self._query, query_bundle)

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}


def _paper_node(hit: Hit) -> TextNode:
    return _node(hit.paper.paper_id, hit.paper.abstract, facts(hit))


def _quote_node(citation: Citation) -> TextNode:
    metadata: dict[str, Any] = {
        "title": citation.title,
        "marker": citation.marker,
        "paper_id": citation.paper_id,
        "start": citation.start,
        "end": citation.end,
    }
    return _node(f"{citation.paper_id}:{citation.start}", citation.quote, metadata)


def _node(node_id: str, text: str, metadata: dict[str, Any]) -> TextNode:
    return TextNode(
        id_=node_id,
        text=text,
        metadata=metadata,
        excluded_llm_metadata_keys=_NOT_READ,
        excluded_embed_metadata_keys=_NOT_READ,
    )
