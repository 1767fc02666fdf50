"""Run the commands: for people and, with `--json`, for programs."""

import logging
import os
import sys
import warnings
from collections.abc import Callable
from io import TextIOWrapper
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from footnote.rag.core.errors import FootnoteError
from footnote.ui.commands import asking, keeping, measuring, papers, serving, setting_up, watching
from footnote.ui.commands.shared import fail, shared_options

# What a shell expects of a program that was interrupted: 128 + SIGINT.
_INTERRUPTED = 130

app = typer.Typer(
    name="footnote",
    help="Ask a pile of papers a question; every sentence of the answer carries its source.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_tokens = typer.Typer(help="Tokens for programs and people who use `footnote serve`.")
_watch = typer.Typer(
    help="Standing questions: what further papers say to them.", invoke_without_command=True
)
app.callback()(shared_options)
_watch.callback()(watching.news)
app.add_typer(_tokens, name="token")
app.add_typer(_watch, name="watch")

# Each in the order in which `--help` lists them.
_COMMANDS: dict[typer.Typer, dict[str, Callable[..., None]]] = {
    app: {
        "ingest": papers.ingest,
        "papers": papers.papers,
        "search": asking.search,
        "ask": asking.ask,
        "replay": asking.replay,
        "report": asking.report,
        "check": asking.check,
        "eval": measuring.evaluate,
        "feedback": measuring.feedback,
        "calibrate": measuring.calibrate,
        "bench": measuring.bench,
        "serve": serving.serve,
        "demo": serving.demo,
        "mcp": serving.mcp,
        "setup": setting_up.setup,
        "password": serving.password,
        "doctor": keeping.doctor,
        "plugins": keeping.plugins,
        "rebuild": keeping.rebuild,
        "remove": papers.remove,
        "backup": keeping.backup,
        "restore": keeping.restore,
    },
    _tokens: {
        "new": serving.token_new,
        "list": serving.token_list,
        "revoke": serving.token_revoke,
    },
    _watch: {
        "add": watching.add,
        "list": watching.list_watches,
        "remove": watching.remove,
        "news": watching.news,
    },
}
for _group, _commands in _COMMANDS.items():
    for _name, _function in _commands.items():
        _group.command(_name)(_function)


def main() -> NoReturn:
    """Run the command line; the entry point of `footnote`."""
    debug = "--debug" in sys.argv
    # Read when numpy is loaded. Its threads and torch's would wait for each other, turn by turn:
    # a question then takes up to three times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform == "win32":  # what is piped has the system's own signs there, and no `×`
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(encoding="utf-8")
    if not debug:
        _quieten()
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="footnote", standalone_mode=False)
        if code == _INTERRUPTED:  # typer turns an interrupt into its exit code, and says nothing
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except TyperException as error:
        fail(f"{error.format_message().rstrip('.')}; see `footnote --help`", code=2)
    except FootnoteError as error:
        if debug:
            raise
        fail(str(error), code=1)
    except BrokenPipeError:  # `footnote papers | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted; run the same command again to go on", code=_INTERRUPTED)
    except Exception as error:  # the outer edge: a fault of ours, said in one line
        if debug:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        fail(f"unexpected fault: {reason[:300]}; run it again with --debug and report it", code=1)


def _quieten() -> None:
    """Keep the libraries' own chatter out of answers and errors."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


if __name__ == "__main__":
    main()
