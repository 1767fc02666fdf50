"""Five hundred damaged files of all formats: no traceback, and good records kept."""

import json
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from footnote.ingest.identity.merge import regroup, to_part
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import find_files, read_source
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.stored import Part

N_FILES = 500
GOOD = [
    (f"Good Paper Number {n} of This File", f"Paper {n} says something plain. " * 9)
    for n in range(6)
]
Random = random.Random


class Format(NamedTuple):
    before: str
    record: Callable[[str, str], str]
    between: str
    after: str
    bombs: tuple[str, ...]
    """Records that are meant to do harm; each stands where a record would."""

    def file(self, records: list[str]) -> str:
        return self.before + self.between.join(records) + self.after


def _object(title: str, abstract: str) -> str:
    return json.dumps({"title": title, "abstract": abstract})


def _harmful_objects() -> tuple[str, ...]:
    text = GOOD[0][1]
    wrong: list[object] = [
        1, None, True, [], {}, "x", {"title": 1, "abstract": text}, {"title": [], "abstract": {}},
        {"title": "x", "abstract": None}, {"title": {"a": 1}, "abstract": text},
        {"title": "T", "abstract": text, "authors": 7, "date": [], "versions": "v", "paper": 3},
        {"title": "T", "abstract": text, "authors": [1, [2], {"name": [3]}], "issued": {"date-parts": [["x", {}]]}},
        {"title": "T", "abstract": text, "issued": {"date-parts": [[99999, 99, 99]]}, "date": "9999-99-99"},
        {"title": "T", "abstract": text, "versions": [{"version": "v" + "9" * 50}], "id": "2301.00001v" + "9" * 99},
        {"title": "T", "abstract": text, "doi": "10." + "1" * 5000, "arxiv_id": "a" * 9999, "url": "h" * 9999},
        {"paper": {"paper": {"title": 1}}}, {"paper": {"id": 1, "authors": {}}},
        {"title": "T", "abstract": text, "authors": ["a"] * 20_000},
        {"title": "T", "abstract": text, "authors": "a and " * 20_000},
        {"title": "T", "abstract": text, "comments": "this paper " * 20_000},
        {"title": "\x00\x1b[2J\u202e", "abstract": "\x00" * 500}, {"title": "\ud800", "abstract": text},
        {"title": "T" * 500_000, "abstract": text}, {"title": "T", "abstract": "A" * 900_000},
    ]  # fmt: skip
    wrong += [{"title": f"Bomb {n}", "abstract": bomb} for n, bomb in enumerate(TEXT_BOMBS)]
    return (
        *map(json.dumps, wrong),
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"title": "' + "\\" * 99_999,
        f'{{"title": "T", "abstract": "{text}", "upvotes": {"9" * 100_000}}}',
        '{"title": "T", "abstract": "' + "x" * 100_000,
        "{" * 50_000 + "}" * 50_000,
        "NaN", "Infinity", '{"title"', "{]}", '"', "\\u0000", "}", "]",
    )  # fmt: skip


TEXT_BOMBS = (
    *((unit * 20_000)[:19_900] for unit in ("1", "1,", "1{", "{", "\\", "$a", "&amp;", "a- ", "(", "1.")),
    "&" + "amp;" * 4_000 + "lt;",
    "\\frac{" * 3_000, "x2010" * 3_900, "e\u0301\u0300" * 6_000, "Dr. A. B. " * 1_900, "\u202e\u200b" * 9_000,
    "this paper was " * 1_300, "a " * 9_900, ". " * 9_900, "etc. A" * 3_000, "😀" * 9_000,
)  # fmt: skip


def _bibtex(title: str, abstract: str) -> str:
    return f"@article{{k{zlib.crc32(title.encode())},\n  title = {{{title}}},\n  abstract = {{{abstract}}}\n}}"


def _ris(title: str, abstract: str) -> str:
    return f"TY  - JOUR\nTI  - {title}\nAB  - {abstract}\nER  - "


def _entry(title: str, abstract: str) -> str:
    return f"<entry><id>x</id><title>{title}</title><summary>{abstract}</summary></entry>"


def _row(title: str, abstract: str) -> str:
    return f'"{title}","{abstract}"'


TEXT = GOOD[0][1]
FORMATS = {
    "jsonl": Format("", _object, "\n", "\n", _harmful_objects()),
    "array": Format("[\n", _object, ",\n", "\n]\n", _harmful_objects()),
    "bibtex": Format("% bib\n", _bibtex, "\n\n", "\n", (
        "@article{", "@article{x,", "@article{x, title", "@article{x, title = ", "@article{}", "@{}",
        "@article{x, title = {" + "{" * 100_000, "@article{x, title = {T}, abstract = {" + "}" * 100_000,
        "@string{a = " + " # ".join(["a"] * 20_000) + "}",
        *(f"@string{{a{n} = a{n - 1} # a{n - 1}}}" for n in range(1, 4)),
        "@comment{" + "x" * 200_000, "@article{x, " + "a = {b}, " * 20_000 + "}",
        '@article{x, title = "' + '"' * 50_000 + ", abstract = {y}}",
        "@article(x, title = {T}, abstract = {" + TEXT, "@" * 100_000, "@a{" * 30_000,
        "@article{" + "k" * 500_000 + ", title={T}, abstract={" + TEXT + "}}",
        "@article{x, author = {" + "A and " * 20_000 + "}, title={T}, abstract={" + TEXT + "}}",
        "@article{x, year = {" + "9" * 99_999 + "}, title={T}, abstract={" + TEXT + "}}",
        *(_bibtex(f"Bomb {n}", b) for n, b in enumerate(TEXT_BOMBS)),
    )),
    "ris": Format("", _ris, "\n\n", "\n", (
        "TY  - ", "TY  - JOUR", "TY  - JOUR\nER  - ", "TY  - JOUR\n" + "x\n" * 100_000 + "ER  - ",
        "TY  - JOUR\nAB  - a\n" + "word\n" * 100_000, "TY  - JOUR\n" + "AU  - A\n" * 50_000,
        "TY  - JOUR\n" + "ZZ  - A\n" * 50_000, "TY  - JOUR\nTI  - " + "T" * 900_000,
        "TY  - JOUR\nTI\nAB\nER", "ER  - \nER  - ", "TY  - JOUR\nDO  - " + "10.1/" * 50_000,
        "TY  - JOUR\nKW  - " + ";" * 100_000, "TY  - JOUR\nUR  - " + "arxiv:" * 50_000,
        *(_ris(f"Bomb {n}", b) for n, b in enumerate(TEXT_BOMBS)),
    )),
    "atom": Format('<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n', _entry, "\n", "\n</feed>\n", (
        "<entry>", "<entry></entry>", "<entry/>", "<entry><title>T</entry>", "<entry><title>&x;</title></entry>",
        "<entry>" + "<a>" * 100_000, "<entry>" + "<a>" * 50_000 + "</a>" * 50_000 + "</entry>",
        "<entry " + 'a="b" ' * 20_000 + "/>", "<entry><title>" + "&#1;" * 100 + "</title></entry>",
        '<entry><!DOCTYPE x [<!ENTITY a "b">]></entry>', "<entry><![CDATA[" + "x" * 100_000,
        "<entry><!--" + "-" * 100_000, "<entry xmlns='x'><title>T</title></entry>",
        "<entry" * 5_000, "</entry>" * 20_000, "</feed>", "<entry><title>" + "T" * 900_000 + "</title></entry>",
        *(_entry(f"Bomb {n}", b.replace("&", "&amp;").replace("<", "")) for n, b in enumerate(TEXT_BOMBS)),
    )),
    "csv": Format("title,abstract\n", _row, "\n", "\n", (
        '"', '"""', '"a', 'a"b,c', '"a"b,c', "," * 100_000, '"' * 99_999, ",", "a,b,c,d", '"x' + "\n" * 1_000,
        '"a\n' * 2_000, "x" * 300_000 + ",y", '"' + "x" * 300_000 + '",y', "\r" * 1_000, "a,\x01b",
        *(_row(f"Bomb {n}", b) for n, b in enumerate(TEXT_BOMBS)),
    )),
    "tsv": Format("title\tabstract\n", "{}\t{}".format, "\n", "\n", (
        "\t" * 50_000, '"', '"a\t"b', "x" * 200_000, "a\tb\tc", "\x1b[31m\tred",
        *(f"Bomb {n}\t{b}" for n, b in enumerate(TEXT_BOMBS)),
    )),
    "page": Format("Daily Papers\n\nDec 10\n\n", "{}\n\n{}".format, "\n\n", "\n", (
        "·", "• 9 authors", "• " + "9" * 9_999 + " authors", "·\nMay 99, 9999 99", "·\n·\n·", "Subscribe",
        "x" * 300_000, "A title and nothing else", "Feb 30", "May 3, 2023 1,2,3",
        *(f"Bomb number {n}\n\n{b}" for n, b in enumerate(TEXT_BOMBS)),
    )),
}  # fmt: skip


class BadFile(NamedTuple):
    name: str
    content: bytes
    kept: tuple[str, ...]
    """Titles of good records that have to survive."""

    @property
    def format(self) -> str:
        return self.name.split("-")[1]


def with_bombs(_name: str, form: Format, rng: Random) -> BadFile:
    """Harmful records between good ones."""
    records = [form.record(*good) for good in GOOD]
    for bomb in rng.sample(form.bombs, rng.choice([1, 1, 2, 3])):
        records.insert(rng.randint(1, len(records) - 1), bomb)
    kept = tuple(title for title, _ in GOOD)
    return BadFile("bombs", form.file(records).encode("utf-8", "surrogatepass"), kept)


def truncated(_name: str, form: Format, rng: Random) -> BadFile:
    whole = form.file([form.record(*good) for good in GOOD])
    cut = rng.randint(len(whole) // 4, len(whole) - 2)
    # Whole are those after which another one begins.
    n_whole = sum(title in whole[:cut] for title, _ in GOOD) - 1
    return BadFile("truncated", whole[:cut].encode(), tuple(t for t, _ in GOOD[:n_whole]))


def reencoded(_name: str, form: Format, rng: Random) -> BadFile:
    text = form.file([form.record(f"{title} Ünï", text) for title, text in GOOD])
    encoding = rng.choice(
        ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig"]
    )
    kept = tuple(t for t, _ in GOOD) if encoding == "utf-8-sig" else ()
    return BadFile(encoding, text.encode(encoding), kept)


def flipped(_name: str, form: Format, rng: Random) -> BadFile:
    content = bytearray(form.file([form.record(*good) for good in GOOD]).encode())
    for _ in range(rng.choice([1, 5, 50, 500])):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return BadFile("flipped", bytes(content), ())


def with_control_characters(_name: str, form: Format, rng: Random) -> BadFile:
    signs = [
        "\x1b[2J",
        "\x07",
        "\x7f",
        "\u202e",
        "\u0000",
        "\x0c",
        "\x85",
        "\u2028",
        "\ufeff",
        "\x1c",
    ]
    text = form.file([form.record(*good) for good in GOOD])
    for _ in range(rng.randint(1, 20)):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(signs) + text[at:]
    return BadFile("control", text.encode(), ())


def mixed(_name: str, form: Format, rng: Random) -> BadFile:
    other = rng.choice(list(FORMATS.values()))
    ours = [form.record(*good) for good in GOOD[:3]]
    theirs = [other.record(*good) for good in GOOD[3:]]
    return BadFile("mixed", (form.file(ours) + other.file(theirs)).encode(), ())


def shuffled(_name: str, form: Format, rng: Random) -> BadFile:
    lines = form.file([form.record(*good) for good in GOOD]).split("\n")
    head, rest = lines[:2], lines[2:]
    rng.shuffle(rest)
    return BadFile("shuffled", "\n".join([*head, *rest]).encode(), ())


DAMAGES = (with_bombs, with_bombs, with_bombs, truncated, reencoded, flipped, with_control_characters, mixed, shuffled)  # fmt: skip


def bad_files() -> Iterator[BadFile]:
    rng = random.Random(20250101)  # noqa: S311
    for number in range(N_FILES):
        name = list(FORMATS)[number % len(FORMATS)]
        bad = rng.choice(DAMAGES)(name, FORMATS[name], rng)
        yield bad._replace(name=f"{number:03}-{name}-{bad.name}")


BAD_FILES = list(bad_files())


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_no_file_stops_an_ingest(tmp_path: Path, name: str):
    for bad in (bad for bad in BAD_FILES if bad.format == name):
        file, database = tmp_path / bad.name, tmp_path / f"{bad.name}.sqlite"
        file.write_bytes(bad.content)
        items = list(read_source(file, bad.name))
        parts: list[Part] = []
        for item in items:
            if isinstance(item, SourceRecord):
                with suppress(ValueError):  # nothing is left of it once cleaned
                    parts.append(to_part(item))
        catalogue = Catalogue(database, create=True)
        catalogue.regroup(regroup(parts, catalogue))
        titles = {i.title for i in items if isinstance(i, SourceRecord)}
        lost = [t for t in bad.kept if not any(x.startswith(t) for x in titles)]
        assert not lost, (bad.name, [i for i in items if isinstance(i, Refusal)][:5])
        assert items, f"{bad.name}: neither a record nor a refusal"
        for item in items:
            # What is shown to a person cannot steer the terminal, and can be written.
            if isinstance(item, Refusal):
                shown = f"{item.source}{item.record or ''}{item.reason}"
                assert shown.isprintable(), (bad.name, shown)
                shown.encode()


def test_the_files_are_as_many_and_as_varied_as_said():
    assert len(BAD_FILES) == N_FILES
    kinds = {tuple(bad.name.split("-", 2)[1:]) for bad in BAD_FILES}
    assert len(kinds) > 50
    assert sum(bool(bad.kept) for bad in BAD_FILES) > 150


def test_a_folder_of_them_is_walked(tmp_path: Path):
    for bad in BAD_FILES[:20]:
        (tmp_path / bad.name).write_bytes(bad.content)
    assert len(list(find_files([tmp_path]))) == 20
