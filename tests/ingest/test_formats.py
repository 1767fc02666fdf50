"""Each format as its specification shows it, whole and damaged; the texts are our own."""

import datetime
import io
import json
import os
import sys
from pathlib import Path

import pytest

from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import find_files, read_source
from footnote.rag.core.partial import PartialDate

TEXT = "It keeps the cache on disk, and says so at a length that can be quoted."

BIBTEX = r"""% exported by a reference manager
@comment{ nothing here is a paper }
@string{ml = "Machine Learning"}
@preamble{ "\newcommand{\noop}[1]{}" }

@article{lovelace2023alpha,
  title     = {{Alpha}: A Cache on Disk},
  author    = {Lovelace, Ada and {The Engine Team} and Charles Babbage},
  abstract  = {TEXT It is 5% faster.},
  journal   = {arXiv preprint arXiv:2309.06180},
  year      = 2023,
  month     = sep,
  day       = {12},
}

@inproceedings(bravo,
  title = "Bravo: \"{U}ber Routing",
  author = "G{\"o}del, Kurt",
  abstract = "TEXT" # ml,
  eprint = {2305.01234v3}, archivePrefix = {arXiv}, primaryClass = {cs.DC},
  doi = {https://doi.org/10.1000/ABC.1}
)
"""
RIS = """TY  - JOUR
T1  - Alpha: A Cache on Disk
AU  - Lovelace, Ada
AU  - Babbage, Charles
AB  - TEXT It goes
on over two lines.
PY  - 2023/09/12/
DO  - 10.1000/alpha
UR  - https://example.org/alpha
ER  -

TY  - RPRT
TI  - Bravo: Über Routing
A1  - Gödel, Kurt
N2  - TEXT
UR  - https://arxiv.org/abs/2305.01234v3
ER  -
"""
CSL = json.dumps(
    [
        {
            "id": "alpha",
            "type": "article-journal",
            "title": "Alpha: A Cache on Disk",
            "abstract": f"<jats:title>Abstract</jats:title><jats:p>{TEXT}</jats:p>",
            "author": [{"family": "Lovelace", "given": "Ada"}, {"literal": "The Engine Team"}],
            "issued": {"date-parts": [[2023, 9, 12]]},
            "DOI": "10.1000/Alpha",
            "URL": "https://example.org/alpha",
        },
        {
            "id": "bravo",
            "title": "Bravo: Über Routing",
            "abstract": TEXT,
            "issued": {"raw": "2022"},
        },
    ],
    indent=2,
)
ATOM = f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title type="html">ArXiv Query</title>
  <entry>
    <id>http://arxiv.org/abs/2309.06180v2</id>
    <updated>2023-10-01T00:00:00Z</updated>
    <published>2023-09-12T12:50:04Z</published>
    <title>Alpha: A Cache
  on Disk</title>
    <summary>  {TEXT}
</summary>
    <author><name>Ada Lovelace</name></author>
    <author><name>Charles Babbage</name></author>
    <arxiv:doi xmlns:arxiv="http://arxiv.org/schemas/atom">10.1000/Alpha</arxiv:doi>
    <arxiv:comment xmlns:arxiv="http://arxiv.org/schemas/atom">Withdrawn: a lemma is wrong</arxiv:comment>
    <category term="cs.DC" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
  <entry>
    <id>http://arxiv.org/abs/cs/0112017v1</id>
    <title>Bravo: Über Routing</title>
    <summary>{TEXT} R&amp;D &lt; 5%</summary>
    <author><name>Kurt Gödel</name></author>
  </entry>
</feed>
"""
CSV = f"""Title,Authors,Abstract,Date,Arxiv ID
Alpha: A Cache on Disk,"Ada Lovelace; Charles Babbage","{TEXT} It says ""so"",
and goes on.",2023-09-12,2309.06180
Bravo: Über Routing,"Gödel, Kurt",{TEXT.replace(",", "")},,
"""
TSV = f"title\tabstract\nAlpha: A Cache on Disk\t{TEXT}\nBravo: Über Routing\t{TEXT}\n"
JSONL = "".join(
    json.dumps({"title": title, "abstract": TEXT}) + "\n"
    for title in ("Alpha: A Cache on Disk", "Bravo: Über Routing")
)
PAGE = "Daily Papers\n" + "".join(
    f"{title}\n{TEXT} {TEXT} {TEXT} {TEXT}\n"
    for title in ("Alpha: A Cache on Disk", "Bravo: Über Routing")
)
FORMATS = {
    "refs.bib": BIBTEX.replace("TEXT", TEXT),
    "refs.ris": RIS.replace("TEXT", TEXT),
    "csl.json": CSL,
    "feed.xml": ATOM,
    "papers.csv": CSV,
    "papers.tsv": TSV,
    "papers.jsonl": JSONL,
    "page.txt": PAGE,
}
each_format = pytest.mark.parametrize("name", FORMATS)


def read(tmp_path: Path, content: str | bytes) -> tuple[list[SourceRecord], list[Refusal]]:
    # The name tells nothing: formats are known by their content.
    file = tmp_path / "download"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    items = list(read_source(file, file.name))
    return (
        [i for i in items if isinstance(i, SourceRecord)],
        [i for i in items if isinstance(i, Refusal)],
    )


def plain(title: str) -> str:
    return title.replace("{", "").replace("}", "").replace('\\"U', "Ü")


@each_format
def test_both_papers_are_read(tmp_path: Path, name: str):
    records, refusals = read(tmp_path, FORMATS[name])
    assert refusals == []
    assert [plain(r.title) for r in records] == ["Alpha: A Cache on Disk", "Bravo: Über Routing"]
    assert all(TEXT[:25] in r.abstract for r in records)


@each_format
@pytest.mark.parametrize("way", ["bom", "crlf", "both"])
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(
    tmp_path: Path, name: str, way: str
):
    text = FORMATS[name]
    text = text.replace("\n", "\r\n") if way != "bom" else text
    records, refusals = read(tmp_path, text.encode("utf-8-sig" if way != "crlf" else "utf-8"))
    assert (len(records), refusals) == (2, [])
    assert not any("\r" in r.title for r in records)


@each_format
def test_utf_16_is_refused_by_name(tmp_path: Path, name: str):
    records, [refusal] = read(tmp_path, FORMATS[name].encode("utf-16"))
    assert (records, refusal.reason) == ([], "UTF-16 text; save it as UTF-8")


@each_format
def test_latin_1_costs_the_records_that_have_its_letters(tmp_path: Path, name: str):
    text = FORMATS[name].replace('\\"{U}', "Ü").replace("\\u00dc", "Ü")
    records, refusals = read(tmp_path, text.encode("latin-1"))
    assert [plain(r.title)[:5] for r in records] == ["Alpha"]
    assert any("not UTF-8" in r.reason for r in refusals)


def test_bibtex(tmp_path: Path):
    (alpha, bravo), _ = read(tmp_path, FORMATS["refs.bib"])
    assert alpha.authors == ("Ada Lovelace", "The Engine Team", "Charles Babbage")
    assert alpha.group_authors == ("The Engine Team",)
    assert (alpha.arxiv_id, alpha.cite_key) == ("2309.06180", "lovelace2023alpha")
    assert alpha.date == datetime.date(2023, 9, 12)
    assert alpha.abstract.endswith("It is 5% faster.")
    assert (bravo.arxiv_id, bravo.version_number, bravo.doi) == ("2305.01234", 3, "10.1000/abc.1")
    assert bravo.abstract == TEXT


def test_ris(tmp_path: Path):
    (alpha, bravo), _ = read(tmp_path, FORMATS["refs.ris"])
    assert alpha.authors == ("Ada Lovelace", "Charles Babbage")
    assert (alpha.doi, alpha.date) == ("10.1000/alpha", datetime.date(2023, 9, 12))
    assert alpha.abstract.endswith("It goes on over two lines.")
    assert (bravo.arxiv_id, bravo.version_number) == ("2305.01234", 3)


SEP = PartialDate(2023, 9)


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        pytest.param("year = {2023}", PartialDate(2023), id="year"),
        pytest.param("year = 2023, month = sep", SEP, id="month"),
        pytest.param("year = 2023, month = {September}", SEP, id="month-in-words"),
        pytest.param("year = 2023, month = {09}", SEP, id="month-as-number"),
        pytest.param("year = 2023, month = {9}, day = {12}", datetime.date(2023, 9, 12), id="day"),
        pytest.param("year = 2023, month = {Spring}", PartialDate(2023), id="season"),
        pytest.param("year = 2023, month = {13}", PartialDate(2023), id="no-such-month"),
        pytest.param("year = {2023a}", PartialDate(2023), id="year-with-a-letter"),
        pytest.param("year = {in press}", None, id="no-year"),
        pytest.param("year = {20231}", None, id="five-digits"),
        pytest.param("year = {0000}", None, id="the-year-nought"),
        pytest.param("month = sep", None, id="month-without-a-year"),
        pytest.param("date = {2023}", PartialDate(2023), id="biblatex-year"),
        pytest.param("date = {2023-09}", SEP, id="biblatex-month"),
        pytest.param("date = {2023-09/2023-10}", SEP, id="biblatex-span"),
        pytest.param("date = {2023/2024}", PartialDate(2023), id="biblatex-years"),
        pytest.param("date = {2023~}", PartialDate(2023), id="biblatex-about"),
        pytest.param("date = {2023-09-31}", None, id="no-such-day"),
        pytest.param("date = {soon}, year = {2023}", PartialDate(2023), id="date-in-words"),
    ],
)  # fmt: skip
def test_as_much_of_a_date_as_bibtex_tells(
    tmp_path: Path, fields: str, date: datetime.date | PartialDate | None
):
    entry = f"@article{{k,\n title = {{Alpha}}, abstract = {{{TEXT}}},\n {fields}\n}}\n"
    ([record], _) = read(tmp_path, entry)
    assert record.date == date


@pytest.mark.parametrize(
    ("lines", "date"),
    [
        pytest.param("PY  - 2023", PartialDate(2023), id="year"),
        pytest.param("PY  - 2023///", PartialDate(2023), id="year-with-slashes"),
        pytest.param("DA  - 2023/09//", SEP, id="month"),
        pytest.param("PY  - 2023\nDA  - 2023/09/12/", datetime.date(2023, 9, 12), id="both"),
        pytest.param("PY  - 2023\nDA  - Autumn", PartialDate(2023), id="words"),
    ],
)  # fmt: skip
def test_as_much_of_a_date_as_ris_tells(
    tmp_path: Path, lines: str, date: datetime.date | PartialDate
):
    ([record], _) = read(tmp_path, f"TY  - JOUR\nTI  - Alpha\nAB  - {TEXT}\n{lines}\nER  - \n")
    assert record.date == date


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        pytest.param({"year": 2023}, PartialDate(2023), id="number"),
        pytest.param({"year": "2023"}, PartialDate(2023), id="text"),
        pytest.param({"issued": {"date-parts": [[2023]]}}, PartialDate(2023), id="csl-year"),
        pytest.param({"issued": {"date-parts": [[2023, 9]]}}, SEP, id="csl-month"),
        pytest.param({"issued": {"date-parts": [["2023", "13"]]}}, None, id="csl-no-month"),
        pytest.param({"year": 2023, "publicationDate": "2023-09-12"}, datetime.date(2023, 9, 12), id="day-and-year"),
        pytest.param({"year": 2023, "update_date": "2025-01-01"}, PartialDate(2023), id="a-later-change"),
        pytest.param({"date": "2023", "published": "2023-09"}, PartialDate(2023), id="the-first"),
        pytest.param({"year": True}, None, id="true"),
        pytest.param({"date": 1_700_000_000}, None, id="seconds"),
    ],
)  # fmt: skip
def test_as_much_of_a_date_as_an_object_tells(
    tmp_path: Path, fields: dict[str, object], date: datetime.date | PartialDate | None
):
    ([record], _) = read(tmp_path, json.dumps({"title": "Alpha", "abstract": TEXT, **fields}))
    assert record.date == date


@pytest.mark.parametrize(
    ("written", "names", "groups"),
    [
        ("{{The Engine Team}}", ["The Engine Team"], ["The Engine Team"]),
        ('"{Wheels and Cogs, Inc.}"', ["Wheels and Cogs, Inc."], ["Wheels and Cogs, Inc."]),
        ("{Ada {Lovelace} and {OpenAI}}", ["Ada {Lovelace}", "OpenAI"], ["OpenAI"]),
        ("{{Ada} {Lovelace}}", ["{Ada} {Lovelace}"], []),
        ("{{de la} Cruz, Ada}", ["Ada {de la} Cruz"], []),
    ],
)
def test_an_author_of_bibtex_that_stands_in_braces_is_one_name(
    tmp_path: Path, written: str, names: list[str], groups: list[str]
):
    entry = f"@article{{a, title = {{Alpha}}, abstract = {{{TEXT}}}, author = {written}}}"
    ([record], _) = read(tmp_path, entry)
    assert (record.authors, record.group_authors) == (tuple(names), tuple(groups))


@pytest.mark.parametrize(
    ("author", "name", "is_group"),
    [
        ({"literal": "Wheels and Cogs, Inc."}, "Wheels and Cogs, Inc.", True),
        ({"family": "The Engine Team"}, "The Engine Team", True),
        ({"family": "Lovelace", "given": "Ada"}, "Ada Lovelace", False),
        ({"name": "Lovelace, Ada"}, "Ada Lovelace", False),
        ("The Engine Team,", "The Engine Team", True),
        ("Wheels and Cogs,, Inc.", "Wheels and Cogs, Inc.", True),
        ("Lovelace, Ada,", "Ada, Lovelace", False),
        ("The Engine Team", "The Engine Team", False),
    ],
)
def test_where_an_object_tells_that_a_name_is_a_groups(
    tmp_path: Path, author: object, name: str, is_group: bool
):
    ([record], _) = read(
        tmp_path, json.dumps({"title": "Alpha", "abstract": TEXT, "authors": [author]})
    )
    assert record.authors == (name,)
    assert record.group_authors == ((name,) if is_group else ())


def test_csl_json(tmp_path: Path):
    (alpha, bravo), _ = read(tmp_path, CSL)
    assert alpha.authors == ("Ada Lovelace", "The Engine Team")
    assert alpha.group_authors == ("The Engine Team",)
    assert (alpha.doi, alpha.date) == ("10.1000/alpha", datetime.date(2023, 9, 12))
    assert "jats" not in alpha.abstract
    assert bravo.date == PartialDate(2022)


def test_atom(tmp_path: Path):
    (alpha, bravo), _ = read(tmp_path, ATOM)
    assert (alpha.arxiv_id, alpha.version_number, alpha.doi) == ("2309.06180", 2, "10.1000/alpha")
    assert (alpha.authors, alpha.date) == (
        ("Ada Lovelace", "Charles Babbage"),
        datetime.date(2023, 9, 12),
    )
    assert (alpha.withdrawn, alpha.notice) == (True, "Withdrawn: a lemma is wrong")
    assert (bravo.arxiv_id, bravo.withdrawn) == ("cs/0112017", False)
    assert bravo.abstract.endswith("R&D < 5%")


def test_a_feed_on_one_line(tmp_path: Path):
    records, refusals = read(tmp_path, " ".join(ATOM.split()))
    assert (len(records), refusals) == (2, [])


def test_csv(tmp_path: Path):
    (alpha, bravo), _ = read(tmp_path, CSV)
    assert alpha.abstract == f'{TEXT} It says "so",\nand goes on.'
    assert (alpha.arxiv_id, alpha.authors) == ("2309.06180", ("Ada Lovelace", "Charles Babbage"))
    assert (bravo.authors, bravo.date) == (("Kurt Gödel",), None)


def test_a_quote_without_its_end_costs_one_row(tmp_path: Path):
    table = f'title;abstract\n"Broken;{TEXT}\n' + "".join(f"Good {n};{TEXT}\n" for n in range(300))
    records, [refusal] = read(tmp_path, table)
    assert [r.title for r in records] == [f"Good {n}" for n in range(300)]
    assert (refusal.record, "quotes that do not fit" in refusal.reason) == ("line 2", True)


@pytest.mark.parametrize(
    ("name", "good", "bad", "reason"),
    [
        ("refs.bib", "  year      = 2023,", '  year = "2023,', "not BibTeX"),
        ("refs.ris", "T1  - Alpha: A Cache on Disk", "T9  - Alpha", "title"),
        ("csl.json", '"type": "article-journal",', '"type" "article-journal",', "not JSON"),
        ("csl.json", '"family": "Lovelace",', '"family": {{[', "not JSON"),
        ("feed.xml", "<name>Ada Lovelace</name>", "<name>Ada & Lovelace</nam>", "not XML"),
        ("feed.xml", "Ada Lovelace", "&bomb;", "not XML"),
        ("papers.csv", '"Ada Lovelace; Charles Babbage",', '"Ada" Lovelace,', "quotes that do not"),
        ("papers.tsv", f"Disk\t{TEXT}\n", "Disk\t\n", "no abstract"),
        ("papers.tsv", f"Disk\t{TEXT}\n", f"Disk\t{TEXT}\tmore\n", "3 fields, the header names 2"),
        ("papers.jsonl", '"title": "Alpha', '"title" "Alpha', "not JSON"),
    ],
)
def test_a_broken_record_costs_itself_alone(
    tmp_path: Path, name: str, good: str, bad: str, reason: str
):
    assert good in FORMATS[name]
    records, refusals = read(tmp_path, FORMATS[name].replace(good, bad, 1))
    assert [plain(r.title)[:5] for r in records] == ["Bravo"]
    assert reason in refusals[0].reason
    # A row of two lines is two refusals when its quotes do not fit.
    assert len(refusals) == (2 if name == "papers.csv" else 1)


@pytest.mark.parametrize("broken", ["  title = {Beta: A {Cache},", '  title = "Beta,'])
def test_an_entry_without_its_end_is_named_with_its_line(tmp_path: Path, broken: str):
    whole = f"@article{{alpha2019,\n  title = {{Alpha}},\n  abstract = {{{TEXT}}}\n}}\n\n"
    records, [refusal] = read(tmp_path, f"{whole}@article{{broken2020,\n{broken}\n}}\n")
    assert [plain(r.title) for r in records] == ["Alpha"]
    assert refusal.reason == (
        "not BibTeX: entry broken2020, which begins in line 6, "
        "has no closing brace or quotation mark; skipped"
    )


def test_entities_of_a_feed_are_not_expanded(tmp_path: Path):
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    feed = ATOM.replace("<feed", f'<!DOCTYPE feed [<!ENTITY e0 "lol">{bomb}]>\n<feed')
    records, [refusal] = read(tmp_path, feed.replace("Ada Lovelace", "&e9;"))
    assert (records, "document type" in refusal.reason) == ([], True)


def test_an_array_says_what_is_no_object(tmp_path: Path):
    good = json.dumps({"title": "Alpha", "abstract": TEXT})
    records, refusals = read(tmp_path, f'[{good}, 5, "text", null\n, [1], {good}]')
    assert len(records) == 2
    assert len(refusals) == 2  # a line of bare values is one refusal


def test_an_empty_array_is_no_fault(tmp_path: Path):
    assert read(tmp_path, "[]") == ([], [])


def test_a_folder_of_any_of_these(tmp_path: Path):
    for name, text in FORMATS.items():
        (tmp_path / name).write_text(text)
    items = [i for f, s in find_files([tmp_path]) for i in read_source(f, s)]
    assert len(items) == 2 * len(FORMATS)
    assert all(isinstance(i, SourceRecord) for i in items)


def test_of_a_beir_folder_only_the_corpus(tmp_path: Path):
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (tmp_path / "set" / name).write_text("{}")
    (tmp_path / "other.jsonl").write_text("{}")
    assert [s for _, s in find_files([tmp_path])] == ["other.jsonl", "set/corpus.jsonl"]
    assert [s for _, s in find_files([tmp_path / "set"])] == ["corpus.jsonl"]


def test_what_a_folder_holds_and_cannot_be_read_is_named(tmp_path: Path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "papers.jsonl").write_text(JSONL)
    folder.mkdir()
    (folder / "good.jsonl").write_text(JSONL)
    (folder / "link").symlink_to(elsewhere)
    (folder / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe")
    items = [i for f, s in find_files([folder]) for i in read_source(f, s)]
    refused = {i.source: i.reason for i in items if isinstance(i, Refusal)}
    assert len(items) - len(refused) == 2
    assert refused == {
        "link": "a link to a folder; name the folder itself to take it in",
        "gone": "No such file or directory",
        "pipe": "not a regular file",
    }


def test_a_folder_that_may_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "good.jsonl").write_text(JSONL)
    iterdir = Path.iterdir

    def denied(self: Path) -> object:
        # Root, which tests may run as, is denied nothing.
        if self == closed:
            raise PermissionError(13, "Permission denied")
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", denied)
    items = [i for f, s in find_files([tmp_path]) for i in read_source(f, s)]
    refused = [(i.source, i.reason) for i in items if isinstance(i, Refusal)]
    assert refused == [("closed", "a folder that cannot be listed: Permission denied")]
    assert len(items) == 3


def test_a_file_name_cannot_steer_a_terminal(tmp_path: Path):
    (tmp_path / "a\x1b[2Jb\n.bin").write_bytes(b"\0")
    [(file, source)] = find_files([tmp_path])
    assert source == "a\\x1b[2Jb\\n.bin"
    [refusal] = read_source(file, source)
    assert isinstance(refusal, Refusal)


@each_format
@pytest.mark.parametrize("places", [(0.0,), (0.5,), (0.3, 0.6, 0.99)], ids=["head", "one", "three"])
def test_null_bytes_in_text_cost_nothing(tmp_path: Path, name: str, places: tuple[float, ...]):
    content = FORMATS[name].encode()
    for place in places:
        at = int(place * len(content))
        content = content[:at] + b"\0" + content[at:]
    (tmp_path / "x").write_bytes(content)
    (tmp_path / "whole").write_text(FORMATS[name])
    assert list(read_source(tmp_path / "x", "x")) == list(read_source(tmp_path / "whole", "x"))


@each_format
def test_standard_input(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as pipe:
        pipe.write(FORMATS[name].encode())
    with os.fdopen(read_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        [(path, source)] = find_files([Path("-")])
        items = list(read_source(path, source))
    assert [type(i) for i in items] == [SourceRecord, SourceRecord]
    assert {i.sighting.source for i in items if isinstance(i, SourceRecord)} == {"standard input"}


def test_a_closed_standard_input_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    [refusal] = read_source(Path("-"), "standard input")
    assert isinstance(refusal, Refusal)


@pytest.mark.parametrize(
    ("name", "reason"), [("x" * 5_000, "File name too long"), ("a\0b", "embedded null byte")]
)
def test_a_name_that_no_file_can_have(name: str, reason: str):
    [(path, source)] = find_files([Path(name)])
    [refusal] = read_source(path, source)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def records_of(tmp_path: Path, content: str | bytes) -> list[str]:
    records, refusals = read(tmp_path, content)
    assert refusals == []
    return [r.title for r in records]


def test_two_entries_on_one_line_are_two_papers(tmp_path: Path):
    entry = "@article{{{0}, title={{Paper {0}}}, abstract={{{1}}}}}"
    line = " ".join(entry.format(n, TEXT) for n in "abc")
    assert records_of(tmp_path, f"@comment{{x}} {line}") == ["Paper a", "Paper b", "Paper c"]


def test_comment_between_entries_costs_none_whatever_its_length(tmp_path: Path):
    entry = f"@article{{k, title={{Alpha}}, abstract={{{TEXT}}}}}\n"
    comment = b"% M\xfcller wrote this\n" + b"words of no entry\n" * 20_000
    assert records_of(tmp_path, entry.encode() + comment + entry.encode()) == ["Alpha", "Alpha"]


@pytest.mark.parametrize("name", ["refs.bib", "refs.ris", "papers.jsonl"])
def test_files_joined_with_their_byte_order_marks(tmp_path: Path, name: str):
    one = FORMATS[name].encode("utf-8-sig")
    assert len(records_of(tmp_path, one + one)) == 4


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_known_too(tmp_path: Path, encoding: str):
    records, [refusal] = read(tmp_path, JSONL.encode(encoding))
    assert (records, refusal.reason) == ([], "UTF-16 text; save it as UTF-8")


def test_an_array_of_many_megabytes_on_one_line(tmp_path: Path):
    """Such a line was refused as one that is too long, and all records with it."""
    papers = [{"title": f"Paper {n}", "abstract": TEXT * 10} for n in range(4_000)]
    assert len(records_of(tmp_path, json.dumps(papers))) == 4_000


def test_an_object_behind_a_bare_value_is_read(tmp_path: Path):
    good = json.dumps({"title": "Alpha", "abstract": TEXT})
    records, [refusal] = read(tmp_path, f'[{good}, 1, {good}, "x", {good}]')
    assert len(records) == 3
    assert refusal.record == "line 1, element 2"


def test_lines_of_a_record_whose_start_is_broken_are_refused(tmp_path: Path):
    """They stood behind the end of another record and were passed over."""
    records, [refusal] = read(tmp_path, FORMATS["refs.ris"].replace("TY  - RPRT", "TX  - RPRT"))
    assert [r.title for r in records] == ["Alpha: A Cache on Disk"]
    assert "without a `TY`" in refusal.reason


def test_what_a_database_says_above_its_records_is_no_record(tmp_path: Path):
    above = 'Provider: Some Database\nContent: text/plain; charset="UTF-8"\n\n'
    assert len(records_of(tmp_path, above + FORMATS["refs.ris"])) == 2


def test_a_feed_whose_elements_have_a_prefix(tmp_path: Path):
    feed = f"<a:entry><a:title>Alpha</a:title><a:summary>{TEXT}</a:summary></a:entry>"
    head = '<?xml version="1.0"?><a:feed xmlns:a="http://www.w3.org/2005/Atom">'
    assert records_of(tmp_path, f"{head}{feed}{feed}</a:feed>") == ["Alpha", "Alpha"]


def test_a_row_that_ends_in_delimiters_is_whole(tmp_path: Path):
    assert records_of(tmp_path, f"title;abstract\nAlpha;{TEXT};;\n") == ["Alpha"]


@pytest.mark.parametrize("name", ["refs.bib", "refs.ris", "csl.json", "feed.xml", "papers.tsv"])
def test_a_record_of_ten_megabytes_costs_itself_alone(tmp_path: Path, name: str):
    long = "It goes on and on. " * 530_000
    if name == "csl.json":
        text = FORMATS[name].replace(f"<jats:p>{TEXT}", f"<jats:p>{TEXT}{long}", 1)
    else:
        text = FORMATS[name].replace(TEXT, TEXT + long, 1)
    records, [refusal] = read(tmp_path, text)
    assert [plain(r.title)[:5] for r in records] == ["Bravo"]
    assert "more than" in refusal.reason


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.bib", "@misc{k, title={Cache}, abstract={%s}, keywords={caching, to read}}"),
        ("a.ris", "TY  - JOUR\nTI  - Cache\nAB  - %s\nKW  - caching\nKW  - to read\nER  - \n"),
        ("a.json", '[{"title": "Cache", "abstract": "%s", "keyword": "caching; to read"}]'),
        (
            "a.jsonl",
            '{"title": "Cache", "abstract": "%s", "tags": ["caching", {"tag": "to read"}]}',
        ),
        ("a.csv", 'title,abstract,tags\nCache,%s,"caching, to read"\n'),
    ],
)
def test_tags_and_keywords_are_kept(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text % "It is kept on disk and read from there.")
    [record] = read_source(tmp_path / name, name)
    assert isinstance(record, SourceRecord)
    assert record.tags == ("caching", "to read")
