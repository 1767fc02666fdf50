"""Ask a question of the index. Reads like the lower half of the architecture diagram."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import QueryBundle

from footnote.rag.answering.citations import cite, refuse
from footnote.rag.answering.evidence import Draft, QuoteAnswerer, SentenceSignal
from footnote.rag.answering.generative import Event, Writer, standalone_with_model
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.records import Answer, Hit, Paper
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.understanding.dialogue import in_full, leans_back

# Questions before the one asked that can matter to it.
_TURNS = 4
# A question with a name that no paper has is answered only when it is this sure, whatever the
# settings ask for: an abbreviation may be unknown, a thing may not.
_WITHOUT_THE_NAME = 0.2


class Assistant:
    """The same behind every door: command line, chat and evaluation."""

    def __init__(
        self,
        catalogue: Catalogue,
        read_question: Callable[[str], QueryBundle],
        retriever: BaseRetriever,
        rerankers: Sequence[BaseNodePostprocessor],
        sentences: SentenceSignal,
        answerer: QuoteAnswerer,
        *,
        keep: int,
        min_confidence: float,
        max_question_chars: int,
        writer: Writer | None = None,
    ):
        self.catalogue = catalogue
        self._read_question = read_question
        self._retriever = retriever
        self._rerankers = rerankers
        self._sentences = sentences
        self._answerer = answerer
        self._keep = keep
        self._min_confidence = min_confidence
        self._max_question_chars = max_question_chars
        self.writer = writer

    def ask(self, question: str, history: Sequence[str] = ()) -> Answer:
        """Answer from the indexed abstracts, or refuse with a reason.

        Args:
            question: As a person typed it.
            history: Earlier questions of the same conversation, oldest first; one that leans on
                them (`and its memory use?`) is understood with them.

        Raises:
            QuestionError: The question is empty or too long.
        """
        events = self.ask_stream(question, history)
        [answer] = [event for event in events if isinstance(event, Answer)]
        return answer

    def ask_stream(self, question: str, history: Sequence[str] = ()) -> Generator[Event]:
        """Answer as `ask` does, telling what goes on.

        Yields:
            What goes on, each sentence of a model that stood the check, and at last the answer,
            which takes the place of all sentences before it. Close it to stop.

        Raises:
            QuestionError: The question is empty or too long.
        """
        asked = self._checked(question)
        full = self.in_full(asked, history)
        draft, hits = self._draft(full, asked)
        events: Iterable[Event]
        if not self._is_answered(draft):
            events = [refuse(full, draft, self._why_not(draft))]
        elif self.writer:
            events = self.writer.write(cite(full, draft), _sources(draft, hits))
        else:
            events = [cite(full, draft)]
        said = {"question": asked, "understood_as": full if full != asked else None}
        for event in events:
            yield event.model_copy(update=said) if isinstance(event, Answer) else event

    def search(self, question: str, k: int = 10, history: Sequence[str] = ()) -> list[Hit]:
        """The papers that fit the question, best first, at most `k`.

        Raises:
            QuestionError: The question is empty or too long.
        """
        return self._hits(self._read_question(self.in_full(question, history)), k)

    def draft(self, question: str, history: Sequence[str] = ()) -> Draft:
        """What could be said, however unsure, and what that was chosen from.

        Raises:
            QuestionError: The question is empty or too long.
        """
        asked = self._checked(question)
        return self._draft(self.in_full(asked, history), asked)[0]

    def in_full(self, question: str, history: Sequence[str]) -> str:
        """The question as it is understood after the questions before it.

        One that leans on them is about the paper that fits the last of them best, or, where the
        papers did not answer that one, about what it asked.

        Raises:
            QuestionError: The question is empty or too long.
        """
        question = self._checked(question)
        if not history or not leans_back(question):
            return question
        if self.writer and (said := standalone_with_model(self.writer.model, question, history)):
            return said
        before = self.in_full(history[-1], history[-_TURNS:-1])
        draft, hits = self._draft(before, history[-1])
        return in_full(question, hits[0].paper.title if self._is_answered(draft) else before)

    def paper(self, paper_id: str) -> Paper | None:
        """One paper by an id that it has or had, as it is answered from; None when it is not."""
        own_id = self.catalogue.resolve(paper_id)
        return self.catalogue.served([own_id]).get(own_id) if own_id else None

    def _draft(self, full: str, asked: str) -> tuple[Draft, list[Hit]]:
        """What could be said to a question, given in full and as typed, and the papers found."""
        query = self._read_question(full)
        hits = self._hits(query, self._keep)
        return self._answerer.draft(query, hits, asked), hits

    def _is_answered(self, draft: Draft) -> bool:
        least = max(self._min_confidence, _WITHOUT_THE_NAME if draft.unknown_names else 0.0)
        return bool(draft.evidence) and draft.confidence >= least

    def _why_not(self, draft: Draft) -> str:
        if unheard_of := [*draft.unknown_names, *(f"“{word}”" for word in draft.unheard_of)]:
            return f"Nothing in {self._the_papers()} mentions {' or '.join(unheard_of)}."
        if draft.lacking:
            return f"The nearest of {self._the_papers()} does not state “{draft.lacking}”."
        return f"Nothing in {self._the_papers()} answers this."

    def _the_papers(self) -> str:
        n_papers = len(self.catalogue)
        return "the one paper here" if n_papers == 1 else f"the {n_papers:,} papers here"

    def _checked(self, question: str) -> str:
        # A terminal may pass bytes that are no text.
        question = " ".join(question.encode(errors="replace").decode().split())
        if not any(character.isalnum() for character in question):
            raise QuestionError("the question is empty; ask it in words")
        if len(question) > self._max_question_chars:
            raise QuestionError(
                f"question of {len(question):,} characters, at most {self._max_question_chars:,}; "
                "shorten it, or raise `answering.max_question_chars`"
            )
        return question

    def _hits(self, query: QueryBundle, k: int) -> list[Hit]:
        nodes = self._retriever.retrieve(query)
        for reranker in self._rerankers:
            nodes = reranker.postprocess_nodes(nodes, query)
        best = {node.node.metadata["paper_id"]: node for node in nodes[:k]}
        papers = self.catalogue.served(best)
        at = {
            paper_id: _passage(best[paper_id].node.metadata, paper)
            for paper_id, paper in papers.items()
        }
        # A paper found by its words alone has no passage yet.
        unread = [paper for paper_id, paper in papers.items() if at[paper_id] is None]
        for paper_id, scores in self._sentences.sentence_scores(query, unread).items():
            at[paper_id] = int(scores.argmax())
        return [
            Hit(
                paper=papers[paper_id],
                score=min(node.get_score(), 1.0),
                passage=papers[paper_id].sentences[at[paper_id] or 0],
                signals=node.node.metadata.get("signals", {}),
            )
            for paper_id, node in best.items()
            if paper_id in papers
        ]


def _passage(found: Mapping[str, Any], paper: Paper) -> int | None:
    # A passage may be of a version that is being replaced, or not in force yet.
    return found.get("sentence") if found.get("version") == paper.version else None


def _sources(draft: Draft, hits: Sequence[Hit]) -> list[Paper]:
    """The papers that the quotes are from, then the others found."""
    papers = [e.paper for e in draft.evidence] + [hit.paper for hit in hits]
    return list({paper.paper_id: paper for paper in papers}.values())
