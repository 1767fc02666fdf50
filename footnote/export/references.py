"""Papers as entries of a reference manager: BibTeX, RIS and CSL-JSON, with quotes as notes."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any, NamedTuple
from urllib.parse import quote

import rispy
from bibtexparser.entrypoint import write_string
from bibtexparser.library import Library
from bibtexparser.middlewares.names import parse_single_name_into_parts
from bibtexparser.model import Entry, Field

from footnote.rag.core.records import Paper, Source, fingerprint

Quotes = Mapping[str, Sequence[str]]
"""What is quoted of a paper, by paper id."""

# What BibTeX, and what LaTeX, take for a sign of their own. `\{` will not do: BibTeX counts it as a
# brace, which is why the encoder of bibtexparser is not used; the rest of Unicode stays as it is.
_LATEX = str.maketrans(
    {
        "\\": r"{\textbackslash}",
        "{": r"{\textbraceleft}",
        "}": r"{\textbraceright}",
        "~": r"{\textasciitilde}",
        "^": r"{\textasciicircum}",
        **{sign: f"\\{sign}" for sign in "%&#$_"},
    }
)
# An address or a DOI is read to the letter.
_VERBATIM = str.maketrans({"{": "%7B", "}": "%7D", "\\": "%5C"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CITE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:./+-]{0,99}")
_WORD = re.compile(r"[a-z0-9]+")
# So short a word is an article or a preposition in any language that has them.
_LEAST_WORD_CHARS = 4
_ADDRESS_SIGNS = ":/?#[]@!$&'()*+,;=%~"


class Name(NamedTuple):
    """A person, or a group, whose name is all `family`."""

    given: str
    family: str


class Reference(NamedTuple):
    """A paper as it is cited, each text on one line."""

    key: str
    title: str
    authors: tuple[Name, ...] = ()
    date: tuple[int, ...] | None = None
    """Year, month and day, or as many of them as are known."""
    abstract: str = ""
    arxiv: str | None = None
    """With its version, where that is known: `2309.06180v2`."""
    doi: str | None = None
    url: str | None = None
    notice: str | None = None
    """What is said of its withdrawal; None for a paper that stands."""
    quotes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Referrer:
    """Gives papers as references, each with a cite key that no other of its has.

    The key is one that the paper was seen under, or is made of its first author, its year and its
    title. Of two papers with the same one the later gets some digits of its id behind it.
    """

    def __init__(self, quotes: Quotes | None = None):
        self._quotes = quotes or {}
        self._taken: set[str] = set()

    def of(self, paper: Paper) -> Reference:
        """Return what cites a paper; a year that its page did not tell is left out."""
        date = None if paper.date_inferred else paper.date
        groups = set(paper.group_authors)
        authors = tuple(Name("", name) if name in groups else _name(name) for name in paper.authors)
        arxiv = f"{paper.arxiv_id}v{paper.version_number}" if paper.version_number else None
        return Reference(
            key=self._key(paper, authors, date.year if date else None),
            title=_line(paper.title),
            authors=authors,
            date=tuple(int(part) for part in str(date).split("-")) if date else None,
            abstract=_line(paper.abstract),
            arxiv=(arxiv or paper.arxiv_id) if paper.arxiv_id else None,
            doi=paper.doi,
            url=address(paper.url),
            notice=_line(paper.notice or "This paper was withdrawn.") if paper.withdrawn else None,
            quotes=tuple(map(_line, self._quotes.get(paper.paper_id, ()))),
            tags=paper.tags,
        )

    def of_source(self, source: Source) -> Reference:
        """Return what cites a paper of which no more is known than an answer says."""
        key = self._free(_made_key([], None, source.title), source.paper_id)
        quotes = tuple(map(_line, self._quotes.get(source.paper_id, ())))
        return Reference(key=key, title=_line(source.title), quotes=quotes)

    def _key(self, paper: Paper, authors: Sequence[Name], year: int | None) -> str:
        own = next(filter(_CITE_KEY.fullmatch, paper.cite_keys), None)
        return self._free(own or _made_key(authors, year, paper.title), paper.paper_id)

    def _free(self, key: str, paper_id: str) -> str:
        other = f"{key}-{fingerprint(paper_id)[:8]}"
        keys = chain((key, other), (f"{other}-{number}" for number in count(2)))
        # BibTeX takes keys that differ in case alone for the same.
        free = next(k for k in keys if k.lower() not in self._taken)
        self._taken.add(free.lower())
        return free


def bibtex(reference: Reference) -> str:
    """Write an entry of BibTeX. The title is kept as it is; quotes are not printed (`annote`)."""
    year, month, day, *_ = (*(reference.date or ()), 0, 0, 0)
    said = {
        "title": f"{{{_latex(reference.title)}}}",
        "author": " and ".join(map(_bibtex_name, reference.authors)),
        "year": f"{year:04}" if year else "",
        "month": _MONTHS[month - 1] if month else "",
        "day": str(day) if day else "",
        "doi": (reference.doi or "").translate(_VERBATIM),
        "eprint": reference.arxiv or "",
        "archiveprefix": "arXiv" if reference.arxiv else "",
        "url": (reference.url or "").translate(_VERBATIM),
        "abstract": _latex(reference.abstract),
        "keywords": _latex(listed(reference.tags)),
        "note": _latex(reference.notice or ""),
        "annote": _latex(" ".join(f"“{quote}”" for quote in reference.quotes)),
    }
    # A month is an abbreviation of BibTeX's own, which stands in no braces.
    fields = [
        Field(name, value if name == "month" else f"{{{value}}}")
        for name, value in said.items()
        if value
    ]
    return write_string(Library([Entry("misc", reference.key, fields)]), unparse_stack=()) + "\n"


def ris(reference: Reference) -> str:
    """Write a record of RIS, with a note a quote."""
    year, *rest = reference.date or (0,)
    said: dict[str, Any] = {
        "type_of_reference": "GEN",
        "id": reference.key,
        "title": reference.title,
        "authors": list(map(_ris_name, reference.authors)),
        "year": f"{year:04}",
        "date": "/".join([f"{year:04}", *(f"{part:02}" for part in rest)]),
        "doi": reference.doi,
        "accession_number": f"arXiv:{reference.arxiv}" if reference.arxiv else None,
        "urls": [reference.url] if reference.url else [],
        "abstract": reference.abstract,
        "keywords": list(reference.tags),
        "notes": [*filter(None, [reference.notice]), *(f"“{q}”" for q in reference.quotes)],
    }
    dated = {"year", "date"} if not reference.date else set[str]()
    kept = {name: value for name, value in said.items() if value and name not in dated}
    return rispy.dumps([kept], implementation=_Ris) + "\n"


def csl(reference: Reference) -> dict[str, object]:
    """Make an item of CSL-JSON. A DOI of arXiv's is told where the paper has no other."""
    said: dict[str, object] = {
        "id": reference.key,
        "type": "article",
        "title": reference.title,
        "author": [_csl_name(name) for name in reference.authors],
        "issued": {"date-parts": [list(reference.date)]} if reference.date else None,
        "DOI": reference.doi or _arxiv_doi(reference.arxiv),
        "URL": f"https://arxiv.org/abs/{reference.arxiv}" if reference.arxiv else reference.url,
        "abstract": reference.abstract,
        "keyword": listed(reference.tags),
        "note": "\n".join([*filter(None, [reference.notice]), *reference.quotes]),
    }
    return {name: value for name, value in said.items() if value}


def csl_array(references: Iterable[Reference]) -> Iterator[str]:
    """Write CSL-JSON, an item at a time; `[]` for none."""
    before = "["
    for reference in references:
        yield f"{before}\n{json.dumps(csl(reference), ensure_ascii=False, indent=2)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def address(url: str | None) -> str | None:
    """Return an address of the web that can stand in any text; None for what is none."""
    if url is None or not url.startswith(("https://", "http://")):
        return None
    return quote(url, safe=_ADDRESS_SIGNS)


class _Ris(rispy.RisWriter):
    """Writes no number before a record: by its first line a file is known as RIS."""

    def set_header(self, count: int) -> str:
        del count
        return ""


def listed(tags: Sequence[str]) -> str:
    """Write tags one after the other; a sign that would cut one in two is left out of it."""
    return ", ".join(" ".join(re.sub("[,;]", " ", tag).split()) for tag in tags)


def _line(text: str) -> str:
    return " ".join(text.split())


def _latex(text: str) -> str:
    return text.translate(_LATEX)


def _name(name: str) -> Name:
    """Tell the family name, with its particles, from what stands before it."""
    words = name.split()
    if "," not in name:
        parts = parse_single_name_into_parts(name, strict=False)
        given, family = " ".join(parts.first), " ".join([*parts.von, *parts.last])
        if f"{given} {family}".split() == words:
            return Name(given, family)
    return Name(" ".join(words[:-1]), "".join(words[-1:]))


def _bibtex_name(name: Name) -> str:
    if not name.given and " " in name.family:
        return f"{{{_latex(name.family)}}}"
    family, given = map(_bibtex_part, (name.family, name.given))
    return f"{family}, {given}" if given else family


def _bibtex_part(part: str) -> str:
    """Put into braces what BibTeX would take for several names, or for others not named."""
    text = _latex(part)
    is_cut = "," in part or {"and", "others"} & {word.lower() for word in part.split()}
    return f"{{{text}}}" if is_cut else text


def _ris_name(name: Name) -> str:
    """Write a name; of several words without a family name as EndNote knows that of a group."""
    if name.given:
        return f"{name.family}, {name.given}"
    if "," in name.family:
        return name.family.replace(",", ",,", 1)
    return f"{name.family}," if " " in name.family else name.family


def _csl_name(name: Name) -> dict[str, str]:
    if not name.given:
        return {"literal": name.family}
    return {"family": name.family, "given": name.given}


def _arxiv_doi(arxiv: str | None) -> str | None:
    return f"10.48550/arXiv.{re.sub(r'v[0-9]+$', '', arxiv)}" if arxiv else None


def _made_key(authors: Sequence[Name], year: int | None, title: str) -> str:
    """Make a key such as `zhu2024nanoflow`; of letters without their accents."""
    family = "".join(ascii_words(authors[0].family)) if authors else ""
    words = ascii_words(title)
    named = next((word for word in words if len(word) >= _LEAST_WORD_CHARS), "".join(words[:1]))
    parts = (family[:40], str(year or ""), named[:40])
    # Some programs take no key that begins with a digit.
    return "".join(parts if family else parts[::-1]) or "paper"


def ascii_words(text: str) -> list[str]:
    """Return the words of a text in plain small letters; those in other scripts are left out."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _WORD.findall(plain)
