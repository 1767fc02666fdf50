"""What the tabs of the page have in common: their style, their scripts, and how errors are told."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from pydantic import ValidationError

from footnote.rag.core.errors import FootnoteError
from footnote.ui.wording import ASSETS

Reply = dict[str, Any]
"""What a script is answered, as JSON; `error` is a line for a person."""
# Not with the page's own: gradio rewrites the selectors of those.
STYLE = f"<style>{(ASSETS / 'tabs.css').read_text(encoding='utf-8')}</style>"


def script(name: str) -> str:
    """Read a script of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def told(call: Callable[[Any], Reply]) -> Callable[[Any], Reply]:
    """Give the script what went wrong as text for a person."""

    @wraps(call)
    def answered(asked: Any) -> Reply:  # noqa: ANN401 - whatever was sent
        try:
            return call(asked)
        except FootnoteError as error:
            return {"error": str(error)}
        except (ValidationError, KeyError, TypeError, AttributeError):
            return {"error": "That cannot be asked; reload the page and try again."}

    return answered
