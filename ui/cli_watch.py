"""The commands of standing questions."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from footnote.export.names import NewsForm
from footnote.rag.core.config import Config
from footnote.ui.options import (
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

_out = Console(highlight=False, emoji=False, soft_wrap=True)


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
    _out.print(escape(f"{added.watch.watch_id}  {added.watch.question}"))
    _out.print(f"watched as a {kind}; {added.n_known:,} sentences here speak to it already")


def list_watches(config: Config, as_json: AsJson = False) -> None:
    """List the standing questions."""
    from footnote.rag.watches import Watches

    watches = Watches(config.index).all()
    if as_json:
        print_json(watches)
        return
    for watch in watches:
        claim = "  (claim)" if watch.is_claim else ""
        _out.print(escape(f"{watch.watch_id}  {watch.added:%Y-%m-%d}  {watch.question}{claim}"))


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
    _out.print(escape(f"removed {watch.question}"))


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


COMMANDS: dict[str, Callable[..., None]] = {
    "add": add,
    "list": list_watches,
    "remove": remove,
    "news": news,
}
