"""Make the page, a tab for each thing that people do here, and serve it."""

import os
import sys

# Read when gradio is imported: it would report each start to its makers.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
from gradio.themes import Default
from starlette.middleware import Middleware

from footnote.rag.assistant import Assistant
from footnote.rag.core.errors import ConfigError, FootnoteError
from footnote.rag.core.processor import tune_process
from footnote.ui.address import free_port
from footnote.ui.ask_tab import Helpers, ask_tab, top
from footnote.ui.calls import CallGuard, Page

# Fonts of the reader's own system; gradio's default theme fetches some from the network.
_FONTS = ["ui-sans-serif", "system-ui", "sans-serif"]
_MONO_FONTS = ["ui-monospace", "monospace"]


def build_page(assistant: Assistant, helpers: Helpers = Helpers()) -> gr.Blocks:  # noqa: B008
    """Make the page, not yet served. The assistant is shared by all its visitors."""
    with Page(title="Footnote", fill_width=True, analytics_enabled=False) as page:
        top()
        with gr.Tabs(elem_id="fn-tabs"), gr.Tab("Ask"):
            ask_tab(assistant, helpers)
        _for_programs(assistant)
    return page


def _for_programs(assistant: Assistant) -> None:
    """Let a program ask with gradio's client, as before there was this page."""

    def ask(question: str) -> str:
        try:
            return assistant.ask(question).answer
        except FootnoteError as error:
            return str(error)

    question, said = gr.Textbox(visible=False), gr.Textbox(visible=False)
    question.submit(ask, question, said, api_name="ask")


def launch(page: gr.Blocks, *, host: str, port: int) -> str:
    """Begin to serve the page from a thread, and return its address.

    Raises:
        ConfigError: The address or port cannot be listened on.
    """
    port = free_port(host, port)
    try:
        page.queue(default_concurrency_limit=4)
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            theme=Default(font=_FONTS, font_mono=_MONO_FONTS),
            footer_links=[],
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            app_kwargs={"middleware": [Middleware(CallGuard)]},
        )
    except OSError as error:  # taken since, or at another address that gradio tries as well
        raise ConfigError(
            f"port {port} of {host} cannot be used; choose another with --port or `web.port`"
        ) from error
    return url


def serve(assistant: Assistant, *, host: str, port: int) -> None:
    """Serve the page until interrupted.

    Raises:
        ConfigError: The address or port cannot be listened on.
    """
    page = build_page(assistant)
    tune_process()
    url = launch(page, host=host, port=port)
    sys.stdout.write(f"{len(assistant.catalogue):,} papers answer at {url} until Ctrl+C\n")
    sys.stdout.flush()
    page.block_thread()
