"""The commands of standing questions."""

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from footnote.export.names import NewsForm
from footnote.rag.core.config import Config
from footnote.ui.commands.options import (
    AsJson,
    Author,
    Organisation,
    Question,
    SeenIn,
    Since,
    Until,
    Withdrawn,
    print_json,
    read_filters,
)
from footnote.ui.commands.shared import ERR, OUT, counted, with_settings

if TYPE_CHECKING:
    from footnote.ingest.pipeline import IngestReport
    from footnote.ingest.watching import What
    from footnote.rag.assistant import Assistant
    from footnote.rag.index.index import Index
    from footnote.rag.watches import News

# From one try to the next where another process writes.
_BUSY_S = 2.0


@with_settings
def add(
    config: Config,
    question: Question,
    is_claim: Annotated[
        bool | None,
        typer.Option(
            "--claim/--question",
            help="Watch evidence for and against a claim, or answers; else its words tell.",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    organisation: Organisation = None,
    source: SeenIn = None,
    author: Author = None,
    withdrawn: Withdrawn = None,
    as_json: AsJson = False,
) -> None:
    """Watch a question from now on; what the papers here say already is not news."""
    filters = read_filters(since, until, organisation, source, author, withdrawn)
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.rag.watches import Watches
    from footnote.rag.watching import add_watch

    assistant = open_assistant(config, writes=False)
    tune_process()
    text = " ".join(question)
    added = add_watch(assistant, Watches(config.index), text, filters, is_claim=is_claim)
    if as_json:
        print_json(added.watch.model_dump(mode="json") | {"known": added.n_known})
        return
    kind = "claim" if added.watch.is_claim else "question"
    OUT.print(escape(f"{added.watch.watch_id}  {added.watch.question}"))
    OUT.print(f"watched as a {kind}; already here on it: {counted(added.n_known, 'sentence')}")


@with_settings
def list_watches(config: Config, as_json: AsJson = False) -> None:
    """List the standing questions."""
    from footnote.rag.watches import Watches

    watches = Watches(config.index).all()
    if as_json:
        print_json(watches)
        return
    for watch in watches:
        claim = "  (claim)" if watch.is_claim else ""
        OUT.print(escape(f"{watch.watch_id}  {watch.added:%Y-%m-%d}  {watch.question}{claim}"))


@with_settings
def remove(
    config: Config,
    watch_id: Annotated[str, typer.Argument(help="Its id, as `footnote watch list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Watch a question no longer."""
    from footnote.rag.watches import Watches

    watch = Watches(config.index).remove(watch_id)
    if as_json:
        print_json({"removed": watch})
        return
    OUT.print(escape(f"removed {watch.question}"))


@with_settings
def news(
    config: Config,
    form: Annotated[
        NewsForm, typer.Option("--format", help="How they are printed; atom is a feed.")
    ] = NewsForm.TEXT,
    everything: Annotated[
        bool, typer.Option("--all", help="Print what was printed before, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what papers that came since say to the standing questions, each thing once.

    A feed holds the newest hundred, whatever was printed.
    """
    if form is not NewsForm.TEXT and as_json:
        raise typer.BadParameter("it is another form than --json", param_hint="'--format'")
    from footnote.export.news import news_feed, news_page
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.rag.watches import Watches
    from footnote.rag.watching import look

    watches = Watches(config.index)
    if watches.all():
        assistant = open_assistant(config, writes=False)
        tune_process()
        look(assistant, watches)
    if form is NewsForm.ATOM:
        feed = news_feed(watches.news().values(), feed_id=watches.feed_id)
        sys.stdout.write(feed.decode() + "\n")
        return
    told = watches.news(unread=not everything)
    oldest_first = [told[number] for number in sorted(told)]
    if as_json:
        print_json(oldest_first)
    else:
        sys.stdout.write(news_page(oldest_first, form))
    sys.stdout.flush()
    watches.mark_read(told)


def keep_taking_in(
    config: Config,
    paths: Sequence[str],
    every_s: float,
    say: Callable[["IngestReport"], None],
    *,
    as_json: bool,
) -> None:
    """Take in what changes, and ask the standing questions each time, until told to end.

    Args:
        config: The settings.
        paths: Files, folders of them, or what to fetch from services.
        every_s: From one fetch of the services to the next.
        say: Tells a person what was taken in.
        as_json: Print a line of JSON each time in its place.
    """
    from footnote.ingest.watching import changes
    from footnote.rag.build import open_index

    # What ends a service ends it as Ctrl+C does: what was begun is gone on with the next time.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        index, looker = open_index(config, create=True), _Looker(config)
        for what in changes(paths, every_s=every_s):
            report = _taken_in(what, index, config)
            news = looker.look() if report else []
            if report and as_json:
                line: dict[str, object] = {"ingested": report.model_dump(mode="json")}
                line["news"] = [each.model_dump(mode="json") for each in news]
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            elif report:
                say(report)
                looker.tell()
            sys.stdout.flush()
    except KeyboardInterrupt:
        ERR.print("ended; what was taken in is kept")


def _taken_in(what: Sequence["What"], index: "Index", config: Config) -> "IngestReport | None":
    """Take in papers, once nobody else writes; None where none could be read, which is said."""
    from footnote.ingest.pipeline import ingest
    from footnote.rag.core.errors import IndexBusyError, SourceError
    from footnote.rag.index.writer import unwatched

    is_told = False
    while True:
        try:
            return ingest(what, index, unwatched, config.sources)
        except SourceError as error:
            ERR.print(escape(str(error)))
            return None
        except IndexBusyError as error:
            if not is_told:
                ERR.print(escape(str(error)))
            is_told = True
            time.sleep(_BUSY_S)


class _Looker:
    """Asks the standing questions, if there are any; what answers is loaded for the first."""

    def __init__(self, config: Config):
        from footnote.rag.watches import Watches

        self._config = config
        self._watches = Watches(config.index)
        self._assistant: Assistant | None = None

    def look(self) -> list["News"]:
        from footnote.rag.build import open_assistant
        from footnote.rag.watching import look

        if not self._watches.all():
            return []
        if self._assistant is None:
            self._assistant = open_assistant(self._config, writes=False)
        return look(self._assistant, self._watches)

    def tell(self) -> None:
        """Print what no one was told yet."""
        from footnote.export.news import news_page

        if told := self._watches.news(unread=True):
            oldest_first = [told[number] for number in sorted(told)]
            sys.stdout.write(news_page(oldest_first, NewsForm.TEXT))
            sys.stdout.flush()
            self._watches.mark_read(told)
