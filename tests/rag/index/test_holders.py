"""An index whose shards others hold answers as one that is read here, whatever becomes of them."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import IndexDamagedError, ShardLostError
from footnote.rag.core.records import Answer
from footnote.rag.index import holders
from footnote.rag.index.holders import Holder, Lines
from footnote.rag.index.sharding import shard_of
from footnote.rag.index.stored import State
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.conftest import ROOT, SAMPLE
from tests.rag.index.small import spread

N_SHARDS = 4
DEAD = 0
QUESTION = "What throughput improvement does NanoFlow achieve?"
SURVEY = "Which papers are about speculative decoding?"


class HereLine:
    """Asks a holder of this process, until it is lost."""

    def __init__(self, holder: Holder):
        self.holder = holder
        self.is_lost: Callable[[str], bool] = lambda _: False

    def ask(self, state: State, what: str, *arguments: object, **named: object) -> object:
        if self.is_lost(what):
            raise ShardLostError("it does not answer")
        return self.holder.ask(state, what, *arguments, **named)

    def check(self) -> None:
        if self.is_lost("check"):
            raise ShardLostError("it does not answer")


class Held:
    """An index whose shards are held by holders of this process."""

    def __init__(self, config: Config, n_holders: int):
        self.here = [HereLine(Holder(config.index, n, n_holders)) for n in range(n_holders)]
        self.lines = Lines(self.here, watch_s=0.05)
        self.assistant: Assistant = open_assistant(config, lines=self.lines)


@contextmanager
def held(config: Config, n_holders: int = N_SHARDS) -> Iterator[Held]:
    made = Held(config, n_holders)
    with closing(made.lines):
        yield made


def told(answer: Answer) -> dict[str, Any]:
    """All of an answer but when it was given, and what its confidence is to a millionth.

    Sentences are read by another graph of the same model once many were read, which sums in another
    order: the confidence differs by 1e-10. Another snapshot's differs by hundredths.
    """
    written = answer.model_dump(mode="json")
    written["receipt"].pop("asked_at")
    written["confidence"] = round(written["confidence"], 6)
    return written


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        threading.Event().wait(0.05)
    raise AssertionError("not within 30 s")


@pytest.fixture(scope="module")
def config(sample_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The sample in four shards."""
    return spread(sample_config, tmp_path_factory.mktemp("held") / "index", N_SHARDS)


def with_exact_up_to(config: Config, n: int) -> Config:
    store = config.store.model_copy(update={"exact_up_to": n})
    return config.model_copy(update={"store": store})


@pytest.mark.parametrize(
    ("n_holders", "exact_up_to", "n_questions"),
    [
        pytest.param(4, 250_000, 60, id="a holder a shard"),
        pytest.param(4, 0, 30, id="by the nearest papers"),
        pytest.param(3, 250_000, 30, id="fewer holders than shards"),
        pytest.param(6, 250_000, 30, id="holders without a shard"),
    ],
)
def test_what_holders_answer_is_what_one_process_does_to_the_last_bit(
    config: Config, n_holders: int, exact_up_to: int, n_questions: int
):
    asked = with_exact_up_to(config, exact_up_to)
    one = open_assistant(asked)
    lines = (ROOT / "eval" / "questions" / "tune.jsonl").read_text().splitlines()
    questions = [json.loads(line)["question"] for line in lines[: 3 * n_questions : 3]]
    assert len(questions) == n_questions
    with held(asked, n_holders) as many:
        for question in questions:
            assert told(many.assistant.ask(question)) == told(one.ask(question))
            found, expected = (a.search(question, k=60) for a in (many.assistant, one))
            assert [hit.model_dump() for hit in found] == [hit.model_dump() for hit in expected]


def test_a_question_with_filters_asks_each_shard_for_its_own_papers(config: Config):
    one = open_assistant(config)
    with held(config) as many:
        for question in ("papers since 2024 on attention", "papers before 2025 on quantisation"):
            assert one.read(question).filters
            assert told(many.assistant.ask(question)) == told(one.ask(question))


def test_papers_of_a_lost_shard_are_not_asked_and_the_answer_says_so(config: Config):
    ids = open_index(config).catalogue.served_versions()
    lacking = {each for each in ids if shard_of(each, N_SHARDS) == DEAD}
    assert 50 < len(lacking) < 150
    with held(config) as many:
        ask = many.assistant.ask
        whole = {question: told(ask(question)) for question in (QUESTION, SURVEY)}
        cited = {s["paper_id"] for answer in whole.values() for s in answer["sources"]}
        assert cited & lacking
        many.here[DEAD].is_lost = lambda _: True
        for question in (QUESTION, SURVEY):
            answer = ask(question)
            assert answer.receipt
            assert answer.receipt.n_not_asked == len(lacking)
            assert answer.receipt.n_papers == 408
            assert not {source.paper_id for source in answer.sources} & lacking
            assert not {paper.paper_id for paper in answer.receipt.papers} & lacking
        assert many.assistant.n_not_asked == len(lacking)
        search = many.assistant.search_with_receipt(QUESTION)
        assert (search.receipt.n_not_asked, search.receipt.n_papers) == (len(lacking), 408)
        assert not {hit.paper.paper_id for hit in search.hits} & lacking
        # The catalogue has all papers, and is asked of no shard.
        counted = ask("How many papers are there?")
        assert "408" in counted.answer
        assert counted.receipt
        assert counted.receipt.n_not_asked == 0
        many.here[DEAD].is_lost = lambda _: False
        wait_until(lambda: not many.lines.lost)
        assert {question: told(ask(question)) for question in (QUESTION, SURVEY)} == whole


def test_a_shard_that_is_lost_in_the_middle_of_a_question_has_no_part_in_its_answer(
    config: Config,
):
    with held(config) as many:
        many.here[DEAD].is_lost = lambda _: True
        without = told(many.assistant.ask(SURVEY))
        many.here[DEAD].is_lost = lambda _: False
        wait_until(lambda: not many.lines.lost)
        many.here[DEAD].is_lost = lambda what: what in ("cosines", "check")
        assert told(many.assistant.ask(SURVEY)) == without


def test_a_lost_shard_is_noticed_without_a_question(config: Config):
    with held(config) as many:
        many.here[DEAD].is_lost = lambda _: True
        wait_until(lambda: many.lines.lost == {DEAD})
        assert many.assistant.n_not_asked > 0


def test_where_no_shard_answers_the_error_says_so(config: Config):
    with held(config) as many:
        for line in many.here:
            line.is_lost = lambda _: True
        with pytest.raises(ShardLostError, match="none of the 4 shards of the index answers"):
            many.assistant.ask(QUESTION)
        assert "408" in str(many.assistant.catalogue.count_served())


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Some papers of the sample in four shards, with vectors by hashes."""
    folder = tmp_path_factory.mktemp("few")
    papers = folder / "papers.jsonl"
    papers.write_text("\n".join(SAMPLE.read_text().splitlines()[:80]))
    settings = {"store": {"shards": N_SHARDS}, "answering": {"min_confidence": 0}}
    config = load_config(
        index=folder / "index", embedder={"name": "tests.hashing:HashEmbedding"}, **settings
    )
    ingest([papers], open_index(config, create=True), unwatched)
    return config


@pytest.fixture
def few(made_once: Config, tmp_path: Path) -> Config:
    """Those in a folder of their own, which a test may make anew."""
    copied = shutil.copytree(made_once.index, tmp_path / "index")
    return made_once.model_copy(update={"index": Path(copied)})


def made_anew(config: Config, **store: object) -> Config:
    """Make an index anew with vectors that cannot be compared with those that it has."""
    other = config.model_copy(
        update={
            "embedder": config.embedder.model_copy(
                update={"name": "tests.hashing:WideHashEmbedding"}
            ),
            "store": config.store.model_copy(update=store),
        }
    )
    IndexWriter(open_index(other)).rebuild(unwatched)
    return other


def test_a_holder_answers_from_the_snapshot_that_a_question_was_begun_in(few: Config):
    before = open_index(few).catalogue.state()
    vector = [1.0] * 64
    knows, knows_not = (Holder(few.index, 0, N_SHARDS) for _ in range(2))
    expected = knows.ask(before, "nearest", vector, depth=5)
    made_anew(few)
    assert not (few.index / "snapshots" / str(before.snapshot)).exists()
    assert knows.ask(before, "nearest", vector, depth=5) == expected
    now = open_index(few).catalogue.state()
    assert knows_not.ask(now, "nearest", [1.0] * 96, depth=5)
    # One that was begun since has never seen it.
    late = Holder(few.index, 0, N_SHARDS)
    with pytest.raises(IndexDamagedError, match=f"{before.snapshot} .* was replaced; ask again"):
        late.ask(before, "nearest", vector, depth=5)
    assert not (few.index / "snapshots" / str(before.snapshot)).exists()


def test_a_holder_of_files_that_are_gone_does_not_take_them_for_empty(few: Config):
    dense = few.index / "snapshots" / str(open_index(few).catalogue.state().snapshot) / "02/dense"
    dense.rename(few.index / "elsewhere")
    assert Holder(few.index, 1, N_SHARDS)
    with pytest.raises(IndexDamagedError, match=r"sentence index .*02/dense is not there"):
        Holder(few.index, 2, N_SHARDS)
    assert not dense.exists()


def test_a_holder_lets_go_of_what_nobody_asked_of_late(few: Config):
    holder = Holder(few.index, 0, 1)
    state = open_index(few).catalogue.state()
    for epoch in range(10):
        holder.ask(State(state.snapshot, epoch), "count_sentences")
    assert len(holder._opened) == holders._OPEN


@pytest.mark.parametrize("is_held", [True, False], ids=["held", "read here"])
def test_a_question_that_was_begun_ends_with_the_snapshot_that_it_was_begun_with(
    few: Config, is_held: bool
):
    with held(few) as many:
        live = many.assistant if is_held else open_assistant(few)
        expected = told(live.ask(SURVEY))
        begun = live._current()  # type: ignore[attr-defined]
        made_anew(few)
        assert told(begun.ask(SURVEY)) == expected
        assert told(live.ask(SURVEY)) != expected


@pytest.mark.slow
@pytest.mark.parametrize("n_shards", [N_SHARDS, 7], ids=["as many shards", "more shards"])
def test_no_answer_is_made_of_two_snapshots_while_the_index_is_made_anew(
    few: Config, n_shards: int
):
    questions = [QUESTION, SURVEY, "How is the cache compressed?"]
    with held(few) as many, ThreadPoolExecutor(4) as pool:
        ask = many.assistant.ask
        before = {question: told(ask(question)) for question in questions}
        is_over = threading.Event()
        answers: list[tuple[str, dict[str, Any]]] = []

        def user(n: int) -> None:
            for at in range(1_000):
                if is_over.is_set():
                    return
                question = questions[(at + n) % len(questions)]
                answers.append((question, told(ask(question))))

        users = [pool.submit(user, n) for n in range(4)]
        try:
            wait_until(lambda: len(answers) >= 8)
            made_anew(few, shards=n_shards)
            n_then = len(answers)
            wait_until(lambda: len(answers) >= n_then + 12)
        finally:
            is_over.set()
        for one in users:
            one.result()
        after = {question: told(ask(question)) for question in questions}
    assert all(before[question] != after[question] for question in questions)
    assert [
        said for question, said in answers if said not in (before[question], after[question])
    ] == []
    assert {said == after[question] for question, said in answers} == {True, False}
