"""What the tabs of the page have in common: their style, their scripts, and how errors are told."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from footnote.rag.core.errors import FootnoteError
from footnote.ui.wording import ASSETS, LANGUAGES, Wording, texts_of, wording

Reply = dict[str, Any] | list[Any]
"""What a script is answered, as JSON; `error` is a line for a person."""
# Not with the page's own: gradio rewrites the selectors of those.
STYLE = f"<style>{(ASSETS / 'tabs.css').read_text(encoding='utf-8')}</style>"


def script(*names: str) -> str:
    """Join scripts of the page behind its words: they share one scope."""
    words = json.dumps({language: texts_of(language) for language in LANGUAGES})
    read = ((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in names)
    return "\n".join([f"const WORDS = {words};", *read])


def told(call: Callable[[Mapping[str, Any], Wording], Reply]) -> Callable[[Any], Reply]:
    """Give a call what the script sent and the page's words, and the script what went wrong."""

    def answered(sent: Any) -> Reply:  # noqa: ANN401 - whatever was sent
        say = wording(LANGUAGES[0])
        try:
            say = wording(str(sent.get("language")))
            return call(sent, say)
        except FootnoteError as error:
            return {"error": str(error)}
        except (ValidationError, KeyError, TypeError, AttributeError):
            return {"error": say("cannot_be_asked")}

    # Its name alone: gradio tells by the signature how many values a script sends.
    answered.__name__ = call.__name__
    return answered
