"""The plugin by itself: `pytest tests`, where it is installed."""

from collections.abc import Iterator
from io import StringIO

from footnote_endnote import exporter, source

from footnote.plugins import Line, Paper, Refusal, SourceRecord

ALPHA = """<record><titles><title><style face="normal">Alpha &amp; </style><style>Beta</style></title></titles>
<contributors><authors><author>Miro, Ada</author></authors></contributors>
<dates><year>2024</year><pub-dates><date>2024-05-02</date></pub-dates></dates><electronic-resource-num>10.1000/alpha</electronic-resource-num>
<abstract>Alpha keeps the cache on disk. It is fast.</abstract></record>"""
LIBRARY = f"<?xml version='1.0'?>\n<xml><records>\n{ALPHA}\n</records></xml>\n"


def lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(StringIO(text), start=1):
        yield Line(number, line.rstrip("\n"), len(line))


def test_a_record_is_read_whatever_styles_its_title_has():
    assert source.detects(list(lines(LIBRARY)))
    [record] = source.parse(lines(LIBRARY), "library.xml")
    assert isinstance(record, SourceRecord)
    assert (record.title, record.doi) == ("Alpha & Beta", "10.1000/alpha")
    assert record.authors == ("Ada Miro",)
    assert str(record.date) == "2024-05-02"


def test_a_feed_is_not_detected():
    assert not source.detects(list(lines('<?xml version="1.0"?>\n<feed>')))


def test_a_record_that_is_no_xml_is_refused_and_the_next_is_read():
    broken = LIBRARY.replace(ALPHA, f"<record><title></record>{ALPHA}")
    refusal, record = source.parse(lines(broken), "library.xml")
    assert isinstance(refusal, Refusal)
    assert refusal.record == "record 1"
    assert isinstance(record, SourceRecord)


def test_a_record_that_was_cut_off_is_refused():
    [refusal] = source.parse(lines(LIBRARY[:200]), "library.xml")
    assert isinstance(refusal, Refusal)


def test_entities_of_its_own_are_refused():
    bomb = LIBRARY.replace("Alpha keeps", "&bomb; keeps")
    [refusal] = source.parse(lines(bomb), "library.xml")
    assert isinstance(refusal, Refusal)


def test_a_paper_is_written_a_field_a_line():
    abstract = "It is fast."
    alpha = Paper(
        paper_id="a",
        title="Alpha\nBeta",
        abstract=abstract,
        sentences=((0, len(abstract)),),
        titles=("Alpha Beta",),
        original_title="Alpha Beta",
        original_abstract=abstract,
        authors=("Ada Miro", "The Egret Team"),
        group_authors=("The Egret Team",),
    )
    assert list(exporter.entries([alpha])) == [
        "%0 Journal Article\n%T Alpha Beta\n%A Ada Miro\n%A The Egret Team,\n%X It is fast.\n\n"
    ]
