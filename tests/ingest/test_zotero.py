"""A library of Zotero's, taken in from a server that answers as its documentation says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from footnote.ingest.pipeline import IngestReport, ingest
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.services import fetch_pages, parse_locator
from footnote.ingest.sources import read_source
from footnote.rag.build import open_index
from footnote.rag.core.config import Service, Sources, load_config
from footnote.rag.core.errors import FetchError, SourceError
from tests.ingest.server import QuickClock, Reply, Serve
from tests.ingest.zotero import Library, item

ITEMS = [item(f"KEY0000{n}", n + 1, f"Paper {n} of This Library") for n in range(5)]


def sources(url: str, **fields: object) -> Sources:
    zotero = Service(url=url, interval_s=0)
    return Sources(**({"zotero": zotero, "page_papers": 2} | fields))  # pyright: ignore[reportArgumentType]


def fetch(
    url: str, cache: Path, locator: str = "zotero:", **fields: object
) -> list[SourceRecord | Refusal]:
    parsed = parse_locator(locator)
    assert parsed
    clock = QuickClock()
    pages = list(fetch_pages(parsed, sources(url, **fields), cache, lambda *_: None, clock))
    assert not clock.slept
    return [each for page in pages for each in read_source(page.file, "Zotero")]


def titles(found: list[SourceRecord | Refusal]) -> list[str]:
    return [each.title for each in found if isinstance(each, SourceRecord)]


def asked_of(server: Any, path: str = "items/top") -> list[Mapping[str, str]]:
    return [asked for asked, _ in server.requests if asked["path"].endswith(path)]


def test_a_library_is_read_page_by_page(serve: Serve, tmp_path: Path):
    server = serve(Library(*ITEMS))
    assert titles(fetch(server.url, tmp_path)) == [f"Paper {n} of This Library" for n in range(5)]
    pages = asked_of(server)
    assert [(a["start"], a["limit"]) for a in pages] == [("0", "2"), ("2", "2"), ("4", "2")]
    assert not any("since" in asked for asked in pages)


def test_one_that_gives_fewer_at_once_is_read_to_its_end(serve: Serve, tmp_path: Path):
    library = Library(*ITEMS)
    library.most = 1
    assert len(titles(fetch(serve(library).url, tmp_path))) == 5


def test_one_that_gives_less_than_it_tells_is_an_error(serve: Serve, tmp_path: Path):
    library = Library(*ITEMS)
    library.most = 0
    with pytest.raises(FetchError, match="tells of 5 items and gives 0"):
        fetch(serve(library).url, tmp_path)


def test_what_zotero_knows_of_a_paper_is_taken_over(serve: Serve, tmp_path: Path):
    library = Library(
        item(
            "KEY00001",
            1,
            "Caching on Disk",
            creators=[
                {"creatorType": "editor", "firstName": "Eve", "lastName": "Editor"},
                {"creatorType": "author", "firstName": "Ada", "lastName": "Lovelace"},
                {"creatorType": "author", "name": "The Cache Group, Ltd."},
            ],
            DOI="10.1000/ABC",
            url="https://example.org/cache",
            extra="arXiv:2405.01234 [cs]\nCitation Key: lovelace2024",
            citationKey="lovelace2024",
            tags=[{"tag": "caching"}, {"tag": "to read", "type": 1}],
            collections=["COLL0001"],
        )
    )
    library.collections = {"COLL0001": "Efficient inference"}
    server = serve(library)
    [record] = fetch(server.url, tmp_path)
    assert isinstance(record, SourceRecord)
    assert record.authors == ("Ada Lovelace", "The Cache Group, Ltd.")
    assert record.group_authors == ("The Cache Group, Ltd.",)
    assert (str(record.date), record.doi, record.arxiv_id) == (
        "2024-05-17",
        "10.1000/abc",
        "2405.01234",
    )
    assert record.cite_key == "lovelace2024"
    assert record.tags == ("caching", "to read")
    assert record.collections == ("Efficient inference",)


def test_what_is_no_paper_or_has_no_abstract_is_listed_with_its_reason(
    serve: Serve, tmp_path: Path
):
    server = serve(
        Library(
            ITEMS[0],
            item("KEY00002", 2, "", itemType="note", note="<p>Read it.</p>"),
            item("KEY00003", 3, "A file", itemType="attachment"),
            item("KEY00004", 4, "Without One", abstractNote=""),
        )
    )
    found = fetch(server.url, tmp_path)
    assert titles(found) == ["Paper 0 of This Library"]
    assert [each.reason for each in found if isinstance(each, Refusal)] == [
        "a note, which is no paper",
        "an attachment, which is no paper",
        "no abstract",
    ]


def test_again_only_what_has_changed_is_asked_for_and_all_is_there(serve: Serve, tmp_path: Path):
    library = Library(*ITEMS)
    server = serve(library)
    fetch(server.url, tmp_path)
    server.requests.clear()
    # 304: nothing has changed, and what was fetched is there.
    assert len(titles(fetch(server.url, tmp_path))) == 5
    [(asked, headers)] = [r for r in server.requests if r[0]["path"].endswith("items/top")]
    assert (asked["since"], headers["if-modified-since-version"]) == ("5", "5")
    library.items[1] = item("KEY00001", 6, "Paper 1, Revised")
    library.items.append(item("KEY00009", 7, "A New One"))
    server.requests.clear()
    assert titles(fetch(server.url, tmp_path)) == [
        "Paper 0 of This Library",
        "Paper 1, Revised",
        *(f"Paper {n} of This Library" for n in (2, 3, 4)),
        "A New One",
    ]
    [asked] = asked_of(server)
    assert (asked["since"], asked["start"]) == ("5", "0")
    assert len(titles(fetch(server.url, tmp_path))) == 6


def test_all_is_asked_for_where_a_version_says_nothing_of_what_is_not_synced(
    serve: Serve, tmp_path: Path
):
    library = Library(*ITEMS[:1], server=None)
    library.synced_version = 1
    server = serve(library)
    fetch(server.url, tmp_path)
    library.items.append(item("KEY00009", 0, "Not Synced Yet"))
    assert titles(fetch(server.url, tmp_path))[1:] == ["Not Synced Yet"]


def test_of_another_library_nothing_is_kept(serve: Serve, tmp_path: Path):
    library = Library(*ITEMS)
    server = serve(library)
    fetch(server.url, tmp_path)
    library.server, library.items = "S2", [item("KEY00009", 3, "Another Library")]
    assert titles(fetch(server.url, tmp_path)) == ["Another Library"]


def test_a_library_that_changes_while_it_is_read_is_read_again(serve: Serve, tmp_path: Path):
    library = Library(*ITEMS)

    def change(asked: dict[str, str]) -> None:
        if asked.get("start") == "2" and len(library.items) == 5:
            library.items.insert(0, item("KEY00009", 9, "Meanwhile"))

    library.before_reply = change
    server = serve(library)
    assert len(titles(fetch(server.url, tmp_path))) == 6
    assert [a["start"] for a in asked_of(server)] == ["0", "2", "0", "2", "4"]


def test_one_that_never_ceases_to_change_is_given_up(serve: Serve, tmp_path: Path):
    library = Library(*ITEMS)

    def change(asked: dict[str, str]) -> None:
        library.items[0]["version"] += 10

    library.before_reply = change
    server = serve(library)
    with pytest.raises(FetchError, match="changes while it is read; wait until it is synced"):
        fetch(server.url, tmp_path)
    assert len(asked_of(server)) <= 6


@pytest.mark.parametrize("name", ["efficient  Inference", "COLL0001"])
def test_a_collection_is_named_by_its_name_or_its_key(serve: Serve, tmp_path: Path, name: str):
    library = Library(ITEMS[0], item("KEY00009", 9, "In It", collections=["COLL0001"]))
    library.collections = {"COLL0001": "Efficient inference", "COLL0002": "Other"}
    server = serve(library)
    assert titles(fetch(server.url, tmp_path, f"zotero:collection:{name}")) == ["In It"]


def test_a_tag_is_asked_for_as_it_is(serve: Serve, tmp_path: Path):
    library = Library(ITEMS[0], item("KEY00009", 9, "Tagged", tags=[{"tag": "-to read"}]))
    server = serve(library)
    assert titles(fetch(server.url, tmp_path, "zotero:tag:-to read")) == ["Tagged"]
    [asked] = asked_of(server)
    assert asked["tag"] == "\\-to read"


@pytest.mark.parametrize(
    ("collections", "message"),
    [
        ({"COLL0001": "Caches", "COLL0002": "Disks"}, "no collection 'Mine'; it has Caches, Disks"),
        ({}, "no collection 'Mine'; it has none"),
        (
            {"COLL0001": "Mine", "COLL0002": "mine"},
            "2 collections of Zotero are called 'Mine'; name one by its key: COLL0001, COLL0002",
        ),
    ],
)
def test_a_collection_that_is_none_or_several(
    serve: Serve, tmp_path: Path, collections: dict[str, str], message: str
):
    library = Library(*ITEMS)
    library.collections = collections
    with pytest.raises(SourceError, match=message):
        fetch(serve(library).url, tmp_path, "zotero:collection:Mine")


@pytest.mark.parametrize(
    ("reply", "message", "status"),
    [
        (Reply(status=403, content_type="text/plain"), "403 Forbidden; start Zotero, and let", 403),
        (Reply(status=500, content_type="text/plain"), "answers 500 Internal Server Error$", 500),
        (Reply(content_type="text/plain"), "speaks version 'none' of its API, not 3", None),
        (
            Reply(content_type="text/plain", headers={"Zotero-API-Version": "4"}),
            "speaks version '4' of its API",
            None,
        ),
        (Reply(content_type="text/html"), "answers with 'text/html', not with text", None),
    ],
)
def test_what_is_not_zotero_or_will_not_speak(
    serve: Serve, tmp_path: Path, reply: Reply, message: str, status: int | None
):
    server = serve(lambda _asked, _n: reply)
    with pytest.raises(FetchError, match=message) as caught:
        fetch(server.url, tmp_path)
    assert caught.value.status == status
    assert len(server.requests) == 1


def test_a_zotero_that_does_not_run_is_told_at_once(serve: Serve, tmp_path: Path):
    server = serve(Library())
    server.close()
    with pytest.raises(FetchError, match=r"could not be reached: .*; start Zotero"):
        fetch(server.url, tmp_path)


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"{", {"Last-Modified-Version": "1", "Total-Results": "0"}, "something that is no JSON"),
        (b"[1]", {"Last-Modified-Version": "1", "Total-Results": "0"}, "no list of items"),
        (b"[]", {"Last-Modified-Version": "1"}, "without Total-Results"),
        (b"[]", {"Last-Modified-Version": "?", "Total-Results": "0"}, "Last-Modified-Version"),
    ],
)
def test_an_answer_that_is_not_as_it_should_be(
    serve: Serve, tmp_path: Path, body: bytes, headers: dict[str, str], message: str
):
    said = headers | {"Zotero-API-Version": "3"}

    def answer(asked: dict[str, str], _n: int) -> Reply:
        kind = "text/plain" if asked["path"] == "/api/" else "application/json"
        return Reply(body=body, content_type=kind, headers=said)

    with pytest.raises(FetchError, match=message):
        fetch(serve(answer).url, tmp_path)


def test_a_library_that_is_too_large_is_refused(serve: Serve, tmp_path: Path):
    with pytest.raises(SourceError, match="5 of them, more than 4; ask for a collection"):
        fetch(serve(Library(*ITEMS)).url, tmp_path, max_papers=4)


@pytest.mark.parametrize("url", ["http://papers.invalid/api", "http://192.0.2.1/api", "api"])
def test_a_zotero_elsewhere_is_not_asked(tmp_path: Path, url: str):
    with pytest.raises(SourceError, match=r"is not on this machine; check `sources\.zotero\.url`"):
        fetch(url, tmp_path)


@pytest.mark.parametrize("text", ["zotero:inbox", "zotero:collection:", "zotero:tag: "])
def test_a_part_that_is_none(text: str):
    with pytest.raises(SourceError, match="names no part of a library; write `zotero:`"):
        parse_locator(text)


@pytest.mark.slow
def test_papers_come_back_after_they_were_removed_and_again_changes_nothing(
    serve: Serve, tmp_path: Path
):
    server = serve(Library(*ITEMS))
    config = load_config(index=tmp_path / "index", embedder={"name": "tests.hashing:HashEmbedding"})

    def take_in() -> IngestReport:
        index = open_index(config, create=True)
        return ingest(["zotero:"], index, lambda *_: None, sources(server.url))

    assert take_in().added == 5
    again = take_in()
    assert (again.added, again.updated, again.unchanged) == (0, 0, 5)
    [paper, *_] = open_index(config).catalogue.papers()
    assert json.loads(paper.model_dump_json())["sightings"] == [{"source": "Zotero", "day": None}]
