"""Say what the page says in the language of its reader: English, or a translation of it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
LANGUAGES = ("en", "de")


class Wording:
    """The page's own words in one language; what is not translated is said in English."""

    def __init__(self, texts: dict[str, str], language: str = "en"):
        self._texts = texts
        self.language = language

    def __call__(self, key: str, n: int | None = None, **values: object) -> str:
        """Return a text with its values put in.

        Args:
            key: Names the text.
            n: Chooses between `key.one` and `key.other`, and stands for `{n}`.
            values: What else is put in.
        """
        if n is not None:
            key = f"{key}.{'one' if n == 1 else 'other'}"
            values["n"] = f"{n:,}"
        return self._texts[key].format(**values)


@cache
def wording(language: str) -> Wording:
    """Return the words of a language; English for one that there is no translation of."""
    known = language if language in LANGUAGES else LANGUAGES[0]
    return Wording(texts_of(LANGUAGES[0]) | texts_of(known), known)


def texts_of(language: str) -> dict[str, Any]:
    """Read the file of a language."""
    return json.loads((ASSETS / f"words.{language}.json").read_text(encoding="utf-8"))
