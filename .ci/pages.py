"""What mkdocs reads beside docs/: files of the repository's root, and pages made from the code."""

import posixpath
import re
from pathlib import Path
from typing import Any, get_origin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

from footnote.rag.core.config import Config

ROOT = Path(__file__).parent.parent
# Files of the root, and the page that each of them is.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
}
# What is no page by itself, and the page that tells of it.
_TOLD_IN = {"config.yaml": "settings.md", "docs/adr": "adr/index.md", "examples": "plugins.md"}
_LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, or are made."""
    made = {page: (ROOT / name).read_text(encoding="utf-8") for name, page in PAGES.items()}
    made |= {"settings.md": settings_page(), "adr/index.md": decisions_page()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:  # noqa: ANN401
    """Point each link to the page that its file is here."""
    at = page.file.src_uri
    lies = next((name for name, own in PAGES.items() if own == at), f"docs/{at}")

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(lies), link[2]))
        target = (PAGES | _TOLD_IN).get(target, target.removeprefix("docs/"))
        return link[1] + posixpath.relpath(target, posixpath.dirname(at) or ".") + link[3]

    return _LINK.sub(moved, markdown)


def decisions_page() -> str:
    """List the decisions, each by the title of its page."""
    lines = ["# Decisions", ""]
    for file in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        title = file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({file.name})")
    return "\n".join(lines)


def settings_page() -> str:
    """Write a table for each section of the settings, from their docstrings."""
    lines = [
        "# Settings",
        "",
        "Written into a YAML file that `--config FILE` or `FOOTNOTE_CONFIG` names, or given in the "
        "environment as `FOOTNOTE_SECTION__KEY`. A `config.yaml` that is merely found in the "
        "working folder may set numbers and switches alone.",
    ]
    own = {n: f for n, f in Config.model_fields.items() if not _section(f.annotation)}
    lines += ["", *_table(own)]
    for name, field in Config.model_fields.items():
        if section := _section(field.annotation):
            lines += [
                "",
                f"## {name}",
                "",
                section.__doc__ or "",
                "",
                *_table(section.model_fields),
            ]
    return "\n".join(lines) + "\n"


def _section(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    is_class = isinstance(annotation, type) and get_origin(annotation) is None
    return annotation if is_class and issubclass(annotation, BaseModel) else None


def _table(fields: Any) -> list[str]:  # noqa: ANN401
    rows = ["| setting | default | |", "|---|---|---|"]
    for name, field in fields.items():
        if section := _section(field.annotation):  # such as the two services
            inner = field.default or section.model_construct()
            rows += [
                _row(f"{name}.{key}", getattr(inner, key), own.description)
                for key, own in section.model_fields.items()
            ]
        else:
            rows.append(_row(name, field.default, field.description))
    return rows


def _row(name: str, default: object, told: str | None) -> str:
    text = " ".join((told or "").split()).replace("|", "\\|")
    return f"| `{name}` | `{_default(default)}` | {text} |"


def _default(value: object) -> str:
    if isinstance(value, Path):
        return value.as_posix()
    return (
        "null" if value is None else str(value).lower() if value in (True, False) else repr(value)
    )
