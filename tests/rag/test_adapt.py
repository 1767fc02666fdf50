"""Adapt the bundled embedder to a few papers, for real but for a few steps only."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest.pipeline import ingest
from rag import adapt as adapting
from rag import cloze
from rag.adapt import Trial, adapt, hold_out, judge, undo
from rag.build import open_assistant, open_index
from rag.config import Config, load_config
from rag.embed import load_embedder, local_model
from rag.errors import AdaptationError, IndexMissingError
from rag.index import Index
from rag.schema import Paper
from rag.text import sentence_spans
from tests.conftest import SAMPLE

slow = pytest.mark.slow
WON = Trial(n_sentences=9, plain=0.5, adapted=0.7, p=0.01)
DRAW = random.Random(0)  # noqa: S311 - no secret
LOST = Trial(n_sentences=9, plain=0.5, adapted=0.51, p=0.4)


def unwatched(phase: str, done: int, total: int | None) -> None: ...


def paper(name: str, abstract: str) -> Paper:
    return Paper(
        paper_id=f"title:{name}",
        title=f"On {name}",
        abstract=abstract,
        sentences=sentence_spans(abstract),
        titles=(f"On {name}",),
        original_title=f"On {name}",
        original_abstract=abstract,
    )


FIVE = (
    "We keep the cache of each request on disk. Short. It is read back before it is asked for. "
    "Nobody waits for a block that is not there. This halves the time to the first word. "
    "All of it runs on a single machine with one disk."
)


def sample(n_papers: int) -> list[str]:
    return SAMPLE.read_text().splitlines()[:n_papers]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen papers are enough, and two steps."""
    monkeypatch.setattr(adapting, "MIN_PAPERS", 8)
    monkeypatch.setattr(cloze, "_BATCH", 4)
    monkeypatch.setattr(cloze, "_MAX_STEPS", 2)


@pytest.fixture
def config(tmp_path: Path, few: None) -> Config:
    (tmp_path / "papers.jsonl").write_text("\n".join(sample(12)))
    config = load_config(index=tmp_path / "index")
    ingest([tmp_path / "papers.jsonl"], open_index(config, create=True), unwatched)
    return config


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[Trial], None]:
    def end(trial: Trial) -> None:
        monkeypatch.setattr(adapting, "judge", lambda *_: trial)

    return end


def vector_of(index: Index) -> np.ndarray:
    return np.array(index.embedder.get_text_embedding("Which cache is kept on disk?"))


def test_one_sentence_of_each_paper_is_kept_from_training(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adapting, "MIN_PAPERS", 1)
    [left], [held_out] = hold_out([paper("Alpha", FIVE), paper("Short", "Too short. It is.")])
    assert held_out.paper_id == left.paper_id == "title:Alpha"
    assert held_out.sentence not in left.abstract
    kept = [left.quote(span) for span in left.sentences]
    assert sorted([*kept, held_out.sentence]) == sorted(
        text + "." for text in FIVE.removesuffix(".").split(". ")
    )


def test_too_few_papers_are_refused():
    with pytest.raises(AdaptationError, match=r"^1 papers .* at least 100 .*footnote ingest"):
        hold_out([paper("Alpha", FIVE), paper("Short", "Too short. It is.")])


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        pytest.param([0.0, 0.0], 1.0, id="nothing-differs"),
        pytest.param([0.5] * 5, 2 / 2**5, id="all-one-way"),
        pytest.param([0.5] * 6, 2 / 2**6, id="one-more"),
    ],
)
def test_chance_is_that_of_all_signs(differences: list[float], p: float):
    assert adapting._chance(np.array(differences)) == pytest.approx(p)


def test_a_question_lacks_what_its_passage_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cloze, "_STRUCK", 1.0)
    text = "The Cache, of each request, is read before anyone waits."
    struck = cloze._struck(text, {"cache", "request", "read"}, DRAW)
    assert struck == "The of each is before anyone waits."
    # What would be left of it asks for nothing.
    assert cloze._struck("Cache request read", {"cache", "read"}, DRAW) == ("Cache request read")


@slow
def test_training_lowers_the_loss(few: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(cloze, "_MAX_STEPS", 6)
    monkeypatch.setattr(cloze, "_EPOCHS", 6)
    monkeypatch.setattr(cloze, "_RATE", 1e-4)
    rows = map(json.loads, sample(4))
    papers = [paper(row["title"], row["digest"]) for row in rows]
    model = local_model(load_embedder("bundled", dtype="float32"))
    assert model is not None
    batch = next(cloze._batches(papers, DRAW))
    rarity = cloze._rarity(model, papers)
    before = cloze._loss(model, batch, rarity).item()
    steps: list[tuple[int, int]] = []
    cloze.train(model, papers, tmp_path / "weights", lambda *n: steps.append(n))
    assert steps == [(n, 6) for n in range(1, 7)]
    assert cloze._loss(model.float(), batch, rarity).item() < before


@slow
@pytest.mark.parametrize(("kept", "moved"), [(1.0, False), (0.0, True)])
def test_what_is_kept_is_what_the_weights_were(
    few: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: float, moved: bool
):
    monkeypatch.setattr(cloze, "_KEPT", kept)
    monkeypatch.setattr(cloze, "_RATE", 1e-3)
    papers = [paper(row["title"], row["digest"]) for row in map(json.loads, sample(4))]
    model = local_model(load_embedder("bundled", dtype="float32"))
    assert model is not None
    before = model.encode("Which cache is kept on disk?")
    cloze.train(model, papers, tmp_path / "weights", lambda *_: None)
    after = model.float().encode("Which cache is kept on disk?")
    assert (float(before @ after) < 0.99) == moved


@slow
def test_an_adapted_index_knows_its_embedder_until_that_is_undone(
    config: Config, ends: Callable[[Trial], None]
):
    plain = vector_of(open_index(config))
    ends(WON)
    assert adapt(config, unwatched) == WON
    index = open_index(config)
    assert index.generation().card.embedder == "bundled"
    assert index.generation().weights_are_whole()
    adapted = vector_of(index)
    assert 0.5 < plain @ adapted < 0.9999
    assert index.problems() == []

    file = config.index.parent / "more.jsonl"
    file.write_text("\n".join(sample(14)))
    ingest([file], open_index(config), unwatched)
    index = open_index(config)
    with index.holding():
        index.rebuild(unwatched)
    assert index.problems() == []
    assert np.array_equal(vector_of(open_index(config)), adapted)
    title = index.catalogue.papers()[0].title
    assert open_assistant(config).search(title, 1)[0].paper.title == title

    assert undo(config, unwatched)
    index = open_index(config)
    assert index.generation().card.adapted is None
    assert np.array_equal(vector_of(index), plain)
    assert index.problems() == []
    assert not undo(config, unwatched)


@slow
def test_an_open_assistant_takes_the_adapted_embedder_up(
    config: Config, ends: Callable[[Trial], None]
):
    assistant = open_assistant(config)
    question = "How is memory saved?"
    before = assistant.search(question, 5)
    ends(WON)
    adapt(config, unwatched)
    after = assistant.search(question, 5)
    assert [hit.score for hit in after] != [hit.score for hit in before]
    assert after == open_assistant(config).search(question, 5)


@slow
def test_what_does_not_win_is_not_taken_in(config: Config, ends: Callable[[Trial], None]):
    before = open_index(config).catalogue.state()
    ends(LOST)
    assert adapt(config, unwatched) == LOST
    assert open_index(config).catalogue.state() == before
    assert list((config.index / "generations").iterdir()) == [
        config.index / "generations" / str(before.generation)
    ]


@slow
@pytest.mark.parametrize("when", ["training", "asking (adapted)", "indexing"])
def test_an_interrupt_leaves_the_index_as_it_was(
    config: Config, when: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Trial, "is_won", True)
    before = open_index(config).catalogue.state()

    def interrupt(phase: str, done: int, total: int | None) -> None:
        if phase == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(config, interrupt)
    index = open_index(config)
    assert index.catalogue.state() == before
    assert index.problems() == []
    index.make_whole()


@slow
def test_damaged_weights_are_given_up(
    config: Config, ends: Callable[[Trial], None], capsys: pytest.CaptureFixture[str]
):
    plain = vector_of(open_index(config))
    ends(WON)
    adapt(config, unwatched)
    index = open_index(config)
    assert index.generation().weights
    file = index.generation().weights / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    [problem] = index.problems()
    assert problem.startswith("adapted embedder: file ")
    index = open_index(config)
    index.make_whole()
    assert "run `footnote adapt` to adapt it again" in capsys.readouterr().err
    assert index.generation().card.adapted is None
    assert np.array_equal(vector_of(index), plain)
    assert index.problems() == []


@slow
def test_another_embedder_does_not_get_these_weights(config: Config, ends: Callable[[Trial], None]):
    ends(WON)
    adapt(config, unwatched)
    other = load_config(index=config.index, embedder={"name": "tests.hashing:HashEmbedding"})
    index = open_index(other)
    with index.holding():
        index.rebuild(unwatched)
    assert index.generation().card.adapted is None
    assert index.problems() == []
    with pytest.raises(AdaptationError, match="HashEmbedding"):
        adapt(other, unwatched)


@slow
def test_the_trial_tells_better_from_worse_from_equal(few: None, tmp_path: Path):
    import torch

    rows = map(json.loads, sample(12))
    papers, held_out = hold_out([paper(row["title"], row["digest"]) for row in rows])
    model = local_model(load_embedder("bundled", dtype="float32"))
    assert model is not None
    model.save(str(tmp_path / "same"), create_model_card=False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    model.save(str(tmp_path / "noise"), create_model_card=False)
    retrieval = {"system": "dense"}
    config = load_config(retrieval=retrieval, embedder={"dtype": "float32"})

    def tried(name: str) -> Trial:
        folder = tmp_path / f"trial-{name}"
        return judge(config, papers, held_out, tmp_path / name, folder, unwatched)

    same, noise = tried("same"), tried("noise")
    assert (same.n_sentences, same.plain, same.p) == (len(held_out), same.adapted, 1.0)
    assert not same.is_won
    assert noise.adapted < noise.plain == same.plain
    assert not noise.is_won


def test_a_trial_is_won_by_more_than_chance():
    assert WON.is_won
    assert not LOST.is_won
    assert not Trial(n_sentences=9, plain=0.7, adapted=0.5, p=0.01).is_won


def test_an_index_that_is_not_there(tmp_path: Path):
    with pytest.raises(IndexMissingError, match="footnote ingest"):
        adapt(load_config(index=tmp_path), unwatched)
