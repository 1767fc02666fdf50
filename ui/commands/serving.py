"""The commands that serve people and programs, and those that say who may ask."""

import logging
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from footnote.rag.core.config import Config
from footnote.ui.commands.options import AsJson, Port, print_json
from footnote.ui.commands.papers import take_in
from footnote.ui.commands.shared import ERR, OUT, fail, with_settings


@with_settings
def serve(
    config: Config,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; else `web.host` of the settings, 127.0.0.1."),
    ] = None,
    port: Port = None,
    n_workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            max=64,
            help="Further processes that answer programs, on the next port; else `web.workers`, 0.",
        ),
    ] = None,
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(
            help="Have a Ray cluster serve: that of RAY_ADDRESS, or one on this machine. A process "
            "or more hold each shard, as `ray` of the settings says."
        ),
    ] = None,
    n_replicas: Annotated[
        int | None,
        typer.Option(
            "--replicas",
            min=1,
            max=1000,
            help="Processes that hold each shard, with --engine ray; else `ray.replicas`, 1.",
        ),
    ] = None,
) -> None:
    """Serve the page, REST, OpenAI's protocol and MCP until interrupted."""
    from footnote.ui.address import bound

    host = config.web.host if host is None else host
    if engine:
        if n_workers:
            fail("--engine and --workers do not go together; use `ray.routers`", code=2)
        _serve_on_ray(config, host, config.web.port if port is None else port, n_replicas)
        return
    if n_replicas:
        fail("--replicas goes with --engine ray; add that", code=2)
    n_workers = config.web.workers if n_workers is None else n_workers
    # Before everything is loaded, which takes seconds.
    with ExitStack() as held:
        listener = held.enter_context(bound(host, config.web.port if port is None else port))
        from footnote.ui.guard import access_to

        access = access_to(config, host)
        from footnote.rag.build import open_assistant
        from footnote.ui.app import serve as run
        from footnote.ui.demo import finish, is_unfinished, open_meanwhile, taken_in_beside

        with ERR.status("Loading the index"):
            # Each worker would want to finish it, too.
            if not n_workers and is_unfinished(config):
                held.enter_context(taken_in_beside(finish, config, []))
                assistant = open_meanwhile(config)
            else:
                assistant = open_assistant(config)
        if not n_workers:
            run(assistant, config, access, listener, host=host)
            return
        from footnote.ui.workers import workers

        next_port = 0 if port == 0 else listener.getsockname()[1] + 1
        further = held.enter_context(bound(host, next_port))
        them = held.enter_context(workers(n_workers, config, further, host))
        run(
            assistant,
            config,
            access,
            listener,
            host=host,
            workers_port=them.port,
            on_end=them.end,
        )


def _serve_on_ray(config: Config, host: str, port: int, n_replicas: int | None) -> None:
    from footnote.ui.address import bound

    # Taken by Ray's own process, on this machine or another; here it is only seen to be free.
    with bound(host, port) as listener:
        port = listener.getsockname()[1]
    from footnote.rag.build import open_index
    from footnote.rag.index.writer import IndexWriter
    from footnote.ui.guard import access_to
    from footnote.ui.ray_serve import serve_on_ray

    access_to(config, host)
    if n_replicas:
        ray = config.ray.model_copy(update={"replicas": n_replicas})
        config = config.model_copy(update={"ray": ray})
    with ERR.status("Loading the index"):
        index = open_index(config)
        IndexWriter(index).recover()
        index.check_served()
    n_shards, n_papers = index.snapshot().card.shards, len(index.catalogue)
    serve_on_ray(config, host, port, n_shards, n_papers)


@with_settings
def demo(
    config: Config,
    corpus: Annotated[
        list[str] | None,
        typer.Argument(help="Papers as for `footnote ingest`; the bundled sample by default."),
    ] = None,
    port: Port = None,
) -> None:
    """Take in papers and serve the page, which answers from those that are in meanwhile."""
    import footnote.ingest
    from footnote.ui.address import bound
    from footnote.ui.demo import taken_in_beside

    what = corpus or [str(Path(footnote.ingest.__path__[0]) / "sample")]
    host = config.web.host
    with (
        bound(host, config.web.port if port is None else port) as listener,
        taken_in_beside(take_in, config, what) as process,
    ):
        from footnote.ui.app import serve as run
        from footnote.ui.demo import check_taken_in, is_in_vain, open_meanwhile
        from footnote.ui.guard import access_to

        assistant = open_meanwhile(config)
        in_vain = partial(is_in_vain, assistant, process)
        run(assistant, config, access_to(config, host), listener, host=host, ends=in_vain)
        check_taken_in(config, assistant, process)


@with_settings
def mcp(config: Config) -> None:
    """Serve the papers to an assistant that starts this command (MCP, over standard input)."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.ui.desk import desk_for
    from footnote.ui.mcp_server import mcp_server

    assistant = open_assistant(config)
    tune_process()
    mcp_server(desk_for(assistant, config.web)).run()


@with_settings
def token_new(
    config: Config,
    name: Annotated[str, typer.Argument(help="What it is for, such as the name of a program.")],
    scope: Annotated[
        str, typer.Option(help="read: search and list; ask: and ask; write: and change papers.")
    ] = "ask",
    as_json: AsJson = False,
) -> None:
    """Make a token for `footnote serve`, and print it; it is shown this once."""
    from footnote.ui.tokens import Scope, Tokens

    if scope not in list(Scope):
        raise typer.BadParameter(f"{scope!r} is none of read, ask, write", param_hint="'--scope'")
    secret = Tokens(config.index).new(name, Scope(scope))
    if as_json:
        print_json({"name": name, "scope": scope, "token": secret})
    else:
        OUT.print(escape(secret))


@with_settings
def token_list(config: Config, as_json: AsJson = False) -> None:
    """List the tokens, without their secrets."""
    from footnote.ui.tokens import Tokens

    tokens = Tokens(config.index).all()
    if as_json:
        print_json([token.model_dump(mode="json", exclude={"sha256"}) for token in tokens])
        return
    for token in tokens:
        OUT.print(escape(f"{token.created}  {token.scope:5}  {token.name}"))


@with_settings
def token_revoke(config: Config, name: str, as_json: AsJson = False) -> None:
    """Take a token back."""
    from footnote.ui.tokens import Tokens

    Tokens(config.index).revoke(name)
    if as_json:
        print_json({"revoked": name})


def password() -> None:
    """Read a password, and print what `web.users` keeps of it."""
    from footnote.ui.tokens import hash_password

    if sys.stdin.isatty():
        asked = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        asked = sys.stdin.readline().rstrip("\n")
    if not asked:
        raise typer.BadParameter("it is empty; type a password")
    OUT.print(hash_password(asked))
