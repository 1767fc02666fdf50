"""A pile of papers as one Python object: take them in, search them, ask them."""

import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Self

from footnote.export.forms import Exported, export
from footnote.ingest.pipeline import IngestReport, ingest
from footnote.rag.answering.generative import Event
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index, open_report
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import IndexMissingError
from footnote.rag.core.records import Answer, Claim, Hit, Paper, Report
from footnote.rag.core.request import Filters, Request
from footnote.rag.index.writer import unwatched
from footnote.rag.replay import Difference, replay
from footnote.rag.watches import News, Watch, Watches
from footnote.rag.watching import add_watch, look


class Library:
    """The papers of one index folder. Safe to use from several threads.

    Models and files are loaded when they are first needed. Papers that another process takes in
    are seen by the next question.
    """

    def __init__(self, config: Config):
        """Use the index folder and the settings of `config`; see `open`."""
        self.config = config
        self._lock = threading.Lock()
        self._assistant: Assistant | None = None

    @classmethod
    def open(cls, folder: str | Path, config: Config | None = None) -> Self:
        """Open the papers in a folder, or begin with none.

        Args:
            folder: The index folder; made by the first `add` where it does not exist.
            config: Settings, whose `index` is not read; without them the defaults and the
                environment (`FOOTNOTE_…`, and the file that `FOOTNOTE_CONFIG` names). The
                working folder's `config.yaml` is not read.

        Raises:
            ConfigError: The environment holds a setting that is wrong.
        """
        config = config or load_config(read_default_file=False)
        return cls(config.model_copy(update={"index": Path(folder)}))

    def add(self, *what: str | Path) -> IngestReport:
        """Take in papers; taking in the same ones again changes nothing.

        Args:
            what: Files of any known format, folders of them, or what to fetch, such as
                `arxiv:2309.06180`.

        Returns:
            How many records were read and papers added, and each refused record with its reason.

        Raises:
            SourceError: Nothing could be taken in, and something was refused.
            IndexBusyError: Another process is writing.
            IndexMismatchError: The index was built with other settings.
        """
        index = open_index(self.config, create=True)
        return ingest(what, index, unwatched, self.config.sources)

    def search(
        self,
        question: str,
        k: int = 10,
        history: Sequence[str | Answer] = (),
        filters: Filters | None = None,
    ) -> list[Hit]:
        """Find the papers that fit a question, best first, at most `k`.

        Args:
            question: As a person would type it.
            k: Papers at most.
            history: Earlier questions of the same conversation, oldest first.
            filters: Which papers may be found; None for all.

        Raises:
            QuestionError: The question is empty or too long.
            IndexMissingError: No papers were added yet.
        """
        return self._opened().search(question, k, history, filters)

    def ask(
        self,
        question: str,
        history: Sequence[str | Answer] = (),
        filters: Filters | None = None,
        request: Request | None = None,
    ) -> Answer:
        """Answer a question, every sentence with its source, or refuse with a reason.

        Args:
            question: As a person would type it.
            history: Earlier turns of the same conversation, oldest first: answers, or questions,
                which are then answered first.
            filters: Which papers may answer; None for what the question itself says.
            request: How the question is to be understood; None to read it from its words.

        Raises:
            QuestionError: The question is empty or too long.
            IndexMissingError: No papers were added yet.
        """
        return self._opened().ask(question, history, filters, request)

    def check(self, text: str) -> list[Claim]:
        """Compare each statement of a text with what the papers say.

        Args:
            text: A sentence, or a draft in plain text, Markdown or LaTeX. The BibTeX keys by which
                a statement cites name the papers that it is compared with.

        Raises:
            QuestionError: It holds no statement.
            IndexMissingError: No papers were added yet.
        """
        return self._opened().check(text)

    def report(
        self,
        topic: str,
        papers: int = 30,
        filters: Filters | None = None,
        folder: str | Path | None = None,
    ) -> Report:
        """Write a report on a topic, every statement with its source; quotes without a model.

        Args:
            topic: As a person would type it.
            papers: How many it is written from at most; 60 are the most.
            filters: Which papers may be read; None for all.
            folder: Where its finished steps are kept, so that an interrupted one goes on; None for
                the index folder.

        Returns:
            The report; its answer is a refusal where nothing comes near the topic.

        Raises:
            QuestionError: The topic is empty or too long.
            IndexMissingError: No papers were added yet.
        """
        job = open_report(
            self.config,
            self._opened(),
            topic,
            papers=papers,
            filters=filters,
            folder=Path(folder) if folder else None,
        )
        return job.written(unwatched)

    def stream(
        self,
        question: str,
        history: Sequence[str | Answer] = (),
        filters: Filters | None = None,
        request: Request | None = None,
    ) -> Generator[Event]:
        """Answer as `ask` does, telling what goes on.

        Yields:
            What goes on, each checked sentence, and at last the `Answer`, which takes the place of
            all before it. Close the generator to stop a model that is writing.

        Raises:
            QuestionError: The question is empty or too long.
            IndexMissingError: No papers were added yet.
        """
        return self._opened().ask_stream(question, history, filters, request)

    def export(self, answer: Answer, form: str) -> Exported:
        """Write an answer as a file: a page, or what it cites as a reference manager reads it.

        Args:
            answer: What is written.
            form: `text`, `markdown`, `html`, `bibtex`, `ris`, `csl`, `csv` or a plugin's.

        Raises:
            ValueError: There is no such form.
            PluginError: The plugin of this name cannot be loaded, or fails.
            IndexMissingError: No papers were added yet.
        """
        return export(answer, self._opened().paper, form)

    def replay(self, answer: Answer) -> Difference:
        """Ask again what was answered before, as it was understood then, and compare.

        Raises:
            QuestionError: The question is empty or too long.
            IndexMissingError: No papers were added yet.
        """
        [found] = replay([answer], self._opened())
        return found

    def watch(
        self, question: str, filters: Filters | None = None, *, is_claim: bool | None = None
    ) -> Watch:
        """Watch a question from now on: `news` tells what further papers say to it.

        Args:
            question: As a person would type it, or a claim.
            filters: Which papers may answer; None for what the question itself says.
            is_claim: True to watch evidence for and against it; None where its words tell.

        Raises:
            QuestionError: It is empty, too long, or no sentence of a paper could answer it.
            IndexMissingError: No papers were added yet.
        """
        return add_watch(self._opened(), self._watches, question, filters, is_claim=is_claim).watch

    def watches(self) -> list[Watch]:
        """List the questions that are watched."""
        return self._watches.all()

    def unwatch(self, watch_id: str) -> Watch:
        """Watch a question no longer, and return it.

        Raises:
            QuestionError: There is none of this id.
        """
        return self._watches.remove(watch_id)

    def news(self) -> list[News]:
        """Return what papers that came since the last call, or since a question, say to it.

        Raises:
            IndexMissingError: No papers were added yet.
        """
        return look(self._opened(), self._watches)

    @property
    def _watches(self) -> Watches:
        return Watches(self.config.index)

    def papers(self) -> list[Paper]:
        """List every paper, by title; empty before the first `add`."""
        try:
            return open_index(self.config).catalogue.papers()
        except IndexMissingError:
            return []

    def _opened(self) -> Assistant:
        with self._lock:
            if self._assistant is None:
                self._assistant = open_assistant(self.config)
            return self._assistant
