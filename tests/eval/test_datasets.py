import json
from pathlib import Path

import pytest

from footnote.eval import labels
from footnote.eval.datasets import load_beir, load_questions
from footnote.ingest.identity.merge import merge_all, regroup, to_paper, to_part
from footnote.ingest.record import SourceRecord
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.catalogue import Catalogue
from tests.conftest import ROOT, SAMPLE


def paper(title: str) -> Paper:
    return to_paper(
        SourceRecord(title=title, abstract="A sentence. " * 20, sighting=Sighting(source="t"))
    )


_ONE, _OTHER = paper("M$^3$ViT: Alpha"), paper("M^3ViT: Alpha")
ALPHA = merge_all([_ONE, _OTHER], _ONE.paper_id)
GOOD = {"id": "q1", "question": "what", "relevant": {"M^3ViT: alpha": 2}, "must_include": ["x"]}


def questions_of(tmp_path: Path, *lines: object):
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return load_questions(file, [ALPHA])


def test_a_paper_is_known_by_every_spelling_and_by_its_id(tmp_path: Path):
    by_id = GOOD | {"id": "q2", "relevant": {ALPHA.paper_id: 1}}
    dataset = questions_of(tmp_path, GOOD, by_id)
    assert [q.relevant for q in dataset.questions] == [{ALPHA.paper_id: 2}, {ALPHA.paper_id: 1}]


def test_papers_that_are_compared_or_listed_are_known_by_their_titles(tmp_path: Path):
    [question] = questions_of(
        tmp_path, GOOD | {"sides": ["M^3ViT: alpha"], "lists": [ALPHA.paper_id]}
    ).questions
    assert question.sides == question.lists == (ALPHA.paper_id,)
    with pytest.raises(DatasetError, match="called 'Nowhere'; give the title as `footnote papers`"):
        questions_of(tmp_path, GOOD | {"lists": ["Nowhere"]})


def test_a_paper_is_known_by_the_ids_and_titles_of_all_its_records(tmp_path: Path):
    """Taken in as a listing shows it, then under another title and with its arXiv id."""
    abstract = "Pages of memory are shared between requests that have a prefix in common. " * 4
    listed = SourceRecord(title="Paged Sharing", abstract=abstract, sighting=Sighting(source="a"))
    known = listed.model_copy(update={"title": "Sharing of Pages", "arxiv_id": "2309.06180"})
    catalogue = Catalogue(tmp_path / "catalogue.sqlite", create=True)
    for record in (listed, known):
        catalogue.regroup(regroup([to_part(record)], catalogue))
    [merged] = catalogue.papers()
    names = ("arxiv:2309.06180", merged.paper_id, "Paged sharing", "sharing of pages")
    file = tmp_path / "set.jsonl"
    rows = ({"id": name, "question": "q", "relevant": {name: 1}} for name in names)
    file.write_text("\n".join(map(json.dumps, rows)))
    dataset = load_questions(file, catalogue.papers(), catalogue.aliases())
    assert [q.relevant for q in dataset.questions] == [{merged.paper_id: 1}] * len(names)


def test_every_fault_is_listed_at_once(tmp_path: Path):
    with pytest.raises(DatasetError) as caught:
        questions_of(
            tmp_path,
            GOOD,
            "{broken",
            GOOD,
            GOOD | {"id": "q3", "relevant": {"Nowhere": 1, "Never": 1}},
            {"id": "q4"},
            GOOD | {"id": "q5", "relevant": {ALPHA.title: -1}},
        )
    message = str(caught.value)
    for part in (
        "6 faults", "line 2: not JSON", "line 3: id 'q1' occurred before", "called 'Nowhere'",
        "called 'Never'", "line 5: question: Field required", "line 6: grade -1",
    ):  # fmt: skip
        assert part in message


def test_an_empty_set_is_an_error(tmp_path: Path):
    with pytest.raises(DatasetError, match="holds no question"):
        questions_of(tmp_path)
    with pytest.raises(DatasetError, match="cannot be read"):
        load_questions(tmp_path / "gone.jsonl", [])


def beir(tmp_path: Path, qrels: str) -> Path:
    (tmp_path / "qrels").mkdir()
    doc = {"_id": "7", "title": "Alpha", "text": "Alpha is a thing. It is small."}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(doc) + "\n")
    (tmp_path / "queries.jsonl").write_text(
        '{"_id": "1", "text": "what"}\n{"_id": "2", "text": "b"}'
    )
    (tmp_path / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{qrels}")
    return tmp_path


def test_a_beir_folder_keeps_its_ids_and_asks_what_is_judged(tmp_path: Path):
    papers, dataset = load_beir(beir(tmp_path, "1\t7\t1\n"))
    assert [p.paper_id for p in papers] == ["7"]
    assert [(q.id, q.relevant) for q in dataset.questions] == [("1", {"7": 1})]


def test_judgements_of_what_is_not_there_are_all_listed(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"no paper '8'.*no question '3'.*not question, paper"):
        load_beir(beir(tmp_path, "1\t8\t1\n3\t7\t1\n1\t7\n"))


def test_an_empty_document_is_left_out_and_listed(tmp_path: Path):
    folder = beir(tmp_path, "1\t7\t1\n1\t8\t2\n")
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write('{"_id": "8", "title": "Bravo", "text": ""}\n{"_id": "9", "text": " "}\n')
    papers, dataset = load_beir(folder)
    assert [p.paper_id for p in papers] == ["7"]
    assert dataset.left_out == (
        "corpus.jsonl line 2: document '8' holds no text",
        "corpus.jsonl line 3: document '9' holds no text",
    )
    # What should have been found and cannot be lowers recall, as it does for others.
    assert dataset.questions[0].relevant == {"7": 1, "8": 2}


def test_further_keys_of_a_question_are_kept_and_mean_nothing(tmp_path: Path):
    further = {"source": "hand", "copy": 1, "tags": ["a", {"b": 2}]}
    [question] = questions_of(tmp_path, GOOD | further).questions
    written = json.loads(question.model_dump_json())
    assert written == written | further
    assert question.relevant == {ALPHA.paper_id: 2}


@pytest.mark.parametrize(
    ("written", "meant"),
    [("relevnt", "relevant"), ("must_includes", "must_include"), ("List", "lists")],
)
def test_a_misspelt_field_is_a_fault_that_names_the_right_one(
    tmp_path: Path, written: str, meant: str
):
    row = {"id": "q1", "question": "what", written: [ALPHA.title]}
    with pytest.raises(DatasetError) as caught:
        questions_of(tmp_path, row)
    assert f"line 1: unknown field '{written}'; did you mean '{meant}'?" in str(caught.value)


def test_a_further_key_beside_the_field_that_it_resembles_is_kept(tmp_path: Path):
    [question] = questions_of(tmp_path, GOOD | {"question_id": 7}).questions
    assert question.model_extra == {"question_id": 7}


def test_what_an_answer_must_include_without_a_right_paper_is_a_fault(tmp_path: Path):
    nowhere = {"id": "q2", "question": "what", "must_include": ["x"]}
    with pytest.raises(
        DatasetError, match=r"1 fault: line 2: must_include .* without a right paper"
    ):
        questions_of(tmp_path, GOOD, nowhere)
    questions_of(tmp_path, GOOD, nowhere | {"count": 3})


@pytest.mark.parametrize("split", ["tune", "test"])
def test_the_questions_of_the_project_fit_its_sample(split: str):
    titles = [json.loads(line)["title"] for line in SAMPLE.read_text().splitlines()]
    file = ROOT / "eval" / "questions" / f"{split}.jsonl"
    dataset = load_questions(file, [paper(title) for title in titles])
    kinds = {q.kind for q in dataset.questions}
    assert len(dataset.questions) >= 80
    assert {"paraphrase", "named", "numeric", "survey", "compare", "unanswerable"} <= kinds
    assert all(not q.relevant for q in dataset.questions if q.kind == "unanswerable")


def test_the_marked_questions_fit_the_sentences_of_the_sample():
    papers = {p.paper_id: p for p in labels.read_papers(SAMPLE)}
    dataset = load_questions(ROOT / "eval" / "questions" / "kinds.jsonl", papers.values())
    kinds = {q.kind for q in dataset.questions}
    assert {"fact", "why", "survey", "comparison", "collection", "conversation", "chat"} <= kinds
    for question in dataset.questions:
        for paper_id, grades in question.answers.items():
            assert max(grades) < len(papers[paper_id].sentences)
        assert question.is_answerable or question.kind in ("unanswerable", "chat", "conversation")
    assert any(q.count for q in dataset.questions)
