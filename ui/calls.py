"""Answer calls of the page's functions that no browser makes with a line."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction

from footnote.ui.call_guard import reason_of, write_down


class Page(gr.Blocks):
    """A gradio page that refuses a call it cannot take, instead of failing at it."""

    async def process_api(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        block_fn: BlockFunction,
        inputs: list[Any],
        **options: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Run the function that a call asks for.

        Raises:
            gr.Error: The call is malformed, or the function failed. Gradio gives its text to the
                caller, and writes nothing.
        """
        if why := _malformed(block_fn, inputs):
            raise _refused(f"call of {block_fn.name} refused: {why}")
        try:
            return await super().process_api(block_fn, inputs, **options)
        except Exception as error:  # an outer edge: of gradio's reading the values, and of ours
            raise _refused(f"call of {block_fn.name} failed: {reason_of(error)}", error) from error


def _malformed(block_fn: BlockFunction, inputs: Sequence[object]) -> str | None:
    """Say what is wrong with the values of a call as its function's inputs tell it, or None."""
    blocks = block_fn.inputs
    if block_fn.cancels:  # gradio gives these the id of the session
        return None
    if len(inputs) != len(blocks):
        n_wanted = sum(not getattr(block, "skip_api", False) for block in blocks)
        return f"`data` has to hold {n_wanted} value{'s' * (n_wanted != 1)}"
    for block, value in zip(blocks, inputs, strict=True):
        if isinstance(block, gr.Textbox) and not isinstance(value, str):
            return f"a question is text, not {json.dumps(value)[:80]}"
    return None


def _refused(said: str, error: Exception | None = None) -> gr.Error:
    return gr.Error(write_down(said, error), print_exception=False)
