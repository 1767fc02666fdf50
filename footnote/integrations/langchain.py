"""A `Library`, or a server's papers, as LangChain's retriever."""

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import Field

from footnote.integrations.papers import Papers, facts


class FootnoteRetriever(BaseRetriever):
    """Finds papers: a document a paper, its text the abstract, its id the paper's."""

    library: Papers
    """A `Library`, or a `Remote`."""
    k: int = Field(default=10, ge=1)
    """Papers a question at most."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager
        return self._documents(query)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager
        return await run_in_executor(None, self._documents, query)

    def _documents(self, query: str) -> list[Document]:
        return [
            Document(
                id=hit.paper.paper_id,
                page_content=hit.paper.abstract,
                metadata={**facts(hit), "score": hit.score},
            )
            for hit in self.library.search(query, self.k)
        ]
